"""The cube counts every incident in the one cell and the one half-open step that it belongs to."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.areas import Areas
from hotspot.cube import count_cube
from hotspot.errors import ConfigError
from hotspot.grid import make_grid
from hotspot.incidents import Incidents

CRS = "EPSG:32649"
AREAS = Areas(
    gpd.GeoDataFrame({"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=[shapely.box(0, 0, 1000, 500)], crs=CRS)
)
GRID = make_grid(AREAS, cell_m=500)


def happened(*at_and_place, timezone="Asia/Shanghai"):
    times, places = zip(*at_and_place, strict=True)
    frame = gpd.GeoDataFrame(
        {"time": pd.to_datetime(list(times))}, geometry=[shapely.Point(p) for p in places], crs=CRS
    )
    return Incidents.from_frame(frame, timezone=timezone)


def test_midnight_belongs_to_the_day_it_begins_and_a_shared_edge_to_the_eastern_cell():
    cube = count_cube(happened(("2024-05-01 23:59", (0, 0)), ("2024-05-02 00:00", (500, 100))), GRID)
    assert cube.counts.tolist() == [[1, 0], [0, 1]]
    assert [f"{start:%m-%d}" for start in cube.starts] == ["05-01", "05-02"]


def test_a_day_of_23_hours_is_one_day():
    some = happened(("2024-03-10 12:00", (0, 0)), ("2024-03-11 00:30", (0, 0)), timezone="America/Vancouver")
    cube = count_cube(some, GRID)
    assert cube.counts[0].tolist() == [1, 1]
    assert (cube.edges[1] - cube.edges[0]) == pd.Timedelta(hours=23)


def test_what_lies_outside_of_the_asked_time_is_not_counted():
    some = happened(("2024-05-01 10:00", (0, 0)), ("2024-05-03 10:00", (0, 0)))
    assert count_cube(some, GRID, step="1h", start="2024-05-01", end="2024-05-02").counts.sum() == 1
    with pytest.raises(ConfigError, match="before it starts"):
        count_cube(some, GRID, start="2024-05-03", end="2024-05-02")
    with pytest.raises(ConfigError, match="step 'fortnight' is unknown"):
        count_cube(some, GRID, step="fortnight")


def test_no_incidents_give_no_steps():
    none = happened(("2024-05-01 10:00", (0, 0))).before(pd.Timestamp("2024-01-01", tz="Asia/Shanghai"))
    assert count_cube(none, GRID).counts.shape == (2, 0)


@settings(max_examples=30, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 20_000), min_size=1, max_size=60),
    step=st.sampled_from(["1h", "6h", "1D", "7D"]),
    seed=st.integers(0, 99),
)
def test_every_incident_is_counted_once_whatever_the_step_and_order(minutes, step, seed):
    rng = np.random.default_rng(seed)
    rows = [(pd.Timestamp("2024-05-01") + pd.Timedelta(minutes=m), rng.uniform((0, 0), (1000, 500))) for m in minutes]
    cube = count_cube(happened(*rows), GRID, step=step)
    assert cube.counts.sum() == len(rows)
    assert (count_cube(happened(*reversed(rows)), GRID, step=step).counts == cube.counts).all()
