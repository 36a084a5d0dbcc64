"""Whole teams to posts against the slow obvious way: every way of sending every team, on tiny random problems."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.solving.staffing import CLOSE_ENOUGH, Prices, StaffingProblem, bend, staff


def problem_of(seed: int) -> StaffingProblem:
    """Up to 4 teams, 2 events, 3 posts, 2 points, 2 roles; whole numbers."""
    rng = np.random.default_rng(seed)
    teams, events, roles = int(rng.integers(1, 5)), int(rng.integers(1, 3)), int(rng.integers(0, 3))
    event = np.sort(rng.integers(0, events, int(rng.integers(1, 4))))
    posts = len(event)
    group = rng.integers(0, 2, teams)
    apart = rng.random((teams, posts, posts)) < 0.5
    clash = apart | apart.transpose(0, 2, 1) | (event[:, None] == event)
    heads = rng.integers(1, 7, posts)
    total = np.bincount(event, weights=heads, minlength=events)
    return StaffingProblem(
        members=rng.integers(1, 6, teams), group=group,
        most_leaving=np.minimum(np.bincount(group, minlength=2), rng.integers(0, 4, 2)),
        holds=rng.random((teams, roles)) < 0.5, event=event, need=heads,
        role_need=np.floor(total[:, None] * rng.random((events, roles)) / max(roles, 1)).astype(np.int64),
        weight=2.0 ** rng.integers(0, 4, events), allowed=rng.random((teams, posts)) < 0.8, clash=clash,
        cost=rng.integers(0, 40, (teams, posts)).astype(float), taking=rng.integers(0, 30, teams).astype(float),
        surplus_cost=15.0,
    )  # fmt: skip


def every_sending(x: StaffingProblem):
    """All (T, P) that respect who may go where, clashes and how many may leave each point."""
    teams, posts = x.allowed.shape
    own = []
    for t in range(teams):
        sets = [s for n in range(posts + 1) for s in itertools.combinations(np.flatnonzero(x.allowed[t]), n)]
        own.append([s for s in sets if not any(x.clash[t, p, q] for p, q in itertools.combinations(s, 2))])
    for chosen in itertools.product(*own):
        sent = np.zeros(x.allowed.shape, dtype=bool)
        for t, some in enumerate(chosen):
            sent[t, list(some)] = True
        yield sent


def leaving(x: StaffingProblem, sent) -> int:
    """Teams that leave their points beyond the most."""
    out = np.bincount(x.group[sent.any(axis=1)], minlength=len(x.most_leaving))
    return int(np.maximum(out - x.most_leaving, 0).sum())


def without_role(x: StaffingProblem, sent, event: int) -> int:
    """The needed people who can't be found among the event's members, each of whom counts once: by trying every split."""
    there = np.flatnonzero(sent[:, x.event == event].any(axis=1))
    splits = [[]]
    for t in there:
        held = np.flatnonzero(x.holds[t])
        ways = list(itertools.combinations_with_replacement(held, int(x.members[t]))) if len(held) else [()]
        splits = [[*before, way] for before in splits for way in ways]
    need = x.role_need[event]
    counts = (np.bincount([r for way in split for r in way], minlength=len(need))[: len(need)] for split in splits)
    return min(int(np.maximum(need - count, 0).sum()) for count in counts)


def figures(x: StaffingProblem, sent) -> tuple[float, float, int, int]:
    """Missing people by weight, cost, people short, people without the role."""
    people = x.members @ sent
    short = np.maximum(x.need - people, 0)
    lacking = [without_role(x, sent, e) for e in range(len(x.weight))]
    missed = float((short * x.weight[x.event]).sum() + np.dot(lacking, x.weight))
    cost = x.cost[sent].sum() + x.taking[sent.any(axis=1)].sum() + 15.0 * np.maximum(people - x.need, 0).sum()
    return missed, float(cost), int(short.sum()), sum(lacking)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_nobody_does_better_than_the_staffing(seed):
    x = problem_of(seed)
    known = [figures(x, sent) for sent in every_sending(x) if not leaving(x, sent)]
    least, cheapest = min(each[:2] for each in known)
    found = staff(x)
    missed, cost, short, lacking = figures(x, found.sent)
    assert leaving(x, found.sent) == 0 and not (found.sent & ~x.allowed).any()
    assert missed == pytest.approx(least) and found.least_short == pytest.approx(least)
    assert (found.short.sum(), found.role_short.sum()) == (short, lacking)
    assert found.cost == pytest.approx(cost) and cost <= cheapest * (1 + CLOSE_ENOUGH) + 1e-6
    assert found.bound <= cheapest + 1e-6
    assert found.complete == (least == 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_no_rule_bends_less_than_told(seed):
    x = problem_of(seed)
    known = [(leaving(x, sent), *figures(x, sent)[2:]) for sent in every_sending(x)]
    more_leave = min((out for out, short, lacking in known if not short and not lacking), default=None)
    less_roles = min((lacking for out, short, lacking in known if not short and not out), default=None)
    by_group, by_role = bend(x, Prices(group=1.0)), bend(x, Prices(role=1.0))
    assert (None if by_group is None else int(by_group.leaving.sum())) == more_leave
    assert (None if by_role is None else int(by_role.role_short.sum())) == less_roles


def test_a_serious_event_is_staffed_first():
    """Two events at a time, one team: it goes to the one whose people weigh more."""
    x = StaffingProblem(
        members=np.array([4]), group=np.array([0]), most_leaving=np.array([1]), holds=np.ones((1, 0), bool),
        event=np.array([0, 1]), need=np.array([4, 4]), role_need=np.zeros((2, 0), int), weight=np.array([1.0, 8.0]),
        allowed=np.ones((1, 2), bool), clash=np.ones((1, 2, 2), bool), cost=np.array([[1.0, 30.0]]), taking=np.zeros(1),
        surplus_cost=15.0,
    )  # fmt: skip
    found = staff(x)
    assert found.sent.tolist() == [[False, True]] and found.short.tolist() == [4, 0]
    assert not found.complete and found.cost == 30.0


def test_the_same_problem_gives_the_same_staffing():
    """27 teams, 16 posts of two events that some of them can serve both: twice the same, and close to the bound."""
    rng = np.random.default_rng(4)
    event = np.repeat([0, 1], 8)
    apart = rng.random((27, 16, 16)) < 0.7
    x = StaffingProblem(
        members=rng.integers(2, 7, 27), group=np.arange(27) % 18, most_leaving=np.full(18, 1),
        holds=rng.random((27, 2)) < 0.5, event=event, need=np.full(16, 3), role_need=np.full((2, 2), 4),
        weight=np.ones(2), allowed=np.ones((27, 16), bool), clash=(apart & apart.transpose(0, 2, 1)) | (event[:, None] == event),
        cost=rng.uniform(2, 60, (27, 16)), taking=rng.uniform(0, 100, 27), surplus_cost=15.0,
    )  # fmt: skip
    first, second = staff(x), staff(replace(x))
    assert first.complete and first.gap <= 0.005
    assert (first.sent == second.sent).all() and first.cost == second.cost
