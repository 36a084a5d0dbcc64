"""The ways themselves, as lines along streets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from planning.network.networks import Network
from planning.network.searching import doors, search, trace
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints
from planning.network.travel_times import STAYS, goal_nodes, join, same_place

_MOST_ENTRIES = 16_000_000  # of predecessors (origins, nodes) held at once: 64 MB


@dataclass(frozen=True, eq=False)
class Parts:
    """Stretches of edges, in travel order: `way` (a,) which way each belongs to, `edge` (a,), `start`, `end` (a,)
    fractions of its length; `start` > `end` goes against the line."""

    way: Ints
    edge: Ints
    start: Floats
    end: Floats


def paths(network: Network, origins: Snaps, destinations: Snaps, pairs: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """(p,) LineStrings for `pairs` (p, 2), rows of origins and destinations: the least-time ways of `travel`.

    Each runs from place to place, the straight bits off the street included. From a place to itself it is a line of two
    equal points. Where there is no way the line is empty.
    """
    wanted = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    lines = np.full(len(wanted), shapely.LineString(), dtype=object)
    start_xy, goal_xy = origins.place_xy[wanted[:, 0]], destinations.place_xy[wanted[:, 1]]
    on_streets = origins.ok[wanted[:, 0]] & destinations.ok[wanted[:, 1]]
    same = on_streets & same_place(start_xy, goal_xy)
    lines[same] = shapely.linestrings(np.stack([start_xy[same], goal_xy[same]], axis=1))
    asked = np.flatnonzero(on_streets & ~same)
    found = parts_of_ways(network, origins, destinations, wanted[asked])
    there = np.unique(found.way)
    xy, way = _corners(network, found)
    xy = np.concatenate([start_xy[asked[there]], xy, goal_xy[asked[there]]])
    way = np.r_[there, way, there]
    order = np.argsort(way, kind="stable")
    xy, way = xy[order], way[order]
    if len(there):
        corners, line = _without_repeats(xy, way)
        lines[asked[there]] = shapely.linestrings(corners, indices=line)
    return lines


def parts_of_ways(network: Network, origins: Snaps, destinations: Snaps, pairs: Ints) -> Parts:
    """The stretches of edges of the least-time ways between rows of origins and destinations (p, 2), in way order.

    A pair without a way has none.
    """
    starts, start = np.unique(pairs[:, 0], return_inverse=True)
    block = max(1, _MOST_ENTRIES // len(network.passable))
    blocks = [
        _parts(network, origins, destinations, pairs, np.flatnonzero((start >= low) & (start < low + block)))
        for low in range(0, len(starts), block)
    ]
    columns = [np.concatenate([getattr(part, name) for part in blocks]) if blocks else np.empty(0, dtype=kind)
               for name, kind in (("way", np.int64), ("edge", np.int64), ("start", float), ("end", float))]  # fmt: skip
    order = np.argsort(columns[0], kind="stable")
    return Parts(*(column[order] for column in columns))


def _parts(network: Network, origins: Snaps, destinations: Snaps, pairs: Ints, rows: Ints) -> Parts:
    starts, start = np.unique(pairs[rows, 0], return_inverse=True)
    goals, goal = np.unique(pairs[rows, 1], return_inverse=True)
    leaving, entering = origins.take(starts), destinations.take(goals)
    enter = doors(network, entering, leaving=False)
    nodes, node = goal_nodes(enter)
    found = search(network.arcs, doors(network, leaving, leaving=True), nodes, ways=True)
    seconds, _, door = join(network, leaving, entering, enter, found.seconds[:, node], found.metres[:, node])
    there = np.isfinite(seconds[start, goal])
    rows, start, goal = rows[there], start[there], goal[there]
    last_door = door[start, goal]
    first_edge, last_edge = leaving.edge[start], entering.edge[goal]
    leave, reach = leaving.fraction[start], entering.fraction[goal]
    stays = last_door == STAYS
    through = np.flatnonzero(~stays)
    last_node = enter.node[goal[through], last_door[through]]
    arcs, counts, first_door = trace(network.arcs, found.before, start[through], last_node)
    middle = network.arcs.forward[arcs].astype(float)
    way = np.r_[rows, np.repeat(rows[through], counts), rows[through]]
    turn = np.r_[np.zeros(len(rows)), np.ones(len(arcs)), np.full(len(through), 2)]
    leave_to = reach.copy()
    leave_to[through] = first_door
    parts = Parts(
        way,
        np.r_[first_edge, network.arcs.edge[arcs], last_edge[through]],
        np.r_[leave, 1.0 - middle, last_door[through].astype(float)],
        np.r_[leave_to, middle, reach[through]],
    )
    order = np.lexsort((turn, way))
    return Parts(parts.way[order], parts.edge[order], parts.start[order], parts.end[order])


def _corners(network: Network, parts: Parts) -> tuple[Floats, Ints]:
    """The vertices of the stretches in travel order, and the way of each."""
    xy, part = part_vertices(network.streets.edges.geometry.to_numpy()[parts.edge], parts.start, parts.end)
    return xy, parts.way[part]


def part_vertices(lines: npt.NDArray[np.object_], start: Floats, end: Floats) -> tuple[Floats, Ints]:
    """The vertices of lines (n,) between two fractions of their lengths, in that direction, and the line of each.

    At least two per line, equal where the fractions are.

    >>> line = np.array([shapely.LineString([(0, 0), (4, 0), (4, 4)])])
    >>> part_vertices(line, np.array([0.75]), np.array([0.25]))[0].tolist()
    [[4.0, 2.0], [4.0, 0.0], [2.0, 0.0]]
    """
    xy, line = shapely.get_coordinates(lines, return_index=True)
    first = np.searchsorted(line, np.arange(len(lines) + 1))
    steps = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)][: len(xy)]
    along = np.cumsum(steps)
    along -= along[first[:-1]][line]
    whole = along[first[1:] - 1]
    low, high = np.minimum(start, end) * whole, np.maximum(start, end) * whole
    inner = np.flatnonzero((along > low[line]) & (along < high[line]))
    against = end < start
    place = np.where(against[line[inner]], -inner, inner)
    tips = [_tip(lines, xy, first, fraction) for fraction in (start, end)]
    every, far = np.arange(len(lines)), len(xy)
    of = np.r_[every, line[inner], every]
    order = np.lexsort((np.r_[np.full(len(lines), -far), place, np.full(len(lines), far)], of))
    return np.concatenate([tips[0], xy[inner], tips[1]])[order], of[order].astype(np.int64)


def _tip(lines: npt.NDArray[np.object_], xy: Floats, first: Ints, fraction: Floats) -> Floats:
    """(n, 2) points at fractions of lines; their very ends at 0 and 1."""
    at = np.where((fraction == 0.0)[:, None], xy[first[:-1]], xy[first[1:] - 1])
    between = np.flatnonzero((fraction > 0.0) & (fraction < 1.0))
    points = shapely.line_interpolate_point(lines[between], fraction[between], normalized=True)
    at[between] = shapely.get_coordinates(points)
    return at


def _without_repeats(xy: Floats, way: Ints) -> tuple[Floats, Ints]:
    """Consecutive equal vertices of a way once; its first and last always, so that a line keeps two."""
    new = np.r_[True, way[1:] != way[:-1]]
    last = np.r_[new[1:], True]
    moved = np.r_[True, (xy[1:] != xy[:-1]).any(axis=1)]
    keep = new | moved
    single = np.bincount(way[keep], minlength=int(way.max()) + 1)[way] == 1
    keep |= last & single
    return xy[keep], np.cumsum(new[keep]) - 1
