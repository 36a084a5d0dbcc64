"""The plan as a workbook: visits, teams, hotspots, what isn't served, notices, and what the words in it mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hotspot.mapping import words
from planning.output.markup import DATUM_NAMES
from planning.output.workbooks import workbook_bytes

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
Row = Sequence[Any]


def plan_xlsx(payload: Mapping[str, Any], *, datum: str) -> bytes:
    """The workbook of the page's data, whose places are in `datum` already; equal data give equal bytes.

    Columns are called as in `visits.csv` and `unserved.csv`; those of times name the district's zone, and the cells are
    times on its clock. Texts are texts, also those that look like formulas; control characters are written as Excel
    writes them (`_x0001_`). The last sheet tells what columns and codes mean in the district's language.
    """
    tables = ((name, _headers(columns, payload["timezone"]), rows) for name, columns, rows in _tables(payload, datum))
    return workbook_bytes(tables, title=payload["title"])


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
    told = words(payload["language"], "sheets")
    head = [payload["title"], told["planned_as_of"].format(as_of=payload["as_of"])]
    return [*head, told["datum_note"].format(datum=DATUM_NAMES[datum]), *payload["notices"]]


def _meanings(language: str) -> Iterable[Row]:
    told, columns = words(language), words(language, "sheets")["columns"]
    yield from columns.items()
    codes = (*words(language, "sheets")["instructions"], "walk", "ebike", "car")
    reasons = [word for word in told if word.isupper()]
    yield from ((code, told[code]) for code in (*codes, *reasons))


def _headers(columns: Sequence[str], zone: str) -> list[str]:
    return [f"{name} ({zone})" if name in TIMES else name for name in columns]


def _cells(columns: Sequence[str], row: Mapping[str, Any], zone: ZoneInfo) -> list[Any]:
    return [_local(row[name], zone) if name in TIMES else row[name] for name in columns]


def _local(instant: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(instant).astimezone(zone).replace(tzinfo=None)
