"""Recomputes a plan from scratch. Shares no code with the solver: its own loop, its own sums, plain Python."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from planning.plan import Plan
from planning.problem import Problem

TOLERANCE_S = 1e-5  # sums in another order, no more
TOLERANCE_SHARE = 1e-9


def check(plan: Plan, problem: Problem) -> list[str]:
    """Everything that is wrong with the plan, in words; an empty list means that it holds.

    Routes against the problem and its side rules, the schedule against the routes, value, bound, gap and what soft
    rules miss against both.

    >>> from planning.plan import make_plan
    >>> problem = Problem.from_arrays(
    ...     travel_s=[[0, 300], [300, 0]], team_start=[0], team_end=[0], shift_s=[[0, 900]],
    ...     demand_place=[1], window_s=[[0, 3600]], dwell_s=[600], value=[2])
    >>> check(make_plan(problem, [[0]], bound=2, certified=True), problem)
    ['team 0: is back at 1200 s, after its shift ends at 900 s']
    """
    if len(plan.routes) != problem.teams:
        return [f"plan: has {len(plan.routes)} routes for {problem.teams} teams"]
    unknown = list(_unknown_demands(plan, problem))
    if unknown:
        return unknown
    found = list(_served_twice(plan, problem))
    for team, route in enumerate(plan.routes):
        found += _route_faults(problem, team, route)
    found += _rule_faults(plan, problem)
    if not found:  # routes that can't be driven have no right schedule
        found += _schedule_faults(plan, problem)
        found += _spacing_faults(plan, problem)
        found += _shortfall_faults(plan, problem)
    return found + list(_figure_faults(plan, problem))


def _team(problem: Problem, team: int) -> str:
    return f"team {team}" if problem.world is None else f"team {problem.world.teams['id'].iloc[team]}"


def _demand(problem: Problem, demand: int) -> str:
    return f"demand {demand}" if problem.world is None else f"demand {problem.world.demands['demand_id'].iloc[demand]}"


def _unknown_demands(plan: Plan, problem: Problem) -> Iterator[str]:
    for team, route in enumerate(plan.routes):
        for demand in route:
            if not 0 <= demand < problem.demands:
                yield f"{_team(problem, team)}: demand {demand} doesn't exist"


def _served_twice(plan: Plan, problem: Problem) -> Iterator[str]:
    first: dict[int, int] = {}
    for team, route in enumerate(plan.routes):
        for demand in route:
            if demand in first:
                by = f"by {_team(problem, first[demand])} and by {_team(problem, team)}"
                yield f"{_demand(problem, demand)}: served twice, {by}"
            first.setdefault(demand, team)


def _route_faults(problem: Problem, team: int, route: list[int]) -> list[str]:
    if not route:
        return []
    who, faults = _team(problem, team), []
    mode, here = int(problem.team_mode[team]), int(problem.team_start[team])
    opens, closes = (float(end) for end in problem.shift_s[team])
    now = opens
    for demand in route:
        what, there = _demand(problem, demand), int(problem.demand_place[demand])
        if not problem.eligible[team, demand]:
            faults.append(f"{who}: may not serve {what}")
        leg = float(problem.travel_s[mode, here, there])
        faults += _leg_faults(problem, leg, f"{who}: the leg to {what}")
        earliest, latest = (float(end) for end in problem.window_s[demand])
        now = max(now + leg, earliest)
        if now > latest + TOLERANCE_S:
            faults.append(f"{who}: starts {what} at {now:g} s, after its latest start at {latest:g} s")
        now, here = now + float(problem.dwell_s[demand]), there
    leg = float(problem.travel_s[mode, here, int(problem.team_end[team])])
    faults += _leg_faults(problem, leg, f"{who}: the way back")
    if now + leg > closes + TOLERANCE_S:
        faults.append(f"{who}: is back at {now + leg:g} s, after its shift ends at {closes:g} s")
    return faults


def _rule_faults(plan: Plan, problem: Problem) -> Iterator[str]:
    """Hard side rules: most visits of a community, most visits and work of a team, locked visits."""
    rules = problem.rules
    visits: dict[int, int] = {}
    for team, route in enumerate(plan.routes):
        if len(route) > rules.most_visits[team]:
            yield f"{_team(problem, team)}: makes {len(route)} visits, at most {rules.most_visits[team]} are allowed"
        work = _work_s(problem, team, route)
        if work > rules.most_work_s[team] + TOLERANCE_S:
            yield f"{_team(problem, team)}: works {work:g} s, at most {rules.most_work_s[team]:g} s are allowed"
        for demand in route:
            visits[int(rules.area[demand])] = visits.get(int(rules.area[demand]), 0) + 1
            if rules.locked[demand] not in (-1, team):
                wanted = _team(problem, int(rules.locked[demand]))
                yield f"{_team(problem, team)}: serves {_demand(problem, demand)}, which is locked to {wanted}"
    for area, count in sorted(visits.items()):
        if area >= 0 and count > rules.most_in_area[area]:
            yield f"area {area}: gets {count} visits, at most {rules.most_in_area[area]} are allowed"


def _work_s(problem: Problem, team: int, route: list[int]) -> float:
    if not route:
        return 0.0
    total, mode, here = 0.0, int(problem.team_mode[team]), int(problem.team_start[team])
    for demand in route:
        there = int(problem.demand_place[demand])
        total += float(problem.travel_s[mode, here, there]) + float(problem.dwell_s[demand])
        here = there
    return total + float(problem.travel_s[mode, here, int(problem.team_end[team])])


def _spacing_faults(plan: Plan, problem: Problem) -> Iterator[str]:
    """Visits to one site, by whatever teams, start far enough apart."""
    gap = problem.rules.revisit_gap_s
    by_site: dict[int, list[tuple[float, int]]] = {}
    for demand, start in zip(plan.schedule.demand.tolist(), plan.schedule.start_s.tolist(), strict=True):
        by_site.setdefault(int(problem.rules.site[demand]), []).append((start, demand))
    for site, starts in sorted(by_site.items()):
        starts.sort()
        for (before, first), (after, second) in itertools.pairwise(starts):
            if site >= 0 and after - before < gap - TOLERANCE_S:
                pair = f"{_demand(problem, first)} and {_demand(problem, second)}"
                yield f"site {site}: {pair} start {after - before:g} s apart, at least {gap:g} s are wanted"


def _shortfall_faults(plan: Plan, problem: Problem) -> Iterator[str]:
    """What soft rules miss has to be told, no more and no less."""
    rules, served = problem.rules, {demand for route in plan.routes for demand in route}
    missed: dict[tuple[str, int], float] = {}
    for area in range(len(rules.least_in_area)):
        got = sum(1 for demand in served if rules.area[demand] == area)
        if got < rules.least_in_area[area]:
            missed["least_in_area", area] = got
    for team, route in enumerate(plan.routes):
        if len(route) < rules.least_visits[team]:
            missed["least_visits", team] = len(route)
        if _work_s(problem, team, route) < rules.least_work_s[team] - TOLERANCE_S:
            missed["least_work_s", team] = _work_s(problem, team, route)
    for demand in range(problem.demands):
        if (rules.required[demand] or rules.locked[demand] >= 0) and demand not in served:
            missed["required", demand] = 0
    told = {(each.rule, each.which): each.got for each in plan.shortfalls}
    for rule, which in sorted(missed.keys() ^ told.keys()):
        yield f"shortfalls: {rule} of {which} is {'not told' if (rule, which) in missed else 'told and met'}"
    for key in sorted(missed.keys() & told.keys()):
        if not _close(missed[key], told[key]):
            yield f"shortfalls: {key[0]} of {key[1]} got {missed[key]:g}, told {told[key]:g}"


def _leg_faults(problem: Problem, leg: float, where: str) -> Iterator[str]:
    if math.isinf(leg):
        yield f"{where} has no way"
    elif problem.max_leg_s is not None and leg > problem.max_leg_s + TOLERANCE_S:
        yield f"{where} takes {leg:g} s, longer than {problem.max_leg_s:g} s"


def _schedule_faults(plan: Plan, problem: Problem) -> Iterator[str]:
    told = plan.schedule
    visits = [(team, i, demand) for team, route in enumerate(plan.routes) for i, demand in enumerate(route, start=1)]
    listed = list(zip(told.team.tolist(), told.sequence.tolist(), told.demand.tolist(), strict=True))
    if visits != listed:
        yield "schedule: doesn't list the routes' visits by team and sequence"
        return
    here, free = 0, 0.0
    for row, (team, sequence, demand) in enumerate(visits):
        if sequence == 1:
            here, free = int(problem.team_start[team]), float(problem.shift_s[team, 0])
        there, mode = int(problem.demand_place[demand]), int(problem.team_mode[team])
        leg = float(problem.travel_s[mode, here, there])
        where = f"schedule: {_team(problem, team)}, {_demand(problem, demand)}"
        arrive, start, leave = float(told.arrive_s[row]), float(told.start_s[row]), float(told.leave_s[row])
        if not _same(float(told.travel_s[row]), leg):
            yield f"{where}: travel_s is {told.travel_s[row]:g}, should be {leg:g}"
        if problem.travel_m is not None and not _same(
            float(told.travel_m[row]), float(problem.travel_m[mode, here, there])
        ):
            yield f"{where}: travel_m is {told.travel_m[row]:g}, should be {problem.travel_m[mode, here, there]:g}"
        if sequence > 1 and arrive < free - TOLERANCE_S:
            yield f"{where}: begins at {arrive:g} s, while {_demand(problem, visits[row - 1][2])} lasts until {free:g} s"
        if arrive < free + leg - TOLERANCE_S:
            yield f"{where}: arrives at {arrive:g} s, can't before {free + leg:g} s"
        if start < max(arrive, float(problem.window_s[demand, 0])) - TOLERANCE_S:
            yield f"{where}: starts at {start:g} s, before it arrives or before the window opens"
        if start > float(problem.window_s[demand, 1]) + TOLERANCE_S:
            yield f"{where}: starts at {start:g} s, after the window closes"
        if not _same(leave, start + float(problem.dwell_s[demand])):
            yield f"{where}: leaves at {leave:g} s, should at {start + float(problem.dwell_s[demand]):g} s"
        here, free = there, leave
        if sequence == len(plan.routes[team]):
            yield from _late_home(
                problem, team, leave + float(problem.travel_s[mode, there, int(problem.team_end[team])])
            )


def _late_home(problem: Problem, team: int, back: float) -> Iterator[str]:
    if back > float(problem.shift_s[team, 1]) + TOLERANCE_S:
        yield f"schedule: {_team(problem, team)}: is back at {back:g} s, after its shift"


def _figure_faults(plan: Plan, problem: Problem) -> Iterator[str]:
    value = math.fsum(float(problem.value[demand]) for route in plan.routes for demand in route)
    if not _close(plan.value, value):
        yield f"plan: value is {plan.value:g}, should be {value:g}"
    if not plan.bound >= value - TOLERANCE_SHARE * max(1.0, abs(value)):
        yield f"plan: bound {plan.bound:g} lies below the value {value:g}"
    if plan.bound > math.fsum(problem.value.tolist()) * (1 + TOLERANCE_SHARE) + TOLERANCE_SHARE:
        yield f"plan: bound {plan.bound:g} is more than all demands are worth together"
    gap = (plan.bound - plan.value) / plan.bound if plan.bound > 0 else 0.0
    if not _close(plan.gap, gap):
        yield f"plan: gap is {plan.gap:g}, should be {gap:g}"


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE_S


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE_SHARE * max(1.0, abs(a), abs(b))
