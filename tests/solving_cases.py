"""Small routing problems, and the slow obvious way to solve them."""

from __future__ import annotations

import itertools

import numpy as np

from planning.problem import Problem


def line(**changes: object) -> Problem:
    """Places 0, 1, 2, 3 on a line, 300 s apart; one team at 0 with an hour; a demand at 1, 2 and 3 worth 1, 2, 4."""
    at = np.arange(4)
    arrays: dict[str, object] = {
        "travel_s": 300.0 * np.abs(at[:, None] - at),
        "team_start": [0], "team_end": [0], "shift_s": [[0, 3600]],
        "demand_place": [1, 2, 3], "window_s": [[0, 3600]] * 3, "dwell_s": [600.0] * 3, "value": [1.0, 2.0, 4.0],
    }  # fmt: skip
    return Problem.from_arrays(**(arrays | changes))  # type: ignore[arg-type]


def random_problem(seed: int, *, teams: int | None = None, demands: int | None = None) -> Problem:
    """Whole numbers, asymmetric times, missing ways, leg limits, co-located and zero-dwell demands, eligibility."""
    rng = np.random.default_rng(seed)
    teams = int(rng.integers(1, 4)) if teams is None else teams
    demands = int(rng.integers(1, 7)) if demands is None else demands
    places, modes = int(rng.integers(2, 7)), int(rng.integers(1, 3))
    times = rng.integers(0, 30, (modes, places, places)).astype(float)
    times[rng.random(times.shape) < 0.1] = np.inf
    times[:, np.arange(places), np.arange(places)] = 0.0
    opens = rng.integers(0, 60, demands)
    shift = rng.integers(0, 30, teams)
    return Problem.from_arrays(
        travel_s=times,
        team_mode=rng.integers(0, modes, teams),
        team_start=rng.integers(0, places, teams),
        team_end=rng.integers(0, places, teams),
        shift_s=np.column_stack([shift, shift + rng.integers(20, 120, teams)]),
        demand_place=rng.integers(0, places, demands),
        window_s=np.column_stack([opens, opens + rng.integers(0, 60, demands)]),
        dwell_s=rng.integers(0, 15, demands),
        value=rng.integers(0, 10, demands),
        eligible=rng.random((teams, demands)) < 0.8,
        max_leg_s=None if rng.random() < 0.5 else float(rng.integers(8, 30)),
    )


def can_drive(problem: Problem, team: int, route: tuple[int, ...]) -> bool:
    limit = np.inf if problem.max_leg_s is None else problem.max_leg_s
    travel, here, now = problem.travel_s[problem.team_mode[team]], problem.team_start[team], problem.shift_s[team, 0]
    for demand in route:
        leg = travel[here, problem.demand_place[demand]]
        now, here = max(now + leg, problem.window_s[demand, 0]), problem.demand_place[demand]
        if leg > limit or now > problem.window_s[demand, 1] or not problem.eligible[team, demand]:
            return False
        now += problem.dwell_s[demand]
    back = travel[here, problem.team_end[team]]
    return not route or bool(back <= limit and now + back <= problem.shift_s[team, 1])


def optimum(problem: Problem) -> float:
    """The best value of all plans: every order of every set of demands, then the best split of the sets by team."""
    full = 1 << problem.demands
    best = np.zeros(full)
    for team in range(problem.teams):
        drivable = [
            mask
            for mask in range(full)
            for chosen in [[d for d in range(problem.demands) if mask >> d & 1]]
            if any(can_drive(problem, team, order) for order in itertools.permutations(chosen))
        ]
        worth = {mask: sum(problem.value[d] for d in range(problem.demands) if mask >> d & 1) for mask in drivable}
        best = np.array([max(best[s & ~m] + worth[m] for m in drivable if m & ~s == 0) for s in range(full)])
    return float(best[-1])


def with_rules(problem: Problem, seed: int) -> Problem:
    """The problem under random side rules of every kind, some of which can't be met."""
    rng = np.random.default_rng([seed, 1])
    teams, demands = problem.teams, problem.demands
    least = rng.integers(0, 3, 2)
    chosen: dict[str, object] = {
        "area": rng.integers(-1, 2, demands),
        "least_in_area": least,
        "most_in_area": least + rng.integers(0, 3, 2),
        "least_visits": rng.integers(0, 3, teams),
        "most_visits": rng.integers(2, 5, teams),
        "least_work_s": rng.integers(0, 40, teams),
        "most_work_s": rng.integers(40, 90, teams),
        "required": rng.random(demands) < 0.3,
        "locked": np.where(rng.random(demands) < 0.15, rng.integers(0, teams, demands), -1),
        "keep": rng.integers(-1, teams, demands),
        "keep_bonus": 0.25,
        "site": rng.integers(-1, 2, demands),
        "revisit_gap_s": float(rng.integers(1, 40)),
        "missing_value": float(rng.integers(1, 20)),
    }
    used = {name: value for name, value in chosen.items() if rng.random() < 0.6}
    if "most_in_area" not in used or "least_in_area" not in used:
        used.pop("most_in_area", None)
    if "keep" not in used:
        used.pop("keep_bonus", None)
    told = {name: value for name, value in vars(problem).items() if name not in ("rules", "world", "travel_m")}
    return Problem.from_arrays(**told, rules=used)


def times_of(problem: Problem, team: int, route: tuple[int, ...]) -> tuple[dict[int, float], float]:
    """(start of service by demand, seconds of work), every service as early as it can be."""
    travel, here, now = problem.travel_s[problem.team_mode[team]], problem.team_start[team], problem.shift_s[team, 0]
    starts, work = {}, 0.0
    for demand in route:
        leg = travel[here, problem.demand_place[demand]]
        now = max(now + leg, problem.window_s[demand, 0])
        starts[demand] = float(now)
        work += leg + problem.dwell_s[demand]
        now, here = now + problem.dwell_s[demand], problem.demand_place[demand]
    return starts, float(work + travel[here, problem.team_end[team]]) if route else 0.0


def keeps_rules(problem: Problem, routes: tuple[tuple[int, ...], ...]) -> bool:
    """The hard side rules, for a plan of routes that can be driven."""
    rules, served = problem.rules, [d for route in routes for d in route]
    if len(set(served)) < len(served):
        return False
    timed = [times_of(problem, team, route) for team, route in enumerate(routes)]
    for team, route in enumerate(routes):
        if len(route) > rules.most_visits[team] or timed[team][1] > rules.most_work_s[team]:
            return False
        if any(rules.locked[d] not in (-1, team) for d in route):
            return False
    for area in range(rules.areas):
        if sum(rules.area[d] == area for d in served) > rules.most_in_area[area]:
            return False
    starts = {d: start for each, _ in timed for d, start in each.items()}
    pairs = itertools.combinations(starts, 2)
    return all(
        rules.site[a] < 0 or rules.site[a] != rules.site[b] or abs(starts[a] - starts[b]) >= rules.revisit_gap_s
        for a, b in pairs
    )


def missed(problem: Problem, routes: tuple[tuple[int, ...], ...]) -> tuple[int, float]:
    """(required demands that aren't served, what the other soft rules take away)."""
    rules, served = problem.rules, {d for route in routes for d in route}
    musts = sum(1 for d in range(problem.demands) if (rules.required[d] or rules.locked[d] >= 0) and d not in served)
    visits = sum(max(0, rules.least_in_area[a] - sum(rules.area[d] == a for d in served)) for a in range(rules.areas))
    visits += sum(max(0, rules.least_visits[t] - len(route)) for t, route in enumerate(routes))
    lacking = sum(max(0.0, rules.least_work_s[t] - times_of(problem, t, route)[1]) for t, route in enumerate(routes))
    per_second = rules.missing_value / max(float(problem.dwell_s.mean()), 1.0)
    return musts, float(rules.missing_value * visits + per_second * lacking)


def merit(problem: Problem, routes: tuple[tuple[int, ...], ...]) -> tuple[int, float]:
    """What a plan is judged by: required demands first, then value, kept visits and what soft rules miss."""
    musts, cost = missed(problem, routes)
    value = sum(float(problem.value[d]) for route in routes for d in route)
    kept = sum(1 for t, route in enumerate(routes) for d in route if problem.rules.keep[d] == t)
    return -musts, value + problem.rules.keep_bonus * kept - cost


def all_plans(problem: Problem) -> list[tuple[tuple[int, ...], ...]]:
    """Every plan of every order that keeps the hard rules."""
    options = [
        [
            order
            for size in range(problem.demands + 1)
            for order in itertools.permutations(range(problem.demands), size)
            if can_drive(problem, team, order)
        ]
        for team in range(problem.teams)
    ]
    return [routes for routes in itertools.product(*options) if keeps_rules(problem, routes)]
