"""Side rules and variety: what is wished for, what holds, what is told."""

from __future__ import annotations

import numpy as np
import pytest
from solving_cases import line, random_problem, with_rules

from hotspot.errors import ConfigError, InputError
from planning.checking import check
from planning.plan import make_plan
from planning.problem import Problem
from planning.solving.instance import is_plain, make_instance
from planning.solving.reasons import relaxed, unserved_reasons
from planning.solving.search import solve


def _crossing(**changes: object) -> Problem:
    """Two teams at 0, time for two visits at 1 or one at 2; demands 0, 1, 2 lie at 1 and 3, 4 at 2."""
    return Problem.from_arrays(
        **({
            "travel_s": 300.0 * np.abs(np.arange(3)[:, None] - np.arange(3)),
            "team_start": [0, 0], "team_end": [0, 0], "shift_s": [[0, 2100]] * 2,
            "demand_place": [1, 1, 1, 2, 2], "window_s": [[0, 3600]] * 5, "dwell_s": [600.0] * 5,
            "value": [5.0, 4.0, 3.0, 2.0, 1.0],
        } | changes)
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_coverage_floor_moves_a_visit_to_the_neglected_community() -> None:
    plain = _crossing()
    assert solve(plain, effort="quick").value == 12  # 5 and 4, 3
    floor = _crossing(rules={"area": [0, 0, 0, 1, 1], "least_in_area": [0, 2]})
    plan = solve(floor, effort="quick")
    assert set(plan.served) == {3, 4} and plan.value == 3 and plan.shortfalls == () and check(plan, floor) == []


def test_a_floor_that_cannot_be_met_is_met_as_far_as_it_goes_and_told() -> None:
    problem = _crossing(rules={"area": [0, 0, 0, 1, 1], "least_in_area": [0, 3]})
    plan = solve(problem, effort="quick")
    assert [(each.rule, each.which, each.wanted, each.got) for each in plan.shortfalls] == [("least_in_area", 1, 3, 2)]
    assert check(plan, problem) == [] and "shortfalls" in plan.figures()


def test_a_cap_spares_a_community_and_the_reason_says_so() -> None:
    problem = _crossing(rules={"area": [0, 0, 0, 1, 1], "most_in_area": [1, 9]})
    plan = solve(problem, effort="quick")
    assert plan.value == 7 and check(plan, problem) == []  # 5 and 2: the first team has room, the cap has not
    why = unserved_reasons(plan)[0]
    assert why.reason == "OUTCOMPETED" and why.change.area_visits == 0 and why.change.drop == (0,)


def test_one_team_may_have_all_the_visits_of_a_capped_community() -> None:
    problem = _crossing(rules={"area": [0] * 5, "most_in_area": [1]}, team_start=[0, 2], team_end=[0, 2])
    plan = make_plan(problem, [[0], []], bound=15, certified=False)
    assert check(plan, problem) == []
    for why in unserved_reasons(plan):
        eased = relaxed(problem, why.demand, why.change)
        routes = [[d for d in route if d not in why.change.drop] for route in plan.routes]
        routes[why.change.team or 0].append(why.demand)
        told = make_plan(eased, routes, bound=15, certified=False)
        assert not [fault for fault in check(told, eased) if "bound" not in fault], why


def test_locked_and_required_demands_are_served_whatever_they_are_worth() -> None:
    problem = _crossing(rules={"locked": [-1, -1, -1, -1, 1], "required": [False, False, False, True, False]})
    plan = solve(problem, effort="quick")
    assert plan.routes == [[3], [4]] and check(plan, problem) == []


def test_a_required_demand_out_of_reach_is_told() -> None:
    problem = _crossing(window_s=[[0, 3600]] * 4 + [[0, 10]], rules={"required": [False] * 4 + [True]})
    plan = solve(problem, effort="quick")
    assert [(each.rule, each.which) for each in plan.shortfalls] == [("required", 4)] and plan.value == 12


def test_a_visit_stays_with_its_team_where_that_costs_nothing() -> None:
    keep = [1, 0, 1, -1, -1]
    plan = solve(_crossing(rules={"keep": keep, "keep_bonus": 0.01}), effort="quick")
    assert plan.value == 12 and [sorted(route) for route in plan.routes] == [[1], [0, 2]]


def test_visits_to_one_place_keep_their_distance_across_teams() -> None:
    problem = _crossing(rules={"site": [7, 7, 7, -1, -1], "revisit_gap_s": 1500.0})
    plan = solve(problem, effort="quick")
    starts = sorted(
        start for d, start in zip(plan.schedule.demand, plan.schedule.start_s, strict=True) if d in (0, 1, 2)
    )
    assert check(plan, problem) == [] and (np.diff(starts) >= 1500).all()
    close = make_plan(problem, [[0], [1]], bound=15, certified=False)
    assert any("start 0 s apart" in fault for fault in check(close, problem))


def test_work_and_visits_of_a_team_have_their_bounds() -> None:
    problem = _crossing(rules={"most_visits": [1, 2], "least_visits": [1, 1], "most_work_s": [1200, 3600]})
    plan = solve(problem, effort="quick")
    assert [len(route) for route in plan.routes] == [1, 2] and plan.value == 12 and check(plan, problem) == []
    too_much = make_plan(problem, [[0, 1], []], bound=15, certified=False)
    faults = " ".join(check(too_much, problem))
    assert "makes 2 visits, at most 1" in faults and "works 1800 s, at most 1200 s" in faults


def test_rules_that_contradict_are_refused_together() -> None:
    with pytest.raises(InputError) as raised:
        _crossing(
            rules={"least_visits": [3, 0], "most_visits": [2, 2], "locked": [5, -1, -1, -1, -1], "keep_bonus": -1}
        )
    told = str(raised.value)
    assert "least_visits" in told and "is no team" in told and "keep_bonus" in told


def test_limits_that_never_bind_leave_a_problem_plain() -> None:
    """A day of work, a distance in time that windows keep: every engine may be asked, as without rules."""
    windows = [[0, 300], [900, 1200], [0, 3600], [0, 3600], [0, 3600]]
    never = {"most_work_s": [86400, 2100], "site": [7, 7, -1, -1, -1], "revisit_gap_s": 600.0, "most_visits": [9, 9]}
    for changes, plain in (({}, True), ({"most_work_s": [2099, 86400]}, False), ({"revisit_gap_s": 601.0}, False)):
        problem = _crossing(window_s=windows, rules=never | changes)
        assert is_plain(problem, make_instance(problem)) == plain, changes


def test_variety_stays_within_its_loss_and_the_seed_repeats_it() -> None:
    problem = random_problem(5, teams=3, demands=40)
    best = solve(problem, effort="quick")
    drawn = [solve(problem, effort="quick", seed=seed, variety_loss=0.1) for seed in range(4)]
    again = solve(problem, effort="quick", seed=2, variety_loss=0.1)
    assert again.routes == drawn[2].routes and (again.schedule.start_s == drawn[2].schedule.start_s).all()
    for plan in drawn:
        assert check(plan, problem) == [] and plan.value >= 0.85 * best.value
        assert plan.variety is not None and 0 <= plan.variety.mean_loss <= 0.1
        assert 0 < plan.variety.highest_probability <= 1 and 0 < plan.variety.mean_jaccard <= 1
    assert len({str(plan.schedule.start_s.tolist()) for plan in drawn}) > 1


def test_no_variety_means_the_best_plan_and_an_unusable_share_is_refused() -> None:
    assert solve(line(), effort="quick").variety is None
    with pytest.raises(ConfigError, match="variety_loss 1 "):
        solve(line(), variety_loss=1.0)


def test_every_relaxation_holds_under_side_rules() -> None:
    applied = 0
    for seed in range(120):
        problem = with_rules(random_problem(seed, teams=2, demands=5), seed)
        plan = solve(problem, seed=seed, effort="quick")
        for why in unserved_reasons(plan):
            change = why.change
            if change.kind not in ("drop", "rules"):
                continue
            eased = relaxed(problem, why.demand, change)
            rest = [[d for d in route if d not in change.drop] for route in plan.routes]
            assert change.team is not None
            options = []
            for at in range(len(rest[change.team]) + 1):
                routes = [list(route) for route in rest]
                routes[change.team].insert(at, why.demand)
                told = make_plan(eased, routes, bound=1e9, certified=False)
                options.append([fault for fault in check(told, eased) if not fault.startswith("plan: bound")])
            assert [] in options, (seed, why, options)
            applied += 1
    assert applied > 20
