"""OSMnx's graphs there and back, and the same distances as on OSMnx's own graph."""

import gzip
import math
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import numpy as np
import osmnx
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse import csgraph

from hotspot.errors import InputError
from planning.network import Streets, read_streets, routable, snap, travel

MONACO = Path(__file__).parents[2] / "shared" / "data" / "osm" / "monaco.osm.gz"


def hand_made() -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph(crs="EPSG:4326", simplified=True)
    for node, (x, y, more) in {
        30: (109.70, 38.20, {"street_count": 3}),
        10: (109.71, 38.20, {}),
        20: (109.71, 38.21, {"highway": "traffic_signals"}),
    }.items():
        graph.add_node(node, x=x, y=y, **more)
    bend = shapely.LineString([(109.70, 38.20), (109.705, 38.203), (109.71, 38.20)])
    common = {"highway": ["residential", "tertiary"], "lanes": ["2", "3"], "oneway": False}
    graph.add_edge(30, 10, key=0, osmid=[1, 2], length=1000.5, reversed=False, geometry=bend, **common)
    graph.add_edge(10, 30, key=0, osmid=[2, 1], length=1000.5, reversed=True, geometry=shapely.reverse(bend), **common)
    graph.add_edge(30, 10, key=4, osmid=7, length=876.0, oneway=True, reversed=False, name="第二条路; 旁")
    graph.add_edge(10, 20, key=0, osmid=8, length=1112.0, oneway=True, reversed=False, maxspeed="40", travel_time=99.5)
    loop = shapely.LineString([(109.71, 38.21), (109.712, 38.21), (109.712, 38.212), (109.71, 38.21)])
    graph.add_edge(20, 20, key=0, osmid=9, length=700.0, oneway=False, reversed=False, geometry=loop)
    graph.add_edge(20, 20, key=1, osmid=9, length=700.0, oneway=False, reversed=True, geometry=shapely.reverse(loop))
    return graph


def assert_same(one, other):
    assert list(one.nodes) == list(other.nodes)
    assert set(one.edges(keys=True)) == set(other.edges(keys=True))
    assert dict(one.graph) == {**other.graph, "crs": one.graph["crs"]}
    for node, data in one.nodes(data=True):
        assert data.keys() == other.nodes[node].keys()
        assert (data["x"], data["y"]) == pytest.approx((other.nodes[node]["x"], other.nodes[node]["y"]), abs=1e-9)
    for *arc, data in one.edges(keys=True, data=True):
        again = other.edges[tuple(arc)]
        assert data.keys() == again.keys()
        for name, value in data.items():
            assert value.equals_exact(again[name], 1e-8) if name == "geometry" else value == again[name]


def test_nodes_keys_lengths_geometry_and_tags_come_back_as_they_were():
    graph = hand_made()
    streets = Streets.from_networkx(graph)
    assert streets.crs.to_epsg() == 32649
    assert streets.edges["length_m"].tolist() == [1000.5, 876.0, 1112.0, 700.0]
    assert streets.edges["oneway"].tolist() == ["", "yes", "yes", ""]
    assert_same(graph, streets.to_networkx())


def test_the_graph_of_a_projected_graph_is_in_its_own_crs():
    graph = osmnx.project_graph(hand_made(), to_crs="EPSG:32649")
    assert_same(graph, Streets.from_networkx(graph, crs="EPSG:4546").to_networkx())


def test_a_graph_survives_the_cache(tmp_path):
    osmnx.save_graphml(hand_made(), tmp_path / "streets.graphml")
    first = read_streets(tmp_path / "streets.graphml", cache=tmp_path / "cache")
    again = read_streets(tmp_path / "streets.graphml", cache=tmp_path / "cache")
    assert again.edges.equals(first.edges)
    assert_same(first.to_networkx(), again.to_networkx())


@pytest.mark.fault("NET-05")
@pytest.mark.parametrize("length", [-5.0, math.nan, math.inf, None])
def test_a_length_that_cannot_be_is_measured_and_counted(length):
    graph = hand_made()
    graph.edges[10, 20, 0]["length"] = length
    streets = Streets.from_networkx(graph)
    measured = streets.edges.loc[2, "length_m"]
    assert measured == pytest.approx(osmnx.distance.great_circle(38.20, 109.71, 38.21, 109.71), abs=1e-6)
    assert streets.dropped["lengths measured anew"] == 1


def test_two_nodes_at_one_place_stay_connected_by_their_edge_of_no_length():
    graph = nx.MultiDiGraph(crs="EPSG:32649")
    for node, x in ((1, 0.0), (2, 100.0), (3, 100.0), (4, 200.0)):
        graph.add_node(node, x=x, y=0.0)
    for a, b, length in ((1, 2, 100.0), (2, 3, 0.0), (3, 4, 100.0)):
        graph.add_edge(a, b, length=length)
        graph.add_edge(b, a, length=length)
    network = routable(Streets.from_networkx(graph), "walk")
    ends = snap(network, [(0.0, 0.0), (200.0, 0.0)])
    assert travel(network, ends, ends).travel_m[0, 1] == pytest.approx(200)


@pytest.mark.fault("NET-05")
def test_graphs_without_streets_places_or_crs_are_refused():
    alone = nx.MultiDiGraph(crs="EPSG:32649")
    alone.add_node(1, x=0.0, y=0.0)
    nowhere = nx.MultiDiGraph(crs="EPSG:32649")
    nowhere.add_edge(1, 2, length=1.0)
    unknown = hand_made()
    del unknown.graph["crs"]
    for graph, why in ((alone, "no street"), (nowhere, "2 nodes without x and y"), (unknown, "CRS is missing")):
        with pytest.raises(InputError, match=why):
            Streets.from_networkx(graph)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.floats(1, 900)), min_size=1, max_size=30)
)
@settings(max_examples=60, deadline=None)
def test_any_graph_comes_back(arcs):
    graph = nx.MultiDiGraph(crs="EPSG:32649")
    for node in range(6):
        graph.add_node(node, x=1000.0 * (node % 3), y=900.0 * (node // 3))
    for a, b, both, length in arcs:
        bend = shapely.LineString(
            [(1000.0 * (a % 3), 900.0 * (a // 3)), (length, length), (1000.0 * (b % 3), 900.0 * (b // 3))]
        )
        graph.add_edge(a, b, length=length, geometry=bend, oneway=not both)
        if both:
            graph.add_edge(b, a, length=length, geometry=shapely.reverse(bend), oneway=False)
    streets = Streets.from_networkx(graph)
    back = streets.to_networkx()
    assert_same(graph, back)
    assert len(streets.edges) >= (graph.number_of_edges() + 1) // 2


def only_highways(source: Path, target: Path) -> Path:
    """The ways that OSMnx's own filter would download, and their nodes."""
    root = ElementTree.fromstring(gzip.decompress(source.read_bytes()))
    no_street = {"proposed", "construction", "elevator", "platform", "raceway", "services", "rest_area", "corridor"}
    ways, needed = [], set()
    for way in root.iter("way"):
        tags = {tag.get("k"): tag.get("v") for tag in way.iter("tag")}
        if "highway" in tags and tags.get("area") != "yes" and tags["highway"] not in no_street - {"corridor"}:
            ways.append(way)
            needed |= {nd.get("ref") for nd in way.iter("nd")}
    out = ElementTree.Element("osm", version="0.6")
    out.extend([node for node in root.iter("node") if node.get("id") in needed])
    out.extend(ways)
    target.write_bytes(ElementTree.tostring(out))
    return target


def matrix_of(graph):
    """Least arcs, and the number of each place; nodes at one place are one, as a layer of lines knows no others."""
    place_of = {node: (round(data["x"] * 1e7), round(data["y"] * 1e7)) for node, data in graph.nodes(data=True)}
    number = {place: n for n, place in enumerate(dict.fromkeys(place_of.values()))}
    least: dict[tuple[int, int], float] = {}
    for a, b, length in graph.edges(data="length"):
        arc = (number[place_of[a]], number[place_of[b]])
        if arc[0] != arc[1]:
            least[arc] = min(length, least.get(arc, math.inf))
    (rows, columns), metres = np.array(list(least)).T, list(least.values())
    return sparse.csr_array((metres, (rows, columns)), shape=(len(number), len(number))), number


@pytest.mark.skipif(not MONACO.exists(), reason="shared/data/osm is absent")
def test_distances_equal_those_on_osmnx_own_graph_of_the_same_file(tmp_path):
    # not simplified: of two edges between nodes that it takes out OSMnx keeps the first, not the shorter one
    graph = osmnx.graph_from_xml(only_highways(MONACO, tmp_path / "m.osm"), retain_all=True, simplify=False)
    theirs, at_theirs = matrix_of(graph)
    ours, at_ours = matrix_of(read_streets(MONACO).to_networkx())
    common = sorted(at_theirs.keys() & at_ours.keys())
    assert len(common) > 0.99 * len(at_ours)
    one, other = [at_theirs[place] for place in common], [at_ours[place] for place in common]
    a = csgraph.dijkstra(theirs, indices=one[::40])[:, one]
    b = csgraph.dijkstra(ours, indices=other[::40])[:, other]
    assert (np.isinf(a) == np.isinf(b)).all()
    assert np.abs(a[np.isfinite(a)] - b[np.isfinite(a)]).max() < 1e-3
