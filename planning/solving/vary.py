"""Plans that are nearly as good, one of them drawn: who knows everything but the seed can't foresee it.

Values are perturbed log-normally and the plan is searched again from the best one; what loses too much is thrown away.
Randomising who goes is nearly free, so is when inside each visit's slack; whether a place is visited isn't, so the
perturbation stays small.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

import numpy as np

from planning.plan import Variety, timetable
from planning.problem import Problem
from planning.solving.improve import make_search, run, typical_value
from planning.solving.instance import Instance, Routes
from planning.solving.score import is_feasible_plan, score_of_plan

PLANS = 24  # to draw from
SIGMAS = (0.2, 0.1, 0.05)  # of the perturbation; the first that leaves half of the plans within the loss
ROUNDS = 3_000
HOT, COLD = 0.1, 0.01  # in typical values of a demand
HOUR_S = 3600.0


@dataclass(frozen=True)
class Drawn:
    """The plan that was drawn, its starts of service by demand, and how hard it was to foresee."""

    routes: Routes
    start_s: dict[int, float]
    variety: Variety


def draw(problem: Problem, x: Instance, best: Routes, *, loss: float, seed: int) -> Drawn:
    """One of up to `PLANS` plans that each score at least `1 - loss` of the best; the best is always among them."""
    rng = np.random.default_rng([seed, PLANS])
    top = score_of_plan(problem, x, best)
    search, typical = make_search(problem, x, seed=seed, ring=1), typical_value(problem)
    kept: list[tuple[Routes, float]] = []  # with what each loses
    for sigma in SIGMAS:
        kept = [(best, 0.0)]
        for _ in range(PLANS - 1):
            weight = x.weight * np.exp(sigma * rng.standard_normal(x.weight.shape[1]))
            search.reweigh(weight, seed=int(rng.integers(2**31)))
            search.restart(best)
            run(search, ROUNDS, hot=HOT * typical, cold=COLD * typical)
            plan = search.best_routes()
            lost = top - score_of_plan(problem, x, plan)
            if lost <= loss * abs(top) and is_feasible_plan(x, plan):
                kept.append((plan, lost))
        if len(kept) > PLANS // 2:
            break
    timed = [(plan, draw_starts(x, plan, rng)) for plan, _ in kept]
    routes, start_s = timed[int(rng.integers(len(timed)))]
    return Drawn(routes, start_s, _variety(problem, timed, [lost / max(abs(top), 1e-12) for _, lost in kept]))


def draw_starts(x: Instance, routes: Routes, rng: np.random.Generator) -> dict[int, float]:
    """Starts of service drawn inside the slack of each visit, in whole seconds after the earliest.

    Where visits to one place have to keep their distance in time and windows don't see to it, all start early.
    """
    if x.gap > 0:
        return {}
    found: dict[int, float] = {}
    for team, route in enumerate(routes):
        travel, by = x.leg[x.mode[team]], float(x.closes[team])
        latest: list[float] = []
        stops = [*(int(x.place[d]) for d in route), int(x.goal[team])]
        for at in range(len(route) - 1, -1, -1):
            d = route[at]
            by = min(float(x.late[d]), by - float(travel[stops[at], stops[at + 1]]) - float(x.dwell[d]))
            latest.insert(0, by)
        here, free = int(x.home[team]), float(x.opens[team])
        for at, d in enumerate(route):
            earliest = max(free + float(travel[here, stops[at]]), float(x.early[d]))
            found[d] = earliest + float(np.floor(rng.random() * max(0.0, latest[at] - earliest)))
            free, here = found[d] + float(x.dwell[d]), stops[at]
    return found


def _variety(problem: Problem, timed: list[tuple[Routes, dict[int, float]]], losses: list[float]) -> Variety:
    plans = len(timed)
    pairs = [{(team, d) for team, route in enumerate(routes) for d in route} for routes, _ in timed]
    share = np.array(list(Counter(itertools.chain.from_iterable(pairs)).values())) / plans
    served = Counter(d for each in pairs for _, d in each)
    unserved = 1.0 - np.array([served[d] for d in range(problem.demands)]) / plans
    both = np.concatenate([share, unserved])
    hours: Counter[tuple[int, int]] = Counter()
    for routes, start_s in timed:
        told = timetable(problem, routes, start_s)
        places = problem.demand_place[told.demand].tolist()
        hours.update(set(zip(places, (told.start_s // HOUR_S).astype(int).tolist(), strict=True)))
    alike = [len(a & b) / max(1, len(a | b)) for a, b in itertools.combinations(pairs, 2)]
    return Variety(
        plans=plans,
        entropy_bits=float(-(both[both > 0] * np.log2(both[both > 0])).sum()) + 0.0,
        highest_probability=max(hours.values(), default=0) / plans,
        mean_jaccard=float(np.mean(alike)) if alike else 1.0,
        mean_loss=float(np.mean(losses)),
    )
