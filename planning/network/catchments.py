"""Who is there first: which patrol point reaches each street soonest, and how long that takes."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from planning.network.modes import WALK_KMH
from planning.network.networks import Network
from planning.network.searching import UNREACHED, Doors, doors, search
from planning.network.snapping import Snaps
from planning.network.splitting import Bools, Floats, Ints

_SMOOTH_M = 12.0


@dataclass(frozen=True, eq=False)
class Nearest:
    """The place that reaches each node soonest: `place` (N,), its row or -1, `seconds` (N,), inf where none does."""

    place: Ints
    seconds: Floats


@dataclass(frozen=True, eq=False)
class Catchments:
    """`frame`: one row per place that is first anywhere: `place` (its row), `street_km`, `half_min`, `most_min` (half of
    that street is reached within `half_min`, all of it within `most_min`), and its area as geometry.

    `unreached_km`: usable street that no place reaches.
    """

    frame: gpd.GeoDataFrame
    unreached_km: float

    def summary(self) -> str:
        if self.frame.empty:
            return "no place reaches any street"
        worst = self.frame.loc[self.frame["most_min"].idxmax()]
        told = f"{len(self.frame)} places are first somewhere; the farthest street is {worst['most_min']:.1f} min away"
        return told + (f"; {self.unreached_km:.1f} km are reached by none" if self.unreached_km > 0 else "")


def nearest_place(network: Network, places: Snaps) -> Nearest:
    """For every node of the network the place (of n) that a team from it reaches soonest, in one search.

    The walk from a place to its street counts. Of equally quick ones the first is taken.
    """
    leave = doors(network, places, leaving=True)
    off_s = np.where(places.ok, places.distance_m * 3.6 / WALK_KMH, np.inf)
    all_at_once = Doors(
        leave.node.reshape(1, -1), (leave.seconds + off_s[:, None]).reshape(1, -1), leave.metres.reshape(1, -1)
    )
    found = search(network.arcs, all_at_once, np.arange(len(network.passable)), ways=True)
    door = _roots(network, found.before[0])
    return Nearest(np.where(door >= 0, door // 2, -1), found.seconds[0])


def catchments(network: Network, places: Snaps, *, within: shapely.Geometry, step_m: float = 40.0) -> Catchments:
    """The part of `within` (an area in the network's CRS) that each place (n) is first in.

    Streets are sampled every `step_m`; the area between them belongs to the nearest sample. Streets that no place
    reaches belong to nobody and are counted.
    """
    shapely.prepare(within)
    sample = _samples(network, within, step_m)
    place, seconds = _first_at(network, places, nearest_place(network, places), sample)
    reached = place >= 0
    columns = ["place", "street_km", "half_min", "most_min"]
    if not reached.any():
        empty = gpd.GeoDataFrame(pd.DataFrame(columns=columns), geometry=[], crs=network.streets.crs)
        return Catchments(empty, float(sample.metres.sum()) / 1000)
    owners = np.unique(place[reached])
    rows = [_figures(seconds[place == each] / 60, sample.metres[place == each]) for each in owners]
    frame = pd.DataFrame([(int(each), *row) for each, row in zip(owners, rows, strict=True)], columns=columns)
    shapes = _areas(sample.xy[reached], np.searchsorted(owners, place[reached]), within)
    return Catchments(
        gpd.GeoDataFrame(frame, geometry=shapes, crs=network.streets.crs),
        float(sample.metres[~reached].sum()) / 1000,
    )


@dataclass(frozen=True, eq=False)
class _Samples:
    xy: Floats
    edge: Ints
    fraction: Floats
    metres: Floats  # of street that each stands for


def _samples(network: Network, within: shapely.Geometry, step_m: float) -> _Samples:
    edges = np.flatnonzero(network.ahead | network.back)
    lines = network.streets.edges.geometry.to_numpy()
    edges = edges[shapely.intersects(within, lines[edges])]
    count = np.maximum(1, np.ceil(network.length_m[edges] / step_m)).astype(np.int64)
    edge = np.repeat(edges, count)
    nth = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    fraction = (nth + 0.5) / np.repeat(count, count)
    points = shapely.line_interpolate_point(lines[edge], fraction, normalized=True)
    inside = shapely.intersects(within, points)
    metres = (network.length_m[edge] / np.repeat(count, count))[inside]
    return _Samples(shapely.get_coordinates(points)[inside], edge[inside], fraction[inside], metres)


def _first_at(network: Network, places: Snaps, nearest: Nearest, sample: _Samples) -> tuple[Ints, Floats]:
    """(s,) the place that is first at each sample, -1 for none, and its seconds."""
    u, v = network.u[sample.edge], network.v[sample.edge]
    cost_s = network.cost_s[sample.edge]
    by_u = np.where(network.ahead[sample.edge], nearest.seconds[u] + sample.fraction * cost_s, np.inf)
    by_v = np.where(network.back[sample.edge], nearest.seconds[v] + (1 - sample.fraction) * cost_s, np.inf)
    seconds = np.minimum(by_u, by_v)
    place = np.where(np.isfinite(seconds), np.where(by_u <= by_v, nearest.place[u], nearest.place[v]), -1)
    for row in np.flatnonzero(places.ok):  # along its own edge a place passes no node
        here = np.flatnonzero(sample.edge == places.edge[row])
        step = sample.fraction[here] - places.fraction[row]
        allowed: Bools = np.where(step >= 0, network.ahead[sample.edge[here]], network.back[sample.edge[here]])
        own_s = np.abs(step) * cost_s[here] + places.distance_m[row] * 3.6 / WALK_KMH
        better = here[allowed & (own_s < seconds[here])]
        seconds[better], place[better] = own_s[allowed & (own_s < seconds[here])], row
    return place.astype(np.int64), seconds


def _roots(network: Network, before: npt.NDArray[np.int32]) -> Ints:
    """(N,) the door from which each node is reached, -1 for none: pointers are followed by twice as far each time."""
    nodes = np.arange(len(before))
    parent = np.where(before >= 0, network.arcs.tail[np.maximum(before, 0)], nodes) if len(network.arcs.tail) else nodes
    while not np.array_equal(parent, further := parent[parent]):
        parent = further
    return np.where(before[parent] < UNREACHED, -2 - before[parent], -1).astype(np.int64)


def _figures(minutes: Floats, metres: Floats) -> tuple[float, float, float]:
    order = np.argsort(minutes)
    share = np.cumsum(metres[order]) / metres.sum()
    half = float(minutes[order][np.searchsorted(share, 0.5)])
    return float(metres.sum()) / 1000, half, float(minutes.max())


def _areas(xy: Floats, owner: Ints, within: shapely.Geometry) -> npt.NDArray[np.object_]:
    """(n,) the cells around all samples, joined by owner, with borders that neighbours share."""
    if owner.max() == 0:
        return np.array([within], dtype=object)
    points, first = np.unique(xy.round(2), axis=0, return_index=True)
    cells = shapely.get_parts(
        shapely.voronoi_polygons(shapely.multipoints(points), extend_to=shapely.envelope(within), ordered=True)
    )
    joined = np.array(
        [shapely.coverage_union_all(cells[owner[first] == each]) for each in range(int(owner.max()) + 1)], dtype=object
    )
    return np.asarray(shapely.intersection(shapely.coverage_simplify(joined, _SMOOTH_M), within))
