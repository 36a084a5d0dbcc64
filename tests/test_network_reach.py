"""How far one gets: stretches by hand and by sampling, areas that hold them, and who is first."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from hotspot.errors import ConfigError
from planning.network import catchments, from_lines, nearest_place, reach, read_streets, routable, snap, travel

CRS = "EPSG:32649"
WALK_MS = 4.5 / 3.6
MONACO = Path(__file__).parents[2] / "shared" / "data" / "osm" / "monaco.osm.gz"


def streets_of(*lines, **tags):
    return from_lines(gpd.GeoDataFrame(tags, geometry=[shapely.LineString(line) for line in lines], crs=CRS))


def stretches(found):
    rows = found.lines.sort_values(["place", "edge_id", "start"])
    return [(r.place, r.edge_id, round(r.start, 6), round(r.end, 6)) for r in rows.itertuples()]


def cross():
    return streets_of([(0, 0), (1000, 0), (2000, 0)], [(1000, -1000), (1000, 0), (1000, 1000)])


def test_a_walker_turns_at_the_crossing_and_stops_where_the_time_ends():
    network = routable(cross(), "walk")
    found = reach(network, snap(network, [(800.0, 0.0)]), limit_s=500 / WALK_MS)
    assert stretches(found) == [(0, 0, 0.3, 1), (0, 1, 0, 0.3), (0, 2, 0.7, 1), (0, 3, 0, 0.3)]
    assert found.lines.length.sum() == pytest.approx(700 + 900)


def test_the_walk_to_the_street_is_paid_first_and_too_far_reaches_nothing():
    network = routable(cross(), "walk")
    found = reach(network, snap(network, [(800.0, 100.0), (0.0, 290.0)]), limit_s=250 / WALK_MS)
    assert stretches(found) == [(0, 0, 0.65, 0.95)]
    assert len(found.polygons()) == 1 and found.polygons()["place"].tolist() == [0]


def test_a_car_follows_the_one_way_and_stretches_never_overlap():
    square = streets_of([(0, 0), (500, 0)], [(500, 0), (500, 500)], [(500, 500), (0, 500)], [(0, 500), (0, 0)],
                        oneway=["yes"] * 4)  # fmt: skip
    network = routable(square, "car", speeds={"*": 36.0, "residential": 36.0})
    at = snap(network, [(250.0, 0.0)])
    assert stretches(reach(network, at, limit_s=60.0)) == [(0, 0, 0.5, 1), (0, 1, 0, 0.7)]
    everything = reach(network, at, limit_s=1e6)
    assert everything.lines.length.sum() == pytest.approx(2000)


@pytest.mark.parametrize("mode", ["walk", "car"])
def test_what_is_reached_is_what_travel_reaches(mode):
    rng = np.random.default_rng(5)
    spots = rng.uniform(0, 1500, (30, 2))
    ends = [pair for pair in rng.integers(0, 30, (75, 2)) if pair[0] != pair[1]]
    streets = streets_of(*[spots[pair] for pair in ends], oneway=rng.choice(["", "yes"], len(ends)))
    network = routable(streets, mode)
    origin = snap(network, rng.uniform(0, 1500, (1, 2)), max_snap_m=1000)
    limit_s = 300.0 if mode == "walk" else 60.0
    found = reach(network, origin, limit_s=limit_s + float(origin.distance_m[0]) / WALK_MS)
    core = np.flatnonzero(network.core)
    edge = rng.choice(core, 400)
    lines = streets.edges.geometry.to_numpy()[edge]
    share = rng.uniform(0.01, 0.99, len(edge))
    goals = snap(network, shapely.get_coordinates(shapely.line_interpolate_point(lines, share, normalized=True)))
    seconds = travel(network, origin, goals).travel_s[0]
    rows = found.lines
    for edge, fraction, taken in zip(goals.edge, goals.fraction, seconds, strict=True):
        own = rows[rows["edge_id"] == edge]
        inside = bool(((own["start"] <= fraction) & (fraction <= own["end"])).any())
        if abs(taken - found.limit_s) > 0.01:
            assert inside == (taken <= found.limit_s)


def test_a_block_with_an_unreached_street_stays_a_hole_and_an_empty_one_does_not():
    ring = [(0, 0), (300, 0), (300, 300), (0, 300), (0, 0)]
    plain = routable(streets_of(ring), "walk")
    at = snap(plain, [(0.0, 0.0)])
    assert reach(plain, at, limit_s=3600).polygons().geometry[0].area == pytest.approx(312 * 312, rel=0.01)
    yard = routable(streets_of(ring, [(100, 150), (200, 150)]), "walk")
    area = reach(yard, snap(yard, [(0.0, 0.0)]), limit_s=3600).polygons().geometry[0]
    assert not area.contains(shapely.Point(150, 150)) and area.area == pytest.approx(312**2 - 288**2, rel=0.01)


def test_an_impossible_limit_is_refused():
    network = routable(cross(), "walk")
    for limit_s in (-1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="limit_s"):
            reach(network, snap(network, [(0.0, 0.0)]), limit_s=limit_s)


@pytest.mark.skipif(not MONACO.exists(), reason="shared/data/osm is absent")
@pytest.mark.parametrize("minutes", [10, 60])
def test_areas_hold_what_is_reached_and_next_to_nothing_else(minutes):
    network = routable(read_streets(MONACO), "walk")
    streets = network.streets.edges.geometry.to_numpy()
    at = snap(network, [network.streets.nodes_xy.mean(axis=0)], max_snap_m=2000)
    found = reach(network, at, limit_s=minutes * 60)
    area = found.polygons().geometry[0]
    reached_m = found.lines.length.sum()
    inside_m = shapely.length(shapely.intersection(found.lines.geometry.to_numpy(), area)).sum()
    enclosed_m = shapely.length(shapely.intersection(streets, area)).sum()
    assert inside_m >= 0.98 * reached_m
    assert enclosed_m - inside_m <= 0.06 * enclosed_m


def test_each_node_belongs_to_the_place_that_is_there_first():
    rng = np.random.default_rng(2)
    spots = rng.uniform(0, 3000, (60, 2))
    ends = [pair for pair in rng.integers(0, 60, (160, 2)) if pair[0] != pair[1]]
    network = routable(streets_of(*[spots[pair] for pair in ends], oneway=rng.choice(["", "yes"], len(ends))), "car")
    places = snap(network, rng.uniform(0, 3000, (5, 2)), max_snap_m=1000)
    found = nearest_place(network, places)
    inside = np.unique(np.r_[network.u[network.core], network.v[network.core]])
    nodes = snap(network, network.streets.nodes_xy[inside])
    slow = travel(network, places, nodes).travel_s
    np.testing.assert_allclose(found.seconds[inside], slow.min(axis=0), rtol=1e-9)
    first = slow[found.place[inside], np.arange(len(inside))]
    np.testing.assert_allclose(first, slow.min(axis=0), rtol=1e-9)


def test_catchments_share_the_area_out_and_say_how_far_it_is():
    network = routable(streets_of([(0, 0), (1000, 0)], [(0, 400), (0, 410)]), "walk")
    places = snap(network, [(0.0, 0.0), (1000.0, 0.0), (0.0, 9000.0)])
    within = shapely.box(0, -50, 1000, 50)
    found = catchments(network, places, within=within)
    assert found.frame["place"].tolist() == [0, 1]
    assert found.frame["street_km"].tolist() == pytest.approx([0.5, 0.5], abs=0.021)
    assert found.frame["most_min"].tolist() == pytest.approx([480 / WALK_MS / 60] * 2, abs=0.3)
    assert found.frame["half_min"].tolist() == pytest.approx([240 / WALK_MS / 60] * 2, abs=0.5)
    assert found.frame.area.tolist() == pytest.approx([50_000, 50_000], rel=0.05)
    assert found.frame.area.sum() == pytest.approx(within.area)
    island = catchments(network, places, within=shapely.box(-50, 390, 50, 420))
    assert island.frame.empty and island.unreached_km == pytest.approx(0.01)
    assert island.summary() == "no place reaches any street"
