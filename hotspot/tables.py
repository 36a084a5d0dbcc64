"""Tables from files as plain text, every row accounted for; and tables to files that a spreadsheet can't misread."""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from hotspot.errors import ConfigError, Fault, InputError

MOST_BYTES = 2 * 1024**3
MOST_COLUMNS = 1000
MOST_FIELD_CHARS = 131_072  # the csv module's own limit, stated so that the message can name it
STRUCTURAL_SHARE = 0.5  # when more rows than this have a wrong number of fields, the file is at fault and not the rows

BAD_ROW_COLUMNS = ("row", "reason", "text")
WITHHELD = "(not shown: the file also has columns that are not read)"
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("编号", "警情编号", "接警编号", "incident_id", "call_id"),
    "time": ("时间", "报警时间", "发生时间", "timestamp", "datetime", "occurred_at", "date"),
    "time_end": ("结束时间", "end"),
    "lon": ("经度", "longitude", "lng", "long", "x"),
    "lat": ("纬度", "latitude", "y"),
    "category": ("类别", "警情类别", "案由", "type"),
    "source": ("来源", "警情来源"),
    "name": ("名称", "社区名称"),
    "street": ("街道",),
}
_REMOTE = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.\-]+:|/vsi|\\\\|//|~)")
_FORMULA = re.compile(r"^'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"^'+[=+\-@\t\r]")


@dataclass(frozen=True, eq=False)
class Table:
    """One file as text.

    `frame` has only the columns asked for, by their standard names, without surrounding blanks; '' is missing. Its
    index is the row of the file: the header is row 1, a quoted line break doesn't begin a row. `bad_rows` (row, reason,
    text) are the rows that couldn't be split into fields or decoded; they aren't in `frame`. `dropped_columns` are in
    the file but not on the list; their values go no further than the reader.
    """

    path: str
    frame: pd.DataFrame
    dropped_columns: tuple[str, ...]
    bad_rows: pd.DataFrame
    encoding: str
    sha256: str


@dataclass(frozen=True)
class _Choice:
    """Which of the file's columns are read, by standard name, and which are not."""

    names: tuple[str, ...]
    positions: tuple[int, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Rows:
    frame: pd.DataFrame
    bad: list[tuple[int, str, str]]


def read_table(
    path: str | os.PathLike[str],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Table:
    """Read a csv, csv.gz or parquet file as text.

    Text is UTF-8 (with or without its mark), else GB18030; UTF-16 by its mark. `NA`, `None` and `无` are names like any
    other. `columns` maps a standard name to the file's own, for those that differ.

    Raises InputError when the file can't be found, opened or split, has no data rows or lacks columns (all of them are
    named, with the nearest match); ConfigError when `columns` names something that isn't read.
    """
    file = local_path(path)
    unknown = sorted(set(columns or {}) - {*required, *optional})
    if unknown:
        raise ConfigError(f"columns: {', '.join(unknown)} is not read; fix: use {', '.join([*required, *optional])}")
    named = {name: (columns or {}).get(name, name) for name in [*required, *optional]}
    must = {*required, *(columns or {})}
    raw = _bytes_of(file, str(path))
    digest = hashlib.sha256(raw).hexdigest()
    if file.suffix.lower() == ".parquet":
        found, choice = _parquet_rows(raw, named, must, str(path))
        encoding = "parquet"
    else:
        text, encoding = _decoded(_unzipped(raw, str(path)) if file.suffix.lower() == ".gz" else raw, str(path))
        found, choice = _csv_rows(text, named, must, str(path))
    _check_some_rows(found, str(path))
    bad = pd.DataFrame(found.bad, columns=list(BAD_ROW_COLUMNS)).astype(
        {"row": "int64", "reason": "str", "text": "str"}
    )
    return Table(str(path), found.frame, choice.dropped, bad, encoding, digest)


def local_path(path: str | os.PathLike[str]) -> Path:
    """The path of an existing local file; addresses, drivers' virtual paths, `~` and `$` are refused, not followed.

    Raises InputError.

    >>> local_path("https://example.org/incidents.csv")
    Traceback (most recent call last):
    hotspot.errors.InputError: https://example.org/incidents.csv: not a plain local path; fix: ...
    """
    text = os.fspath(path)
    if _REMOTE.match(text) or "$" in text or "\0" in text:
        fix = "copy the file to this machine and give its path without ~, $, scheme or /vsi"
        raise InputError(Fault(text, "not a plain local path", fix))
    file = Path(text)
    if not file.exists():
        raise InputError(Fault(text, "file not found", "check the path; it is relative to the configuration's folder"))
    if not file.is_file():
        raise InputError(Fault(text, "is not a file", "give the path of a file"))
    return file


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write UTF-8 with its mark, the same bytes for the same frame, without the index.

    A text that a spreadsheet would run as a formula gets an apostrophe in front (`read_back` takes it away); numbers
    stay as they are, times are ISO 8601 with their offset, missing values are empty.
    """
    safe = frame.copy()
    for name in safe.columns:
        column = safe[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            safe[name] = column.map(lambda time: time.isoformat(), na_action="ignore").astype("object")
        elif not pd.api.types.is_numeric_dtype(column.dtype):
            safe[name] = column.astype("object").map(_neutral, na_action="ignore")
    safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n")


def read_back(text: str) -> str:
    """The text that `write_csv` was given.

    >>> read_back("'=SUM(A1)"), read_back("'quoted'"), read_back("-1")
    ('=SUM(A1)', "'quoted'", '-1')
    """
    return text[1:] if _NEUTRALISED.match(text) else text


def _neutral(value: object) -> object:
    return "'" + value if isinstance(value, str) and _FORMULA.match(value) else value


def _bytes_of(file: Path, path: str) -> bytes:
    known = (".csv", ".csv.gz", ".parquet")
    if not file.name.lower().endswith(known):
        fix = f"save it as one of {', '.join(known)}"
        raise InputError(Fault(path, f"files of type '{file.suffix}' can't be read as a table", fix))
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise InputError(Fault(path, f"{size:,} bytes, the limit is {MOST_BYTES:,}", "split the export by year"))
    raw = file.read_bytes()
    if not raw.strip():
        raise InputError(Fault(path, "file is empty", "export it again"))
    return raw


def _unzipped(raw: bytes, path: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(raw)) as packed:
            plain = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(Fault(path, f"damaged gzip file ({error})", "copy or export it again")) from error
    if len(plain) > MOST_BYTES:
        raise InputError(Fault(path, f"unpacks to more than {MOST_BYTES:,} bytes", "split the export by year"))
    if not plain.strip():
        raise InputError(Fault(path, "file is empty", "export it again"))
    return plain


def _decoded(raw: bytes, path: str) -> tuple[str, str]:
    """The text and the name of its encoding. Bytes that aren't text in it stay as lone surrogates, for their row."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16"), "utf-16"
        except UnicodeDecodeError as error:
            raise InputError(Fault(path, f"damaged UTF-16 at byte {error.start}", "save it as UTF-8")) from error
    name = "utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"
    try:
        return raw.decode(name), name
    except UnicodeDecodeError:
        pass
    beyond_ascii = [line for line in raw.split(b"\n") if not line.isascii()]
    if sum(map(_is_utf8, beyond_ascii)) * 2 <= len(beyond_ascii):  # else UTF-8 with a few bad bytes in it
        try:
            return raw.decode("gb18030"), "gb18030"
        except UnicodeDecodeError:
            pass
    return raw.decode(name, errors="surrogateescape"), name


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _csv_rows(text: str, named: Mapping[str, str], must: set[str], path: str) -> tuple[_Rows, _Choice]:
    header = _header(text, path)
    choice = _choose(header, named, must, path)
    rows = _fast_rows(text, choice, len(header))
    return rows if rows is not None else _careful_rows(text, choice, len(header), path), choice


def _header(text: str, path: str) -> list[str]:
    first = next(_Records(text, path), (1, 1, []))[2]
    if len(first) > MOST_COLUMNS:
        raise InputError(
            Fault(path, f"{len(first)} columns, the limit is {MOST_COLUMNS}", "export fewer columns", row=1)
        )
    return [name.strip() for name in first]


def _choose(header: Sequence[str], named: Mapping[str, str], must: set[str], path: str) -> _Choice:
    faults = [_missing(name, named[name], header, path) for name in named if name in must and named[name] not in header]
    faults += [
        Fault(path, f"column '{own}' appears {header.count(own)} times", "keep one of them", row=1, field=name)
        for name, own in named.items()
        if header.count(own) > 1
    ]
    if faults:
        raise InputError(faults)
    read = {name: header.index(own) for name, own in named.items() if own in header}
    dropped = tuple(name for i, name in enumerate(header) if i not in read.values())
    return _Choice(tuple(read), tuple(read.values()), dropped)


def _missing(name: str, own: str, header: Sequence[str], path: str) -> Fault:
    """Names that only differ in case, well-known other names, then names spelled alike."""
    candidates = {own.casefold(), *(other.casefold() for other in OTHER_NAMES.get(name, ()))}
    near = [found for found in header if found.casefold() in candidates]
    near = near or difflib.get_close_matches(own, header, n=2, cutoff=0.6)
    shown = ", ".join(header[:30]) + (", ..." if len(header) > 30 else "")
    fix = f'add it, or map it: columns = {{ {name} = "{near[0] if near else "its name in the file"}" }}'
    return Fault(path, f"required column '{own}' is missing; columns found: {shown}", fix, row=1, field=name)


def _fast_rows(text: str, choice: _Choice, width: int) -> _Rows | None:
    """All rows at once; None when anything in the file asks for a look at every single row."""
    if '"' in text or "\0" in text or (not text.isascii() and _has_lone_bytes(text)):
        return None
    body = text.replace("\r\n", "\n") if "\r" in text else text
    if "\r" in body:
        return None
    names = [str(i) for i in range(width)]
    try:
        found = pa_csv.read_csv(
            pa.BufferReader(body.encode()),
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=pa_csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=[str(i) for i in choice.positions],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return _Rows(_text_frame(found.rename_columns(list(choice.names)), start=2), [])


def _has_lone_bytes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _careful_rows(text: str, choice: _Choice, width: int, path: str) -> _Rows:
    good: list[list[str]] = []
    index: list[int] = []
    bad: list[tuple[int, str, str]] = []
    records = _Records(text, path)
    next(records, None)
    lone_bytes = not text.isascii() and _has_lone_bytes(text)
    for row, line, fields in records:
        reason = _row_fault(fields, width, look_for_bytes=lone_bytes)
        if reason:
            where = f" (line {line} of the file)" if line != row else ""
            shown = WITHHELD if choice.dropped else _printable(",".join(fields))
            bad.append((row, reason + where, shown))
        elif fields:
            good.append([fields[i] for i in choice.positions])
            index.append(row)
    _check_widths(bad, len(good), path)
    frame = pd.DataFrame(good, columns=list(choice.names), index=index, dtype="str")
    for name in choice.names:
        frame[name] = frame[name].str.strip()
    return _Rows(frame.rename_axis("row"), bad)


class _Records:
    """Iterates over (row, physical line on which it begins, fields); a broken quote ends it with an InputError."""

    def __init__(self, text: str, path: str) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        self._path = path
        self._row = 0

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> tuple[int, int, list[str]]:
        line = self._reader.line_num + 1
        self._row += 1
        try:
            return self._row, line, next(self._reader)
        except csv.Error as error:
            if "field limit" in str(error):
                reason = f"a field has more than {MOST_FIELD_CHARS:,} characters"
                fix = "shorten it, or look for a missing quote or line break"
            else:
                reason = f"unbalanced quote: the row begins on line {line} and doesn't end properly ({error})"
                fix = 'close the quote, or double it ("") inside a quoted field'
            raise InputError(Fault(self._path, reason, fix, row=self._row)) from error


def _row_fault(fields: Sequence[str], width: int, *, look_for_bytes: bool) -> str:
    """Why the row can't be used, '' when it can. A blank line is no row."""
    if not fields:
        return ""
    if len(fields) != width:
        return f"{len(fields)} fields, header has {width}"
    if any("\0" in value for value in fields):
        return "a NUL byte in it"
    if look_for_bytes and any(_has_lone_bytes(value) for value in fields):
        return "bytes that are neither UTF-8 nor GB18030"
    return ""


def _printable(text: str, most: int = 500) -> str:
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _check_widths(bad: Sequence[tuple[int, str, str]], good: int, path: str) -> None:
    odd = [(row, reason) for row, reason, _ in bad if "fields, header has" in reason]
    if len(odd) > STRUCTURAL_SHARE * (good + len(bad)):
        fix = "give every row as many fields as the header has; quote values that hold a comma"
        raise InputError(Fault(path, odd[0][1], fix, row=odd[0][0], count=len(odd)))


def _check_some_rows(found: _Rows, path: str) -> None:
    if found.frame.empty and not found.bad:
        raise InputError(Fault(path, "no data rows", "export it again; the file holds only a header"))


def _parquet_rows(raw: bytes, named: Mapping[str, str], must: set[str], path: str) -> tuple[_Rows, _Choice]:
    try:
        file = pa_parquet.ParquetFile(pa.BufferReader(raw))
        choice = _choose(file.schema_arrow.names, named, must, path)
        own = [named[name] for name in choice.names]
        found = file.read(columns=own).select(own).rename_columns(list(choice.names))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(Fault(path, f"damaged parquet file ({error})", "copy or export it again")) from error
    return _Rows(
        _text_frame(pa.table({name: _as_text(found[name], name, path) for name in choice.names}), start=2), []
    ), choice


def _as_text(column: pa.ChunkedArray, name: str, path: str) -> pa.ChunkedArray:
    """Numbers in their shortest exact form, times as ISO 8601, NaN and null as ''."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        return pc.fill_null(column.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        fix = "store it as text, number or time"
        raise InputError(Fault(path, f"values of type {column.type} can't be read", fix, field=name)) from error


def _text_frame(found: pa.Table, *, start: int) -> pd.DataFrame:
    trimmed = pa.table({name: pc.utf8_trim_whitespace(found[name]) for name in found.column_names})
    frame: pd.DataFrame = trimmed.to_pandas().astype("str")
    frame.index = pd.RangeIndex(start, start + len(frame), name="row")
    return frame
