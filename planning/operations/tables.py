"""The tables of the force, and the streets: what is asked about teams needs no incidents."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from hotspot.areas import Areas, read_areas
from hotspot.calendars import read_calendar
from hotspot.errors import InputError
from planning.config import Config
from planning.force import read_points, read_teams
from planning.inputs import Findings
from planning.network import Conditions, Streets, read_closures, read_congestion, read_streets


def read_force(config: Config) -> tuple[Areas, gpd.GeoDataFrame, pd.DataFrame]:
    """Communities, patrol points and teams. Raises one InputError with the faults of all of them."""
    crs, found = config.district.crs, Findings()
    with found.collecting():
        found.areas = read_areas(config.district.areas, crs=crs)
    with found.collecting():
        found.points = read_points(config.points.path, crs=crs, columns=config.points.columns, areas=found.areas)
    with found.collecting():
        found.teams = read_teams(
            config.teams.path, points=found.points, areas=found.areas, columns=config.teams.columns
        )
    if found.faults or found.areas is None or found.points is None or found.teams is None:
        raise InputError(found.faults)
    return found.areas, found.points, found.teams


def read_roads(config: Config, *, cache: Path | None = None) -> tuple[Streets, Conditions]:
    """The streets and what is known of them. Raises one InputError with the faults of all their files.

    `cache`: a private folder for streets that were read before.
    """
    crs, asked, found = config.district.crs, config.streets, Findings()
    with found.collecting():
        found.streets = read_streets(asked.path, crs=crs, cache=cache)
    if config.district.calendar is not None:
        with found.collecting():
            found.calendar = read_calendar(config.district.calendar)
    if asked.closures is not None:
        with found.collecting():
            found.closures = read_closures(asked.closures, crs=crs, timezone=config.district.timezone)
    if asked.congestion is not None:
        with found.collecting():
            found.congestion = read_congestion(asked.congestion)
    if found.faults or found.streets is None:
        raise InputError(found.faults)
    return found.streets, Conditions(asked.speeds, found.closures, found.congestion, found.calendar)
