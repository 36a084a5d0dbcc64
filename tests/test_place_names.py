"""A stop in words: the street it lies on and the nearest crossing of two streets with names."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from planning.network import from_lines
from planning.output.place_names import Place, place_columns, places_of

CRS = "EPSG:32649"
EAST, NORTH = 500_000.0, 4_230_000.0


def town(main="Main St", cross="2nd Ave", lane=None):
    """Main St from west to east, 2nd Ave from south to north through the origin, a lane 500 m further east."""
    lines = [
        ([(-600, 0), (0, 0)], main), ([(0, 0), (500, 0)], main), ([(500, 0), (900, 0)], main),
        ([(0, -600), (0, 0)], cross), ([(0, 0), (0, 600)], cross), ([(500, 0), (500, 400)], lane),
    ]  # fmt: skip
    shapes = [shapely.LineString(np.add(line, (EAST, NORTH))) for line, _ in lines]
    names = {"name": [name for _, name in lines], "highway": "residential"}
    return from_lines(gpd.GeoDataFrame(names, geometry=shapes, crs=CRS))


def told(streets, x, y, language="en"):
    points = gpd.GeoSeries([shapely.Point(EAST + x, NORTH + y)], crs=CRS)
    return place_columns(streets, points, language=language)["place"][0]


def test_a_place_at_a_crossing_is_called_after_both_streets():
    assert told(town(), 10, 15) == "2nd Ave × Main St"
    assert told(town(), 10, 15, "zh") == "2nd Ave × Main St路口"


def test_a_place_along_a_street_is_so_far_from_its_crossing_in_that_direction():
    assert told(town(), 180, 3) == "Main St, 180 m east of 2nd Ave"
    assert told(town(), -3, -240) == "2nd Ave, 240 m south of Main St"
    assert told(town("建业路", "创业大道"), -180, 0, "zh") == "建业路（创业大道路口西方向180米）"


def test_the_crossing_of_the_own_street_goes_before_a_nearer_one():
    streets = town(lane="Lane")
    assert told(streets, 500, 250) == "Lane, 250 m north of Main St"
    assert told(streets, 3, 330) == "2nd Ave, 330 m north of Main St"


def test_a_street_without_a_name_is_told_so():
    assert told(town(), 500, 200) == "unnamed street, 540 m east of 2nd Ave × Main St"


def test_where_nothing_has_a_name_there_are_no_words():
    assert told(town(None, None), 10, 10) == ""
    assert told(town("Main St", None), 10, 10) == "Main St"
    assert places_of(town(), np.array([[0.0, 0.0]])) == [Place()]


def test_no_places_no_texts():
    none = gpd.GeoSeries([], crs=CRS)
    assert place_columns(town(), none, language="en") == {"place": [], "place_in": []}


def test_of_a_street_with_several_names_the_first_is_told():
    assert told(town("Main St;Route 1"), 180, 0) == "Main St, 180 m east of 2nd Ave"


@pytest.mark.parametrize("name", ["<script>{{7*7}}{0}{x}", "{", "=1+1"])
def test_a_hostile_name_is_a_name(name):
    assert told(town(name), 180, 0) == f"{name}, 180 m east of 2nd Ave"
    assert name in told(town(name), 5, 5)
