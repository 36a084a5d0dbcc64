"""Workbooks (.xlsx) whose texts stay texts and whose bytes are the same for the same content."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from hotspot.errors import OutputError

WIDEST = 60  # characters; longer texts wrap
_FIXED = (2000, 1, 1, 0, 0, 0)
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
Row = Sequence[Any]


def workbook_bytes(sheets: Iterable[tuple[str, Sequence[str], Iterable[Row]]], *, title: str = "") -> bytes:
    """A workbook of sheets (name, headers, rows) in their order, with a bold header on top that stays in sight.

    A text is a text, also one that looks like a formula; control characters are written as Excel writes them. The
    format's own times are fixed at 2000-01-01. A sheet without rows keeps its header.
    """
    book = Workbook(write_only=True)
    book.properties.creator = "hotspot-patrol"
    book.properties.title = excel_text(title)
    book.properties.created = datetime(*_FIXED)
    for name, headers, rows in sheets:
        _fill(book.create_sheet(name), headers, list(rows))
    file = io.BytesIO()
    book.save(file)
    return _timeless(file.getvalue())


def write_workbook(path: str | Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Writes a new workbook with one sheet per table; lists are joined by commas, truths are yes and no.

    Raises:
        OutputError: the file exists already, or can't be written.
    """
    tables = [(name, [str(column) for column in table.columns], _rows(table)) for name, table in sheets.items()]
    try:
        with Path(path).open("xb") as file:
            file.write(workbook_bytes(tables))
    except FileExistsError as error:
        raise OutputError(f"{path}: is there already; fix: give another name, or move it away") from error
    except OSError as error:
        raise OutputError(
            f"{path}: can't be written: {error.strerror}; fix: give a path that can be written"
        ) from error


def _rows(table: pd.DataFrame) -> list[Row]:
    return [[_plain(value) for value in row] for row in table.to_numpy(dtype=object)]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return ", ".join(str(_plain(each)) for each in value)
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _fill(sheet: Any, headers: Sequence[str], rows: Sequence[Row]) -> None:
    sheet.freeze_panes = "A2"
    for column, header in enumerate(headers):
        texts = [header, *("0" * 19 if isinstance(row[column], datetime) else str(row[column]) for row in rows)]
        width = min(max(map(_width, texts)), WIDEST) + 2
        sheet.column_dimensions[get_column_letter(column + 1)].width = width
    bold = Font(bold=True)
    sheet.append([_cell(sheet, header, font=bold) for header in headers])
    for row in rows:
        sheet.append([_cell(sheet, value) for value in row])


def _cell(sheet: Any, value: Any, *, font: Font | None = None) -> Any:
    cell = WriteOnlyCell(sheet, excel_text(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"  # the library takes a text that begins with = for a formula
        if len(value) > WIDEST:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    elif isinstance(value, datetime):
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
    if font is not None:
        cell.font = font
    return cell


def _width(text: str) -> int:
    """Columns that the text takes: Chinese characters are two wide."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text[:WIDEST])


def excel_text(text: str) -> str:
    """The text with what XML can't hold as Excel's codes, and with what looks like such a code escaped.

    >>> excel_text("a\\x01"), excel_text("_x0041_"), excel_text("a_x")
    ('a_x0001_', '_x005F_x0041_', 'a_x')
    """
    return _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _timeless(content: bytes) -> bytes:
    """The same workbook without the time at which it was written: neither in its entries nor in its properties."""
    told = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(told, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", data)
            entry = zipfile.ZipInfo(name, _FIXED)
            entry.create_system = 3  # the same on every system
            entry.external_attr = 0o600 << 16
            new.writestr(entry, data, zipfile.ZIP_DEFLATED, 6)
    return told.getvalue()
