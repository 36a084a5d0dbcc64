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
