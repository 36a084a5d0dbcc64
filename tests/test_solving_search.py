"""The solver against hand-worked cases and against trying everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from solving_cases import all_plans, can_drive, line, merit, missed, optimum, random_problem, with_rules

from hotspot.errors import ConfigError
from planning.checking import check
from planning.problem import Problem
from planning.solving.search import solve


def test_the_far_demand_alone_is_worth_more_than_the_two_near_ones() -> None:
    # 3 and 2: 1800 s of travel + 1200 s of dwell fit the hour; all three would need 3600 s: they fit exactly
    plan = solve(line(), effort="quick")
    assert plan.value == 7 and plan.bound == 7 and plan.gap == 0 and plan.certified
    assert solve(line(shift_s=[[0, 3599]]), effort="quick").value == 6


def test_a_stop_on_the_way_makes_a_leg_limit_passable() -> None:
    # the demand at 3 can only be reached by stepping from demand to demand: no leg above 300 s
    plan = solve(line(max_leg_s=300.0), effort="quick")
    assert plan.value == 1  # there and back by the same stepping stones isn't possible: each is served once
    both_ways = line(max_leg_s=300.0, team_end=[3])
    assert solve(both_ways, effort="quick").routes == [[0, 1, 2]]


def test_one_way_streets_are_driven_the_right_way_round() -> None:
    ring = np.full((3, 3), np.inf)
    ring[[0, 1, 2], [1, 2, 0]] = 100.0
    np.fill_diagonal(ring, 0)
    problem = Problem.from_arrays(
        travel_s=ring, team_start=[0], team_end=[0], shift_s=[[0, 1000]], demand_place=[2, 1],
        window_s=[[0, 1000]] * 2, dwell_s=[0, 0], value=[1, 1],
    )  # fmt: skip
    assert solve(problem, effort="quick").routes == [[1, 0]]


@pytest.mark.parametrize(("teams", "demands"), [(0, 3), (2, 0), (0, 0)])
def test_nothing_to_plan_is_an_empty_plan(teams: int, demands: int) -> None:
    problem = random_problem(1, teams=teams, demands=demands)
    plan = solve(problem, effort="quick")
    assert (plan.value, plan.bound, plan.gap, plan.certified) == (0, 0, 0, True)
    assert plan.routes == [[]] * teams and len(plan.unserved) == demands and check(plan, problem) == []


def test_against_trying_everything_on_500_small_problems() -> None:
    missed = 0
    for seed in range(500):
        problem = random_problem(seed)
        plan, best = solve(problem, seed=seed, effort="quick"), optimum(problem)
        assert check(plan, problem) == [], seed
        assert all(can_drive(problem, team, tuple(route)) for team, route in enumerate(plan.routes)), seed
        assert plan.value <= best <= plan.bound + 1e-9, seed
        if plan.certified and plan.gap == 0:
            assert plan.value == best, seed
        missed += plan.value < best
    assert missed == 0


def test_side_rules_against_trying_everything_on_500_small_problems() -> None:
    worse = 0
    for seed in range(500):
        problem = with_rules(random_problem(seed, teams=1 + seed % 2, demands=1 + seed % 3), seed)
        plan, plans = solve(problem, seed=seed, effort="quick"), all_plans(problem)
        assert check(plan, problem) == [], seed
        ours, best = merit(problem, tuple(map(tuple, plan.routes))), max(merit(problem, each) for each in plans)
        assert ours <= (best[0], best[1] + 1e-9), seed
        worse += ours[0] < best[0] or ours[1] < best[1] - 1e-6
        musts, cost = missed(problem, tuple(map(tuple, plan.routes)))
        as_good = [each for each in plans if missed(problem, each) <= (musts, cost + 1e-9)]
        values = [sum(float(problem.value[d]) for route in each for d in route) for each in as_good]
        assert max(values) <= plan.bound + 1e-9, seed  # the bound is of every plan that misses no more
    assert worse <= 5  # work for its own sake isn't looked for: a longer way round may meet least_work_s


def test_truncated_pricing_leaves_a_valid_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from planning.solving import search

    starved = replace(search.EFFORTS["quick"], labels=2, rounds=2_000)
    monkeypatch.setitem(search.EFFORTS, "quick", starved)
    for seed in range(25):
        problem = random_problem(seed)
        plan = solve(problem, effort="quick")
        assert check(plan, problem) == [] and plan.bound >= optimum(problem) - 1e-9
        assert plan.certified or plan.gap > 0


def test_normal_effort_with_the_second_engine_holds_too() -> None:
    for seed in (3, 4, 5):
        problem = random_problem(seed, teams=3, demands=6)
        plan = solve(problem, seed=seed)
        assert check(plan, problem) == [] and plan.value == optimum(problem)


def test_the_same_seed_gives_the_same_plan_in_another_process() -> None:
    problem = random_problem(11, teams=3, demands=40)
    here = solve(problem, seed=5)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from solving_cases import random_problem\n"
        "from planning.solving.search import solve\n"
        "plan = solve(random_problem(11, teams=3, demands=40), seed=5); print(plan.routes, plan.bound, sep='|')"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert run.stdout == f"{here.routes}|{here.bound}\n"  # and nothing else is printed


def test_ctrl_c_returns_the_best_plan_so_far() -> None:
    def interrupt(stage: str, value: float, bound: float | None) -> None:
        if stage == "improve":
            raise KeyboardInterrupt

    problem = random_problem(2, teams=2, demands=20)
    plan = solve(problem, effort="quick", progress=interrupt)
    assert check(plan, problem) == [] and plan.value > 0 and "interrupted" in plan.notes[0]


def test_an_unknown_effort_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="quick, normal, thorough"):
        solve(line(), effort="hard")
