"""The checker finds every planted violation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from solving_cases import line

from planning.checking import check
from planning.plan import Plan, make_plan
from planning.problem import Problem


def _plan(problem: Problem, *routes: list[int]) -> Plan:
    return make_plan(problem, list(routes), bound=7.0, certified=True)


def test_a_plan_that_holds_has_no_violations() -> None:
    assert check(_plan(line(), [0, 1, 2]), line()) == []


def test_the_first_team_leaves_just_in_time() -> None:
    plan = _plan(line(window_s=[[1000, 3600]] * 3), [0])
    assert plan.schedule.arrive_s.tolist() == [1000] and check(plan, plan.problem) == []


no_way = np.full((4, 4), np.inf)


@pytest.mark.parametrize(
    ("changes", "routes", "words"),
    [
        ({"shift_s": [[0, 3599]]}, [[0, 1, 2]], "team 0: is back at 3600 s, after its shift ends at 3599 s"),
        ({"window_s": [[0, 3600], [0, 3600], [0, 2099]]}, [[0, 1, 2]], "team 0: starts demand 2 at 2100 s"),
        ({"max_leg_s": 899.0}, [[0, 1, 2]], "team 0: the way back takes 900 s, longer than 899 s"),
        ({"max_leg_s": 299.0}, [[0]], "team 0: the leg to demand 0 takes 300 s"),
        ({"travel_s": no_way}, [[0]], "team 0: the leg to demand 0 has no way"),
        ({"eligible": [[True, False, True]]}, [[1]], "team 0: may not serve demand 1"),
        ({}, [[0, 0]], "demand 0: served twice"),
        ({}, [[3]], "team 0: demand 3 doesn't exist"),
        ({}, [[0], [1]], "plan: has 2 routes for 1 teams"),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, object], routes: list[list[int]], words: str) -> None:
    good = line()
    timed = make_plan(good, [[0, 1, 2]], bound=7, certified=True)
    plan = replace(timed, routes=routes)
    assert any(fault.startswith(words) for fault in check(plan, line(**changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": 8.0}, "plan: value is 8, should be 7"),
        ({"bound": 6.0}, "plan: bound 6 lies below the value 7"),
        ({"bound": 9.0}, "plan: bound 9 is more than all demands are worth together"),
        ({"gap": 0.1}, "plan: gap is 0.1, should be 0"),
    ],
)
def test_a_wrong_figure_is_named(changes: dict[str, float], words: str) -> None:
    assert words in check(replace(_plan(line(), [0, 1, 2]), **changes), line())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["team", "sequence", "demand", "arrive_s", "start_s", "leave_s", "travel_s"])
def test_a_wrong_time_is_named(name: str) -> None:
    plan = _plan(line(), [0, 1, 2])
    column = getattr(plan.schedule, name).copy()
    column[0] -= 1
    wrong = replace(plan, schedule=replace(plan.schedule, **{name: column}))
    assert any(fault.startswith("schedule") for fault in check(wrong, line()))
