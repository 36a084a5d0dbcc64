"""What events cost the patrols: teams keep the part of their shift that their duties leave, and visits are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from planning.force import shift_interval
from planning.plan import Plan
from planning.problem import Problem
from planning.rules import Floats

LOST_COLUMNS = ["visit_id", "why", "event_id"]
EVENT_DUTY, DISPLACED = "EVENT_DUTY", "DISPLACED"
Interval = tuple[float, float]


def longest_rest(shift: Interval, away: Sequence[Interval]) -> Interval:
    """The longest part of a shift that is outside of `away` (in order); the first of equally long ones, empty where
    nothing is left.

    >>> longest_rest((0, 240), [(60, 150)]), longest_rest((0, 240), [(-5, 250)])
    ((150, 240), (0, 0))
    """
    start, end = shift
    ends = [start, *(x for gone in away for x in gone), end]
    parts = [(min(max(a, start), end), max(min(b, end), start)) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    return max([(a, max(a, b)) for a, b in parts], key=lambda part: part[1] - part[0])


def problem_on_duty(problem: Problem, away: Mapping[str, Sequence[Interval]]) -> Problem:
    """The problem with the shifts of teams that are `away` (team -> `[leave, back)`, seconds) cut to what is left.

    Of the parts before, between and after its duties a team keeps the longest, in whole minutes: it is back at its point
    before it leaves for its post, and sets out again only from there. The world's teams have the same shifts.
    """
    world = problem.world
    assert world is not None
    teams = world.teams.copy()
    midnight = world.origin.tz_localize(None).normalize()
    for row, team in enumerate(teams["id"]):
        if team not in away:
            continue
        start_s, end_s = longest_rest(tuple(problem.shift_s[row].tolist()), away[team])
        start, end = (
            (world.origin + pd.Timedelta(seconds=s)).tz_localize(None) - midnight for s in (start_s, end_s)
        )  # fmt: skip
        minutes = (-(-start // pd.Timedelta(minutes=1)), end // pd.Timedelta(minutes=1))
        teams.loc[teams.index[row], ["shift_start", "shift_end"]] = minutes[0], max(minutes)
    spans = [shift_interval(team, world.origin.date(), str(world.origin.tz)) for _, team in teams.iterrows()]
    shift_s: Floats = np.array([[(end - world.origin).total_seconds() for end in span] for span in spans])
    shift_s = shift_s.reshape(-1, 2)
    shift_s.setflags(write=False)
    return replace(problem, shift_s=shift_s, world=replace(world, teams=teams))


def routes_left(before: Plan, away: Mapping[str, Sequence[Interval]]) -> list[list[int]]:
    """The routes of the plan before of teams that aren't away: what the new plan may begin with."""
    world = before.problem.world
    assert world is not None
    return [[] if team in away else route for team, route in zip(world.teams["id"], before.routes, strict=True)]


def lost_visits(before: Plan, after: Plan, event_of_team: Mapping[str, str]) -> pd.DataFrame:
    """The visits of `before` that nobody makes in `after`: `visit_id` (as `visits.csv` of `before` counts), `why`,
    `event_id`.

    EVENT_DUTY: its team is at the event (the team's first one); DISPLACED ('' event): its team stands in elsewhere.
    """
    world, served = before.problem.world, set(after.schedule.demand.tolist())
    assert world is not None
    rows = []
    for k, (team, demand) in enumerate(zip(before.schedule.team, before.schedule.demand, strict=True), 1):
        if int(demand) not in served:
            event = event_of_team.get(str(world.teams["id"].iloc[team]), "")
            rows.append((f"V{k:03d}", EVENT_DUTY if event else DISPLACED, event))
    return pd.DataFrame(rows, columns=LOST_COLUMNS)
