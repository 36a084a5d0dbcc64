"""The ways themselves, as lines along streets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely

from planning.network.modes import Network
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints
from planning.network.travel_times import STAYS, Search, same_place, searches


def paths(network: Network, origins: Snaps, destinations: Snaps, pairs: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """(p,) LineStrings for `pairs` (p, 2), rows of origins and destinations: the least-time ways of `travel`.

    Each runs from place to place, the straight bits off the street included, and is as long as `travel_m`. From a place
    to itself it is a line of two equal points. Where there is no way the line is empty.
    """
    wanted = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    lines = np.full(len(wanted), shapely.LineString(), dtype=object)
    same = same_place(origins.place_xy[wanted[:, 0]], destinations.place_xy[wanted[:, 1]])
    for p in np.flatnonzero(same & origins.ok[wanted[:, 0]] & destinations.ok[wanted[:, 1]]):
        lines[p] = shapely.LineString(origins.place_xy[[wanted[p, 0]] * 2])
    asked = np.flatnonzero(~same & origins.ok[wanted[:, 0]] & destinations.ok[wanted[:, 1]])
    starts, start = np.unique(wanted[asked, 0], return_inverse=True)
    goals, goal = np.unique(wanted[asked, 1], return_inverse=True)
    some_origins, some_destinations = origins.take(starts), destinations.take(goals)
    shapes = _shapes(network)
    for rows, found in searches(network, some_origins, some_destinations):
        for p in np.flatnonzero(np.isin(start, rows)):
            way = _Way(int(start[p] - rows[0]), int(start[p]), int(goal[p]))
            xy = _along(network, shapes, found, way, some_origins, some_destinations)
            if len(xy):
                ends = (some_origins.place_xy[[way.start]], xy, some_destinations.place_xy[[way.goal]])
                lines[asked[p]] = shapely.LineString(_without_repeats(np.concatenate(ends)))
    return lines


@dataclass(frozen=True)
class _Way:
    row: int  # of the search
    start: int  # of the origins
    goal: int  # of the destinations


@dataclass(frozen=True, eq=False)
class _Shapes:
    """All edges' vertices in one array; those of edge e are first[e]:first[e + 1]."""

    xy: Floats
    first: Ints

    def __getitem__(self, edge: int) -> Floats:
        return self.xy[self.first[edge] : self.first[edge + 1]]


def _shapes(network: Network) -> _Shapes:
    lines = network.streets.edges.geometry.to_numpy()
    first = np.r_[0, np.cumsum(shapely.get_num_coordinates(lines))]
    return _Shapes(shapely.get_coordinates(lines), first)


def _along(network: Network, shapes: _Shapes, found: Search, way: _Way, origins: Snaps, destinations: Snaps) -> Floats:
    """Vertices on streets from snap to snap, empty where there is no way."""
    if not np.isfinite(found.seconds[way.row, way.goal]):
        return np.empty((0, 2))
    first, last = int(origins.edge[way.start]), int(destinations.edge[way.goal])
    leave, enter = float(origins.fraction[way.start]), float(destinations.fraction[way.goal])
    door = int(found.door[way.row, way.goal])
    if door == STAYS:
        return part_of_line(shapes[first], leave, enter)
    nodes = _nodes(network, found, way.row, int((network.v if door else network.u)[last]))
    by_v = bool(found.leaves_by_v[way.row, int(nodes[0] == network.v[first] != network.u[first])])
    parts = [part_of_line(shapes[first], leave, float(by_v))]
    for edge, node in zip(_edges_between(network, nodes), nodes[:-1], strict=True):
        parts.append(shapes[edge] if network.u[edge] == node else shapes[edge][::-1])
    parts.append(part_of_line(shapes[last], float(door), enter))
    return np.concatenate(parts)


def _nodes(network: Network, found: Search, row: int, last: int) -> Ints:
    """The street nodes of a way, in its order."""
    back = [last]
    origin = len(network.streets.nodes_xy) + row
    while (node := int(found.before[row, back[-1]])) != origin:
        back.append(node)
    return np.array(back[::-1], dtype=np.int64)


def _edges_between(network: Network, nodes: Ints) -> Sequence[int]:
    """The least edge from each node to the next."""
    pointers, ends = network.arcs.indptr, network.arcs.indices
    found = []
    for a, b in pairwise(nodes.tolist()):
        arc = pointers[a] + np.searchsorted(ends[pointers[a] : pointers[a + 1]], b)
        found.append(int(network.arc_edge[arc]))
    return found


def part_of_line(xy: Floats, start: float, end: float) -> Floats:
    """The vertices between two fractions of a line's length, in that direction; at least two, equal if need be.

    >>> part_of_line(np.array([[0.0, 0], [4, 0], [4, 4]]), 0.75, 0.25).tolist()
    [[4.0, 2.0], [4.0, 0.0], [2.0, 0.0]]
    """
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T))]
    low, high = sorted((start, end))
    inner = xy[(along > low * along[-1]) & (along < high * along[-1])]
    tips = np.array([low, high]) * along[-1]
    tip_xy = np.column_stack([np.interp(tips, along, xy[:, axis]) for axis in (0, 1)])
    out = np.concatenate([tip_xy[:1], inner, tip_xy[1:]])
    return out if start <= end else out[::-1]


def _without_repeats(xy: Floats) -> Floats:
    """Consecutive equal vertices once; a line keeps two."""
    new = np.r_[True, (xy[1:] != xy[:-1]).any(axis=1)]
    return xy[new] if new.sum() > 1 else xy[[0, -1]]
