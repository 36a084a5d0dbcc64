"""The peers' side of benchmarks/streets.py: each the way its documentation shows."""

from __future__ import annotations

import importlib
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import shapely

from planning.network import SPEEDS

WALK_MS = 4.5 / 3.6


def no_street() -> set[str]:
    """Classes that no mode may use; OSMnx's own filters leave them out of a download as well."""
    barred = [{kind for kind, kmh in SPEEDS[mode].items() if kmh == 0} for mode in SPEEDS]
    return set.intersection(*barred)


def graph_of(pbf: Path, folder: Path) -> nx.MultiDiGraph:
    """OSMnx reads XML only: osmium writes the streets of the extract as XML first."""
    osmium = importlib.import_module("osmium")
    left_out, needed, xml = no_street(), set(), folder / "streets.osm"

    def is_street(way) -> bool:
        tags = way.tags
        return "highway" in tags and tags.get("area") != "yes" and tags["highway"] not in left_out

    for way in osmium.FileProcessor(str(pbf), osmium.osm.WAY):
        if is_street(way):
            needed.update(node.ref for node in way.nodes)
    writer = osmium.SimpleWriter(str(xml))
    for item in osmium.FileProcessor(str(pbf)):
        if item.is_node() and item.id in needed:
            writer.add_node(item)
        elif item.is_way() and is_street(item):
            writer.add_way(item)
    writer.close()
    osmnx.settings.useful_tags_way = sorted({*osmnx.settings.useful_tags_way, "foot"})
    return osmnx.graph_from_xml(xml, simplify=True, retain_all=True)


def on_foot(network) -> nx.MultiDiGraph:
    """The arcs that this network of ours has, as a graph of OSMnx: both sides do the same work."""
    streets = network.streets
    graph = nx.MultiDiGraph(crs=streets.crs)
    for node, (x, y) in enumerate(streets.nodes_xy.tolist()):
        graph.add_node(node, x=x, y=y)
    lines = streets.edges.geometry.to_numpy()
    turned = shapely.reverse(lines)
    for e in np.flatnonzero((network.ahead | network.back) & network.passable[network.u] & network.passable[network.v]):
        u, v, length = int(network.u[e]), int(network.v[e]), float(network.length_m[e])
        if network.ahead[e]:
            graph.add_edge(u, v, length=length, s=float(network.cost_s[e]), geometry=lines[e])
        if network.back[e]:
            graph.add_edge(v, u, length=length, s=float(network.cost_s[e]), geometry=turned[e])
    return graph


def with_seconds(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    nx.set_edge_attributes(graph, {arc: graph.edges[arc]["length"] / WALK_MS for arc in graph.edges(keys=True)}, "s")
    return graph


def times_and_paths(graph, sources: list, targets: list, pairs: np.ndarray) -> tuple[np.ndarray, gpd.GeoSeries]:
    """Times from all sources to all targets, and the lines of some pairs."""
    times, routes = np.full((len(sources), len(targets)), np.inf), []
    for row, source in enumerate(sources):
        seconds, paths = nx.single_source_dijkstra(graph, source, weight="s")
        times[row] = [seconds.get(target, np.inf) for target in targets]
        routes.append([paths.get(targets[column]) for column in pairs[pairs[:, 0] == row, 1]])
    found = [route for some in routes for route in some if route and len(route) > 1]
    parts = [osmnx.routing.route_to_gdf(graph, route, weight="s").geometry for route in found]
    return times, gpd.GeoSeries([shapely.line_merge(shapely.union_all(part)) for part in parts])


def times_only(graph, sources: list, targets: list) -> np.ndarray:
    rows = [nx.single_source_dijkstra_path_length(graph, source, weight="s") for source in sources]
    return np.array([[row.get(target, np.inf) for target in targets] for row in rows])


def igraph_of(graph):
    igraph = importlib.import_module("igraph")
    number = {node: n for n, node in enumerate(graph)}
    arcs = [(number[a], number[b], s) for a, b, s in graph.edges(data="s")]
    own = igraph.Graph(n=len(number), edges=[arc[:2] for arc in arcs], directed=True)
    own.es["s"] = [arc[2] for arc in arcs]
    return own, number


def pandana_of(graph):
    pandana = importlib.import_module("pandana")
    nodes, edges = osmnx.graph_to_gdfs(graph, node_geometry=False, fill_edge_geometry=False)
    edges = edges.reset_index()
    return pandana.Network(nodes["x"], nodes["y"], edges["u"], edges["v"], edges[["s"]], twoway=False)


def isochrone(graph, node, limit_s: float) -> shapely.Geometry:
    """The hull of the nodes within reach, as OSMnx's example of isochrones draws it."""
    reached = nx.ego_graph(graph, node, radius=limit_s, distance="s")
    return shapely.MultiPoint([(data["x"], data["y"]) for _, data in reached.nodes(data=True)]).convex_hull
