"""The night's risk, hotspots and demands with the incidents that have come in since."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.grid import Grid, make_grid
from hotspot.tails import poisson_upper
from planning.demand import make_demands
from planning.operations.fresh_risk import Floats, added_risk, repeats_of
from planning.operations.night import Night

Ints = npt.NDArray[np.int64]
HOUR = pd.Timedelta(hours=1)
BEYOND_CHANCE = 1e-3  # that so many are recorded by chance in a cell, of all that have any


@dataclass(frozen=True, eq=False)
class TonightRisk:
    """Expected incidents (C, H) with their interval, as a run's `risk.parquet` has them."""

    grid: Grid
    starts: pd.DatetimeIndex
    expected: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class FreshPlaces:
    """Places that became hot during the night, in the form that `make_demands` reads."""

    frame: gpd.GeoDataFrame
    cells: tuple[Ints, ...]
    hourly: Floats
    risk: TonightRisk


@dataclass(frozen=True, eq=False)
class Renewal:
    """`night` with its demands worth what they are now, the risk `before` and now, `fresh` places, and how many
    incidents were `counted`, came `later` than the moment, or were `known` already."""

    night: Night
    before: TonightRisk
    risk: TonightRisk
    fresh: FreshPlaces
    counted: int
    later: int
    known: int


def read_tonight(run: Path, night: Night, *, cell_m: float) -> TonightRisk:
    """The risk of a run, on the grid that its areas and streets give again."""
    frame = pd.read_parquet(run / "risk.parquet")
    grid = make_grid(night.areas, cell_m=cell_m, streets=night.streets.edges)
    hours = len(frame) // max(1, len(grid))
    starts = pd.DatetimeIndex(frame["start"].iloc[:hours]).tz_convert(night.zone)
    shape = (len(grid), hours)
    return TonightRisk(
        grid, starts, *(frame[name].to_numpy(dtype=float).reshape(shape) for name in ("expected", "lower", "upper"))
    )


def renewed(
    night: Night,
    risk: TonightRisk,
    incidents: pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    now: pd.Timestamp,
    near_repeats: Mapping[str, Any],
    categories: Mapping[str, str],
    patrol_found_weight: float,
    hotspots: gpd.GeoDataFrame,
    frozen: Collection[str],
) -> Renewal:
    """Take in the incidents (`id, time, category, source, x, y`) of `[as_of, now)`, each once.

    Earlier ones were in the history, and nothing at or after `now` counts. What patrols found weighs
    `patrol_found_weight`; categories without an activity don't count. `hotspots` are
    the night's, with their windows; `frozen` the demands that are done or under way: a place that is visited no more
    tonight can become hot again.
    """
    digest = pd.Series([_digest(row) for row in zip(incidents["id"], incidents["source"], strict=True)], dtype=object)
    digest.index = incidents.index
    later = incidents["time"] >= now
    known = (incidents["time"] < as_of) | digest.isin(night.counted) | digest.duplicated()
    new = incidents[~later & ~known]
    activity = new["category"].map(lambda name: categories.get(str(name), "") if categories else "patrol")
    weight = np.where(new["source"] == "patrol", patrol_found_weight, 1.0) * (activity != "")
    counts = weight > 0
    added = added_risk(
        risk.expected, risk.starts, risk.grid, xy=new.loc[counts, ["x", "y"]].to_numpy(dtype=float),
        times=list(new.loc[counts, "time"]), weight=weight[counts], repeats=repeats_of(near_repeats),
        shape=np.array([night.shape[cell] for cell in risk.grid.cells["cell_id"]]), until=now,
    )  # fmt: skip
    factor = np.divide(risk.expected + added, risk.expected, out=np.ones_like(added), where=risk.expected > 0)
    after = TonightRisk(
        risk.grid,
        risk.starts,
        risk.expected + added,
        risk.lower * factor,
        risk.upper * factor + (risk.upper <= 0) * added,
    )
    night = replace(
        night,
        demands=_worth_now(night, risk, after),
        counted=(*night.counted, *digest[new.index]),
    )
    places = np.column_stack([new.loc[counts, "x"], new.loc[counts, "y"]]).astype(float).reshape(-1, 2)
    demands = night.demands
    open_ = demands[(demands["window_end"] >= now) & ~demands["demand_id"].isin(frozen)]
    taken = {cell for spot in open_["hotspot_id"].unique() for cell in night.cells_of.get(spot, ())}
    fresh = _fresh_places(
        night, risk, after, places, list(activity[counts]), now, taken=taken, least=_least_rate(night, risk, hotspots)
    )
    return Renewal(
        _with_demands_of(night, fresh, now), risk, after, fresh, int(counts.sum()), int(later.sum()), int(known.sum())
    )


def _digest(row: Sequence[object]) -> str:
    return hashlib.sha256("\0".join(map(str, row)).encode()).hexdigest()[:16]


def hourly_of(night: Night, risk: TonightRisk) -> dict[str, Floats]:
    """The expected incidents of each hotspot in every hour."""
    index = {cell: i for i, cell in enumerate(risk.grid.cells["cell_id"])}
    return {spot: risk.expected[[index[cell] for cell in cells]].sum(axis=0) for spot, cells in night.cells_of.items()}


def _worth_now(night: Night, before: TonightRisk, after: TonightRisk) -> gpd.GeoDataFrame:
    """Each demand is worth more as the risk of its hotspot rises in the hours that its visit may touch."""
    old, new = hourly_of(night, before), hourly_of(night, after)
    until = night.demands["window_end"] + pd.to_timedelta(night.demands["dwell_s"], unit="s")
    worth = []
    for spot, start, end, value in zip(
        night.demands["hotspot_id"], night.demands["window_start"], until, night.demands["value"], strict=True
    ):
        hours = (before.starts < end) & (before.starts + HOUR > start)
        was = old[spot][hours].sum() if spot in old else 0.0
        worth.append(value * (new[spot][hours].sum() / was if was > 0 else 1.0))
    return night.demands.assign(value=np.array(worth, dtype=float))


def _fresh_places(
    night: Night, before: TonightRisk, after: TonightRisk, places: Floats, activities: Sequence[str], now: pd.Timestamp,
    *, taken: Collection[str], least: float,
) -> FreshPlaces:  # fmt: skip
    """Cells, not `taken` by a hotspot that is still to be visited, with new incidents, that now expect `least` an hour or
    have seen more of them than chance has it."""
    left = np.flatnonzero(after.starts + HOUR > now)
    names = after.grid.cells["cell_id"].to_numpy()
    cell_of = after.grid.locate(places)
    rate = after.expected[:, left].mean(axis=1) if len(left) else np.zeros(len(names))
    count = np.bincount(cell_of, minlength=len(names))
    chance = poisson_upper(count, before.expected[:, before.starts < now].sum(axis=1))
    is_hot = (rate >= least) | (chance < BEYOND_CHANCE)
    hot = [int(c) for c in np.unique(cell_of) if len(left) and is_hot[c] and names[c] not in taken]
    hot.sort(key=lambda cell: (-rate[cell], cell))
    groups = _touching(hot, after.grid)
    first = max([int(spot[1:]) for spot in night.cells_of if spot[1:].isdigit()], default=0) + 1
    end = after.starts[-1] + HOUR
    rows = []
    for number, cells in enumerate(groups, start=first):
        activity = Counter(a for a, c in zip(activities, cell_of, strict=True) if c in cells).most_common(1)[0][0]
        rows.append(
            {
                "hotspot_id": f"H{number:02d}", "rank": number, "windows": [(now, end)], "activity": activity,
                "expected": float(after.expected[np.ix_(cells, left)].sum()),
                "lower": float(after.lower[np.ix_(cells, left)].sum()),
                "upper": float(after.upper[np.ix_(cells, left)].sum()),
                "new_incidents": int(np.isin(cell_of, cells).sum()),
                "geometry": shapely.union_all(after.grid.cells.geometry.to_numpy()[cells]),
            }
        )  # fmt: skip
    columns = ["hotspot_id", "rank", "windows", "activity", "expected", "lower", "upper", "new_incidents", "geometry"]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=after.grid.cells.crs)
    hourly = np.array([after.expected[cells].sum(axis=0) for cells in groups]).reshape(len(groups), len(after.starts))
    return FreshPlaces(frame, tuple(groups), hourly, after)


def _least_rate(night: Night, risk: TonightRisk, hotspots: gpd.GeoDataFrame) -> float:
    """The least that a cell of a hotspot expects in an hour of its key time, on average over the hotspot."""
    hourly = hourly_of(night, risk)
    rates = []
    for spot, windows in zip(hotspots["hotspot_id"], hotspots["windows"], strict=True):
        hours = np.zeros(len(risk.starts), dtype=bool)
        for start, end in windows:
            hours |= np.asarray((risk.starts >= start) & (risk.starts < end))
        if spot in hourly and hours.any():
            rates.append(hourly[spot][hours].mean() / max(1, len(night.cells_of[spot])))
    return min(rates, default=0.0)


def _touching(cells: Sequence[int], grid: Grid) -> list[Ints]:
    """Groups of cells that touch each other, in the order of their first ones."""
    around, free, groups = grid.neighbours(), set(cells), []
    for seed in cells:
        if seed not in free:
            continue
        group, edge = [], [seed]
        free.discard(seed)
        while edge:
            cell = edge.pop()
            group.append(cell)
            near = free & set(around[cell].tolist())
            free -= near
            edge += sorted(near)
        groups.append(np.array(sorted(group), dtype=np.int64))
    return groups


def _with_demands_of(night: Night, fresh: FreshPlaces, now: pd.Timestamp) -> Night:
    if not len(fresh.frame) or not len(night.teams):
        return night
    planning = night.planning
    made = make_demands(
        fresh, start=now, end=night.instant(night.shift_s[:, 1].max()), dwell_min=planning["dwell_min"],
        revisit_gap_min=planning["revisit_gap_min"], max_visits=planning["max_visits"],
    ).assign(required=False)  # fmt: skip
    names = fresh.risk.grid.cells["cell_id"].to_numpy()
    cells_of = {
        str(spot): [str(cell) for cell in names[cells]]
        for spot, cells in zip(fresh.frame["hotspot_id"], fresh.cells, strict=True)
    }
    demands = gpd.GeoDataFrame(pd.concat([night.demands, made], ignore_index=True), crs=night.demands.crs)
    return replace(night, demands=demands, cells_of={**night.cells_of, **cells_of})
