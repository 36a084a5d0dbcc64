"""The pool of routes and the master over it: column generation bounds, packing plans. HiGHS inside."""

from __future__ import annotations

import time
from dataclasses import dataclass

import highspy
import numpy as np

from planning.problem import Floats, Ints, Problem
from planning.solving.instance import is_feasible, longest_route, make_instance, team_groups
from planning.solving.price import Network, neighbourhoods, price, reachable

Route = tuple[int, ...]
NG_SIZES = (12, 6, 1)  # smaller memories are looser and quicker: what to try when labels run out
COLUMNS_MOST = 1_000  # of the packing: branch and bound over more finds no better plan in the same time
EXACT_UP_TO = 24  # demands within reach up to which every label remembers everything


@dataclass(frozen=True, eq=False)
class Packed:
    routes: list[list[int]]
    bound: float
    complete: bool  # the bound comes from completed pricings


class Pool:
    """Routes by group of interchangeable teams, each once."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.groups, self.group_of = team_groups(problem)
        self.columns: list[tuple[int, Route]] = []
        self._known: set[tuple[int, Route]] = set()

    def add(self, group: int, route: Route) -> bool:
        if not route or (group, route) in self._known:
            return False
        if not is_feasible(self.problem, int(self.groups[group][0]), list(route)):
            return False
        self._known.add((group, route))
        self.columns.append((group, route))
        return True

    def add_routes(self, team_routes: list[tuple[int, Route]]) -> None:
        for team, route in team_routes:
            self.add(int(self.group_of[team]), route)

    def value(self, column: tuple[int, Route]) -> float:
        return float(sum(float(self.problem.value[d]) for d in column[1]))


class _Silent(highspy.Highs):
    """HiGHS prints its banner while its constructor enables callbacks: it has to be silenced before."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def enableCallbacks(self) -> None:  # noqa: N802 -- its name
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


class _Master:
    """The packing of pool routes as a HiGHS model: each demand at most once, each group at most its teams."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.size = pool, 0
        self.demands = pool.problem.demands
        self.highs = _Silent()
        for option, setting in (("threads", 1), ("random_seed", 1)):
            self.highs.setOptionValue(option, setting)
        self.highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        empty = np.array([], dtype=np.int32)
        for limit in [1.0] * self.demands + [float(len(group)) for group in pool.groups]:
            self.highs.addRow(-highspy.kHighsInf, limit, 0, empty, np.array([], dtype=float))

    def grow(self) -> None:
        for group, route in self.pool.columns[self.size :]:
            rows = np.array([*route, self.demands + group], dtype=np.int32)
            value = self.pool.value((group, route))
            self.highs.addCol(value, 0.0, highspy.kHighsInf, len(rows), rows, np.ones(len(rows)))
        self.size = len(self.pool.columns)

    def relax(self) -> tuple[float, Floats]:
        """The LP's value and its prices: demands first, then groups."""
        self.highs.run()
        prices = np.maximum(np.array(self.highs.getSolution().row_dual, dtype=float), 0.0)
        return float(self.highs.getInfo().objective_function_value), prices


def generate_and_pack(
    pool: Pool, start: list[list[int]], *, pricings: int, labels: int, nodes: int, ends: float | None = None
) -> Packed:
    """Price new routes into the pool until none helps (or `pricings` rounds), then pack the pool by branch and bound.

    The bound is Lagrange's: the prices of all demands plus, per team, the best route at those prices. It holds in
    every round, whatever the prices.
    """
    problem = pool.problem
    instance, most = make_instance(problem), longest_route(problem)
    networks = [reachable(instance, int(group[0]), most) for group in pool.groups]
    bound, complete = float(problem.value[_reached(problem, networks)].sum()), True
    master = _Master(pool)
    incumbent = sum(pool.value((0, tuple(route))) for route in start)
    prices = np.zeros(problem.demands + len(networks))
    proven = False
    best_prices = prices
    sizes = [0] * len(networks)
    memories = [_memory(network, 0) for network in networks]
    for _ in range(pricings):
        master.grow()
        _, prices = master.relax()
        round_bound, grew, whole = float(prices[: problem.demands].sum()), False, True
        for g, network in enumerate(networks):
            worth = problem.value[network.demand] - prices[network.demand]
            threshold = float(prices[problem.demands + g])
            found = price(network, worth, threshold, memories[g], labels=labels)
            while not found.complete and sizes[g] < len(NG_SIZES) - 1:
                sizes[g] += 1
                memories[g] = _memory(network, sizes[g])
                found = price(network, worth, threshold, memories[g], labels=labels)
            round_bound += len(pool.groups[g]) * found.bound
            whole &= found.complete
            added = [pool.add(g, route) for route in found.routes]
            grew |= any(added)
        if round_bound < bound:
            bound, best_prices, complete, proven = round_bound, prices, whole, whole
        if not grew or bound - incumbent <= 1e-9 * max(1.0, bound) or (ends is not None and time.monotonic() > ends):
            break
    rest = None if ends is None else max(0.5, ends - time.monotonic())
    routes = _pack(pool, start, best_prices, bound - incumbent, nodes, rest)
    return Packed(routes, bound, complete and proven)


def _reached(problem: Problem, networks: list[Network]) -> Ints:
    return np.unique(np.concatenate([network.demand for network in networks])).astype(np.int64)


def _memory(network: Network, level: int) -> np.ndarray:
    n = len(network.demand)
    return neighbourhoods(network, n if n <= EXACT_UP_TO and level == 0 else NG_SIZES[level])


def _pack(
    pool: Pool, start: list[list[int]], prices: Floats, slack: float, nodes: int, time_limit_s: float | None
) -> list[list[int]]:
    """The best plan from the pool, started from `start`. Routes that can't be in a better plan are left out."""
    own = [(int(pool.group_of[team]), tuple(route)) for team, route in enumerate(start) if route]
    useful = [column for column in pool.columns if _loss(pool, prices, column) <= slack + 1e-6]
    useful.sort(key=lambda column: (_loss(pool, prices, column), column))
    columns = list(dict.fromkeys(own + useful[:COLUMNS_MOST]))
    if not columns or slack <= 1e-9:
        return start
    picked = Pool(pool.problem)
    picked.columns = columns
    master = _Master(picked)
    master.grow()
    highs, n = master.highs, len(columns)
    everything = np.arange(n, dtype=np.int32)
    highs.changeColsBounds(n, everything, np.zeros(n), np.ones(n))
    highs.changeColsIntegrality(n, everything, np.full(n, highspy.HighsVarType.kInteger))
    highs.setOptionValue("mip_max_nodes", nodes)
    highs.setOptionValue("mip_rel_gap", 0.0)
    if time_limit_s is not None:
        highs.setOptionValue("time_limit", time_limit_s)
    given = highspy.HighsSolution()
    given.col_value = [1.0 if i < len(own) else 0.0 for i in range(n)]
    highs.setSolution(given)
    highs.run()
    taken = np.array(highs.getSolution().col_value, dtype=float)
    return _teams_of(pool, [columns[i] for i in np.flatnonzero(taken > 0.5)]) if len(taken) == n else start


def _loss(pool: Pool, prices: Floats, column: tuple[int, Route]) -> float:
    """How far the plan falls below the bound, at least, by holding this route."""
    group, route = column
    return float(prices[list(route)].sum() + prices[pool.problem.demands + group]) - pool.value(column)


def _teams_of(pool: Pool, columns: list[tuple[int, Route]]) -> list[list[int]]:
    free = [list(group) for group in pool.groups]
    routes: list[list[int]] = [[] for _ in range(pool.problem.teams)]
    for group, route in columns:
        routes[int(free[group].pop(0))] = list(route)
    return routes
