"""A team's way as GPX 1.1: its point and its stops as waypoints with times, and the way along streets as a track."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gpxpy.gpx import GPX, GPXTrack, GPXTrackPoint, GPXTrackSegment, GPXWaypoint

from hotspot.mapping import words
from planning.output.markup import DATUM_NAMES, xml_text
from planning.output.sheets import clock


def team_gpx(payload: Mapping[str, Any], team: Mapping[str, Any], *, datum: str) -> str:
    """The GPX text of one team of the page's data, whose places are in `datum` already.

    A waypoint's time is the planned start of service, in UTC as the format wants it; its description has local times.
    The metadata state the datum and the instant of the plan's data; control characters are left out.
    """
    gpx = GPX()
    gpx.creator = f"hotspot-patrol {payload['version']}"
    gpx.name = xml_text(f"{team['id']} {team['name']}")
    gpx.description = xml_text(_about(payload, datum))
    gpx.time = _utc(payload["as_of"])
    gpx.waypoints = [*_home(payload, team), *(_stop(visit, payload["language"]) for visit in team["visits"])]
    if team["legs"]:
        way = GPXTrack(name=gpx.name)
        way.segments = [_segment(leg["line"]) for leg in team["legs"]]
        gpx.tracks = [way]
    text: str = gpx.to_xml()
    return text


def _about(payload: Mapping[str, Any], datum: str) -> str:
    told = words(payload["language"], "sheets")
    as_of = told["planned_as_of"].format(as_of=payload["as_of"])
    return f"{payload['title']}; {told['datum_note'].format(datum=DATUM_NAMES[datum])} {as_of}"


def _home(payload: Mapping[str, Any], team: Mapping[str, Any]) -> list[GPXWaypoint]:
    name = words(payload["language"], "sheets")["start_and_end"]
    return [
        GPXWaypoint(point["lat"], point["lon"], name=xml_text(f"{point['id']} {point['name']}"), description=name)
        for point in payload["points"]
        if point["id"] == team["point_id"]
    ]


def _stop(visit: Mapping[str, Any], language: str) -> GPXWaypoint:
    activity = words(language).get(visit["activity"], visit["activity"])
    times = f"{clock(visit['arrive'])} / {clock(visit['start'])}–{clock(visit['leave'])}"
    return GPXWaypoint(
        visit["lat"],
        visit["lon"],
        time=_utc(visit["start"]),
        name=xml_text(f"{visit['sequence']} {visit['hotspot_id']}"),
        description=xml_text(" · ".join(part for part in (times, activity, visit["place"]) if part)),
        type=xml_text(visit["activity"]),
    )


def _segment(line: list[list[float]]) -> GPXTrackSegment:
    return GPXTrackSegment([GPXTrackPoint(lat, lon) for lon, lat in line])


def _utc(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC)
