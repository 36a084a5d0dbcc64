"""Cells: every place belongs to exactly one, and nothing is lost at an edge."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from hotspot.areas import Areas
from hotspot.errors import ConfigError, InputError
from hotspot.grid import make_grid

CRS = "EPSG:32649"


def square_kilometre() -> Areas:
    frame = gpd.GeoDataFrame(
        {"id": ["C1"], "name": ["One"], "street": ["S"]}, geometry=[shapely.box(0, 0, 1000, 1000)], crs=CRS
    )
    return Areas(frame)


def test_a_square_kilometre_has_sixteen_quarter_cells_and_loses_no_area():
    grid = make_grid(square_kilometre(), cell_m=250)
    assert len(grid) == 16
    assert grid.area_m2 == 1_000_000


@given(st.lists(st.tuples(st.floats(0, 999.999), st.floats(0, 999.999)), max_size=50))
def test_counts_are_conserved_and_every_place_lies_in_its_half_open_cell(places):
    grid = make_grid(square_kilometre(), cell_m=250)
    xy = np.array(places, dtype=float).reshape(len(places), 2)
    cell = grid.locate(xy)
    assert (cell >= 0).all()
    corner = np.column_stack([grid.column[cell], grid.row[cell]]) * 250.0
    assert ((xy >= corner) & (xy < corner + 250)).all()


def test_a_place_in_a_cell_without_streets_belongs_to_the_nearest_cell_that_has_one():
    street = gpd.GeoDataFrame(geometry=[shapely.LineString([(10, 10), (200, 10)])], crs=CRS)
    grid = make_grid(square_kilometre(), cell_m=250, streets=street)
    assert len(grid) == 1
    assert grid.locate(np.array([[900.0, 900.0], [20.0, 20.0]])).tolist() == [0, 0]


def test_streets_of_another_district_are_refused():
    away = gpd.GeoDataFrame(geometry=[shapely.LineString([(5000, 5000), (5100, 5000)])], crs=CRS)
    with pytest.raises(InputError, match="no street lies in the study area"):
        make_grid(square_kilometre(), streets=away)


@pytest.mark.parametrize("cell_m", [0, -5, float("nan"), 0.01])
def test_senseless_cell_sizes_are_refused(cell_m):
    with pytest.raises(ConfigError, match="fix:"):
        make_grid(square_kilometre(), cell_m=cell_m)


def test_neighbours_touch_at_edges_and_corners():
    around = make_grid(square_kilometre(), cell_m=250).neighbours()
    assert sorted(around[0].tolist()) == [1, 4, 5]
    assert len(around[5]) == 8
