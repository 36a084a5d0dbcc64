"""The problem in the form the kernels read, and a plan under construction: routes with the room between their visits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from planning.problem import Problem
from planning.rules import Bools, Floats, Ints

Routes = list[list[int]]
TOLERANCE_S = 1e-6  # two orders of one sum differ by less; the checker allows the same


class Instance(NamedTuple):
    """Forbidden legs are inf, places are ints, every rule is one array."""

    leg: Floats  # (M, P, P) seconds, inf where there is no way or the leg is too long
    place: Ints  # (D,)
    early: Floats
    late: Floats
    dwell: Floats
    weight: Floats  # (K, D) what a visit adds to the score
    taste: Ints  # (V,) the row of `weight` that is the team's
    mode: Ints  # (V,)
    home: Ints
    goal: Ints
    opens: Floats
    closes: Floats
    able: Bools  # (V, D)
    least: Ints  # (V,) visits
    most: Ints
    least_work: Floats  # (V,) seconds
    most_work: Floats
    missing: float  # score that a missing visit takes away
    missing_s: float  # and a missing second of work
    area: Ints  # (D,) the last area is nowhere and rules nothing
    least_in: Ints  # (A + 1,)
    most_in: Ints
    site: Ints  # (D,) -1 = none
    member: Ints  # demands by site
    first_member: Ints  # (S + 1,) where each site's begin
    gap: float


def make_instance(problem: Problem) -> Instance:
    rules = problem.rules
    leg = problem.travel_s
    if problem.max_leg_s is not None and (leg > problem.max_leg_s + TOLERANCE_S).any():
        leg = np.where(leg > problem.max_leg_s + TOLERANCE_S, np.inf, leg)
    latest_use = float(problem.shift_s[:, 1].max()) if problem.teams else 0.0
    able = problem.eligible.copy()
    for demand in np.flatnonzero(rules.locked >= 0):
        able[:, demand] &= np.arange(problem.teams) == rules.locked[demand]
    weight, taste = _weights(problem)
    rows = np.argsort(rules.site, kind="stable")
    sited = not _spaced_by_windows(problem)
    instance = Instance(
        leg=leg,
        place=problem.demand_place,
        early=problem.window_s[:, 0].copy(),
        late=np.minimum(problem.window_s[:, 1], latest_use),
        dwell=problem.dwell_s,
        weight=weight,
        taste=taste,
        mode=problem.team_mode,
        home=problem.team_start,
        goal=problem.team_end,
        opens=problem.shift_s[:, 0].copy(),
        closes=problem.shift_s[:, 1].copy(),
        able=able,
        least=rules.least_visits,
        most=rules.most_visits,
        least_work=rules.least_work_s,
        most_work=rules.most_work_s,
        missing=rules.missing_value,
        missing_s=rules.missing_value / max(float(problem.dwell_s.mean()) if problem.demands else 1.0, 1.0),
        area=np.where(rules.area < 0, rules.areas, rules.area),
        least_in=np.append(rules.least_in_area, 0),
        most_in=np.append(rules.most_in_area, np.iinfo(np.int64).max),
        site=rules.site if sited else np.full(problem.demands, -1, np.int64),
        member=rows,
        first_member=np.searchsorted(rules.site[rows], np.arange(int(rules.site.max(initial=-1)) + 2)),
        gap=rules.revisit_gap_s if sited else 0.0,
    )
    frozen = [part.view() if isinstance(part, np.ndarray) else part for part in instance]
    for part in frozen:
        if isinstance(part, np.ndarray):
            part.setflags(write=False)  # kernels are compiled for one kind of array
    return Instance._make(frozen)


def _spaced_by_windows(problem: Problem) -> bool:
    """Whether visits to one site can't come too close, whenever they start."""
    rules = problem.rules
    sited = np.flatnonzero(rules.site >= 0)
    if rules.revisit_gap_s == 0 or len(sited) < 2:
        return True
    order = sited[np.lexsort((problem.window_s[sited, 0], rules.site[sited]))]
    same = rules.site[order[1:]] == rules.site[order[:-1]]
    latest_before, earliest_after = problem.window_s[order[:-1], 1], problem.window_s[order[1:], 0]
    return bool((earliest_after - latest_before >= rules.revisit_gap_s - TOLERANCE_S)[same].all())


def is_plain(problem: Problem, x: Instance) -> bool:
    """Whether side rules rule nothing out and change no score, such as a limit on work above every shift."""
    wished = x.least_in.any() or x.least.any() or x.least_work.any() or problem.rules.must.any()
    capped = (x.most_in < problem.demands).any() or (x.most < problem.demands).any()
    short = (x.most_work < x.closes - x.opens).any()
    return not (wished or capped or short or len(x.weight) > 1 or x.gap > 0)


def must_value(problem: Problem) -> float:
    """What serving a required demand adds to the score: more than everything else together."""
    rules = problem.rules
    if not rules.must.any():
        return 0.0
    soft = float(rules.least_in_area.sum() + rules.least_visits.sum())
    return 1.0 + 2.0 * float(problem.value.sum()) + rules.keep_bonus * problem.demands + rules.missing_value * soft


def _weights(problem: Problem) -> tuple[Floats, Ints]:
    """Teams with something to keep have a row of their own; the last row is everybody else's."""
    rules = problem.rules
    base = problem.value + must_value(problem) * rules.must
    keepers = np.unique(rules.keep[rules.keep >= 0]) if rules.keep_bonus > 0 else np.array([], dtype=np.int64)
    weight = np.tile(base, (len(keepers) + 1, 1))
    taste = np.full(problem.teams, len(keepers), dtype=np.int64)
    for row, team in enumerate(keepers):
        weight[row] += rules.keep_bonus * (rules.keep == team)
        taste[team] = row
    return weight, taste


def longest_route(problem: Problem) -> int:
    """No route has more visits than this: dwell alone would fill the longest shift."""
    if not problem.teams or not problem.demands:
        return 0
    longest = float((problem.shift_s[:, 1] - problem.shift_s[:, 0]).max())
    fits = int(np.searchsorted(np.cumsum(np.sort(problem.dwell_s)), longest + TOLERANCE_S, side="right"))
    return min(fits, int(problem.rules.most_visits.max()))


def team_groups(problem: Problem, x: Instance) -> tuple[list[Ints], Ints]:
    """Teams that can stand in for one another, and the group of each team."""
    keys: dict[tuple[object, ...], int] = {}
    group = np.empty(problem.teams, dtype=np.int64)
    for team in range(problem.teams):
        key = (
            *(int(each[team]) for each in (x.mode, x.home, x.goal, x.taste, x.least, x.most)),
            *(float(each[team]) for each in (x.opens, x.closes, x.least_work, x.most_work)),
            x.able[team].tobytes(),
        )
        group[team] = keys.setdefault(key, len(keys))
    return [np.flatnonzero(group == g) for g in range(len(keys))], group


def hand_out(groups: list[Ints], columns: Iterable[tuple[int, Sequence[int]]], teams: int) -> Routes:
    """Routes by group become routes by team: any team of the group drives any of them."""
    free = [list(group) for group in groups]
    routes: Routes = [[] for _ in range(teams)]
    for group, route in columns:
        routes[int(free[group].pop(0))] = list(route)
    return routes


class Draft(NamedTuple):
    """A plan under construction. What a kernel needs to see whether a visit fits is kept beside each route."""

    routes: Ints  # (V, L)
    lengths: Ints
    stop: Ints  # (V, L + 2) places: home, the visits, goal
    free: Floats  # (V, L + 1) when the team is free at each stop, at the earliest
    limit: Floats  # (V, L + 1) when the following service must have begun, or the team be home
    roomiest: Floats  # (V,) the widest of the gaps between the two
    work: Floats  # (V,) seconds of travel and service
    team_of: Ints  # (D,) -1 = unserved
    begin: Floats  # (D,) start of service; of served demands only
    in_area: Ints  # (A + 1,) visits


def make_draft(x: Instance, width: int) -> Draft:
    teams, demands = len(x.home), len(x.place)
    draft = Draft(
        routes=np.zeros((teams, width), np.int64),
        lengths=np.zeros(teams, np.int64),
        stop=np.zeros((teams, width + 2), np.int64),
        free=np.zeros((teams, width + 1)),
        limit=np.zeros((teams, width + 1)),
        roomiest=np.zeros(teams),
        work=np.zeros(teams),
        team_of=np.full(demands, -1, np.int64),
        begin=np.zeros(demands),
        in_area=np.zeros(len(x.least_in), np.int64),
    )
    for team in range(teams):
        time_route(x, draft, team)
    return draft


@njit(cache=True)
def time_route(x: Instance, s: Draft, v: int) -> bool:
    """Bring what is kept beside the route up to date; False where it can't be driven, or is more work than allowed."""
    travel, route, n = x.leg[x.mode[v]], s.routes[v], s.lengths[v]
    stop, free, limit = s.stop[v], s.free[v], s.limit[v]
    stop[0], stop[n + 1] = x.home[v], x.goal[v]
    free[0], limit[n] = x.opens[v], x.closes[v]
    work = 0.0
    if n > 0:
        now = x.opens[v]
        for i in range(n):
            d = route[i]
            stop[i + 1] = x.place[d]
            leg = travel[stop[i], stop[i + 1]]
            now = max(now + leg, x.early[d])
            if not now <= x.late[d] + 1e-9:
                return False
            s.begin[d] = now
            now += x.dwell[d]
            free[i + 1] = now
            work += leg + x.dwell[d]
        back = travel[stop[n], stop[n + 1]]
        work += back
        if not (now + back <= x.closes[v] + 1e-9 and work <= x.most_work[v] + 1e-9):
            return False
        by = x.closes[v]
        for i in range(n - 1, -1, -1):
            d = route[i]
            by = min(x.late[d], by - travel[stop[i + 1], stop[i + 2]] - x.dwell[d])
            limit[i] = by
    s.work[v] = work
    widest = 0.0
    for i in range(n + 1):
        widest = max(widest, limit[i] - free[i])
    s.roomiest[v] = widest
    return True


@njit(cache=True)
def is_spaced(x: Instance, s: Draft, v: int) -> bool:
    """Whether the route's visits keep their distance in time from every other visit to the same site."""
    for i in range(s.lengths[v]):
        d = s.routes[v, i]
        if x.site[d] < 0:
            continue
        for k in range(x.first_member[x.site[d]], x.first_member[x.site[d] + 1]):
            e = x.member[k]
            if e != d and s.team_of[e] >= 0 and abs(s.begin[e] - s.begin[d]) < x.gap - 1e-9:
                return False
    return True


@njit(cache=True)
def cheapest_place(x: Instance, s: Draft, v: int, d: int) -> tuple[float, int]:
    """Where in the route the demand adds the least travel: (seconds, position), or (inf, -1)."""
    best, best_at = np.inf, -1
    dwell = x.dwell[d]
    n = s.lengths[v]
    if dwell > s.roomiest[v] or n >= min(x.most[v], s.routes.shape[1]):
        return best, best_at
    travel, stop, free, limit = x.leg[x.mode[v]], s.stop[v], s.free[v], s.limit[v]
    at, early, late = x.place[d], x.early[d], x.late[d]
    for i in range(n + 1):
        if free[i] > late:
            break
        if limit[i] - free[i] < dwell or limit[i] - early < dwell:
            continue
        out = travel[stop[i], at]
        begin = max(free[i] + out, early)
        if not begin <= late:
            continue
        back = travel[at, stop[i + 1]]
        if not begin + dwell + back <= limit[i]:
            continue
        cost = out + back
        if n > 0:
            cost -= travel[stop[i], stop[i + 1]]
        if cost < best:
            best, best_at = cost, i
    if s.work[v] + best + dwell > x.most_work[v]:
        return np.inf, -1
    return best, best_at


@njit(cache=True)
def put_in(x: Instance, s: Draft, v: int, d: int, at: int) -> bool:
    """Insert the visit; False, and everything as before, where rounding or the spacing of visits forbids it."""
    for j in range(s.lengths[v], at, -1):
        s.routes[v, j] = s.routes[v, j - 1]
    s.routes[v, at] = d
    s.lengths[v] += 1
    s.team_of[d] = v
    if time_route(x, s, v) and (x.gap == 0.0 or is_spaced(x, s, v)):
        s.in_area[x.area[d]] += 1
        return True
    s.team_of[d] = -1
    for j in range(at, s.lengths[v] - 1):
        s.routes[v, j] = s.routes[v, j + 1]
    s.lengths[v] -= 1
    time_route(x, s, v)
    return False


@njit(cache=True)
def take_out(x: Instance, s: Draft, v: int, first: int, size: int) -> None:
    """Take a run of visits out; the route isn't timed again."""
    for i in range(first, first + size):
        s.team_of[s.routes[v, i]] = -1
        s.in_area[x.area[s.routes[v, i]]] -= 1
    for i in range(first, s.lengths[v] - size):
        s.routes[v, i] = s.routes[v, i + size]
    s.lengths[v] -= size


@njit(cache=True)
def mend(x: Instance, s: Draft, v: int) -> None:
    """Drop visits until the route holds again: without a visit a leg may be too long, or another visit too early."""
    while s.lengths[v] > 0 and not (time_route(x, s, v) and (x.gap == 0.0 or is_spaced(x, s, v))):
        travel, here, now, bad = x.leg[x.mode[v]], x.home[v], x.opens[v], s.lengths[v] - 1
        for i in range(s.lengths[v]):
            d = s.routes[v, i]
            now = max(now + travel[here, x.place[d]], x.early[d])
            if not now <= x.late[d] + 1e-9:
                bad = i
                break
            now += x.dwell[d]
            here = x.place[d]
        take_out(x, s, v, bad, 1)
    time_route(x, s, v)


@njit(cache=True)
def score_of(x: Instance, s: Draft, v: int) -> float:
    """What the team's route adds to the score."""
    total = 0.0
    for i in range(s.lengths[v]):
        total += x.weight[x.taste[v], s.routes[v, i]]
    total -= x.missing * max(0, x.least[v] - s.lengths[v])
    return float(total - x.missing_s * max(0.0, x.least_work[v] - s.work[v]))


@njit(cache=True)
def area_score(x: Instance, s: Draft) -> float:
    """What communities that are visited too seldom take away."""
    total = 0.0
    for a in range(len(x.least_in)):
        total -= x.missing * max(0, x.least_in[a] - s.in_area[a])
    return total


def fits_rules(x: Instance, team: int, route: list[int] | tuple[int, ...]) -> bool:
    """Whether this team can drive this route, all rules but those between teams kept."""
    if not route:
        return True
    if len(set(route)) < len(route) or not x.able[team, list(route)].all() or len(route) > x.most[team]:
        return False
    return bool(_drive(x, team, np.array(route, dtype=np.int64))[0])


def start_times(x: Instance, team: int, route: list[int] | tuple[int, ...]) -> list[float]:
    """The earliest start of each service of a route that fits the rules."""
    return [float(begin) for begin in _drive(x, team, np.array(route, dtype=np.int64))[1]]


@njit(cache=True)
def _drive(x: Instance, team: int, route: Ints) -> tuple[bool, Floats]:
    travel, here, now, work = x.leg[x.mode[team]], x.home[team], x.opens[team], 0.0
    begin = np.empty(len(route))
    for i in range(len(route)):
        d = route[i]
        leg = travel[here, x.place[d]]
        now = max(now + leg, x.early[d])
        if not now <= x.late[d] + 1e-6:
            return False, begin
        begin[i] = now
        for k in range(i):
            if x.site[d] >= 0 and x.site[route[k]] == x.site[d] and now - begin[k] < x.gap - 1e-9:
                return False, begin
        now += x.dwell[d]
        work += leg + x.dwell[d]
        here = x.place[d]
    back = travel[here, x.goal[team]]
    return now + back <= x.closes[team] + 1e-6 and work + back <= x.most_work[team] + 1e-6, begin
