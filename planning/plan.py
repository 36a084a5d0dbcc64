"""The plan: one route per team with its times, its value, and how good it provably is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planning.problem import Floats, Ints, Problem


@dataclass(frozen=True, eq=False, kw_only=True)
class Schedule:
    """The visits by team and sequence: arrays of one length, one entry per visit, times in seconds from the origin."""

    team: Ints
    sequence: Ints  # 1, 2 ... within its team
    demand: Ints
    arrive_s: Floats
    start_s: Floats
    leave_s: Floats
    travel_s: Floats  # of the leg that leads to the visit
    travel_m: Floats  # NaN where the problem has no lengths


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Who serves what, when. `certified`: the bound comes from a completed search of all routes, not from a fallback.

    The bound is an upper bound on the value of any plan whether certified or not; a fallback is only looser.
    """

    problem: Problem
    routes: list[list[int]]  # one list of demand indices per team
    schedule: Schedule
    value: float
    bound: float
    gap: float  # (bound - value) / bound, 0 where the bound is 0
    certified: bool
    seed: int
    effort: str
    method: str
    notes: tuple[str, ...] = ()

    @property
    def served(self) -> Ints:
        """Demand indices, ascending."""
        return np.sort(self.schedule.demand)

    @property
    def unserved(self) -> Ints:
        """Demand indices, ascending."""
        return np.setdiff1d(np.arange(self.problem.demands, dtype=np.int64), self.schedule.demand)

    def figures(self) -> dict[str, float | int | bool]:
        """The plan's numbers as manifests and pages tell them."""
        proof = {"value": self.value, "bound": self.bound, "gap": self.gap, "certified": self.certified}
        counts = {"demands": self.problem.demands, "served": len(self.served), "unserved": len(self.unserved)}
        return proof | counts

    def summary(self) -> str:
        """One line for a person.

        >>> from planning.problem import Problem
        >>> problem = Problem.from_arrays(
        ...     travel_s=[[0, 300], [300, 0]], team_start=[0], team_end=[0], shift_s=[[0, 3600]],
        ...     demand_place=[1], window_s=[[0, 3600]], dwell_s=[600], value=[2.5])
        >>> print(make_plan(problem, [[0]], bound=2.5, certified=True, seed=7).summary())
        plan: 1 of 1 demands served by 1 of 1 teams; value 2.5, bound 2.5, gap 0.00 % (certified)
        """
        active = sum(1 for route in self.routes if route)
        proof = "certified" if self.certified else "not certified"
        return (
            f"plan: {len(self.schedule.demand)} of {self.problem.demands} demands served by {active} of "
            f"{self.problem.teams} teams; value {self.value:.6g}, bound {self.bound:.6g}, "
            f"gap {100 * self.gap:.2f} % ({proof})"
        )


def make_plan(
    problem: Problem,
    routes: Sequence[Sequence[int]],
    *,
    bound: float,
    certified: bool,
    seed: int = 0,
    effort: str = "normal",
    method: str = "",
    notes: tuple[str, ...] = (),
) -> Plan:
    """A plan of these routes, timed. Whether the routes hold is for `check` to say."""
    kept = [[int(demand) for demand in route] for route in routes]
    value = float(sum(float(problem.value[demand]) for route in kept for demand in route))
    bound = max(float(bound), value)  # the bound is a sum in another order: it may lie a rounding error below
    return Plan(
        problem=problem,
        routes=kept,
        schedule=timetable(problem, kept),
        value=value,
        bound=bound,
        gap=(bound - value) / bound if bound > 0 else 0.0,
        certified=certified,
        seed=seed,
        effort=effort,
        method=method,
        notes=notes,
    )


def timetable(problem: Problem, routes: Sequence[Sequence[int]]) -> Schedule:
    """When each team is where: every service starts as early as it can, no team leaves home earlier than needed."""
    rows: list[tuple[int, int, int, float, float, float, float, float]] = []
    for team, route in enumerate(routes):
        mode, here, free_s = problem.team_mode[team], problem.team_start[team], float(problem.shift_s[team, 0])
        for sequence, demand in enumerate(route, start=1):
            there = problem.demand_place[demand]
            leg_s = float(problem.travel_s[mode, here, there])
            leg_m = np.nan if problem.travel_m is None else float(problem.travel_m[mode, here, there])
            earliest = float(problem.window_s[demand, 0])
            arrive = free_s + leg_s if sequence > 1 else max(free_s + leg_s, earliest)
            start = max(arrive, earliest)
            free_s, here = start + float(problem.dwell_s[demand]), there
            rows.append((team, sequence, demand, arrive, start, free_s, leg_s, leg_m))
    columns = list(zip(*rows, strict=True)) or [()] * 8
    whole = [np.array(column, dtype=np.int64) for column in columns[:3]]
    times = [np.array(column, dtype=float) for column in columns[3:]]
    return Schedule(
        team=whole[0],
        sequence=whole[1],
        demand=whole[2],
        arrive_s=times[0],
        start_s=times[1],
        leave_s=times[2],
        travel_s=times[3],
        travel_m=times[4],
    )
