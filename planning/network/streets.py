"""The streets table: edges between numbered nodes in a metric CRS, and its way to and from OSMnx's graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from scipy.spatial import cKDTree

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from planning.network.access import KEYS, stopped_at_barriers
from planning.network.graphs import GraphMarks, graph_of, tables_of
from planning.network.nearest import SegmentTree, segment_tree
from planning.network.splitting import MEET_M, Bools, Floats, Ints, osm_codes, places_near, places_of_osm, split
from planning.network.topology import Topology, topology_of

if TYPE_CHECKING:
    import networkx as nx

TAGS = (
    "osmid", "name", "highway", "oneway", "oneway_bicycle", "maxspeed", "access", "foot", "bicycle", "vehicle",
    "motor_vehicle", "bridge", "tunnel",
)  # fmt: skip
_OTHER_NAMES = {"fclass": "highway", "oneway:bicycle": "oneway_bicycle", "osm_id": "osmid"}


@dataclass(frozen=True, eq=False)
class Streets:
    """Street edges between nodes.

    `edges`: `edge_id, u, v, length_m`, the tags (`osmid, name, highway, oneway, maxspeed, access` ...; '' where
    unknown) and `geometry`, a line from node u to node v in a metric CRS. `nodes_xy` (N, 2) metres. `barred`: nodes
    that a mode can't pass, by mode: a bollard, a private gate. `source_crs` is the CRS they came in. `dropped` counts
    what the source held that is no usable street, by reason.

    `length_m` is that of the line in the plane; of OpenStreetMap files the great-circle length, as OSMnx measures it
    (the two differ by up to .3 %); of OSMnx's graphs their own.
    """

    edges: gpd.GeoDataFrame
    nodes_xy: Floats
    dropped: Mapping[str, int] = field(default_factory=dict)
    barred: Mapping[str, Ints] = field(default_factory=dict)
    source_crs: str = ""
    marks: GraphMarks | None = None

    @property
    def crs(self) -> CRS:
        return CRS.from_user_input(self.edges.crs)

    @cached_property
    def topology(self) -> Topology:
        """All arcs in search order; it doesn't depend on modes and speeds."""
        u, v = (self.edges[end].to_numpy(dtype=np.int64) for end in ("u", "v"))
        return topology_of(u, v, nodes=len(self.nodes_xy))

    @cached_property
    def segments(self) -> SegmentTree:
        """The index that finds the nearest edge."""
        return segment_tree(self.edges.geometry.to_numpy())

    def to_crs(self, crs: str | CRS) -> Streets:
        """The same streets in another metric CRS; lengths stay. Raises CrsError if it isn't metric."""
        target = check_metric(crs)
        if target == self.crs:
            return self
        edges, nodes_xy = _projected(self.edges, self.nodes_xy, target)
        return replace(self, edges=edges, nodes_xy=nodes_xy)

    def to_networkx(self, *, crs: str | CRS | None = None) -> nx.MultiDiGraph[Any]:
        """OSMnx's graph type: `x`, `y` on nodes; `length`, `geometry`, `oneway`, `reversed` and known tags on arcs.

        In `crs`; None: the one that the streets came in, degrees for a file of OpenStreetMap. A graph that came from
        OSMnx has its nodes' ids, its keys and all its attributes again.
        """
        target = CRS.from_user_input(crs or self.source_crs or self.crs)
        edges, nodes_xy = _projected(self.edges, self.nodes_xy, target)
        along, against = directions(edges["oneway"])
        return graph_of(edges, nodes_xy, self.marks, along, against, [tag for tag in TAGS if tag != "oneway"])

    @classmethod
    def from_networkx(
        cls, graph: nx.MultiDiGraph[Any], *, crs: str | CRS | None = None, source: str = "graph"
    ) -> Streets:
        """Streets from an OSMnx graph. Two opposite arcs with the same geometry become one edge, a lone arc is one-way.

        Nodes are numbered 0, 1, ... in the graph's order, lengths are the graph's; where they are missing, negative or
        infinite they are measured, and counted in `dropped`. `crs` as for `from_lines`. Raises InputError when the
        graph is empty or its nodes lack x and y.
        """
        found = tables_of(graph, source=source)
        target = metric_crs(found.edges, crs, source=source)
        tags = _tags(found.edges)
        known = pd.concat([pd.DataFrame(found.edges[["u", "v", "length_m"]]).reset_index(drop=True), tags], axis=1)
        known.insert(0, "edge_id", np.arange(len(known)))
        own = gpd.GeoDataFrame(known, geometry=found.edges.geometry.to_numpy(), crs=found.edges.crs)
        edges, nodes_xy = _projected(own, found.nodes_xy, target)
        real = np.isfinite(edges.length.to_numpy())
        dropped = {"with impossible coordinates": int((~real).sum()), "lengths measured anew": found.measured}
        marks = found.marks
        if not real.all():
            marks = replace(marks, arcs=tuple(marks.arcs[e] for e in np.flatnonzero(real)))
            edges = edges[real].reset_index(drop=True)
            edges["edge_id"] = np.arange(len(edges))
        if not len(edges):
            raise InputError(Fault(source, "no street in it", "give a graph made by OSMnx"))
        barred = _barred_nodes(marks.nodes)
        return cls(edges, nodes_xy, dropped, barred, source_crs=found.marks.crs, marks=marks)

    def summary(self) -> str:
        km = self.edges["length_m"].sum() / 1000
        lost = ", ".join(f"{count:,} {reason}" for reason, count in self.dropped.items() if count)
        told = f"{len(self.edges):,} street edges, {len(self.nodes_xy):,} nodes, {km:,.0f} km"
        return told + (f"; left out: {lost}" if lost else "")


def directions(oneway: pd.Series) -> tuple[Bools, Bools]:
    """(E,) whether an edge may be driven along its line, and against it.

    >>> [flags.tolist() for flags in directions(pd.Series(["", "yes", "-1", "no"]))]
    [[True, True, False, True], [True, False, True, True]]
    """
    text = oneway.astype("str").str.strip().str.lower()
    against = text.isin(["-1", "reverse", "t"]).to_numpy(dtype=bool)
    along = text.isin(["yes", "true", "1", "1.0", "f"]).to_numpy(dtype=bool)
    return ~against, ~along


def from_lines(
    lines: gpd.GeoDataFrame,
    *,
    crs: str | CRS | None = None,
    source: str = "streets",
    osm: bool = False,
    barriers: gpd.GeoDataFrame | None = None,
) -> Streets:
    """Streets from lines in any CRS.

    Lines are cut at vertices that they share, and an end joins any vertex within 0.1 m; lines that only cross (a
    bridge) stay apart. With `osm` the coordinates are OpenStreetMap's: joined only where exactly equal, and `barriers`
    are its nodes with a `barrier` tag. `crs` None keeps a metric CRS and otherwise takes the UTM zone. `source` names
    the input in errors.

    Raises InputError when no line is left, CrsError when the CRS is unknown, wrong or not metric.

    >>> frame = gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 9 0)", "LINESTRING (9 0, 9 9)"]))
    >>> from_lines(frame.set_crs("EPSG:32610")).summary()
    '2 street edges, 3 nodes, 0 km'
    """
    target = metric_crs(lines, crs, source=source)
    shapes = shapely.force_2d(lines.geometry.to_numpy())
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    parts, row = shapely.get_parts(shapes, return_index=True)
    other = ~np.isin(shapely.get_type_id(parts), (1, 2))
    is_line = ~other & ~shapely.is_empty(parts)
    own_xy, line = shapely.get_coordinates(parts[is_line], return_index=True)
    xy = _moved(own_xy, Transformer.from_crs(lines.crs, target, always_xy=True))
    lost = np.zeros(int(is_line.sum()), dtype=bool)
    lost[line[~np.isfinite(xy).all(axis=1)]] = True
    usable = ~lost[line]
    own_xy, xy, line = own_xy[usable], xy[usable], line[usable]
    place = places_of_osm(own_xy) if osm else places_near(xy, line)
    at = None if barriers is None else np.isin(osm_codes(own_xy), osm_codes(_points(barriers)))
    pieces = split(xy, line, place, lonlat=own_xy if osm else None, at=at)
    dropped = {
        "empty": int(missing.sum()),
        "not a line": int((other & ~shapely.is_empty(parts)).sum()),
        "with impossible coordinates": int(lost.sum()),
        "without length": len(lost) - int(lost.sum()) - len(np.unique(pieces.source)),
    }
    if not len(pieces.lines):
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count) or "it is empty"
        raise InputError(Fault(source, f"no street in it ({counts})", "export the streets of the district as lines"))
    frame = pd.DataFrame({"edge_id": np.arange(len(pieces.lines)), "u": pieces.u, "v": pieces.v})
    known = _tags(lines).iloc[row[is_line][pieces.source]].reset_index(drop=True)
    edges = pd.concat([frame.assign(length_m=pieces.length_m), known], axis=1)
    barred = {} if barriers is None else _barred(barriers, pieces.nodes_xy, lines.crs, target)
    table = gpd.GeoDataFrame(edges, geometry=pieces.lines, crs=target)
    return Streets(table, pieces.nodes_xy, dropped, barred, source_crs=lines.crs.to_string())


def _points(frame: gpd.GeoDataFrame) -> Floats:
    return np.asarray(shapely.get_coordinates(frame.geometry.to_numpy()), dtype=float)


def _barred(barriers: gpd.GeoDataFrame, nodes_xy: Floats, crs: CRS, target: CRS) -> dict[str, Ints]:
    """The nodes that each mode can't pass."""
    xy = _moved(_points(barriers), Transformer.from_crs(crs, target, always_xy=True))
    metres, node = cKDTree(nodes_xy).query(xy, distance_upper_bound=MEET_M)
    on_street = np.isfinite(np.asarray(metres))
    tags = pd.DataFrame(barriers.drop(columns=barriers.geometry.name)).map(_text).astype("str")
    return {
        mode: np.unique(np.asarray(node, dtype=np.int64)[on_street & stopped_at_barriers(tags, mode)]) for mode in KEYS
    }


def _barred_nodes(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Ints]:
    """The same for a graph's nodes, by their attributes."""
    rows = [n for n, data in enumerate(nodes) if data.get("barrier")]
    if not rows:
        return {}
    columns = ["barrier", *dict.fromkeys(key for keys in KEYS.values() for key in keys)]
    tags = pd.DataFrame([nodes[n] for n in rows]).reindex(columns=columns).map(_text).astype("str")
    return {mode: np.array(rows, dtype=np.int64)[stopped_at_barriers(tags, mode)] for mode in KEYS}


def metric_crs(lines: gpd.GeoDataFrame, crs: str | CRS | None, *, source: str) -> CRS:
    """The wanted CRS, or the one that suits the lines: their own if metric, else their UTM zone. Raises CrsError."""
    if lines.crs is None:
        raise CrsError(Fault(source, "CRS unknown", "save the streets with their CRS (a shapefile needs its .prj)"))
    if crs is None and lines.crs.is_projected:
        return check_metric(lines.crs)
    centre = _centre(lines, source)
    zone = gpd.GeoSeries([shapely.Point(centre)], crs="EPSG:4326").estimate_utm_crs()
    return check_metric(crs, near=centre) if crs is not None else CRS.from_user_input(zone)


def _centre(lines: gpd.GeoDataFrame, source: str) -> tuple[float, float]:
    """Longitude and latitude of the middle of the lines; (0, 0) when there is no finite coordinate."""
    xy = shapely.get_coordinates(lines.geometry.to_numpy())
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        return 0.0, 0.0
    low, high = xy.min(axis=0), xy.max(axis=0)
    if lines.crs.is_geographic and (np.abs([low, high]) > [180.0, 90.0]).any():
        shown = f"{low[0]:.6g}..{high[0]:.6g}, {low[1]:.6g}..{high[1]:.6g}"
        fix = "declare the CRS that the coordinates are in, and check that longitude comes first"
        raise CrsError(Fault(source, "coordinates are not longitudes and latitudes", fix, value=shown))
    lon, lat = Transformer.from_crs(lines.crs, "EPSG:4326", always_xy=True).transform(*((low + high) / 2))
    return float(lon), float(lat)


def _tags(lines: gpd.GeoDataFrame) -> pd.DataFrame:
    """The known tags of each line as text."""
    own = lines.rename(columns={old: new for old, new in _OTHER_NAMES.items() if new not in lines.columns})
    empty = pd.Series("", index=own.index, dtype="str")
    columns = {tag: own[tag].map(_text).astype("str") if tag in own else empty for tag in TAGS}
    return pd.DataFrame(columns).reset_index(drop=True)


def _text(value: object) -> str:
    """'' for what is missing; several values, as OSMnx's simplified edges have them, are joined by semicolons."""
    if isinstance(value, list | tuple | set | np.ndarray):
        return ";".join(_text(each) for each in value)
    return "" if value is None or value is pd.NA or value != value else str(value)


def _moved(xy: Floats, to: Transformer) -> Floats:
    return np.column_stack(to.transform(xy[:, 0], xy[:, 1])).astype(float)


def _projected(edges: gpd.GeoDataFrame, nodes_xy: Floats, target: CRS) -> tuple[gpd.GeoDataFrame, Floats]:
    """Edges and nodes in another CRS; every edge begins and ends exactly at its nodes."""
    same = CRS.from_user_input(edges.crs) == target
    to = Transformer.from_crs(edges.crs, target, always_xy=True)
    places = nodes_xy if same else _moved(nodes_xy, to)
    xy, edge = shapely.get_coordinates(edges.geometry.to_numpy(), return_index=True)
    xy = xy if same else _moved(xy, to)
    first = np.searchsorted(edge, np.arange(len(edges)))
    xy[first], xy[np.r_[first[1:], len(edge)] - 1] = places[edges["u"].to_numpy()], places[edges["v"].to_numpy()]
    lines = np.asarray(shapely.linestrings(xy, indices=edge))
    return gpd.GeoDataFrame(edges.drop(columns=edges.geometry.name), geometry=lines, crs=target), places
