"""The plan: one route per team with its times, its value, and how good it provably is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from planning.problem import Problem
from planning.rules import Floats, Ints


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


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """What a soft rule wanted and didn't get; `which` is the number of the area, team or demand."""

    rule: str  # least_in_area, least_visits, least_work_s, required
    which: int
    wanted: float
    got: float


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How hard the plan is to foresee for one who knows everything but the seed, over the plans it was drawn from."""

    plans: int  # drawn, all of them within the loss
    entropy_bits: float  # of which team serves which demand, summed over demands
    highest_probability: float  # of any place being visited in any one hour
    mean_jaccard: float  # of the (team, demand) pairs of two plans
    mean_loss: float  # share of the best plan's score


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """Who serves what, when. `certified`: the bound comes from a completed search of all routes, not from a fallback.

    The bound is an upper bound on the value of any plan whether certified or not; a fallback is only looser. With soft
    rules it bounds the value of every plan that misses no more of them than this one.
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
    shortfalls: tuple[Shortfall, ...] = ()
    variety: Variety | None = None

    @property
    def served(self) -> Ints:
        """Demand indices, ascending."""
        return np.sort(self.schedule.demand)

    @property
    def unserved(self) -> Ints:
        """Demand indices, ascending."""
        return np.setdiff1d(np.arange(self.problem.demands, dtype=np.int64), self.schedule.demand)

    def figures(self) -> dict[str, Any]:
        """The plan's numbers as manifests and pages tell them."""
        proof = {"value": self.value, "bound": self.bound, "gap": self.gap, "certified": self.certified}
        counts = {"demands": self.problem.demands, "served": len(self.served), "unserved": len(self.unserved)}
        found: dict[str, Any] = proof | counts
        if self.shortfalls:
            found["shortfalls"] = [vars(each) for each in self.shortfalls]
        if self.variety is not None:
            found["variety"] = vars(self.variety)
        return found

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

    def _repr_html_(self) -> str:
        """The summary and the visits by team, for notebooks; every text is escaped."""
        told, world = self.schedule, self.problem.world
        teams = told.team if world is None else world.teams["id"].to_numpy()[told.team]
        demands = told.demand if world is None else world.demands["demand_id"].to_numpy()[told.demand]
        shown = pd.DataFrame({"team": teams, "sequence": told.sequence, "demand": demands})
        for name, seconds in (("start", told.start_s), ("leave", told.leave_s)):
            shown[name] = seconds if world is None else world.origin + pd.to_timedelta(seconds, unit="s")
        return f"<p>{escape(self.summary())}</p>" + shown.to_html(index=False, escape=True, max_rows=40)

    def plot(self, *, ax: Any = None) -> Any:
        """Stops and the order in which each team visits them, in the district's CRS, as a matplotlib map; returns the axes.

        Lines go straight from stop to stop. Needs matplotlib (extra `notebooks`). Raises ValueError for a plan of plain
        arrays, which has no places.
        """
        world = self.problem.world
        if world is None:
            raise ValueError("this plan has no places to draw; fix: make its problem with build_problem")
        drawn = world.points.plot(ax=ax, color="black", marker="s", markersize=20)
        if self.problem.demands:
            world.demands.plot(ax=drawn, color="0.7", markersize=8)
        points = np.array([[point.x, point.y] for point in world.points.geometry])
        stops = np.array([[stop.x, stop.y] for stop in world.demands.geometry]).reshape(-1, 2)
        for team, route in enumerate(self.routes):
            if route:
                start, end = points[self.problem.team_start[team]], points[self.problem.team_end[team]]
                way = np.vstack([start, stops[route], end])
                drawn.plot(way[:, 0], way[:, 1], linewidth=1, marker="o", markersize=3)
        drawn.set_title(self.summary())
        drawn.set_axis_off()
        return drawn

    def explore(self, *, language: str = "zh", height_px: int = 640) -> Any:
        """The plan's page inside a notebook: the one that `save_map` writes, in a frame of its own.

        Raises ValueError for a plan of plain arrays, ConfigError for another language than zh or en.
        """
        # a result that shows itself looks up to where pages are drawn, but only when it is asked to
        return import_module("planning.output.mapping.plan_page").framed(self, language=language, height_px=height_px)


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
    start_s: Mapping[int, float] | None = None,
    variety: Variety | None = None,
) -> Plan:
    """A plan of these routes, timed. Whether the routes hold is for `check` to say.

    `start_s` are starts of service by demand where they aren't to be the earliest.
    """
    kept = [[int(demand) for demand in route] for route in routes]
    value = float(sum(float(problem.value[demand]) for route in kept for demand in route))
    bound = max(float(bound), value)  # the bound is a sum in another order: it may lie a rounding error below
    return Plan(
        problem=problem,
        routes=kept,
        schedule=(schedule := timetable(problem, kept, start_s)),
        value=value,
        bound=bound,
        gap=(bound - value) / bound if bound > 0 else 0.0,
        certified=certified,
        seed=seed,
        effort=effort,
        method=method,
        notes=notes,
        shortfalls=tuple(_shortfalls(problem, kept, schedule)),
        variety=variety,
    )


def _shortfalls(problem: Problem, routes: Sequence[Sequence[int]], schedule: Schedule) -> Iterator[Shortfall]:
    rules = problem.rules
    areas = rules.area[schedule.demand]
    for area in np.flatnonzero(rules.least_in_area):
        wanted, got = int(rules.least_in_area[area]), int((areas == area).sum())
        if got < wanted:
            yield Shortfall(rule="least_in_area", which=int(area), wanted=wanted, got=got)
    for team, route in enumerate(routes):
        for rule, wanted_of, got_of in (
            ("least_visits", rules.least_visits, len(route)),
            ("least_work_s", rules.least_work_s, work_s(problem, team, route)),
        ):
            if got_of < wanted_of[team] - 1e-6:
                yield Shortfall(rule=rule, which=team, wanted=float(wanted_of[team]), got=float(got_of))
    served = set(schedule.demand.tolist())
    for demand in np.flatnonzero(rules.must):
        if int(demand) not in served:
            yield Shortfall(rule="required", which=int(demand), wanted=1, got=0)


def work_s(problem: Problem, team: int, route: Sequence[int]) -> float:
    """Seconds of travel, the way home too, and of service; waiting isn't work, nor is staying at home."""
    if not route:
        return 0.0
    stops = [problem.team_start[team], *problem.demand_place[list(route)], problem.team_end[team]]
    legs = problem.travel_s[problem.team_mode[team], stops[:-1], stops[1:]]
    return float(legs.sum() + problem.dwell_s[list(route)].sum())


def timetable(
    problem: Problem, routes: Sequence[Sequence[int]], start_s: Mapping[int, float] | None = None
) -> Schedule:
    """When each team is where: services start as early as they can, or at `start_s`; nobody leaves home too early.

    A team that starts elsewhere than where it ends is out already: it sets out at once and waits where it is wanted.
    """
    given = start_s or {}
    rows: list[tuple[int, int, int, float, float, float, float, float]] = []
    for team, route in enumerate(routes):
        mode, here, free_s = problem.team_mode[team], problem.team_start[team], float(problem.shift_s[team, 0])
        is_out = here != problem.team_end[team]
        for sequence, demand in enumerate(route, start=1):
            there = problem.demand_place[demand]
            leg_s = float(problem.travel_s[mode, here, there])
            leg_m = np.nan if problem.travel_m is None else float(problem.travel_m[mode, here, there])
            earliest = float(problem.window_s[demand, 0])
            start = max(free_s + leg_s, earliest, given.get(demand, earliest))
            arrive = free_s + leg_s if sequence > 1 or is_out else start
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
