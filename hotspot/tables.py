"""Tables from files as plain text, every row accounted for; and tables to files that a spreadsheet can't misread."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from hotspot.errors import Fault, InputError
from hotspot.reading.source import BadRow, Layout, OpenTable, Wanted
from hotspot.reading.source import local_path as local_path

BAD_ROW_COLUMNS = ("row", "reason", "text")
TEXT_FILES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zip", ".tsv.zip", ".txt.zip", ".zip")
WORKBOOKS = (".xlsx", ".xlsm", ".xls")  # .xls: many are text that an exporter called so, the others are refused
LAYERS = (".gpkg", ".geojson", ".json", ".shp")
KNOWN_FILES = (".csv", ".csv.gz", ".csv.zip", ".tsv", ".txt", ".xlsx", ".parquet", ".gpkg", ".geojson", ".shp")
DATABASES = ("postgresql://", "postgres://")
_FORMULA = re.compile(r"^'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"^'+[=+\-@\t\r]")


@dataclass(frozen=True, eq=False)
class Table:
    """One file as text, whole.

    `frame` has only the columns asked for, by their standard names, without surrounding blanks; '' is missing. Its
    index is the row of the file: the header is row 1 where there are no titles above it, a quoted line break doesn't
    begin a row. `bad_rows` (row, reason, text) are the rows that couldn't be split into fields or decoded; they aren't
    in `frame`. `dropped_columns` are in the file but not on the list; their values go no further than the reader.
    """

    path: str
    frame: pd.DataFrame
    dropped_columns: tuple[str, ...]
    bad_rows: pd.DataFrame
    encoding: str
    sha256: str
    notices: tuple[str, ...] = ()


def open_table(
    path: str | os.PathLike[str],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
) -> OpenTable:
    """Open a table of any kind: csv, tsv or txt (also .gz and .zip), xlsx, parquet, gpkg, geojson, shp, PostGIS.

    Text is UTF-8 (with or without its mark), else GB18030; UTF-16 by its mark. `NA`, `None` and `无` are names like any
    other. `columns` maps a standard name to the file's own, for those that differ. `layout` names a sheet (a layer, a
    database's table) and the header's row, both of which are found where there is one candidate only.

    Raises InputError when the file can't be found or opened, or lacks columns (all of them are named, with the nearest
    match); ConfigError when `columns` names something that isn't read.
    """
    wanted = Wanted(tuple(required), tuple(optional), dict(columns or {}))
    where = layout or Layout()
    if os.fspath(path).startswith(DATABASES):
        from hotspot.reading.database import open_database  # each kind's library loads when a file of it is opened

        return open_database(os.fspath(path), wanted, where)
    file, name, told = local_path(path), os.fspath(path).lower(), os.fspath(path)
    if name.endswith(TEXT_FILES):
        from hotspot.reading.delimited import open_delimited

        return open_delimited(file, told, wanted, where)
    if name.endswith(WORKBOOKS):
        return _workbook(file, told, wanted, where)
    if name.endswith(LAYERS) or (name.endswith(".parquet") and _has_geometry(file)):
        from hotspot.reading.layers import open_layer

        return open_layer(file, told, wanted, where)
    if name.endswith(".parquet"):
        from hotspot.reading.columnar import open_parquet

        return open_parquet(file, told, wanted)
    fix = f"save it as one of {', '.join(KNOWN_FILES)}"
    raise InputError(Fault(told, f"files of type '{file.suffix}' can't be read as a table", fix))


def read_table(
    path: str | os.PathLike[str],
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    layout: Layout | None = None,
    allow_empty: bool = False,
) -> Table:
    """Read a whole table as text: `open_table` for what can be read and what it raises.

    Raises InputError also when the table has no data rows, unless `allow_empty`.
    """
    opened = open_table(path, required=required, optional=optional, columns=columns, layout=layout)
    batches = list(opened.batches())
    bad = [row for batch in batches for row in batch.bad]
    parts = [batch.columns for batch in batches]
    rows = np.concatenate([batch.row for batch in batches]) if batches else np.empty(0, dtype=np.int64)
    if not len(rows) and not bad and not allow_empty:
        raise InputError(Fault(opened.path, "no data rows", "export it again; the file holds only a header"))
    whole = pa.concat_tables(parts) if parts else pa.table({name: pa.array([], pa.string()) for name in opened.names})
    frame: pd.DataFrame = whole.to_pandas().astype("str")
    frame.index = pd.Index(rows, name="row")
    return Table(
        opened.path, frame, opened.dropped_columns, bad_rows_frame(bad), opened.encoding, opened.sha256,
        tuple(opened.notices),
    )  # fmt: skip


def bad_rows_frame(bad: Sequence[BadRow]) -> pd.DataFrame:
    """row, reason, text."""
    frame = pd.DataFrame(bad, columns=list(BAD_ROW_COLUMNS))
    return frame.astype({"row": "int64", "reason": "str", "text": "str"})


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


def _workbook(file: os.PathLike[str], told: str, wanted: Wanted, layout: Layout) -> OpenTable:
    """A workbook, or text that an exporter called one."""
    from hotspot.reading.delimited import open_delimited
    from hotspot.reading.workbook import is_plain_text, open_workbook

    path = local_path(file)
    if not is_plain_text(path):
        return open_workbook(path, told, wanted, layout)
    opened = open_delimited(path, told, wanted, layout)
    opened.notices.append("it is named a workbook but is text; it was read as delimited text")
    return opened


def _has_geometry(file: os.PathLike[str]) -> bool:
    """Whether a parquet file says that it is GeoParquet; a damaged one says nothing."""
    import pyarrow.parquet as pa_parquet

    try:
        metadata = pa_parquet.read_schema(file).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return False
    return b"geo" in metadata
