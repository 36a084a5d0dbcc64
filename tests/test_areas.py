"""The layer of communities: drawn by hand, so every fault is told and none is mended silently."""

import json

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet
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
    with pytest.raises(InputError, match=r"broken\.geojson: it ends in the middle, after 43 bytes"):
        read_areas(broken, crs=CRS)
    with pytest.raises(CrsError, match="in degrees"):
        read_areas(layer([LEFT, RIGHT]), crs="EPSG:4326")


@pytest.mark.parametrize("name", ["areas.gpkg", "areas.parquet", "areas.shp", "areas.geojson"])
def test_texts_are_exact_and_trimmed(layer, name):
    path = layer([LEFT, RIGHT], ids=["001", " 1 "], name=name)
    assert read_areas(path, crs=CRS).frame["id"].tolist() == ["001", "1"]
    path = layer([LEFT, RIGHT], ids=[2**53 + 1, 7], name=f"n{name}")
    assert read_areas(path, crs=CRS).frame["id"].tolist() == ["9007199254740993", "7"]


def test_numbers_and_their_texts_are_different_ids(tmp_path):
    features = [
        {"type": "Feature", "properties": {"id": each, "name": "n", "street": "S"}, "geometry": shapely.geometry.mapping(shape)}
        for each, shape in (("001", shapely.box(109.7, 38.2, 109.71, 38.21)), (1, shapely.box(109.71, 38.2, 109.72, 38.21)))
    ]  # fmt: skip
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert read_areas(path, crs=CRS).frame["id"].tolist() == ["001", "1"]


def test_columns_that_are_not_on_the_list_are_not_read_and_it_is_told(layer):
    areas = read_areas(layer([LEFT, RIGHT], name="a.parquet", leader=["Li", "Wu"], phone=["138", "139"]), crs=CRS)
    assert areas.notices == ("columns not read: leader, phone",)
    assert list(areas.frame) == ["id", "name", "street", "geometry"]


def test_heights_are_dropped(layer):
    areas = read_areas(layer([shapely.force_3d(LEFT, 9.0), RIGHT], name="a.parquet"), crs=CRS)
    assert not areas.frame.geometry.has_z.any()
    assert areas.area_m2 == pytest.approx(20_000)


def test_a_gap_that_communities_enclose_is_told_with_its_size(layer):
    frame = shapely.box(0, 0, 90, 90) - shapely.box(30, 30, 60, 60)
    west, east = frame & shapely.box(0, 0, 45, 90), frame & shapely.box(45, 0, 90, 90)
    areas = read_areas(layer([west, east], name="a.parquet"), crs=CRS)
    told = "1 gap between communities, 900 m2 in all: what happens there is outside of the study area"
    assert areas.notices == (told,)
    assert areas.area_m2 == pytest.approx(7200)
    filled = read_areas(layer([west, east, shapely.box(30, 30, 60, 60)], ids="ABC", name="b.parquet"), crs=CRS)
    assert filled.notices == ()


def test_a_bay_and_communities_apart_are_no_gap(layer):
    assert read_areas(layer([LEFT, shapely.box(300, 0, 400, 100)], name="a.parquet"), crs=CRS).notices == ()


def test_what_is_no_polygon_is_named_by_id_and_type(layer):
    shapes = [LEFT, shapely.Point(1, 1), shapely.GeometryCollection([RIGHT]), shapely.Polygon(), None]
    with pytest.raises(InputError) as caught:
        read_areas(layer(shapes, ids="ABCDE", name="a.parquet"), crs=CRS)
    assert [(each.row, each.value, each.reason) for each in caught.value.faults] == [
        (3, "B", "Point instead of a polygon"), (4, "C", "GeometryCollection instead of a polygon"),
        (5, "D", "empty polygon"), (6, "E", "no polygon"),
    ]  # fmt: skip


def test_a_curved_polygon_is_named(layer):
    path = layer([LEFT, RIGHT], name="a.parquet")
    table = pa.parquet.read_table(path)
    circle = bytes.fromhex("010a00000001000000010800000003000000") + np.array([0, 0, 9, 9, 0, 0], dtype="<f8").tobytes()
    at = table.schema.get_field_index("geometry")
    curved = pa.array([LEFT.wkb, circle], pa.binary())
    pa.parquet.write_table(table.set_column(at, table.schema.field(at), curved), path)
    with pytest.raises(InputError, match="row 3, field geometry: value 'B': CurvePolygon instead of a polygon"):
        read_areas(path, crs=CRS)


def test_a_curve_in_a_collection_is_named_as_a_collection(layer):
    path = layer([LEFT, RIGHT], name="a.parquet")
    table = pa.parquet.read_table(path)
    curve = bytes.fromhex("010800000003000000") + np.array([0, 0, 9, 9, 0, 0], dtype="<f8").tobytes()
    collection = bytes.fromhex("010700000001000000") + curve
    at = table.schema.get_field_index("geometry")
    shapes = pa.array([LEFT.wkb, collection], pa.binary())
    pa.parquet.write_table(table.set_column(at, table.schema.field(at), shapes), path)
    with pytest.raises(InputError, match="value 'B': GeometryCollection instead of a polygon"):
        read_areas(path, crs=CRS)


def exchanged(shape):
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


@pytest.mark.parametrize(
    ("shape", "crs", "district"),
    [
        (shapely.box(109.7, 38.2, 109.71, 38.21), "EPSG:4326", CRS),  # a latitude beyond 90
        (shapely.box(2.3, 48.8, 2.4, 48.9), "EPSG:4326", "EPSG:32631"),  # both could be: only one is in the zone
        (shapely.box(5e5, 4.2e6, 5.01e5, 4.201e6), CRS, CRS),
    ],
)
def test_exchanged_axes_are_told_and_right_ones_are_not(layer, shape, crs, district):
    assert len(read_areas(layer([shape], ids=["A"], crs=crs, name="right.geojson"), crs=district).frame) == 1
    with pytest.raises(CrsError, match=r"looks swapped: x in .*fix: exchange x and y"):
        read_areas(layer([exchanged(shape)], ids=["A"], crs=crs, name="wrong.geojson"), crs=district)


def test_metres_in_a_geojson_that_tells_no_crs_are_not_taken_for_degrees(layer):
    with pytest.raises(CrsError, match="the CRS is in degrees but the values look like metres: x in 500000"):
        read_areas(layer([shapely.box(5e5, 4.2e6, 5.01e5, 4.201e6)], ids=["A"], crs=4326, name="a.parquet"), crs=CRS)


def test_a_place_that_the_projection_cannot_show_is_a_fault(layer):
    far = shapely.box(-161, 0, -160, 1)  # a quarter of the globe away
    with pytest.raises(InputError, match="value 'B': the district's projection can't show this place"):
        read_areas(layer([shapely.box(109.7, 38.2, 109.71, 38.21), far], crs=4326, name="a.parquet"), crs=CRS)


def test_the_layer_of_polygons_is_taken_among_others(layer, tmp_path):
    path = layer([LEFT, RIGHT])
    gpd.GeoDataFrame({"id": ["x"]}, geometry=[shapely.Point(1, 1)], crs=CRS).to_file(path, layer="stations")
    assert read_areas(path, crs=CRS).frame["id"].tolist() == ["A", "B"]
