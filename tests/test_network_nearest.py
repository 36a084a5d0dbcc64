"""The nearest street by the packed tree, against shapely's."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from planning.network import from_lines, nearest_edges, routable, snap

CRS = "EPSG:32649"


def streets_of(*lines, **tags):
    return from_lines(gpd.GeoDataFrame(tags, geometry=[shapely.LineString(line) for line in lines], crs=CRS))


def some_streets(seed: int, count: int):
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 5000, (count, 1, 2))
    return streets_of(*(starts + np.cumsum(rng.normal(0, 60, (count, 6, 2)), axis=1)))


@pytest.mark.parametrize("count", [1, 3, 40, 1500])
def test_distances_equal_those_of_shapely_near_and_far(count):
    streets = some_streets(count, count)
    rng = np.random.default_rng(9)
    xy = np.concatenate([rng.uniform(-500, 5500, (400, 2)), rng.uniform(-1e6, 1e6, (40, 2))])
    edge, metres = nearest_edges(streets, xy)
    points = shapely.points(xy)
    lines = streets.edges.geometry.to_numpy()
    _, slow = shapely.STRtree(lines).query_nearest(points, return_distance=True, all_matches=False)
    np.testing.assert_allclose(metres, slow, rtol=1e-9)
    np.testing.assert_allclose(shapely.distance(points, lines[edge]), slow, rtol=1e-9)


@given(st.lists(st.tuples(st.integers(-3, 9), st.integers(-3, 9)), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_of_equally_near_edges_the_first_is_taken(places):
    streets = streets_of([(0, 0), (4, 0)], [(4, 0), (4, 4)], [(4, 0), (8, 0)])
    edge, metres = nearest_edges(streets, np.array(places, dtype=float))
    slow = shapely.distance(shapely.points(places)[:, None], streets.edges.geometry.to_numpy()[None])
    np.testing.assert_allclose(metres, slow.min(axis=1))
    ties = np.isclose(slow, slow.min(axis=1)[:, None], rtol=0, atol=1e-12)
    assert edge.tolist() == ties.argmax(axis=1).tolist()


def test_nan_and_nothing_are_near_nothing():
    streets = streets_of([(0, 0), (4, 0)])
    edge, metres = nearest_edges(streets, [(np.nan, 1.0), (np.inf, 0.0)])
    assert edge.tolist() == [-1, -1] and np.isinf(metres).all()
    assert nearest_edges(streets, np.empty((0, 2)))[0].tolist() == []


def test_the_limit_of_snapping_is_inclusive():
    network = routable(streets_of([(0, 0), (100, 0)]), "walk")
    assert snap(network, [(50.0, 30.0)], max_snap_m=30.0).ok.tolist() == [True]
    assert snap(network, [(50.0, 30.001)], max_snap_m=30.0).ok.tolist() == [False]
