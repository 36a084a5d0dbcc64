"""Read everything a configuration names, and say everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from hotspot.areas import Areas, read_areas
from hotspot.errors import Fault, InputError
from hotspot.incidents import Incidents, read_incidents
from planning.config import Config
from planning.force import read_points, read_teams
from planning.network import Streets, read_streets

Progress = Callable[[str], None]
NEAR_A_STREET_M = 100.0
LEAST_NEAR_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Inputs:
    """The checked tables of one district, all in its metric CRS."""

    areas: Areas
    incidents: Incidents
    points: gpd.GeoDataFrame
    teams: pd.DataFrame
    streets: Streets


def read_inputs(config: Config, *, strict: bool = False, progress: Progress = lambda stage: None) -> Inputs:
    """Read areas, points, teams, streets and incidents.

    Raises one InputError with the faults of all inputs. A table that leans on a rejected one is read without it, so
    that its own faults still show.
    """
    crs = config.district.crs
    faults: list[Fault] = []

    @contextmanager
    def collecting(stage: str) -> Iterator[None]:
        progress(stage)
        try:
            yield
        except InputError as error:
            faults.extend(error.faults)

    areas = points = teams = streets = incidents = None
    with collecting("areas"):
        areas = read_areas(config.district.areas, crs=crs)
    with collecting("points"):
        points = read_points(config.points.path, crs=crs, columns=config.points.columns, areas=areas)
    with collecting("teams"):
        teams = read_teams(config.teams.path, points=points, areas=areas, columns=config.teams.columns)
    with collecting("streets"):
        streets = read_streets(config.streets.path, crs=crs)
    with collecting("incidents"):
        incidents = read_incidents(
            config.incidents.path,
            timezone=config.district.timezone,
            crs=crs,
            columns=config.incidents.columns,
            datum=config.incidents.datum,
            areas=areas,
            categories=config.categories or None,
            max_rejected_share=config.incidents.max_rejected_share,
            strict=strict,
        )
    if incidents is not None and streets is not None:
        with collecting("streets"):
            _check_streets_match(incidents, streets, str(config.streets.path))
    if faults or areas is None or incidents is None or points is None or teams is None or streets is None:
        raise InputError(faults)
    return Inputs(areas, incidents, points, teams, streets)


def _check_streets_match(incidents: Incidents, streets: Streets, path: str) -> None:
    """Streets of another district or in another datum lie away from the incidents."""
    frame = incidents.frame
    if frame.empty:
        return
    sample = frame.geometry.iloc[:: max(1, len(frame) // 5000)]
    lines = streets.edges.geometry.sindex
    near = lines.nearest(sample, max_distance=NEAR_A_STREET_M, return_all=False)[0]
    share = len(set(near.tolist())) / len(sample)
    if share < LEAST_NEAR_SHARE:
        raise InputError(
            Fault(
                path,
                f"only {share:.0%} of the incidents lie within {NEAR_A_STREET_M:.0f} m of a street",
                "use the streets of this district, in the declared datum (GCJ-02 is off by 300-700 m)",
            )
        )
