"""Pricing: the routes of one group of teams that are worth most at given prices of the demands.

Label setting with dominance over ng-routes (Baldacci, Mingozzi & Roberti 2011, doi:10.1287/opre.1110.0975): a route
may come back to a demand only after it has left the demand's neighbourhood. That allows more than is real, so the best
ng-route bounds the best real route from above; neighbourhoods grow where the best routes make use of it (Roberti &
Mingozzi 2014, doi:10.1287/trsc.2013.0474). Dominance on (demand, time, demands remembered) holds without the triangle
inequality: any way on that is open to a label is open to one that is earlier there and remembers less. Cuts are
subset rows of three demands (Jepsen et al. 2008, doi:10.1287/opre.1070.0449): a label carries the parity of each.
"""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from planning.rules import Floats, Ints
from planning.solving.instance import TOLERANCE_S, Instance

BUCKETS, BUCKETS_MOST = 64, 1024
CUTS_MOST = 64  # bits of a label's word


class Network(NamedTuple):
    """What one group of teams can reach: n demands with times between them; `step_s` counts the dwell at the tail."""

    demand: Ints  # (n,) indices in the problem
    step_s: Floats  # (n, n)
    next: Ints  # what can follow each demand, by rows
    first_next: Ints  # (n + 1,)
    first_s: Floats  # (n,) earliest arrival from home
    last_s: Floats  # (n,) dwell and way back
    early_s: Floats  # (n,) no route starts the service sooner
    late_s: Floats  # already so early that some way back exists
    opens_s: float
    closes_s: float
    most: int  # visits of one route
    least: int  # visits below which each missing one costs `missing`
    missing: float


class Prices(NamedTuple):
    """What a group's routes are paid: worth by demand, and what each cut takes from a route's second of its three."""

    worth: Floats  # (n,)
    cuts: np.ndarray  # (n,) uint64: the cuts that hold the demand
    cut_price: Floats  # (64,)


class Priced(NamedTuple):
    """Routes worth more than the threshold, best first, and an upper bound on the worth of any route."""

    routes: list[tuple[int, ...]]  # positions in the network; may visit a demand twice
    bound: float
    complete: bool  # False: labels ran out, `bound` is only the fallback


class Arcs(NamedTuple):
    """The legs of one way of moving that some route can use: from each demand, by rows."""

    head: np.ndarray  # int32
    first: Ints  # (D + 1,)


def find_arcs(x: Instance, mode: int) -> Arcs:
    """All i -> j that are in time when i starts as early as can be; i -> i may be among them."""
    counts = _count_arcs(x, mode)
    first = np.concatenate([[0], np.cumsum(counts)])
    return Arcs(_list_arcs(x, mode, int(first[-1])), first)


@njit(cache=True)
def _count_arcs(x: Instance, mode: int) -> Ints:
    n, place, late, leg = len(x.place), x.place, x.late, x.leg[mode]
    counts = np.zeros(n, np.int64)
    for i in range(n):
        row, leave, count = leg[place[i]], x.early[i] + x.dwell[i] - 1e-6, 0
        for j in range(n):
            if leave + row[place[j]] <= late[j]:
                count += 1
        counts[i] = count
    return counts


@njit(cache=True)
def _list_arcs(x: Instance, mode: int, total: int) -> np.ndarray:
    n, place, late, leg, k = len(x.place), x.place, x.late, x.leg[mode], 0
    heads = np.empty(total, np.int32)
    for i in range(n):
        row, leave = leg[place[i]], x.early[i] + x.dwell[i] - 1e-6
        for j in range(n):
            if leave + row[place[j]] <= late[j]:
                heads[k] = j
                k += 1
    return heads


def reachable(x: Instance, team: int, arcs: Arcs, most: int) -> Network:
    """The demands that some route of this team can hold, with their tightened windows."""
    soonest = _soonest(x, team, arcs.head, arcs.first)
    chosen = np.flatnonzero(np.isfinite(soonest))
    leg, opens, closes = x.leg[x.mode[team]], float(x.opens[team]), float(x.closes[team])
    step = leg[np.ix_(x.place[chosen], x.place[chosen])] + x.dwell[chosen, None]
    np.fill_diagonal(step, np.inf)
    last = x.dwell[chosen] + leg[x.place[chosen], x.goal[team]]
    latest = _latest(step, closes - last, x.late[chosen])
    kept = np.flatnonzero(soonest[chosen] <= latest + TOLERANCE_S)
    chosen = chosen[kept]
    step = np.ascontiguousarray(step[np.ix_(kept, kept)])
    usable = soonest[chosen, None] + step <= latest[kept] + TOLERANCE_S
    first_next = np.concatenate([[0], np.cumsum(usable.sum(axis=1))])
    return Network(
        chosen, step, np.nonzero(usable)[1], first_next, opens + leg[x.home[team], x.place[chosen]], last[kept],
        soonest[chosen], latest[kept], opens, closes, min(most, int(x.most[team])), int(x.least[team]), x.missing,
    )  # fmt: skip


@njit(cache=True)
def _soonest(x: Instance, team: int, head: np.ndarray, first: Ints) -> Floats:
    """The soonest start of each demand over all ways of getting there, inf where there is none."""
    n, leg = len(x.place), x.leg[x.mode[team]]
    at = np.full(n, np.inf)
    waiting: list[tuple[Any, Any]] = [(0.0, 0)]  # tells the compiler the type
    waiting.pop()
    for d in range(n):
        start = max(x.opens[team] + leg[x.home[team], x.place[d]], x.early[d])
        if x.able[team, d] and start <= x.late[d] + 1e-6 and start + x.dwell[d] <= x.closes[team] + 1e-6:
            at[d] = start
            heapq.heappush(waiting, (start, d))
    while waiting:
        time, i = heapq.heappop(waiting)
        if time > at[i]:
            continue
        for k in range(first[i], first[i + 1]):
            j = np.int64(head[k])
            if not x.able[team, j]:
                continue
            start = max(time + x.dwell[i] + leg[x.place[i], x.place[j]], x.early[j])
            if start < at[j] and start <= x.late[j] + 1e-6 and start + x.dwell[j] <= x.closes[team] + 1e-6:
                at[j] = start
                heapq.heappush(waiting, (start, j))
    return at


@njit(cache=True)
def _latest(step: Floats, home_by: Floats, late: Floats) -> Floats:
    """The latest start of each demand from which there still is some way home in time."""
    n = len(late)
    by = np.minimum(home_by, late)
    moved = True
    while moved:
        moved = False
        for i in range(n):
            limit = by[i]
            for j in range(n):
                limit = max(limit, min(late[i], by[j] - step[i, j]))
            if limit > by[i] + 1e-9:
                by[i] = limit
                moved = True
    return by


@njit(cache=True)
def neighbourhoods(net: Network, size: int) -> np.ndarray:
    """(n, words) bits: row j, the demands that a label at j remembers: its `size` nearest, itself among them."""
    n = len(net.demand)
    masks = np.zeros((n, (n + 63) // 64), np.uint64)
    near, apart = np.empty(size, np.int64), np.empty(size)
    for j in range(n):
        masks[j, j // 64] |= np.uint64(1) << np.uint64(j % 64)
        held = 0
        for i in range(n):
            distance = min(net.step_s[i, j], net.step_s[j, i])
            if i == j or not distance < np.inf or (held == size - 1 and distance >= apart[held - 1]):
                continue
            at = held if held < size - 1 else held - 1
            while at > 0 and apart[at - 1] > distance:
                apart[at], near[at] = apart[at - 1], near[at - 1]
                at -= 1
            apart[at], near[at] = distance, i
            held = min(held + 1, size - 1)
        for k in range(held):
            masks[j, near[k] // 64] |= np.uint64(1) << np.uint64(near[k] % 64)
    return masks


def remember(masks: np.ndarray, route: tuple[int, ...]) -> bool:
    """Enlarge the memories so that this route isn't an ng-route any more; False where it visits nothing twice."""
    seen: dict[int, int] = {}
    twice = False
    for at, j in enumerate(route):
        if j in seen:
            twice = True
            for between in route[seen[j] + 1 : at]:
                masks[between, j // 64] |= np.uint64(1) << np.uint64(j % 64)
        seen[j] = at
    return twice


def price(
    network: Network, prices: Prices, threshold: float, masks: np.ndarray, *, labels: int, wanted: int = 40
) -> Priced:
    """Routes whose worth sums to more than `threshold` (>= 0), and a bound on all routes.

    The bound never lies below `threshold`: whatever is worth less isn't looked for.
    """
    n = len(network.demand)
    if n == 0 or not (prices.worth + network.missing * (network.least > 0) > 0).any():
        return Priced([], threshold, True)
    top, routes, sizes, complete = _label(network, prices, masks, threshold, labels, wanted)
    found = [tuple(routes[i, : sizes[i]].tolist()) for i in range(len(sizes))]
    if complete:
        return Priced(found, max(threshold, float(top)), True)
    ahead, _, _ = _still_to_gain(network, prices.worth, _buckets(network))
    width = _width(network, len(ahead) - 2)
    begin = ((network.early_s - network.opens_s) / width).astype(int)
    loose = float((prices.worth + ahead[begin, np.arange(n)]).max()) + network.missing * network.least
    return Priced(found, max(threshold, loose), False)


@njit(cache=True)
def _buckets(net: Network) -> int:
    """So many parts of the shift that no step stays in its own, if that isn't too many."""
    nearest = np.inf
    for i in range(len(net.demand)):
        for k in range(net.first_next[i], net.first_next[i + 1]):
            nearest = min(nearest, net.step_s[i, net.next[k]])
    wanted = (net.closes_s - net.opens_s) / max(nearest, 1e-9)
    return int(min(max(wanted + 2, BUCKETS), BUCKETS_MOST))


@njit(cache=True)
def _width(net: Network, buckets: int) -> float:
    return max((net.closes_s - net.opens_s) / buckets, 1e-3)


@njit(cache=True)
def _still_to_gain(net: Network, worth: Floats, buckets: int) -> tuple[Floats, Ints, Floats]:
    """At most this can be added after a start at i in bucket b or later: (best, its next demand, best with another).

    Walks without memory, but for never going straight back to where they came from. A step that may stay in its
    bucket counts with all that the most valuable demands could still add.
    """
    n, width = len(worth), _width(net, buckets)
    best, second = np.zeros((buckets + 2, n)), np.zeros((buckets + 2, n))
    via = np.full((buckets + 2, n), -1, np.int64)
    step, early, late = net.step_s, net.early_s, net.late_s
    order = np.argsort(-worth)
    for b in range(buckets, -1, -1):
        now = net.opens_s + b * width
        loosest, visits = 0.0, 0
        for j in order:
            if worth[j] <= 0 or visits == net.most:
                break
            if late[j] + 1e-6 >= now:
                loosest += worth[j]
                visits += 1
        for i in range(n):
            if now > late[i] + 1e-6:
                continue
            if now + width <= early[i]:
                best[b, i], second[b, i], via[b, i] = best[b + 1, i], second[b + 1, i], via[b + 1, i]
                continue
            leave = max(now, early[i])
            top, next_top, hop = 0.0, 0.0, -1
            for k in range(net.first_next[i], net.first_next[i + 1]):
                j = net.next[k]
                if worth[j] == -np.inf:
                    continue
                begin = max(leave + step[i, j], early[j])
                if begin > late[j] + 1e-6:
                    continue
                to = int((begin - net.opens_s) / width)
                gain = loosest
                if to > b:
                    gain = min(loosest, worth[j] + (best[to, j] if via[to, j] != i else second[to, j]))
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
def owed(mine: np.uint64, other: np.uint64, cut_price: Floats) -> float:
    """What the cuts may still take from `mine` and not from `other`."""
    rest, total, bit = mine & ~other, 0.0, 0
    while rest:
        if rest & np.uint64(1):
            total += cut_price[bit]
        rest >>= np.uint64(1)
        bit += 1
    return total


@njit(cache=True)
def _label(
    net: Network, prices: Prices, masks: np.ndarray, threshold: float, most_labels: int, wanted: int
) -> tuple[float, Ints, Ints, bool]:
    n, words = masks.shape
    step, first, early, late, opens = net.step_s, net.first_s, net.early_s, net.late_s, net.opens_s
    worth, cuts, cut_price = prices.worth, prices.cuts, prices.cut_price
    buckets = _buckets(net)
    width = _width(net, buckets)
    node, pred = np.empty(most_labels, np.int32), np.empty(most_labels, np.int32)
    at, sum_, size = np.empty(most_labels), np.empty(most_labels), np.empty(most_labels, np.int32)
    memory, parity = np.empty((most_labels, words), np.uint64), np.empty(most_labels, np.uint64)
    alive = np.empty(most_labels, np.bool_)
    same_node, same_bucket = np.empty(most_labels, np.int32), np.empty(most_labels, np.int32)
    head, queue = np.full(n, -1, np.int32), np.full(buckets + 2, -1, np.int32)
    count, complete = 0, True
    ahead, via, otherwise = _still_to_gain(net, worth, buckets)
    fresh = np.zeros(words, np.uint64)
    none = np.uint64(0)
    for source in range(-1, buckets + 2):
        while complete:
            here = -1
            if source >= 0:
                here = queue[source]
                if here < 0:
                    break
                queue[source] = same_bucket[here]
                if not alive[here] or size[here] >= net.most:
                    continue
            visits = 1 if here < 0 else size[here] + 1
            extra = net.missing if visits <= net.least else 0.0
            to_come = net.missing * max(0, net.least - visits)
            begins, ends = (0, n) if here < 0 else (net.first_next[node[here]], net.first_next[node[here] + 1])
            for k in range(begins, ends):
                j = k if here < 0 else net.next[k]
                if worth[j] == -np.inf:
                    continue
                if here < 0:
                    begin, total = max(first[j], early[j]), worth[j]
                    if not begin <= late[j] + 1e-6:
                        continue
                    fresh[:] = none
                    odd = none
                else:
                    i = node[here]
                    begin = max(at[here] + step[i, j], early[j])
                    if not begin <= late[j] + 1e-6:
                        continue
                    if memory[here, j // 64] >> np.uint64(j % 64) & np.uint64(1):
                        continue
                    total = sum_[here] + worth[j]
                    odd = parity[here]
                total += extra
                bucket = int((begin - opens) / width)
                straight_back = here >= 0 and via[bucket, j] == node[here]
                rest = otherwise[bucket, j] if straight_back else ahead[bucket, j]
                if total + rest + to_come <= threshold:
                    continue
                if cuts[j]:
                    total -= owed(odd & cuts[j], none, cut_price)
                    if total + rest + to_come <= threshold:
                        continue
                    odd ^= cuts[j]
                if here >= 0:
                    for w in range(words):
                        fresh[w] = memory[here, w] & masks[j, w]
                fresh[j // 64] |= np.uint64(1) << np.uint64(j % 64)
                beaten, before, other = False, -1, head[j]
                while other >= 0 and sum_[other] >= total:
                    if at[other] <= begin and _inside(memory[other], fresh):
                        ahead_of = sum_[other] - net.missing * max(0, min(net.least, size[other]) - visits)
                        if ahead_of - owed(parity[other], odd, cut_price) >= total:
                            beaten = True
                            break
                    before, other = other, same_node[other]
                if beaten:
                    continue
                if count == most_labels:
                    complete = False
                    break
                node[count], pred[count], at[count], sum_[count], size[count] = j, here, begin, total, visits
                memory[count, :] = fresh
                parity[count], alive[count] = odd, True
                same_node[count] = other
                if before < 0:
                    head[j] = count
                else:
                    same_node[before] = count
                same_bucket[count] = queue[bucket]
                queue[bucket] = count
                last = count
                while other >= 0:  # who is worse from here on
                    following = same_node[other]
                    worse = at[other] >= begin and _inside(fresh, memory[other])
                    if worse:
                        ahead_of = total - net.missing * max(0, min(net.least, visits) - size[other])
                        worse = ahead_of - owed(odd, parity[other], cut_price) >= sum_[other]
                    if worse:
                        alive[other] = False
                        same_node[last] = following
                    else:
                        last = other
                    other = following
                count += 1
            if here < 0:
                break
    top, routes, sizes = _harvest(net, node, pred, at, sum_, size, count, threshold, wanted)
    return top, routes, sizes, complete


@njit(cache=True)
def _harvest(
    net: Network,
    node: np.ndarray,
    pred: np.ndarray,
    at: Floats,
    sum_: Floats,
    size: np.ndarray,
    count: int,
    threshold: float,
    wanted: int,
) -> tuple[float, Ints, Ints]:
    """The best routes, at most three that end at the same demand."""
    keys, n_home = np.empty(count, np.int64), 0
    for k in range(count):
        if at[k] + net.last_s[node[k]] <= net.closes_s + 1e-6 and sum_[k] > threshold + 1e-7:
            keys[n_home] = k
            n_home += 1
    keys = keys[:n_home]
    order = keys[np.argsort(-sum_[keys], kind="mergesort")]
    longest = max(1, size[:count].max()) if count else 1
    routes, sizes, kept = np.empty((wanted, longest), np.int64), np.zeros(wanted, np.int64), 0
    ends = np.zeros(len(net.demand), np.int64)
    for k in order:
        if kept == wanted:
            break
        if ends[node[k]] >= 3:
            continue
        ends[node[k]] += 1
        back = k
        for i in range(size[k] - 1, -1, -1):
            routes[kept, i] = node[back]
            back = pred[back]
        sizes[kept] = size[k]
        kept += 1
    return (sum_[order[0]] if n_home else 0.0), routes[:kept], sizes[:kept]
