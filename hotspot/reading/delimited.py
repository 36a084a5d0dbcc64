"""Delimited text (csv and its kin): every line accounted for, most of them at the speed of a compiled parser.

A block of lines goes the fast way when no field can span lines; the careful way reads every record with the standard
library and is the fast way's obvious twin.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from hotspot.errors import Fault, InputError
from hotspot.reading.encoding import Encoding, encoding_of, sha256_of, text_stream, utf8_lines
from hotspot.reading.source import (
    MOST_FIELD_CHARS,
    MOST_HEADER_ROWS,
    BadRow,
    Batch,
    Choice,
    Layout,
    OpenTable,
    Wanted,
    choose,
    header_position,
    is_totals,
    text_table,
)

DELIMITERS = (",", "\t", ";", "|", "，")
STRUCTURAL_SHARE = 0.5  # when more rows than this have a wrong number of fields, the file is at fault and not the rows
LEAST_ROWS_TO_JUDGE = 1000  # before the end of the file is known
HEAD_BYTES = 65_536  # of a file are looked at for its header, or more if its rows are long
LAST_ROWS = 3  # where totals may stand
WITHHELD = "(not shown: the file also has columns that are not read)"
NUL = "a NUL byte in it"
NOT_TEXT = "bytes that are neither UTF-8 nor GB18030"

_QUOTE, _NEWLINE = 0x22, 0x0A


class _Start(NamedTuple):
    """Where the data begin: the header's record and how many records and physical lines end with it."""

    delimiter: str
    header: list[str]
    records: int
    lines: int


@dataclass
class _Tally:
    """What was read so far: records and physical lines (to number the next ones), good rows and odd widths."""

    records: int
    lines: int
    good: int = 0
    odd: int = 0
    first_odd: tuple[int, str] = (0, "")

    def add(self, batch: Batch, path: str, *, at_end: bool = False) -> None:
        """Raises InputError once it is clear that the file as a whole has other rows than its header says."""
        self.good += len(batch.row)
        odd = [(bad.row, bad.reason) for bad in batch.bad if "fields, header has" in bad.reason]
        if odd and not self.odd:
            self.first_odd = odd[0]
        self.odd += len(odd)
        rows = self.good + self.odd
        if self.odd > STRUCTURAL_SHARE * rows and (at_end or rows >= LEAST_ROWS_TO_JUDGE):
            fix = "give every row as many fields as the header has; quote values that hold a comma"
            row, reason = self.first_odd
            raise InputError(Fault(path, reason, fix, row=row, count=self.odd))


@dataclass(frozen=True)
class _Reader:
    """What is needed to read any block of one file."""

    path: str
    encoding: Encoding
    start: _Start
    choice: Choice
    notices: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        return len(self.start.header)


def open_delimited(file: Path, path: str, wanted: Wanted, layout: Layout) -> OpenTable:
    """Open .csv, .tsv or .txt, also packed as .gz or .zip.

    UTF-8, UTF-16 or GB18030; separated by comma, tab, semicolon or bar, whichever shows more of the wanted columns; the
    header is the row that has most of them. Rows are numbered as records from 1 with the header's title rows; a quoted
    line break doesn't begin a row, a blank line is no row.

    Raises InputError for an empty file, missing columns and, while batches are read, for a quote that never ends, a
    line or field above the limit, and rows that mostly have another number of fields than the header.
    """
    encoding = encoding_of(file, path)
    first = _head(utf8_lines(file, path, encoding), max(MOST_HEADER_ROWS, layout.header_row or 0))
    if not first.strip(b" \t\r\n\xef\xbb\xbf\0"):
        raise InputError(Fault(path, "file is empty", "export it again"))
    start = _start_of(first, wanted, layout, path)
    choice = choose(start.header, wanted, path, row=start.records)
    reader = _Reader(path, encoding, start, choice)
    if start.records > 1:
        reader.notices.append(f"the header is row {start.records}; the rows above it are not data")
    if encoding.name == "gb18030":
        reader.notices.append("the text isn't UTF-8; it was read as GB18030")

    def batches() -> Iterator[Batch]:
        return _batches(file, reader)

    return OpenTable(
        path, choice.names, choice.dropped, batches, encoding.name, sha256_of(file), notices=reader.notices
    )


def _head(blocks: Iterator[bytes], rows: int) -> bytes:
    """Enough of the file to hold so many rows, if they are of the usual length."""
    head = b""
    for block in blocks:
        head += block
        if head.count(b"\n") > rows and len(head) > HEAD_BYTES:
            break
    return head


def _start_of(first: bytes, wanted: Wanted, layout: Layout, path: str) -> _Start:
    """The header under the delimiter that shows most of the wanted columns."""
    most = max(MOST_HEADER_ROWS, layout.header_row or 0)
    tried = [_first_records(first, delimiter, path, most) for delimiter in DELIMITERS]
    found = [header_position([record.fields for record in records], wanted) for records, _ in tried]
    best = max(range(len(DELIMITERS)), key=lambda i: (found[i][1], -i))
    records, fault = tried[best]
    at = found[best][0] if layout.header_row is None else layout.header_row - 1
    if fault is not None and (at >= len(records) or not found[best][1]):
        raise fault
    if at >= len(records):
        reason = f"header_row is {layout.header_row}, the file has {len(records)} rows"
        raise InputError(Fault(path, reason, "give the row of the column names", row=layout.header_row))
    header = [name.strip() for name in records[at].fields]
    return _Start(DELIMITERS[best], header, at + 1, records[at].last_line)


def _first_records(first: bytes, delimiter: str, path: str, most: int) -> tuple[list[_Record], InputError | None]:
    """The first records under one delimiter, up to the one that can't be split under it."""
    records: list[_Record] = []
    try:
        records.extend(islice(_Records(first, delimiter, path), most))
    except InputError as error:
        return records, error
    return records, None


def _batches(file: Path, reader: _Reader) -> Iterator[Batch]:
    tally = _Tally(reader.start.records, reader.start.lines)
    rest = b""
    for block, is_last in _with_last(_data_lines(file, reader)):
        if is_last:
            block = _without_totals(block, reader)
        batch, rest = _read_block(rest + block, reader, tally, is_last=is_last)
        tally.add(batch, reader.path, at_end=is_last)
        yield batch


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block and whether it is the last, which holds all rows where totals may stand."""
    held = next(blocks, None)
    if held is None:
        return
    for block in blocks:
        if block.count(b"\n") <= LAST_ROWS + 1:
            held += block
            continue
        yield held, False
        held = block
    yield held, True


def _data_lines(file: Path, reader: _Reader) -> Iterator[bytes]:
    """The blocks behind the header."""
    left = reader.start.lines
    for block in utf8_lines(file, reader.path, reader.encoding):
        at = 0
        while left and at < len(block):
            at = block.find(b"\n", at) + 1 or len(block)
            left -= 1
        if at < len(block):
            yield block[at:]


def _without_totals(block: bytes, reader: _Reader) -> bytes:
    """The last block without sums in its last rows, which are told and aren't data."""
    kept = block.rstrip(b"\r\n ")
    for _ in range(LAST_ROWS):
        head, _, line = kept.rpartition(b"\n")
        text = line.decode("utf-8", "replace")
        if text.count('"') % 2 or len(text) > MOST_FIELD_CHARS:
            break
        try:
            cells = next(csv.reader([text], delimiter=reader.start.delimiter), [])
        except csv.Error:
            break
        if _is_sum(cells, reader):
            reader.notices.append("a totals row at the end of the file is not data")
            block = head + b"\n" if head else b""
        kept = head.rstrip(b"\r\n ")
    return block


def _is_sum(cells: Sequence[str], reader: _Reader) -> bool:
    """It begins like a sum, and half of the columns that are read are blank in it (or it has another width)."""
    if not is_totals(cells):
        return False
    blank = sum(1 for i in reader.choice.positions if i >= len(cells) or not cells[i].strip())
    return len(cells) != reader.width or blank * 2 >= len(reader.choice.positions)


def _read_block(block: bytes, reader: _Reader, tally: _Tally, *, is_last: bool) -> tuple[Batch, bytes]:
    """The rows of a block, and the bytes of a record that goes on in the next one."""
    batch = _fast_batch(block, reader, tally)
    if batch is not None:
        return batch, b""
    return _careful_batch(block, reader, tally, is_last=is_last)


def _fast_batch(block: bytes, reader: _Reader, tally: _Tally) -> Batch | None:
    """All rows at once; None when anything in the block asks for a look at every single record."""
    body = block.replace(b"\r\n", b"\n") if b"\r" in block else block
    if body.startswith(codecs.BOM_UTF8):  # the compiled parser would take it for the file's mark and drop it
        return None
    if b"\0" in body or b"\r" in body or len(reader.start.delimiter.encode()) > 1 or not _is_utf8(body):
        return None
    if body and not body.endswith(b"\n"):
        body += b"\n"
    quoted = b'"' in body
    octets = np.frombuffer(body, dtype=np.uint8)
    ends = np.flatnonzero(octets == _NEWLINE)
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.max(initial=0) > MOST_FIELD_CHARS or (quoted and not _quotes_end_on_their_lines(octets, ends, reader)):
        return None
    if not len(ends):
        return Batch(_empty(reader.choice), np.empty(0, dtype=np.int64))
    odd: list[pa_csv.InvalidRow] = []
    found = _parsed(body, reader, odd, quoted=quoted)
    keep = np.ones(len(ends), dtype=bool)
    keep[[row.number - 1 for row in odd]] = False
    rows = tally.records + 1 + np.arange(len(ends), dtype=np.int64)
    if (lengths == 0).any():
        found = found.filter(pa.array(lengths[keep] > 0))
        keep &= lengths > 0
    bad = [_odd_row(row, reader, tally) for row in odd]
    tally.records += len(ends)
    tally.lines += len(ends)
    return Batch(text_table(dict(zip(found.column_names, found.columns, strict=True))), rows[keep], bad)


def _parsed(body: bytes, reader: _Reader, odd: list[pa_csv.InvalidRow], *, quoted: bool) -> pa.Table:
    names = [str(i) for i in range(reader.width)]

    def set_aside(row: pa_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    found = pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(body) + 1),
        parse_options=pa_csv.ParseOptions(
            delimiter=reader.start.delimiter,
            quote_char='"' if quoted else False,
            ignore_empty_lines=False,
            invalid_row_handler=set_aside,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[str(i) for i in reader.choice.positions],
            strings_can_be_null=False,
        ),
    )
    return found.rename_columns(list(reader.choice.names))


def _odd_row(row: pa_csv.InvalidRow, reader: _Reader, tally: _Tally) -> BadRow:
    reason = f"{row.actual_columns} fields, header has {row.expected_columns}"
    return _bad_row(tally.records + row.number, tally.lines + row.number, reason, row.text, reader)


def _bad_row(row: int, line: int, reason: str, text: str, reader: _Reader) -> BadRow:
    where = f" (line {line} of the file)" if line != row else ""
    return BadRow(row, reason + where, WITHHELD if reader.choice.dropped else _printable(text))


def _printable(text: str, most: int = 500) -> str:
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _quotes_end_on_their_lines(octets: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], reader: _Reader) -> bool:
    """Whether every quote follows RFC 4180 inside its own line: so no field holds a line break.

    On each line quotes alternate between opening and closing; an opening one follows a delimiter, the line's start or
    the quote just closed (a doubled quote), a closing one comes before a delimiter, the line's end or the next opening.
    """
    at = np.flatnonzero(octets == _QUOTE)
    line = np.searchsorted(ends, at)
    first_of_line = np.searchsorted(at, np.concatenate([[-1], ends[:-1]]))
    counts = np.bincount(line, minlength=len(ends))
    if (counts % 2).any():
        return False
    opening = (np.arange(len(at)) - first_of_line[line]) % 2 == 0
    border = np.zeros(256, dtype=bool)
    border[[ord(reader.start.delimiter), _NEWLINE, _QUOTE]] = True
    before = np.where(at > 0, octets[np.maximum(at - 1, 0)], _NEWLINE)
    after = octets[np.minimum(at + 1, len(octets) - 1)]
    return bool(border[np.where(opening, before, after)].all())


def _careful_batch(block: bytes, reader: _Reader, tally: _Tally, *, is_last: bool) -> tuple[Batch, bytes]:
    good: list[list[str]] = []
    rows: list[int] = []
    bad: list[BadRow] = []
    records = _Records(block, reader.start.delimiter, reader.path, tally.records, tally.lines, goes_on=not is_last)
    for record in records:
        reason = _fault_of(record, reader)
        if reason:
            bad.append(_bad_row(record.row, record.line, reason, reader.start.delimiter.join(record.fields), reader))
        elif record.fields:
            good.append([record.fields[i] for i in reader.choice.positions])
            rows.append(record.row)
    tally.records, tally.lines = records.row, records.line
    columns = zip(*good, strict=True) if good else [[] for _ in reader.choice.names]
    found = {name: pa.array(values, pa.string()) for name, values in zip(reader.choice.names, columns, strict=True)}
    return Batch(text_table(found), np.array(rows, dtype=np.int64), bad), records.rest


def _empty(choice: Choice) -> pa.Table:
    return pa.table({name: pa.array([], pa.string()) for name in choice.names})


class _Record(NamedTuple):
    row: int
    line: int  # the physical line on which it begins
    last_line: int
    fields: list[str]


class _Records:
    """The records of a block. A quote that doesn't end raises InputError, or with `goes_on` leaves its bytes in `rest`."""

    def __init__(
        self, block: bytes, delimiter: str, path: str, row: int = 0, line: int = 0, *, goes_on: bool = False
    ) -> None:
        self.row, self.line, self.rest = row, line, b""
        self._before, self._path, self._goes_on = line, path, goes_on
        self._lines = text_stream(block)
        self._taken: list[str] = []
        self._reader = csv.reader(self._each_line(), strict=True, delimiter=delimiter)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> _Record:
        begins = self._before + self._reader.line_num + 1
        self._taken.clear()
        try:
            fields = next(self._reader)
        except csv.Error as error:
            if self._goes_on and "unexpected end" in str(error):
                self.rest = "".join(self._taken).encode("utf-8", "surrogateescape")
                raise StopIteration from None
            raise InputError(self._fault(error, begins)) from error
        self.row += 1
        self.line = self._before + self._reader.line_num
        return _Record(self.row, begins, self.line, fields)

    def _each_line(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield line

    def _fault(self, error: csv.Error, line: int) -> Fault:
        if "field limit" in str(error):
            reason = f"a field has more than {MOST_FIELD_CHARS:,} characters"
            fix = "shorten it, or look for a missing quote or line break"
        else:
            reason = f"unbalanced quote: the row begins on line {line} and doesn't end properly ({error})"
            fix = 'close the quote, or double it ("") inside a quoted field'
        return Fault(self._path, reason, fix, row=self.row + 1)


def _fault_of(record: _Record, reader: _Reader) -> str:
    """Why the row can't be used, '' when it can. A blank line is no row."""
    if not record.fields:
        return ""
    if any(not _is_text(value) for value in record.fields):
        lines = range(record.line, record.last_line + 1)
        told = next((reader.encoding.broken[line] for line in lines if line in reader.encoding.broken), None)
        return NOT_TEXT + (f": byte 0x{told[1]:02X} at offset {told[0]:,}" if told else "")
    if len(record.fields) != reader.width:
        return f"{len(record.fields)} fields, header has {reader.width}"
    if any("\0" in value for value in record.fields):
        return NUL
    return ""


def _is_text(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
