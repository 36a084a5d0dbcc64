"""A whole city: symmetry, barriers, isochrones and catchments where nothing is made up."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from planning.network import reach, read_streets, routable, snap, travel

OSM = Path(__file__).parents[2] / "shared" / "data" / "osm"
pytestmark = pytest.mark.skipif(not OSM.exists(), reason="shared/data/osm is absent")


@pytest.fixture(scope="module")
def porto():
    return read_streets(OSM / "porto.osm.pbf")


def some_places(network, count, seed=4):
    inside = np.unique(np.r_[network.u[network.core], network.v[network.core]])
    nodes = np.random.default_rng(seed).choice(inside, count, replace=False)
    return snap(network, network.streets.nodes_xy[nodes])


def test_walking_is_symmetric_and_driving_is_not(porto):
    walk, car = routable(porto, "walk"), routable(porto, "car")
    on_foot = travel(walk, some_places(walk, 40), some_places(walk, 40)).travel_s
    np.testing.assert_allclose(on_foot, on_foot.T, rtol=1e-9)
    driven = travel(car, some_places(car, 40), some_places(car, 40)).travel_s
    assert np.isfinite(driven).all()
    assert (np.abs(driven - driven.T) > 10).mean() > 0.5


def test_no_footway_is_faster_or_slower_than_walking(porto):
    footways = (porto.edges["highway"] == "footway").to_numpy()
    network = routable(porto, "walk")
    open_ways = footways & network.ahead
    kmh = network.length_m[open_ways] * 3.6 / network.cost_s[open_ways]
    np.testing.assert_allclose(kmh, 4.5)
    assert np.isinf(routable(porto, "car").cost_s[footways]).all()


@pytest.mark.parametrize("minutes", [10, 60])
def test_isochrones_hold_what_is_reached_and_next_to_nothing_else(porto, minutes):
    network = routable(porto, "walk")
    usable = porto.edges.geometry.to_numpy()[network.ahead | network.back]
    found = reach(network, some_places(network, 4), limit_s=minutes * 60)
    for place, area in found.polygons().set_index("place").geometry.items():
        lines = found.lines.geometry.to_numpy()[found.lines["place"] == place]
        inside_m = shapely.length(shapely.intersection(lines, area)).sum()
        near = usable[shapely.intersects(area, usable)]
        enclosed_m = shapely.length(shapely.intersection(near, area)).sum()
        assert inside_m >= 0.98 * shapely.length(lines).sum()
        assert enclosed_m - inside_m <= 0.06 * enclosed_m


@pytest.mark.parametrize(
    "name",
    ["columbus.osm.pbf", "helsinki-centre.osm.pbf", "monaco.osm.gz", "reisterstown-via-restriction.osm.pbf"],
)
def test_other_extracts_are_read_and_hold_together(name):
    streets = read_streets(OSM / name)
    for mode in ("walk", "car"):
        network = routable(streets, mode)
        usable = network.length_m[network.ahead | network.back].sum()
        assert network.length_m[network.core].sum() > 0.7 * usable  # cut extracts and gated roads leave pieces
