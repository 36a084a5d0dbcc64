"""Places on streets, the least times between them, and the ways themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import shapely
import shapely.ops
from scipy.sparse import csgraph

from planning.network.modes import WALK_KMH, Network

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Snaps:
    """Places on their nearest usable street: `edge` (n,) -1 where none is near enough, `fraction` (n,) of the edge's
    length from u, `distance_m` (n,) off the street, `place_xy` and `street_xy` (n, 2)."""

    edge: Ints
    fraction: Floats
    distance_m: Floats
    place_xy: Floats
    street_xy: Floats

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        return self.edge >= 0


@dataclass(frozen=True, eq=False)
class Travel:
    """Least times and the lengths of those ways, (n, m); inf where there is no way."""

    travel_s: Floats
    travel_m: Floats


def snap(network: Network, xy: Floats, *, max_snap_m: float = 300.0) -> Snaps:
    """Put places on the nearest edge of the network's core; farther than `max_snap_m`, or NaN, is on none."""
    places = np.asarray(xy, dtype=float).reshape(-1, 2)
    usable = np.flatnonzero(network.core)
    lines = network.streets.edges.geometry.to_numpy()[usable]
    edge = np.full(len(places), -1, dtype=np.int64)
    fraction, distance, on_street = np.zeros(len(places)), np.full(len(places), np.inf), places.copy()
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    if len(lines) and len(known):
        points = np.asarray(shapely.points(places[known]), dtype=object)
        who, line = shapely.STRtree(lines).query_nearest(points, max_distance=max_snap_m, all_matches=True)
        who, first = np.unique(who, return_index=True)  # of equally near edges the first: the same in every run
        line = np.minimum.reduceat(line, first) if len(line) else line
        at, chosen = known[who], lines[line]
        edge[at] = usable[line]
        fraction[at] = shapely.line_locate_point(chosen, points[who], normalized=True)
        distance[at] = shapely.distance(chosen, points[who])
        on_street[at] = shapely.get_coordinates(shapely.line_interpolate_point(chosen, fraction[at], normalized=True))
    return Snaps(edge, fraction, distance, places, on_street)


def travel(network: Network, origins: Snaps, destinations: Snaps, *, limit_s: float = np.inf) -> Travel:
    """Least seconds and their metres from every origin to every destination, the walk to and from the street included."""
    found = _search(network, origins, destinations, limit_s)
    access = origins.distance_m[:, None] + destinations.distance_m[None, :]
    with np.errstate(invalid="ignore"):
        seconds = np.where(np.isfinite(found.seconds), found.seconds + access / (WALK_KMH / 3.6), np.inf)
    seconds[seconds > limit_s] = np.inf
    return Travel(seconds, np.where(np.isfinite(seconds), found.metres + access, np.inf))


@dataclass(frozen=True, eq=False)
class _Found:
    seconds: Floats
    metres: Floats
    exit: Ints  # row of `nodes`/`before` by which the origin's edge is left, -1: along the edge itself
    entry: Ints  # 0: into the destination's edge at u, 1: at v
    nodes: Ints
    before: npt.NDArray[np.int32]


def _search(network: Network, origins: Snaps, destinations: Snaps, limit_s: float) -> _Found:
    u, v = (network.streets.edges[end].to_numpy().astype(np.int64) for end in ("u", "v"))
    length = network.streets.edges["length_m"].to_numpy()
    leave_s, leave_m = _ends(network, origins, length, leaving=True)
    enter_s, enter_m = _ends(network, destinations, length, leaving=False)
    ends = np.column_stack([u[origins.edge], v[origins.edge]])
    nodes, row = np.unique(ends, return_inverse=True)
    row = row.reshape(ends.shape)
    if len(network.streets.edges) and len(nodes):
        time, before = csgraph.dijkstra(network.arcs, indices=nodes, limit=limit_s, return_predecessors=True)
        metres = _lengths(time, before, network.arcs.indptr, network.arcs.indices, length[network.arc_edge])
    else:
        time = metres = np.empty((0, len(network.streets.nodes_xy)))
        before = np.empty((0, len(network.streets.nodes_xy)), dtype=np.int32)
    shape = (len(origins.edge), len(destinations.edge))
    best, best_m = np.full(shape, np.inf), np.full(shape, np.inf)
    left, entered = np.full(shape, -1, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    targets = (u[destinations.edge], v[destinations.edge])
    for side in (0, 1):
        for door in (0, 1):
            through = np.ix_(row[:, side], targets[door])
            seconds = leave_s[:, side, None] + time[through] + enter_s[None, :, door]
            better = seconds < best
            best[better] = seconds[better]
            best_m[better] = (leave_m[:, side, None] + metres[through] + enter_m[None, :, door])[better]
            left[better], entered[better] = np.broadcast_to(row[:, side, None], shape)[better], door
    _stay_on_edge(network, origins, destinations, length, best, best_m, left)
    return _Found(best, best_m, left, entered, nodes, before)


def _ends(network: Network, snaps: Snaps, length: Floats, *, leaving: bool) -> tuple[Floats, Floats]:
    """(n, 2) seconds and metres between each place and the ends u, v of its edge; inf against a one-way street."""
    share = np.column_stack([snaps.fraction, 1 - snaps.fraction])
    along, against = network.ahead[snaps.edge], network.back[snaps.edge]
    open_ = np.column_stack([against, along] if leaving else [along, against])
    open_ = (open_ | (share < 1e-9)) & snaps.ok[:, None]  # at the very end of a one-way street nothing is driven
    with np.errstate(invalid="ignore"):
        seconds = np.where(open_, share * network.cost_s[snaps.edge][:, None], np.inf)
    return seconds, share * length[snaps.edge][:, None]


def _stay_on_edge(
    network: Network, origins: Snaps, destinations: Snaps, length: Floats, best: Floats, best_m: Floats, left: Ints
) -> None:
    """Two places on one edge: straight along it, if its direction allows."""
    i, j = np.nonzero((origins.edge[:, None] == destinations.edge[None, :]) & origins.ok[:, None])
    edge, step = origins.edge[i], destinations.fraction[j] - origins.fraction[i]
    allowed = np.where(step >= 0, network.ahead[edge], network.back[edge]) | (step == 0)
    seconds = np.where(allowed, np.abs(step) * network.cost_s[edge], np.inf)
    better = seconds <= best[i, j]
    i, j, edge, step = i[better], j[better], edge[better], step[better]
    best[i, j], best_m[i, j], left[i, j] = seconds[better], np.abs(step) * length[edge], -1


@numba.njit(cache=True)
def _lengths(time, before, pointers, neighbours, arc_m):  # type: ignore[no-untyped-def]
    """(K, N) metres along the least-time trees: each node adds its last arc to its predecessor, nearest node first."""
    metres = np.full(time.shape, np.inf)
    for k in range(time.shape[0]):
        for node in np.argsort(time[k]):
            if not np.isfinite(time[k, node]):
                break
            parent = before[k, node]
            if parent < 0:
                metres[k, node] = 0.0
                continue
            for arc in range(pointers[parent], pointers[parent + 1]):
                if neighbours[arc] == node:
                    metres[k, node] = metres[k, parent] + arc_m[arc]
                    break
    return metres


def paths(network: Network, origins: Snaps, destinations: Snaps, pairs: Ints) -> npt.NDArray[np.object_]:
    """(k,) lines along streets for `pairs` (k, 2) of origin and destination, the straight bits off the street included.

    A pair without a way, or of one place with itself, gives a line of two points.
    """
    lines = np.empty(len(pairs), dtype=object)
    if not len(pairs):
        return lines
    starts, origin = np.unique(pairs[:, 0], return_inverse=True)
    found = _search(network, _take(origins, starts), destinations, np.inf)
    for k, (a, (i, j)) in enumerate(zip(origin.ravel(), pairs, strict=True)):
        middle = _along(network, found, int(a), int(j), origins, destinations, int(i))
        lines[k] = shapely.LineString(np.concatenate([origins.place_xy[[i]], middle, destinations.place_xy[[j]]]))
    return lines


def _take(snaps: Snaps, which: Ints) -> Snaps:
    return Snaps(*(getattr(snaps, name)[which] for name in Snaps.__dataclass_fields__))


def _along(network: Network, found: _Found, a: int, j: int, origins: Snaps, destinations: Snaps, i: int) -> Floats:
    """Coordinates on the street from the origin's snap to the destination's."""
    ends = np.stack([origins.street_xy[i], destinations.street_xy[j]])
    lines = network.streets.edges.geometry.to_numpy()
    if not np.isfinite(found.seconds[a, j]):
        return ends
    first, last = origins.edge[i], destinations.edge[j]
    if found.exit[a, j] < 0:
        return _part(lines[first], origins.fraction[i], destinations.fraction[j])
    row = found.exit[a, j]
    u, v = (network.streets.edges[end].to_numpy() for end in ("u", "v"))
    node = int(u[last] if found.entry[a, j] == 0 else v[last])
    way = [node]
    while found.before[row, node] >= 0:
        node = int(found.before[row, node])
        way.append(node)
    nodes = np.array(way[::-1], dtype=np.int64)
    edges = network.edges_between(nodes[:-1], nodes[1:]) if len(nodes) > 1 else np.empty(0, dtype=np.int64)
    parts = [
        _part(
            lines[first],
            origins.fraction[i],
            0.0 if u[first] == nodes[0] and _leaves_by_u(network, origins, i, found, row) else 1.0,
        )
    ]
    for edge, start in zip(edges, nodes[:-1], strict=True):
        xy = shapely.get_coordinates(lines[edge])
        parts.append(xy if u[edge] == start and _runs_ahead(network, edge, start) else xy[::-1])
    parts.append(_part(lines[last], 0.0 if found.entry[a, j] == 0 else 1.0, destinations.fraction[j]))
    return np.concatenate(parts)


def _leaves_by_u(network: Network, origins: Snaps, i: int, found: _Found, row: int) -> bool:
    """On a loop, where both ends are one node, the nearer open end is the one that was used."""
    edge = origins.edge[i]
    edges = network.streets.edges
    if edges["u"].iat[edge] != edges["v"].iat[edge]:
        return True
    return bool(network.back[edge] and (origins.fraction[i] <= 0.5 or not network.ahead[edge]))


def _runs_ahead(network: Network, edge: int, start: int) -> bool:
    edges = network.streets.edges
    return bool(edges["u"].iat[edge] != edges["v"].iat[edge] or network.ahead[edge])


def _part(line: shapely.LineString, start: float, end: float) -> Floats:
    """Coordinates of a line between two fractions of its length, in that direction."""
    return shapely.get_coordinates(shapely.ops.substring(line, start, end, normalized=True))
