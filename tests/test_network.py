"""Streets: split where they meet, times and ways that a person can check on paper, and networkx as the slow twin."""

from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely

from hotspot.errors import ConfigError, CrsError, InputError
from planning.network import from_lines, paths, read_streets, routable, snap, travel
from planning.network.modes import WALK_KMH

CRS = "EPSG:32649"
VANCOUVER = Path(__file__).resolve().parents[2] / "shared" / "data" / "vancouver" / "streets.parquet"
MONACO = Path(__file__).resolve().parents[2] / "shared" / "data" / "osm" / "monaco.osm.gz"
WALK_MS = WALK_KMH / 3.6


def lines(*shapes, **tags):
    return gpd.GeoDataFrame(tags, geometry=[shapely.LineString(shape) for shape in shapes], crs=CRS)


def times(network, *places):
    at = snap(network, np.array(places, dtype=float), max_snap_m=50)
    return travel(network, at, at)


def test_a_crossing_with_a_shared_vertex_is_split_into_four_edges():
    cross = from_lines(lines([(0, 0), (100, 0), (200, 0)], [(100, -100), (100, 0), (100, 100)]))
    assert len(cross.edges) == 4 and len(cross.nodes_xy) == 5
    assert cross.edges["length_m"].tolist() == [100] * 4


def test_a_bridge_without_a_shared_vertex_is_not_a_crossing():
    assert len(from_lines(lines([(0, 0), (200, 0)], [(100, -100), (100, 100)])).edges) == 2


def test_dense_curves_do_not_meet_themselves():
    curve = [(x / 50, 0.0) for x in range(500)]
    assert len(from_lines(lines(curve)).edges) == 1


def test_a_walk_of_two_streets_and_the_bits_off_them():
    network = routable(from_lines(lines([(0, 0), (100, 0)], [(100, 0), (100, 100)])), "walk")
    found = times(network, (0, 10), (110, 100))
    assert found.travel_m[0, 1] == pytest.approx(10 + 200 + 10)
    assert found.travel_s[0, 1] == pytest.approx(220 / WALK_MS)


def test_of_parallel_streets_the_shorter_is_taken_never_their_sum():
    network = routable(from_lines(lines([(0, 0), (50, 80), (100, 0)], [(0, 0), (100, 0)])), "walk")
    assert times(network, (0, 0), (100, 0)).travel_m[0, 1] == pytest.approx(100)


@pytest.mark.fault("NET-03")
def test_one_way_streets_bind_cars_and_not_walkers():
    square = [(0, 0), (100, 0)], [(100, 0), (100, 100)], [(100, 100), (0, 100)], [(0, 100), (0, 0)]
    ring = from_lines(lines(*square, oneway=["yes"] * 4))
    car = times(routable(ring, "car"), (20, 0), (80, 0)).travel_m
    assert car[0, 1] == pytest.approx(60) and car[1, 0] == pytest.approx(340)
    walk = times(routable(ring, "walk"), (20, 0), (80, 0)).travel_m
    assert walk[0, 1] == walk[1, 0] == pytest.approx(60)


def test_a_place_snaps_to_the_large_component_and_too_far_is_nowhere():
    streets = from_lines(lines([(0, 0), (100, 0), (200, 0)], [(100, 0), (100, 50)], [(0, 30), (5, 30)]))
    at = snap(routable(streets, "walk"), np.array([[2.0, 28.0], [2000.0, 0.0], [np.nan, 0.0]]), max_snap_m=50)
    assert at.ok.tolist() == [True, False, False]
    assert at.distance_m[0] == pytest.approx(28)
    assert np.isinf(travel(routable(streets, "walk"), at, at).travel_s[0, 1])


def test_motorways_and_steps_bar_the_modes_they_should():
    streets = from_lines(lines([(0, 0), (100, 0)], [(100, 0), (200, 0)], highway=["steps", "residential"]))
    assert routable(streets, "ebike").core.tolist() == [False, True]
    assert routable(streets, "walk").core.all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", ["walk", "car"])
def test_times_and_ways_agree_with_networkx(seed, mode):
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, 1000, (25, 2))
    ends = rng.integers(0, 25, (70, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    streets = from_lines(
        lines(*[(spots[a], spots[b]) for a, b in ends], oneway=rng.choice(["", "yes", "-1"], len(ends)))
    )
    network = routable(streets, mode)
    graph = nx.DiGraph()
    for row, one, other in zip(streets.edges.itertuples(), network.ahead, network.back, strict=True):
        for a, b, may in ((row.u, row.v, one), (row.v, row.u, other)):
            if may:
                cost = min(network.cost_s[row.edge_id], graph.get_edge_data(a, b, {"s": np.inf})["s"])
                graph.add_edge(a, b, s=cost)
    u, v = streets.edges["u"].to_numpy()[network.core], streets.edges["v"].to_numpy()[network.core]
    inside = np.unique(np.r_[u, v])[:8]
    at = snap(network, streets.nodes_xy[inside])
    found = travel(network, at, at)
    pairs = np.array([(i, j) for i in range(len(inside)) for j in range(len(inside))])
    ways = paths(network, at, at, pairs)
    for way, (i, j) in zip(ways, pairs, strict=True):
        slow = nx.dijkstra_path_length(graph, inside[i], inside[j], weight="s")
        assert found.travel_s[i, j] == pytest.approx(slow, abs=1e-6)
        assert way.length == pytest.approx(found.travel_m[i, j], abs=1e-6)


def test_files_go_in_and_come_out_the_same(tmp_path):
    frame = lines([(500000, 4200000), (500100, 4200000)], name=["一号路"])
    for name in ("s.geojson", "s.gpkg", "s.parquet"):
        frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_crs(
            4326 if "json" in name else CRS
        ).to_file(tmp_path / name)
        streets = read_streets(tmp_path / name, crs=CRS)
        assert streets.edges["length_m"].iloc[0] == pytest.approx(100, abs=0.1)
        assert streets.edges["name"].iloc[0] == "一号路"


def test_what_cannot_be_read_is_named(tmp_path):
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type": "Feat')
    for path in (broken, tmp_path / "absent.gpkg", "https://example.org/streets.geojson", "/vsicurl/x.gpkg"):
        with pytest.raises(InputError, match="fix:"):
            read_streets(path, crs=CRS)
    with pytest.raises(CrsError, match="metre"):
        frame = lines([(500000, 4200000), (500100, 4200000)])
        frame.to_parquet(tmp_path / "fine.parquet")
        read_streets(tmp_path / "fine.parquet", crs="EPSG:4326")


def test_an_unknown_mode_names_the_known_ones():
    with pytest.raises(ConfigError, match="walk, ebike, car"):
        routable(from_lines(lines([(0, 0), (1, 1)])), "hovercraft")


@pytest.mark.skipif(not VANCOUVER.exists(), reason="shared/data/vancouver is absent")
def test_vancouver_is_connected_once_its_streets_are_joined():
    streets = read_streets(VANCOUVER, crs="EPSG:32610")
    assert streets.edges["length_m"].sum() == pytest.approx(1_447_000, rel=0.01)
    assert routable(streets, "walk").core.mean() > 0.99


@pytest.mark.skipif(not MONACO.exists(), reason="shared/data/osm is absent")
def test_an_openstreetmap_extract_is_read_with_its_tags():
    streets = read_streets(MONACO)
    assert len(streets.edges) > 1000
    assert set(streets.edges["oneway"]) >= {"yes", ""}


def test_a_graph_of_osmnx_is_read_with_its_lengths_and_one_ways(tmp_path):
    osmnx = pytest.importorskip("osmnx")
    streets = from_lines(
        lines([(500000, 4200000), (500100, 4200000)], [(500100, 4200000), (500100, 4200300)], oneway=["", "yes"])
    )
    osmnx.save_graphml(streets.to_networkx(), tmp_path / "streets.graphml")
    again = read_streets(tmp_path / "streets.graphml", crs=CRS)
    assert sorted(again.edges["length_m"].round(3)) == [100, 300]
    assert dict(zip(again.edges["length_m"].round(), again.edges["oneway"], strict=True)) == {100: "", 300: "yes"}
