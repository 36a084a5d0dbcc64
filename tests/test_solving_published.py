"""Published instances: exact values of one-route problems, references of team orienteering. Skipped without the data."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from planning.checking import check
from planning.problem import Problem
from planning.solving.search import solve

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "orienteering"
CASES = ROOT / "benchmarks" / "routing_cases.py"
told = importlib.util.spec_from_file_location("routing_cases", CASES)  # its folder on the path would hide `statistics`
assert told is not None and told.loader is not None
cases = sys.modules["routing_cases"] = importlib.util.module_from_spec(told)
told.loader.exec_module(cases)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent")


@needs_data
@pytest.mark.parametrize(("name", "exact"), [("r101", 198), ("c101", 320), ("r105", 247), ("c106", 340)])
def test_one_route_with_windows_reaches_the_exact_profit_and_proves_it(name: str, exact: float) -> None:
    """Righini & Salani's exact solver."""
    (each,) = cases.read_toptw(DATA / "toptw", name, (1,))
    plan = solve(each.problem, effort="quick")
    assert each.reference == exact and plan.value == exact and plan.bound == exact and plan.certified
    assert check(plan, each.problem) == []


@needs_data
def test_three_teams_on_r101_are_proven() -> None:
    (each,) = cases.read_toptw(DATA / "toptw", "r101", (3,))
    plan = solve(each.problem)
    assert (plan.value, plan.gap, plan.certified) == (484, 0, True)  # 481-484 in the literature's heuristics


@needs_data
@pytest.mark.parametrize("name", ["p1.2.k", "p1.3.q", "p2.3.k", "p3.4.m"])
def test_team_orienteering_meets_its_reference(name: str) -> None:
    (each,) = cases.read_top(DATA / "top", name)
    plan = solve(each.problem, time_limit_s=2)
    assert each.reference is not None and plan.value >= each.reference and check(plan, each.problem) == []


def _loop(hours: float) -> tuple[Problem, float]:
    """One team, demands on a circle that it passes in order: all whose dwell fits are worth 1 each."""
    stops, leg_s, dwell_s = 60, 120.0, 600.0
    around = np.abs(np.arange(stops + 1)[:, None] - np.arange(stops + 1))
    problem = Problem.from_arrays(
        travel_s=leg_s * np.minimum(around, stops + 1 - around),
        team_start=[0], team_end=[0], shift_s=[[0, 3600 * hours]], demand_place=np.arange(1, stops + 1),
        window_s=[[0, 3600 * hours]] * stops, dwell_s=[dwell_s] * stops, value=[1.0] * stops,
    )  # fmt: skip
    # out and back on both sides, or once around
    fits = [k for k in range(stops + 1) if k * dwell_s + leg_s * min(2 * k, stops + 1) <= 3600 * hours]
    return problem, float(max(fits))


@pytest.mark.parametrize(("hours", "efforts"), [(6, ("quick", "normal")), (8, ("quick",))])
def test_long_shifts_neither_explode_nor_lie(hours: float, efforts: tuple[str, ...]) -> None:
    """Where pricing runs out of labels the bound is looser and the plan says so; never is it below the optimum."""
    problem, optimum = _loop(hours)
    for effort in efforts:
        plan = solve(problem, effort=effort)
        assert check(plan, problem) == []
        assert plan.value == optimum and plan.bound >= optimum
        assert plan.certified or plan.gap > 0


def test_the_same_bytes_under_load() -> None:
    """Counts, not seconds, are the work: a busy machine gives the same plan."""
    problem = cases.patrol_case(teams=4, demands=40, shift_min=120)
    calm = solve(problem, seed=3)
    busy = subprocess.Popen([sys.executable, "-c", "while True: sum(range(10**6))"])
    try:
        loaded = solve(problem, seed=3)
    finally:
        busy.kill()
        busy.wait()
    assert loaded.routes == calm.routes and loaded.bound == calm.bound and loaded.value == calm.value


def test_a_time_limit_is_kept() -> None:
    import time

    problem = cases.patrol_case(teams=6, demands=80, shift_min=180)
    solve(problem, time_limit_s=0.5)  # compiled by now
    begun = time.process_time()
    plan = solve(problem, time_limit_s=1.0)
    assert time.process_time() - begun < 10 and check(plan, problem) == []  # generous: it mustn't run to its end
