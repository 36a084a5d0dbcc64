"""The engine "fast" gives the times of the core, to its rounding."""

import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from hotspot.errors import ConfigError
from planning.network import from_lines, read_streets, routable, snap, travel

MONACO = Path(__file__).parents[2] / "shared" / "data" / "osm" / "monaco.osm.gz"
PER_EDGE_S = 0.0005


def random_streets(seed: int):
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, 3000, (60, 2))
    ends = [pair for pair in rng.integers(0, 60, (150, 2)) if pair[0] != pair[1]]
    lines = [shapely.LineString(spots[pair]) for pair in ends]
    oneway = rng.choice(["", "", "yes", "-1"], len(ends))
    return from_lines(gpd.GeoDataFrame({"oneway": oneway}, geometry=lines, crs="EPSG:32649")), rng


def assert_equal(network, origins, destinations, **options):
    core = travel(network, origins, destinations, **options)
    fast = travel(network, origins, destinations, engine="fast", **options)
    assert (np.isinf(core.travel_s) == np.isinf(fast.travel_s)).all()
    reached = np.isfinite(core.travel_s)
    most = PER_EDGE_S * len(network.streets.nodes_xy)
    assert np.abs(core.travel_s[reached] - fast.travel_s[reached]).max(initial=0.0) <= most
    known = ~np.isnan(fast.travel_m)  # along one edge, and where there is no way
    np.testing.assert_allclose(fast.travel_m[known], core.travel_m[known])
    assert (known | reached).all() and not known.all()


@pytest.mark.parametrize("mode", ["walk", "car"])
@pytest.mark.parametrize("seed", range(3))
def test_the_fast_engine_gives_the_same_times(seed, mode):
    streets, rng = random_streets(seed)
    network = routable(streets, mode)
    origins, destinations = (snap(network, rng.uniform(0, 3000, (n, 2)), max_snap_m=400) for n in (20, 30))
    assert_equal(network, origins, destinations)
    assert_equal(network.reweighted(multipliers=3.0, closed=[0, 5, 9]), origins, destinations)
    assert_equal(network, origins, origins)


@pytest.mark.skipif(not MONACO.exists(), reason="shared/data/osm is absent")
def test_the_fast_engine_gives_the_same_times_in_a_real_town():
    network = routable(read_streets(MONACO), "car")
    rng = np.random.default_rng(1)
    low, high = network.streets.nodes_xy.min(axis=0), network.streets.nodes_xy.max(axis=0)
    places = snap(network, rng.uniform(low, high, (60, 2)))
    assert_equal(network, places, places)


def test_without_the_extra_the_fast_engine_says_what_to_install(monkeypatch):
    streets, _ = random_streets(0)
    network = routable(streets, "walk")
    places = snap(network, [(0.0, 0.0)], max_snap_m=3000)
    monkeypatch.setitem(sys.modules, "pyroutingkit", None)
    with pytest.raises(ConfigError, match=r"pip install 'hotspot-patrol\[fast\]'"):
        travel(network, places, places, engine="fast")
    with pytest.raises(ConfigError, match="engine 'warp' is unknown; fix: use one of: core, fast"):
        travel(network, places, places, engine="warp")
