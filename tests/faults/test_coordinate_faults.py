"""Faults of coordinates, each by its id: no place is shifted, exchanged or clipped without a word."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import patrol
from small_district import HEADER, good_rows, incidents, small_district

from hotspot.areas import Areas, read_areas
from hotspot.errors import CrsError, InputError
from hotspot.forecasting.risk import forecast
from hotspot.geo import to_datum, to_lonlat, to_metric
from hotspot.grid import make_grid
from hotspot.hotspots import select_hotspots
from hotspot.incidents import RowCounts, read_incidents
from hotspot.mapping.explanation import explanation_text

SAMPLE = Path(__file__).parents[2] / "data" / "gaoxin"
CRS = "EPSG:32649"


@pytest.fixture
def export(tmp_path):
    def write(rows, name="i.csv", header=HEADER):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return path

    return write


def read(path, **more):
    return read_incidents(path, **{"timezone": "Asia/Shanghai", "crs": CRS} | more)


def box(west, south, east, north, *, crs="EPSG:4326", target=CRS):
    shape = gpd.GeoSeries([shapely.box(west, south, east, north)], crs=crs).to_crs(target)
    return Areas(gpd.GeoDataFrame({"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=shape))


def rows_at(lonlat, *, digits=6):
    return [
        f"B{i:06d},2024-05-01 10:{i % 60:02d}:00,{lon:.{digits}f},{lat:.{digits}f},theft,report"
        for i, (lon, lat) in enumerate(lonlat)
    ]


@pytest.fixture
def sample(tmp_path):
    """The sample district, with its incidents' coordinates moved by `move(lon, lat)`."""

    def write(move=None, datum="wgs84", points=None):
        folder = tmp_path / "gaoxin"
        shutil.copytree(SAMPLE, folder)
        frame = pd.read_csv(folder / "incidents.csv.gz", dtype="str", keep_default_na=False).iloc[::10]
        placed = frame["lon"] != ""
        if move is not None:
            lon, lat = move(
                frame.loc[placed, "lon"].astype(float).to_numpy(), frame.loc[placed, "lat"].astype(float).to_numpy()
            )
            frame.loc[placed, "lon"], frame.loc[placed, "lat"] = lon.round(7).astype(str), lat.round(7).astype(str)
        frame.to_csv(folder / "incidents.csv.gz", index=False)
        if points is not None:
            table = pd.read_csv(folder / "points.csv")
            table["lon"], table["lat"] = points(table["lon"].to_numpy(), table["lat"].to_numpy())
            table.to_csv(folder / "points.csv", index=False)
        config = folder / "patrol.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace('datum = "wgs84"', f'datum = "{datum}"'), encoding="utf-8")
        assert f'datum = "{datum}"' in config.read_text(encoding="utf-8")
        return config

    return write


@pytest.mark.fault("COO-01")
def test_a_file_with_lon_and_lat_exchanged_is_refused_never_mended(tmp_path):
    config = small_district(tmp_path)
    swapped = [row.replace("109.", "@").replace("38.245", "109.73").replace("@", "38.") for row in good_rows(40)]
    incidents(config, swapped)
    said = patrol("check", config)
    assert said.code == 3
    assert "looks swapped: 100% of lon in 38." in said.err
    assert 'fix: map them: columns = { lon = "lat", lat = "lon" }' in said.err


@pytest.mark.fault("COO-02")
def test_twelve_exchanged_rows_are_rejected_by_number_and_the_others_kept(export):
    rows = good_rows(2000)
    for i in range(12):
        lon, lat = rows[i * 100].split(",")[2:4]
        rows[i * 100] = rows[i * 100].replace(f"{lon},{lat}", f"{lat},{lon}")
    found = read(export(rows), areas=box(109.7, 38.2, 109.8, 38.3))
    assert found.counts == RowCounts(read=2000, used=1988, rejected=12)
    assert found.rejects["row"].tolist() == [i * 100 + 2 for i in range(12)]
    assert set(found.rejects["reason"]) == {"looks swapped: the place fits with lon and lat exchanged"}


@pytest.mark.fault("COO-03")
@pytest.mark.parametrize("nowhere", ["0,0", "NaN,38.2", ",", "null,null", "-1,-1", "无,无", "0.0,0.000"])
def test_rows_without_a_place_are_counted_apart_and_never_at_zero(export, nowhere):
    rows = [*good_rows(30), f"U1,2024-05-01 10:00:00,{nowhere},theft,report"]
    found = read(export(rows), strict=True)
    assert found.counts == RowCounts(read=31, used=30, unlocated=1)
    assert found.set_aside[["row", "state", "reason"]].to_numpy().tolist() == [[32, "unlocated", "no location"]]
    assert (found.places.min(axis=0) > 1000).all()


@pytest.mark.fault("COO-04")
def test_gcj02_declared_as_wgs84_is_recognised_by_the_streets(sample):
    config = sample(lambda lon, lat: to_datum(lon, lat, "gcj02"))
    said = patrol("check", config)
    assert said.code == 3
    assert "incidents.csv.gz: looks like GCJ-02" in said.err
    assert 'set datum = "gcj02"' in said.err


@pytest.mark.fault("COO-04")
def test_the_datum_is_recognised_though_addresses_lie_beside_the_streets(sample):
    """Thirty metres of scatter: front doors, not centre lines."""
    rng = np.random.default_rng(8)

    def beside(lon, lat):
        return to_datum(
            lon + rng.normal(0, 30 / 87_000, len(lon)), lat + rng.normal(0, 30 / 111_000, len(lat)), "gcj02"
        )

    said = patrol("check", sample(beside))
    assert said.code == 3
    assert "incidents.csv.gz: looks like GCJ-02" in said.err


@pytest.mark.fault("COO-05")
def test_bd09_declared_as_gcj02_is_recognised_by_the_streets(sample):
    config = sample(lambda lon, lat: to_datum(lon, lat, "bd09"), datum="gcj02")
    said = patrol("check", config)
    assert said.code == 3
    assert "incidents.csv.gz: looks like BD-09" in said.err


@pytest.mark.fault("COO-04")
@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_what_was_declared_rightly_is_not_doubted(sample, datum):
    config = sample(lambda lon, lat: to_datum(lon, lat, datum), datum=datum)
    assert patrol("check", config).code == 0


@pytest.mark.fault("COO-04")
def test_patrol_points_in_gcj02_are_recognised_too(sample):
    config = sample(points=lambda lon, lat: to_datum(lon, lat, "gcj02"))
    said = patrol("check", config)
    assert said.code == 3
    assert "points.csv: looks like GCJ-02" in said.err
    assert "incidents.csv.gz: looks like" not in said.err


@pytest.mark.fault("COO-07")
@pytest.mark.parametrize(
    ("form", "lon", "lat"),
    [
        ("dms", "109°42'11\"\"E", "38°15'00\"\"N"),
        ("dms", "109度42分11秒", "38度15分"),
        ("decimal_comma", "109,703056", "38,25"),
        ("full_width", "１０９．７０３０５６", "３８．２５"),
    ],
)  # fmt: skip
def test_other_ways_of_writing_degrees_are_read_if_declared_else_rejected_as_they_stand(export, form, lon, lat):
    path = export([*good_rows(30), f'D1,2024-05-01 10:00:00,"{lon}","{lat}",theft,report'])
    undeclared = read(path, max_rejected_share=0.1)
    assert undeclared.counts.rejected == 1
    assert lon.replace('""', '"') in undeclared.rejects["text"][0]
    found = read(path, coordinate_forms=[form])
    place = found.frame[found.frame["id"] == "D1"].to_crs(4326).geometry.iloc[0]
    assert (place.x, place.y) == pytest.approx((109.703056, 38.25), abs=1e-6)


@pytest.mark.fault("COO-08")
@pytest.mark.parametrize("epsg", [32649, 4525, 4546])  # UTM; CGCS2000 with zone 37 before the easting; without
def test_metres_are_refused_with_the_likely_code_and_read_once_it_is_declared(export, epsg):
    lonlat = np.column_stack([np.linspace(109.7, 109.75, 40), np.linspace(38.2, 38.25, 40)])
    metres = gpd.GeoSeries(gpd.points_from_xy(*lonlat.T), crs=4326).to_crs(epsg)
    path = export(rows_at(np.column_stack([metres.x, metres.y]), digits=3))
    areas = box(109.6, 38.1, 109.9, 38.4)
    with pytest.raises(CrsError, match=rf"values look like metres; declare EPSG.*EPSG:{epsg}"):
        read(path, areas=areas)
    found = read(path, areas=areas, datum=f"EPSG:{epsg}")
    assert found.counts.used == 40
    assert to_lonlat(found.places, CRS) == pytest.approx(lonlat, abs=1e-7)


@pytest.mark.fault("COO-08")
def test_degrees_declared_as_metres_and_exchanged_axes_of_metres_are_refused(export):
    areas = box(109.6, 38.1, 109.9, 38.4)
    with pytest.raises(CrsError, match="values look like degrees"):
        read(export(good_rows(30)), datum="EPSG:4546", areas=areas)
    xy = to_metric([109.7, 109.8], [38.2, 38.3], datum="wgs84", crs=CRS)
    with pytest.raises(CrsError, match="looks swapped"):
        read(export(rows_at(xy[:, ::-1])), datum=CRS, areas=areas)


@pytest.mark.fault("COO-10")
def test_places_outside_the_study_area_are_listed_with_their_count(export):
    rows = [*good_rows(30), "Z1,2024-05-01 10:00:00,110.5,38.245,theft,report"]
    found = read(export(rows), areas=box(109.7, 38.2, 109.8, 38.3))
    assert found.counts == RowCounts(read=31, used=30, outside=1)
    listed = found.set_aside[found.set_aside["state"] == "outside"]
    assert listed[["row", "reason"]].to_numpy().tolist() == [[32, "outside the study area"]]
    assert listed["text"].tolist() == [rows[-1]]


@pytest.mark.fault("COO-11")
@pytest.mark.parametrize("areas_crs", ["EPSG:32650", "EPSG:4546"])
def test_incidents_and_areas_in_different_systems_give_the_same_run(export, tmp_path, areas_crs):
    shape = gpd.GeoDataFrame(
        {"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=[shapely.box(109.72, 38.24, 109.74, 38.25)], crs=4326
    )
    shape.to_file(tmp_path / "a.geojson", driver="GeoJSON")
    shape.assign(geometry=shape.segmentize(0.001)).to_crs(areas_crs).to_file(tmp_path / "b.gpkg")
    path = export(good_rows(200))
    same, other = (read(path, areas=read_areas(tmp_path / name, crs=CRS)) for name in ("a.geojson", "b.gpkg"))
    assert same.counts == other.counts
    assert same.frame.geometry.geom_equals(other.frame.geometry).all()


@pytest.fixture
def crowded(export):
    """A third of the incidents at the police station, the others all over the district."""
    rng = np.random.default_rng(3)
    lonlat = np.column_stack([rng.uniform(109.721, 109.739, 300), rng.uniform(38.241, 38.249, 300)])
    lonlat[:120] = [109.7301, 38.2451]
    return read(export(rows_at(lonlat)), areas=box(109.72, 38.24, 109.74, 38.25))


@pytest.mark.fault("COO-12")
def test_a_geocoders_default_place_is_named_and_its_hotspot_marked(crowded):
    assert any("one point (109.73010, 38.24510) holds 40.0% of the incidents" in notice for notice in crowded.notices)
    grid = make_grid(box(109.72, 38.24, 109.74, 38.25), cell_m=250)
    risk = forecast(crowded, grid, as_of="2024-05-08", horizon="7D")
    spots = select_hotspots(risk, area_share=0.3)
    marked = [each["geocoding_artefact"] for each in spots.frame["explanation"]]
    assert marked[0]
    assert sum(marked) == 1
    assert "Geocoding artefact?" in explanation_text(spots.frame["explanation"][0], 1.0)["en"]
    assert "地理编码异常？" in explanation_text(spots.frame["explanation"][0], 1.0)["zh"]


@pytest.mark.fault("COO-13")
def test_rounded_coordinates_are_named_and_finer_hotspots_refused(export):
    lonlat = [(109.5 + i % 8 / 100, 38.2 + i // 8 / 100) for i in range(64)]
    found = read(export(rows_at(lonlat, digits=2)))
    assert "coordinates are rounded to about 1,113 m: no hotspot can be finer than that" in found.notices
    areas = box(109.4, 38.1, 109.7, 38.4)
    with pytest.raises(
        InputError, match=r"rounded to about 1,113 m, coarser than cells of 250 m; fix: .*at least 1113"
    ):
        forecast(found, make_grid(areas, cell_m=250), as_of="2024-05-08", horizon="7D")
    assert forecast(found, make_grid(areas, cell_m=1200), as_of="2024-05-08", horizon="7D").expected.sum() > 0


@pytest.mark.fault("COO-15")
def test_a_place_on_a_shared_border_belongs_to_one_cell(tmp_path):
    areas = box(500_000, 4_000_000, 501_000, 4_001_000, crs=CRS)
    grid = make_grid(areas, cell_m=250)
    corners = np.array([[500_000 + 250.0 * i, 4_000_000 + 250.0 * j] for i in range(5) for j in range(5)])
    cells = grid.locate(corners)
    assert len(cells) == 25
    assert (cells >= 0).all()
    assert np.bincount(cells, minlength=len(grid)).sum() == 25
    rows = rows_at(corners, digits=1)
    path = tmp_path / "i.csv"
    path.write_text("\n".join([HEADER, *rows]))
    assert read(path, datum=CRS, areas=areas).counts == RowCounts(read=25, used=25)  # the border is inside


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_the_round_trip_over_china_is_below_a_millimetre_and_elsewhere_nothing_moves(datum):
    lon, lat = (grid.ravel() for grid in np.meshgrid(np.linspace(73.5, 135.0, 150), np.linspace(18.0, 53.5, 150)))
    back = to_metric(*to_datum(lon, lat, datum), datum=datum, crs="EPSG:32649")
    true = to_metric(lon, lat, datum="wgs84", crs="EPSG:32649")
    near = np.abs(lon - 111) < 20  # where the projection still tells millimetres
    assert np.nanmax(np.hypot(*(back - true)[near].T)) < 1e-3
    for place in ((-123.1, 49.25), (2.35, 48.86), (151.2, -33.9)):
        moved = to_datum(*np.array(place)[:, None], datum)
        assert (moved[0][0], moved[1][0]) == place
