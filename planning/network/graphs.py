"""OSMnx's graphs as tables of edges, and back again without losing what the tables have no column for."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.errors import Fault, InputError
from planning.network.splitting import Bools, Floats, Ints, great_circle_m, sums

if TYPE_CHECKING:
    import networkx as nx

Attributes = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class GraphMarks:
    """What a graph of OSMnx had besides the streets: its own CRS and attributes, those of its nodes and arcs, their ids.

    `arcs` has one pair per edge: key and attributes of the arc along its line, and of the one against it or None.
    """

    crs: str
    graph: Attributes
    node_ids: tuple[Hashable, ...]
    nodes: tuple[Attributes, ...]
    arcs: tuple[tuple[tuple[int, Attributes], tuple[int, Attributes] | None], ...]

    def to_json(self) -> str:
        """As text, for the cache; values that JSON doesn't know become texts."""
        parts = [self.crs, self.graph, self.node_ids, self.nodes, self.arcs]
        return json.dumps(parts, ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> GraphMarks:
        crs, graph, node_ids, nodes, arcs = json.loads(text)
        pairs = tuple((tuple(along), tuple(against) if against else None) for along, against in arcs)
        return cls(crs, graph, tuple(node_ids), tuple(nodes), pairs)


@dataclass(frozen=True, eq=False)
class GraphTables:
    """A graph as an edge table in its own CRS: `u, v, length_m, oneway`, its tags, geometry; and its nodes' places."""

    edges: gpd.GeoDataFrame
    nodes_xy: Floats
    marks: GraphMarks
    measured: int  # arcs whose length was missing or impossible


def tables_of(graph: nx.MultiDiGraph[Any], *, source: str) -> GraphTables:
    """One row per edge: two opposite arcs with one geometry and like attributes are one, a lone arc is one-way.

    Lengths are the graph's own; missing, negative or infinite ones are measured. Raises InputError when the graph has
    no arc, or its nodes have no x and y, or its CRS is missing.
    """
    places = dict(graph.nodes(data=True))
    _check(graph, places, source)
    number = {node: n for n, node in enumerate(places)}
    nodes_xy = np.array([(data["x"], data["y"]) for data in places.values()], dtype=float)
    arcs = list(graph.edges(keys=True, data=True))
    u, v = (np.array([number[arc[end]] for arc in arcs], dtype=np.int64) for end in (0, 1))
    shapes = _shapes([arc[3].get("geometry") for arc in arcs], nodes_xy[u], nodes_xy[v])
    length_m, measured = _lengths([arc[3].get("length") for arc in arcs], shapes, graph.graph["crs"])
    attributes = [{name: value for name, value in arc[3].items() if name != "geometry"} for arc in arcs]
    keep, twin = _edges_of_arcs(shapes, u, v, length_m, attributes)
    frame = pd.DataFrame([attributes[a] for a in keep.tolist()])
    frame = frame.drop(columns=["length", "reversed", "u", "v"], errors="ignore")
    frame = frame.assign(u=u[keep], v=v[keep], length_m=length_m[keep], oneway=np.where(twin >= 0, "", "yes"))
    shown = [_mark(arcs, attributes, a) for a in range(len(arcs))]
    pairs = tuple((shown[a], shown[b] if b >= 0 else None) for a, b in zip(keep.tolist(), twin.tolist(), strict=True))
    others = tuple({key: value for key, value in data.items() if key not in ("x", "y")} for data in places.values())
    own = {name: value for name, value in graph.graph.items() if name != "crs"}
    marks = GraphMarks(str(graph.graph["crs"]), own, tuple(places), others, pairs)
    return GraphTables(
        gpd.GeoDataFrame(frame, geometry=shapes[keep], crs=graph.graph["crs"]), nodes_xy, marks, measured
    )


def graph_of(edges: gpd.GeoDataFrame, nodes_xy: Floats, marks: GraphMarks | None, along: Bools, against: Bools,
             tags: Sequence[str]) -> nx.MultiDiGraph[Any]:  # fmt: skip
    """The graph of an edge table whose geometry and nodes are already in the graph's CRS.

    Without `marks` nodes are numbered, and arcs have the `tags` that aren't empty.
    """
    import networkx as nx  # a third of a second that only graphs need

    graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph(crs=edges.crs, **(marks.graph if marks else {}))
    ids: Sequence[Hashable] = marks.node_ids if marks else range(len(nodes_xy))
    known = marks.nodes if marks else [{}] * len(nodes_xy)
    places = zip(ids, nodes_xy.tolist(), known, strict=True)
    graph.add_nodes_from((node, {"x": x, "y": y, **data}) for node, (x, y), data in places)
    lines = edges.geometry.to_numpy()
    turned = shapely.reverse(lines)
    pairs = marks.arcs if marks else _plain_arcs(edges, along, against, tags)
    ends = zip(edges["u"].to_numpy().tolist(), edges["v"].to_numpy().tolist(), lines, turned, pairs, strict=True)
    for u, v, line, back, (ahead, behind) in ends:
        for start, end, shape, arc in ((ids[u], ids[v], line, ahead), (ids[v], ids[u], back, behind)):
            if arc is not None:
                key, data = arc
                drawn = {} if data.get(_STRAIGHT) else {"geometry": shape}
                told = {name: value for name, value in data.items() if name != _STRAIGHT}
                graph.add_edge(start, end, key=None if key < 0 else key, **told, **drawn)
    return graph


_STRAIGHT = "__straight__"  # of an arc that had no geometry: the straight line between its nodes


def _check(graph: nx.MultiDiGraph[Any], places: Mapping[Hashable, Attributes], source: str) -> None:
    lost = [node for node, data in places.items() if not {"x", "y"} <= data.keys()]
    if graph.number_of_edges() and not lost and "crs" in graph.graph:
        return
    reason = "no street in it" if not graph.number_of_edges() else "the CRS is missing"
    reason = f"{len(lost)} nodes without x and y" if lost else reason
    raise InputError(Fault(source, reason, "give a graph made by OSMnx"))


def _mark(arcs: Sequence[Any], attributes: Sequence[Attributes], a: int) -> tuple[int, Attributes]:
    straight = {} if "geometry" in arcs[a][3] else {_STRAIGHT: True}
    return int(arcs[a][2]), {**attributes[a], **straight}


def _shapes(drawn: Sequence[object], start: Floats, end: Floats) -> npt.NDArray[np.object_]:
    shapes = np.empty(len(drawn), dtype=object)
    shapes[:] = drawn
    straight = np.asarray(shapely.linestrings(np.stack([start, end], axis=1)))
    shapes = np.where(shapely.is_missing(shapes), straight, shapes)
    tips = [shapely.get_coordinates(shapely.get_point(shapes, at)) for at in (0, -1)]
    off = [np.hypot(*(tips[0] - a).T) + np.hypot(*(tips[1] - b).T) for a, b in ((start, end), (end, start))]
    return np.where(off[0] > off[1], shapely.reverse(shapes), shapes)  # drawn against the arc's direction


def _lengths(told: Sequence[object], shapes: npt.NDArray[np.object_], crs: object) -> tuple[Floats, int]:
    """(A,) metres, and how many had to be measured."""
    own = np.array([each if isinstance(each, int | float) else np.nan for each in told], dtype=float)
    bad = ~(np.isfinite(own) & (own >= 0))
    if bad.any():
        own[bad] = measured_m(shapes[bad], geographic=gpd.GeoSeries([], crs=crs).crs.is_geographic)
    return own, int(bad.sum())


def measured_m(lines: npt.NDArray[np.object_], *, geographic: bool) -> Floats:
    """(n,) lengths on the ground of lines in degrees or in metres."""
    if not geographic:
        return np.asarray(shapely.length(lines), dtype=float)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    within = line[1:] == line[:-1]
    return sums(line[1:][within], great_circle_m(xy[:-1], xy[1:])[within], count=len(lines))


def _edges_of_arcs(
    shapes: npt.NDArray[np.object_], u: Ints, v: Ints, length_m: Floats, attributes: Sequence[Attributes]
) -> tuple[Ints, Ints]:
    """(E,) the arcs that stay as edges, and the arc of each that goes the other way, or -1."""
    plain = shapely.to_wkb(shapely.normalize(shapes))
    arcs = pd.DataFrame({"a": np.minimum(u, v), "b": np.maximum(u, v), "line": plain})
    arcs["metres"], arcs["like"] = length_m.round(5), [_likeness(each) for each in attributes]
    arcs["turned"] = shapely.to_wkb(shapes) != plain
    arcs["copy"] = arcs.groupby(list(arcs.columns)).cumcount()
    same = arcs.groupby(["a", "b", "line", "metres", "like", "copy"], sort=False).ngroup().to_numpy()
    first = np.unique(same, return_index=True)[1]
    keep = np.sort(first)
    again = np.setdiff1d(np.arange(len(arcs)), keep)
    twin_of = np.full(len(arcs), -1, dtype=np.int64)
    twin_of[first[same[again]]] = again
    return keep.astype(np.int64), twin_of[keep]


def _likeness(attributes: Attributes) -> str:
    """Equal for the two arcs of one edge: their lists may differ in order, their lengths in the last bit."""
    told = {k: sorted(map(str, v)) if isinstance(v, list) else v for k, v in attributes.items()}
    return str(sorted((k, str(v)) for k, v in told.items() if k not in ("length", "reversed", "key")))


def _plain_arcs(edges: gpd.GeoDataFrame, along: Bools, against: Bools, tags: Sequence[str]) -> Any:
    columns = [edges[tag].to_numpy().tolist() for tag in tags]
    both = along & against
    for e, (length, *values) in enumerate(zip(edges["length_m"].to_numpy().tolist(), *columns, strict=True)):
        data = {tag: value for tag, value in zip(tags, values, strict=True) if value}
        data |= {"length": length, "oneway": not both[e]}
        yield (
            (-1, data | {"reversed": False}) if along[e] else None,
            (-1, data | {"reversed": True}) if against[e] else None,
        )
