"""Modes, snapping, times and ways, against answers by hand and against networkx."""

from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely

from hotspot.errors import ConfigError
from planning.network import from_lines, paths, routable, snap, travel

METRIC = "EPSG:32610"
WALK_MS = 4.5 / 3.6


def streets_of(*wkt: str, **tags: list[object]):
    return from_lines(gpd.GeoDataFrame(tags, geometry=gpd.GeoSeries.from_wkt(wkt), crs=METRIC))


def go(network, start, end, **options):
    """Seconds, metres and the way between two places."""
    a, b = snap(network, [start]), snap(network, [end])
    found = travel(network, a, b, **options)
    return found.travel_s[0, 0], found.travel_m[0, 0], paths(network, a, b, [(0, 0)])[0]


SQUARE = (
    "LINESTRING (0 0, 100 0)",
    "LINESTRING (100 0, 100 100)",
    "LINESTRING (100 100, 0 100)",
    "LINESTRING (0 100, 0 0)",
)


def test_from_mid_edge_to_mid_edge_with_the_bits_off_the_street():
    network = routable(streets_of("LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 100 100)"), "walk")
    seconds, metres, way = go(network, (40, -10), (105, 30))
    assert metres == pytest.approx(10 + 60 + 30 + 5)
    assert seconds == pytest.approx(105 / WALK_MS)
    assert list(way.coords) == [(40, -10), (40, 0), (100, 0), (100, 30), (105, 30)]


def test_along_one_edge_against_the_one_way_a_car_goes_round_and_a_walker_does_not():
    streets = streets_of(*SQUARE, oneway=["yes"] * 4)
    assert go(routable(streets, "walk"), (60, 0), (20, 0))[1] == pytest.approx(40)
    car = routable(streets, "car")
    assert go(car, (20, 0), (60, 0))[1] == pytest.approx(40)
    seconds, metres, way = go(car, (60, 0), (20, 0))
    assert metres == pytest.approx(360) == way.length
    assert seconds == pytest.approx(360 / (25 / 3.6))


@pytest.mark.fault("NET-05")
def test_of_parallel_edges_the_least_counts_and_they_are_never_summed():
    streets = streets_of("LINESTRING (0 0, 50 200, 100 0)", "LINESTRING (0 0, 100 0)", "LINESTRING (-50 0, 0 0)",
                         "LINESTRING (100 0, 150 0)")  # fmt: skip
    network = routable(streets, "walk")
    assert go(network, (-50, 0), (150, 0))[1] == pytest.approx(200)
    assert len(network.arcs.edge) == 6


def test_the_quicker_of_parallel_edges_wins_although_it_is_longer():
    streets = streets_of("LINESTRING (0 0, 50 20, 100 0)", "LINESTRING (0 0, 100 0)", "LINESTRING (-50 0, 0 0)",
                         "LINESTRING (100 0, 150 0)", highway=["primary", "service", "primary", "primary"])  # fmt: skip
    _, metres, way = go(routable(streets, "car"), (-50, 0), (150, 0))
    assert metres == pytest.approx(100 + 2 * (50**2 + 20**2) ** 0.5) == way.length


@pytest.mark.fault("NET-05")
def test_a_loop_is_left_by_its_nearer_side_and_by_the_allowed_one():
    wkt = ("LINESTRING (0 0, 0 100, 100 100, 100 0, 0 0)", "LINESTRING (-100 0, 0 0)")
    walk = routable(streets_of(*wkt), "walk")
    assert go(walk, (100, 10), (-100, 0))[1] == pytest.approx(110 + 100)
    assert go(walk, (-100, 0), (100, 10))[2].length == pytest.approx(210)
    assert go(walk, (100, 10), (0, 10))[1] == pytest.approx(120)  # over the node, although both are on one edge
    car = routable(streets_of(*wkt, oneway=["yes", ""]), "car")
    assert go(car, (0, 10), (-100, 0))[1] == pytest.approx(90 + 300 + 100)
    assert go(car, (-100, 0), (100, 10))[1] == pytest.approx(100 + 290)


@pytest.mark.fault("NET-05")
def test_a_lone_loop_is_a_network_of_one_node():
    network = routable(streets_of("LINESTRING (0 0, 0 100, 100 100, 0 0)"), "walk")
    assert go(network, (0, 30), (0, 80))[1] == pytest.approx(50)


def test_a_place_to_itself_is_no_trip_even_off_the_street():
    network = routable(streets_of(*SQUARE), "walk")
    assert go(network, (50, -20), (50, -20))[:2] == (0, 0)
    assert list(go(network, (50, -20), (50, -20))[2].coords) == [(50, -20)] * 2


@pytest.mark.fault("NET-01")
def test_a_far_place_reaches_nothing_and_is_never_a_trip_of_no_time():
    network = routable(streets_of(*SQUARE), "walk")
    places = snap(network, [(50, 0), (50, -400), (np.nan, 3)], max_snap_m=300)
    assert places.ok.tolist() == [True, False, False]
    assert places.distance_m.tolist() == [0, np.inf, np.inf]
    found = travel(network, places, places)
    assert np.isinf(found.travel_s).tolist() == [[False, True, True], [True] * 3, [True] * 3]
    assert [way.is_empty for way in paths(network, places, places, [(0, 1), (2, 2)])] == [True, True]


@pytest.mark.fault("NET-02")
def test_the_island_beside_a_place_is_passed_over_and_that_is_told():
    network = routable(streets_of(*SQUARE, "LINESTRING (40 -30, 60 -30)"), "walk")
    places = snap(network, [(50, -25), (50, -1)])
    assert places.moved.tolist() == [True, False]
    assert places.distance_m.tolist() == [25, 1]
    assert "80" not in network.summary()
    assert snap(network, [(50, -25)], max_snap_m=20).ok.tolist() == [False]


def test_a_one_way_trap_is_no_place_to_start_from_by_car():
    streets = streets_of(*SQUARE, "LINESTRING (100 0, 200 0)", oneway=["", "", "", "", "yes"])
    place = snap(routable(streets, "car"), [(150, 0)])
    assert place.moved.tolist() == [True]
    assert place.street_xy.tolist() == [[100, 0]]
    assert not snap(routable(streets, "walk"), [(150, 0)]).moved.any()


def test_times_above_the_limit_are_infinite_and_others_are_unchanged():
    network = routable(streets_of("LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 1000 0)"), "walk")
    origin, goals = snap(network, [(0, 0)]), snap(network, [(90, 0), (110, 0), (900, 0)])
    found = travel(network, origin, goals, limit_s=110 / WALK_MS)
    assert found.travel_s.tolist() == [[pytest.approx(72), pytest.approx(88), np.inf]]
    assert found.travel_m.tolist() == [[pytest.approx(90), pytest.approx(110), np.inf]]


def test_access_and_one_way_exceptions_by_mode():
    streets = streets_of(
        *("LINESTRING (0 0, 36 0)",) * 5,
        highway=["residential", "residential", "steps", "footway", "primary"],
        access=["private", "no", "", "", ""],
        foot=["", "yes", "", "", ""],
        bicycle=["", "", "", "no", ""],
        oneway=["", "", "", "", "yes"],
        **{"oneway:bicycle": ["", "", "", "", "no"]},
        maxspeed=["", "", "", "", "30"],
    )
    seconds = {mode: routable(streets, mode).cost_s.tolist() for mode in ("walk", "ebike", "car")}
    slow, stairs = pytest.approx(36 / WALK_MS), pytest.approx(36 / (2.5 / 3.6))
    assert seconds["walk"] == [np.inf, slow, stairs, slow, slow]
    assert seconds["ebike"] == [np.inf, np.inf, np.inf, np.inf, pytest.approx(8.64)]
    assert seconds["car"] == [np.inf, np.inf, np.inf, np.inf, pytest.approx(4.32)]
    assert routable(streets, "ebike").back[4]
    assert not routable(streets, "car").back[4]


def test_own_speeds_replace_the_defaults_and_zero_bars():
    streets = streets_of("LINESTRING (0 0, 100 0)", "LINESTRING (0 0, 0 100)", highway=["steps", "plaza"])
    network = routable(streets, "walk", speeds={"steps": 0, "*": 3.6})
    assert network.cost_s.tolist() == [np.inf, pytest.approx(100)]
    with pytest.raises(ConfigError, match="steps: -1"):
        routable(streets, "walk", speeds={"steps": -1})
    with pytest.raises(ConfigError, match="'boat'"):
        routable(streets, "boat")


def test_a_mode_without_any_street_snaps_nothing():
    network = routable(streets_of("LINESTRING (0 0, 100 0)", highway=["steps"]), "car")
    places = snap(network, [(1, 1), (2, 2)])
    assert not places.ok.any()
    assert np.isinf(travel(network, places, places).travel_s).all()


def test_no_places_give_empty_tables():
    network = routable(streets_of(*SQUARE), "walk")
    none, one = snap(network, np.empty((0, 2))), snap(network, [(1, 1)])
    assert travel(network, none, one).travel_s.shape == (0, 1)
    assert travel(network, one, none).travel_m.shape == (1, 0)
    assert len(paths(network, none, none, [])) == 0
    with pytest.raises(ConfigError, match="shape"):
        snap(network, [(1, 2, 3)])


def random_city(seed: int):
    """A grid whose streets bend, are often one-way or doubled, and here and there missing."""
    rng = np.random.default_rng(seed)
    wkt, oneway, highway = [], [], []
    for x in range(6):
        for y in range(6):
            for dx, dy in [(1, 0), (0, 1), (1, 0)]:
                if x + dx < 6 and y + dy < 6 and rng.random() < 0.6:
                    bend = (x + dx / 2 + rng.uniform(0.05, 0.3), y + dy / 2 + rng.uniform(0.05, 0.3))
                    corners = np.array([(x, y), bend, (x + dx, y + dy)]) * 100
                    wkt.append(shapely.LineString(corners).wkt)
                    oneway.append(rng.choice(["", "", "yes", "-1"]))
                    highway.append(rng.choice(["primary", "residential", "service", "steps"]))
    return streets_of(*wkt, oneway=oneway, highway=highway), rng


def twin_seconds(network, origins, destinations):
    """The same by networkx: every place is a node of its own in the middle of its edge."""
    graph = nx.MultiDiGraph()
    places = [("o", i, origins) for i in range(len(origins.edge))] + [
        ("d", j, destinations) for j in range(len(destinations.edge))
    ]
    for edge in np.flatnonzero(network.ahead | network.back):
        on_it = sorted((float(snaps.fraction[n]), (kind, n)) for kind, n, snaps in places if snaps.edge[n] == edge)
        stops = [(0.0, int(network.u[edge])), *on_it, (1.0, int(network.v[edge]))]
        for (f, a), (g, b) in pairwise(stops):
            if network.ahead[edge] or f == g:  # a place at the very node is the node
                graph.add_edge(a, b, s=(g - f) * network.cost_s[edge])
            if network.back[edge] or f == g:
                graph.add_edge(b, a, s=(g - f) * network.cost_s[edge])
    table = np.full((len(origins.edge), len(destinations.edge)), np.inf)
    for i in range(len(table)):
        reached = nx.single_source_dijkstra_path_length(graph, ("o", i), weight="s")
        for j in range(table.shape[1]):
            off = origins.distance_m[i] + destinations.distance_m[j]
            table[i, j] = reached.get(("d", j), np.inf) + off / WALK_MS
    return table


@pytest.mark.parametrize("mode", ["walk", "ebike", "car"])
@pytest.mark.parametrize("seed", range(4))
def test_times_equal_those_of_networkx_and_ways_are_as_long_as_told(seed, mode):
    streets, rng = random_city(seed)
    network = routable(streets, mode)
    origins, destinations = (snap(network, rng.uniform(0, 500, (n, 2)), max_snap_m=1000) for n in (9, 14))
    found = travel(network, origins, destinations)
    assert np.isfinite(found.travel_s).all()
    np.testing.assert_allclose(found.travel_s, twin_seconds(network, origins, destinations), rtol=1e-9)
    pairs = np.argwhere(np.isfinite(found.travel_s))[::-1]
    ways = paths(network, origins, destinations, pairs)
    np.testing.assert_allclose(shapely.length(ways), found.travel_m[pairs[:, 0], pairs[:, 1]], rtol=1e-9)
    assert all(way.coords[0] == tuple(origins.place_xy[i]) for way, (i, _) in zip(ways, pairs, strict=True))
    assert all(way.coords[-1] == tuple(destinations.place_xy[j]) for way, (_, j) in zip(ways, pairs, strict=True))


@pytest.mark.fault("NET-03")
def test_walking_is_symmetric_and_driving_is_not():
    streets, rng = random_city(1)
    xy = rng.uniform(0, 500, (12, 2))
    tables = {}
    for mode in ("walk", "car"):
        network = routable(streets, mode)
        places = snap(network, xy, max_snap_m=1000)
        tables[mode] = travel(network, places, places).travel_s
    np.testing.assert_allclose(tables["walk"], tables["walk"].T, rtol=1e-12)
    assert np.abs(tables["car"] - tables["car"].T).max() > 5


def test_many_origins_are_searched_in_blocks_with_the_same_answer(monkeypatch):
    streets, rng = random_city(2)
    network = routable(streets, "car")
    places = snap(network, rng.uniform(0, 500, (7, 2)), max_snap_m=1000)
    whole, ways = travel(network, places, places), paths(network, places, places, [(6, 0), (0, 6), (3, 3)])
    monkeypatch.setattr("planning.network.travel_times._MOST_PAIRS", 15)
    monkeypatch.setattr("planning.network.ways._MOST_ENTRIES", 1)
    split = travel(network, places, places)
    np.testing.assert_array_equal(split.travel_s, whole.travel_s)
    np.testing.assert_array_equal(split.travel_m, whole.travel_m)
    again = paths(network, places, places, [(6, 0), (0, 6), (3, 3)])
    assert [way.wkt for way in again] == [way.wkt for way in ways]
