"""PyVRP as a second engine: warm started, its answer re-checked by the caller on the exact problem."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from planning.problem import Problem
from planning.rules import Floats, Ints
from planning.solving.instance import Instance, hand_out, team_groups

if TYPE_CHECKING:
    import pyvrp

NO_WAY = 10**7  # seconds: above every shift, small enough that sums and penalties don't overflow
LONGEST_S = 10**6  # eleven days; longer horizons stay with the native search
FINEST = 1000  # parts of a second: short horizons are told in finer units, so that rounding up costs little


def improve_with_pyvrp(
    problem: Problem,
    x: Instance,
    routes: list[list[int]],
    *,
    seed: int,
    iterations: int,
    time_limit_s: float | None = None,
) -> list[list[int]]:
    """PyVRP's best routes from this start; the start itself where it finds none or the numbers don't suit it.

    One profile per mode and set of demands that may be served: the times rounded up to whole seconds or parts of them,
    with no way over legs that are too long and to what may not be served.
    """
    import pyvrp  # importing it installs a handler that writes to standard output

    logger = logging.getLogger("pyvrp")
    logger.handlers.clear()
    logger.setLevel(logging.WARNING)
    horizon = float(np.abs(problem.shift_s).max(initial=0.0))
    if horizon > LONGEST_S or not (problem.value > 0).any() or problem.shift_s.min() < 0:
        return routes
    groups, _ = team_groups(problem, x)
    data = _data(problem, x, groups)
    warm = [
        pyvrp.Route(data, routes[team], kind) for kind, group in enumerate(groups) for team in group if routes[team]
    ]
    stop: Any = pyvrp.stop.MaxIterations(iterations)
    if time_limit_s is not None:
        stop = pyvrp.stop.MultipleCriteria([stop, pyvrp.stop.MaxRuntime(max(0.0, time_limit_s))])
    result = pyvrp.solve(
        data, stop, seed=seed % 2**31, collect_stats=False, display=False, initial_solution=pyvrp.Solution(data, warm)
    )
    if not result.best.is_feasible():
        return routes
    columns = [(route.vehicle_type(), [int(s.idx) for s in route if s.is_client()]) for route in result.best.routes()]
    return hand_out(groups, columns, problem.teams)


def _data(problem: Problem, x: Instance, groups: list[npt.NDArray[np.int64]]) -> pyvrp.ProblemData:
    import pyvrp as p

    demands = problem.demands
    starts = [int(problem.team_start[group[0]]) for group in groups]
    ends = [int(problem.team_end[group[0]]) for group in groups]
    depots = sorted(set(starts) | set(ends))
    at = np.concatenate([problem.demand_place, np.array(depots, dtype=np.int64)])
    fine = _parts_of_a_second(problem)
    longest = fine * float(np.max(np.where(np.isfinite(x.leg), x.leg, 0.0), initial=1.0))
    least = float(problem.value[problem.value > 0].min())
    # the least value must outweigh any detour, or PyVRP prefers not to go
    scale = max(2 * longest / least, 10_000 / float(problem.value.max()))
    profiles: dict[tuple[int, bytes], int] = {}
    matrices: list[Any] = []
    profile_of: list[int] = []
    for group in groups:
        mode, able = int(problem.team_mode[group[0]]), x.able[group[0]]
        if (mode, able.tobytes()) not in profiles:
            profiles[mode, able.tobytes()] = len(matrices)
            matrices.append(_matrix(x.leg[mode][np.ix_(at, at)], np.flatnonzero(~able), fine))
        profile_of.append(profiles[mode, able.tobytes()])
    locations = [p.Location(x=int(place), y=0) for place in at]
    clients = [
        p.Client(
            location=d,
            service_duration=int(np.ceil(fine * problem.dwell_s[d] - 1e-6)),
            tw_early=int(max(0, np.ceil(fine * problem.window_s[d, 0]))),
            tw_late=_latest(fine, float(problem.window_s[d, 0]), float(problem.window_s[d, 1])),
            prize=int(problem.value[d] * scale),
            required=False,
        )
        for d in range(demands)
    ]
    kinds = [
        p.VehicleType(
            num_available=len(group),
            start_depot=depots.index(starts[k]),
            end_depot=depots.index(ends[k]),
            tw_early=int(np.ceil(fine * problem.shift_s[group[0], 0])),
            tw_late=_latest(fine, float(problem.shift_s[group[0], 0]), float(problem.shift_s[group[0], 1])),
            unit_distance_cost=1,
            profile=profile_of[k],
        )
        for k, group in enumerate(groups)
    ]
    return p.ProblemData(
        locations, clients, [p.Depot(location=demands + i) for i in range(len(depots))], kinds, matrices, matrices
    )


def _matrix(legs: Floats, barred: Ints, fine: int) -> npt.NDArray[np.int64]:
    """Times rounded up; no way where there is none and to what may not be served."""
    known = np.isfinite(legs)
    whole = np.where(known, np.ceil(fine * np.where(known, legs, 0.0) - 1e-6), NO_WAY)
    whole[barred, :], whole[:, barred] = NO_WAY, NO_WAY
    np.fill_diagonal(whole, 0)
    return whole.astype(np.int64)


def _parts_of_a_second(problem: Problem) -> int:
    horizon = max(float(problem.shift_s[:, 1].max()), 1.0)
    return int(min(FINEST, max(1.0, LONGEST_S / horizon)))


def _latest(fine: int, early: float, late: float) -> int:
    return int(max(0.0, np.ceil(fine * early), np.floor(fine * min(late, LONGEST_S))))
