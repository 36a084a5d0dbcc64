"""What a plan gives to other programs: a workbook, a globe's file, and per team a track and a calendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hotspot.geo import to_datum
from planning.output.calendar_files import team_ics
from planning.output.kml import plan_kml
from planning.output.spreadsheet import plan_xlsx
from planning.output.tracks import team_gpx

DECIMALS = 6  # of a degree: about 10 cm
Payload = dict[str, Any]


def write_plan_exports(folder: Path, payload: Payload, *, datums: Sequence[str] = ()) -> None:
    """`plan.xlsx`, `plan.kml`, and `T01.gpx` and `T01.ics` of every team with visits, in WGS-84; and once more in every
    other of `datums`, which the names then tell (`T01.gcj02.gpx`).

    All is made of the page's data, so a finished run holds all that is needed. The same data give the same bytes.
    """
    for datum in dict.fromkeys(["wgs84", *datums]):
        mark = "" if datum == "wgs84" else f".{datum}"
        shown = in_datum(payload, datum)
        (folder / f"plan{mark}.xlsx").write_bytes(plan_xlsx(shown, datum=datum))
        (folder / f"plan{mark}.kml").write_bytes(plan_kml(shown, datum=datum))
        for team in shown["teams"]:
            if team["visits"]:
                track = team_gpx(shown, team, datum=datum)
                (folder / f"{team['id']}{mark}.gpx").write_text(track, encoding="utf-8", newline="\n")
                (folder / f"{team['id']}{mark}.ics").write_bytes(team_ics(shown, team, datum=datum))


def in_datum(payload: Payload, datum: str) -> Payload:
    """The page's data with stops, ways, hotspots and patrol points in `datum`; the rest is left as it is, in WGS-84."""
    if datum == "wgs84":
        return payload
    return payload | {
        "points": [_moved(point, datum) for point in payload["points"]],
        "hotspots": [spot | {"rings": [_line(ring, datum) for ring in spot["rings"]]} for spot in payload["hotspots"]],
        "teams": [
            team
            | {
                "visits": [_moved(visit, datum) for visit in team["visits"]],
                "legs": [leg | {"line": _line(leg["line"], datum)} for leg in team["legs"]],
            }
            for team in payload["teams"]
        ],
    }


def _moved(place: Mapping[str, Any], datum: str) -> Payload:
    ((lon, lat),) = _line([[place["lon"], place["lat"]]], datum)
    return {**place, "lon": lon, "lat": lat}


def _line(line: Sequence[Sequence[float]], datum: str) -> list[list[float]]:
    degrees = np.asarray(line, dtype=float).reshape(-1, 2)
    moved = np.column_stack(to_datum(degrees[:, 0], degrees[:, 1], datum))
    line_there: list[list[float]] = np.round(moved, DECIMALS).tolist()
    return line_there
