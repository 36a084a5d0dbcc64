"""The layer of communities: drawn by hand, so every fault is told and none is mended silently."""

import geopandas as gpd
import pytest
import shapely

from hotspot.areas import read_areas
from hotspot.errors import CrsError, InputError

CRS = "EPSG:32649"
LEFT, RIGHT = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)
BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


@pytest.fixture
def layer(tmp_path):
    def write(shapes, ids=("A", "B"), crs=CRS, name="areas.gpkg", **more):
        columns = {"id": list(ids), "name": ["n"] * len(ids), "street": ["S"] * len(ids)} | more
        frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)
        path = tmp_path / name
        frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path)
        return path

    return write


@pytest.mark.parametrize("name", ["areas.gpkg", "areas.parquet", "areas.shp"])
def test_touching_communities_make_the_study_area(layer, name):
    areas = read_areas(layer([LEFT, RIGHT], name=name), crs=CRS)
    assert list(areas.frame["id"]) == ["A", "B"]
    assert areas.area_m2 == pytest.approx(20_000)
    assert areas.union.geom_type == "Polygon"
    assert list(areas.frame) == ["id", "name", "street", "geometry"]


def test_degrees_are_brought_into_metres(layer):
    path = layer([shapely.box(109.70, 38.20, 109.71, 38.21)], ids=["A"], crs="EPSG:4326", name="areas.geojson")
    areas = read_areas(path, crs=CRS)
    assert areas.frame.crs.to_epsg() == 32649
    assert areas.area_m2 == pytest.approx(876 * 1110, rel=0.01)


def test_all_faults_are_told_at_once(layer):
    path = layer([LEFT, BOW_TIE, None, LEFT], ids=["A", "B", "C", "A"], name="areas.parquet")
    with pytest.raises(InputError) as caught:
        read_areas(path, crs=CRS)
    text = str(caught.value)
    assert "row 5, field id: value 'A': the same id as row 2" in text
    assert "value 'B': invalid polygon: Self-intersection" in text
    assert "value 'C': no polygon" in text


def test_an_overlap_names_both(layer):
    with pytest.raises(InputError, match=r"row 3.*'B': overlaps 'A' \(row 2\) by 5,000 m2"):
        read_areas(layer([LEFT, shapely.box(50, 0, 150, 100)]), crs=CRS)


def test_a_missing_column_an_unknown_crs_and_a_broken_file(layer, tmp_path):
    with pytest.raises(InputError, match="required column 'community'"):
        read_areas(layer([LEFT, RIGHT]), crs=CRS, columns={"name": "community"})
    with pytest.raises(CrsError, match="CRS unknown"):
        read_areas(layer([LEFT, RIGHT], crs=None, name="b.parquet"), crs=CRS)
    broken = tmp_path / "broken.geojson"
    broken.write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(InputError, match="can't be read"):
        read_areas(broken, crs=CRS)
    with pytest.raises(CrsError, match="in degrees"):
        read_areas(layer([LEFT, RIGHT]), crs="EPSG:4326")
