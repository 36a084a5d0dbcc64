"""Large-neighbourhood search on the exact problem: take neighbouring visits out, put better ones in.

Ruin follows the strings of Christiaens & Vanden Berghe 2020 (doi:10.1287/trsc.2019.0914), acceptance is simulated
annealing. Random numbers are its own, so a seed gives the same plan whatever else runs in the process.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from planning.problem import Floats, Ints, Problem
from planning.solving.instance import Instance, cheapest_place, longest_route, make_instance, time_route

Routes = list[list[int]]


@dataclass(eq=False)
class Search:
    """The state of a search between two runs of its kernel; `best` outlives an interruption."""

    instance: Instance
    near: Ints  # (D, K) the K demands that lie nearest
    routes: Ints  # (V, L)
    lengths: Ints
    best: Ints
    best_lengths: Ints
    random: np.ndarray
    found: Ints  # (N, L + 2) ring of routes met: team, length, demands
    count: Ints  # (1,) routes ever written to `found`

    def best_routes(self) -> Routes:
        return [self.best[v, :n].tolist() for v, n in enumerate(self.best_lengths)]

    def met(self) -> list[tuple[int, tuple[int, ...]]]:
        """(team, route) of every route that the ring still holds."""
        rows = self.found[: min(int(self.count[0]), len(self.found))]
        return list(dict.fromkeys((int(row[0]), tuple(row[2 : 2 + row[1]].tolist())) for row in rows))


def make_search(problem: Problem, *, seed: int, ring: int = 20_000) -> Search:
    width = max(longest_route(problem), 1)
    shape = (problem.teams, width)
    return Search(
        instance=make_instance(problem),
        near=_nearest(problem),
        routes=np.zeros(shape, np.int64),
        lengths=np.zeros(problem.teams, np.int64),
        best=np.zeros(shape, np.int64),
        best_lengths=np.zeros(problem.teams, np.int64),
        random=np.array([(seed * 2 + 1) * 0x9E3779B97F4A7C15 % 2**64], dtype=np.uint64),
        found=np.zeros((ring, width + 2), np.int64),
        count=np.zeros(1, np.int64),
    )


def _nearest(problem: Problem, most: int = 40) -> Ints:
    """By the quickest way of any mode, there or back; the index decides between equals."""
    apart = problem.travel_s.min(axis=0)
    apart = np.minimum(apart, apart.T)
    keep = min(most, problem.demands)
    rows = [np.argsort(apart[place][problem.demand_place], kind="stable")[:keep] for place in problem.demand_place]
    return np.array(rows, dtype=np.int64).reshape(problem.demands, keep)


def run(search: Search, iterations: int, *, hot: float, cold: float) -> None:
    """So many rounds of ruin and recreate; the temperature falls from `hot` to `cold` (in units of value)."""
    s = search
    if s.instance.value.size and s.routes.shape[0]:
        _anneal(
            s.instance, s.near, s.routes, s.lengths, s.best, s.best_lengths, s.random, s.found, s.count, iterations,
            hot, cold,
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
def _mend(x: Instance, v: int, route: Ints, length: int, start: Floats, latest: Floats) -> int:
    """Drop stops until the route holds again: without a stop a leg may be too long. Returns the new length."""
    while not time_route(x, v, route, length, start, latest):
        travel, here, now, bad = x.leg[x.mode[v]], x.home[v], x.opens[v], length - 1
        for i in range(length):
            now = max(now + travel[here, x.place[route[i]]], x.early[route[i]])
            if not now <= x.late[route[i]] + 1e-9:
                bad = i
                break
            now += x.dwell[route[i]]
            here = x.place[route[i]]
        for i in range(bad, length - 1):
            route[i] = route[i + 1]
        length -= 1
    return length


@njit(cache=True)
def _ruin(
    x: Instance, near: Ints, routes: Ints, lengths: Ints, team_of: Ints, touched: Ints, random: np.ndarray, most: int
) -> int:
    """Cut a string of visits out of some routes around a random demand. Returns how many routes were touched."""
    demands, teams = near.shape[0], routes.shape[0]
    cuts = 1 + int(_draw(random) * min(most, teams))
    seed = int(_draw(random) * demands)
    n_touched = 0
    for k in range(near.shape[1]):
        d = near[seed, k]
        v = team_of[d]
        if v < 0:
            continue
        seen = False
        for i in range(n_touched):
            seen = seen or touched[i] == v
        if seen:
            continue
        at = 0
        while routes[v, at] != d:
            at += 1
        size = 1 + int(_draw(random) * min(lengths[v], 6))
        first = max(0, min(at - int(_draw(random) * size), lengths[v] - size))
        for i in range(first, lengths[v] - size):
            routes[v, i] = routes[v, i + size]
        lengths[v] -= size
        touched[n_touched] = v
        n_touched += 1
        if n_touched == cuts:
            break
    if n_touched == 0 or _draw(random) < 0.2:  # an idle team is in nobody's neighbourhood
        v = int(_draw(random) * teams)
        seen = False
        for i in range(n_touched):
            seen = seen or touched[i] == v
        if not seen:
            touched[n_touched] = v
            n_touched += 1
    return n_touched


@njit(cache=True)
def _recreate(
    x: Instance,
    routes: Ints,
    lengths: Ints,
    start: Floats,
    latest: Floats,
    team_of: Ints,
    touched: Ints,
    n_touched: int,
    random: np.ndarray,
    blink: float,
) -> None:
    """Insert unserved demands into the touched routes, in a random kind of order, each where it adds least travel."""
    kind = _draw(random)
    free = np.flatnonzero(team_of < 0)
    keys = np.empty(free.size)
    for i in range(free.size):
        d = free[i]
        if kind < 0.15:
            keys[i] = _draw(random)
        elif kind < 0.3:
            keys[i] = x.late[d]
        elif kind < 0.65:
            keys[i] = -x.value[d] * (0.5 + _draw(random))
        else:
            cost = np.inf
            for k in range(n_touched):
                v = touched[k]
                if x.able[v, d]:
                    cost = min(cost, cheapest_place(x, v, d, routes[v], lengths[v], start[v], latest[v])[0])
            keys[i] = -x.value[d] * (0.7 + 0.6 * _draw(random)) / (max(cost, 0.0) + x.dwell[d] + 1.0)
    for i in np.argsort(keys):
        d = free[i]
        best, best_at, best_v = np.inf, -1, -1
        for k in range(n_touched):
            v = touched[k]
            if not x.able[v, d] or lengths[v] >= routes.shape[1] or _draw(random) < blink:
                continue
            cost, at = cheapest_place(x, v, d, routes[v], lengths[v], start[v], latest[v])
            if cost < best:
                best, best_at, best_v = cost, at, v
        if best_v >= 0:
            v = best_v
            for j in range(lengths[v], best_at, -1):
                routes[v, j] = routes[v, j - 1]
            routes[v, best_at] = d
            lengths[v] += 1
            if time_route(x, v, routes[v], lengths[v], start[v], latest[v]):
                team_of[d] = v
                continue
            for j in range(best_at, lengths[v] - 1):  # a rounding error made it late: take it out again
                routes[v, j] = routes[v, j + 1]
            lengths[v] = _mend(x, v, routes[v], lengths[v] - 1, start[v], latest[v])


@njit(cache=True)
def _travel(x: Instance, v: int, route: Ints, length: int) -> float:
    if length == 0:
        return 0.0
    travel, here, total = x.leg[x.mode[v]], x.home[v], 0.0
    for i in range(length):
        total += travel[here, x.place[route[i]]]
        here = x.place[route[i]]
    return float(total + travel[here, x.goal[v]])


@njit(cache=True)
def _anneal(
    x: Instance,
    near: Ints,
    routes: Ints,
    lengths: Ints,
    best: Ints,
    best_lengths: Ints,
    random: np.ndarray,
    found: Ints,
    count: Ints,
    iterations: int,
    hot: float,
    cold: float,
) -> None:
    teams, width = routes.shape
    start, latest = np.zeros((teams, width)), np.zeros((teams, width))
    team_of = np.full(x.value.size, -1, np.int64)
    was, was_lengths = routes.copy(), lengths.copy()
    touched = np.zeros(teams + 1, np.int64)
    per_second = 1e-5 * cold  # travel only decides between plans of equal value
    now = best_value = 0.0
    for v in range(teams):
        time_route(x, v, routes[v], lengths[v], start[v], latest[v])
        for i in range(lengths[v]):
            team_of[routes[v, i]] = v
            now += x.value[routes[v, i]]
        for i in range(best_lengths[v]):
            best_value += x.value[best[v, i]]
        now -= per_second * _travel(x, v, routes[v], lengths[v])
        best_value -= per_second * _travel(x, v, best[v], best_lengths[v])
    for it in range(iterations):
        heat = hot * (cold / hot) ** (it / iterations)
        first_fill = it == 0 and lengths.sum() == 0
        if first_fill:
            n_touched = teams
            for v in range(teams):
                touched[v] = v
        else:
            n_touched = _ruin(x, near, routes, lengths, team_of, touched, random, 4)
        gain = 0.0
        for k in range(n_touched):
            v = touched[k]
            lengths[v] = _mend(x, v, routes[v], lengths[v], start[v], latest[v])
            for i in range(was_lengths[v]):
                team_of[was[v, i]] = -1
                gain -= x.value[was[v, i]]
            gain += per_second * _travel(x, v, was[v], was_lengths[v])
            for i in range(lengths[v]):
                team_of[routes[v, i]] = v
        _recreate(x, routes, lengths, start, latest, team_of, touched, n_touched, random, 0.0 if first_fill else 0.02)
        for k in range(n_touched):
            v = touched[k]
            for i in range(lengths[v]):
                gain += x.value[routes[v, i]]
            gain -= per_second * _travel(x, v, routes[v], lengths[v])
        if gain >= 0 or _draw(random) < np.exp(gain / heat):
            now += gain
            record = now > best_value + 1e-9
            for k in range(n_touched):
                v = touched[k]
                was[v, : lengths[v]] = routes[v, : lengths[v]]
                was_lengths[v] = lengths[v]
                if lengths[v] > 0 and gain != 0.0:
                    row = count[0] % found.shape[0]
                    found[row, 0], found[row, 1] = v, lengths[v]
                    found[row, 2 : 2 + lengths[v]] = routes[v, : lengths[v]]
                    count[0] += 1
            if record:
                best_value = now
                best[:], best_lengths[:] = routes, lengths
        else:
            for k in range(n_touched):
                v = touched[k]
                for i in range(lengths[v]):
                    team_of[routes[v, i]] = -1
            for k in range(n_touched):
                v = touched[k]
                routes[v, : was_lengths[v]] = was[v, : was_lengths[v]]
                lengths[v] = was_lengths[v]
                time_route(x, v, routes[v], lengths[v], start[v], latest[v])
                for i in range(lengths[v]):
                    team_of[routes[v, i]] = v
