"""Solve a problem: construct, improve, price and pack, and say how good the plan provably is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hotspot.errors import ConfigError
from planning.plan import Plan, make_plan
from planning.problem import Problem
from planning.solving.construct import insert_by_regret
from planning.solving.improve import Routes, Search, make_search, run
from planning.solving.instance import is_feasible
from planning.solving.pack import Pool, generate_and_pack
from planning.solving.second_engine import improve_with_pyvrp

Progress = Callable[[str, float, float | None], None]


@dataclass(frozen=True)
class Effort:
    """How much of each stage; counts, not seconds, so that a seed gives the same plan on any machine."""

    rounds: int  # of ruin and recreate
    pyvrp: int  # iterations; 0 = leave it out
    pricings: int  # rounds of column generation
    labels: int  # partial routes that one pricing may hold
    nodes: int  # of the packing's branch and bound


EFFORTS = {
    "quick": Effort(rounds=30_000, pyvrp=0, pricings=12, labels=100_000, nodes=1),
    "normal": Effort(rounds=300_000, pyvrp=300, pricings=60, labels=400_000, nodes=1),
    "thorough": Effort(rounds=1_000_000, pyvrp=3_000, pricings=300, labels=2_000_000, nodes=2_000),
}
PYVRP_MOST = 40_000  # teams x demands above which its profiles cost more than they give
CHUNK = 2_000  # rounds between two looks at the clock


@dataclass
class _Best:
    """The best that is known so far: what an interruption leaves."""

    routes: Routes
    bound: float
    certified: bool = False


def solve(
    problem: Problem,
    *,
    seed: int = 0,
    effort: str = "normal",
    time_limit_s: float | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The best plan found, with an upper bound on every plan.

    Without `time_limit_s` the same problem, seed and effort (quick, normal or thorough) give the same plan. With it,
    stages end early; the bound stays valid. Ctrl-C ends the search and returns the best plan so far.

    `progress(stage, value, bound)` is called after each stage; the bound is None while nothing better than the sum of
    all values is known.

    >>> from planning.problem import Problem
    >>> problem = Problem.from_arrays(
    ...     travel_s=[[0, 300], [300, 0]], team_start=[0], team_end=[0], shift_s=[[0, 3600]],
    ...     demand_place=[1, 1], window_s=[[0, 3600], [0, 600]], dwell_s=[600, 600], value=[2, 1])
    >>> solve(problem, effort="quick").routes
    [[1, 0]]
    """
    if effort not in EFFORTS:
        raise ConfigError(f"effort '{effort}' isn't known; fix: use one of {', '.join(EFFORTS)}")
    best = _Best(routes=[[] for _ in range(problem.teams)], bound=_servable_value(problem))
    notes: tuple[str, ...] = ()
    try:
        _search(problem, best, EFFORTS[effort], seed, time_limit_s, progress)
    except KeyboardInterrupt:
        notes = ("interrupted: the best plan so far",)
    value = _value(problem, best.routes)
    whole = bool(np.all(problem.value == np.floor(problem.value)))
    bound = float(np.floor(best.bound + 1e-6)) if whole else best.bound
    met = bound - value <= 1e-9 * max(1.0, bound)
    return make_plan(
        problem,
        best.routes,
        bound=value if met else bound,
        certified=best.certified or met,
        seed=seed,
        effort=effort,
        method="large-neighbourhood search, PyVRP, column generation with HiGHS",
        notes=notes,
    )


def _search(
    problem: Problem, best: _Best, effort: Effort, seed: int, time_limit_s: float | None, progress: Progress | None
) -> None:
    if not problem.teams or not problem.demands:
        return
    ends = None if time_limit_s is None else time.monotonic() + time_limit_s
    search = make_search(problem, seed=seed)
    rounds = min(effort.rounds, max(CHUNK, 100 * problem.teams * problem.demands))  # few choices are soon all tried
    insert_by_regret(search)
    best.routes = search.best_routes()
    _tell(progress, "construct", problem, best)
    _improve(problem, search, best, rounds, None if time_limit_s is None else time.monotonic() + 0.35 * time_limit_s)
    _tell(progress, "improve", problem, best)
    pool = Pool(problem)
    pool.add_routes(search.met())
    if effort.pyvrp and problem.teams * problem.demands <= PYVRP_MOST and (ends is None or time.monotonic() < ends):
        rest = None if ends is None else 0.4 * (ends - time.monotonic())
        found = improve_with_pyvrp(problem, best.routes, seed=seed, iterations=effort.pyvrp, time_limit_s=rest)
        _take(problem, best, found)
        pool.add_routes(list(enumerate(map(tuple, found))))
        _tell(progress, "PyVRP", problem, best)
    pool.add_routes(list(enumerate(map(tuple, best.routes))))
    result = generate_and_pack(
        pool, best.routes, pricings=effort.pricings, labels=effort.labels, nodes=effort.nodes, ends=ends
    )
    _take(problem, best, result.routes)
    best.bound = min(best.bound, result.bound)
    best.certified = result.complete
    _tell(progress, "pack", problem, best)


def _improve(problem: Problem, search: Search, best: _Best, rounds: int, ends: float | None) -> None:
    """Anneal in chunks, so that the clock and Ctrl-C are heard."""
    typical = float(problem.value[problem.value > 0].mean()) if (problem.value > 0).any() else 1.0
    steps = max(1, rounds // CHUNK)
    heat = 0.3 * typical * 0.01 ** (np.arange(steps + 1) / steps)
    for step in range(steps):
        if ends is not None and time.monotonic() > ends:
            break
        run(search, CHUNK, hot=float(heat[step]), cold=float(heat[step + 1]))
        _take(problem, best, search.best_routes())


def _servable_value(problem: Problem) -> float:
    return float(problem.value[problem.eligible.any(axis=0)].sum()) if problem.teams else 0.0


def _value(problem: Problem, routes: Routes) -> float:
    return float(sum(float(problem.value[demand]) for route in routes for demand in route))


def _take(problem: Problem, best: _Best, routes: Routes) -> None:
    """Another engine's word is checked on the exact problem before it counts."""
    served = [demand for route in routes for demand in route]
    if _value(problem, routes) <= _value(problem, best.routes) or len(set(served)) < len(served):
        return
    if all(is_feasible(problem, team, route) for team, route in enumerate(routes)):
        best.routes = [list(route) for route in routes]


def _tell(progress: Progress | None, stage: str, problem: Problem, best: _Best) -> None:
    if progress is not None:
        known = best.bound < _servable_value(problem)
        progress(stage, _value(problem, best.routes), best.bound if known else None)
