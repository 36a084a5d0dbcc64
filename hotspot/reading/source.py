"""What every kind of table gives: its columns by their standard names, and its rows as text, batch by batch."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hotspot.errors import ConfigError, Fault, InputError

MOST_BYTES = 8 * 1024**3  # of one file, also once it is unpacked
MOST_ROWS = 20_000_000  # of one load: some 80 bytes of memory a row stay until the end
MOST_COLUMNS = 1000
MOST_FIELD_CHARS = 131_072
MOST_HEADER_ROWS = 30  # a header lies in the first rows or nowhere
BATCH_ROWS = 500_000

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("编号", "警情编号", "接警编号", "接警单编号", "案件编号", "incident_id", "call_id"),
    "time": ("时间", "报警时间", "发生时间", "案发时间", "timestamp", "datetime", "occurred_at", "date"),
    "time_end": ("结束时间", "发生时间止", "end"),
    "report_time": ("报警时间", "接警时间", "reported_at"),
    "lon": ("经度", "longitude", "lng", "long", "x"),
    "lat": ("纬度", "latitude", "y"),
    "category": ("类别", "警情类别", "警情类型", "案由", "type"),
    "source": ("来源", "警情来源", "报警方式"),
    "name": ("名称", "社区名称", "社区"),
    "street": ("街道", "所属街道"),
}
_REMOTE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.\-]+:|/vsi|\\\\|//|~)", re.IGNORECASE)
_TOTALS = re.compile(r"^(合\s*计|总\s*计|共\s*计|小\s*计|汇\s*总|(grand )?totals?|sum)\s*[:：]?", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """The columns a table is asked for, by standard name; `columns` maps those to the file's names that differ."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.columns) - {*self.required, *self.optional}):
            known = ", ".join([*self.required, *self.optional])
            raise ConfigError(f"columns: {', '.join(unknown)} is not read; fix: use {known}")

    @property
    def named(self) -> dict[str, str]:
        """Standard name -> the name that the file should have for it."""
        return {name: self.columns.get(name, name) for name in [*self.required, *self.optional]}

    @property
    def must(self) -> set[str]:
        """What has to be there: the required columns, and optional ones that were mapped by hand."""
        return {*self.required, *self.columns}


@dataclass(frozen=True)
class Layout:
    """Where in a file the table is: `header_row` counts from 1; None looks for it. `sheet` None is the only one."""

    sheet: str | None = None
    header_row: int | None = None


class BadRow(NamedTuple):
    """A row that can't be split or decoded. `text` holds no more than what is on the list of columns."""

    row: int
    reason: str
    text: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows: `columns` has one string column per name that was found, trimmed, '' is missing; `row` (n,) their rows."""

    columns: pa.Table
    row: npt.NDArray[np.int64]
    bad: Sequence[BadRow] = ()


@dataclass(frozen=True, eq=False)
class OpenTable:
    """A table whose header is known and whose rows are still to be read.

    `batches` gives all rows from the first on, each time it is called. `dropped_columns` are in the file but not on the
    list: their values go no further. `notices` tells what a reader must know (it may grow while batches are read).
    `from_geometry`: lon and lat are WGS-84 degrees that came from the file's own points and CRS, not from its columns.
    """

    path: str
    names: tuple[str, ...]
    dropped_columns: tuple[str, ...]
    batches: Callable[[], Iterator[Batch]]
    encoding: str
    sha256: str
    notices: list[str] = field(default_factory=list)
    from_geometry: bool = False


@dataclass(frozen=True)
class Choice:
    """Which of the file's columns are read, by standard name and position, and which are not."""

    names: tuple[str, ...]
    positions: tuple[int, ...]
    dropped: tuple[str, ...]


def choose(header: Sequence[str], wanted: Wanted, path: str, *, row: int = 1) -> Choice:
    """The positions of the wanted columns in `header`, which is the file's `row`.

    Raises InputError: every required column that is missing, with the nearest match, and every one that is there twice.
    """
    if len(header) > MOST_COLUMNS:
        reason = f"{len(header)} columns, the limit is {MOST_COLUMNS}"
        raise InputError(Fault(path, reason, "export fewer columns", row=row))
    named, must = wanted.named, wanted.must
    faults = [
        _missing(name, own, header, path, row) for name, own in named.items() if name in must and own not in header
    ]
    faults += [
        Fault(path, f"column '{own}' appears {header.count(own)} times", "keep one of them", row=row, field=name)
        for name, own in named.items()
        if header.count(own) > 1
    ]
    if faults:
        raise InputError(faults)
    read = {name: header.index(own) for name, own in named.items() if own in header}
    dropped = tuple(name for i, name in enumerate(header) if i not in read.values())
    return Choice(tuple(read), tuple(read.values()), dropped)


def _missing(name: str, own: str, header: Sequence[str], path: str, row: int) -> Fault:
    """Names that only differ in case, well-known other names, then names spelled alike."""
    candidates = {own.casefold(), *(other.casefold() for other in OTHER_NAMES.get(name, ()))}
    near = [found for found in header if found.casefold() in candidates]
    near = near or difflib.get_close_matches(own, header, n=2, cutoff=0.6)
    shown = ", ".join(header[:30]) + (", ..." if len(header) > 30 else "")
    fix = f'add it, or map it: columns = {{ {name} = "{near[0] if near else "its name in the file"}" }}'
    return Fault(path, f"required column '{own}' is missing; columns found: {shown}", fix, row=row, field=name)


def header_position(rows: Sequence[Sequence[str]], wanted: Wanted) -> tuple[int, int]:
    """(position of the likeliest header among the first rows, how many of the columns that must be there it has).

    The first row that has most of them; rows above it are titles. Position 0 where none has any.

    >>> header_position([["2026 report", ""], ["id", "lon"], ["7", "109.7"]], Wanted(("id", "lon")))
    (1, 2)
    """
    must = {wanted.named[name] for name in wanted.must}
    found = [len(must & {cell.strip() for cell in row}) for row in rows[:MOST_HEADER_ROWS]]
    best = max(found, default=0)
    return (found.index(best), best) if best else (0, 0)


def is_totals(cells: Sequence[str]) -> bool:
    """Whether a row at the end of a table is a sum and not data, by its first word.

    >>> is_totals(["", "合计：120", ""]), is_totals(["17", "total"]), is_totals(["Total", "37"])
    (True, False, True)
    """
    first = next((cell.strip() for cell in cells if cell.strip()), "")
    return bool(_TOTALS.match(first))


def text_table(columns: Mapping[str, pa.ChunkedArray | pa.Array]) -> pa.Table:
    """String columns without surrounding blanks, null as ''."""
    return pa.table({name: pc.utf8_trim_whitespace(pc.fill_null(values, "")) for name, values in columns.items()})


def local_path(path: str | os.PathLike[str]) -> Path:
    """The path of an existing local file; addresses, drivers' virtual paths, `~` and `$` are refused, not followed.

    Raises InputError.

    >>> local_path("https://example.org/incidents.csv")
    Traceback (most recent call last):
    hotspot.errors.InputError: https://example.org/incidents.csv: not a plain local path; fix: ...
    """
    text = os.fspath(path)
    if _REMOTE.match(text) or "/vsi" in text.lower() or "$" in text or not text.isprintable():
        fix = "copy the file to this machine and give its path without ~, $, scheme or /vsi"
        raise InputError(Fault(text, "not a plain local path", fix))
    file = Path(text)
    try:
        there, is_file = file.exists(), file.is_file()
    except OSError as error:  # a name longer than the file system allows, or a folder that may not be entered
        raise InputError(Fault(text, f"can't be reached: {error.strerror}", "check the path")) from error
    if not there:
        raise InputError(Fault(text, "file not found", "check the path; it is relative to the configuration's folder"))
    if not is_file:
        raise InputError(Fault(text, "is not a file", "give the path of a file"))
    return file
