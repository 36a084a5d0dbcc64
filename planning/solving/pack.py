"""The pool of routes and the master over it: HiGHS packs routes, and prices demands for new ones."""

from __future__ import annotations

import highspy
import numpy as np

from planning.plan import work_s
from planning.problem import Problem
from planning.rules import Floats, Ints
from planning.solving.instance import Instance, Routes, fits_rules, hand_out, start_times, team_groups

Route = tuple[int, ...]
Column = tuple[int, Route]
Cut = tuple[int, int, int]
TIE_S = 1e-9


class Pool:
    """Routes by group of interchangeable teams, each once, with what each adds to the score."""

    def __init__(self, problem: Problem, instance: Instance) -> None:
        self.problem, self.instance = problem, instance
        self.groups, self.group_of = team_groups(problem, instance)
        self.columns: list[Column] = []
        self.scores: list[float] = []
        self._number: dict[Column, int] = {}

    def add(self, group: int, route: Route) -> bool:
        """False where the route is known or can't be driven."""
        column = (group, route)
        if not route or column in self._number or not fits_rules(self.instance, int(self.groups[group][0]), route):
            return False
        self._number[column] = len(self.columns)
        self.columns.append(column)
        self.scores.append(self._score(column))
        return True

    def score_of(self, column: Column) -> float:
        """Of a column that the pool holds."""
        return self.scores[self._number[column]]

    def add_routes(self, team_routes: list[tuple[int, Route]]) -> None:
        for team, route in team_routes:
            self.add(int(self.group_of[team]), route)

    def columns_of(self, routes: Routes) -> list[Column]:
        return [(int(self.group_of[team]), tuple(route)) for team, route in enumerate(routes) if route]

    def routes_of(self, columns: list[Column]) -> Routes:
        return hand_out(self.groups, columns, self.problem.teams)

    def _score(self, column: Column) -> float:
        """Against a team that stays at home."""
        x, (group, route) = self.instance, column
        team = int(self.groups[group][0])
        worth = float(x.weight[x.taste[team], list(route)].sum())
        least_work = float(x.least_work[team])
        done = min(least_work, work_s(self.problem, team, route)) if least_work > 0 else 0.0
        return worth + x.missing * min(len(route), int(x.least[team])) + x.missing_s * done


class _Silent(highspy.Highs):
    """HiGHS prints its banner while its constructor enables callbacks: it has to be silenced before."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def enableCallbacks(self) -> None:  # noqa: N802 -- its name
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


class Master:
    """The packing of pool routes as a HiGHS model.

    Rows: each demand at most once, each group at most its teams, per area its least (what is missing costs) and its
    most, then cuts. The first columns are what areas miss.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool, self.size = pool, 0
        x, demands = pool.instance, pool.problem.demands
        self.cuts: list[Cut] = []
        self.first_group, self.first_area = demands, demands + len(pool.groups)
        self.areas = np.flatnonzero((x.least_in > 0) | (x.most_in < demands))
        self.first_cut = self.first_area + 2 * len(self.areas)
        self._row_of_area = np.full(len(x.least_in), -1, dtype=np.int64)
        self._row_of_area[self.areas] = self.first_area + np.arange(len(self.areas))
        self.highs = _Silent()
        for option, setting in (("threads", 1), ("random_seed", 1), ("ipm_optimality_tolerance", 1e-4)):
            self.highs.setOptionValue(option, setting)
        self.highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        least, most = x.least_in[self.areas].astype(float), x.most_in[self.areas].astype(float)
        upper = np.concatenate(
            [np.ones(demands), [float(len(group)) for group in pool.groups], np.full(len(least), np.inf), most]
        )
        lower = np.concatenate([np.full(self.first_area, -np.inf), least, np.full(len(most), -np.inf)])
        none = np.array([], dtype=np.int32)
        self.highs.addRows(len(upper), lower, upper, 0, np.zeros(len(upper), np.int32), none, none.astype(float))
        for at in range(len(least)):
            row = np.array([self.first_area + at], dtype=np.int32)
            self.highs.addCol(-x.missing, 0.0, highspy.kHighsInf, 1, row, np.ones(1))

    @property
    def rows(self) -> int:
        return self.first_cut + len(self.cuts)

    def entries(self, columns: list[Column]) -> tuple[Ints, Ints, Floats]:
        """(start of each column, rows, coefficients)."""
        x = self.pool.instance
        first: list[int] = []
        rows: list[int] = []
        values: list[float] = []
        cuts_of = _by_demand(self.cuts)
        for group, route in columns:
            first.append(len(rows))
            rows += [*route, self.first_group + group]
            values += [1.0] * (len(route) + 1)
            extra: dict[int, int] = {}
            if len(self.areas):
                for area in x.area[list(route)]:
                    if (row := int(self._row_of_area[area])) >= 0:
                        extra[row] = extra.get(row, 0) + 1
                        extra[row + len(self.areas)] = extra.get(row + len(self.areas), 0) + 1
            hits: dict[int, int] = {}
            for demand in route:
                for cut in cuts_of.get(demand, ()):
                    hits[cut] = hits.get(cut, 0) + 1
            extra |= {self.first_cut + cut: 1 for cut, times in hits.items() if times >= 2}
            rows += extra.keys()
            values += map(float, extra.values())
        return np.array(first, dtype=np.int32), np.array(rows, dtype=np.int32), np.array(values, dtype=float)

    def grow(self) -> None:
        """Take in the pool's new columns."""
        new = self.pool.columns[self.size :]
        if new:
            first, rows, values = self.entries(new)
            scores = np.array(self.pool.scores[self.size :])
            free = np.full(len(new), highspy.kHighsInf)
            self.highs.addCols(len(new), scores, np.zeros(len(new)), free, len(rows), first, rows, values)
        self.size = len(self.pool.columns)

    def fix(self, column: int, least: float) -> None:
        """Hold the pool column in every solution (1), or no longer (0)."""
        self.highs.changeColBounds(column + len(self.areas), least, highspy.kHighsInf)

    def relax(self, *, central: bool = False) -> tuple[float, Floats, Floats]:
        """The LP's value, the price of each row and the share of each pool column; `central`: by interior point."""
        self.highs.setOptionValue("solver", "ipm" if central else "choose")
        self.highs.setOptionValue("run_crossover", "off" if central else "on")
        self.highs.run()
        solution = self.highs.getSolution()
        prices = np.array(solution.row_dual, dtype=float)
        least = slice(self.first_area, self.first_area + len(self.areas))
        floors = np.clip(prices[least], -self.pool.instance.missing, 0.0)
        prices = np.maximum(prices, 0.0)
        prices[least] = floors
        shares = np.array(solution.col_value, dtype=float)[len(self.areas) :]
        return float(self.highs.getInfo().objective_function_value), prices, shares

    def constant(self, prices: Floats) -> float:
        """The part of Lagrange's bound that doesn't depend on routes."""
        x = self.pool.instance
        least, most = x.least_in[self.areas].astype(float), x.most_in[self.areas].astype(float)
        areas = prices[self.first_area : self.first_cut]
        return float(
            prices[: self.first_group].sum() + areas @ np.concatenate([least, most]) + prices[self.first_cut :].sum()
        )

    def demand_prices(self, prices: Floats) -> Floats:
        """(D,) what a visit costs by the rows of its demand and its area."""
        rows = self._row_of_area[self.pool.instance.area]
        total = prices[: self.first_group].copy()
        ruled = rows >= 0
        total[ruled] += prices[rows[ruled]] + prices[rows[ruled] + len(self.areas)]
        return total

    def add_cuts(self, cuts: list[Cut]) -> None:
        """Of each three demands, at most one route may serve two or more."""
        self.grow()
        for cut in cuts:
            members = set(cut)
            with_two = [i for i, (_, route) in enumerate(self.pool.columns) if len(members.intersection(route)) >= 2]
            columns = np.array(with_two, dtype=np.int32) + len(self.areas)
            self.highs.addRow(-highspy.kHighsInf, 1.0, len(columns), columns, np.ones(len(columns)))
            self.cuts.append(cut)

    def pack(self, start: Routes, chosen: list[Column], *, nodes: int, time_limit_s: float | None) -> Routes:
        """The best plan of these columns by branch and bound from `start`, whose columns must be among them."""
        n, extra = len(chosen), len(self.areas)
        packing = Master(self.pool)
        scores = np.array([self.pool.score_of(column) for column in chosen])
        first, rows, values = packing.entries(chosen)
        highs = packing.highs
        highs.addCols(n, scores, np.zeros(n), np.ones(n), len(rows), first, rows, values)
        everything = np.arange(extra, extra + n, dtype=np.int32)
        highs.changeColsIntegrality(n, everything, np.full(n, highspy.HighsVarType.kInteger))
        for numbers in _crowded(self.pool, chosen):
            highs.addRow(-highspy.kHighsInf, 1.0, len(numbers), numbers + extra, np.ones(len(numbers)))
        highs.setOptionValue("mip_max_nodes", nodes)
        highs.setOptionValue("mip_rel_gap", 0.0)
        if time_limit_s is not None:
            highs.setOptionValue("time_limit", time_limit_s)
        given = highspy.HighsSolution()
        own = set(self.pool.columns_of(start))
        x = self.pool.instance
        visits = np.bincount(x.area[[d for route in start for d in route]], minlength=len(x.least_in))
        lacking = np.maximum(0, x.least_in - visits)[self.areas]
        given.col_value = [*map(float, lacking), *(1.0 if column in own else 0.0 for column in chosen)]
        highs.setSolution(given)
        highs.run()
        taken = np.array(highs.getSolution().col_value, dtype=float)
        if len(taken) != n + extra:
            return start
        return self.pool.routes_of([chosen[i] for i in np.flatnonzero(taken[extra:] > 0.5)])


def _by_demand(cuts: list[Cut]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, cut in enumerate(cuts):
        for demand in cut:
            found.setdefault(demand, []).append(number)
    return found


def _crowded(pool: Pool, columns: list[Column]) -> list[Ints]:
    """Sets of columns of which a plan may hold one: they start visits to one site too soon after one another."""
    x = pool.instance
    if x.gap == 0.0:
        return []
    starts: dict[int, list[tuple[float, int]]] = {}
    for number, (group, route) in enumerate(columns):
        for demand, begin in zip(route, start_times(x, int(pool.groups[group][0]), route), strict=True):
            if x.site[demand] >= 0:
                starts.setdefault(int(x.site[demand]), []).append((begin, number))
    found: dict[tuple[int, ...], None] = {}
    for site in starts.values():
        site.sort()
        for first, (begin, _) in enumerate(site):
            near = {number for time, number in site[first:] if time < begin + x.gap - TIE_S}
            if len(near) > 1:
                found[tuple(sorted(near))] = None
    return [np.array(numbers, dtype=np.int32) for numbers in found]
