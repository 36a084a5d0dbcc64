"""Workbooks (.xlsx, .xlsm): the values that are stored in one sheet, row by row; formulas are never evaluated.

openpyxl knows the formats, dates and references; the rows are read here, part by part as a stream (ECMA-376, part 1,
18.3). Its own row reader passes silently over rows whose numbers repeat or go back, can't tell a formula without a
value from an empty result, keeps a record of every row with a height, and warns through filters that threads share.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import struct
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cache
from itertools import islice, takewhile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa

from hotspot.errors import Fault, InputError
from hotspot.reading.encoding import sha256_of
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

MOST_UNPACKED = 1024**3  # bytes of all parts together
MOST_PARTS = 10_000
MOST_PACKING = 200  # unpacked over packed of a large part: sheets reach 30, nothing but a bomb reaches this
LARGE_PART = 16 * 1024**2
MOST_TREE_BYTES = 32 * 1024**2  # of a part that is held whole: the list of sheets, the styles
MOST_TEXTS = 10_000_000  # different ones in one workbook
MOST_ELEMENTS = 250_000  # of one row: a cell has up to six, a sheet 16,384 columns
LAST_SHEET_ROW, LAST_SHEET_COLUMN = 1_048_576, 16_384
ROWS_AT_ONCE = 50_000
HELD_ROWS = 10  # at the end, where totals and notes may stand
LAST_ROWS = 3  # where totals may stand above the notes

NO_VALUE = "a formula without a stored value"
TOO_LONG = f"a field has more than {MOST_FIELD_CHARS:,} characters"
READ_AS_GB18030 = "the text isn't UTF-8; it was read as GB18030"
SYSTEM_1904 = "the workbook counts days from 1904; numbers that aren't formatted as dates stay numbers"
_SAVE_AGAIN = "open it in a spreadsheet program and save it again as .xlsx"

_BLOCK_BYTES = 8 * 1024  # small: what it is parsed into is gone before the garbage collector grows it old
_OLE = bytes.fromhex("D0CF11E0")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)""", re.ASCII)
_ENCODINGS = {
    # .NET declares utf-16 also where it writes UTF-8; real UTF-16 is known by its first bytes
    **dict.fromkeys(["utf-8", "utf8", "us-ascii", "ascii", "utf-16"], "utf-8"),
    **dict.fromkeys(["gb2312", "gbk", "gb18030", "cp936", "ms936", "x-gbk", "windows-936"], "gb18030"),
    **dict.fromkeys(["iso-8859-1", "latin1", "windows-1252"], "cp1252"),
    "big5": "big5",
}

_LAST_DAY = 2_950_000  # of the year 9976, or 9980 where days count from 1904
NUMBER, DATE, DATE_TIME, ELAPSED = range(4)  # what a number format makes of a number
_LITERAL = re.compile(r'"[^"]*"|\\.|[_*].|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_CHINESE_DATES = (*range(27, 32), 36, *range(50, 55), 57, 58)  # formats that every Chinese Excel has by these numbers
_CHINESE_TIMES = (32, 33, 34, 35, 55, 56)
_ESCAPED = re.compile(r"_x(000[9AaDd]|005[Ff])_")
_LINE_BREAK = re.compile(r"(\S?)\s*[\r\n]+\s*(\S?)")


def is_zip(file: Path) -> bool:
    """Whether it begins as every workbook does."""
    return _head(file).startswith(b"PK")


def is_plain_text(file: Path) -> bool:
    """Whether it is text that an exporter named a workbook: neither packed nor binary nor a web page.

    An empty file isn't.
    """
    head = _head(file)
    if head.startswith(_UTF16):
        return True
    binary = re.search(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]", head)
    return bool(head) and not head.startswith(b"PK") and not binary and not _is_markup(head)


def open_workbook(file: Path, path: str, wanted: Wanted, layout: Layout) -> OpenTable:
    """Open one sheet of an .xlsx or .xlsm workbook.

    Without `layout.sheet` it is the only visible one that has all required columns; the header is the row among the
    first 30 that has most of them. Rows have their numbers in the sheet; blank rows are none, and totals and notes of a
    single cell at the end are told and aren't data. Numbers are their shortest exact text (from 1E+15 on, where Excel
    has lost digits, as it shows them), dates ISO 8601. A cell that is read and holds an error, or a formula without a
    stored value, costs its row.

    Raises InputError, also while batches are read, for anything but a sound workbook of bearable size, for missing or
    ambiguous columns and sheets, and when openpyxl isn't installed.
    """
    _require_openpyxl(path)
    encodings: dict[str, str] = {}
    with _opened(file, path, encodings) as package:
        book = _book_of(package)
        start = _start_of(package, book, wanted, layout)
    notices = [*start.notices, *([SYSTEM_1904] if book.is_1904 else [])]
    if "gb18030" in encodings.values():
        notices.append(READ_AS_GB18030)
    reader = _Reader(file, path, book, start, encodings, notices)
    others = sorted(set(encodings.values()) - {"utf-8"})
    return OpenTable(
        path, start.choice.names, tuple(name for name in start.choice.dropped if name), lambda: _batches(reader),
        f"xlsx ({', '.join(others)})" if others else "xlsx", sha256_of(file), notices,
    )  # fmt: skip


def _require_openpyxl(path: str) -> None:
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        fix = "pip install openpyxl, or save it as .csv"
        raise InputError(Fault(path, "reading a workbook needs openpyxl", fix)) from error


# ---- the package: named parts in a zip file ----


class _Part:
    """One part as UTF-8 without its XML declaration, for a parser to read from; vetted while it is read.

    Its size needs no check here: zipfile ends it at the size that it declares.
    """

    def __init__(self, raw: IO[bytes], encoding: str, path: str) -> None:
        self._raw, self._path = raw, path
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("strict")
        self._is_begun = self._is_ended = False
        self._tail = b""
        self._unbroken = 0  # bytes since a tag began

    def read(self, size: int = -1, /) -> bytes:
        """The next block of about 8 KiB, whatever `size` says; b'' at the end."""
        text = ""
        while not text and not self._is_ended:
            block = self._raw.read(_BLOCK_BYTES)
            self._is_ended = not block
            text = self._decoder.decode(block, final=self._is_ended)
            if not self._is_begun and text:
                text = text[declaration.end() :] if (declaration := _DECLARATION.match(text)) else text
                self._is_begun = True
        plain = text.encode()
        self._vet(plain)
        return plain

    def _vet(self, plain: bytes) -> None:
        window = self._tail + plain
        if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
            raise InputError(Fault(self._path, "its XML declares a document type or entities", _SAVE_AGAIN))
        self._tail = window[-16:]
        last = plain.rfind(b"<")
        self._unbroken = len(plain) - last if last >= 0 else self._unbroken + len(plain)
        if self._unbroken > 16 * MOST_FIELD_CHARS:
            raise InputError(Fault(self._path, TOO_LONG, "shorten it"))


class _Relation(NamedTuple):
    kind: str  # the last word of its type, such as worksheet
    part: str


@dataclass(frozen=True)
class _Package:
    """An open workbook file; `encodings` remembers those of the parts that were read."""

    path: str
    packed: zipfile.ZipFile
    members: Mapping[str, zipfile.ZipInfo]
    encodings: dict[str, str]

    @contextmanager
    def part(self, name: str) -> Iterator[_Part]:
        """Raises KeyError for a part that isn't there, InputError for an encoding that isn't known."""
        info = self.members[_key(name)]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(Fault(self.path, "packed in a way that workbooks aren't", _SAVE_AGAIN))
        if info.filename not in self.encodings:
            self.encodings[info.filename] = self._encoding_of(info)
        with self.packed.open(info) as raw:
            yield _Part(raw, self.encodings[info.filename], self.path)

    def _encoding_of(self, info: zipfile.ZipInfo) -> str:
        """As it declares; GB18030 also where all of it is that, and UTF-8, which it declares, it is not."""
        with self.packed.open(info) as raw:
            declared = _declared_encoding(raw.read(1024), self.path)
        for encoding in dict.fromkeys([declared, "gb18030"] if declared == "utf-8" else [declared]):
            if self._decodes(info, encoding):
                return encoding
        raise InputError(Fault(self.path, f"its XML isn't {declared}, as it declares", _SAVE_AGAIN))

    def _decodes(self, info: zipfile.ZipInfo, encoding: str) -> bool:
        """Reads the part to its end, so its checksum and all its text are known to be good before any of it is used."""
        with self.packed.open(info) as raw:
            part = _Part(raw, encoding, self.path)
            try:
                while part.read():
                    pass
            except UnicodeDecodeError:
                return False
        return True

    def tree(self, name: str) -> ET.Element:
        """A small part, whole."""
        with self.part(name) as part:
            if self.members[_key(name)].file_size > MOST_TREE_BYTES:
                reason = f"a part other than a sheet has more than {MOST_TREE_BYTES:,} bytes"
                raise InputError(Fault(self.path, reason, _SAVE_AGAIN))
            return ET.fromstring(b"".join(iter(part.read, b"")))  # noqa: S314  # the part has no document type

    def relations(self, name: str) -> dict[str, _Relation]:
        """What a part refers to inside this file, by id; name '' is the file itself. Nothing outside is followed."""
        folder, own = posixpath.split(name)
        listed = posixpath.join(folder, "_rels", own + ".rels")
        if _key(listed) not in self.members:
            return {}
        return {
            each.get("Id", ""): _Relation(
                each.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, each.get("Target", "").replace("\\", "/"))),
            )
            for each in self.tree(listed)
            if each.get("TargetMode") != "External"
        }


@contextmanager
def _opened(file: Path, path: str, encodings: dict[str, str]) -> Iterator[_Package]:
    _refuse_others(_head(file), path)
    with _damage_told(path), file.open("rb") as plain, zipfile.ZipFile(plain) as packed:
        infos = [info for info in packed.infolist() if not info.is_dir()]
        _refuse_bombs(infos, path)
        members = {_key(info.filename): info for info in infos}
        if len(members) < len(infos):
            raise InputError(Fault(path, "damaged workbook (a part is there twice)", _SAVE_AGAIN))
        yield _Package(path, packed, members, encodings)


def _key(name: str) -> str:
    """Names of parts don't depend on case (ECMA-376, part 2), and some exporters write backslashes; never a path.

    >>> _key("xl\\\\SharedStrings.xml") == _key("/xl/sharedStrings.xml")
    True
    """
    return name.replace("\\", "/").lstrip("/").casefold()


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(4096)


def _is_markup(head: bytes) -> bool:
    return head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<"


def _refuse_others(head: bytes, path: str) -> None:
    if not head:
        raise InputError(Fault(path, "file is empty", "export it again"))
    if head.startswith(_OLE):
        fix = "open it, take its password away and save it as .xlsx"
        raise InputError(Fault(path, "encrypted or an old .xls workbook", fix))
    if not head.startswith(b"PK"):
        reason = "a web page or XML, not a workbook" if _is_markup(head) else "not a workbook"
        raise InputError(Fault(path, reason, _SAVE_AGAIN))


def _refuse_bombs(infos: Sequence[zipfile.ZipInfo], path: str) -> None:
    if len(infos) > MOST_PARTS:
        raise InputError(Fault(path, f"holds {len(infos):,} parts, the limit is {MOST_PARTS:,}", _SAVE_AGAIN))
    if any(info.flag_bits & 1 for info in infos):
        raise InputError(Fault(path, "is encrypted", "save it without a password"))
    packed_too_well = any(
        info.file_size > LARGE_PART and info.file_size > MOST_PACKING * info.compress_size for info in infos
    )
    if packed_too_well or sum(info.file_size for info in infos) > MOST_UNPACKED:
        reason = f"unpacks to more than {MOST_PACKING} times its size, or {MOST_UNPACKED:,} bytes"
        raise InputError(Fault(path, reason, "split the export by year, or save it as .csv"))


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    """What zipfile, zlib, expat and conversions throw at damaged files; their words only where they can't quote cells."""
    try:
        yield
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, ET.ParseError) as error:
        raise InputError(Fault(path, f"damaged workbook ({error})", _SAVE_AGAIN)) from error
    except OSError as error:
        raise InputError(
            Fault(path, f"can't be read ({error.strerror})", "check the file, or copy it again")
        ) from error
    except (ValueError, LookupError, ArithmeticError, EOFError, NotImplementedError, struct.error) as error:
        raise InputError(Fault(path, f"damaged workbook ({type(error).__name__})", _SAVE_AGAIN)) from error


def _declared_encoding(head: bytes, path: str) -> str:
    if head.startswith(_UTF16):
        return "utf-16"
    if head[:2] in (b"<\0", b"\0<"):
        return "utf-16-le" if head[1] == 0 else "utf-16-be"
    declared = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8))
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    if name not in _ENCODINGS:
        raise InputError(Fault(path, f"its XML is encoded as {name[:40]}, which isn't read", _SAVE_AGAIN))
    return _ENCODINGS[name]


# ---- the workbook: its sheets, its texts, what its styles mean ----


class _Sheet(NamedTuple):
    title: str
    part: str
    is_hidden: bool


@dataclass(frozen=True)
class _Book:
    """`kinds` is what the number format of a style (by its number as text, None is the first) makes of numbers."""

    sheets: Sequence[_Sheet]
    kinds: Mapping[str | None, int]
    is_1904: bool
    texts_part: str | None


def _book_of(package: _Package) -> _Book:
    starts = [each.part for each in package.relations("").values() if each.kind == "officeDocument"]
    main = starts[0] if starts else "/xl/workbook.xml"
    if _key(main) not in package.members or not main.endswith(".xml"):
        reason = "a binary workbook (.xlsb)" if main.endswith(".bin") else "a packed file, but not a workbook"
        raise InputError(Fault(package.path, reason, _SAVE_AGAIN))
    tree, relations = package.tree(main), package.relations(main)
    sheets = [
        _Sheet(each.get("name", ""), relation.part, each.get("state", "visible") != "visible")
        for each in _named(tree, "sheet")
        if (relation := relations.get(_relation_id(each))) is not None and relation.kind == "worksheet"
    ]
    is_1904 = any(each.get("date1904") in ("1", "true", "on") for each in _named(tree, "workbookPr"))
    parts = {each.kind: each.part for each in relations.values() if _key(each.part) in package.members}
    kinds = _kinds(package.tree(parts["styles"])) if "styles" in parts else {}
    return _Book(sheets, kinds, is_1904, parts.get("sharedStrings"))


def _named(tree: ET.Element, name: str) -> Iterator[ET.Element]:
    """All elements of this name, whichever namespace: files are of the transitional or the strict kind."""
    return (each for each in tree.iter() if each.tag.rpartition("}")[2] == name)


def _relation_id(element: ET.Element) -> str:
    return next((value for name, value in element.attrib.items() if name.endswith("}id")), "")


def _kinds(styles: ET.Element) -> dict[str | None, int]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    known = {str(number): _kind_of(code) for number, code in BUILTIN_FORMATS.items()}
    known |= {str(number): DATE for number in _CHINESE_DATES} | {str(number): DATE_TIME for number in _CHINESE_TIMES}
    own, cells = (next(_named(styles, name), ()) for name in ("numFmts", "cellXfs"))
    known |= {each.get("numFmtId", ""): _kind_of(each.get("formatCode", "")) for each in own}
    kinds: dict[str | None, int] = {
        str(i): known.get(style.get("numFmtId", "0"), NUMBER) for i, style in enumerate(cells)
    }
    return kinds | {None: kinds.get("0", NUMBER)}


def _kind_of(code: str) -> int:
    """What a number format shows: a number, a date, a date or day with a time, or time elapsed.

    >>> [_kind_of(code) for code in ("General", 'yyyy"年"m"月"', "[$-zh-CN]yyyy/m/d h:mm", "[h]:mm")]
    [0, 1, 2, 3]
    """
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format

    if not is_date_format(code):
        return NUMBER
    if is_timedelta_format(code):
        return ELAPSED
    return DATE_TIME if re.search("[hs]", _LITERAL.sub("", code).split(";")[0], re.IGNORECASE) else DATE


class _Texts:
    """The shared texts by number, read no further than they were asked for."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._read: list[str] = []
        self._rest = texts

    def __getitem__(self, number: int) -> str:
        """Raises IndexError for a text that isn't there."""
        if number < 0 or number >= MOST_TEXTS:
            raise IndexError(number)
        if number >= len(self._read):
            self._read.extend(islice(self._rest, number + 1 - len(self._read)))
        return self._read[number]


@contextmanager
def _texts_of(package: _Package, book: _Book) -> Iterator[_Texts]:
    if book.texts_part is None:
        yield _Texts(iter(()))
        return
    with package.part(book.texts_part) as part:
        yield _Texts(_text_in(each) for each in _elements(part, "sst", "si", package.path))


def _text_in(element: ET.Element) -> str:
    """The text of a cell without its formatting and without the reading aids that East Asian texts have."""
    runs: list[str] = []
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name == "t":
            runs.append(child.text or "")
        elif name == "r":
            runs += [each.text or "" for each in child if each.tag.rpartition("}")[2] == "t"]
    return "".join(runs)


def _elements(part: _Part, parent: str, name: str, path: str) -> Iterator[ET.Element]:
    """The children `name` of the first element `parent`, each gone from memory once the next one is asked for."""
    holder: ET.Element | None = None
    tag, count = "", 0
    for event, element in ET.iterparse(part, ("start", "end")):  # noqa: S314  # the part has no document type
        count += 1
        if count > 2 * MOST_ELEMENTS:
            raise InputError(Fault(path, "a row has too many cells", _SAVE_AGAIN))
        if event == "start":
            if holder is None and element.tag.rpartition("}")[2] == parent:
                holder, tag = element, element.tag.removesuffix(parent) + name
        elif element.tag == tag and holder is not None:
            yield element
            holder.clear()
            count = 0
        elif element is holder:
            return


# ---- cells as text ----


class _UnusableError(Exception):
    """A cell that costs its row: `reason` and what is shown of it."""

    def __init__(self, reason: str, shown: str) -> None:
        super().__init__(reason)
        self.reason, self.shown = reason, shown


class _Tags(NamedTuple):
    cell: str
    value: str
    formula: str
    inline: str


@cache
def _tags(row_tag: str) -> _Tags:
    space = row_tag.removesuffix("row")
    return _Tags(*(space + name for name in ("c", "v", "f", "is")))


class _Cells:
    """The texts of the cells of one sheet."""

    def __init__(self, book: _Book, texts: _Texts) -> None:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

        self._kinds, self._texts, self._from_excel = book.kinds, texts, from_excel
        self._epoch = CALENDAR_MAC_1904 if book.is_1904 else CALENDAR_WINDOWS_1900
        self._tags = _tags("row")

    def by_column(self, row: ET.Element) -> dict[int, ET.Element]:
        """The cells of a row by their columns from 1, those that are empty among them.

        Raises ValueError for a column that is there twice, or beyond the last one.
        """
        self._tags = tags = _tags(row.tag)
        found: dict[int, ET.Element] = {}
        at = count = 0
        for cell in row:
            if cell.tag == tags.cell:
                place = cell.get("r")
                at = _column(place.rstrip("0123456789")) if place else at + 1
                found[at] = cell
                count += 1
        if count > len(found) or at > LAST_SHEET_COLUMN:
            raise ValueError("columns out of order")
        return found

    def text(self, cell: ET.Element) -> str:
        """The stored value without surrounding blanks; '' for an empty cell.

        Raises _UnusableError for an error, a formula without a value and a text above the limit.
        """
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            inline = cell.find(self._tags.inline)
            return _plain(_text_in(inline)) if inline is not None else ""
        raw = cell.findtext(self._tags.value)
        if not raw:
            if kind != "str" and cell.find(self._tags.formula) is not None:  # "str": the result is an empty text
                raise _UnusableError(NO_VALUE, "")
            return ""
        if kind == "n":
            return self._number(raw, self._kinds.get(cell.get("s"), NUMBER))
        if kind == "s":
            return _plain(self._texts[int(raw)])
        return self._other(kind, raw, self._kinds.get(cell.get("s"), NUMBER))

    def shown(self, cell: ET.Element) -> str:
        """The text, or what stands for it in a cell that has none."""
        try:
            return self.text(cell)
        except _UnusableError as error:
            return error.shown

    def is_filled(self, cell: ET.Element) -> bool:
        try:
            return self.text(cell) != ""
        except _UnusableError:
            return True

    def _other(self, kind: str, raw: str, format_kind: int) -> str:
        if kind == "e":
            raise _UnusableError(f"error cell {raw[:20]}", raw[:20])
        if kind == "b":
            return "no" if raw.strip() in ("0", "false") else "yes"
        if kind == "d":  # ISO 8601 already
            moment = raw.strip().replace("T", " ", 1)
            return moment.removesuffix(" 00:00:00") if format_kind == DATE else moment
        return _plain(raw)

    def _number(self, raw: str, kind: int) -> str:
        if kind == NUMBER:
            return _number_text(raw)
        days = float(raw)
        if not 0 <= days < _LAST_DAY:  # Excel itself shows only #### for it
            return _number_text(raw)
        if kind == ELAPSED:
            return _elapsed(days)
        return _moment_text(self._from_excel(days, self._epoch), date_only=kind == DATE)


@cache
def _column(letters: str) -> int:
    from openpyxl.utils.cell import column_index_from_string

    return int(column_index_from_string(letters))


def _plain(text: str) -> str:
    """A text without surrounding blanks, and with the characters that Excel writes as codes.

    Raises _UnusableError above the limit of a field.
    """
    if len(text) > MOST_FIELD_CHARS:
        raise _UnusableError(TOO_LONG, text[:60])
    if "_x" in text:
        text = _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
    return text.strip()


def _number_text(raw: str) -> str:
    """The shortest exact text of a number; from 1E+15 on as Excel shows it, because the last digits are lost.

    >>> [_number_text(raw) for raw in ("123.0", "109.73400000000001", "61089000123456789012", "1E-3", "NaN")]
    ['123', '109.73400000000001', '6.1089E+19', '0.001', '']
    """
    if len(raw) <= 15 and raw.isascii() and raw.isdigit() and raw[0] != "0":
        return raw
    value = float(raw)
    if value != value:
        return ""
    if abs(value) >= 1e15:
        digits, _, power = f"{value:.5E}".partition("E")
        return digits.rstrip("0").rstrip(".") + ("E" + power if power else "")
    return str(int(value)) if value.is_integer() else repr(value)


def _elapsed(days: float) -> str:
    """Hours, minutes and seconds.

    >>> _elapsed(1.125)
    '27:00:00'
    """
    minutes, seconds = divmod(round(days * 86_400), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def _moment_text(moment: datetime | time, *, date_only: bool) -> str:
    """ISO 8601; a midnight that isn't shown is no time."""
    precision = "milliseconds" if moment.microsecond else "seconds"
    if isinstance(moment, time):
        return moment.isoformat(precision)
    if date_only and moment.time() == time():
        return moment.date().isoformat()
    return moment.isoformat(" ", precision)


# ---- the sheet and its header ----


class _Headed(NamedTuple):
    sheet: _Sheet
    row: int
    header: list[str]
    found: int  # how many of the columns that must be there
    last: int = LAST_SHEET_ROW  # the last row, where a given header row may lie beyond it


@dataclass(frozen=True)
class _Start:
    sheet: _Sheet
    row: int
    header: Sequence[str]
    choice: Choice
    notices: Sequence[str]


def _start_of(package: _Package, book: _Book, wanted: Wanted, layout: Layout) -> _Start:
    tried = [_headed(package, book, sheet, wanted, layout) for sheet in _candidates(book, layout, package.path)]
    complete = [each for each in tried if each.found == len(wanted.must)]
    if len(complete) > 1:
        titles = [each.sheet.title for each in complete]
        reason = f"several sheets have all required columns: {', '.join(titles)}"
        raise InputError(Fault(package.path, reason, f'name one: sheet = "{titles[0]}"'))
    best = max(tried, key=lambda each: (each.found, each.last))
    if not 1 <= best.row <= best.last:
        reason = f"header_row is {best.row}, the sheet '{best.sheet.title}' has {best.last} rows"
        raise InputError(Fault(package.path, reason, "give the row of the column names", row=best.row))
    choice = choose(best.header, wanted, package.path, row=best.row)
    notices = _sheet_notices(book, best.sheet) if layout.sheet is None else []
    if best.row > 1:
        notices.append(f"the header is row {best.row}; the rows above it are not data")
    return _Start(best.sheet, best.row, best.header, choice, notices)


def _candidates(book: _Book, layout: Layout, path: str) -> list[_Sheet]:
    if layout.sheet is None:
        candidates = [sheet for sheet in book.sheets if not sheet.is_hidden]
        reason = "no sheet with cells is visible"
    else:
        candidates = [sheet for sheet in book.sheets if sheet.title == layout.sheet]
        reason = f"no sheet is named '{layout.sheet}'"
    if not candidates:
        titles = ", ".join(sheet.title + (" (hidden)" if sheet.is_hidden else "") for sheet in book.sheets)
        first = book.sheets[0].title if book.sheets else "its name"
        raise InputError(Fault(path, f"{reason}; sheets: {titles or 'none'}", f'name one: sheet = "{first}"'))
    return candidates


def _sheet_notices(book: _Book, chosen: _Sheet) -> list[str]:
    hidden = [sheet.title for sheet in book.sheets if sheet.is_hidden]
    others = [sheet.title for sheet in book.sheets if not sheet.is_hidden and sheet != chosen]
    notices = [f"hidden sheets are not read: {', '.join(hidden)}"] if hidden else []
    return notices + ([f"sheet '{chosen.title}' is read, others are not: {', '.join(others)}"] if others else [])


def _headed(package: _Package, book: _Book, sheet: _Sheet, wanted: Wanted, layout: Layout) -> _Headed:
    """The likeliest header of a sheet, or the row that is said to be it."""
    given = layout.header_row
    head = _first_rows(package, book, sheet, given or MOST_HEADER_ROWS)
    last = max(head, default=0)
    if given is not None:
        header = head.get(given, [])
        return _Headed(sheet, given, header, len({wanted.named[name] for name in wanted.must} & set(header)), last)
    rows = [head.get(number, []) for number in range(1, last + 1)]
    at, found = header_position(rows, wanted)
    return _Headed(sheet, at + 1, rows[at] if rows else [], found)


def _first_rows(package: _Package, book: _Book, sheet: _Sheet, most: int) -> dict[int, list[str]]:
    """The rows up to `most` as they would be read for names: of a row that isn't there up to the next one, []."""
    found: dict[int, list[str]] = {}
    with package.part(sheet.part) as part, _texts_of(package, book) as texts:
        cells = _Cells(book, texts)
        for number, row in _numbered(part, package.path):
            if number >= most:
                found[most] = _names(row, cells) if number == most else []
                break
            if most <= MOST_HEADER_ROWS:  # a header further down is named by its row, and what is above needn't stay
                found[number] = _names(row, cells)
            else:
                found = {number: []}
    return found


def _names(row: ET.Element, cells: _Cells) -> list[str]:
    by_column = cells.by_column(row)
    width = max((at for at, cell in by_column.items() if cells.is_filled(cell)), default=0)
    return [_name(cells.shown(by_column[at])) if at in by_column else "" for at in range(1, width + 1)]


def _name(text: str) -> str:
    """A column's name without line breaks: they stand for a blank between Latin words, for nothing in Chinese.

    >>> _name(" 发生\\r\\n时间 "), _name("call\\n id")
    ('发生时间', 'call id')
    """
    return _LINE_BREAK.sub(lambda at: at[1] + (" " if (at[1] + at[2]).isascii() else "") + at[2], text).strip()


def _numbered(part: _Part, path: str) -> Iterator[tuple[int, ET.Element]]:
    """The rows with their numbers in the sheet; those without cells may not be among them.

    Raises InputError where the numbers don't go up, and ValueError for what isn't a number.
    """
    number = 0
    for row in _elements(part, "sheetData", "row", path):
        before, number = number, int(row.get("r", number + 1))
        if not before < number <= LAST_SHEET_ROW:
            raise InputError(Fault(path, f"damaged workbook (row {number} comes after row {before})", _SAVE_AGAIN))
        yield number, row


# ---- its rows ----


@dataclass(frozen=True)
class _Reader:
    """What is needed to read the rows of the sheet from the first on."""

    file: Path
    path: str
    book: _Book
    start: _Start
    encodings: dict[str, str]
    notices: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[int]:
        return [position + 1 for position in self.start.choice.positions]

    def tell(self, numbers: Sequence[int], what: str) -> None:
        told = f"{'rows' if len(numbers) > 1 else 'row'} {', '.join(map(str, numbers))}: {what}, not data"
        if numbers and told not in self.notices:  # batches may be read again
            self.notices.append(told)


class _Row(NamedTuple):
    """`filled` cells of all columns and the text of the first one are counted where few of the wanted ones are filled."""

    number: int
    texts: list[str]
    reason: str  # '' for a row that can be used
    filled: int
    first: str


def _batches(reader: _Reader) -> Iterator[Batch]:
    with (
        _opened(reader.file, reader.path, reader.encodings) as package,
        package.part(reader.start.sheet.part) as part,
        _texts_of(package, reader.book) as texts,
    ):
        rows = _without_end(_rows(part, _Cells(reader.book, texts), reader), reader)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            yield _batch(some, reader.start.choice)


def _batch(rows: Sequence[_Row], choice: Choice) -> Batch:
    good = [row for row in rows if not row.reason]
    bad = [BadRow(row.number, row.reason, _printable(",".join(row.texts))) for row in rows if row.reason]
    columns: Iterable[Any] = zip(*(row.texts for row in good), strict=True) if good else [()] * len(choice.names)
    found = {name: pa.array(values, pa.string()) for name, values in zip(choice.names, columns, strict=True)}
    return Batch(text_table(found), np.array([row.number for row in good], dtype=np.int64), bad)


def _rows(part: _Part, cells: _Cells, reader: _Reader) -> Iterator[_Row]:
    columns = reader.columns
    for number, element in _numbered(part, reader.path):
        if number > reader.start.row:
            by_column = cells.by_column(element)
            row = _row_of(number, by_column, columns, cells, reader.start.header)
            if row.filled:
                yield row


def _row_of(
    number: int, by_column: Mapping[int, ET.Element], columns: Sequence[int], cells: _Cells, header: Sequence[str]
) -> _Row:
    reason = ""
    try:
        texts = [cells.text(by_column[at]) if at in by_column else "" for at in columns]
    except _UnusableError:
        reason = _first_fault(by_column, columns, cells, header)
        texts = [cells.shown(by_column[at]) if at in by_column else "" for at in columns]
    blank = texts.count("")
    if blank * 2 < len(texts) and len(texts) - blank > 1:
        return _Row(number, texts, reason, len(texts), "")
    filled = [by_column[at] for at in sorted(by_column) if cells.is_filled(by_column[at])]
    return _Row(number, texts, reason, len(filled), cells.shown(filled[0]) if filled else "")


def _first_fault(
    by_column: Mapping[int, ET.Element], columns: Sequence[int], cells: _Cells, header: Sequence[str]
) -> str:
    """Why a row that has an unusable cell can't be used."""
    for at in (column for column in columns if column in by_column):
        try:
            cells.text(by_column[at])
        except _UnusableError as error:
            return f"{error.reason} in column '{header[at - 1]}'" if error.reason.startswith("error") else error.reason
    raise AssertionError("a row without a fault")


def _without_end(rows: Iterator[_Row], reader: _Reader) -> Iterator[_Row]:
    """The rows but for totals and notes at the end, which are told."""
    held: deque[_Row] = deque()
    for row in rows:
        held.append(row)
        if len(held) > HELD_ROWS:
            yield held.popleft()
    width = sum(1 for name in reader.start.header if name)
    alone = list(takewhile(lambda row: row.filled <= 1 and width >= 3, reversed(held)))
    table = list(held)[: len(held) - len(alone)]
    totals = [row for row in [*table[-LAST_ROWS:], *reversed(alone)] if _is_total(row, alone=row in alone)]
    notes = [row for row in reversed(alone) if row not in totals]
    reader.tell([row.number for row in totals], "totals")
    reader.tell([row.number for row in notes], "a single cell below the table")
    yield from (row for row in table if row not in totals)


def _is_total(row: _Row, *, alone: bool) -> bool:
    """It begins like a sum, and half of the columns that are read are blank in it."""
    return is_totals([row.first]) and (alone or row.texts.count("") * 2 >= len(row.texts))


def _printable(text: str, most: int = 500) -> str:
    shown = text.replace("\0", "\\x00")
    return shown if len(shown) <= most else shown[: most - 1] + "…"
