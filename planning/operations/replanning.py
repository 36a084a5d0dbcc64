"""Planning the rest of a night: what was done is frozen, the leg under way is committed, visits stay where they are.

A team is free where and when its last committed visit ends; one whose visits are all done, at its point once it is back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from planning.assembly import blocked_codes, community_rules, home_places, problem_on_streets, seconds_after
from planning.force import team_blocked
from planning.operations.night import VISIT_COLUMNS, Night, home_seconds, visits_of
from planning.plan import Plan
from planning.problem import Problem
from planning.rules import UNLIMITED

KEEP_SHARE = 0.005  # of the mean visit's value: what a visit that stays with its team may cost the plan
SAME_TIME_S = 60.0  # a visit that moves by less isn't told
ABSENT = "ABSENT"
CHANGE_COLUMNS = ["team_id", "change", "demand_id", "hotspot_id", "sequence", "start", "before", "other_team"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Standing:
    """Where a night stands at `now_s`: `frozen` visits (rows of the night's), and of each team (V,) how many of its
    visits are frozen (`done`), when it is free (`free_s`), the site of its last visit (`site`, -1 = at its point), and
    whether it can still be sent anywhere."""

    now_s: float
    frozen: pd.DataFrame
    done: Ints
    free_s: Floats
    site: Ints
    present: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rest:
    """The problem of what is left: `teams` (V',) and `demands` (D',) are rows of the night's tables, `routes` what the
    plan before has left, in the problem's numbers."""

    problem: Problem
    teams: Ints
    demands: Ints
    routes: list[list[int]]


def sites_of(night: Night) -> tuple[Ints, Floats]:
    """(D,) the site of each demand, and the sites' places (K, 2): visits to one hotspot are at one place."""
    site, _ = pd.factorize(night.demands["hotspot_id"])
    first = night.demands[~night.demands["hotspot_id"].duplicated()]
    xy = np.column_stack([first.geometry.x, first.geometry.y]).astype(float).reshape(-1, 2)
    return np.asarray(site, dtype=np.int64), xy


def standing(night: Night, *, now_s: float, absent: Collection[str] = ()) -> Standing:
    """Who has done what at `now_s` and is free where and when.

    A visit is frozen once the team has set out for it. `absent` teams leave now: what they have begun counts as done,
    what they were on the way to doesn't. Raises ConfigError for a team that doesn't exist, and for a moment before the
    night's last re-planning.
    """
    known = list(night.teams["id"])
    unknown = sorted(set(absent) - set(known))
    if unknown:
        raise ConfigError(f"--absent {', '.join(unknown)}: no such team; fix: use ids of {', '.join(known[:30])}")
    if night.now_s is not None and now_s < night.now_s:
        when = night.instant(night.now_s).isoformat()
        raise ConfigError(f"--at is before {when}, when this run was planned; fix: give a later moment")
    site, _ = sites_of(night)
    site_of = dict(zip(night.demands["demand_id"], site, strict=True))
    gone = {**night.absent, **dict.fromkeys(absent, now_s)}
    done = np.zeros(len(known), dtype=np.int64)
    free_s, at = np.full(len(known), now_s), np.full(len(known), -1, dtype=np.int64)
    present = np.ones(len(known), dtype=bool)
    rows: list[int] = []
    for v, (team, shift) in enumerate(zip(known, night.shift_s, strict=True)):
        own = night.visits[night.visits["team_id"] == team]
        begun = own["start_s"] if team in gone else own["arrive_s"] - own["travel_s"]
        frozen = own[begun <= min(now_s, gone.get(team, now_s))]
        done[v], free_s[v] = len(frozen), max(now_s, shift[0])
        rows += frozen.index.tolist()
        if len(frozen) and len(frozen) < len(own):
            at[v] = site_of[frozen["demand_id"].iloc[-1]]
            free_s[v] = max(free_s[v], frozen["leave_s"].iloc[-1])
        elif len(frozen) and frozen["leave_s"].iloc[-1] > now_s:
            at[v], free_s[v] = site_of[frozen["demand_id"].iloc[-1]], frozen["leave_s"].iloc[-1]
        elif len(frozen):
            free_s[v] = max(free_s[v], night.home_s[team])
        present[v] = team not in gone and free_s[v] < shift[1]
    return Standing(now_s, night.visits.loc[rows], done, free_s, at, present)


def rest_of(night: Night, stand: Standing) -> Rest:
    """The problem of the visits that can still be made, with what the side rules still ask for."""
    demands, teams = night.demands, night.teams
    site, stops_xy = sites_of(night)
    end_s = seconds_after(night.origin, demands["window_end"])
    gone = set(stand.frozen["demand_id"])
    open_ = np.flatnonzero(~demands["demand_id"].isin(gone).to_numpy() & (end_s >= stand.now_s))
    there = np.flatnonzero(stand.present)
    left = demands.iloc[open_].reset_index(drop=True)
    now = night.instant(stand.now_s)
    left["window_start"] = left["window_start"].where(left["window_start"] > now, now)
    force = teams.iloc[there].reset_index(drop=True)
    planning = night.planning
    blocked = blocked_codes(
        force, left, night.roles, night.date,
        **{name: planning[name] for name in ("min_members", "night_min_members", "night_hours")},
    )  # fmt: skip
    at = stand.site[there]
    shifts = night.shift_s[there]
    shifts[:, 0] = stand.free_s[there]
    start = np.where(at >= 0, len(night.points) + at, home_places(force, night.points))
    routes, keep = _kept(night, stand, there, left)
    values = left["value"].to_numpy(dtype=float)
    kept_value = float(values[keep >= 0].mean()) if (keep >= 0).any() else 0.0
    problem = problem_on_streets(
        left, night.points, force, night.streets.to_crs(demands.crs),
        site=site[open_], stops_xy=stops_xy, origin=night.origin, shift_s=shifts, start_place=start, blocked=blocked,
        team_blocked=team_blocked(force, date=night.date, min_members=planning["min_members"]),
        max_leg_min=planning["max_leg_min"], max_snap_m=planning["max_snap_m"], conditions=night.conditions, hotspots=None,
        rules={
            **_rules_left(night, stand, there, open_, (blocked == "").any(axis=1)),
            "required": left["required"].to_numpy(dtype=bool),
            "revisit_gap_s": planning["revisit_gap_min"] * 60.0,
            "keep": keep,
            "keep_bonus": KEEP_SHARE * kept_value,
        },
    )  # fmt: skip
    return Rest(problem, there, open_, routes)


def _kept(night: Night, stand: Standing, there: Ints, left: gpd.GeoDataFrame) -> tuple[list[list[int]], Ints]:
    """What each present team still had to do, and (D',) which team that was, -1 = none."""
    number = {demand: d for d, demand in enumerate(left["demand_id"])}
    ids = night.teams["id"].to_numpy()
    routes, keep = [], np.full(len(left), -1, dtype=np.int64)
    for v, team in enumerate(ids[there]):
        own = night.visits.loc[night.visits["team_id"] == team, "demand_id"].tolist()[stand.done[there[v]] :]
        routes.append([number[demand] for demand in own if demand in number])
        keep[routes[-1]] = v
    return routes, keep


def _rules_left(night: Night, stand: Standing, there: Ints, open_: Ints, busy: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Floors and caps less what the frozen visits have met of them."""
    planning, frozen = night.planning, stand.frozen
    whole = community_rules(night.areas, night.demands, planning["least_per_community"], planning["most_per_community"])
    row_of = {demand: d for d, demand in enumerate(night.demands["demand_id"])}
    area = whole["area"]
    made_of = area[[row_of[demand] for demand in frozen["demand_id"]]]
    made = np.bincount(made_of[made_of >= 0], minlength=len(night.areas.frame))
    still = np.bincount(area[open_][area[open_] >= 0], minlength=len(night.areas.frame))
    dwell_s = frozen["leave_s"] - frozen["start_s"]
    work = (frozen["travel_s"] + dwell_s).groupby(frozen["team_id"]).sum()
    worked = work.reindex(night.teams["id"].iloc[there]).fillna(0.0).to_numpy(dtype=float)
    done = stand.done[there]
    most_work_s = np.maximum(0.0, planning["most_work_min"] * 60.0 - worked)
    return {
        "area": area[open_],
        "least_in_area": np.clip(whole["least_in_area"] - made, 0, still),
        "most_in_area": np.maximum(whole["most_in_area"] - made, 0),
        "least_visits": np.where(busy, np.maximum(planning["least_visits"] - done, 0), 0),
        "most_visits": np.maximum((planning["most_visits"] or UNLIMITED) - done, 0),
        "least_work_s": np.minimum(
            np.where(busy, np.maximum(planning["least_work_min"] * 60.0 - worked, 0.0), 0.0), most_work_s
        ),
        "most_work_s": most_work_s,
    }  # fmt: skip


def night_after(night: Night, stand: Standing, rest: Rest, plan: Plan, *, absent: Collection[str] = ()) -> Night:
    """The night with the rest planned anew: frozen visits as they were, visit ids kept by those that still take place."""
    world = plan.problem.world
    assert world is not None
    fresh = visits_of(plan, world)
    known = dict(zip(night.visits["demand_id"], night.visits["visit_id"], strict=True))
    numbers = [int(visit[1:]) for visit in night.visits["visit_id"]]
    following = max(numbers, default=0) + 1
    ids = []
    for demand in fresh["demand_id"]:
        ids.append(known.get(demand) or f"V{following:03d}")
        following += demand not in known
    both = pd.concat([stand.frozen[VISIT_COLUMNS], fresh.assign(visit_id=ids)], ignore_index=True)
    order = pd.Series(both["team_id"].map({team: v for v, team in enumerate(night.teams["id"])}))
    both = both.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
    home = home_seconds(plan, world)
    still_out = {
        str(world.teams["id"].iloc[v]): float(plan.problem.shift_s[v, 0] + _way_home_s(plan.problem, v))
        for v, route in enumerate(plan.routes)
        if not route and stand.site[rest.teams[v]] >= 0
    }
    gone = {**night.absent, **dict.fromkeys(absent, stand.now_s)}
    return replace(night, visits=both, home_s={**night.home_s, **home, **still_out}, absent=gone, now_s=stand.now_s)


def _way_home_s(problem: Problem, team: int) -> float:
    return float(problem.travel_s[problem.team_mode[team], problem.team_start[team], problem.team_end[team]])


def changes(before: Night, after: Night, *, now_s: float) -> pd.DataFrame:
    """What is different for each team, by team and time, in `CHANGE_COLUMNS`.

    `change`: `new` (a stop it didn't have), `dropped` (one it no longer has), `time` (one that moves by a minute or
    more). `other_team` had the stop before, or has it now; '' = none. Equal nights give an empty table.
    """
    hotspot = dict(zip(after.demands["demand_id"], after.demands["hotspot_id"], strict=True))
    old, new = _by_demand(before, now_s), _by_demand(after, -np.inf)
    sequence = (after.visits.groupby("team_id").cumcount() + 1).to_numpy()
    place = dict(zip(after.visits["demand_id"], sequence, strict=True))
    rows: list[tuple[object, ...]] = []
    for demand, (team, start_s) in new.items():
        had, had_s = old.get(demand, ("", np.nan))
        if demand not in old and demand in _by_demand(before, -np.inf):
            continue  # it was done before
        if had != team:
            rows.append((team, "new", demand, hotspot[demand], place[demand], start_s, had_s, had))
        elif abs(start_s - had_s) >= SAME_TIME_S:
            rows.append((team, "time", demand, hotspot[demand], place[demand], start_s, had_s, ""))
    for demand, (team, start_s) in old.items():
        has, _ = new.get(demand, ("", np.nan))
        if has != team:
            spot = hotspot.get(demand, demand.rsplit("-", 1)[0])
            rows.append((team, "dropped", demand, spot, 0, np.nan, start_s, has))
    frame = pd.DataFrame(rows, columns=CHANGE_COLUMNS)
    when = frame["start"].fillna(frame["before"])
    order = np.lexsort((frame["demand_id"], when, frame["team_id"]))
    frame = frame.iloc[order].reset_index(drop=True)
    for name in ("start", "before"):
        frame[name] = [_instant(after, seconds) for seconds in frame[name]]
    return frame


def _by_demand(night: Night, now_s: float) -> dict[str, tuple[str, float]]:
    """Team and start of each visit that the teams hadn't set out for at `now_s`."""
    set_out = night.visits["arrive_s"] - night.visits["travel_s"]
    rows = night.visits[set_out > now_s]
    pairs = zip(rows["team_id"], rows["start_s"], strict=True)
    return dict(zip(rows["demand_id"], pairs, strict=True))


def _instant(night: Night, seconds: float) -> str:
    return "" if np.isnan(seconds) else night.instant(seconds).isoformat()


def change_lines(table: pd.DataFrame) -> list[str]:
    """The changes in words, one line each.

    >>> row = ("T05", "new", "H12-1", "H12", 2, "2024-11-29T20:31:00-08:00", "", "T03")
    >>> change_lines(pd.DataFrame([row], columns=CHANGE_COLUMNS))
    ['T05: new stop 2, H12 at 20:31, from T03']
    """
    return [_line(row) for row in table.to_dict("records")]


def _line(row: Mapping[Any, Any]) -> str:
    start, before, other = str(row["start"])[11:16], str(row["before"])[11:16], row["other_team"]
    if row["change"] == "new":
        stop = f"{row['team_id']}: new stop {row['sequence']}, {row['hotspot_id']} at {start}"
        return f"{stop}, from {other}" if other else stop
    if row["change"] == "time":
        return f"{row['team_id']}: {row['hotspot_id']} at {start} instead of {before}"
    gone = f"{row['team_id']}: no longer {row['hotspot_id']} at {before}"
    return f"{gone}, now with {other}" if other else gone


def kept_share(before: Night, after: Night, stand: Standing) -> tuple[int, int]:
    """Of the visits that were still to come, of teams that are there and demands that still exist: how many stay with
    their team, and how many there were."""
    teams = set(night_ids(before, stand))
    wanted = set(after.demands["demand_id"])
    old = {d: team for d, (team, _) in _by_demand(before, stand.now_s).items() if team in teams and d in wanted}
    new = _by_demand(after, -np.inf)
    return sum(new.get(demand, ("", 0.0))[0] == team for demand, team in old.items()), len(old)


def night_ids(night: Night, stand: Standing) -> Sequence[str]:
    """The teams that can still be sent anywhere."""
    return [str(team) for team in night.teams["id"].to_numpy()[stand.present]]
