"""Workbooks (.xlsx) whose texts stay texts and whose bytes are the same for the same content."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from hotspot.errors import OutputError

_WRITTEN = dt.datetime(2000, 1, 1)
_MOST_WIDTH = 60
_STAMP = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def write_workbook(path: str | Path, sheets: Mapping[str, pd.DataFrame]) -> None:
    """Writes a new workbook with one sheet per table, in their order, a bold header on top that stays in sight.

    A text is a text, also one that looks like a formula; lists are joined by commas, truths are yes and no. The format's
    own times are fixed at 2000-01-01. An empty table keeps its header.

    Raises:
        OutputError: the file exists already, or can't be written.
    """
    book: Any = openpyxl.Workbook()
    book.remove(book.active)
    book.properties.created = _WRITTEN
    for title, table in sheets.items():
        _fill(book.create_sheet(title), table)
    try:
        with Path(path).open("xb") as file:
            file.write(_timeless(book))
    except FileExistsError as error:
        raise OutputError(f"{path}: is there already; fix: give another name, or move it away") from error
    except OSError as error:
        raise OutputError(
            f"{path}: can't be written: {error.strerror}; fix: give a path that can be written"
        ) from error


def _fill(sheet: Any, table: pd.DataFrame) -> None:
    rows = [list(table.columns), *table.itertuples(index=False)]
    widths = [8] * len(table.columns)
    for r, row in enumerate(rows, start=1):
        for c, value in enumerate(row, start=1):
            cell = sheet.cell(row=r, column=c, value=_plain(value))
            if isinstance(cell.value, str):
                cell.data_type = "s"  # a name that begins with = is no formula
                widths[c - 1] = min(
                    max(widths[c - 1], 2 + sum(1 + (ord(each) > 0x2E7F) for each in cell.value)), _MOST_WIDTH
                )
            if r == 1:
                cell.font = Font(bold=True)
    for c, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(c)].width = width
    sheet.freeze_panes = "A2"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return ", ".join(str(_plain(each)) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def _timeless(book: Any) -> bytes:
    """The file's bytes with every time of writing in it fixed: openpyxl stamps the parts and the archive."""
    written, fixed = io.BytesIO(), io.BytesIO()
    book.save(written)
    stamp = _WRITTEN.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":
                part = _STAMP.sub(rb"\g<1>" + stamp, part)
            entry = zipfile.ZipInfo(name, _WRITTEN.timetuple()[:6])
            entry.create_system = 3  # the same on every system
            target.writestr(entry, part, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()
