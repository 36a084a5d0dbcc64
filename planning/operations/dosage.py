"""Dosage: minutes of presence that teams delivered at hotspots, from GPS pings, against what was planned.

A ping tells where a team was at one moment; when it came and went lies between two pings. Every duration is therefore
an estimate with an interval, and the interval grows with the time between pings. Nothing here says what presence does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from planning.operations.pings import Pings

GAP_INTERVALS = 3.0  # a gap is longer than this many usual intervals of the team
DELIVERED_SHARE = 0.5  # of the planned dwell
STAY_COLUMNS = (
    *("run", "team_id", "hotspot_id", "visit_id", "entry", "exit", "minutes", "lower_min", "upper_min"),
    *("pings", "coarse", "gap"),
)
MINUTES = ("minutes", "lower_min", "upper_min")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlannedNight:
    """One finished plan as far as its delivery is asked about.

    `visits` has `visit_id, team_id, hotspot_id, activity, start, leave` (instants); `places` `hotspot_id` and the shape
    (metric). `start` and `end` are the half-open window of its shifts.
    """

    label: str
    start: pd.Timestamp
    end: pd.Timestamp
    visits: pd.DataFrame
    places: gpd.GeoDataFrame


@dataclass(frozen=True, eq=False)
class Dosage:
    """Planned and delivered, all nights together.

    `stays`: one row per stay (`STAY_COLUMNS`). `visits`: the planned ones with `run`, `planned_min`, delivered `minutes,
    lower_min, upper_min`, `delivered` and `on_time`. `tracks`: one row per night and team with pings: `run, team_id,
    pings, interval_s` (median), `gaps, gap_min, tracked_min`.
    """

    nights: tuple[PlannedNight, ...]
    stays: pd.DataFrame
    visits: pd.DataFrame
    tracks: pd.DataFrame


def measure_dosage(
    nights: Sequence[PlannedNight], pings: Pings, *, buffer_m: float = 50.0, max_gap_min: float = 10.0
) -> Dosage:
    """Find every stay of the nights and give it to the planned visit that it belongs to.

    A stay counts for the visit of the same team, night and hotspot whose middle is nearest to its own, at any time of the
    night: plans are drawn at random within their windows, and being late is no absence. A visit is `delivered` when
    half of its planned minutes or more were; `on_time` when some of it was between its planned start and end. Stays at
    hotspots where the team had no visit keep an empty `visit_id`.
    """
    stays, tracks = [], []
    for night in nights:
        known = pings.frame[(pings.frame["time"] >= night.start) & (pings.frame["time"] < night.end)]
        for team, own in known.groupby("team_id", sort=True):
            at = own["time"].astype("int64").to_numpy() / 1e6 if False else _seconds(own["time"], night.start)
            limit_s = gap_limit_s(at, max_gap_min=max_gap_min)
            zone = zones_of(own[["x", "y"]].to_numpy(dtype=float), night.places, buffer_m=buffer_m)
            found = find_stays(at, zone, max_gap_s=limit_s)
            stays.append(_with_names(found, night, str(team)))
            tracks.append(_track_row(at, limit_s, night.label, str(team)))
    visits = _planned(nights)
    every = pd.concat(stays, ignore_index=True) if stays else pd.DataFrame(columns=list(STAY_COLUMNS))
    every = every.assign(visit_id=_nearest_visits(every, visits))
    columns = ["run", "team_id", "pings", "interval_s", "gaps", "gap_min", "tracked_min"]
    return Dosage(tuple(nights), every, _delivered(visits, every), pd.DataFrame(tracks, columns=columns))
