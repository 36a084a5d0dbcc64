"""Whole teams to posts of events: a small mixed-integer program, solved by HiGHS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from planning.rules import Bools, Floats, Ints

NODES = {"quick": 2_000, "normal": 20_000, "thorough": 200_000}  # of branch and bound: a time limit isn't repeatable
CLOSE_ENOUGH = 1e-3  # the relative gap at which the search ends

Row = tuple[dict[int, float], float, float]  # coefficients by column, least, most


@dataclass(frozen=True, eq=False, kw_only=True)
class StaffingProblem:
    """T teams, P posts, E events, G groups of teams (patrol points), R roles.

    A team goes to one post as a whole or stays; two posts that `clash` for it can't both have it (posts of one event
    always do). A person counts for one role only, at one event.
    """

    members: Ints  # (T,)
    group: Ints  # (T,)
    most_leaving: Ints  # (G,) teams of the group that may be sent
    holds: Bools  # (T, R)
    event: Ints  # (P,)
    need: Ints  # (P,) people
    role_need: Ints  # (E, R) people
    weight: Floats  # (E,) of a missing person
    allowed: Bools  # (T, P)
    clash: Bools  # (T, P, P), symmetric
    cost: Floats  # (T, P) of being sent there
    taking: Floats  # (T,) of being sent anywhere
    surplus_cost: float  # of a person beyond a post's need

    @property
    def size(self) -> tuple[int, int, int, int, int]:
        """(T, P, E, G, R)."""
        teams, posts = self.allowed.shape
        return teams, posts, len(self.weight), len(self.most_leaving), self.holds.shape[1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Staffing:
    """Who is sent where, `short` people of each post (P,) and `role_short` of each event and role (E, R).

    `bound`: no staffing that is as little short costs less; `gap` is (cost - bound) / cost, 0 where the cost is 0.
    `least_short`: no staffing is less short than that, each missing person by its event's weight.
    """

    sent: Bools  # (T, P)
    short: Ints
    role_short: Ints
    cost: float
    bound: float
    gap: float
    least_short: float

    @property
    def complete(self) -> bool:
        """Nobody is missing anywhere."""
        return not self.short.any() and not self.role_short.any()


@dataclass(frozen=True, eq=False, kw_only=True)
class Prices:
    """What bending a rule costs. `post` None: no team's being at a post bends one; inf: the rule can't be bent."""

    post: Floats | None = None  # (T, P)
    group: float = np.inf  # of each team more that leaves a group
    role: float = np.inf  # of each person who lacks the role


@dataclass(frozen=True, eq=False, kw_only=True)
class Bent:
    """A staffing without missing people: `sent` (T, P), teams `leaving` beyond the most (G,), people without the
    role (E, R)."""

    sent: Bools
    leaving: Ints
    role_short: Ints


def staff(problem: StaffingProblem, *, effort: str = "normal") -> Staffing:
    """The staffing with the fewest missing people (by weight), and among those the cheapest.

    The cost is that of the teams sent, of their posts, and of people beyond a post's need.

    >>> two_teams = StaffingProblem(
    ...     members=np.array([4, 2]), group=np.array([0, 0]), most_leaving=np.array([1]), holds=np.ones((2, 0), bool),
    ...     event=np.array([0]), need=np.array([3]), role_need=np.zeros((1, 0), int), weight=np.ones(1),
    ...     allowed=np.ones((2, 1), bool), clash=np.ones((2, 1, 1), bool), cost=np.array([[5.0], [1.0]]),
    ...     taking=np.zeros(2), surplus_cost=2.0)
    >>> found = staff(two_teams)
    >>> found.sent[:, 0].tolist(), found.short.tolist(), found.cost
    ([True, False], [0], 7.0)
    """
    model = _Model(problem)
    first, bound = model.solve(model.missing, NODES[effort])
    assert first is not None  # leaving everything unstaffed always holds
    missed = float(model.missing @ first)
    second, least = model.solve(model.worth, NODES[effort], (model.missing, missed + 1e-6))
    values = first if second is None else second
    sent = model.sent(values)
    cost = _cost(problem, sent)
    least = float(np.clip(least, 0.0, cost))
    return Staffing(
        sent=sent,
        short=_short(problem, sent),
        role_short=model.block(values, "role").reshape(problem.role_need.shape),
        cost=cost,
        bound=least,
        gap=(cost - least) / cost if cost > 0 else 0.0,
        least_short=float(np.clip(bound, 0.0, missed)),
    )


def bend(problem: StaffingProblem, prices: Prices, *, effort: str = "normal") -> Bent | None:
    """The staffing without missing people that bends rules at the least price; None where there is none."""
    model = _Model(problem, prices)
    values, _ = model.solve(model.price, NODES[effort])
    if values is None:
        return None
    roles = model.block(values, "role").reshape(problem.role_need.shape)
    return Bent(sent=model.sent(values), leaving=model.block(values, "leaving"), role_short=roles)


def _short(problem: StaffingProblem, sent: Bools) -> Ints:
    short: Ints = np.maximum(problem.need - problem.members @ sent, 0)
    return short


def _cost(problem: StaffingProblem, sent: Bools) -> float:
    surplus = np.maximum(problem.members @ sent - problem.need, 0).sum()
    of_teams = problem.cost[sent].sum() + problem.taking[sent.any(axis=1)].sum()
    return float(of_teams + problem.surplus_cost * surplus)


class _Model:
    """Columns, in this order: a team at a post (`pair`, where allowed), a `team` that is sent, `short` and `surplus`
    people of a post, people of an event without the `role`, teams `leaving` a group beyond its most."""

    def __init__(self, problem: StaffingProblem, prices: Prices | None = None) -> None:
        self.problem, self.prices = problem, prices
        self.pairs = np.argwhere(problem.allowed)
        teams, posts, events, groups, roles = problem.size
        sizes = {"pair": len(self.pairs), "team": teams, "short": posts, "surplus": posts}
        sizes |= {"role": events * roles, "leaving": groups}
        ends = np.cumsum([0, *sizes.values()]).tolist()
        self.columns = {name: range(ends[k], ends[k + 1]) for k, name in enumerate(sizes)}
        self.count = ends[-1]
        self.column_of = {(int(t), int(p)): k for k, (t, p) in enumerate(self.pairs)}
        self.posts_of = [np.flatnonzero(problem.event == e).tolist() for e in range(events)]

    @property
    def missing(self) -> Floats:
        """The objective: people who are missing, by the weight of their event."""
        weight = self.problem.weight
        return self._objective(short=weight[self.problem.event], role=np.repeat(weight, self.problem.holds.shape[1]))

    @property
    def worth(self) -> Floats:
        """The objective: the cost."""
        x = self.problem
        return self._objective(pair=x.cost[x.allowed], team=x.taking, surplus=x.surplus_cost)

    @property
    def price(self) -> Floats:
        """The objective: what the bent rules cost."""
        x, prices = self.problem, self.prices
        assert prices is not None
        return self._objective(
            pair=0.0 if prices.post is None else prices.post[x.allowed],
            role=prices.role if np.isfinite(prices.role) else 0.0,
            leaving=prices.group if np.isfinite(prices.group) else 0.0,
        )

    def block(self, values: Floats, name: str) -> Ints:
        """The values of one kind of column, whole."""
        columns = self.columns[name]
        return np.rint(values[columns.start : columns.stop]).astype(np.int64)

    def sent(self, values: Floats) -> Bools:
        found = np.zeros(self.problem.allowed.shape, dtype=bool)
        found[tuple(self.pairs[self.block(values, "pair") > 0].T)] = True
        return found

    def solve(
        self, objective: Floats, nodes: int, most: tuple[Floats, float] | None = None
    ) -> tuple[Floats | None, float]:
        """Values of all columns (None: none were found) and the bound; `most`: another objective and its limit."""
        rows = list(self._rows())
        if most is not None:
            rows.append(({int(c): float(most[0][c]) for c in np.flatnonzero(most[0])}, -np.inf, most[1]))
        at = np.repeat(np.arange(len(rows)), [len(row) for row, _, _ in rows])
        columns = np.array([column for row, _, _ in rows for column in row], dtype=np.int64)
        values = np.array([value for row, _, _ in rows for value in row.values()], dtype=np.float64)
        matrix = sparse.coo_array((values, (at, columns)), shape=(len(rows), self.count))
        lower, upper = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
        whole = self._objective(pair=1, team=1, role=1, leaving=1).astype(np.int64)
        found = milp(
            objective, integrality=whole, bounds=Bounds(np.zeros(self.count), self._most()),
            constraints=LinearConstraint(matrix.tocsc(), lower, upper),
            options={"node_limit": nodes, "mip_rel_gap": CLOSE_ENOUGH},
        )  # fmt: skip
        bound = found.mip_dual_bound if found.mip_dual_bound is not None else 0.0
        return found.x, float(bound) if np.isfinite(bound) else 0.0

    def _objective(self, **blocks: npt.ArrayLike) -> Floats:
        whole = np.zeros(self.count)
        for name, values in blocks.items():
            columns = self.columns[name]
            whole[columns.start : columns.stop] = values
        return whole

    def _most(self) -> Floats:
        """Upper bounds: without prices people may be missing and no rule bends; with them it is the other way round."""
        prices = self.prices
        if prices is None:
            return self._objective(pair=1, team=1, short=np.inf, surplus=np.inf, role=np.inf)
        return self._objective(
            pair=1, team=1, surplus=np.inf,
            role=np.inf if np.isfinite(prices.role) else 0, leaving=np.inf if np.isfinite(prices.group) else 0,
        )  # fmt: skip

    def _rows(self) -> Iterator[Row]:
        yield from self._enough_people()
        yield from self._one_place_at_a_time()
        yield from self._reserve()
        yield from self._roles()

    def _enough_people(self) -> Iterator[Row]:
        x = self.problem
        for post, need in enumerate(x.need.tolist()):
            row = {self.column_of[t, post]: float(x.members[t]) for t in np.flatnonzero(x.allowed[:, post]).tolist()}
            yield row | {self.columns["short"][post]: 1.0, self.columns["surplus"][post]: -1.0}, need, need

    def _one_place_at_a_time(self) -> Iterator[Row]:
        for team, column in enumerate(self.columns["team"]):
            for posts in self.posts_of:
                yield self._at_most_one(team, posts, column)
            for first, second in combinations(self.posts_of, 2):
                clash = self.problem.clash[team][np.ix_(first, second)]
                if clash.all():
                    yield self._at_most_one(team, [*first, *second], column)
                    continue
                for k, post in enumerate(first):
                    others = [second[j] for j in np.flatnonzero(clash[k])]
                    if others:
                        yield self._at_most_one(team, [post, *others], column)

    def _at_most_one(self, team: int, posts: list[int], column: int) -> Row:
        pairs = [self.column_of[team, post] for post in posts if (team, post) in self.column_of]
        return dict.fromkeys(pairs, 1.0) | {column: -1.0}, -np.inf, 0.0

    def _reserve(self) -> Iterator[Row]:
        x = self.problem
        for group, most in enumerate(x.most_leaving.tolist()):
            own = {self.columns["team"][t]: 1.0 for t in np.flatnonzero(x.group == group).tolist()}
            yield own | {self.columns["leaving"][group]: -1.0}, -np.inf, most

    def _roles(self) -> Iterator[Row]:
        """Hall's condition: each set of roles has as many people as it asks for, so each can have people of its own."""
        x = self.problem
        roles = x.holds.shape[1]
        for event, posts in enumerate(self.posts_of):
            asked = np.flatnonzero(x.role_need[event]).tolist()
            for size in range(1, len(asked) + 1):
                for some in combinations(asked, size):
                    able = x.holds[:, list(some)].any(axis=1)
                    row = {
                        self.column_of[t, p]: float(x.members[t])
                        for t in np.flatnonzero(able).tolist()
                        for p in posts
                        if x.allowed[t, p]
                    }
                    row |= {self.columns["role"][event * roles + r]: 1.0 for r in some}
                    yield row, float(x.role_need[event, list(some)].sum()), np.inf
