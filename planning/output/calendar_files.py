"""A team's visits as an iCalendar file (RFC 5545): one event per visit, which any phone can take over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vText

from hotspot.mapping import words
from planning.output.instructions import instruction
from planning.output.markup import DATUM_NAMES, xml_text


def team_ics(payload: Mapping[str, Any], team: Mapping[str, Any], *, datum: str) -> bytes:
    """The calendar of one team of the page's data, whose places are in `datum` already.

    Times are local to the district, and the zone's rules are in the file. An event keeps its UID when the night is
    planned again, and its DTSTAMP is the instant of the plan's data, so a phone replaces the older one by the newer.
    Without visits it is a calendar without events.
    """
    calendar = Calendar()
    calendar.add("prodid", f"-//hotspot-patrol//{payload['version']}//")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    # of a property that isn't of the standard the library would take the text as it is
    calendar.add("x-wr-calname", vText(xml_text(f"{team['id']} {team['name']}")))
    for visit in team["visits"]:
        calendar.add_component(_event(payload, team, visit, datum))
    year = datetime.fromisoformat(payload["window"]["start"]).year
    # the zone's rules come before the events; made once, since the library takes longer for them than for all the rest
    zones = [_zone(tzid, year) for tzid in sorted(calendar.get_missing_tzids())]
    calendar.subcomponents = zones + calendar.subcomponents
    return bytes(calendar.to_ical())


def _event(payload: Mapping[str, Any], team: Mapping[str, Any], visit: Mapping[str, Any], datum: str) -> Event:
    language = payload["language"]
    activity = words(language).get(visit["activity"], visit["activity"])
    in_datum = words(language, "sheets")["datum_note"].format(datum=DATUM_NAMES[datum])
    told = [instruction(payload, visit["activity"], language), in_datum]
    event = Event()
    event.add("uid", _uid(payload, team, visit))
    event.add("dtstamp", datetime.fromisoformat(payload["as_of"]).astimezone(UTC))
    event.add("dtstart", _local(visit["start"], payload["timezone"]))
    event.add("dtend", _local(visit["leave"], payload["timezone"]))
    event.add("summary", xml_text(f"{visit['sequence']} {visit['hotspot_id']} {activity}"))
    event.add("location", xml_text(" ".join([visit["place"], f"{visit['lat']:.6f},{visit['lon']:.6f}"]).strip()))
    event.add("description", xml_text("\n".join(part for part in told if part)))
    event.add("geo", (visit["lat"], visit["lon"]))
    return event


def _uid(payload: Mapping[str, Any], team: Mapping[str, Any], visit: Mapping[str, Any]) -> str:
    """The same for the same visit of a night, whichever run it is in."""
    night = f"{payload['district']}\n{payload['window']['start']}\n{team['id']}\n{visit['visit_id']}"
    return hashlib.sha256(night.encode()).hexdigest()[:24] + "@hotspot-patrol"


def _local(instant: str, zone: str) -> datetime:
    """The instant on the district's clock; in UTC in the hour that the clock shows twice, where it would mislead."""
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
    return local if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset() else local.astimezone(UTC)


@lru_cache(maxsize=16)
def _zone(tzid: str, year: int) -> Timezone:
    return Timezone.from_tzid(tzid, first_date=date(year - 1, 1, 1), last_date=date(year + 2, 1, 1))
