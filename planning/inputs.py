"""Read everything a configuration names, and say everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot.areas import Areas, read_areas
from hotspot.calendars import Calendar, read_calendar
from hotspot.coordinates import as_written, likely_datum, likely_datum_of_streets
from hotspot.errors import Fault, InputError
from hotspot.geo import Floats, to_lonlat
from hotspot.incidents import Incidents, read_incidents
from hotspot.notices import table_notices
from hotspot.tables import open_table
from planning.config import Config
from planning.force import POINT_COLUMNS, TEAM_COLUMNS, read_points, read_teams
from planning.network import Closures, Conditions, Congestion, Streets, read_closures, read_congestion, read_streets

Progress = Callable[[str], None]
NEAR_A_STREET_M = 100.0
LEAST_NEAR_SHARE = 0.8
SAMPLED = 5000
LEAST_POINTS = 8  # with fewer patrol points nothing is said about their datum


@dataclass(frozen=True, eq=False)
class Inputs:
    """The checked tables of one district, all in its metric CRS."""

    areas: Areas
    incidents: Incidents
    points: gpd.GeoDataFrame
    teams: pd.DataFrame
    streets: Streets
    calendar: Calendar | None = None
    notices: tuple[str, ...] = ()
    closures: Closures | None = None
    congestion: Congestion | None = None


@dataclass(eq=False)
class Findings:
    """What reading the inputs found: those that could be read, all faults, and what a reader must know."""

    areas: Areas | None = None
    points: gpd.GeoDataFrame | None = None
    teams: pd.DataFrame | None = None
    streets: Streets | None = None
    incidents: Incidents | None = None
    calendar: Calendar | None = None
    closures: Closures | None = None
    congestion: Congestion | None = None
    table_notices: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def notices(self) -> list[str]:
        """What a reader of any result must know about the inputs."""
        return [*self.table_notices, *(self.incidents.notices if self.incidents is not None else ())]

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.faults.extend(error.faults)

    def inputs(self) -> Inputs:
        """All of them. Raises InputError with the faults, if there are any."""
        areas, incidents, points, teams, streets = self.areas, self.incidents, self.points, self.teams, self.streets
        if self.faults or areas is None or incidents is None or points is None or teams is None or streets is None:
            raise InputError(self.faults)
        return Inputs(
            areas, incidents, points, teams, streets, self.calendar, tuple(self.notices), self.closures, self.congestion
        )

    def as_dict(self, language: str) -> dict[str, Any]:
        """For JSON: `faults` (path, row, field, value, reason, fix, count), `incidents` (row counts), `notices`."""
        known = self.incidents
        return {
            "faults": [fault.as_dict(language) for fault in self.faults],
            "incidents": known.counts.as_dict() if known is not None else None,
            "inputs": known.inputs if known is not None else [],
            "notices": self.notices,
        }


def conditions_of(inputs: Inputs, config: Config) -> Conditions:
    """The district's own speeds, closures and congestion, and the calendar that congestion follows."""
    return Conditions(config.streets.speeds, inputs.closures, inputs.congestion, inputs.calendar)


def read_inputs(
    config: Config, *, strict: bool = False, cache: Path | None = None, progress: Progress = lambda stage: None
) -> Inputs:
    """Read areas, points, teams, streets and incidents. Raises one InputError with the faults of all of them.

    `cache`: a private folder for streets that were read before.
    """
    share = 0.0 if strict else config.incidents.max_rejected_share
    return look_into(config, max_rejected_share=share, cache=cache, progress=progress).inputs()


def check_inputs(config: Config, *, progress: Progress = lambda stage: None) -> Findings:
    """Everything that is wrong with the inputs, down to the single bad row, and how many rows ended how."""
    found = look_into(config, max_rejected_share=1.0, progress=progress)
    if found.incidents is not None:
        found.faults.extend(found.incidents.faults)
    return found


def look_into(config: Config, *, max_rejected_share: float, cache: Path | None = None, progress: Progress) -> Findings:
    """Read all inputs. A table that leans on a rejected one is read without it, so that its own faults still show."""
    found = Findings()
    _find_calendar(found, config)
    _find_force(found, config, progress)
    for table, names in ((config.points, POINT_COLUMNS), (config.teams, TEAM_COLUMNS)):
        with suppress(InputError):  # its faults are told by whoever reads it
            opened = open_table(table.path, required=names, columns=table.columns)
            found.table_notices += [f"{opened.path}: {notice}" for notice in table_notices(opened)]
    _find_roads(found, config, cache, progress)
    with found.collecting():
        progress("incidents")
        found.incidents = _incidents(config, found.areas, max_rejected_share, progress)
    if found.streets is not None:
        progress("streets and places")
        _compare_with_streets(found, found.streets, config)
    return found


def read_force(config: Config) -> tuple[Areas, gpd.GeoDataFrame, pd.DataFrame]:
    """Communities, patrol points and teams: what is asked about teams needs no incidents. Raises one InputError with the
    faults of all of them."""
    found = Findings()
    _find_force(found, config, lambda stage: None)
    if found.faults or found.areas is None or found.points is None or found.teams is None:
        raise InputError(found.faults)
    return found.areas, found.points, found.teams


def read_roads(config: Config, *, cache: Path | None = None) -> tuple[Streets, Conditions]:
    """The streets and what is known of them. Raises one InputError with the faults of all their files.

    `cache`: a private folder for streets that were read before.
    """
    found = Findings()
    _find_roads(found, config, cache, lambda stage: None)
    _find_calendar(found, config)
    if found.faults or found.streets is None:
        raise InputError(found.faults)
    return found.streets, Conditions(config.streets.speeds, found.closures, found.congestion, found.calendar)


def _find_calendar(found: Findings, config: Config) -> None:
    if config.district.calendar is not None:
        with found.collecting():
            found.calendar = read_calendar(config.district.calendar)


def _find_force(found: Findings, config: Config, progress: Progress) -> None:
    crs = config.district.crs
    with found.collecting():
        progress("areas")
        found.areas = read_areas(config.district.areas, crs=crs)
        found.table_notices += [f"{config.district.areas}: {notice}" for notice in found.areas.notices]
    with found.collecting():
        progress("points")
        found.points = read_points(config.points.path, crs=crs, columns=config.points.columns, areas=found.areas)
    with found.collecting():
        progress("teams")
        found.teams = read_teams(
            config.teams.path, points=found.points, areas=found.areas, columns=config.teams.columns
        )


def _find_roads(found: Findings, config: Config, cache: Path | None, progress: Progress) -> None:
    crs, asked = config.district.crs, config.streets
    with found.collecting():
        progress("streets")
        found.streets = read_streets(asked.path, crs=crs, cache=cache)
    if asked.closures is not None:
        with found.collecting():
            found.closures = read_closures(asked.closures, crs=crs, timezone=config.district.timezone)
    if asked.congestion is not None:
        with found.collecting():
            found.congestion = read_congestion(asked.congestion)


def _incidents(config: Config, areas: Areas | None, max_rejected_share: float, progress: Progress) -> Incidents:
    asked, zone = config.incidents, config.district.timezone
    path = asked.path if not isinstance(asked.path, tuple) else list(asked.path)
    return read_incidents(
        path,
        timezone=zone,
        crs=config.district.crs,
        columns=asked.columns,
        datum=asked.datum,
        areas=areas,
        categories=config.categories or None,
        max_rejected_share=max_rejected_share,
        now=pd.Timestamp.now(tz=zone),
        first=pd.Timestamp(asked.first_date, tz=zone) if asked.first_date else None,
        last=pd.Timestamp(asked.last_date, tz=zone) + pd.DateOffset(days=1) if asked.last_date else None,
        time_formats=asked.time_formats,
        coordinate_forms=asked.coordinate_forms,
        same_id=asked.same_id,
        sheet=asked.sheet,
        header_row=asked.header_row,
        progress=progress,
    )


def _compare_with_streets(found: Findings, streets: Streets, config: Config) -> None:
    """Places in another datum, and streets of another district, lie away from each other."""
    tree = shapely.STRtree(np.asarray(streets.edges.geometry))

    def distance_m(xy: Floats) -> Floats:
        (asked, _), distance = tree.query_nearest(shapely.points(xy), return_distance=True, all_matches=False)
        nearest = np.full(len(xy), np.inf)
        nearest[asked] = distance
        return nearest

    crs = config.district.crs
    incidents_path = ", ".join(entry["path"] for entry in found.incidents.inputs) if found.incidents else ""
    doubted = False
    if found.points is not None:
        lonlat = found.points[["lon", "lat"]].to_numpy(dtype=float)
        likely = likely_datum(lonlat, declared="wgs84", crs=crs, distance_m=distance_m, least=LEAST_POINTS)
        if likely:
            doubted = True
            found.faults.append(_datum_fault(str(config.points.path), likely, "wgs84", "convert the points to WGS-84"))
    if found.incidents is None or not len(found.incidents):
        return
    places = found.incidents.places
    places = places[:: max(1, len(places) // SAMPLED)]
    declared = config.incidents.datum
    if declared in ("wgs84", "gcj02", "bd09"):
        lonlat = as_written(places, crs=crs, datum=declared)
        likely = likely_datum(lonlat, declared=declared, crs=crs, distance_m=distance_m)
        if likely:
            doubted = True
            fix = f'set datum = "{likely}" in [incidents], or use streets in the datum of the incidents'
            found.faults.append(_datum_fault(incidents_path, likely, declared, fix))
    if not doubted and (likely := likely_datum_of_streets(to_lonlat(places, crs), crs=crs, distance_m=distance_m)):
        doubted = True
        reason = f"looks like {_SPOKEN[likely]}: the places lie on the streets once they are moved into it"
        found.faults.append(Fault(str(config.streets.path), reason, "use streets in WGS-84, or convert these"))
    share = float((distance_m(places) <= NEAR_A_STREET_M).mean())
    if share < LEAST_NEAR_SHARE and not doubted:
        reason = f"only {share:.0%} of the incidents lie within {NEAR_A_STREET_M:.0f} m of a street"
        fix = "use the streets of this district, in the declared datum (GCJ-02 is off by 300-700 m)"
        found.faults.append(Fault(str(config.streets.path), reason, fix))


_SPOKEN = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}


def _datum_fault(path: str, likely: str, declared: str, fix: str) -> Fault:
    reason = f"looks like {_SPOKEN[likely]}: so read, the places lie on the streets; as {_SPOKEN[declared]} they don't"
    return Fault(path, reason, fix)
