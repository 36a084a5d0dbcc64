"""Least times between places on streets, and the lengths of those ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from hotspot.errors import ConfigError
from planning.network.modes import WALK_KMH, Network
from planning.network.snapping import Snaps
from planning.network.splitting import Bools, Floats, Ints

STAYS = -1  # the way doesn't leave the edge that it begins on
_MOST_ENTRIES = 8_000_000  # of a time table (origins, nodes) held at once: about 100 MB with its predecessors


@dataclass(frozen=True, eq=False)
class Travel:
    """Least seconds and the metres of those ways, (n, m) each; inf where there is no way."""

    travel_s: Floats
    travel_m: Floats


@dataclass(frozen=True, eq=False)
class Search:
    """Ways from a block of origins to all destinations, street to street, without the bits off the street.

    `seconds`, `metres` (k, m). `door` (k, m): the last edge is entered at its node u (0) or v (1), or `STAYS`. `before`
    (k, N + k): predecessors, where row and column N + i stand for the i-th origin. `leaves_by_v` (k, 2): whether the
    origin's edge is left by its node v, for a way that goes on at u (0) or v (1): on a loop these are one node.
    """

    seconds: Floats
    metres: Floats
    door: Ints
    before: npt.NDArray[np.int32]
    arcs: sparse.csr_array
    leaves_by_v: Bools


def travel(network: Network, origins: Snaps, destinations: Snaps, *, limit_s: float = np.inf) -> Travel:
    """Least times and their lengths from every origin (n) to every destination (m).

    Places are on their edges, not at nodes; the bits between place and street are walked at 4.5 km/h and count. From a
    place to itself is 0. A place that isn't on a street reaches nothing. Above `limit_s` is inf, and isn't searched.

    Raises ConfigError for a limit below 0.
    """
    if not limit_s >= 0:
        raise ConfigError(f"limit_s is {limit_s}; fix: give a number of seconds, 0 or more")
    shape = (len(origins.edge), len(destinations.edge))
    seconds, metres = np.full(shape, np.inf), np.full(shape, np.inf)
    for rows, found in searches(network, origins, destinations, limit_s=limit_s):
        seconds[rows], metres[rows] = found.seconds, found.metres
    off_m = origins.distance_m[:, None] + destinations.distance_m[None, :]
    seconds += off_m * 3.6 / WALK_KMH
    same = same_place(origins.place_xy[:, None], destinations.place_xy[None, :])
    same &= origins.ok[:, None] & destinations.ok[None, :]
    seconds[same], metres[same], off_m[same] = 0.0, 0.0, 0.0
    lost = ~(seconds <= limit_s)
    lost |= ~np.isfinite(seconds)
    seconds[lost], metres[lost] = np.inf, np.inf
    return Travel(seconds, metres + off_m)


def same_place(a: Floats, b: Floats) -> Bools:
    """Whether coordinates (..., 2) are equal to the bit."""
    found: Bools = (a == b).all(axis=-1)
    return found


def searches(
    network: Network, origins: Snaps, destinations: Snaps, *, limit_s: float = np.inf
) -> Iterator[tuple[Ints, Search]]:
    """Blocks of origins that are on streets, by row, small enough for the memory, each with its search."""
    usable = np.flatnonzero(origins.ok)
    block = max(1, _MOST_ENTRIES // (len(network.streets.nodes_xy) + 1))
    for start in range(0, len(usable), block):
        rows = usable[start : start + block]
        yield rows, _search(network, origins.take(rows), destinations, limit_s)


def _search(network: Network, origins: Snaps, destinations: Snaps, limit_s: float) -> Search:
    arcs, arc_m, leaves_by_v = _with_origins(network, origins)
    nodes, k = len(network.streets.nodes_xy), len(origins.edge)
    starts = np.arange(nodes, nodes + k)
    time, before = csgraph.dijkstra(arcs, indices=starts, limit=limit_s, return_predecessors=True)
    doors = np.stack([network.u[destinations.edge], network.v[destinations.edge]])
    length = _tree_metres(before, arcs.indptr, arcs.indices, arc_m, starts, doors.ravel()).reshape(k, 2, -1)
    enter_s, enter_m = _ends(network, destinations, leaving=False)
    seconds = time[:, doors] + enter_s.T[None]
    door = np.argmin(seconds, axis=1)
    best = np.take_along_axis(seconds, door[:, None], axis=1)[:, 0]
    metres = np.take_along_axis(length + enter_m.T[None], door[:, None], axis=1)[:, 0]
    _stay_on_edge(network, origins, destinations, best, metres, door)
    metres[~np.isfinite(best)] = np.inf
    return Search(best, metres, door, before, arcs, leaves_by_v)


def _with_origins(network: Network, origins: Snaps) -> tuple[sparse.csr_array, Floats, Bools]:
    """The arcs with one more node per origin, from which arcs lead to the ends of its edge; metres per arc."""
    leave_s, leave_m = _ends(network, origins, leaving=True)
    ends = np.column_stack([network.u[origins.edge], network.v[origins.edge]])
    loop = ends[:, 0] == ends[:, 1]
    use = np.isfinite(leave_s)
    # on a loop both ends are one node: only the quicker way out may stay
    worse = np.column_stack([leave_s[:, 0] > leave_s[:, 1], leave_s[:, 0] <= leave_s[:, 1]])
    use &= ~(loop[:, None] & worse)
    leaves_by_v = np.column_stack([loop & use[:, 1], np.ones(len(loop), dtype=bool)])
    size = len(network.streets.nodes_xy) + len(ends)
    rows = np.r_[network.arcs.indptr, network.arcs.indptr[-1] + np.cumsum(use.sum(axis=1))]
    columns = np.r_[network.arcs.indices, ends[use]].astype(np.int32)
    data = np.r_[network.arcs.data, leave_s[use]]
    arcs = sparse.csr_array((data, columns, rows.astype(np.int32)), shape=(size, size))
    return arcs, np.r_[network.length_m[network.arc_edge], leave_m[use]], leaves_by_v


def _ends(network: Network, snaps: Snaps, *, leaving: bool) -> tuple[Floats, Floats]:
    """(n, 2) seconds and metres between each place and the ends u, v of its edge; inf against a one-way street."""
    share = np.column_stack([snaps.fraction, 1.0 - snaps.fraction])
    along, against = network.ahead[snaps.edge], network.back[snaps.edge]
    allowed = np.column_stack([against, along] if leaving else [along, against])
    allowed |= share == 0  # at the very node there is nothing to ride against
    allowed &= snaps.ok[:, None]
    cost_s = np.where(snaps.ok, network.cost_s[snaps.edge], 0.0)
    return np.where(allowed, share * cost_s[:, None], np.inf), share * network.length_m[snaps.edge][:, None]


def _stay_on_edge(
    network: Network, origins: Snaps, destinations: Snaps, best: Floats, metres: Floats, door: Ints
) -> None:
    """Two places on one edge: straight along it, where its direction allows and nothing else is quicker."""
    i, j = np.nonzero(origins.edge[:, None] == destinations.edge[None, :])
    edge, step = origins.edge[i], destinations.fraction[j] - origins.fraction[i]
    allowed = np.where(step > 0, network.ahead[edge], network.back[edge]) | (step == 0)
    seconds = np.where(allowed, np.abs(step) * network.cost_s[edge], np.inf)
    direct = allowed & (seconds <= best[i, j])
    i, j, edge, step = i[direct], j[direct], edge[direct], step[direct]
    best[i, j], metres[i, j], door[i, j] = seconds[direct], np.abs(step) * network.length_m[edge], STAYS


@numba.njit(cache=True)
def _tree_metres(
    before: npt.NDArray[np.int32],
    first_arc: npt.NDArray[np.int32],
    arc_end: npt.NDArray[np.int32],
    arc_m: Floats,
    starts: Ints,
    targets: Ints,
) -> Floats:
    """(k, t) metres along each least-time tree to the targets, inf where it doesn't reach.

    Climbs from a target to the first node whose length is known and fills the lengths in on the way back, so no node is
    walked twice.
    """
    out = np.full((before.shape[0], len(targets)), np.inf)
    climbed = np.empty(before.shape[1], dtype=np.int64)
    for k in range(before.shape[0]):
        known = np.full(before.shape[1], -1.0)
        known[starts[k]] = 0.0
        for t in range(len(targets)):
            node, steps = targets[t], 0
            while known[node] < 0 and before[k, node] >= 0:
                climbed[steps] = node
                node, steps = before[k, node], steps + 1
            if known[node] < 0:
                continue
            while steps > 0:
                steps -= 1
                child = climbed[steps]
                for arc in range(first_arc[node], first_arc[node + 1]):
                    if arc_end[arc] == child:
                        known[child] = known[node] + arc_m[arc]
                        break
                node = child
            out[k, t] = known[node]
    return out
