"""The problem in the form the kernels read: forbidden legs are inf, places are ints, every limit is one array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from planning.problem import Bools, Floats, Ints, Problem

TOLERANCE_S = 1e-6  # two orders of one sum differ by less; the checker allows the same


class Instance(NamedTuple):
    leg: Floats  # (M, P, P) seconds, inf where there is no way or the leg is too long
    place: Ints  # (D,)
    early: Floats
    late: Floats
    dwell: Floats
    value: Floats
    mode: Ints  # (V,)
    home: Ints
    goal: Ints
    opens: Floats
    closes: Floats
    able: Bools  # (V, D)


def make_instance(problem: Problem) -> Instance:
    leg = problem.travel_s.copy()
    if problem.max_leg_s is not None:
        leg[leg > problem.max_leg_s + TOLERANCE_S] = np.inf
    latest_use = float(problem.shift_s[:, 1].max()) if problem.teams else 0.0
    return Instance(
        leg=leg,
        place=problem.demand_place.copy(),
        early=problem.window_s[:, 0].copy(),
        late=np.minimum(problem.window_s[:, 1], latest_use),
        dwell=problem.dwell_s.copy(),
        value=problem.value.copy(),
        mode=problem.team_mode.copy(),
        home=problem.team_start.copy(),
        goal=problem.team_end.copy(),
        opens=problem.shift_s[:, 0].copy(),
        closes=problem.shift_s[:, 1].copy(),
        able=problem.eligible.copy(),
    )


def longest_route(problem: Problem) -> int:
    """No route has more visits than this: dwell alone would fill the longest shift."""
    if not problem.teams or not problem.demands:
        return 0
    longest = float((problem.shift_s[:, 1] - problem.shift_s[:, 0]).max())
    return int(np.searchsorted(np.cumsum(np.sort(problem.dwell_s)), longest + TOLERANCE_S, side="right"))


def team_groups(problem: Problem) -> tuple[list[Ints], Ints]:
    """Teams that can stand in for one another, and the group of each team."""
    keys: dict[tuple[object, ...], int] = {}
    group = np.empty(problem.teams, dtype=np.int64)
    for team in range(problem.teams):
        key = (
            int(problem.team_mode[team]),
            int(problem.team_start[team]),
            int(problem.team_end[team]),
            *problem.shift_s[team].tolist(),
            problem.eligible[team].tobytes(),
        )
        group[team] = keys.setdefault(key, len(keys))
    return [np.flatnonzero(group == g) for g in range(len(keys))], group


def is_feasible(problem: Problem, team: int, route: list[int]) -> bool:
    """Whether this team can drive this route, computed on the problem's own numbers."""
    if not route:
        return True
    if len(set(route)) < len(route) or not problem.eligible[team, route].all():
        return False
    limit = np.inf if problem.max_leg_s is None else problem.max_leg_s + TOLERANCE_S
    travel, here, now = problem.travel_s[problem.team_mode[team]], problem.team_start[team], problem.shift_s[team, 0]
    for demand in route:
        leg = travel[here, problem.demand_place[demand]]
        now = max(now + leg, problem.window_s[demand, 0])
        if leg > limit or not now <= problem.window_s[demand, 1] + TOLERANCE_S or not np.isfinite(now):
            return False
        now, here = now + problem.dwell_s[demand], problem.demand_place[demand]
    leg = travel[here, problem.team_end[team]]
    return bool(leg <= limit and now + leg <= problem.shift_s[team, 1] + TOLERANCE_S)


@njit(cache=True)
def time_route(x: Instance, team: int, route: Ints, length: int, start: Floats, latest: Floats) -> bool:
    """Write the earliest and the latest start of each service; False where the route can't be driven."""
    travel = x.leg[x.mode[team]]
    here, now = x.home[team], x.opens[team]
    for i in range(length):
        d = route[i]
        now = max(now + travel[here, x.place[d]], x.early[d])
        if not now <= x.late[d] + 1e-9:
            return False
        start[i] = now
        now += x.dwell[d]
        here = x.place[d]
    if length == 0:
        return True
    if not now + travel[here, x.goal[team]] <= x.closes[team] + 1e-9:
        return False
    limit = x.closes[team]
    there = x.goal[team]
    for i in range(length - 1, -1, -1):
        d = route[i]
        limit = min(x.late[d], limit - travel[x.place[d], there] - x.dwell[d])
        latest[i] = limit
        there = x.place[d]
    return True


@njit(cache=True)
def cheapest_place(
    x: Instance, team: int, demand: int, route: Ints, length: int, start: Floats, latest: Floats
) -> tuple[float, int]:
    """Where in the route the demand adds the least travel: (seconds, position), or (inf, -1)."""
    travel = x.leg[x.mode[team]]
    at = x.place[demand]
    best, best_at = np.inf, -1
    for i in range(length + 1):
        before = x.home[team] if i == 0 else x.place[route[i - 1]]
        free = x.opens[team] if i == 0 else start[i - 1] + x.dwell[route[i - 1]]
        if free > x.late[demand]:
            break
        begin = max(free + travel[before, at], x.early[demand])
        if not begin <= x.late[demand]:
            continue
        after = x.goal[team] if i == length else x.place[route[i]]
        limit = x.closes[team] if i == length else latest[i]
        if not begin + x.dwell[demand] + travel[at, after] <= limit:
            continue
        cost = travel[before, at] + travel[at, after]
        if length > 0:
            cost -= travel[before, after]
        if cost < best:
            best, best_at = cost, i
    return best, best_at
