"""Metres and datums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.errors import CrsError
from hotspot.geo import check_metric, from_datum, to_datum, to_lonlat, to_metric

CRS = "EPSG:32649"


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
@settings(max_examples=50, deadline=None)
@given(lon=st.floats(74, 134), lat=st.floats(18, 53))
def test_there_and_back_within_a_millimetre(datum, lon, lat):
    x, y = to_datum(np.array([lon]), np.array([lat]), datum)
    back_x, back_y = from_datum(x, y, datum)
    assert abs(back_x[0] - lon) * 111_320 < 1e-3
    assert abs(back_y[0] - lat) * 111_320 < 1e-3


def test_the_published_pair_of_tiananmen():
    """WGS-84 (116.404, 39.915) is (116.41024449916938, 39.91640428150164) in GCJ-02, as common converters document."""
    lon, lat = to_datum(np.array([116.404]), np.array([39.915]), "gcj02")
    assert (lon[0], lat[0]) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-9)


def test_a_declared_datum_moves_the_place_by_its_known_offset_and_wgs84_does_not():
    lon, lat = np.array([109.7]), np.array([38.25])
    true = to_metric(lon, lat, datum="wgs84", crs=CRS)
    gcj = to_datum(lon, lat, "gcj02")
    assert 300 < np.hypot(*(to_metric(*gcj, datum="wgs84", crs=CRS) - true)[0]) < 700
    assert np.hypot(*(to_metric(*gcj, datum="gcj02", crs=CRS) - true)[0]) < 1e-3
    assert np.hypot(*(to_metric(*true.T, datum=CRS, crs=CRS) - true)[0]) < 1e-6


def test_outside_china_nothing_moves():
    lon, lat = np.array([-123.1, 151.2]), np.array([49.2, -33.9])
    for move in (to_datum, from_datum):
        assert np.array_equal(move(lon, lat, "bd09"), (lon, lat))


def test_metres_go_back_to_degrees_and_nan_stays_nan():
    xy = to_metric([109.7, np.nan], [38.25, 38.0], datum="wgs84", crs=CRS)
    assert np.isnan(xy[1]).all()
    assert to_lonlat(xy, CRS)[0] == pytest.approx([109.7, 38.25], abs=1e-9)
    assert to_metric([], [], datum="gcj02", crs=CRS).shape == (0, 2)


@pytest.mark.parametrize(
    "crs", ["EPSG:4326", "EPSG:2263", "nonsense", "EPSG:4978"]
)  # degrees, feet, unknown, geocentric
def test_only_projected_metres_will_do(crs):
    with pytest.raises(CrsError, match="fix: use"):
        check_metric(crs)


def test_an_unknown_datum_is_named():
    with pytest.raises(CrsError, match="value 'mars2000'"):
        to_metric([1.0], [1.0], datum="mars2000", crs=CRS)
