"""Dosage: minutes of presence that teams delivered at hotspots, from GPS pings, against what was planned.

A ping tells where a team was at one moment; when it came and when it went lies between two pings. So every duration is
an estimate with an interval, which grows with the time between pings. Nothing here says what presence does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

GAP_INTERVALS = 3.0  # a gap is longer than this many usual intervals of the team
DELIVERED_SHARE = 0.5  # of the planned dwell
COARSE_SHARE = 0.5  # an interval as wide as this share of the estimate tells little
MINUTES = ("minutes", "lower_min", "upper_min")
STAY_COLUMNS = ("run", "team_id", "hotspot_id", "visit_id", "entry", "exit", *MINUTES, "pings", "coarse", "gap")
TRACK_ROW = ("run", "team_id", "pings", "interval_s", "gaps", "gap_min", "tracked_min")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PlannedNight:
    """One finished plan, as far as its delivery is asked about.

    `visits` has `visit_id, team_id, hotspot_id, activity, start, leave` (instants), `places` `hotspot_id` and the shape
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

    `stays`: one row per stay, its `pings` those of the whole stay where a second visit cuts it. `visits`: the planned
    ones with `run`, `planned_min` of service, delivered `minutes, lower_min, upper_min` (NaN on a night without pings of
    the team: unknown, not absent), `delivered` and `on_time` (0, 1 or missing), and `untracked_min`, the planned minutes
    of which nothing is known. `tracks`: one row per night and team with pings: their number, the median interval, gaps,
    minutes in them and outside of them.
    """

    stays: pd.DataFrame
    visits: pd.DataFrame
    tracks: pd.DataFrame


def measure_dosage(
    nights: Sequence[PlannedNight], pings: pd.DataFrame, *, buffer_m: float = 50.0, max_gap_min: float = 10.0
) -> Dosage:
    """Find every stay of the nights, and give it to the planned visit that it belongs to.

    `pings`: `team_id, time, x, y`, by team and time. Each moment of a stay counts for the visit of the same night, team
    and hotspot whose middle is nearest to it, at any time of the night: plans draw times at random, and late is not
    absent. So a stay that lasts through two visits is two rows. A visit is `delivered` when half of its planned minutes
    or more were, and `on_time` when it is delivered and some of it lies between the planned start and end. A stay where
    the team had no visit keeps an empty `visit_id`.
    """
    planned = _planned(nights)
    stays, tracks, known = [], [], []
    for night in nights:
        at, rows = _visits_at(night), []
        of_night = pings[(pings["time"] >= night.start) & (pings["time"] < night.end)]
        for team, own in of_night.groupby("team_id", sort=True):
            at_s = np.asarray((own["time"] - night.start).dt.total_seconds(), dtype=np.float64)
            limit_s = gap_limit_s(at_s, max_gap_min=max_gap_min)
            zone = zones_of(own[["x", "y"]].to_numpy(dtype=float), night.places, buffer_m=buffer_m)
            rows += _by_visit(find_stays(at_s, zone, max_gap_s=limit_s), str(team), night, at)
            spans = tracked_spans(at_s, max_gap_s=limit_s)
            tracks.append((night.label, str(team), *_track_facts(at_s, spans)))
            known.append((night, str(team), spans))
        stays.append(_stay_table(rows, night))
    every = pd.concat([part for part in stays if len(part)] or stays[:1], ignore_index=True)
    delivered = _delivered(planned.assign(untracked_min=_untracked_min(planned, known)), every)
    return Dosage(every, delivered, pd.DataFrame(tracks, columns=list(TRACK_ROW)))


def gap_limit_s(at_s: Floats, *, max_gap_min: float) -> float:
    """Seconds above which two pings of a track have a gap between them: `max_gap_min`, or three usual intervals if longer.

    >>> gap_limit_s(np.arange(0.0, 3600.0, 300.0), max_gap_min=10.0)
    900.0
    """
    usual = float(np.median(np.diff(at_s))) if len(at_s) > 1 else 0.0
    return max(max_gap_min * 60.0, GAP_INTERVALS * usual)


def zones_of(xy: Floats, places: gpd.GeoDataFrame, *, buffer_m: float) -> Ints:
    """(n,) index of the place within `buffer_m` of each position, the nearest if several (the first of equals); -1: none."""
    points: npt.NDArray[np.object_] = np.asarray(gpd.points_from_xy(xy[:, 0], xy[:, 1]))
    shapes = np.asarray(places.geometry)
    zone = np.full(len(xy), -1, dtype=np.int64)
    point, shape = shapely.STRtree(shapes).query(points, predicate="dwithin", distance=buffer_m)
    order = np.lexsort([shape, shapely.distance(points[point], shapes[shape]), point])
    first, which = np.unique(point[order], return_index=True)
    zone[first] = shape[order][which]
    return zone


def find_stays(at_s: Floats, zone: Ints, *, max_gap_s: float) -> pd.DataFrame:
    """Runs of consecutive pings in one zone: `zone, entry_s, exit_s, first_s, last_s, earliest_s, latest_s, pings, coarse, gap`.

    `at_s` (n,) seconds, rising; `zone` (n,), -1 = none. Coming and going (`entry_s, exit_s`) are put half-way between the
    pings inside and outside. Seen is the team from its `first_s` to its `last_s` ping inside, possible is from the ping
    outside before (`earliest_s`) to the one after (`latest_s`). Beside a gap longer than `max_gap_s`, or an end of the
    track, the estimate ends at the ping, and possible is half of the gap, but no more than `max_gap_s`: `gap` is then
    True. `coarse`: what is possible exceeds what is seen by at least half of the estimate.

    >>> at = np.arange(0.0, 1200.0, 60.0)                   # a ping a minute, the third to the sixteenth are inside
    >>> stay = find_stays(at, np.where((at >= 120) & (at < 960), 0, -1), max_gap_s=600.0).iloc[0]
    >>> [float(stay[b] - stay[a]) / 60 for a, b in (("first_s", "last_s"), ("entry_s", "exit_s"), ("earliest_s", "latest_s"))]
    [13.0, 14.0, 15.0]
    >>> bool(stay["coarse"])
    False
    >>> len(find_stays(np.empty(0), np.empty(0, dtype=np.int64), max_gap_s=600.0))
    0
    """
    since_s = np.diff(at_s, prepend=-np.inf)
    until_s = np.diff(at_s, append=np.inf)
    changes = np.diff(zone, prepend=-2) != 0
    begins = np.flatnonzero(changes | (since_s > max_gap_s))
    ends = np.append(begins[1:], len(zone))[: len(begins)] - 1
    inside = zone[begins] >= 0
    begins, ends = begins[inside], ends[inside]
    before, after = since_s[begins], until_s[ends]
    cut_before, cut_after = before > max_gap_s, after > max_gap_s
    entry = at_s[begins] - np.where(cut_before, 0.0, before / 2)
    leave = at_s[ends] + np.where(cut_after, 0.0, after / 2)
    reach = [
        np.where(cut, np.minimum(gap / 2, max_gap_s), gap) for cut, gap in ((cut_before, before), (cut_after, after))
    ]
    first, last = at_s[begins], at_s[ends]
    return pd.DataFrame(
        {
            "zone": zone[begins], "entry_s": entry, "exit_s": leave, "first_s": first, "last_s": last,
            "earliest_s": first - reach[0], "latest_s": last + reach[1], "pings": ends - begins + 1,
            "coarse": reach[0] + reach[1] >= COARSE_SHARE * (leave - entry), "gap": cut_before | cut_after,
        }
    )  # fmt: skip


def tracked_spans(at_s: Floats, *, max_gap_s: float) -> Floats:
    """(k, 2) first and last ping of each stretch of a track without a gap.

    >>> tracked_spans(np.array([0.0, 60.0, 1800.0, 1860.0]), max_gap_s=600.0).tolist()
    [[0.0, 60.0], [1800.0, 1860.0]]
    """
    cuts = np.flatnonzero(np.diff(at_s) > max_gap_s)
    return np.column_stack([at_s[np.append(0, cuts + 1)], at_s[np.append(cuts, len(at_s) - 1)]])


def team_dosage(dosage: Dosage, team_ids: Sequence[str]) -> pd.DataFrame:
    """One row per team: what was planned and delivered, and how well that is known.

    `nights` with visits, `visits_planned, planned_min`; on nights with tracks `nights_tracked, visits_tracked,
    planned_tracked_min, visits_delivered, visits_on_time, delivered_min` with `delivered_lower_min` and
    `delivered_upper_min` (sums of the stays' bounds), `elsewhere_min` at hotspots without a visit of the team; `pings,
    ping_interval_s` (median of the nights' medians)`, gaps, gap_min, tracked_min, coarse_stays`. NaN where nothing is known.
    """
    tracks, stays = dosage.tracks.groupby("team_id"), dosage.stays
    elsewhere = stays[stays["visit_id"] == ""].groupby("team_id")["minutes"].sum()
    found = _sums(dosage.visits, ["team_id"])
    found = found.reindex(found.index.union(pd.Index(list(team_ids), dtype=object), sort=False))
    known = tracks.agg(
        nights_tracked=("run", "nunique"), pings=("pings", "sum"), ping_interval_s=("interval_s", "median"),
        gaps=("gaps", "sum"), gap_min=("gap_min", "sum"), tracked_min=("tracked_min", "sum"),
    )  # fmt: skip
    found = found.join(known)
    has_tracks = found["nights_tracked"].notna()
    found["elsewhere_min"] = elsewhere.reindex(found.index).fillna(0.0).where(has_tracks)
    coarse = stays[stays["coarse"].astype(bool)].groupby("team_id").size()
    found["coarse_stays"] = coarse.reindex(found.index).fillna(0).where(has_tracks)
    whole = ["nights", "visits_planned", "visits_tracked", "nights_tracked", "pings"]
    found[whole] = found[whole].fillna(0)
    found[["planned_min", "planned_tracked_min"]] = found[["planned_min", "planned_tracked_min"]].fillna(0.0)
    found = found.astype(dict.fromkeys(whole, "int64"))
    found = found.astype(dict.fromkeys(("visits_delivered", "visits_on_time", "gaps", "coarse_stays"), "Int64"))
    return found.loc[list(team_ids)].rename_axis("team_id").reset_index()


def hotspot_dosage(dosage: Dosage) -> pd.DataFrame:
    """One row per night and hotspot with visits or stays: the columns of `team_dosage` that concern visits, the planned
    `teams`, and `unplanned_min` of teams that had no visit there."""
    keys = ["run", "hotspot_id"]
    stays = dosage.stays
    others = stays[stays["visit_id"] == ""].groupby(keys)["minutes"].sum()
    found = _sums(dosage.visits, keys).drop(columns="nights")
    teams = dosage.visits.groupby(keys)["team_id"].agg(lambda ids: ";".join(sorted(set(ids))))
    found = found.join(teams.rename("teams"), how="left")
    found = found.reindex(found.index.union(others.index))
    whole = ["visits_planned", "visits_tracked"]
    found[whole] = found[whole].fillna(0)
    found[["planned_min", "planned_tracked_min"]] = found[["planned_min", "planned_tracked_min"]].fillna(0.0)
    found["unplanned_min"] = others.reindex(found.index).fillna(0.0)
    found["teams"] = found["teams"].fillna("")
    found = found.astype(dict.fromkeys(whole, "int64"))
    return found.astype(dict.fromkeys(("visits_delivered", "visits_on_time"), "Int64")).reset_index()


def _sums(visits: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    tracked = visits[visits["minutes"].notna()].groupby(keys)
    known = tracked.agg(
        visits_tracked=("visit_id", "size"), planned_tracked_min=("planned_min", "sum"),
        visits_delivered=("delivered", "sum"), visits_on_time=("on_time", "sum"), delivered_min=("minutes", "sum"),
        delivered_lower_min=("lower_min", "sum"), delivered_upper_min=("upper_min", "sum"),
    )  # fmt: skip
    planned = visits.groupby(keys).agg(
        nights=("run", "nunique"), visits_planned=("visit_id", "size"), planned_min=("planned_min", "sum")
    )
    return planned.join(known)


def _planned(nights: Sequence[PlannedNight]) -> pd.DataFrame:
    visits = pd.concat([night.visits.assign(run=night.label) for night in nights], ignore_index=True)
    visits = visits[["run", *(name for name in visits if name != "run")]]
    return visits.assign(planned_min=(visits["leave"] - visits["start"]).dt.total_seconds() / 60)


def _visits_at(night: PlannedNight) -> dict[tuple[str, str], tuple[list[str], Floats]]:
    """(team, hotspot) -> the visits in their order, and the seconds half-way between the middles of each and the next."""
    middle = night.visits["start"] + (night.visits["leave"] - night.visits["start"]) / 2
    middles = night.visits.assign(middle_s=(middle - night.start).dt.total_seconds()).sort_values(
        ["middle_s", "visit_id"]
    )
    found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    visit: Any
    for visit in middles.itertuples(index=False):
        found[visit.team_id, visit.hotspot_id].append((visit.visit_id, visit.middle_s))
    return {
        key: ([name for name, _ in own], np.array([(a + b) / 2 for (_, a), (_, b) in pairwise(own)]))
        for key, own in found.items()
    }


def _by_visit(found: pd.DataFrame, team: str, night: PlannedNight, at: Mapping[Any, Any]) -> list[tuple[Any, ...]]:
    """The stays of one team, cut half-way between its visits to their hotspot: rows of `STAY_COLUMNS` with seconds."""
    names = night.places["hotspot_id"].to_numpy(dtype=object)
    rows = []
    stay: Any
    for stay in found.itertuples(index=False):
        hotspot = names[stay.zone]
        ids, cuts_s = at.get((team, hotspot), ([""], np.empty(0)))
        first, last = np.searchsorted(cuts_s, [stay.entry_s, stay.exit_s])
        edges = [-np.inf, *cuts_s[first:last], np.inf]
        for visit, (begin, end) in zip(ids[first : last + 1], pairwise(edges), strict=True):
            part = _part(stay, begin, end)
            rows.append((night.label, team, hotspot, visit, *part, stay.pings, stay.coarse, stay.gap))
    return rows


def _stay_table(rows: list[tuple[Any, ...]], night: PlannedNight) -> pd.DataFrame:
    """The stays of a night with instants, to the second."""
    table = pd.DataFrame(rows, columns=list(STAY_COLUMNS))
    for name in ("entry", "exit"):
        seconds = pd.to_timedelta(table[name].astype(float).round(), unit="s").dt.as_unit("us")
        table[name] = night.start.as_unit("us") + seconds
    return table


def _part(stay: Any, begin: float, end: float) -> tuple[float, ...]:
    """Start and end of a stay's part in `[begin, end)`, and its minutes as estimated, seen and possible."""
    spans = ((stay.entry_s, stay.exit_s), (stay.first_s, stay.last_s), (stay.earliest_s, stay.latest_s))
    minutes = (max(0.0, min(b, end) - max(a, begin)) / 60 for a, b in spans)
    return max(stay.entry_s, begin), min(stay.exit_s, end), *minutes


def _delivered(visits: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """The visits with the minutes of their stays; NaN where the team had no pings that night."""
    own = stays[stays["visit_id"] != ""].merge(visits[["run", "visit_id", "start", "leave"]], on=["run", "visit_id"])
    own = own.assign(in_time=(own["entry"] < own["leave"]) & (own["exit"] > own["start"]))
    sums = own.groupby(["run", "visit_id"])[[*MINUTES, "in_time"]].sum()
    found = visits.join(sums, on=["run", "visit_id"])
    tracked = found["untracked_min"].notna()
    for name in MINUTES:
        found[name] = found[name].astype(float).fillna(0.0).where(tracked)
    enough = found["minutes"] >= DELIVERED_SHARE * found["planned_min"]
    found["delivered"] = enough.astype("Int64").where(tracked)
    found["on_time"] = (enough & (found["in_time"].fillna(0) > 0)).astype("Int64").where(tracked)
    return found.drop(columns="in_time")


def _untracked_min(visits: pd.DataFrame, known: Sequence[tuple[PlannedNight, str, Floats]]) -> pd.Series:
    """Planned minutes outside of the stretches of pings; NaN where the team has none that night."""
    found = pd.Series(np.nan, index=visits.index)
    for night, team, spans in known:
        own = visits[(visits["run"] == night.label) & (visits["team_id"] == team)]
        start, leave = (
            np.asarray((own[name] - night.start).dt.total_seconds(), dtype=np.float64)[:, None]
            for name in ("start", "leave")
        )
        covered = np.clip(np.minimum(leave, spans[:, 1]) - np.maximum(start, spans[:, 0]), 0.0, None).sum(axis=1)
        found[own.index] = own["planned_min"] - covered / 60
    return found


def _track_facts(at_s: Floats, spans: Floats) -> tuple[int, float, int, float, float]:
    tracked = float((spans[:, 1] - spans[:, 0]).sum())
    usual = float(np.median(np.diff(at_s))) if len(at_s) > 1 else float("nan")
    return len(at_s), usual, len(spans) - 1, (float(at_s[-1] - at_s[0]) - tracked) / 60, tracked / 60
