"""A printable page per team: where to be when, what to do there, and the way drawn north up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from hotspot.mapping import words
from planning.output.instructions import instruction
from planning.output.markup import DATUM_NAMES
from planning.output.printed import printed_facts, printed_templates
from planning.output.qr_codes import code_svg, route_texts
from planning.output.sheet_drawing import boxes_of, route_drawing

EMERGENCY = "110"


def write_sheets(folder: Path, payload: Mapping[str, Any]) -> None:
    """A page per team that has visits, named by the team's id, and an index of all teams."""
    folder.mkdir()
    boxes = boxes_of(payload.get("streets", {}).get("lines", []))
    for team in payload["teams"]:
        if team["visits"]:
            text = sheet_html({**payload, "team": team}, language=payload["language"], boxes=boxes)
            (folder / f"{team['id']}.html").write_text(text, encoding="utf-8", newline="\n")
    index = index_html(payload, language=payload["language"])
    (folder / "index.html").write_text(index, encoding="utf-8", newline="\n")


def sheet_html(sheet: Mapping[str, Any], *, language: str, boxes: npt.NDArray[np.float64] | None = None) -> str:
    """One team's sheet. `sheet` is the page's data with `team` set to one of its teams, `boxes` those of its streets.

    It has one A4 page for up to eight stops. Every text is escaped and nothing is loaded. Printed coordinates are in
    WGS-84; the code for phones is in the datum of `sheet["sheets"]` and says so. A team without visits gets a page that
    says why.
    """
    team = sheet["team"]
    starts = datetime.fromisoformat(team["shift"]["start"])
    facts = _common(sheet, language)
    settings = sheet.get("sheets", {})
    datum = settings.get("datum", "wgs84")
    return _templates().get_template("sheet.html").render(
        facts,
        team=team,
        point=next((point for point in sheet.get("points", []) if point["id"] == team["point_id"]), None),
        date=starts.date().isoformat(),
        weekday=facts["w"]["weekdays"].split(" ")[starts.weekday()],
        drawing=route_drawing(sheet, boxes=boxes),
        total_m=_total_m(team),
        back=_way_back(team),
        attribution=sheet.get("attribution", ""),
        as_of=sheet.get("as_of", ""),
        codes=[code_svg(text) for text in route_texts(team, datum=datum)],
        codes_told=facts["s"]["codes"].format(datum=DATUM_NAMES[datum]),
        instructions=_instructions(sheet, language),
        emergency=facts["s"]["emergency"].format(number=settings.get("emergency", EMERGENCY)),
    )  # fmt: skip


def index_html(payload: Mapping[str, Any], *, language: str) -> str:
    """The list of all teams with links to their sheets (`./T01.html`), and what is to know about the inputs."""
    return _templates().get_template("sheet_index.html").render(
        _common(payload, language),
        teams=[{"team": team, "total_m": _total_m(team)} for team in payload.get("teams", [])],
        notices=payload.get("notices", []),
        window=payload.get("window"),
    )  # fmt: skip


def clock(instant: str) -> str:
    """The hour and minute of an ISO 8601 time as it is written, in its own zone.

    >>> clock("2026-10-30T18:05:40+08:00")
    '18:05'
    """
    return instant[11:16]


def distance(metres: float) -> str:
    """
    >>> distance(840.2), distance(1260)
    ('840 m', '1.3 km')
    """
    return f"{metres:.0f} m" if metres < 950 else f"{metres / 1000:.1f} km"


def minutes(span: tuple[str, str]) -> int:
    """Whole minutes between two ISO 8601 times, over midnight and changes of the clock.

    >>> minutes(("2026-10-30T23:55:00+08:00", "2026-10-31T00:07:00+08:00"))
    12
    """
    start, end = (datetime.fromisoformat(instant) for instant in span)
    return round((end - start) / timedelta(minutes=1))


@cache
def _templates() -> jinja2.Environment:
    return printed_templates(clock=clock, distance=distance, minutes=minutes)


def _common(payload: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        **printed_facts(language),
        "title": payload.get("title", ""),
        "synthetic": payload.get("synthetic", False),
        "run_id": payload.get("run_id", ""),
        "s": words(language, "sheets"),
    }


def _instructions(sheet: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """The team's activities in the order of its visits, each with what to do."""
    activities = dict.fromkeys(visit["activity"] for visit in sheet["team"]["visits"])
    told = [
        (words(language).get(activity, activity), instruction(sheet, activity, language)) for activity in activities
    ]
    return [(activity, text) for activity, text in told if text]


def _total_m(team: Mapping[str, Any]) -> float:
    return float(sum(leg["travel_m"] for leg in team["legs"]))


def _way_back(team: Mapping[str, Any]) -> dict[str, Any] | None:
    """The leg after the last visit and when it ends; None where there is none."""
    if not team["visits"] or not team["legs"]:
        return None
    last, leg = team["visits"][-1], team["legs"][-1]
    if leg["sequence"] <= last["sequence"]:
        return None
    at = datetime.fromisoformat(last["leave"]) + timedelta(seconds=leg["travel_s"])
    return {"at": at.isoformat(), "travel_s": leg["travel_s"], "travel_m": leg["travel_m"]}
