"""Tables of text from files, with every row that can't be split named, and tables to files that spreadsheets can't misread."""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from hotspot.errors import Fault, InputError

MOST_BYTES = 4 << 30  # of one table, after decompression
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SCHEMES = ("http://", "https://", "ftp://", "s3://", "gs://", "/vsi", "\\\\", "PG:", "postgresql://")


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds, as text.

    `frame` has the wanted columns under their standard names, '' where a cell is empty; its index is the row of the
    file as an editor counts it, the header being row 1. `bad_rows` (`row, reason, text`) could not be split.
    """

    path: str
    frame: pd.DataFrame
    dropped_columns: tuple[str, ...]
    bad_rows: pd.DataFrame
    encoding: str
    sha256: str


def read_table(
    path: str | Path,
    *,
    required: Sequence[str],
    optional: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Table:
    """Read a csv, csv.gz or parquet file; only `required` and `optional` columns are kept.

    `columns` maps a standard name to the file's. `NA`, `None` and 无 stay the texts they are. Text is UTF-8, else GB18030.

    Raises InputError: no such file, empty, no data rows, undecodable, columns missing, or every row too wide or narrow.
    """
    file = local_file(path)
    raw = file.read_bytes()
    if not raw:
        raise InputError(Fault(str(path), "file is empty", "export it again"))
    digest = hashlib.sha256(raw).hexdigest()
    if file.name.lower().endswith(".parquet"):
        frame, bad, encoding = _from_parquet(str(path), raw), _no_bad_rows(), "parquet"
    else:
        text, encoding = _decoded(str(path), _unpacked(str(path), file, raw))
        frame, bad = _from_csv(str(path), text)
    if frame.empty and bad.empty:
        raise InputError(Fault(str(path), "no data rows", "export it again, with its rows"))
    kept, dropped = _allowed(str(path), frame, required, optional, columns or {})
    return Table(str(path), kept, dropped, bad, encoding, digest)


def local_file(path: str | Path) -> Path:
    """The path of an existing local file. Raises InputError for addresses, variables and what isn't a file."""
    text = str(path)
    if text.startswith(_SCHEMES) or "://" in text or text.startswith("~") or "$" in text:
        raise InputError(Fault(text, "only plain local paths are read", "download it first and give its path"))
    if not Path(text).is_file():
        raise InputError(Fault(text, "no such file", "check the path"))
    return Path(text)


def _unpacked(path: str, file: Path, raw: bytes) -> bytes:
    if not file.name.lower().endswith(".gz"):
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            data = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError) as error:
        raise InputError(Fault(path, f"damaged gzip file: {error}", "copy or export it again")) from error
    if len(data) > MOST_BYTES:
        raise InputError(Fault(path, f"more than {MOST_BYTES >> 30} GiB after decompression", "split it"))
    return data


def _decoded(path: str, data: bytes) -> tuple[str, str]:
    """UTF-8 first: short UTF-8 also decodes as GB18030, into nonsense."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        try:
            return data.decode("gb18030"), "gb18030"
        except UnicodeDecodeError:
            row = data.count(b"\n", 0, error.start) + 1
            reason = f"byte 0x{data[error.start]:02X} at offset {error.start} is neither UTF-8 nor GB18030"
            raise InputError(Fault(path, reason, "save it as UTF-8", row=row)) from error


def _from_csv(path: str, text: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The whole table at once where every row has the header's width; else row by row, to name those that don't."""
    header = next(csv.reader(io.StringIO(text[: 1 << 20])), [])
    plain = '"' not in text and "\0" not in text
    if plain and len(set(header)) == len(header):
        try:
            table = pacsv.read_csv(
                io.BytesIO(text.encode()),
                parse_options=pacsv.ParseOptions(ignore_empty_lines=False),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return _row_by_row(path, text)
        frame = table.to_pandas()
        frame.index = pd.RangeIndex(2, len(frame) + 2)
        return frame, _no_bad_rows()
    return _row_by_row(path, text)


def _row_by_row(path: str, text: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(reader)
    except csv.Error as error:
        raise InputError(Fault(path, f"unreadable header: {error}", "save the file again as csv", row=1)) from error
    if len(set(header)) < len(header):
        raise InputError(Fault(path, "two columns have the same name", "give each column its own name", row=1))
    rows, numbers, bad = [], [], []
    number = reader.line_num + 1
    try:
        for fields in reader:
            if len(fields) == len(header) and not any("\0" in field for field in fields):
                rows.append(fields)
                numbers.append(number)
            elif fields:
                why = "NUL byte" if len(fields) == len(header) else f"{len(fields)} fields, header has {len(header)}"
                bad.append((number, why, ",".join(fields)))
            number = reader.line_num + 1
    except csv.Error as error:
        reason = f"a quote opened in this row is never closed ({error})"
        raise InputError(Fault(path, reason, "close the quote", row=number)) from error
    if bad and not rows:
        raise InputError(Fault(path, bad[0][1], "export it again", row=bad[0][0], count=len(bad)))
    return pd.DataFrame(rows, columns=header, index=pd.Index(numbers), dtype=str), pd.DataFrame(
        bad, columns=["row", "reason", "text"]
    )


def _from_parquet(path: str, raw: bytes) -> pd.DataFrame:
    try:
        table = papq.read_table(io.BytesIO(raw))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(Fault(path, f"damaged parquet file: {error}", "write it again")) from error
    frame = table.to_pandas()
    texts = {name: _as_text(frame[name]) for name in frame.columns}
    return pd.DataFrame(texts, index=pd.RangeIndex(2, len(frame) + 2))


def _as_text(column: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return ["" if pd.isna(value) else value.isoformat() for value in column]
    return ["" if value is None or value != value else str(value) for value in column.tolist()]


def _allowed(
    path: str, frame: pd.DataFrame, required: Sequence[str], optional: Sequence[str], columns: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The wanted columns under their standard names; everything else is dropped here and goes no further."""
    found = [str(name).strip() for name in frame.columns]
    frame = frame.set_axis(found, axis=1)
    source = {name: columns.get(name, name) for name in (*required, *optional)}
    missing = [name for name in required if source[name] not in found]
    if missing:
        raise InputError(
            Fault(
                path,
                f"missing; found: {', '.join(found)}",
                f"add the column or map it: columns = {{ {name} = \"{_nearest(source[name], found)}\" }}",
                row=1,
                field=source[name],
            )
            for name in missing
        )
    present = {name: column for name, column in source.items() if column in found}
    kept = pd.DataFrame({name: frame[column] for name, column in present.items()}, index=frame.index)
    return kept, tuple(name for name in found if name not in present.values())


def _nearest(name: str, found: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), [column.lower() for column in found], n=1, cutoff=0.5)
    return next((column for column in found if close and column.lower() == close[0]), "NAME IN THE FILE")


def _no_bad_rows() -> pd.DataFrame:
    return pd.DataFrame({"row": pd.Series(dtype=int), "reason": pd.Series(dtype=str), "text": pd.Series(dtype=str)})


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write UTF-8 with a mark that spreadsheets understand; a text that looks like a formula gets a leading apostrophe."""
    safe = {
        name: frame[name].map(_neutral) if not pd.api.types.is_numeric_dtype(frame[name]) else frame[name]
        for name in frame.columns
    }
    data = pd.DataFrame(safe, columns=frame.columns).to_csv(index=False, lineterminator="\n")
    Path(path).write_bytes(b"\xef\xbb\xbf" + data.encode())


def _neutral(value: object) -> object:
    risky = isinstance(value, str) and value.lstrip("'").startswith(FORMULA_STARTS)
    return f"'{value}" if risky else value


def read_back(text: str) -> str:
    """The text that `write_csv` was given.

    >>> read_back("'=1+1"), read_back("'tis")
    ('=1+1', "'tis")
    """
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS) else text
