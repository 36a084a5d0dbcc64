"""The streets table: edges between numbered nodes in a metric CRS, and its way to and from OSMnx's graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from planning.network.splitting import Bools, Floats, Ints, Pieces, places_near, places_of_osm, split

TAGS = (
    "name", "highway", "oneway", "oneway_bicycle", "maxspeed", "access", "foot", "bicycle", "vehicle", "motor_vehicle",
)  # fmt: skip
_OTHER_NAMES = {"fclass": "highway", "oneway:bicycle": "oneway_bicycle"}


@dataclass(frozen=True, eq=False)
class Streets:
    """Street edges between nodes.

    `edges`: `edge_id, u, v, length_m`, the tags (`name, highway, oneway, maxspeed, access` ...; '' where unknown) and
    `geometry`, a line from node u to node v in a metric CRS. `nodes_xy` (N, 2) metres. `dropped` counts what the source
    held that is no usable street, by reason.
    """

    edges: gpd.GeoDataFrame
    nodes_xy: Floats
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def crs(self) -> CRS:
        return CRS.from_user_input(self.edges.crs)

    def to_crs(self, crs: str | CRS) -> Streets:
        """The same streets in another metric CRS; lengths are measured anew. Raises CrsError if it isn't metric."""
        target = check_metric(crs)
        if target == self.crs:
            return self
        to = Transformer.from_crs(self.crs, target, always_xy=True)
        xy, edge = shapely.get_coordinates(self.edges.geometry.to_numpy(), return_index=True)
        ends = [self.edges[end].to_numpy() for end in ("u", "v")]
        nodes_xy = _moved(self.nodes_xy, to)
        lines = shapely.linestrings(_moved(xy, to), indices=edge)
        pieces = Pieces(np.asarray(lines), np.arange(len(self.edges)), ends[0], ends[1], nodes_xy)
        return _table(pieces, self.edges[list(TAGS)], target, self.dropped)

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """OSMnx's graph type: `x`, `y` on nodes; `length`, `geometry`, `oneway`, `reversed` and known tags on arcs."""
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=self.crs)
        graph.add_nodes_from((n, {"x": x, "y": y}) for n, (x, y) in enumerate(self.nodes_xy.tolist()))
        ahead, back = directions(self.edges["oneway"])
        lines = self.edges.geometry.to_numpy()
        tags = self.edges[[tag for tag in TAGS if tag != "oneway"]].to_dict("records")
        rows = zip(self.edges["u"], self.edges["v"], self.edges["length_m"], lines, tags, ahead, back, strict=True)
        for u, v, length, line, known, along, against in rows:
            data = {tag: value for tag, value in known.items() if value}
            data |= {"length": float(length), "oneway": not (along and against)}
            if along:
                graph.add_edge(u, v, geometry=line, reversed=False, **data)
            if against:
                graph.add_edge(v, u, geometry=shapely.reverse(line), reversed=True, **data)
        return graph

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
    lines: gpd.GeoDataFrame, *, crs: str | CRS | None = None, source: str = "streets", osm: bool = False
) -> Streets:
    """Streets from lines in any CRS.

    Lines are cut at vertices that they share, and an end joins any vertex within 0.1 m; lines that only cross (a
    bridge) stay apart. With `osm` the coordinates are OpenStreetMap's: joined only where exactly equal. `crs` None
    keeps a metric CRS and otherwise takes the UTM zone. `source` names the input in errors.

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
    pieces = split(xy, line, places_of_osm(own_xy) if osm else places_near(xy, line))
    dropped = {
        "empty": int(missing.sum()),
        "not a line": int((other & ~shapely.is_empty(parts)).sum()),
        "with impossible coordinates": int(lost.sum()),
        "without length": len(lost) - int(lost.sum()) - len(np.unique(pieces.source)),
    }
    if not len(pieces.lines):
        counts = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count) or "it is empty"
        raise InputError(Fault(source, f"no street in it ({counts})", "export the streets of the district as lines"))
    pieces = Pieces(pieces.lines, row[is_line][pieces.source], pieces.u, pieces.v, pieces.nodes_xy)
    return _table(pieces, _tags(lines), target, dropped)


def from_networkx(graph: nx.MultiDiGraph[Any], *, crs: str | CRS | None = None, source: str = "graph") -> Streets:
    """Streets from an OSMnx graph. Two opposite arcs with the same geometry become one edge, a lone arc is one-way.

    Nodes are numbered 0, 1, ... in the graph's order. Raises InputError when the graph is empty or nodes lack x and y.
    """
    places = dict(graph.nodes(data=True))
    lost = [node for node, data in places.items() if not {"x", "y"} <= data.keys()]
    if not graph.number_of_edges() or lost or "crs" not in graph.graph:
        reason = "no street in it" if not graph.number_of_edges() else "the CRS is missing"
        reason = f"{len(lost)} nodes without x and y" if lost else reason
        raise InputError(Fault(source, reason, "give a graph made by OSMnx"))
    number = {node: n for n, node in enumerate(places)}
    own_xy = np.array([(data["x"], data["y"]) for data in places.values()], dtype=float)
    arcs = list(graph.edges(data=True))
    u, v = (np.array([number[arc[end]] for arc in arcs], dtype=np.int64) for end in (0, 1))
    straight = np.asarray(shapely.linestrings(np.stack([own_xy[u], own_xy[v]], axis=1)))
    drawn = np.empty(len(arcs), dtype=object)
    drawn[:] = [arc[2].get("geometry") for arc in arcs]
    shapes = np.where(shapely.is_missing(drawn), straight, drawn)
    tags = pd.DataFrame([arc[2] for arc in arcs]).reindex(columns=[*TAGS])
    own = gpd.GeoDataFrame(tags, geometry=shapes, crs=graph.graph["crs"])
    keep, both_ways = _one_of_two_arcs(shapes, u, v)
    own["oneway"] = np.where(both_ways, "", "yes")
    own = own[keep].reset_index(drop=True)
    u, v = u[keep], v[keep]
    target = metric_crs(own, crs, source=source)
    to = Transformer.from_crs(own.crs, target, always_xy=True)
    nodes_xy = _moved(own_xy, to)
    xy, edge = shapely.get_coordinates(own.geometry.to_numpy(), return_index=True)
    xy = _moved(xy, to)
    first = np.searchsorted(edge, np.arange(len(own)))
    xy[first], xy[np.r_[first[1:], len(edge)] - 1] = nodes_xy[u], nodes_xy[v]
    lines = np.asarray(shapely.linestrings(xy, indices=edge))
    real = np.isfinite(shapely.length(lines)) & (shapely.length(lines) > 0)
    pieces = Pieces(lines[real], np.flatnonzero(real), u[real], v[real], nodes_xy)
    return _table(pieces, _tags(own), target, {"without length": int((~real).sum())})


def _one_of_two_arcs(shapes: npt.NDArray[np.object_], u: Ints, v: Ints) -> tuple[Bools, Bools]:
    """(A,) which arcs stay as edges, and which have a twin in the other direction."""
    plain = shapely.to_wkb(shapely.normalize(shapes))
    turned = shapely.to_wkb(shapes) != plain
    arcs = pd.DataFrame({"a": np.minimum(u, v), "b": np.maximum(u, v), "line": plain, "turned": turned})
    arcs["copy"] = arcs.groupby(["a", "b", "line", "turned"]).cumcount()
    same = ["a", "b", "line", "copy"]
    both_ways = arcs.groupby(same)["turned"].transform("size").to_numpy() == 2
    return ~arcs.duplicated(same).to_numpy(), both_ways


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


def _table(pieces: Pieces, tags: pd.DataFrame, crs: CRS, dropped: Mapping[str, int]) -> Streets:
    """Streets of pieces whose `source` are positions in `tags`."""
    columns = {"edge_id": np.arange(len(pieces.lines)), "u": pieces.u, "v": pieces.v}
    frame = pd.DataFrame(columns | {"length_m": shapely.length(pieces.lines)})
    known = tags.iloc[pieces.source].reset_index(drop=True)
    edges = gpd.GeoDataFrame(pd.concat([frame, known], axis=1), geometry=pieces.lines, crs=crs)
    return Streets(edges, pieces.nodes_xy, dropped)


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
