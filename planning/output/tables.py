"""A plan as the tables people and programs read: visits, legs along streets, and what is not served and why."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd

from planning.network import paths
from planning.plan import Plan
from planning.problem import World
from planning.solving.reasons import unserved_reasons

VISIT_COLUMNS = [
    "visit_id", "team_id", "sequence", "hotspot_id", "activity", "lon", "lat", "arrive", "start", "leave", "travel_s",
    "travel_m", "value",
]  # fmt: skip
UNSERVED_COLUMNS = [
    "hotspot_id", "window_start", "window_end", "activity", "value", "reason", "detail", "relaxation",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class PlanTables:
    """One plan's tables, made once for files, layers and pages alike."""

    visits: gpd.GeoDataFrame
    legs: gpd.GeoDataFrame
    unserved: pd.DataFrame


def tabulate(plan: Plan) -> PlanTables:
    """All tables of a plan. Raises ValueError for a plan without streets and hotspots."""
    return PlanTables(visits_table(plan), legs_table(plan), unserved_table(plan))


def visits_table(plan: Plan) -> gpd.GeoDataFrame:
    """One row per visit, by team and sequence: the contract's columns and the stop's point (EPSG:4326)."""
    world, schedule = _world(plan), plan.schedule
    demands = world.demands.iloc[schedule.demand]
    at = demands.geometry.to_crs("EPSG:4326")
    frame = pd.DataFrame(
        {
            "visit_id": [f"V{k:03d}" for k in range(1, len(demands) + 1)],
            "team_id": world.teams["id"].to_numpy(dtype=object)[schedule.team],
            "sequence": schedule.sequence,
            "hotspot_id": demands["hotspot_id"].to_numpy(),
            "activity": demands["activity"].to_numpy(),
            "lon": at.x.round(6).to_numpy(),
            "lat": at.y.round(6).to_numpy(),
            "arrive": _instants(world, schedule.arrive_s),
            "start": _instants(world, schedule.start_s),
            "leave": _instants(world, schedule.leave_s),
            "travel_s": schedule.travel_s.astype(np.int64),
            "travel_m": schedule.travel_m.round(1),
            "value": plan.problem.value[schedule.demand],
        },
        columns=VISIT_COLUMNS,
    )
    return gpd.GeoDataFrame(frame, geometry=at.to_numpy(), crs="EPSG:4326")


def legs_table(plan: Plan) -> gpd.GeoDataFrame:
    """One line per leg along streets, in the district's CRS: `team_id, sequence` (1..n, n+1 = the way back),
    `travel_s, travel_m`."""
    world, problem = _world(plan), plan.problem
    rows: list[dict[str, object]] = []
    mode_of, pairs = [], []
    for team, route in enumerate(plan.routes):
        if not route and problem.team_start[team] == problem.team_end[team]:
            continue
        places = [problem.team_start[team], *problem.demand_place[route], problem.team_end[team]]
        mode = int(problem.team_mode[team])
        for sequence, (a, b) in enumerate(pairwise(places), start=1):
            length = problem.travel_m[mode, a, b] if problem.travel_m is not None else np.nan
            rows.append(
                {
                    "team_id": world.teams["id"].iloc[team],
                    "sequence": sequence,
                    "travel_s": int(problem.travel_s[mode, a, b]),
                    "travel_m": round(float(length), 1),
                }
            )
            mode_of.append(mode)
            pairs.append((int(a), int(b)))
    lines = np.empty(len(rows), dtype=object)
    for mode in set(mode_of):
        rows_of_mode = np.flatnonzero(np.array(mode_of) == mode)
        name = world.modes[mode]
        wanted = np.array(pairs, dtype=np.int64)[rows_of_mode]
        lines[rows_of_mode] = paths(world.networks[name], world.place_snaps[name], world.place_snaps[name], wanted)
    columns = ["team_id", "sequence", "travel_s", "travel_m"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=lines, crs=world.demands.crs)


def unserved_table(plan: Plan) -> pd.DataFrame:
    """One row per demand that isn't served: what it was, why, and the least change that would serve it."""
    world = _world(plan)
    rows = []
    for why in unserved_reasons(plan):
        demand = world.demands.iloc[why.demand]
        rows.append(
            (
                demand["hotspot_id"],
                demand["window_start"].isoformat(),
                demand["window_end"].isoformat(),
                demand["activity"],
                demand["value"],
                why.reason,
                why.detail,
                why.relaxation,
            )
        )
    return pd.DataFrame(rows, columns=UNSERVED_COLUMNS)


def _world(plan: Plan) -> World:
    if plan.problem.world is None:
        raise ValueError("this plan has no streets or hotspots; fix: make its problem with build_problem")
    return plan.problem.world


def _instants(world: World, seconds: np.ndarray) -> list[str]:
    return [(world.origin + pd.Timedelta(seconds=float(s))).isoformat() for s in seconds]
