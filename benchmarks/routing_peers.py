"""PyVRP, OR-Tools and VROOM on the studies' problems, each modelled as its own documentation advises, one thread each.

Every answer is checked by our checker before its value counts. Times are whole (parts of) seconds, rounded up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import vroom
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from planning.checking import check
from planning.plan import make_plan
from planning.problem import Floats, Problem
from planning.solving.instance import make_instance
from planning.solving.second_engine import improve_with_pyvrp

NO_WAY = 10**7
Routes = list[list[int]]


def run_peers(problem: Problem, seconds: float, *, seed: int, names: list[str]) -> dict[str, tuple[float, float]]:
    """(value, CPU seconds) of each; NaN where it found nothing that our checker accepts."""
    results = {}
    for name in names:
        begun = time.process_time()
        routes = PEERS[name](problem, seconds, seed)
        spent = time.process_time() - begun
        results[name] = (_accepted(problem, routes), spent)
    return results


def _accepted(problem: Problem, routes: Routes | None) -> float:
    if routes is None:
        return float("nan")
    plan = make_plan(problem, routes, bound=float(problem.value.sum()), certified=False)
    faults = check(plan, problem)
    return plan.value if not faults else float("nan")


def with_pyvrp(problem: Problem, seconds: float, seed: int) -> Routes:
    cold: Routes = [[] for _ in range(problem.teams)]
    x = make_instance(problem)
    return improve_with_pyvrp(problem, x, cold, seed=seed, iterations=10**9, time_limit_s=seconds)


def with_ortools(problem: Problem, seconds: float, seed: int) -> Routes | None:
    """Disjunctions with the values as penalties, guided local search from parallel cheapest insertion."""
    fine, whole, depots = _whole(problem)
    demands, teams = problem.demands, problem.teams
    starts = [demands + depots.index(int(place)) for place in problem.team_start]
    ends = [demands + depots.index(int(place)) for place in problem.team_end]
    manager = pywrapcp.RoutingIndexManager(len(whole), teams, starts, ends)
    routing = pywrapcp.RoutingModel(manager)
    dwell = np.concatenate([np.ceil(fine * problem.dwell_s - 1e-6), np.zeros(len(depots))]).astype(np.int64)
    travel = routing.RegisterTransitMatrix(whole.tolist())
    routing.SetArcCostEvaluatorOfAllVehicles(travel)
    lasting = routing.RegisterTransitMatrix((whole + dwell[:, None]).tolist())
    horizon = int(np.ceil(fine * problem.shift_s[:, 1].max()))
    routing.AddDimension(lasting, horizon, horizon, False, "time")
    clock = routing.GetDimensionOrDie("time")
    usable = whole[whole < NO_WAY]
    least = float(problem.value[problem.value > 0].min())
    scale = max(2 * float(usable.max()) / least, 1000.0 / least)
    for demand in range(demands):
        index = manager.NodeToIndex(demand)
        early, late = fine * problem.window_s[demand, 0], min(fine * problem.window_s[demand, 1], float(horizon))
        routing.AddDisjunction([index], int(problem.value[demand] * scale))
        if np.ceil(early) > np.floor(late):
            routing.solver().Add(routing.ActiveVar(index) == 0)
            continue
        clock.CumulVar(index).SetRange(int(np.ceil(early)), int(np.floor(late)))
        allowed = np.flatnonzero(problem.eligible[:, demand]).tolist()
        if len(allowed) < teams:
            routing.VehicleVar(index).SetValues([-1, *allowed])
    for team in range(teams):
        opens, closes = (fine * end for end in problem.shift_s[team])
        for index in (routing.Start(team), routing.End(team)):
            clock.CumulVar(index).SetRange(int(np.ceil(opens)), int(np.floor(closes)))
    asked = pywrapcp.DefaultRoutingSearchParameters()
    asked.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    asked.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    asked.time_limit.FromMilliseconds(int(1000 * seconds))
    found = routing.SolveWithParameters(asked)
    if found is None:
        return None
    routes: Routes = []
    for team in range(teams):
        index, route = found.Value(routing.NextVar(routing.Start(team))), []
        while not routing.IsEnd(index):
            route.append(manager.IndexToNode(index))
            index = found.Value(routing.NextVar(index))
        routes.append(route)
    return routes


def with_vroom(problem: Problem, seconds: float, seed: int) -> Routes | None:
    """Priorities 0-100 for values, skills for eligibility; it stops by itself, so `seconds` and `seed` don't matter."""
    fine, whole, depots = _whole(problem)
    demands = problem.demands
    task = vroom.Input()
    far = int(2 * fine * problem.shift_s.max())  # larger numbers overflow its costs
    task.set_durations_matrix(profile="car", matrix_input=np.minimum(whole, far).astype(np.uint32))
    top = float(problem.value.max())
    kinds, kind_of = np.unique(problem.eligible.T, axis=0, return_inverse=True)
    for team in range(problem.teams):
        opens, closes = (int(fine * end) for end in problem.shift_s[team])
        may = {int(k) + 1 for k in np.flatnonzero(kinds[:, team])}
        task.add_vehicle(
            vroom.Vehicle(
                team,
                start=demands + depots.index(int(problem.team_start[team])),
                end=demands + depots.index(int(problem.team_end[team])),
                time_window=(opens, closes),
                skills=may,
            )
        )
    horizon = float(problem.shift_s[:, 1].max())
    for demand in range(demands):
        early, late = problem.window_s[demand]
        first, last = int(np.ceil(fine * early)), int(np.floor(fine * min(late, horizon)))
        if first <= last:
            task.add_job(
                vroom.Job(
                    demand,
                    location=demand,
                    default_service=int(np.ceil(fine * problem.dwell_s[demand] - 1e-6)),
                    skills={int(kind_of[demand]) + 1},
                    priority=max(1, round(100 * float(problem.value[demand]) / top)),
                    time_windows=[vroom.TimeWindow(first, last)],
                )
            )
    frame = task.solve(exploration_level=5, nb_threads=1).routes
    jobs = frame[frame["type"] == "job"]
    routes: Routes = [[] for _ in range(problem.teams)]
    for team, demand in zip(jobs["vehicle_id"], jobs["id"], strict=True):
        routes[int(team)].append(int(demand))
    return routes


def _whole(problem: Problem) -> tuple[int, Floats, list[int]]:
    """(parts of a second, times between demands and then depots, the depots' places); one way of moving only."""
    assert len(problem.travel_s) == 1
    fine = 100 if problem.shift_s.max() < 10_000 and (problem.travel_s % 1 > 0).any() else 1
    depots = sorted({*problem.team_start.tolist(), *problem.team_end.tolist()})
    at = np.concatenate([problem.demand_place, np.array(depots, dtype=np.int64)])
    legs = problem.travel_s[0][np.ix_(at, at)]
    limit = np.inf if problem.max_leg_s is None else problem.max_leg_s
    known = np.isfinite(legs) & (legs <= limit)
    whole = np.where(known, np.ceil(fine * np.where(known, legs, 0.0) - 1e-6), NO_WAY).astype(np.int64)
    np.fill_diagonal(whole, 0)
    return fine, whole, depots


PEERS: dict[str, Callable[[Problem, float, int], Routes | None]] = {
    "PyVRP": with_pyvrp,
    "OR-Tools": with_ortools,
    "VROOM": with_vroom,
}
