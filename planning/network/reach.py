"""How far a team gets in a given time: the streets themselves, and areas drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.errors import ConfigError
from planning.network.modes import WALK_KMH
from planning.network.networks import Network
from planning.network.searching import doors, search
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints
from planning.network.ways import part_vertices

_MOST_ENTRIES = 8_000_000  # of node times (places, nodes) held at once: 128 MB with their lengths


@dataclass(frozen=True, eq=False)
class Reach:
    """The streets that each place reaches within `limit_s`, clipped where the time ends.

    `lines`: `place` (row of the places), `edge_id`, `start`, `end` (fractions of the edge's length) and geometry, one
    row per stretch; no two stretches of a place overlap. A place that is on no street has none.
    """

    lines: gpd.GeoDataFrame
    limit_s: float
    network: Network

    def polygons(self, *, width_m: float = 6.0, most_hole_m2: float = 1_000_000.0) -> gpd.GeoDataFrame:
        """One area per place that reaches anything: `place` and geometry.

        The streets, `width_m` wide on both sides, and the blocks between them; blocks with a street in them that can't
        be reached in time, and such of more than `most_hole_m2` (water, a railway yard), are holes. So every reachable
        street is inside, and next to no other.
        """
        shapes = [
            _area(self.network, rows, width_m, most_hole_m2) for _, rows in self.lines.groupby("place", sort=True)
        ]
        frame = pd.DataFrame({"place": np.unique(self.lines["place"])})
        return gpd.GeoDataFrame(frame, geometry=shapes, crs=self.lines.crs)

    def summary(self) -> str:
        places, km = self.lines["place"].nunique(), self.lines.length.sum() / 1000
        return f"{places} places reach {km:,.1f} km of street within {self.limit_s / 60:g} min"


def reach(network: Network, places: Snaps, *, limit_s: float) -> Reach:
    """The streets within `limit_s` of each place (n), the walk from the place to its street included.

    Raises ConfigError unless the limit is a finite number of 0 or more.
    """
    if not 0 <= limit_s < np.inf:
        raise ConfigError(f"limit_s is {limit_s}; fix: give a number of seconds, 0 or more")
    usable = np.flatnonzero(places.ok & (places.distance_m * 3.6 / WALK_KMH <= limit_s))
    block = max(1, _MOST_ENTRIES // len(network.passable))
    frames = [_stretches(network, places, usable[low : low + block], limit_s) for low in range(0, len(usable), block)]
    rows = pd.concat(frames, ignore_index=True) if frames else _frame([], [], [], [])
    lines = stretches_as_lines(network, rows)
    return Reach(gpd.GeoDataFrame(rows, geometry=lines, crs=network.streets.crs), limit_s, network)


def stretches_as_lines(network: Network, rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """(n,) the parts of edges (`edge_id`, `start`, `end`) as lines."""
    edges = network.streets.edges.geometry.to_numpy()[rows["edge_id"].to_numpy(dtype=np.int64)]
    xy, line = part_vertices(edges, rows["start"].to_numpy(dtype=float), rows["end"].to_numpy(dtype=float))
    return np.asarray(shapely.linestrings(xy, indices=line)) if len(xy) else np.empty(0, dtype=object)


def _stretches(network: Network, places: Snaps, rows: Ints, limit_s: float) -> pd.DataFrame:
    some = places.take(rows)
    left_s = limit_s - some.distance_m * 3.6 / WALK_KMH
    every = np.arange(len(network.passable))
    node_s = search(network.arcs, doors(network, some, leaving=True), every, limit_s=float(left_s.max())).seconds
    frames = [_of_one(network, some, k, int(row), node_s[k], left_s[k]) for k, row in enumerate(rows)]
    return pd.concat(frames, ignore_index=True)


def _of_one(network: Network, places: Snaps, k: int, row: int, node_s: Floats, left_s: float) -> pd.DataFrame:
    spare = np.where(node_s <= left_s, left_s - node_s, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_u = np.minimum(np.where(network.ahead, spare[network.u] / network.cost_s, 0.0), 1.0)
        from_v = np.minimum(np.where(network.back, spare[network.v] / network.cost_s, 0.0), 1.0)
    from_u, from_v = np.nan_to_num(from_u), np.nan_to_num(from_v)
    own = int(places.edge[k])
    parts = [(0.0, from_u[own]), (1.0 - from_v[own], 1.0), *_own_edge(network, places, k, left_s)]
    from_u[own] = from_v[own] = 0.0
    whole = np.flatnonzero(from_u + from_v >= 1.0)
    head = np.flatnonzero((from_u + from_v < 1.0) & (from_u > 0))
    tail = np.flatnonzero((from_u + from_v < 1.0) & (from_v > 0))
    merged = _merged(parts)
    edge = np.r_[whole, head, tail, np.full(len(merged), own)]
    start = np.r_[np.zeros(len(whole) + len(head)), 1.0 - from_v[tail], [part[0] for part in merged]]
    end = np.r_[np.ones(len(whole)), from_u[head], np.ones(len(tail)), [part[1] for part in merged]]
    return _frame(np.full(len(edge), row), edge, start, end)


def _own_edge(network: Network, places: Snaps, k: int, left_s: float) -> list[tuple[float, float]]:
    """What is reached along the place's own edge without leaving it."""
    edge, at = int(places.edge[k]), float(places.fraction[k])
    share = min(left_s / network.cost_s[edge], 1.0) if network.cost_s[edge] > 0 else 1.0
    ahead = (at, min(at + share, 1.0)) if network.ahead[edge] else (at, at)
    back = (max(at - share, 0.0), at) if network.back[edge] else (at, at)
    return [ahead, back]


def _merged(parts: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Intervals without overlap, in order; empty ones are dropped."""
    kept: list[tuple[float, float]] = []
    for start, end in sorted(part for part in parts if part[1] > part[0]):
        if kept and start <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end))
        else:
            kept.append((start, end))
    return kept


def _frame(place: npt.ArrayLike, edge: npt.ArrayLike, start: npt.ArrayLike, end: npt.ArrayLike) -> pd.DataFrame:
    columns = {"place": np.asarray(place, dtype=np.int64), "edge_id": np.asarray(edge, dtype=np.int64)}
    return pd.DataFrame(columns | {"start": np.asarray(start, dtype=float), "end": np.asarray(end, dtype=float)})


def _area(network: Network, reached: gpd.GeoDataFrame, width_m: float, most_hole_m2: float) -> shapely.Geometry:
    wide = shapely.buffer(reached.geometry.to_numpy(), width_m, quad_segs=2, cap_style="flat")
    others = shapely.STRtree(stretches_as_lines(network, _not_reached(network, reached)))
    filled = []
    for polygon in shapely.get_parts(shapely.union_all(wide)):
        holes = np.array([shapely.Polygon(ring) for ring in polygon.interiors], dtype=object)
        stays = shapely.area(holes) > most_hole_m2
        if len(holes):
            stays[others.query(holes, predicate="intersects")[0]] = True
        filled.append(shapely.Polygon(polygon.exterior, [hole.exterior for hole in holes[stays]]))
    return shapely.union_all(filled)


def _not_reached(network: Network, reached: pd.DataFrame) -> pd.DataFrame:
    """The stretches of all edges, barred ones too, that one place doesn't reach."""
    some = reached.sort_values(["edge_id", "start"])
    edge, start, end = (some[name].to_numpy() for name in ("edge_id", "start", "end"))
    first = np.r_[True, edge[1:] != edge[:-1]]
    last = np.r_[first[1:], True]
    before = np.where(first, 0.0, np.r_[0.0, end[:-1]])
    untouched = np.setdiff1d(np.arange(len(network.length_m)), edge)
    rows = _frame(
        np.zeros(len(untouched) + len(edge) + int(last.sum())),
        np.r_[untouched, edge, edge[last]],
        np.r_[np.zeros(len(untouched)), before, end[last]],
        np.r_[np.ones(len(untouched)), start, np.ones(int(last.sum()))],
    )
    return rows[rows["end"] > rows["start"]]
