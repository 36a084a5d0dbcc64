"""Files for other programs: what goes in comes out, and equal content gives equal bytes."""

import json
from datetime import UTC, datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot.errors import CrsError
from planning.output.exports import write_geojson, write_geoparquet, write_gpkg


@pytest.fixture
def spots():
    columns = {
        "hotspot_id": ["H1", "H2"],
        "expected": [1.5, np.nan],
        "windows": [[{"start": "20:00"}], []],
        "at": pd.to_datetime(["2024-11-29 20:00", None]).tz_localize("Asia/Shanghai"),
    }
    clockwise = shapely.Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    return gpd.GeoDataFrame(columns, geometry=[clockwise, None], crs=4326)


def test_a_geopackage_has_its_layers_in_their_own_crs(tmp_path, spots):
    metric = spots.iloc[:1].to_crs(32631)
    write_gpkg(tmp_path / "plan.gpkg", {"spots": metric, "none": metric.iloc[:0]})
    assert gpd.list_layers(tmp_path / "plan.gpkg")["name"].tolist() == ["spots", "none"]
    back = gpd.read_file(tmp_path / "plan.gpkg", layer="spots")
    assert back.crs == "EPSG:32631"
    assert back["windows"].tolist() == ['[{"start": "20:00"}]']
    assert back["at"].tolist() == ["2024-11-29T20:00:00+08:00"]
    assert back.geometry.geom_equals(metric.geometry).all()
    empty = gpd.read_file(tmp_path / "plan.gpkg", layer="none")
    assert empty.empty
    assert "hotspot_id" in empty


def test_a_geopackage_does_not_tell_when_it_was_written(tmp_path, spots):
    for name in ("one.gpkg", "two.gpkg"):
        write_gpkg(tmp_path / name, {"spots": spots})
    content = (tmp_path / "one.gpkg").read_bytes()
    assert content == (tmp_path / "two.gpkg").read_bytes()
    assert b"2000-01-01T00:00:00.000Z" in content
    assert datetime.now(UTC).strftime("%Y-%m-%dT").encode() not in content


def test_an_existing_geopackage_is_replaced(tmp_path, spots):
    write_gpkg(tmp_path / "plan.gpkg", {"old": spots})
    write_gpkg(tmp_path / "plan.gpkg", {"new": spots})
    assert gpd.list_layers(tmp_path / "plan.gpkg")["name"].tolist() == ["new"]


def test_geojson_is_what_the_standard_asks_for(tmp_path, spots):
    write_geojson(spots, tmp_path / "spots.geojson")
    written = json.loads((tmp_path / "spots.geojson").read_text())
    first, second = written["features"]
    assert "crs" not in written
    assert first["properties"] == {
        "hotspot_id": "H1",
        "expected": 1.5,
        "windows": [{"start": "20:00"}],
        "at": "2024-11-29T20:00:00+08:00",
    }
    assert second["geometry"] is None
    assert second["properties"]["expected"] is None
    assert second["properties"]["at"] is None
    assert shapely.geometry.shape(first["geometry"]).exterior.is_ccw


def test_geojson_is_in_degrees_with_seven_decimals(tmp_path):
    frame = gpd.GeoDataFrame({"id": ["P"]}, geometry=[shapely.Point(500_000.123456, 4_000_000, 7)], crs=32649)
    write_geojson(frame, tmp_path / "p.geojson")
    lon, lat = json.loads((tmp_path / "p.geojson").read_text())["features"][0]["geometry"]["coordinates"]
    assert (lon, lat) == (round(lon, 7), round(lat, 7))
    assert abs(lon - 111.0000014) < 1e-7
    assert 36 < lat < 37


def test_an_empty_frame_gives_a_collection_without_features(tmp_path, spots):
    write_geojson(spots.iloc[:0], tmp_path / "none.geojson")
    assert json.loads((tmp_path / "none.geojson").read_text()) == {"type": "FeatureCollection", "features": []}


def test_geoparquet_comes_back_as_it_was(tmp_path, spots):
    metric = spots.drop(columns="windows").to_crs(32631)
    for name in ("one.parquet", "two.parquet"):
        write_geoparquet(metric, tmp_path / name)
    back = gpd.read_parquet(tmp_path / "one.parquet")
    assert back.crs == "EPSG:32631"
    assert back["hotspot_id"].tolist() == ["H1", "H2"]
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_without_a_crs_nothing_is_written(tmp_path, spots):
    bare = spots.set_crs(None, allow_override=True)
    for write in (lambda: write_gpkg(tmp_path / "x", {"a": bare}), lambda: write_geojson(bare, tmp_path / "x")):
        with pytest.raises(CrsError, match="coordinate reference system"):
            write()
    assert not (tmp_path / "x").exists()
