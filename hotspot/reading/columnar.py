"""Columns with a type as text, exactly; and parquet files, read in batches without their pandas metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pa_parquet

from hotspot.errors import Fault, InputError
from hotspot.reading.encoding import sha256_of
from hotspot.reading.source import (
    MOST_BYTES,
    MOST_FIELD_CHARS,
    MOST_ROWS,
    BadRow,
    Batch,
    Choice,
    OpenTable,
    Wanted,
    choose,
    text_table,
)

ROWS_AT_ONCE = 65_536
MOST_BATCH_BYTES = 512 * 1024**2  # of text: a dictionary of a few long texts can stand for any amount of it
NOT_UTF8 = "bytes that aren't UTF-8"
NUL = "a NUL byte in it"
TOO_LONG = f"a field has more than {MOST_FIELD_CHARS:,} characters"
_SHOWN_CHARS = 500
_WHOLE_FLOAT = 2.0**53  # from here on neighbouring whole numbers are the same float

Reasons = npt.NDArray[np.object_]


def open_parquet(file: Path, path: str, wanted: Wanted) -> OpenTable:
    """Open a parquet file of plain columns. The first row is row 2.

    Numbers, times, dates, truths, texts and dictionaries of them become text as `as_text` says; rows with text that
    isn't UTF-8, has a NUL or is too long are bad.

    Raises InputError for a file that was cut off or is damaged, that holds or unpacks to more than the limit, for
    missing columns, and for wanted ones that are nested or binary.
    """
    schema = schema_of(file, path)
    choice = choose(schema.names, wanted, path)
    check_types(schema.types, choice, path)

    def batches() -> Iterator[Batch]:
        first = 2
        for part in parquet_parts(file, path, [schema.names[i] for i in choice.positions]):
            texts = dict(zip(choice.names, part.columns, strict=True))
            yield batch_of(texts, first, path)
            first += part.num_rows

    return OpenTable(path, choice.names, choice.dropped, batches, "utf-8", sha256_of(file))


def schema_of(file: Path, path: str) -> pa.Schema:
    """The columns. Raises InputError for a damaged footer, and for more rows or unpacked bytes than the limits.

    Only the groups of rows are asked for their size: pyarrow ends the process over a damaged column in one.
    """
    with damage_told(file, path):
        schema, metadata = pa_parquet.read_schema(file), pa_parquet.read_metadata(file)
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        sizes, rows = [group.total_byte_size for group in groups], sum(group.num_rows for group in groups)
        [name.encode() for name in schema.names]
    if metadata.num_rows > MOST_ROWS:
        reason = f"{metadata.num_rows:,} rows, the limit is {MOST_ROWS:,}"
        raise InputError(Fault(path, reason, "load the last years only"))
    if sum(sizes) > MOST_BYTES or min(sizes, default=0) < 0:
        reason = f"unpacks to more than {MOST_BYTES:,} bytes"
        raise InputError(Fault(path, reason, "split the export by year, and pack it again"))
    if rows != metadata.num_rows:
        raise InputError(_lost_rows(path, metadata.num_rows, rows))
    return schema


def parquet_parts(file: Path, path: str, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """These columns in parts of up to ROWS_AT_ONCE rows; texts as dictionaries, so that no short file unpacks to much.

    Raises InputError when the file is damaged, also where it shows only by the number of rows.
    """
    with damage_told(file, path):
        texts = [field.name for field in pa_parquet.read_schema(file) if field.name in names and _is_text(field.type)]
        with pa_parquet.ParquetFile(file, read_dictionary=texts) as opened:
            rows = 0
            for part in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(names), use_threads=False):
                chosen = part.select(list(names))
                for column in chosen.columns:
                    _check_indices(column, path)
                rows += chosen.num_rows
                yield chosen
            declared = opened.metadata.num_rows
    if names and rows != declared:
        raise InputError(_lost_rows(path, declared, rows))


def _lost_rows(path: str, declared: int, rows: int) -> Fault:
    reason = f"damaged parquet file: its footer tells of {declared:,} rows, but {rows:,} can be read"
    return Fault(path, reason, "copy or export it again")


def _check_indices(column: pa.Array, path: str) -> None:
    if pa.types.is_dictionary(column.type) and (pc.max(column.indices).as_py() or 0) >= max(len(column.dictionary), 1):
        raise InputError(
            Fault(path, "damaged parquet file (values beyond their dictionary)", "copy or export it again")
        )


@contextmanager
def damage_told(file: Path, path: str) -> Iterator[None]:
    """A damaged parquet file becomes an InputError with what was found and, if it was cut off, where."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        size = file.stat().st_size
        reason = f"damaged parquet file ({str(error).splitlines()[0][:200]})"
        with file.open("rb") as opened:
            begins = opened.read(4)
            opened.seek(max(0, size - 4))
            ends = opened.read(4)
        if not size:
            reason = "file is empty"
        elif begins != b"PAR1":
            reason = "the content is not that of a .parquet file"
        elif ends != b"PAR1":
            reason = f"damaged parquet file: its footer is missing, it was cut off after {size:,} bytes"
        raise InputError(Fault(path, reason, "copy or export it again")) from error


def check_types(types: Sequence[pa.DataType], choice: Choice, path: str) -> None:
    """Raises InputError with every wanted column whose values can't be text."""
    faults = [
        Fault(path, f"values of type {types[i]} can't be read", "store it as text, number or time", field=name)
        for name, i in zip(choice.names, choice.positions, strict=True)
        if not can_be_text(types[i])
    ]
    if faults:
        raise InputError(faults)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def can_be_text(kind: pa.DataType) -> bool:
    """Whether a column of that type has one text for each value.

    >>> [can_be_text(each) for each in (pa.date32(), pa.list_(pa.string()), pa.binary(), pa.decimal128(9, 2))]
    [True, False, False, True]
    """
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name in ("arrow.json", "arrow.uuid")
    if pa.types.is_dictionary(kind):
        return can_be_text(kind.value_type)
    is_plain = (
        pa.types.is_null, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal,
        pa.types.is_timestamp, pa.types.is_date, pa.types.is_time, _is_text, pa.types.is_string_view,
    )  # fmt: skip
    return any(test(kind) for test in is_plain)


def as_text(column: pa.Array) -> pa.Array:
    """Numbers in their shortest exact form, times as ISO 8601, truths as yes and no; null and NaN are null.

    Whole numbers in a float column lose their point while a float can tell them apart (below 2 to the 53); above they
    keep an exponent, so that nobody takes them for exact. Times with a zone carry their offset.

    >>> as_text(pa.array([123.0, 0.1, float("nan"), 2.0**60])).to_pylist()
    ['123', '0.1', None, '1.152921504606847e+18']
    >>> as_text(pa.array([True, None])).to_pylist(), as_text(pa.array([2**63 - 1])).to_pylist()
    (['yes', None], ['9223372036854775807'])
    >>> as_text(pa.array([1_500_000], pa.timestamp("us", tz="Asia/Shanghai"))).to_pylist()
    ['1970-01-01T08:00:01.5+08:00']
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _extension_text(column)
    if pa.types.is_dictionary(kind):
        return as_text(column.dictionary).take(column.indices)
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "yes", "no")
    if pa.types.is_floating(kind):
        return float_text(column)
    text = column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _without_zeros(text)
    if pa.types.is_time(kind):
        return _without_zeros(text)
    return _iso(text) if pa.types.is_timestamp(kind) else text


def float_text(numbers: pa.Array) -> pa.Array:
    """Shortest text that gives the same number, whole ones without a point; NaN is null."""
    if pa.types.is_float16(numbers.type):
        numbers = numbers.cast(pa.float32())
    values = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
    whole = (np.abs(values) < _WHOLE_FLOAT) & (values == np.floor(values))
    as_whole = pa.array(np.where(whole, values, 0.0).astype(np.int64)).cast(pa.string())
    told = pc.if_else(pa.array(whole), as_whole, numbers.cast(pa.string()))
    return pc.if_else(pa.array(np.isnan(values)), pa.scalar(None, pa.string()), told)


def _extension_text(column: pa.ExtensionArray) -> pa.Array:
    if column.type.extension_name == "arrow.uuid":
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())
    return as_text(column.storage)


def _without_zeros(text: pa.Array) -> pa.Array:
    """Decimal places without zeros at their end."""
    return pc.replace_substring_regex(text, r"\.0+$|(\.\d*[1-9])0+$", r"\1")


def _iso(text: pa.Array) -> pa.Array:
    """Arrow's `2026-03-15 21:05:00.500000+0800` as ISO 8601."""
    text = pc.replace_substring_regex(text, r"(\.\d*?)0+(Z|[+-]\d{4})?$", r"\1\2")
    text = pc.replace_substring_regex(text, r"\.(Z|[+-]\d{4})?$", r"\1")
    text = pc.replace_substring_regex(text, r"([+-]\d\d)(\d\d)$", r"\1:\2")
    text = pc.replace_substring_regex(text, "Z$", "+00:00")
    return pc.replace_substring(text, " ", "T", max_replacements=1)


def batch_of(columns: Mapping[str, pa.Array], first: int, path: str, reasons: Reasons | None = None) -> Batch:
    """The rows from row `first` on. Columns of any readable type; `reasons` (n,) says why a row is bad, '' if it isn't.

    Raises InputError when a few rows stand for more text than the memory should hold.
    """
    found, odd = {}, reasons
    for name, column in columns.items():
        _check_expanded(column, path, name)
        found[name], own = usable_text(as_text(column), name)
        if own is not None:
            odd = own if odd is None else np.where(odd == "", own, odd)
    table = text_table(found)
    row = first + np.arange(len(table) if found else 0, dtype=np.int64)
    if odd is None or not (odd != "").any():
        return Batch(table, row)
    at = np.flatnonzero(odd != "")
    shown = table.take(pa.array(at)).to_pylist()
    bad = [BadRow(int(row[i]), odd[i], _printable(",".join(each.values()))) for i, each in zip(at, shown, strict=True)]
    good = odd == ""
    return Batch(table.filter(pa.array(good)), row[good], bad)


def _check_expanded(column: pa.Array, path: str, name: str) -> None:
    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return
    total = pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
    if total > MOST_BATCH_BYTES:
        reason = f"{len(column):,} rows hold {total:,} bytes of text, the limit is {MOST_BATCH_BYTES:,}"
        raise InputError(Fault(path, reason, "shorten the texts", field=name))


def usable_text(text: pa.Array, name: str) -> tuple[pa.Array, Reasons | None]:
    """The texts, and why some can't be used (None where all can). What isn't UTF-8 is shown with its bytes as \\xff."""
    broken = None
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        text, broken = _decoded(text)
    is_long = (pc.max(pc.binary_length(text)).as_py() or 0) > MOST_FIELD_CHARS
    if broken is None and not is_long and not pc.any(_has_nul(text)).as_py():
        return text, None
    reasons = np.full(len(text), "", dtype=object)
    reasons[_mask(_has_nul(text))] = f"{NUL}, in {name}"
    reasons[_mask(pc.greater(pc.utf8_length(text), MOST_FIELD_CHARS))] = f"{TOO_LONG}, in {name}"
    reasons[slice(0) if broken is None else broken] = f"{NOT_UTF8}, in {name}"
    return text, reasons


def _decoded(text: pa.Array) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """The texts and which of them are none, value by value: such a file is rare, and its rows have to be told apart."""
    values = [each or b"" for each in text.cast(pa.binary()).to_pylist()]
    shown = [each.decode("utf-8", "backslashreplace") for each in values]
    return pa.array(shown, pa.string()), np.array([not _is_utf8(each) for each in values], dtype=bool)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _has_nul(text: pa.Array) -> pa.Array:
    return pc.match_substring(text, "\0")


def _mask(found: pa.Array) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask


def _printable(text: str) -> str:
    shown = text.replace("\0", "\\x00")
    return shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"
