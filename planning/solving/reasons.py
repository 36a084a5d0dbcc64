"""Why a demand isn't served, and the least change that would serve it, computed by trying it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from planning.plan import Plan
from planning.problem import Problem
from planning.rules import Floats, Ints
from planning.solving.instance import Instance, fits_rules, is_plain, make_instance, start_times
from planning.solving.score import is_feasible_plan

SEVERITY = ("UNREACHABLE", "LEG", "WINDOW", "SHIFT", "OUTCOMPETED")  # the later, the nearer a team came to serving


@dataclass(frozen=True, eq=False, kw_only=True)
class Relaxation:
    """One change that would serve the demand: `limits` (by so many seconds each), `drop`, `rules`, `permit`, `way`, `team`.

    `drop` may come with what side rules between teams need besides.
    """

    kind: str
    team: int | None = None
    leg_s: float = 0.0  # longer max leg
    window_s: float = 0.0  # later latest start
    shift_s: float = 0.0  # later end of the team's shift
    work_s: float = 0.0  # more work for the team
    area_visits: int = 0  # more visits to the demand's community
    gap_s: float = 0.0  # shorter distance in time of two visits to one site
    drop: tuple[int, ...] = ()  # visits of the team to give up


@dataclass(frozen=True, eq=False, kw_only=True)
class Unserved:
    """One demand that isn't served. `relaxation` says in words what `change` says in figures."""

    demand: int
    reason: str
    detail: str
    relaxation: str
    change: Relaxation


@dataclass(frozen=True, eq=False)
class _Trip:
    """What a team would need to serve one demand and nothing else; 0 = enough as it is."""

    team: int
    leg_s: float
    window_s: float
    shift_s: float
    work_s: float = 0.0

    @property
    def reason(self) -> str:
        if np.isinf(self.leg_s):
            return "UNREACHABLE"
        if self.leg_s > 0:
            return "LEG"
        if self.window_s > 0:
            return "WINDOW"
        return "SHIFT" if self.shift_s > 0 or self.work_s > 0 else "OUTCOMPETED"

    @property
    def need_s(self) -> float:
        return self.leg_s + self.window_s + max(self.shift_s, self.work_s)


def unserved_reasons(plan: Plan, *, blocked: npt.NDArray[np.str_] | None = None) -> list[Unserved]:
    """One entry per unserved demand, ascending.

    Codes: the demand's most common entry of `blocked` (V, D) where no team may serve it (from the world when None; ROLE
    where neither tells), NO_TEAM where there is no team at all; else what stops the team that comes nearest when it
    serves this demand alone: UNREACHABLE, LEG, WINDOW, SHIFT; CLOSURE where closed streets are what stops it;
    OUTCOMPETED where it could, but for what it serves now.

    >>> from planning.plan import make_plan
    >>> problem = Problem.from_arrays(
    ...     travel_s=[[0, 900], [900, 0]], team_start=[0], team_end=[0], shift_s=[[0, 3600]],
    ...     demand_place=[1], window_s=[[0, 300]], dwell_s=[600], value=[2])
    >>> why = unserved_reasons(make_plan(problem, [[]], bound=0, certified=True))[0]
    >>> why.reason, why.relaxation
    ('WINDOW', 'window 10 min later')
    """
    problem = plan.problem
    if blocked is None and problem.world is not None:
        blocked = problem.world.blocked
    x = make_instance(problem)
    return [_explain(plan, x, int(demand), blocked) for demand in plan.unserved]


def relaxed(problem: Problem, demand: int, change: Relaxation) -> Problem:
    """The problem with its limits changed; kinds other than `limits` leave it as it is."""
    window, shift, rules = problem.window_s.copy(), problem.shift_s.copy(), problem.rules
    work, most = rules.most_work_s.copy(), rules.most_in_area.copy()
    window[demand, 1] += change.window_s
    if change.team is not None:
        shift[change.team, 1] += change.shift_s
        work[change.team] += change.work_s
    if change.area_visits:
        most[rules.area[demand]] += change.area_visits
    leg = None if problem.max_leg_s is None else problem.max_leg_s + change.leg_s
    eased = replace(rules, most_work_s=work, most_in_area=most, revisit_gap_s=rules.revisit_gap_s - change.gap_s)
    return replace(problem, window_s=window, shift_s=shift, max_leg_s=leg, rules=eased)


def _explain(plan: Plan, x: Instance, demand: int, blocked: npt.NDArray[np.str_] | None) -> Unserved:
    problem = plan.problem
    if not problem.teams:
        return _unserved(demand, "NO_TEAM", "there is no team", "one team", Relaxation(kind="team"))
    able = np.flatnonzero(x.able[:, demand] & (x.most > 0))
    if not len(able):
        return _not_allowed(problem, demand, blocked)
    trips = [_alone(problem, int(team), demand) for team in able]
    trip = min(trips, key=_nearness)
    closed = _closed(problem, demand, able, trip)
    if closed is not None:
        return closed
    if trip.reason == "OUTCOMPETED":
        return _outcompeted(plan, x, demand, [t.team for t in trips if t.reason == "OUTCOMPETED"])
    return _out_of_reach(problem, demand, trip)


def _unserved(demand: int, reason: str, detail: str, relaxation: str, change: Relaxation) -> Unserved:
    return Unserved(demand=demand, reason=reason, detail=detail, relaxation=relaxation, change=change)


def _not_allowed(problem: Problem, demand: int, blocked: npt.NDArray[np.str_] | None) -> Unserved:
    codes: Mapping[str, int] = Counter(
        code for code in ([] if blocked is None else blocked[:, demand].tolist()) if code
    )
    reason = min(codes, key=lambda code: (-codes[code], code)) if codes else "ROLE"
    told = ", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or f"ROLE {problem.teams}"
    team = int(np.flatnonzero(blocked[:, demand] == reason)[0]) if blocked is not None and codes else 0
    change = Relaxation(kind="permit", team=team)
    return _unserved(
        demand, reason, f"no team may serve it ({told})", f"clear {reason} for {_team(problem, team)}", change
    )


def _nearness(trip: _Trip) -> tuple[int, float, int]:
    return (-SEVERITY.index(trip.reason), trip.need_s, trip.team)


def _closed(problem: Problem, demand: int, able: Ints, trip: _Trip) -> Unserved | None:
    """The explanation by closures, where without them a team would come nearer to serving the demand."""
    world = problem.world
    if world is None or world.open_travel_s is None or trip.reason == "OUTCOMPETED":
        return None
    freely = min((_alone(problem, int(team), demand, world.open_travel_s) for team in able), key=_nearness)
    if SEVERITY.index(freely.reason) <= SEVERITY.index(trip.reason):
        return None
    mode, who = int(problem.team_mode[freely.team]), _team(problem, freely.team)
    here, there = int(problem.team_start[freely.team]), int(problem.demand_place[demand])
    name = world.modes[mode]
    labels = world.moving.closed_on_way(name, world.place_snaps[name], here, there)
    labels += [
        each for each in world.moving.closed_on_way(name, world.place_snaps[name], there, here) if each not in labels
    ]
    now_s, open_s = float(problem.travel_s[mode, here, there]), float(world.open_travel_s[mode, here, there])
    now = f"takes {_minutes(now_s)}" if np.isfinite(now_s) else "doesn't exist"
    detail = f"closed: {', '.join(labels)}; the way of {who}, {_minutes(open_s)} when open, {now}"
    change = Relaxation(kind="way", team=freely.team)
    return _unserved(demand, "CLOSURE", detail, f"open {', '.join(labels)}", change)


def _alone(problem: Problem, team: int, demand: int, travel_s: Floats | None = None) -> _Trip:
    """What the team would need, at the problem's travel times or at others."""
    travel = (problem.travel_s if travel_s is None else travel_s)[problem.team_mode[team]]
    place = problem.demand_place[demand]
    out, back = float(travel[problem.team_start[team], place]), float(travel[place, problem.team_end[team]])
    if np.isinf(out) or np.isinf(back):
        return _Trip(team, np.inf, 0.0, 0.0)
    limit = np.inf if problem.max_leg_s is None else problem.max_leg_s
    start = max(float(problem.shift_s[team, 0]) + out, float(problem.window_s[demand, 0]))
    late = max(0.0, start - float(problem.window_s[demand, 1]))
    over = max(0.0, start + float(problem.dwell_s[demand]) + back - float(problem.shift_s[team, 1]))
    more = max(0.0, out + float(problem.dwell_s[demand]) + back - float(problem.rules.most_work_s[team]))
    return _Trip(team, max(0.0, max(out, back) - limit), late, over, more)


def _out_of_reach(problem: Problem, demand: int, trip: _Trip) -> Unserved:
    who = _team(problem, trip.team)
    if trip.reason == "UNREACHABLE":
        return _unserved(
            demand, "UNREACHABLE", "no way leads there and back for any team that may serve it",
            f"a way from {who}'s point", Relaxation(kind="way", team=trip.team),
        )  # fmt: skip
    parts = [
        (trip.leg_s, f"max leg +{_minutes(trip.leg_s)} for {who}"),
        (trip.window_s, f"window {_minutes(trip.window_s)} later"),
        (trip.shift_s, f"shift of {who} ends {_minutes(trip.shift_s)} later"),
        (trip.work_s, f"most work of {who} +{_minutes(trip.work_s)}"),
    ]
    detail = {
        "LEG": f"the nearest team, {who}, needs a leg {_minutes(trip.leg_s)} too long",
        "WINDOW": f"{who} comes soonest, {_minutes(trip.window_s)} after the window closes",
        "SHIFT": f"{who} would be back {_minutes(trip.shift_s)} after its shift"
        if trip.shift_s > 0
        else f"{who} would work {_minutes(trip.work_s)} more than it may",
    }[trip.reason]
    words = " and ".join(text for amount, text in parts if amount > 0)
    change = Relaxation(
        kind="limits",
        team=trip.team,
        leg_s=trip.leg_s,
        window_s=trip.window_s,
        shift_s=trip.shift_s,
        work_s=trip.work_s,
    )
    return _unserved(demand, trip.reason, detail, words, change)


def _outcompeted(plan: Plan, x: Instance, demand: int, teams: list[int]) -> Unserved:
    """The least value to drop, over the teams that could serve it alone and runs of visits that make room."""
    problem, easing = plan.problem, _between_teams(plan, x, demand, teams)
    if easing.kind == "rules":  # even the team that drops everything else would break a rule between teams
        x = make_instance(relaxed(problem, demand, easing))
    best: tuple[float, int, tuple[int, ...]] | None = None
    for team in teams:
        route = plan.routes[team]
        for first in range(len(route) + 1):
            for last in range(first, len(route) + 1):
                lost = float(problem.value[route[first:last]].sum())
                if best is not None and (lost, last - first) >= (best[0], len(best[2])):
                    continue
                if _fits(plan, x, team, route[:first] + route[last:], demand):
                    best = (lost, team, tuple(route[first:last]))
    assert best is not None  # dropping the whole route leaves the team alone with the demand
    lost, team, drop = best
    who, kind = _team(problem, team), "rules" if easing.kind == "rules" else "drop"
    change = replace(easing, kind=kind, team=team, drop=drop)
    eased = _easing_words(problem, demand, easing)
    if not drop:
        told = f"{who} has room for it" + (", but for the rules between teams" if eased else "")
        return _unserved(demand, "OUTCOMPETED", told, " and ".join([*eased, f"add it to {who}'s route"]), change)
    names = ", ".join(_demand(problem, d) for d in drop)
    detail = f"worth {problem.value[demand]:.4g}; lost to {names} (worth {lost:.4g}) of {who}"
    words = " and ".join([*eased, f"drop {names} (value {lost:.4g}) of {who}"])
    return _unserved(demand, "OUTCOMPETED", detail, words if eased else f"{words}, or one more team", change)


def _between_teams(plan: Plan, x: Instance, demand: int, teams: list[int]) -> Relaxation:
    """What the demand needs of the rules between teams even if a team that could serve it did nothing else."""
    if any(_fits(plan, x, team, [], demand) for team in teams):
        return Relaxation(kind="drop")
    rules, needs = plan.problem.rules, []
    for team in teams:
        others = [(v, route) for v, route in enumerate(plan.routes) if v != team]
        area = int(rules.area[demand])
        visits = sum(int((rules.area[route] == area).sum()) for _, route in others if route) if area >= 0 else 0
        over = max(0, visits + 1 - int(rules.most_in_area[area])) if area >= 0 else 0
        begin = start_times(x, team, (demand,))[0]
        apart = [
            abs(start - begin)
            for v, route in others
            for d, start in zip(route, start_times(x, v, route), strict=True)
            if x.site[d] >= 0 and x.site[d] == x.site[demand]
        ]
        needs.append((over, max(0.0, x.gap - min(apart, default=x.gap)), team))
    over, gap_s, team = min(needs)
    return Relaxation(kind="rules", team=team, area_visits=over, gap_s=gap_s)


def _easing_words(problem: Problem, demand: int, easing: Relaxation) -> list[str]:
    words = []
    if easing.area_visits:
        words.append(f"{easing.area_visits} more visit(s) allowed in area {problem.rules.area[demand]}")
    if easing.gap_s > 0:
        words.append(f"visits to one place {_minutes(easing.gap_s)} closer")
    return words


def _fits(plan: Plan, x: Instance, team: int, route: list[int], demand: int) -> bool:
    """Whether the team can take the demand on along this route while the others do what they do."""
    for at in range(len(route) + 1):
        changed = [*route[:at], demand, *route[at:]]
        if fits_rules(x, team, changed):
            if is_plain(plan.problem, x):
                return True
            if is_feasible_plan(x, [changed if v == team else other for v, other in enumerate(plan.routes)]):
                return True
    return False


def _minutes(seconds: float) -> str:
    """Rounded up: the change that is told has to be enough."""
    return f"{int(np.ceil(seconds / 60.0 - 1e-9))} min"


def _team(problem: Problem, team: int) -> str:
    return f"team {team}" if problem.world is None else str(problem.world.teams["id"].iloc[team])


def _demand(problem: Problem, demand: int) -> str:
    return f"visit {demand}" if problem.world is None else f"visit {problem.world.demands['demand_id'].iloc[demand]}"
