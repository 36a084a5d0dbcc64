"""Why a demand isn't served; every relaxation is applied to see that it is enough."""

from __future__ import annotations

import numpy as np
import pytest
from solving_cases import can_drive, line, random_problem

from planning.plan import make_plan
from planning.problem import Problem
from planning.solving.reasons import Unserved, relaxed, unserved_reasons
from planning.solving.search import solve


def _why(problem: Problem, demand: int) -> Unserved:
    empty = make_plan(problem, [[] for _ in range(problem.teams)], bound=7, certified=False)
    return next(why for why in unserved_reasons(empty) if why.demand == demand)


@pytest.mark.parametrize(
    ("changes", "reason", "relaxation"),
    [
        ({"travel_s": np.where(np.eye(4) > 0, 0, np.inf)}, "UNREACHABLE", "a way from team 0's point"),
        ({"max_leg_s": 720.0}, "LEG", "max leg +3 min for team 0"),
        ({"window_s": [[0, 180]] * 3}, "WINDOW", "window 12 min later"),
        ({"shift_s": [[0, 1320]]}, "SHIFT", "shift of team 0 ends 18 min later"),
        ({"eligible": np.zeros((1, 3))}, "ROLE", "clear ROLE for team 0"),
    ],
)
def test_the_far_demand_is_refused_for(changes: dict[str, object], reason: str, relaxation: str) -> None:
    why = _why(line(**changes), 2)
    assert (why.reason, why.relaxation) == (reason, relaxation)


def test_no_team_at_all() -> None:
    problem = random_problem(1, teams=0, demands=1)
    assert _why(problem, 0).reason == "NO_TEAM"


def test_the_code_of_the_gate_is_kept() -> None:
    plan = make_plan(line(eligible=np.zeros((1, 3))), [[]], bound=7, certified=False)
    blocked = np.array([["VETTING", "ROLE", "TRAINING"]])
    assert [why.reason for why in unserved_reasons(plan, blocked=blocked)] == ["VETTING", "ROLE", "TRAINING"]


def test_an_outcompeted_demand_names_what_to_drop() -> None:
    problem = line(shift_s=[[0, 3599]])
    plan = make_plan(problem, [[1, 2]], bound=7, certified=False)
    why = unserved_reasons(plan)[0]
    assert why.reason == "OUTCOMPETED" and why.change.drop == (1,)
    assert why.relaxation == "drop visit 1 (value 2) of team 0, or one more team"


def test_every_relaxation_is_enough_when_applied() -> None:
    applied = 0
    for seed in range(60):
        problem = random_problem(seed)
        plan = solve(problem, effort="quick")
        for why in unserved_reasons(plan):
            team, change = why.change.team, why.change
            if change.kind == "limits":
                assert team is not None and not can_drive(problem, team, (why.demand,))
                assert can_drive(relaxed(problem, why.demand, change), team, (why.demand,)), (seed, why)
                applied += 1
            if change.kind == "drop":
                assert team is not None
                rest = [d for d in plan.routes[team] if d not in change.drop]
                fits = [(*rest[:i], why.demand, *rest[i:]) for i in range(len(rest) + 1)]
                assert any(can_drive(problem, team, route) for route in fits), (seed, why)
                applied += 1
    assert applied > 20
