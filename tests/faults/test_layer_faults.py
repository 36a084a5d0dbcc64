"""Faults of layers, each by its id: what is missing or damaged is named, and no CRS is guessed."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from commands import patrol
from small_district import change, small_district

from hotspot.areas import read_areas
from hotspot.errors import CrsError, InputError
from hotspot.tables import open_table

CRS = "EPSG:32649"
WEST, EAST = shapely.box(109.72, 38.24, 109.73, 38.25), shapely.box(109.73, 38.24, 109.74, 38.25)
BOW_TIE = shapely.Polygon([(109.72, 38.24), (109.73, 38.25), (109.73, 38.24), (109.72, 38.25)])


@pytest.fixture
def district(tmp_path):
    """A district whose areas are the given shapes, in a file of that name; gives its patrol.toml."""

    def made(*shapes, name="areas.geojson", crs="EPSG:4326"):
        config = small_district(tmp_path / "district")
        ids = [f"C{i + 1:02d}" for i in range(len(shapes))]
        frame = gpd.GeoDataFrame({"id": ids, "name": ids, "street": "S"}, geometry=list(shapes), crs=crs)
        path = config.parent / name
        path.unlink(missing_ok=True)
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)
        change(config, '"areas.geojson"', f'"{name}"')
        return config

    return made


@pytest.fixture
def points(tmp_path):
    def made(name):
        frame = gpd.GeoDataFrame({"id": ["001", "002"]}, geometry=[WEST.centroid, EAST.centroid], crs="EPSG:4326")
        path = tmp_path / name
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)
        return path

    return made


@pytest.mark.fault("COO-14")
@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ((WEST, BOW_TIE), "row 3, field geometry: value 'C02': invalid polygon: Self-intersection"),
        ((WEST, shapely.Polygon()), "row 3, field geometry: value 'C02': empty polygon"),
        ((WEST, None), "row 3, field geometry: value 'C02': no polygon"),
        ((WEST, shapely.box(109.725, 38.24, 109.74, 38.25)), "value 'C02': overlaps 'C01' (row 2) by"),
    ],
)
def test_a_polygon_that_would_lose_or_double_incidents_is_named_by_id_and_reason(district, shapes, told):
    said = patrol("check", district(*shapes, name="areas.parquet"))
    assert said.code == 3
    assert "areas.parquet: " in said.err
    assert told in said.err


@pytest.mark.fault("COO-14")
def test_a_gap_between_districts_is_told_and_its_places_are_outside(district):
    hole = shapely.box(109.725, 38.242, 109.735, 38.248)
    config = district(WEST - hole, EAST - hole)
    areas = read_areas(config.parent / "areas.geojson", crs=CRS)
    inside_m2 = gpd.GeoSeries([hole], crs=4326).to_crs(CRS).area.iloc[0]
    assert areas.notices[-1].startswith(f"1 gap between communities, {inside_m2:,.0f} m2 in all")


@pytest.mark.fault("COO-14")
def test_touching_districts_are_no_fault(district):
    areas = read_areas(district(WEST, EAST).parent / "areas.geojson", crs=CRS)
    assert areas.notices == ()
    assert len(areas.frame) == 2


@pytest.mark.fault("INP-17")
@pytest.mark.parametrize(("name", "told"), [
    ("areas.geojson", "it ends in the middle, after {size:,} bytes"),
    ("areas.parquet", "its footer is missing, it was cut off after {size:,} bytes"),
    ("areas.gpkg", "damaged"),
])  # fmt: skip
def test_areas_that_were_cut_off_exit_with_the_file_and_the_place(district, tmp_path, name, told):
    config = district(WEST, EAST, name=name)
    path = config.parent / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = patrol("plan", config, "--date", "2024-12-01", "--out", tmp_path / "run")
    assert said.code == 3
    assert f"{name}: " in said.err
    assert told.format(size=path.stat().st_size) in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("INP-17")
@pytest.mark.parametrize(
    ("name", "told"),
    [("i.geojson", "it ends in the middle, after"), ("i.parquet", "its footer is missing, it was cut off after")],
)
def test_incidents_that_were_cut_off_name_the_file_and_the_place(points, name, told):
    path = points(name)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"{name}: .*{told} {path.stat().st_size:,} bytes"):
        list(open_table(path, required=["id", "lon", "lat"]).batches())


@pytest.mark.fault("INP-18")
@pytest.mark.parametrize("suffix", [".shx", ".dbf"])
def test_a_part_that_a_shapefile_lacks_is_named(district, points, suffix):
    path = points("i.shp")
    path.with_suffix(suffix).unlink()
    with pytest.raises(InputError, match=rf"i\.shp: the shapefile lacks i\{suffix}; fix: copy all its files"):
        open_table(path, required=["id", "lon", "lat"])
    config = district(WEST, EAST, name="areas.shp")
    (config.parent / f"areas{suffix}").unlink()
    said = patrol("check", config)
    assert said.code == 3
    assert f"areas.shp: the shapefile lacks areas{suffix}" in said.err


@pytest.mark.fault("INP-18")
def test_a_shapefile_without_its_prj_is_never_taken_for_wgs84(district, points):
    path = points("i.shp")
    path.with_suffix(".prj").unlink()
    with pytest.raises(CrsError, match=r"i\.shp: CRS unknown; fix: .*\.prj"):
        open_table(path, required=["id", "lon", "lat"])
    config = district(WEST, EAST, name="areas.shp")
    (config.parent / "areas.prj").unlink()
    said = patrol("check", config)
    assert said.code == 3
    assert "areas.shp: CRS unknown" in said.err


@pytest.mark.fault("INP-18")
def test_a_shapefile_without_its_cpg_is_read_and_it_is_told(points):
    path = points("i.shp")
    path.with_suffix(".cpg").unlink()
    table = open_table(path, required=["id", "lon", "lat"])
    assert [text for batch in table.batches() for text in batch.columns["id"].to_pylist()] == ["001", "002"]
    assert table.notices == ["no .cpg beside it; the text was read as UTF-8"]
