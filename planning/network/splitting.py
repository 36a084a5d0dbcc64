"""Lines become edges between numbered nodes: cut where they share a vertex, joined where their ends meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

EARTH_RADIUS_M = 6_371_009.0  # OSMnx's, so that lengths are the same
MEET_M = 0.1  # a line's end this near to another vertex is at it: digitised ends are rarely equal to the bit
_SAME_M = 0.001
_OSM_DEGREE = 1e-7  # OpenStreetMap stores no finer coordinates, so equal ones are one node


@dataclass(frozen=True, eq=False)
class Pieces:
    """`lines` (E,) from node `u` to node `v` (E,), `source` (E,) the row each was cut from, `nodes_xy` (N, 2).

    `length_m` (E,) is the length on the ground.
    """

    lines: npt.NDArray[np.object_]
    source: Ints
    u: Ints
    v: Ints
    nodes_xy: Floats
    length_m: Floats


def split(xy: Floats, line: Ints, place: Ints, *, lonlat: Floats | None = None, at: Bools | None = None) -> Pieces:
    """Cut lines at every place that is visited more than once, and at the vertices `at` (V,).

    `xy` (V, 2) vertices in metres, `line` (V,) non-decreasing line numbers, `place` (V,) equal where vertices are at
    one place. An edge begins and ends exactly at its nodes, so edges that meet have no gap. A line that never leaves
    its first place gives no edge. With `lonlat` (V, 2) degrees, lengths are sums of great-circle steps, as OSMnx
    measures them; else they are those of the plane.

    >>> cross = np.array([[0.0, 0], [5, 0], [9, 0], [5, 0], [5, 7]])
    >>> pieces = split(cross, np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 1, 3]))
    >>> [line.wkt for line in pieces.lines], pieces.source.tolist()
    (['LINESTRING (0 0, 5 0)', 'LINESTRING (5 0, 9 0)', 'LINESTRING (5 0, 5 7)'], [0, 0, 1])
    """
    moved = _moving(line, place)
    xy, line, place = xy[moved], line[moved], place[moved]
    if not len(xy):
        none = np.empty(0, dtype=np.int64)
        return Pieces(np.empty(0, dtype=object), none, none, none, np.empty((0, 2)), np.empty(0))
    begins = np.r_[True, line[1:] != line[:-1]]
    ends = np.r_[begins[1:], True]
    wanted = np.zeros(len(xy), dtype=bool) if at is None else at[moved]
    cut = (wanted | (np.bincount(place)[place] > 1)) & ~begins & ~ends
    vertex = np.repeat(np.arange(len(xy)), 1 + cut)  # a cut vertex ends one edge and begins the next
    second = np.r_[False, vertex[1:] == vertex[:-1]]
    edge = np.cumsum(begins[vertex] | second) - 1
    first = np.flatnonzero(np.r_[True, edge[1:] != edge[:-1]])
    last = np.r_[first[1:], len(edge)] - 1
    _, seen, node = np.unique(place[vertex[np.r_[first, last]]], return_index=True, return_inverse=True)
    nodes_xy = xy[vertex[np.r_[first, last][seen]]]
    u, v = np.split(node.ravel().astype(np.int64), 2)
    corners = xy[vertex]
    corners[first], corners[last] = nodes_xy[u], nodes_xy[v]
    if lonlat is None:
        steps_m = np.hypot(*np.diff(corners, axis=0).T)
    else:
        turns = lonlat[moved][vertex]
        steps_m = great_circle_m(turns[:-1], turns[1:])
    within = edge[1:] == edge[:-1]
    length_m = sums(edge[1:][within], steps_m[within], count=len(first))
    lines = np.asarray(shapely.linestrings(corners, indices=edge))
    return Pieces(lines, line[vertex[first]], u, v, nodes_xy, length_m)


def sums(group: Ints, weights: Floats, *, count: int) -> Floats:
    """(count,) the sum of the weights of each group."""
    return np.bincount(group, weights=weights, minlength=count).astype(np.float64)


def _moving(line: Ints, place: Ints) -> Bools:
    """(V,) vertices at another place than the one before, of lines that have at least two of them."""
    moved = np.ones(len(line), dtype=bool)
    moved[1:] = (line[1:] != line[:-1]) | (place[1:] != place[:-1])
    return moved & (np.bincount(line[moved], minlength=1)[line] > 1) if len(line) else moved


def great_circle_m(a: Floats, b: Floats) -> Floats:
    """(n,) metres between longitudes and latitudes (n, 2) by the haversine formula, on the sphere that OSMnx takes.

    >>> great_circle_m(np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]])).round(1).tolist()
    [111195.1]
    """
    (lon_a, lat_a), (lon_b, lat_b) = np.radians(a).T, np.radians(b).T
    half = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return metres


def places_of_osm(lonlat: Floats) -> Ints:
    """(V,) place numbers of OpenStreetMap vertices: equal coordinates are one node."""
    return np.unique(osm_codes(lonlat), return_inverse=True)[1].ravel().astype(np.int64)


def osm_codes(lonlat: Floats) -> Ints:
    """(V,) one whole number per place of OpenStreetMap's grid."""
    east, north = np.round(np.add(lonlat, (180.0, 90.0)) / _OSM_DEGREE).astype(np.int64).T
    codes: Ints = east * 2**31 + north
    return codes


def places_near(xy: Floats, line: Ints) -> Ints:
    """(V,) place numbers of drawn lines: equal vertices are one, as is an end within `MEET_M` of any vertex."""
    if not len(xy):
        return np.empty(0, dtype=np.int64)
    place = _numbered(np.round(xy / _SAME_M).astype(np.int64))
    _, at = np.unique(place, return_index=True)
    begins = np.r_[True, line[1:] != line[:-1]]
    is_end = np.zeros(len(at), dtype=bool)
    is_end[place[begins | np.r_[begins[1:], True]]] = True
    pairs = cKDTree(xy[at]).query_pairs(MEET_M, output_type="ndarray")
    pairs = pairs[is_end[pairs].any(axis=1)]
    same = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(at), len(at)))
    _, joined = csgraph.connected_components(same, directed=False)
    return joined[place].astype(np.int64)


def _numbered(whole: Ints) -> Ints:
    """(V,) dense numbers of distinct rows of whole coordinates (V, 2)."""
    if not len(whole):
        return np.empty(0, dtype=np.int64)
    x, y = (whole - whole.min(axis=0)).T
    packed = x * (int(y.max()) + 1) + y
    return np.unique(packed, return_inverse=True)[1].ravel().astype(np.int64)
