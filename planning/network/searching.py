"""Least times over the arcs of a network: Dijkstra's algorithm, compiled, that stops where nothing more is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from hotspot.statistics.threads import in_threads
from planning.network.networks import Network
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints
from planning.network.topology import Arcs

UNREACHED = -1  # in `before`: no way leads there; arc numbers are 0 and more, doors -2 and less


@dataclass(frozen=True, eq=False)
class Doors:
    """Where searches begin or end: k of them, each with D nodes.

    `node` (k, D), `seconds`, `metres` (k, D) between the place on the street and that node; inf where it isn't allowed.
    """

    node: Ints
    seconds: Floats
    metres: Floats


@dataclass(frozen=True, eq=False)
class Found:
    """`seconds`, `metres` (k, g) to the goal nodes, inf where none is within the limit.

    `before` (k, N), if it was wanted: the arc by which each node is reached, -2 - d for the door d, or `UNREACHED`.
    """

    seconds: Floats
    metres: Floats
    before: npt.NDArray[np.int32]


def doors(network: Network, snaps: Snaps, *, leaving: bool) -> Doors:
    """The two ends of each place's edge, u then v, and what it takes to leave by them, or to come from them."""
    share = np.column_stack([snaps.fraction, 1.0 - snaps.fraction])
    ends = np.column_stack([network.u[snaps.edge], network.v[snaps.edge]])
    along, against = network.ahead[snaps.edge], network.back[snaps.edge]
    allowed = np.column_stack([against, along] if leaving else [along, against])
    allowed |= share == 0  # at the very node there is nothing to ride against
    allowed &= snaps.ok[:, None] & network.passable[ends]
    at_node = allowed & (share == 0)
    allowed &= at_node | ~at_node.any(axis=1)[:, None]  # whoever is at a node needs no other door
    cost_s = np.where(snaps.ok & np.isfinite(network.cost_s[snaps.edge]), network.cost_s[snaps.edge], 0.0)
    seconds = np.where(allowed, share * cost_s[:, None], np.inf)
    return Doors(ends, seconds, share * network.length_m[snaps.edge][:, None])


def search(arcs: Arcs, starts: Doors, goals: Ints, *, limit_s: float = np.inf, ways: bool = False) -> Found:
    """From each of the k starts to the goal nodes (g,), all different. `ways`: keep `before`.

    A start settles no node beyond `limit_s`, and none once all goals are settled. The k searches run in threads; each
    is on its own, so their number changes nothing.
    """
    k, nodes = len(starts.node), len(arcs.first) - 1
    seconds, metres = np.full((k, len(goals)), np.inf), np.full((k, len(goals)), np.inf)
    before = np.full((k, nodes if ways else 0), UNREACHED, dtype=np.int32)
    goal = np.full(nodes, -1, dtype=np.int32)
    goal[goals] = np.arange(len(goals))
    graph = (arcs.first, arcs.head, arcs.seconds, arcs.metres)

    def rows(low: int, high: int) -> None:
        _least(
            *graph, starts.node[low:high], starts.seconds[low:high], starts.metres[low:high], goal, len(goals),
            limit_s, seconds[low:high], metres[low:high], before[low:high],
        )  # fmt: skip

    in_threads(rows, k)
    return Found(seconds, metres, before)


@numba.njit(cache=True, nogil=True)
def _least(
    first: Ints, head: Ints, arc_s: Floats, arc_m: Floats, door_node: Ints, door_s: Floats, door_m: Floats,
    goal: npt.NDArray[np.int32], goals: int, limit_s: float, out_s: Floats, out_m: Floats,
    before: npt.NDArray[np.int32],
) -> None:  # fmt: skip
    """A binary heap with stale entries left in it: cheaper here than moving them."""
    nodes = len(first) - 1
    ways = before.shape[1] > 0
    time = np.full(nodes, np.inf)
    length = np.empty(nodes)
    settled = np.zeros(nodes, dtype=np.bool_)
    seen = np.empty(nodes, dtype=np.int64)
    key = np.empty(len(head) + door_node.shape[1] + 1)
    item = np.empty(len(head) + door_node.shape[1] + 1, dtype=np.int64)
    for k in range(len(door_node)):
        size, touched, left = 0, 0, goals
        for d in range(door_node.shape[1]):
            t, n = door_s[k, d], door_node[k, d]
            if t <= limit_s and t < time[n]:
                if time[n] == np.inf:
                    seen[touched] = n
                    touched += 1
                time[n], length[n] = t, door_m[k, d]
                if ways:
                    before[k, n] = -2 - d
                size = _push(key, item, size, t, n)
        while size > 0 and left > 0:
            t, n = key[0], item[0]
            size = _pop(key, item, size)
            if settled[n]:
                continue
            settled[n] = True
            if goal[n] >= 0:
                out_s[k, goal[n]], out_m[k, goal[n]] = t, length[n]
                left -= 1
            for a in range(first[n], first[n + 1]):
                m = head[a]
                new = t + arc_s[a]
                if new < time[m] and new <= limit_s:
                    if time[m] == np.inf:
                        seen[touched] = m
                        touched += 1
                    time[m], length[m] = new, length[n] + arc_m[a]
                    if ways:
                        before[k, m] = a
                    size = _push(key, item, size, new, m)
        for i in range(touched):
            time[seen[i]], settled[seen[i]] = np.inf, False


@numba.njit(cache=True, nogil=True)
def _push(key: Floats, item: Ints, size: int, t: float, n: int) -> int:
    at = size
    while at > 0:
        parent = (at - 1) // 2
        if key[parent] <= t:
            break
        key[at], item[at] = key[parent], item[parent]
        at = parent
    key[at], item[at] = t, n
    return size + 1


@numba.njit(cache=True, nogil=True)
def _pop(key: Floats, item: Ints, size: int) -> int:
    size -= 1
    t, n = key[size], item[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and key[child + 1] < key[child]:
            child += 1
        if key[child] >= t:
            break
        key[at], item[at] = key[child], item[child]
        at = child
    key[at], item[at] = t, n
    return size


def trace(arcs: Arcs, before: npt.NDArray[np.int32], row: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
    """The arcs of p ways that end at nodes `last` (p,) of searches `row` (p,), in travel order.

    Returns arcs (a,), how many each way has (p,), and the door by which each begins (p,).
    """
    counts, door = np.zeros(len(row), dtype=np.int64), np.zeros(len(row), dtype=np.int64)
    nothing = np.empty(0, dtype=np.int64)
    _trace(arcs.tail, before, row, last, counts, door, nothing)
    found = np.empty(int(counts.sum()), dtype=np.int64)
    if len(found):
        _trace(arcs.tail, before, row, last, counts, door, found)
    return found, counts, door


@numba.njit(cache=True, nogil=True)
def _trace(
    tail: Ints, before: npt.NDArray[np.int32], row: Ints, last: Ints, counts: Ints, door: Ints, found: Ints
) -> None:
    """Counts the arcs of each way; once `found` is as long as all of them, writes them."""
    end = 0
    for p in range(len(row)):
        node, steps = last[p], 0
        if len(found):
            end += counts[p]
        while before[row[p], node] >= 0:
            arc = before[row[p], node]
            steps += 1
            if len(found):
                found[end - steps] = arc
            node = tail[arc]
        counts[p] = steps
        door[p] = -2 - before[row[p], node]
