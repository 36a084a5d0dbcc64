"""Pricing: the route of one group of teams that is worth most at given prices of the demands.

Label setting with dominance over ng-routes (Baldacci, Mingozzi & Roberti 2011, doi:10.1287/opre.1110.0975): a route
may come back to a demand only after it has left the demand's neighbourhood. That allows more than is real, so the best
ng-route bounds the best real route from above; with every demand in every neighbourhood it is the best real route.
Dominance on (demand, time, demands remembered) holds without the triangle inequality: any way on that is open to a
label is open to one that is earlier there and remembers less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from planning.problem import Bools, Floats, Ints
from planning.solving.instance import TOLERANCE_S, Instance

BUCKETS = 128


@dataclass(frozen=True, eq=False)
class Network:
    """What one group of teams can reach: n demands with times between them; `step_s` counts the dwell at the tail."""

    demand: Ints  # (n,) indices in the problem
    step_s: Floats  # (n, n)
    first_s: Floats  # (n,) earliest arrival from home
    last_s: Floats  # (n,) dwell and way back
    early_s: Floats
    late_s: Floats  # already so early that some way back exists
    opens_s: float
    closes_s: float
    most: int  # visits of one route


@dataclass(frozen=True, eq=False)
class Priced:
    """Routes worth more than the threshold, best first, and an upper bound on the worth of any route."""

    routes: list[tuple[int, ...]]
    bound: float
    complete: bool  # False: labels ran out, `bound` is only the fallback
    cyclic: bool  # the best ng-route visits some demand twice


def reachable(x: Instance, team: int, most: int) -> Network:
    """The demands that some route of this team can hold, with their tightened windows."""
    leg = x.leg[x.mode[team]]
    chosen = np.flatnonzero(x.able[team])
    opens, closes = float(x.opens[team]), float(x.closes[team])
    while True:
        place, dwell = x.place[chosen], x.dwell[chosen]
        step = leg[np.ix_(place, place)] + dwell[:, None]
        np.fill_diagonal(step, np.inf)
        first, last = opens + leg[x.home[team], place], dwell + leg[place, x.goal[team]]
        soonest = _soonest(step, first, x.early[chosen], x.late[chosen])
        latest = _latest(step, closes - last, x.late[chosen])
        keep = np.isfinite(soonest) & (soonest <= latest + TOLERANCE_S)
        if keep.all():
            return Network(chosen, step, first, last, x.early[chosen], latest, opens, closes, most)
        chosen = chosen[keep]


@njit(cache=True)
def _soonest(step: Floats, first: Floats, early: Floats, late: Floats) -> Floats:
    n = first.size
    at = np.full(n, np.inf)
    for i in range(n):
        begin = max(first[i], early[i])
        if begin <= late[i] + 1e-6:
            at[i] = begin
    moved = True
    while moved:
        moved = False
        for i in range(n):
            if at[i] == np.inf:
                continue
            for j in range(n):
                begin = max(at[i] + step[i, j], early[j])
                if begin <= late[j] + 1e-6 and begin < at[j]:
                    at[j] = begin
                    moved = True
    return at


@njit(cache=True)
def _latest(step: Floats, home_by: Floats, late: Floats) -> Floats:
    n = late.size
    by = np.minimum(home_by, late)
    moved = True
    while moved:
        moved = False
        for i in range(n):
            for j in range(n):
                limit = min(late[i], by[j] - step[i, j])
                if limit > by[i] + 1e-9:
                    by[i] = limit
                    moved = True
    return by


def neighbourhoods(network: Network, size: int) -> Bools:
    """(n, n): row j, the demands that a label at j remembers: its `size` nearest, itself among them."""
    n = len(network.demand)
    remembers = np.eye(n, dtype=bool)
    near = np.minimum(network.step_s, network.step_s.T)
    for j in range(n):
        remembers[j, np.argsort(near[j], kind="stable")[: max(0, size - 1)]] = True
    return remembers


def price(
    network: Network, worth: Floats, threshold: float, remembers: Bools, *, labels: int, wanted: int = 15
) -> Priced:
    """Routes whose `worth` (n,) sums to more than `threshold` (>= 0), and a bound on all routes.

    The bound never lies below `threshold`: whatever is worth less isn't looked for.
    """
    n = len(network.demand)
    if n == 0 or not (worth > 0).any():
        return Priced([], threshold, True, False)
    words = (n + 63) // 64
    top, routes, sizes, complete, cyclic = _label(
        network.step_s, network.first_s, network.last_s, network.early_s, network.late_s, network.opens_s,
        network.closes_s, worth, _bits(remembers, words), threshold, labels, wanted, network.most,
    )  # fmt: skip
    found = [tuple(network.demand[routes[i, : sizes[i]]].tolist()) for i in range(len(sizes))]
    fallback = float(np.sort(worth[worth > 0])[::-1][: network.most].sum())
    return Priced(found, max(threshold, float(top) if complete else fallback), bool(complete), bool(cyclic))


def _bits(remembers: Bools, words: int) -> np.ndarray:
    masks = np.zeros((len(remembers), words), dtype=np.uint64)
    for j, i in np.argwhere(remembers):
        masks[j, i // 64] |= np.uint64(1) << np.uint64(i % 64)
    return masks


@njit(cache=True)
def _still_to_gain(
    step: Floats, early: Floats, late: Floats, worth: Floats, opens: float, width: float
) -> tuple[Floats, Ints, Floats]:
    """At most this can be added after a start at i in bucket b or later: (best, its next demand, best with another).

    Walks without memory, but for never going straight back to where they came from. They need every step to be longer
    than a bucket; where one isn't, nothing is cut off (inf).
    """
    n = worth.size
    shape = (BUCKETS + 2, n)
    best, second, via = np.zeros(shape), np.zeros(shape), np.full(shape, -1, np.int64)
    if step.min() <= width:
        best[:], second[:] = np.inf, np.inf
        return best, via, second
    for b in range(BUCKETS, -1, -1):
        now = opens + b * width
        for i in range(n):
            if now > late[i] + 1e-6:
                continue
            top, next_top, hop = 0.0, 0.0, -1
            for j in range(n):
                begin = max(now + step[i, j], early[j])
                if begin > late[j] + 1e-6:
                    continue
                to = min(int((begin - opens) / width), BUCKETS + 1)
                gain = worth[j] + (best[to, j] if via[to, j] != i else second[to, j])
                if gain > top:
                    top, next_top, hop = gain, top, j
                elif gain > next_top:
                    next_top = gain
            best[b, i], second[b, i], via[b, i] = top, next_top, hop
    return best, via, second


@njit(cache=True)
def _inside(a: np.ndarray, b: np.ndarray) -> bool:
    for w in range(a.size):  # noqa: SIM110 -- a generator doesn't compile
        if a[w] & ~b[w]:
            return False
    return True


@njit(cache=True)
def _label(
    step: Floats,
    first: Floats,
    last: Floats,
    early: Floats,
    late: Floats,
    opens: float,
    closes: float,
    worth: Floats,
    masks: np.ndarray,
    threshold: float,
    most_labels: int,
    wanted: int,
    most_visits: int,
) -> tuple[float, Ints, Ints, bool, bool]:
    n, words = masks.shape
    width = max((closes - opens) / BUCKETS, 1e-3)
    node, pred = np.empty(most_labels, np.int64), np.empty(most_labels, np.int64)
    at, sum_, size = np.empty(most_labels), np.empty(most_labels), np.empty(most_labels, np.int64)
    memory = np.zeros((most_labels, words), np.uint64)
    alive = np.ones(most_labels, np.bool_)
    same_node, same_bucket = np.full(most_labels, -1, np.int64), np.full(most_labels, -1, np.int64)
    head, queue = np.full(n, -1, np.int64), np.full(BUCKETS + 1, -1, np.int64)
    count, complete = 0, True
    ahead, via, otherwise = _still_to_gain(step, early, late, worth, opens, width)
    fresh = np.zeros(words, np.uint64)
    for source in range(-1, BUCKETS + 1):
        while complete:
            if source < 0:
                here = -1
            else:
                here = queue[source]
                if here < 0:
                    break
                queue[source] = same_bucket[here]
                if not alive[here]:
                    continue
                if size[here] >= most_visits:
                    continue
            for j in range(n):
                if here < 0:
                    begin, total = max(first[j], early[j]), worth[j]
                    fresh[:] = np.uint64(0)
                else:
                    i = node[here]
                    begin = max(at[here] + step[i, j], early[j])
                    if not begin <= late[j] + 1e-6:
                        continue
                    if memory[here, j // 64] >> np.uint64(j % 64) & np.uint64(1):
                        continue
                    total = sum_[here] + worth[j]
                    for w in range(words):
                        fresh[w] = memory[here, w] & masks[j, w]
                if not begin <= late[j] + 1e-6:
                    continue
                fresh[j // 64] |= np.uint64(1) << np.uint64(j % 64)
                bucket = min(max(int((begin - opens) / width), 0), BUCKETS)
                straight_back = here >= 0 and via[bucket, j] == node[here]
                if total + (otherwise[bucket, j] if straight_back else ahead[bucket, j]) <= threshold:
                    continue
                beaten, before, other = False, -1, head[j]
                while other >= 0:
                    following = same_node[other]
                    if at[other] <= begin and sum_[other] >= total and _inside(memory[other], fresh):
                        beaten = True
                        break
                    if at[other] >= begin and sum_[other] <= total and _inside(fresh, memory[other]):
                        alive[other] = False
                        if before < 0:
                            head[j] = following
                        else:
                            same_node[before] = following
                    else:
                        before = other
                    other = following
                if beaten:
                    continue
                if count == most_labels:
                    complete = False
                    break
                node[count], pred[count], at[count], sum_[count] = j, here, begin, total
                size[count] = 1 if here < 0 else size[here] + 1
                memory[count, :] = fresh
                same_node[count] = head[j]
                head[j] = count
                same_bucket[count] = queue[bucket]
                queue[bucket] = count
                count += 1
            if here < 0:
                break
    return _harvest(node, pred, at, sum_, size, last, closes, count, threshold, wanted, n, complete)


@njit(cache=True)
def _harvest(
    node: Ints,
    pred: Ints,
    at: Floats,
    sum_: Floats,
    size: Ints,
    last: Floats,
    closes: float,
    count: int,
    threshold: float,
    wanted: int,
    n: int,
    complete: bool,
) -> tuple[float, Ints, Ints, bool, bool]:
    """The best routes that visit nothing twice, at most three that end at the same demand."""
    keys = np.empty(count)
    for k in range(count):
        home = at[k] + last[node[k]] <= closes + 1e-6
        keys[k] = -sum_[k] if home else np.inf
    order = np.argsort(keys, kind="mergesort")
    top, cyclic, kept = 0.0, False, 0
    width = max(1, size[:count].max()) if count else 1
    routes, sizes = np.empty((wanted, width), np.int64), np.zeros(wanted, np.int64)
    ends = np.zeros(n, np.int64)
    stamp = np.full(n, -1, np.int64)
    for rank in range(count):
        k = order[rank]
        if keys[k] == np.inf or -keys[k] <= threshold + 1e-7 or kept == wanted or rank > 20_000:
            if rank == 0 and keys[k] < np.inf:
                top = -keys[k]
            break
        if rank == 0:
            top = -keys[k]
        if ends[node[k]] >= 3:
            continue
        back, length, twice = k, size[k], False
        for i in range(length - 1, -1, -1):
            routes[kept, i] = node[back]
            twice = twice or stamp[node[back]] == rank
            stamp[node[back]] = rank
            back = pred[back]
        if twice:
            cyclic = cyclic or rank == 0
            continue
        ends[node[k]] += 1
        sizes[kept] = length
        kept += 1
    return top, routes[:kept], sizes[:kept], complete, cyclic
