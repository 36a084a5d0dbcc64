"""The plan as a workbook: visits, teams, hotspots, what isn't served, notices, and what the words in it mean."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from hotspot.mapping import words
from planning.output.markup import DATUM_NAMES
from planning.output.sheet_words import sheet_words

VISITS = (
    "visit_id", "team_id", "sequence", "hotspot_id", "activity", "place", "lon", "lat", "arrive", "start", "leave",
    "travel_s", "travel_m", "value",
)  # fmt: skip
TEAMS = (
    "id", "name", "kind", "mode", "point_id", "members", "roles", "shift_start", "shift_end", "status", "reason", "visits",
    "total_m",
)  # fmt: skip
HOTSPOTS = ("id", "rank", "activity", "windows", "expected", "lower", "upper", "observed", "explanation")
UNSERVED = (
    "hotspot_id", "window_start", "window_end", "activity", "value", "reason", "detail", "relaxation",
)  # fmt: skip
TIMES = {"arrive", "start", "leave", "shift_start", "shift_end", "window_start", "window_end"}
WIDEST = 60  # characters; longer texts wrap
_FIXED = (2000, 1, 1, 0, 0, 0)
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
Row = Sequence[Any]


def plan_xlsx(payload: Mapping[str, Any], *, datum: str) -> bytes:
    """The workbook of the page's data, whose places are in `datum` already; equal data give equal bytes.

    Columns are called as in `visits.csv` and `unserved.csv`; those of times name the district's zone, and the cells are
    times on its clock. Texts are texts, also those that look like formulas; control characters are written as Excel
    writes them (`_x0001_`). The last sheet tells what columns and codes mean in the district's language.
    """
    book = Workbook(write_only=True)
    book.properties.creator = "hotspot-patrol"
    book.properties.title = excel_text(payload["title"])
    book.properties.created = datetime(*_FIXED)
    for name, columns, rows in _tables(payload, datum):
        _fill(book.create_sheet(name), _headers(columns, payload["timezone"]), list(rows))
    file = io.BytesIO()
    book.save(file)
    return _timeless(file.getvalue())


def _tables(payload: Mapping[str, Any], datum: str) -> Iterable[tuple[str, Sequence[str], Iterable[Row]]]:
    zone = ZoneInfo(payload["timezone"])
    yield "visits", VISITS, (_cells(VISITS, row, zone) for row in _visits(payload))
    yield "teams", TEAMS, (_cells(TEAMS, _team(team), zone) for team in payload["teams"])
    spots = (_hotspot(spot, payload["language"], zone) for spot in payload["hotspots"])
    yield "hotspots", HOTSPOTS, (_cells(HOTSPOTS, spot, zone) for spot in spots)
    yield "unserved", UNSERVED, (_cells(UNSERVED, row, zone) for row in payload["unserved"])
    yield "notices", ("notice",), ((notice,) for notice in _notices(payload, datum))
    yield "words", ("word", "meaning"), _meanings(payload["language"])


def _visits(payload: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (visit | {"team_id": team["id"]} for team in payload["teams"] for visit in team["visits"])


def _team(team: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **team,
        "roles": ";".join(team["roles"]),
        "shift_start": team["shift"]["start"],
        "shift_end": team["shift"]["end"],
        "visits": len(team["visits"]),
        "total_m": round(sum(leg["travel_m"] for leg in team["legs"]), 1),
    }


def _hotspot(spot: Mapping[str, Any], language: str, zone: ZoneInfo) -> dict[str, Any]:
    spans = [(_local(window["start"], zone), _local(window["end"], zone)) for window in spot["windows"]]
    windows = "; ".join(f"{start:%m-%d %H:%M}–{end:%H:%M}" for start, end in spans)
    return {**spot, "windows": windows, "explanation": spot["explanation"].get(language, "")}


def _notices(payload: Mapping[str, Any], datum: str) -> list[str]:
    told = sheet_words(payload["language"])
    head = [payload["title"], told["planned_as_of"].format(as_of=payload["as_of"])]
    return [*head, told["datum_note"].format(datum=DATUM_NAMES[datum]), *payload["notices"]]


def _meanings(language: str) -> Iterable[Row]:
    told, columns = words(language), sheet_words(language)["columns"]
    yield from columns.items()
    codes = (*sheet_words(language)["instructions"], "walk", "ebike", "car")
    reasons = [word for word in told if word.isupper()]
    yield from ((code, told[code]) for code in (*codes, *reasons))


def _headers(columns: Sequence[str], zone: str) -> list[str]:
    return [f"{name} ({zone})" if name in TIMES else name for name in columns]


def _cells(columns: Sequence[str], row: Mapping[str, Any], zone: ZoneInfo) -> list[Any]:
    return [_local(row[name], zone) if name in TIMES else row[name] for name in columns]


def _local(instant: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(instant).astimezone(zone).replace(tzinfo=None)


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
