"""What a whole plan scores, and whether it keeps the hard rules: every engine's word is checked here."""

from __future__ import annotations

import numpy as np

from planning.plan import work_s
from planning.problem import Problem
from planning.solving.instance import Instance, Routes, fits_rules, is_plain, start_times


def score_of_plan(problem: Problem, x: Instance, routes: Routes) -> float:
    """The worth of the visits less what soft rules miss."""
    served = [d for route in routes for d in route]
    total = sum(float(x.weight[x.taste[v], d]) for v, route in enumerate(routes) for d in route)
    if is_plain(problem, x):
        return total
    visits = np.bincount(x.area[served], minlength=len(x.least_in))
    lengths = np.array([len(route) for route in routes])
    work = np.array([work_s(problem, v, route) for v, route in enumerate(routes)])
    missing = np.maximum(0, x.least_in - visits).sum() + np.maximum(0, x.least - lengths).sum()
    return float(total - x.missing * missing - x.missing_s * np.maximum(0.0, x.least_work - work).sum())


def is_feasible_plan(x: Instance, routes: Routes) -> bool:
    served = [d for route in routes for d in route]
    if len(set(served)) < len(served) or not all(fits_rules(x, v, route) for v, route in enumerate(routes)):
        return False
    if (np.bincount(x.area[served], minlength=len(x.most_in)) > x.most_in).any():
        return False
    if x.gap == 0.0:
        return True
    begins: dict[int, list[float]] = {}
    for v, route in enumerate(routes):
        for demand, begin in zip(route, start_times(x, v, route), strict=True):
            if x.site[demand] >= 0:
                begins.setdefault(int(x.site[demand]), []).append(begin)
    return all((np.diff(np.sort(times)) >= x.gap - 1e-6).all() for times in begins.values())
