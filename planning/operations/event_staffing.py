"""Which team goes to which post of tonight's events, and where that fails, the least change of a rule that would do.

A team is at its post `setup_min` before the start and stays until the end; its shift has to cover that. The ways there
and back may lie outside of the shift. It serves several events where it can be at the next one in time, straight from
post to post or by way of its point; `max_travel_min` limits the way from its point. Vetting, training and the least
number of members (at night too) hold as on patrol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from planning.assembly import home_places, seconds_after
from planning.config import EventsConfig
from planning.force import ANY_ROLE, may_serve, touches_night
from planning.network import snap, travel
from planning.plan import Plan, work_s
from planning.problem import Problem, World
from planning.rules import Bools, Floats, Ints
from planning.solving.staffing import Prices, Staffing, StaffingProblem, bend, staff

SURPLUS_MIN = 15.0  # a person beyond a post's need costs as much as so many minutes of a team
LEVEL_WEIGHT = {1: 8.0, 2: 4.0, 3: 2.0, 4: 1.0}  # of a missing person: a serious event is staffed first
DUTY_COLUMNS = [
    "event_id", "post_id", "team_id", "members", "roles", "from_id", "leave_s", "arrive_s", "start_s", "end_s", "back_s",
    "travel_s", "travel_m",
]  # fmt: skip
HEADCOUNT, ROLE, RESERVE, TRAVEL, SHIFT, ELIGIBLE = "HEADCOUNT", "ROLE", "RESERVE", "TRAVEL", "SHIFT", "ELIGIBLE"


@dataclass(frozen=True, eq=False, kw_only=True)
class EventNight:
    """What decides who goes where: T teams, P posts, E events, M ways of moving. Seconds count from `origin`.

    `way` (T,) is each team's way of moving; times are whole seconds, inf = no way. `value_min` (T,): minutes of average
    patrol that earn what the team's own patrol earns.
    """

    origin: pd.Timestamp
    teams: pd.DataFrame
    events: gpd.GeoDataFrame
    posts: gpd.GeoDataFrame
    event_of: Ints  # (P,)
    shift_s: Floats  # (T, 2)
    blocked: npt.NDArray[np.str_]  # (T, E) why a team may not serve, '' = it may
    way: Ints
    go_s: Floats  # (T, P) from the team's point to the post
    go_m: Floats
    back_s: Floats  # (T, P)
    between_s: Floats  # (M, P, P)
    between_m: Floats
    value_min: Floats
    rules: EventsConfig

    @property
    def arrive_s(self) -> Floats:
        """(E,) when teams have to be at their posts."""
        return seconds_after(self.origin, self.events["start"]) - self.rules.setup_min * 60.0

    @property
    def end_s(self) -> Floats:
        """(E,)"""
        return seconds_after(self.origin, self.events["end"])


@dataclass(frozen=True)
class Binding:
    """A rule without which everyone needed would be there, and the least `changes` of it alone that would do."""

    rule: str
    changes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EventStaffing:
    """The staffing of a night's events. `duties`: a row per team and post, by team and time, in `DUTY_COLUMNS`;
    `back_s` is NaN where the team goes straight on to its next post. `role_need` (E, R) of `roles`. `binding`: empty
    where nobody is missing."""

    night: EventNight
    staffing: Staffing
    duties: pd.DataFrame
    roles: tuple[str, ...]
    role_need: Ints
    binding: tuple[Binding, ...]

    @property
    def assigned(self) -> Ints:
        """(P,) people at each post."""
        members: Ints = self.night.teams["members"].to_numpy(dtype=np.int64) @ self.staffing.sent
        return members


def event_night(
    plan: Plan,
    events: gpd.GeoDataFrame,
    posts: gpd.GeoDataFrame,
    *,
    rules: EventsConfig,
    min_members: int = 2,
    night_min_members: int = 2,
    night_hours: tuple[str, str] = ("22:00", "06:00"),
    max_snap_m: float = 300.0,
) -> EventNight:
    """The events of the night that `plan`, made without them by `build_problem`, patrols; its values say what is lost."""
    problem, world = plan.problem, plan.problem.world
    if world is None:
        raise ValueError("this plan has no streets or hotspots; fix: make its problem with build_problem")
    xy = np.column_stack([posts.geometry.x, posts.geometry.y]).reshape(-1, 2)
    home = home_places(world.teams, world.points)
    matrices = [_ways(world, name, xy, max_snap_m) for name in world.modes]
    go_s, go_m, back_s, between_s, between_m = (np.stack(each) for each in zip(*matrices, strict=True))
    way = problem.team_mode
    begin = pd.DatetimeIndex(events["start"] - pd.Timedelta(minutes=rules.setup_min))
    night = touches_night(begin, pd.DatetimeIndex(events["end"]), night_hours=night_hours)
    number = {event: e for e, event in enumerate(events["id"])}
    return EventNight(
        origin=world.origin,
        teams=world.teams,
        events=events,
        posts=posts,
        event_of=np.array([number[event] for event in posts["event_id"]], dtype=np.int64),
        shift_s=problem.shift_s,
        blocked=may_serve(
            world.teams, ["event"] * len(events), roles={"event": (ANY_ROLE,)}, date=world.origin.date(),
            at_night=night.tolist(), min_members=min_members, night_min_members=night_min_members,
        ),
        way=way,
        go_s=go_s[way, home],
        go_m=go_m[way, home],
        back_s=back_s[way, :, home],
        between_s=between_s,
        between_m=between_m,
        value_min=_value_min(plan),
        rules=rules,
    )  # fmt: skip


def _ways(world: World, name: str, xy: Floats, max_snap_m: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """From points to posts (seconds, metres), back (seconds), and from post to post (seconds, metres)."""
    points = world.place_snaps[name].take(np.arange(len(world.points)))
    posts = snap(world.moving.reopened[name], xy, max_snap_m=max_snap_m)
    network = world.networks[name]
    go, back, between = travel(network, points, posts), travel(network, posts, points), travel(network, posts, posts)
    return _up(go.travel_s), go.travel_m, _up(back.travel_s), _up(between.travel_s), between.travel_m


def _up(seconds: Floats) -> Floats:
    """Whole seconds, up: a team that arrives in time only by rounding is late."""
    whole: Floats = np.ceil(np.round(seconds, 6))
    return whole


def _value_min(plan: Plan) -> Floats:
    problem: Problem = plan.problem
    value = np.array([problem.value[route].sum() for route in plan.routes], dtype=float)
    worked_min = sum(work_s(problem, team, route) for team, route in enumerate(plan.routes)) / 60.0
    return value * worked_min / plan.value if plan.value > 0 else np.zeros(len(value))


def staff_events(night: EventNight, *, effort: str = "normal") -> EventStaffing:
    """The best staffing, and where people are missing, which rule alone is in the way and by how little.

    Fewest missing people first, those of serious events weighing more; then least minutes: of the ways there and back,
    of average patrol that earns what the teams leave, and 15 for each person beyond a post's need. Each patrol point
    keeps its reserve of teams that may serve.
    """
    problem = staffing_problem(night)
    found = staff(problem, effort=effort)
    binding = () if found.complete else _binding(night, problem, found, effort)
    roles = asked_roles(night.rules)
    return EventStaffing(night, found, _duties(night, found.sent), roles, problem.role_need, binding)


def asked_roles(rules: EventsConfig) -> tuple[str, ...]:
    """Roles of which people are needed."""
    return tuple(role for role, share in rules.role_shares.items() if role != ANY_ROLE and share > 0)


def people_by_role(headcount: int, rules: EventsConfig) -> list[int]:
    """How many of the people must hold each of the `asked_roles`: in all their share, up; each one's share, the largest
    remainders up.

    >>> people_by_role(41, EventsConfig(role_shares={"mediator": 0.2, "collector": 0.3, "any": 0.5}))
    [8, 13]
    """
    exact = np.array([headcount * rules.role_shares[role] for role in asked_roles(rules)])
    whole = np.floor(exact + 1e-9)
    more = math.ceil(exact.sum() - 1e-9) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:more]] += 1
    return [int(people) for people in whole]


def staffing_problem(night: EventNight) -> StaffingProblem:
    """The night's events as arrays. A team that may serve none of them is nobody's reserve either."""
    rules, teams, event = night.rules, night.teams, night.event_of
    fit = (night.blocked == "").any(axis=1) if len(night.events) else np.ones(len(teams), dtype=bool)
    group, _ = pd.factorize(teams["point_id"])
    count = np.bincount(group[fit], minlength=int(group.max(initial=-1)) + 1)
    keep = (count > 1).astype(np.int64) if rules.reserve_teams_per_point is None else rules.reserve_teams_per_point
    roles = asked_roles(rules)
    heads = np.bincount(event, weights=night.posts["headcount"], minlength=len(night.events))
    travel_min = (night.go_s + night.back_s) / 60.0
    return StaffingProblem(
        members=teams["members"].to_numpy(dtype=np.int64),
        group=np.asarray(group, dtype=np.int64),
        most_leaving=np.maximum(count - keep, 0),
        holds=_holds(teams, roles),
        event=event,
        need=night.posts["headcount"].to_numpy(dtype=np.int64),
        role_need=np.array([people_by_role(int(n), rules) for n in heads], dtype=np.int64).reshape(
            len(heads), len(roles)
        ),
        weight=np.array([LEVEL_WEIGHT[level] for level in night.events["level"]]),
        allowed=_may(night) & _covers(night) & _near(night, rules.max_travel_min * 60.0),
        clash=_clash(night),
        cost=np.where(np.isfinite(travel_min), travel_min, 0.0),
        taking=night.value_min,
        surplus_cost=SURPLUS_MIN,
    )


def _holds(teams: pd.DataFrame, roles: Sequence[str]) -> Bools:
    """(T, R)"""
    held = [[role in own for role in roles] for own in teams["roles"]]
    return np.array(held, dtype=bool).reshape(len(teams), len(roles))


def _may(night: EventNight) -> Bools:
    may: Bools = night.blocked[:, night.event_of] == ""
    return may


def _covers(night: EventNight) -> Bools:
    return (_early_s(night) <= 0) & (_late_s(night) <= 0)


def _near(night: EventNight, limit_s: float) -> Bools:
    return (night.go_s <= limit_s) & np.isfinite(night.go_s) & np.isfinite(night.back_s)


def _early_s(night: EventNight) -> Floats:
    """(T, P) by how much the shift begins too late."""
    early: Floats = np.maximum(night.shift_s[:, :1] - night.arrive_s[night.event_of], 0.0)
    return early


def _late_s(night: EventNight) -> Floats:
    """(T, P) by how much the shift ends too soon."""
    late: Floats = np.maximum(night.end_s[night.event_of] - night.shift_s[:, 1:], 0.0)
    return late


def _clash(night: EventNight) -> Bools:
    """(T, P, P) whether a team can't be at both posts: not straight from one to the other, nor by way of its point."""
    arrive, end = night.arrive_s[night.event_of], night.end_s[night.event_of]
    straight = end[:, None] + night.between_s <= arrive  # (M, P, P)
    by_home = (end + night.back_s)[:, :, None] <= (arrive - night.go_s)[:, None, :]  # (T, P, P)
    follows = straight[night.way] | by_home
    same = night.event_of[:, None] == night.event_of
    clash: Bools = np.logical_or(~(follows | follows.transpose(0, 2, 1)), same)
    return clash


def _duties(night: EventNight, sent: Bools) -> pd.DataFrame:
    arrive, end = night.arrive_s[night.event_of], night.end_s[night.event_of]
    start = seconds_after(night.origin, night.events["start"])[night.event_of]
    rows = []
    for t, team in enumerate(night.teams.itertuples()):
        posts = sorted(np.flatnonzero(sent[t]).tolist(), key=lambda post: arrive[post])
        straight = {q: p for p, q in pairwise(posts) if end[p] + night.back_s[t, p] > arrive[q] - night.go_s[t, q]}
        for p in posts:
            before = straight.get(p)
            way_s = night.go_s[t, p] if before is None else night.between_s[night.way[t], before, p]
            way_m = night.go_m[t, p] if before is None else night.between_m[night.way[t], before, p]
            origin = team.point_id if before is None else night.posts["post_id"].iloc[before]
            back = np.nan if p in straight.values() else end[p] + night.back_s[t, p]
            event, post = night.posts["event_id"].iloc[p], night.posts["post_id"].iloc[p]
            held = ";".join(night.teams["roles"].iloc[t])
            times = (arrive[p] - way_s, arrive[p], start[p], end[p], back, way_s, round(float(way_m), 1))
            rows.append((event, post, team.id, team.members, held, origin, *times))
    return pd.DataFrame(rows, columns=DUTY_COLUMNS)


# ---- where people are missing: one rule at a time is bent ----


def _binding(night: EventNight, problem: StaffingProblem, found: Staffing, effort: str) -> tuple[Binding, ...]:
    """Each rule which, bent alone, leaves nobody missing; HEADCOUNT where no single one does."""
    tried = {
        ROLE: _role_notices(night, problem, effort),
        RESERVE: _reserve_notices(night, problem, effort),
        TRAVEL: _travel_notices(night, problem, effort),
        SHIFT: _shift_notices(night, problem, effort),
        ELIGIBLE: _eligible_notices(night, problem, effort),
    }
    enough = tuple(Binding(rule, tuple(changes)) for rule, changes in tried.items() if changes)
    return enough or (Binding(HEADCOUNT, tuple(_headcount_notices(int(found.short.sum())))),)


def _headcount_notices(people: int) -> list[str]:
    return [f"{people} people short: fewer events or a smaller headcount"]


def _changed(problem: StaffingProblem, **changes: npt.NDArray[np.generic]) -> StaffingProblem:
    return StaffingProblem(**(vars(problem) | changes))


def _role_notices(night: EventNight, problem: StaffingProblem, effort: str) -> list[str]:
    found = bend(problem, Prices(role=1.0), effort=effort)
    if found is None:
        return []
    told = []
    for e, r in np.argwhere(found.role_short > 0).tolist():
        role, event, need = asked_roles(night.rules)[r], night.events["id"].iloc[e], problem.role_need[e, r]
        told.append(f"people with the role {role} at {event}: {need} -> {need - found.role_short[e, r]}")
    return told


def _reserve_notices(night: EventNight, problem: StaffingProblem, effort: str) -> list[str]:
    found = bend(problem, Prices(group=1.0), effort=effort)
    if found is None:
        return []
    points = night.teams["point_id"].unique()
    fit = (night.blocked == "").any(axis=1)
    told = []
    for group in np.flatnonzero(found.leaving).tolist():
        keep = int((fit & (problem.group == group)).sum() - problem.most_leaving[group])
        told.append(f"reserve {keep} -> {keep - found.leaving[group]} at {points[group]}")
    return told


def _travel_notices(night: EventNight, problem: StaffingProblem, effort: str) -> list[str]:
    """The least whole minutes, found by halving: a longer limit never makes anything worse."""
    limit_min, may = night.rules.max_travel_min, _may(night) & _covers(night)
    beyond = night.go_s[may & _near(night, np.inf) & (night.go_s > limit_min * 60.0)]
    minutes = sorted({math.ceil(s / 60.0) for s in beyond.tolist()})

    def enough(limit: float) -> bool:
        return bend(_changed(problem, allowed=may & _near(night, limit * 60.0)), Prices(), effort=effort) is not None

    if not minutes or not enough(minutes[-1]):
        return []
    low, high = 0, len(minutes) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(minutes[middle]) else (middle + 1, high)
    return [f"events.max_travel_min from {limit_min:g} to {minutes[low]}"]


def _shift_notices(night: EventNight, problem: StaffingProblem, effort: str) -> list[str]:
    """The fewest minutes of shifts that begin earlier or end later."""
    early, late = _early_s(night), _late_s(night)
    eased = _changed(problem, allowed=_may(night) & _near(night, night.rules.max_travel_min * 60.0))
    found = bend(eased, Prices(post=(early + late) / 60.0), effort=effort)
    if found is None:
        return []
    told = []
    for t in np.flatnonzero(((early + late > 0) & found.sent).any(axis=1)).tolist():
        begin = night.shift_s[t, 0] - early[t, found.sent[t]].max()
        end = night.shift_s[t, 1] + late[t, found.sent[t]].max()
        was, new = (_clocks(night, span) for span in (night.shift_s[t].tolist(), (begin, end)))
        told.append(f"shift of {night.teams['id'].iloc[t]}: {was} -> {new}")
    return told


def _clocks(night: EventNight, span: Sequence[float]) -> str:
    begin, end = (night.origin + pd.Timedelta(seconds=float(s)) for s in span)
    return f"{begin:%H:%M}-{end:%H:%M}"


def _eligible_notices(night: EventNight, problem: StaffingProblem, effort: str) -> list[str]:
    """The fewest teams that may not serve and would have to. They are no reserve as long as they may not."""
    code = night.blocked[:, night.event_of]
    eased = _changed(problem, allowed=_covers(night) & _near(night, night.rules.max_travel_min * 60.0))
    outside = np.bincount(problem.group[(night.blocked != "").all(axis=1)], minlength=len(problem.most_leaving))
    eased = _changed(eased, most_leaving=problem.most_leaving + outside)
    found = bend(eased, Prices(post=(code != "").astype(float)), effort=effort)
    if found is None:
        return []
    ids, events = night.teams["id"], night.posts["event_id"]
    needed = np.argwhere((code != "") & found.sent).tolist()
    return [f"{ids.iloc[t]} may serve at {events.iloc[p]} (now {code[t, p]})" for t, p in needed]


def absences_s(duties: pd.DataFrame) -> Mapping[str, list[tuple[float, float]]]:
    """Team -> the times `[leave, back)` in which it is out for events, in order.

    >>> rows = [("T1", 100.0, np.nan), ("T1", 900.0, 1500.0), ("T1", 3000.0, 3600.0)]
    >>> absences_s(pd.DataFrame(rows, columns=["team_id", "leave_s", "back_s"]))
    {'T1': [(100.0, 1500.0), (3000.0, 3600.0)]}
    """
    away: dict[str, list[tuple[float, float]]] = {}
    since: dict[str, float] = {}
    for team, leave, back in zip(duties["team_id"], duties["leave_s"], duties["back_s"], strict=True):
        left = since.setdefault(team, leave)
        if not math.isnan(back):
            away.setdefault(team, []).append((left, back))
            del since[team]
    return away
