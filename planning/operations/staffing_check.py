"""Recomputes a staffing of events from its tables: its own loops and sums, nothing of the solver's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from planning.operations.event_staffing import LEVEL_WEIGHT, SURPLUS_MIN, EventNight, EventStaffing

TOLERANCE = 1e-6


def check_staffing(found: EventStaffing) -> list[str]:
    """Everything that is wrong with the staffing, in words; an empty list means that it holds.

    Posts against their events, duties against posts, shifts, ways, eligibility and one another, reserves, missing
    people by post and role, cost, bound and gap.
    """
    night = found.night
    duties = found.duties.to_dict("records")
    faults = list(_post_faults(night))
    for row in duties:
        faults += _duty_faults(night, row)
    faults += _team_faults(night, duties)
    faults += _reserve_faults(night, duties)
    faults += _people_faults(found, duties)
    faults += _role_faults(found, duties)
    faults += _figure_faults(found, duties)
    if bool(found.binding) == found.staffing.complete:
        faults.append("binding: a rule is named where nobody is missing, or none where somebody is")
    return faults


def _post_faults(night: EventNight) -> Iterator[str]:
    for event in night.events.to_dict("records"):
        total = 0
        for post in night.posts.to_dict("records"):
            total += post["headcount"] if post["event_id"] == event["id"] else 0
        if total != event["headcount"]:
            yield f"event {event['id']}: its posts have {total} people, the table says {event['headcount']}"


def _indices(night: EventNight, row: dict[Any, Any]) -> tuple[int, int, int]:
    """Of the row's team, post and event."""
    team = list(night.teams["id"]).index(row["team_id"])
    post = list(night.posts["post_id"]).index(row["post_id"])
    return team, post, list(night.events["id"]).index(row["event_id"])


def _duty_faults(night: EventNight, row: dict[Any, Any]) -> Iterator[str]:
    t, p, e = _indices(night, row)
    team, event = night.teams.iloc[t], night.events.iloc[e]
    who = f"{row['team_id']} at {row['post_id']}"
    start = (event["start"] - night.origin).total_seconds()
    end = (event["end"] - night.origin).total_seconds()
    if night.posts["event_id"].iloc[p] != row["event_id"]:
        yield f"{who}: a post of another event"
    if row["members"] != team["members"] or row["roles"] != ";".join(team["roles"]):
        yield f"{who}: not the team's members or roles"
    if not team["vetted"] or night.blocked[t, e]:
        yield f"{who}: may not serve ({night.blocked[t, e]})"
    if row["start_s"] != start or row["end_s"] != end or row["arrive_s"] != start - 60 * night.rules.setup_min:
        yield f"{who}: not the event's times"
    if not night.shift_s[t, 0] <= row["arrive_s"] <= row["end_s"] <= night.shift_s[t, 1]:
        yield f"{who}: outside of its shift"
    if night.go_s[t, p] > 60 * night.rules.max_travel_min:
        yield f"{who}: {night.go_s[t, p]:g} s from its point"
    if row["leave_s"] + row["travel_s"] != row["arrive_s"]:
        yield f"{who}: leaves at {row['leave_s']:g} s for {row['arrive_s']:g} s, and needs {row['travel_s']:g} s"


def _team_faults(night: EventNight, duties: Sequence[dict[Any, Any]]) -> Iterator[str]:
    """Each team's duties one after another: never at two places, each way as long as the streets say."""
    for t, name in enumerate(night.teams["id"]):
        home, free, at = night.teams["point_id"].iloc[t], -math.inf, None
        for row in [row for row in duties if row["team_id"] == name]:
            _, p, _ = _indices(night, row)
            before = home if at is None else night.posts["post_id"].iloc[at]
            way = night.go_s[t, p] if at is None else night.between_s[night.way[t], at, p]
            if row["from_id"] != before or row["travel_s"] != way:
                yield f"{name} at {row['post_id']}: comes from {row['from_id']} in {row['travel_s']:g} s"
            if row["leave_s"] < free:
                yield f"{name} at {row['post_id']}: leaves at {row['leave_s']:g} s, isn't free before {free:g} s"
            goes_on = math.isnan(row["back_s"])
            free, at = (row["end_s"], p) if goes_on else (row["back_s"], None)
            if not goes_on and row["back_s"] != row["end_s"] + night.back_s[t, p]:
                yield f"{name} at {row['post_id']}: is back at {row['back_s']:g} s"
        if at is not None:
            yield f"{name}: never comes back"


def _reserve_faults(night: EventNight, duties: Sequence[dict[Any, Any]]) -> Iterator[str]:
    sent = {row["team_id"] for row in duties}
    for point in sorted(set(night.teams["point_id"])):
        fit, out = 0, 0
        for t, team in enumerate(night.teams.to_dict("records")):
            if team["point_id"] == point and any(not code for code in night.blocked[t]):
                fit += 1
                out += team["id"] in sent
        asked = night.rules.reserve_teams_per_point
        keep = (1 if fit > 1 else 0) if asked is None else min(asked, fit)
        if fit - out < keep:
            yield f"point {point}: {fit - out} teams stay, the reserve is {keep}"


def _people_faults(found: EventStaffing, duties: Sequence[dict[Any, Any]]) -> Iterator[str]:
    for p, post in enumerate(found.night.posts.to_dict("records")):
        people = sum(row["members"] for row in duties if row["post_id"] == post["post_id"])
        if people != found.assigned[p]:
            yield f"post {post['post_id']}: {people} people, told {found.assigned[p]}"
        if found.staffing.short[p] != max(0, post["headcount"] - people):
            yield f"post {post['post_id']}: {found.staffing.short[p]} missing are told, {people} of {post['headcount']} come"


def _role_faults(found: EventStaffing, duties: Sequence[dict[Any, Any]]) -> Iterator[str]:
    """Each needed person less the missing ones gets a member of a team with the role, each member once (Kuhn 1955)."""
    for e, event in enumerate(found.night.events["id"]):
        wanted = []
        for r, role in enumerate(found.roles):
            wanted += [role] * int(found.role_need[e, r] - found.staffing.role_short[e, r])
        people = [row["roles"].split(";") for row in duties if row["event_id"] == event for _ in range(row["members"])]
        taken: dict[int, int] = {}
        for n in range(len(wanted)):
            if not _finds_one(n, wanted, people, taken, set()):
                yield f"event {event}: too few people hold the role {wanted[n]}"
                break


def _finds_one(n: int, wanted: list[str], people: list[list[str]], taken: dict[int, int], seen: set[int]) -> bool:
    for k, roles in enumerate(people):
        if wanted[n] in roles and k not in seen:
            seen.add(k)
            if k not in taken or _finds_one(taken[k], wanted, people, taken, seen):
                taken[k] = n
                return True
    return False


def _figure_faults(found: EventStaffing, duties: Sequence[dict[Any, Any]]) -> Iterator[str]:
    night, told = found.night, found.staffing
    cost, missed = 0.0, 0.0
    for t in {_indices(night, row)[0] for row in duties}:
        cost += float(night.value_min[t])
    for row in duties:
        t, p, _ = _indices(night, row)
        cost += float(night.go_s[t, p] + night.back_s[t, p]) / 60
    for p, post in enumerate(night.posts.to_dict("records")):
        people = sum(row["members"] for row in duties if row["post_id"] == post["post_id"])
        cost += SURPLUS_MIN * max(0, people - post["headcount"])
        missed += LEVEL_WEIGHT[night.events["level"].iloc[night.event_of[p]]] * float(told.short[p])
    for e, level in enumerate(night.events["level"]):
        missed += LEVEL_WEIGHT[level] * float(told.role_short[e].sum())
    if abs(cost - told.cost) > TOLERANCE * max(1.0, cost):
        yield f"cost: {told.cost:g} is told, it is {cost:g}"
    if told.bound > cost + TOLERANCE or abs(told.gap - ((cost - told.bound) / cost if cost > 0 else 0)) > TOLERANCE:
        yield f"bound: {told.bound:g} and gap {told.gap:g} don't fit the cost {cost:g}"
    if told.least_short > missed + TOLERANCE:
        yield f"missing: {missed:g} by weight, told to be at least {told.least_short:g}"
