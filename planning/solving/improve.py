"""Large-neighbourhood search on the exact problem: take neighbouring visits out, put better ones in.

Ruin follows the strings of Christiaens & Vanden Berghe 2020 (doi:10.1287/trsc.2019.0914), acceptance is simulated
annealing. Random numbers are its own, so a seed gives the same plan whatever else runs in the process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from planning.problem import Problem
from planning.rules import Floats, Ints
from planning.solving.instance import (
    Draft,
    Instance,
    Routes,
    area_score,
    cheapest_place,
    longest_route,
    make_draft,
    mend,
    put_in,
    score_of,
    take_out,
    time_route,
)

NEAR = 96  # demands that a ruin looks at around its seed, and a recreate tries to put in
TEAMS_NEAR = 24
CUTS_MOST, CUT_LONGEST, GUESTS_MOST = 4, 15, 2
TRAVEL_SHARE = 0.002  # of a typical demand: what the travel of a typical visit costs in the search


@dataclass(eq=False)
class Search:
    """The state of a search between two runs of its kernel; `best` outlives an interruption."""

    instance: Instance
    draft: Draft
    near: Ints  # (D, K) the K demands that lie nearest
    teams_near: Ints  # (D, T) the teams that may serve it and come soonest, -1 = no more
    best: Ints  # (V, L)
    best_lengths: Ints
    per_second: float  # score that a second of travel costs
    best_score: Floats  # (1,)
    random: np.ndarray
    found: Ints  # (N, L + 2) ring of routes met: team, length, demands
    count: Ints  # (1,) routes ever written to `found`

    def best_routes(self) -> Routes:
        return [self.best[v, :n].tolist() for v, n in enumerate(self.best_lengths)]

    def met(self) -> list[tuple[int, tuple[int, ...]]]:
        """(team, route) of every route that the ring still holds."""
        rows = self.found[: min(int(self.count[0]), len(self.found))]
        return list(dict.fromkeys((int(row[0]), tuple(row[2 : 2 + row[1]].tolist())) for row in rows))

    def keep(self) -> None:
        """What the draft holds becomes the best."""
        x, draft = self.instance, self.draft
        self.best[:], self.best_lengths[:] = draft.routes, draft.lengths
        self.best_score[0] = area_score(x, draft) + sum(score_of(x, draft, v) for v in range(len(x.home)))

    def reweigh(self, weight: Floats, *, seed: int) -> None:
        """Go on with other weights and other random numbers; `restart` has to follow."""
        weight.setflags(write=False)  # as all of an instance's arrays are
        self.instance = self.instance._replace(weight=weight)
        self.random[:] = _first_random(seed)

    def restart(self, routes: Routes) -> None:
        """Go on from these routes, which become the best."""
        self.draft.team_of[:], self.draft.in_area[:] = -1, 0
        for team, route in enumerate(routes):
            self.draft.lengths[team] = len(route)
            self.draft.routes[team, : len(route)] = route
            self.draft.team_of[route] = team
            np.add.at(self.draft.in_area, self.instance.area[route], 1)
            time_route(self.instance, self.draft, team)
        self.keep()


def make_search(problem: Problem, instance: Instance, *, seed: int, ring: int = 20_000) -> Search:
    width = max(longest_route(problem), 1)
    return Search(
        instance=instance,
        draft=make_draft(instance, width),
        near=_nearest(instance),
        teams_near=_teams_nearest(instance),
        best=np.zeros((problem.teams, width), np.int64),
        best_lengths=np.zeros(problem.teams, np.int64),
        per_second=TRAVEL_SHARE * typical_value(problem) / _typical_leg_s(instance),
        best_score=np.full(1, -np.inf),
        random=_first_random(seed),
        found=np.zeros((ring, width + 2), np.int64),
        count=np.zeros(1, np.int64),
    )


def _first_random(seed: int) -> np.ndarray:
    return np.array([(seed * 2 + 1) * 0x9E3779B97F4A7C15 % 2**64], dtype=np.uint64)


def typical_value(problem: Problem) -> float:
    worth = problem.value[problem.value > 0]
    return float(worth.mean()) if worth.size else 1.0


def _typical_leg_s(x: Instance) -> float:
    legs = x.leg[:, x.place[:100]]
    usable = legs[np.isfinite(legs) & (legs > 0)]
    return float(np.median(usable)) if usable.size else 1.0


def _nearest(x: Instance) -> Ints:
    """By the quickest way of any mode, there or back; the index decides between equals."""
    keep, demands = min(NEAR, len(x.place)), len(x.place)
    rows = np.empty((demands, keep), dtype=np.int64)
    for place in np.unique(x.place):
        apart = np.minimum(x.leg[:, place].min(axis=0), x.leg[:, :, place].min(axis=0))[x.place]
        rows[x.place == place] = np.argsort(apart, kind="stable")[:keep]
    return rows


def _teams_nearest(x: Instance) -> Ints:
    teams, demands = x.able.shape
    keep = min(TEAMS_NEAR, teams)
    rows = np.full((demands, keep), -1, dtype=np.int64)
    for d in range(demands):
        apart = np.where(x.able[:, d], x.leg[x.mode, x.home, x.place[d]], np.inf)
        order = np.argsort(apart, kind="stable")[:keep]
        usable = order[x.able[order, d]]
        rows[d, : len(usable)] = usable
    return rows


def run(search: Search, iterations: int, *, hot: float, cold: float) -> None:
    """So many rounds of ruin and recreate; the temperature falls from `hot` to `cold` (in units of value)."""
    s = search
    if len(s.instance.place) and len(s.instance.home):
        _anneal(
            s.instance, s.draft, s.near, s.teams_near, s.best, s.best_lengths, s.best_score, s.per_second, s.random,
            s.found, s.count, iterations, hot, cold,
        )  # fmt: skip


@njit(cache=True)
def _draw(random: np.ndarray) -> float:
    """A number in [0, 1): xorshift64*."""
    z = random[0]
    z ^= z >> np.uint64(12)
    z ^= z << np.uint64(25)
    z ^= z >> np.uint64(27)
    random[0] = z
    return float((z * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True)
def _touch(v: int, touched: Ints, n_touched: int) -> int:
    for i in range(n_touched):
        if touched[i] == v:
            return n_touched
    touched[n_touched] = v
    return n_touched + 1


@njit(cache=True)
def _ruin(
    x: Instance, s: Draft, near: Ints, teams_near: Ints, touched: Ints, free: Ints, random: np.ndarray
) -> tuple[int, int, int]:
    """Cut a string of visits out of some routes around a random demand, and invite some whole routes.

    Returns (routes touched, of them cut, demands to try); the demands are those cut out and the unserved ones nearby.
    """
    demands, teams = near.shape[0], s.routes.shape[0]
    cuts = 1 + int(_draw(random) * min(CUTS_MOST, teams))
    seed = int(_draw(random) * demands)
    n_touched, n_free = 0, 0
    for k in range(near.shape[1]):
        d = near[seed, k]
        v = s.team_of[d]
        if v < 0:
            continue
        before = n_touched
        n_touched = _touch(v, touched, n_touched)
        if n_touched == before:
            continue
        at = 0
        while s.routes[v, at] != d:
            at += 1
        size = 1 + int(_draw(random) * min(s.lengths[v], CUT_LONGEST))
        first = max(0, min(at - int(_draw(random) * size), s.lengths[v] - size))
        for i in range(first, first + size):
            free[n_free] = s.routes[v, i]
            n_free += 1
        take_out(x, s, v, first, size)
        if n_touched == cuts:
            break
    n_cut, n_gone = n_touched, n_free
    for k in range(near.shape[1]):
        d = near[seed, k]
        if s.team_of[d] < 0:
            known = False
            for i in range(n_gone):
                known = known or free[i] == d
            if not known:
                free[n_free] = d
                n_free += 1
    for _ in range(int(_draw(random) * min(GUESTS_MOST, teams))):
        v = teams_near[seed, int(_draw(random) * teams_near.shape[1])]
        if v >= 0:
            n_touched = _touch(v, touched, n_touched)
    if n_touched == 0:
        n_touched = _touch(int(_draw(random) * teams), touched, n_touched)
    return n_touched, n_cut, n_free


@njit(cache=True)
def _recreate(
    x: Instance, s: Draft, touched: Ints, n_touched: int, free: Ints, n_free: int, keys: Floats, random: np.ndarray
) -> None:
    """Insert unserved demands into the touched routes, in a random kind of order, each where it adds least travel."""
    kind = _draw(random)
    blink = 0.02 if _draw(random) < 0.5 else 0.0
    for i in range(n_free):
        d = free[i]
        worth = x.weight[-1, d]
        if kind < 0.1:
            keys[i] = _draw(random)
        elif kind < 0.2:
            keys[i] = x.late[d]
        elif kind < 0.6:
            keys[i] = -worth * (0.5 + _draw(random))
        else:
            cost = np.inf
            for k in range(n_touched):
                if x.able[touched[k], d]:
                    cost = min(cost, cheapest_place(x, s, touched[k], d)[0])
            keys[i] = -worth * (0.7 + 0.6 * _draw(random)) / (max(cost, 0.0) + x.dwell[d] + 1e-3)
    for i in np.argsort(keys[:n_free]):
        d = free[i]
        if s.in_area[x.area[d]] >= x.most_in[x.area[d]]:
            continue
        best, best_at, best_v = np.inf, -1, -1
        for k in range(n_touched):
            v = touched[k]
            if not x.able[v, d] or (blink > 0 and _draw(random) < blink):
                continue
            cost, at = cheapest_place(x, s, v, d)
            if cost < best:
                best, best_at, best_v = cost, at, v
        if best_v >= 0:
            put_in(x, s, best_v, d, best_at)


@njit(cache=True)
def _anneal(
    x: Instance,
    s: Draft,
    near: Ints,
    teams_near: Ints,
    best: Ints,
    best_lengths: Ints,
    best_score: Floats,
    per_second: float,
    random: np.ndarray,
    found: Ints,
    count: Ints,
    iterations: int,
    hot: float,
    cold: float,
) -> None:
    teams = s.routes.shape[0]
    was, was_lengths, was_score, was_work = s.routes.copy(), s.lengths.copy(), np.zeros(teams), s.work.copy()
    touched = np.zeros(teams + 1, np.int64)
    free, keys = np.zeros(len(x.place), np.int64), np.zeros(len(x.place))
    now = in_areas = area_score(x, s)
    for v in range(teams):
        was_score[v] = score_of(x, s, v)
        now += was_score[v]
    for it in range(iterations):
        heat = hot * (cold / hot) ** (it / iterations)
        n_touched, n_cut, n_free = _ruin(x, s, near, teams_near, touched, free, random)
        for k in range(n_cut):
            mend(x, s, touched[k])
        _recreate(x, s, touched, n_touched, free, n_free, keys, random)
        areas = area_score(x, s) if len(x.least_in) > 1 else 0.0
        gain, saved = areas - in_areas, 0.0
        for k in range(n_touched):
            v = touched[k]
            gain += score_of(x, s, v) - was_score[v]
            saved += was_work[v] - s.work[v]
        for k in range(n_touched):  # travel alone counts here: the service is part of the work
            v = touched[k]
            for i in range(s.lengths[v]):
                saved += x.dwell[s.routes[v, i]]
            for i in range(was_lengths[v]):
                saved -= x.dwell[was[v, i]]
        merit = gain + per_second * saved
        if merit >= 0 or _draw(random) < np.exp(merit / heat):
            now += gain
            in_areas = areas
            record = now > best_score[0] + 1e-9
            for k in range(n_touched):
                v = touched[k]
                n = s.lengths[v]
                same = n == was_lengths[v]
                for i in range(n):
                    same = same and was[v, i] == s.routes[v, i]
                    was[v, i] = s.routes[v, i]
                if same:
                    continue
                was_lengths[v], was_score[v], was_work[v] = n, score_of(x, s, v), s.work[v]
                if n > 0:
                    row = count[0] % found.shape[0]
                    found[row, 0], found[row, 1] = v, n
                    found[row, 2 : 2 + n] = s.routes[v, :n]
                    count[0] += 1
            if record:
                best_score[0] = now
                best[:], best_lengths[:] = s.routes, s.lengths
        else:
            for k in range(n_touched):
                take_out(x, s, touched[k], 0, s.lengths[touched[k]])
            for k in range(n_touched):
                v = touched[k]
                s.lengths[v] = was_lengths[v]
                for i in range(s.lengths[v]):
                    d = was[v, i]
                    s.routes[v, i] = d
                    s.team_of[d] = v
                    s.in_area[x.area[d]] += 1
                time_route(x, s, v)
