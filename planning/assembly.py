"""Hotspots, points, teams and streets become one checked routing problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.areas import Areas
from hotspot.errors import ConfigError
from hotspot.hotspots import Hotspots
from hotspot.times import parse_instant
from planning.demand import make_demands
from planning.force import DEFAULT_ROLES, may_serve, require_shifts_fit, shift_interval, team_blocked, touches_night
from planning.network import Conditions, Network, Snaps, Streets, snap, travel, ways_of_moving
from planning.problem import Problem, World
from planning.rules import UNLIMITED


def build_problem(
    spots: Hotspots,
    points: gpd.GeoDataFrame,
    teams: pd.DataFrame,
    streets: Streets,
    *,
    date: str,
    roles: Mapping[str, Sequence[str]] = DEFAULT_ROLES,
    dwell_min: tuple[float, float] = (10.0, 16.0),
    max_leg_min: float = 20.0,
    revisit_gap_min: float = 30.0,
    max_visits: int = 3,
    max_snap_m: float = 300.0,
    min_members: int = 2,
    night_min_members: int = 2,
    night_hours: tuple[str, str] = ("22:00", "06:00"),
    conditions: Conditions | None = None,
    areas: Areas | None = None,
    least_per_community: int = 0,
    most_per_community: int = 0,
    least_visits: int = 0,
    most_visits: int = 0,
    least_work_min: float = 0.0,
    most_work_min: float = 1440.0,
) -> Problem:
    """The routing problem of the shifts that begin on `date`.

    Places are the patrol points, then one stop per hotspot. Travel times are whole seconds, rounded up: a team that
    arrives in time only by rounding is late. A place farther than `max_snap_m` from every street of a mode can't be
    reached in that mode. `conditions`: own speeds, congestion and closures; a place at a closed street is nowhere else.

    Side rules: visits to each community of `areas` that has demands, visits and work of each team that may serve any; a
    most of 0 is no limit. What is wished for and doesn't exist isn't wished for: a community is asked for no more
    visits than it has demands.

    Raises ConfigError when no shift is as long as one dwell, or when communities have rules and `areas` isn't given.
    """
    require_shifts_fit(teams, dwell_min=dwell_min)
    zone = str(spots.risk.starts.tz)
    origin = parse_instant(date, zone)
    shift_s = _shifts(teams, date, zone, origin)
    first, last = _span(shift_s, origin)
    demands = make_demands(
        spots, start=first, end=last, dwell_min=dwell_min, revisit_gap_min=revisit_gap_min, max_visits=max_visits
    )
    blocked = blocked_codes(teams, demands, roles, date, min_members, night_min_members, night_hours)
    busy = (blocked == "").any(axis=1)
    site = np.asarray(pd.factorize(demands["hotspot_id"])[0], dtype=np.int64)  # 0, 0, 1, 1, 1, 2 ...
    return problem_on_streets(
        demands,
        points,
        teams,
        streets.to_crs(spots.risk.grid.crs),
        site=site,
        stops_xy=_xy(demands.drop_duplicates("hotspot_id").geometry),
        origin=origin,
        shift_s=shift_s,
        start_place=home_places(teams, points),
        blocked=blocked,
        team_blocked=team_blocked(teams, date=date, min_members=min_members),
        max_leg_min=max_leg_min,
        max_snap_m=max_snap_m,
        conditions=conditions or Conditions(),
        hotspots=spots,
        rules={
            **community_rules(areas, demands, least_per_community, most_per_community),
            "least_visits": np.where(busy, least_visits, 0),
            "most_visits": np.full(len(teams), most_visits or UNLIMITED),
            "least_work_s": np.where(busy, least_work_min * 60.0, 0.0),
            "most_work_s": np.full(len(teams), most_work_min * 60.0),
            "revisit_gap_s": revisit_gap_min * 60.0,
        },
    )


def problem_on_streets(
    demands: gpd.GeoDataFrame,
    points: gpd.GeoDataFrame,
    teams: pd.DataFrame,
    streets: Streets,
    *,
    site: npt.NDArray[np.int64],
    stops_xy: npt.NDArray[np.float64],
    origin: pd.Timestamp,
    shift_s: npt.NDArray[np.float64],
    start_place: npt.NDArray[np.int64],
    blocked: npt.NDArray[np.str_],
    team_blocked: Mapping[str, str],
    max_leg_min: float,
    max_snap_m: float,
    conditions: Conditions,
    hotspots: Any,
    rules: Mapping[str, Any],
) -> Problem:
    """The problem of demands whose stops are known, with travel times of the streets as they are during `shift_s`.

    Places are the patrol points, then `stops_xy` (K, 2), metres in the streets' CRS; `site` (D,) is the stop of each
    demand, `start_place` (V,) where each team sets out from; all come home to their points. `blocked` (V, D) says why
    a team may not serve a demand ('' = it may).
    """
    places = np.concatenate([_xy(points.geometry.to_crs(streets.crs)), stops_xy]).astype(float)
    spans = [(origin + pd.Timedelta(seconds=a), origin + pd.Timedelta(seconds=b)) for a, b in shift_s.tolist()]
    whole_day = [(origin, origin + pd.DateOffset(days=1))]
    moving = ways_of_moving(streets, list(teams["mode"]) or ["walk"], spans or whole_day, conditions)
    snaps = {name: snap(network, places, max_snap_m=max_snap_m) for name, network in moving.reopened.items()}
    times, lengths = _matrices(moving.networks, snaps)
    any_closed = any(len(edges) for closed in moving.closed.values() for _, edges in closed)
    world = World(
        origin=origin,
        demands=demands,
        teams=teams,
        points=points,
        hotspots=hotspots,
        streets=streets,
        networks=moving.networks,
        place_snaps=snaps,
        modes=moving.names,
        blocked=blocked,
        team_blocked=team_blocked,
        moving=moving,
        open_travel_s=_matrices(moving.reopened, snaps)[0] if any_closed else None,
    )
    return Problem.from_arrays(
        travel_s=times,
        travel_m=lengths,
        team_mode=moving.of[: len(teams)],
        team_start=start_place,
        team_end=home_places(teams, points),
        shift_s=shift_s,
        demand_place=len(points) + site,
        window_s=np.column_stack([seconds_after(origin, demands[end]) for end in ("window_start", "window_end")]),
        dwell_s=demands["dwell_s"].to_numpy(dtype=float),
        value=demands["value"].to_numpy(dtype=float),
        eligible=blocked == "",
        max_leg_s=max_leg_min * 60.0,
        rules={"site": site, **rules},
        world=world,
    )


def home_places(teams: pd.DataFrame, points: gpd.GeoDataFrame) -> npt.NDArray[np.int64]:
    """(V,) the place of each team's patrol point."""
    index = {point: i for i, point in enumerate(points["id"])}
    return np.array([index[point] for point in teams["point_id"]], dtype=np.int64)


def community_rules(areas: Areas | None, demands: gpd.GeoDataFrame, least: int, most: int) -> dict[str, Any]:
    """Floors and caps of visits to each community; a community is asked for no more visits than it has demands."""
    if areas is None:
        if least or most:
            raise ConfigError("visits per community need the communities; fix: give build_problem areas=")
        return {}
    hits = areas.frame.sindex.query(demands.geometry.to_crs(areas.frame.crs), predicate="intersects")
    area = np.full(len(demands), -1, dtype=np.int64)
    area[hits[0][::-1]] = hits[1][::-1]  # on a border: the first of the file
    count = np.bincount(area[area >= 0], minlength=len(areas.frame))
    return {
        "area": area,
        "least_in_area": np.minimum(count, least),
        "most_in_area": np.full(len(areas.frame), most or UNLIMITED),
    }


def _shifts(teams: pd.DataFrame, date: str, zone: str, origin: pd.Timestamp) -> npt.NDArray[np.float64]:
    ends = [shift_interval(team, date, zone) for _, team in teams.iterrows()]
    seconds = [[(start - origin).total_seconds(), (end - origin).total_seconds()] for start, end in ends]
    return np.array(seconds, dtype=float).reshape(len(teams), 2)


def _span(shift_s: npt.NDArray[np.float64], origin: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    if not len(shift_s):
        return origin, origin + pd.DateOffset(days=1)
    return origin + pd.Timedelta(seconds=shift_s[:, 0].min()), origin + pd.Timedelta(seconds=shift_s[:, 1].max())


def _xy(places: gpd.GeoSeries) -> npt.NDArray[np.float64]:
    return np.column_stack([places.x, places.y]).astype(float)


def _matrices(
    networks: Mapping[str, Network], snaps: Mapping[str, Snaps]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    found = [travel(network, snaps[mode], snaps[mode]) for mode, network in networks.items()]
    times = np.stack([np.ceil(np.round(way.travel_s, 6)) for way in found])
    lengths = np.stack([way.travel_m for way in found])
    for matrix in (times, lengths):
        matrix[:, np.arange(matrix.shape[1]), np.arange(matrix.shape[1])] = 0.0
    return times, lengths


def seconds_after(origin: pd.Timestamp, times: pd.Series) -> npt.NDArray[np.float64]:
    return np.asarray((times - origin).dt.total_seconds(), dtype=np.float64)


def blocked_codes(
    teams: pd.DataFrame,
    demands: gpd.GeoDataFrame,
    roles: Mapping[str, Sequence[str]],
    date: str,
    min_members: int,
    night_min_members: int,
    night_hours: tuple[str, str],
) -> npt.NDArray[np.str_]:
    """(V, D) reason codes; the night is judged over the whole time a visit may last."""
    until = demands["window_end"] + pd.to_timedelta(demands["dwell_s"], unit="s")
    night = touches_night(
        pd.DatetimeIndex(demands["window_start"]), pd.DatetimeIndex(until), night_hours=night_hours
    )  # fmt: skip
    unknown = sorted(set(demands["activity"]) - set(roles))
    if unknown:
        raise ConfigError(f"activities without roles: {', '.join(unknown)}; fix: add them to [roles]")
    return may_serve(
        teams,
        list(demands["activity"]),
        roles=roles,
        date=date,
        at_night=night.tolist(),
        min_members=min_members,
        night_min_members=night_min_members,
    )
