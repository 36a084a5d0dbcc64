"""Column generation: new routes where prices say that one is missing, and Lagrange's bound on every plan.

Prices are smoothed towards those of the best bound (Wentges 1997, doi:10.1111/1475-3995.00003); a bound of completed
pricings holds in every round, whatever the prices.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from planning.plan import work_s
from planning.rules import Bools, Floats, Ints
from planning.solving.instance import Routes, longest_route
from planning.solving.pack import Cut, Master, Pool
from planning.solving.price import (
    CUTS_MOST,
    Network,
    Prices,
    find_arcs,
    neighbourhoods,
    owed,
    price,
    reachable,
    remember,
)

SMOOTHING = 0.6
DECIDED = 0.75  # share of a team from which a route is fixed in a dive
DIVE_STEPS = 12
NEIGHBOURS = 8  # a memory's first size
CUTS_PER_ROUND, LEAST_VIOLATION = 12, 0.02
LABELS_PER_S = 10_000  # that a pricing surely manages where labels are hard to compare
LARGE = 1500  # rows above which prices come from an interior point: quicker there, and steadier


@dataclass(eq=False)
class Generation:
    """Everything that goes on from round to round."""

    pool: Pool
    labels: int
    master: Master = field(init=False)
    networks: list[Network] = field(init=False)
    masks: list[np.ndarray] = field(init=False)
    bound: float = np.inf
    certified: bool = False  # the bound comes from completed pricings
    centre: Floats | None = None  # prices of the best bound
    whole: bool = False  # the last round's pricings were completed
    lp: float = -np.inf
    shares: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        x, most = self.pool.instance, longest_route(self.pool.problem)
        arcs = {int(mode): find_arcs(x, int(mode)) for mode in np.unique(x.mode)}
        self.networks = [reachable(x, int(g[0]), arcs[int(x.mode[g[0]])], most) for g in self.pool.groups]
        self.masks = [neighbourhoods(network, NEIGHBOURS) for network in self.networks]
        self.master = Master(self.pool)

    @property
    def is_large(self) -> bool:
        return self.master.rows > LARGE

    def first_guess(self, routes: Routes) -> None:
        """Prices from one price of time: what is left of a demand's worth after paying for the time it takes."""
        x, pool = self.pool.instance, self.pool
        spent = sum(work_s(pool.problem, team, route) for team, route in enumerate(routes))
        served = [d for route in routes for d in route]
        if not served:
            return
        takes = x.dwell + (spent - float(x.dwell[served].sum())) / len(served)
        ratio = x.weight[-1] / np.maximum(takes, 1e-9)
        order = np.argsort(-ratio, kind="stable")
        last = min(int(np.searchsorted(np.cumsum(takes[order]), spent)), len(order) - 1)
        self.centre = np.zeros(self.master.rows)
        self.centre[: pool.problem.demands] = np.maximum(0.0, x.weight[-1] - ratio[order[last]] * takes)

    def round(self, smoothing: float, *, ends: float | None = None) -> int:
        """One LP and one pricing of every group; the number of new columns and of memories that had to grow."""
        self.master.grow()
        self.lp, own, self.shares = self.master.relax(central=self.is_large)
        prices = own
        if self.centre is not None:
            known = np.concatenate([self.centre, own[len(self.centre) :]])
            prices = smoothing * known + (1 - smoothing) * own
        tops, grew, whole = self._price(prices, range(len(self.networks)), self._labels(ends), ends=ends)
        self.whole = whole
        sizes = np.array([len(group) for group in self.pool.groups])
        total = self.master.constant(prices) + float(sizes @ tops) - self._home_cost()
        if total < self.bound:
            self.bound, self.centre, self.certified = total, prices, whole
        return grew

    def _labels(self, ends: float | None) -> int:
        """Fewer where time is short: one pricing can't be interrupted."""
        if ends is None:
            return self.labels
        return int(max(2_000, min(self.labels, LABELS_PER_S * (ends - time.monotonic()))))

    def _price(
        self,
        prices: Floats,
        groups: Iterable[int],
        labels: int,
        *,
        barred: Ints | None = None,
        ends: float | None = None,
    ) -> tuple[Floats, int, bool]:
        """Price some groups: (bound on each group's best route, what is new, whether every pricing was completed)."""
        x, tops, grew, whole = self.pool.instance, np.full(len(self.networks), np.inf), 0, True
        per_demand = self.master.demand_prices(prices)
        if barred is None:
            known_best = self._known_best(self.reduced_costs(prices))
        else:
            known_best = prices[self.master.first_group : self.master.first_area]
            per_demand[barred] = np.inf
        cut_bits, cut_price = self._cuts(prices)
        for g in groups:
            if ends is not None and time.monotonic() > ends:
                return tops, grew, False
            network, team = self.networks[g], int(self.pool.groups[g][0])
            worth = x.weight[x.taste[team], network.demand] - per_demand[network.demand]
            work_bonus = x.missing_s * float(x.least_work[team])
            told = Prices(worth, cut_bits[network.demand], cut_price)
            found = price(network, told, max(0.0, known_best[g] - work_bonus), self.masks[g], labels=labels)
            for route in found.routes:
                twice = remember(self.masks[g], route)
                grew += twice or self.pool.add(g, tuple(network.demand[list(route)].tolist()))
            tops[g] = found.bound + work_bonus
            whole &= found.complete
        return tops, grew, whole

    def dive(self, *, labels: int, ends: float | None = None) -> Routes:
        """A plan by fixing the LP's most decided routes, a few at a time, and pricing again for the teams left."""
        master, pool = self.master, self.pool
        master.grow()
        left = np.array([len(group) for group in pool.groups])
        fixed: list[int] = []
        served = np.zeros(pool.problem.demands, dtype=bool)
        while left.any() and (ends is None or time.monotonic() < ends):
            _, _, shares = master.relax()
            shares[fixed] = 0.0
            new = self._decided(shares, left, served, at_least=1 + int(left.sum()) // DIVE_STEPS)
            if not new:
                break
            for column in new:
                master.fix(column, 1.0)
            fixed += new
            _, prices, _ = master.relax()
            self._price(prices, np.flatnonzero(left), labels, barred=np.flatnonzero(served), ends=ends)
            master.grow()
        for column in fixed:
            master.fix(column, 0.0)
        return pool.routes_of([pool.columns[column] for column in fixed])

    def _decided(self, shares: Floats, left: Ints, served: Bools, *, at_least: int) -> list[int]:
        """Routes with most of a team's share that can go together; `left` and `served` are brought up to date."""
        new: list[int] = []
        for column in np.argsort(-shares, kind="stable"):
            group, route = self.pool.columns[column]
            if shares[column] < 1e-6 or (len(new) >= at_least and shares[column] < DECIDED):
                break
            visits = list(route)
            if left[group] == 0 or served[visits].any():
                continue
            new.append(int(column))
            left[group] -= 1
            served[visits] = True
        return new

    def _home_cost(self) -> float:
        """Columns count against staying at home, which costs what teams without visits miss."""
        x = self.pool.instance
        return float(x.missing * x.least.sum() + x.missing_s * x.least_work.sum())

    def reduced_costs(self, prices: Floats) -> Floats:
        """What each pool column loses at these prices before its group's own price; the less the better."""
        if not self.pool.columns:
            return np.zeros(0)
        lengths = np.array([len(route) for _, route in self.pool.columns])
        flat = np.concatenate([route for _, route in self.pool.columns]).astype(np.int64)
        first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        paid = np.add.reduceat(self.master.demand_prices(prices)[flat], first)
        cuts = prices[self.master.first_cut :]
        if cuts.any():
            paid = paid + _cut_costs(flat, first, lengths, *self._cuts(prices))
        return np.asarray(paid - np.array(self.pool.scores), dtype=float)

    def loss(self) -> Floats:
        """How far a plan falls below the bound, at least, by holding each pool column."""
        assert self.centre is not None
        prices = np.concatenate([self.centre, np.zeros(self.master.rows - len(self.centre))])
        costs = self.reduced_costs(prices)
        return np.asarray(costs + self._known_best(costs)[self._group_of_column()], dtype=float)

    def _known_best(self, costs: Floats) -> Floats:
        """(G,) the most that a pool column of each group brings, 0 for staying at home."""
        best = np.zeros(len(self.networks))
        np.maximum.at(best, self._group_of_column(), -costs)
        return best

    def _group_of_column(self) -> Ints:
        return np.array([group for group, _ in self.pool.columns], dtype=np.int64)

    def _cuts(self, prices: Floats) -> tuple[np.ndarray, Floats]:
        bits = np.zeros(self.pool.problem.demands, dtype=np.uint64)
        cut_price = np.zeros(CUTS_MOST)
        for number, cut in enumerate(self.master.cuts):
            cut_price[number] = prices[self.master.first_cut + number]
            if cut_price[number] > 0:
                bits[list(cut)] |= np.uint64(1) << np.uint64(number)
        return bits, cut_price

    def separate(self) -> int:
        """Cuts that the LP's solution breaks most; their number."""
        room = min(CUTS_PER_ROUND, CUTS_MOST - len(self.master.cuts))
        used = np.flatnonzero(self.shares > 1e-6)
        if self.is_large or room <= 0 or not len(used):
            return 0  # an interior point has a share of everything: no cut is far from it
        routes = [self.pool.columns[i][1] for i in used]
        cuts = violated_triples(routes, self.shares[used], self.pool.problem.demands, room)
        fresh = [cut for cut in cuts if cut not in self.master.cuts]
        self.master.add_cuts(fresh)
        return len(fresh)


@njit(cache=True)
def _cut_costs(flat: Ints, first: Ints, lengths: Ints, bits: np.ndarray, cut_price: Floats) -> Floats:
    total = np.zeros(len(first))
    for c in range(len(first)):
        odd = np.uint64(0)
        for k in range(first[c], first[c] + lengths[c]):
            total[c] += owed(odd & bits[flat[k]], np.uint64(0), cut_price)
            odd ^= bits[flat[k]]
    return total


def violated_triples(routes: list[tuple[int, ...]], shares: Floats, demands: int, most: int) -> list[Cut]:
    """Three demands each of which routes of more than one in total serve at least two, worst first."""
    split = shares < 1.0 - 1e-6
    routes, shares = [route for route, part in zip(routes, split, strict=True) if part], shares[split]
    used = np.unique([d for route in routes for d in route]).astype(np.int64)
    where = np.full(demands, -1)
    where[used] = np.arange(len(used))
    holds = np.zeros((len(routes), len(used)), dtype=np.bool_)
    for row, route in enumerate(routes):
        holds[row, where[list(route)]] = True
    found = _triples(_together(holds, shares), holds, shares, 5_000)
    found = found[np.argsort(-found[:, 3], kind="stable")]
    chosen: list[Cut] = []
    crowd = np.zeros(len(used), dtype=np.int64)
    for i, j, k, _ in found:
        three = [int(i), int(j), int(k)]
        if crowd[three].max() >= 3:  # cuts on the same demands do each other's work
            continue
        crowd[three] += 1
        a, b, c = sorted(int(used[at]) for at in three)
        if (a, b, c) not in chosen:
            chosen.append((a, b, c))
        if len(chosen) == most:
            break
    return chosen


@njit(cache=True)
def _together(holds: np.ndarray, shares: Floats) -> Floats:
    """(n, n) share of the routes that serve both, 0 on the diagonal."""
    pair = np.zeros((holds.shape[1], holds.shape[1]))
    for c in range(len(shares)):
        members = np.flatnonzero(holds[c])
        for i in members:
            for j in members:
                if i != j:
                    pair[i, j] += shares[c]
    return pair


@njit(cache=True)
def _triples(pair: Floats, holds: np.ndarray, shares: Floats, most: int) -> Floats:
    n, count = len(pair), 0
    found = np.zeros((most, 4))
    for j in range(n):  # two of the three pairs have a share: j is in both
        beside = np.flatnonzero(pair[j] > 1e-6)
        for a in range(len(beside)):
            for b in range(a + 1, len(beside)):
                i, k = beside[a], beside[b]
                total = pair[i, j] + pair[i, k] + pair[j, k]
                if total <= 1.0 + LEAST_VIOLATION or (pair[i, k] > 1e-6 and j > i):
                    continue  # with all three shared, it is found from its first
                for c in range(len(shares)):
                    if holds[c, i] and holds[c, j] and holds[c, k]:
                        total -= 2 * shares[c]
                if total > 1.0 + LEAST_VIOLATION and count < most:
                    found[count, 0], found[count, 1], found[count, 2], found[count, 3] = i, j, k, total - 1
                    count += 1
    return found[:count]
