"""Layers: points where they are, attributes as they are, and nothing else opened, fetched or written."""

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import shapely

from hotspot.errors import ConfigError, CrsError, InputError
from hotspot.reading import geojson
from hotspot.reading.layers import UNSAFE_DRIVERS, gdal, layer_of, list_layers, open_layer, read_layer
from hotspot.reading.source import Layout, Wanted

WANTED = Wanted(("id", "lon", "lat"), ("time", "n"))
PLACES = [shapely.Point(109.7030561234567, 38.25), shapely.Point(109.71, 38.26)]
FORMATS = ["i.gpkg", "i.geojson", "i.shp", "i.parquet"]


@pytest.fixture
def layer(tmp_path):
    def write(name="i.gpkg", shapes=PLACES, crs="EPSG:4326", **columns):
        columns = columns or {"id": [f"{i + 1:03d}" for i in range(len(shapes))]}
        frame = gpd.GeoDataFrame(columns, geometry=list(shapes), crs=crs)
        path = tmp_path / name
        frame.to_parquet(path) if path.suffix == ".parquet" else pyogrio.write_dataframe(frame, path)
        return path

    return write


@pytest.fixture
def collection(tmp_path):
    """A GeoJSON file of features given as (geometry, properties), with more members."""

    def write(*features, name="i.geojson", **more):
        path = tmp_path / name
        told = [{"type": "Feature", "properties": own, "geometry": shape} for shape, own in features]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": told} | more), encoding="utf-8")
        return path

    return write


def opened(path, wanted=WANTED, sheet=None):
    return open_layer(path, path.name, wanted, Layout(sheet=sheet))


def all_rows(table):
    """Every column as a list, the row numbers, and the bad rows."""
    batches = list(table.batches())
    columns = pa.concat_tables([batch.columns for batch in batches]).to_pydict()
    return columns, np.concatenate([batch.row for batch in batches]).tolist(), [b for x in batches for b in x.bad]


def at(x, y):
    return {"type": "Point", "coordinates": [x, y]}


def python(code, **environment):
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


# ---- points ----


@pytest.mark.parametrize("name", FORMATS)
def test_the_place_is_the_points_own_to_the_last_digit(layer, name):
    table = opened(layer(name))
    columns, rows, bad = all_rows(table)
    assert columns == {
        "id": ["001", "002"], "lon": ["109.7030561234567", "109.71"], "lat": ["38.25", "38.26"],
    }  # fmt: skip
    assert rows == [2, 3]
    assert bad == []
    assert table.from_geometry
    assert table.notices == []
    assert len(table.sha256) == 64
    assert all_rows(table)[0] == columns  # and again


@pytest.mark.parametrize("name", FORMATS)
def test_metres_are_brought_to_degrees_and_it_is_told(layer, name):
    x, y = pyproj.Transformer.from_crs(4326, 32649, always_xy=True).transform(109.7, 38.25)
    table = opened(layer(name, [shapely.Point(x, y)], crs="EPSG:32649"))
    columns, _, _ = all_rows(table)
    assert float(columns["lon"][0]) == pytest.approx(109.7, abs=1e-9)
    assert float(columns["lat"][0]) == pytest.approx(38.25, abs=1e-9)
    assert table.notices == ["reprojected from EPSG:32649"]


@pytest.mark.parametrize("name", ["i.gpkg", "i.geojson", "i.parquet"])
def test_what_is_no_point_is_unlocated_or_bad_and_never_lost(layer, name):
    shapes = [
        None,
        shapely.Point(),
        shapely.Point(109.7, 38.2),
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.box(0, 0, 1, 1),
    ]
    columns, rows, bad = all_rows(opened(layer(name, shapes)))
    assert columns == {"id": ["001", "002", "003"], "lon": ["", "", "109.7"], "lat": ["", "", "38.2"]}
    assert rows == [2, 3, 4]
    assert [(each.row, each.reason, each.text) for each in bad] == [
        (5, "the geometry is no point: LineString", "004,,"), (6, "the geometry is no point: Polygon", "005,,"),
    ]  # fmt: skip


def test_a_multipoint_of_one_is_that_point_and_heights_are_dropped(layer):
    columns, _, bad = all_rows(
        opened(layer("i.parquet", [shapely.MultiPoint([(109.7, 38.2)]), shapely.Point(1, 2, 400)]))
    )
    assert columns["lon"] == ["109.7", "1"]
    assert bad == []
    _, rows, bad = all_rows(opened(layer("j.parquet", [shapely.MultiPoint([(1, 2), (3, 4)])])))
    assert rows == []
    assert bad[0].reason == "the geometry is no point: MultiPoint"


def test_a_place_that_no_degrees_show_is_bad(layer):
    columns, _, bad = all_rows(
        opened(layer("i.parquet", [shapely.Point(1e30, 1e30), shapely.Point(5e5, 4e6)], crs="EPSG:32649"))
    )
    assert columns["id"] == ["002"]
    assert (bad[0].row, bad[0].reason) == (2, "the geometry can't be shown in WGS-84")


@pytest.mark.parametrize("name", FORMATS)
def test_coordinates_mapped_by_hand_are_plain_columns(layer, name):
    path = layer(name, id=["1", "2"], x_gcj=[109.8, 109.9], y_gcj=["38.10", ""])
    table = opened(path, Wanted(("id", "lon", "lat"), columns={"lon": "x_gcj", "lat": "y_gcj"}))
    assert all_rows(table)[0] == {"id": ["1", "2"], "lon": ["109.8", "109.9"], "lat": ["38.10", ""]}
    assert not table.from_geometry


def test_a_table_without_geometry_gives_its_columns(tmp_path):
    path = tmp_path / "i.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"id": ["1"], "lon": [109.7], "lat": [38.2]}), path, layer="calls")
    table = opened(path)
    assert all_rows(table)[0] == {"id": ["1"], "lon": ["109.7"], "lat": ["38.2"]}
    assert not table.from_geometry


@pytest.mark.parametrize("name", FORMATS)
def test_only_the_columns_on_the_list_are_read(layer, name):
    table = opened(layer(name, id=["1", "2"], phone=["13800138000", "13900139000"]))
    assert table.dropped_columns == ("phone",) + (("fid",) if name == "i.gpkg" else ())
    assert "138" not in str(all_rows(table))


def test_a_missing_column_is_told_with_its_near_match(layer):
    with pytest.raises(InputError, match=r'required column .id. is missing; .*columns = \{ id = "编号" \}'):
        opened(layer(编号=["1", "2"]))


def test_many_rows_come_in_batches(layer, monkeypatch):
    n = 150_000
    shapes = shapely.points(np.linspace(109, 110, n), 38.0)
    table = opened(layer("i.gpkg", shapes))
    batches = list(table.batches())
    assert len(batches) > 1
    assert np.concatenate([batch.row for batch in batches]).tolist() == list(range(2, n + 2))


def test_a_damaged_or_unknown_geometry_is_bad_and_not_unlocated(layer):
    path = layer("i.parquet", [*PLACES, PLACES[0]])
    table = pa.parquet.read_table(path)
    broken = pa.array([PLACES[0].wkb[:-4], b"nowhere", None], pa.binary())
    pa.parquet.write_table(table.set_column(1, table.schema.field("geometry"), broken), path)
    columns, rows, bad = all_rows(opened(path))
    assert [each.reason for each in bad] == ["the geometry is damaged", "the geometry is no point: unknown type"]
    assert rows == [4]
    assert columns["lon"] == [""]


# ---- attributes ----


@pytest.mark.parametrize("name", FORMATS)
def test_ids_keep_their_zeros_and_their_last_digits(layer, name):
    columns, _, _ = all_rows(opened(layer(name, id=["0017", "007"], n=[2**53 + 1, 9])))
    assert columns["id"] == ["0017", "007"]
    assert columns["n"] == ["9007199254740993", "9"]


def test_times_keep_their_offset(layer, collection):
    told = ["2026-03-15T21:05:00+08:00", "2026-03-16T08:00:00.5+08:00"]
    times = pd.to_datetime(told, format="ISO8601")
    for name in ("i.gpkg", "i.parquet"):
        columns, _, _ = all_rows(opened(layer(name, id=["1", "2"], time=times)))
        assert pd.to_datetime(columns["time"], format="ISO8601").tolist() == times.tolist()
        assert all(text.endswith(("+08:00", "Z")) for text in columns["time"])
    texts = [*told, "2026/03/17 9:05", "15.3.2026", ""]
    path = collection(*[(at(109.7, 38.2), {"id": str(i), "time": text}) for i, text in enumerate(texts)])
    assert all_rows(opened(path))[0]["time"] == texts


def test_mixed_and_odd_values_of_geojson_keep_their_text(collection):
    values = ["001", 2, 1.5, None, True]
    path = collection(*[(at(109.7, 38.2), {"id": value, "n": 12345678901234567890}) for value in values])
    columns, _, _ = all_rows(opened(path))
    assert columns["id"][:4] == ["001", "2", "1.5", ""]
    assert columns["n"][0] == "1.2345678901234567e+19"  # never taken for exact


def test_the_key_of_a_geopackage_is_a_column_like_others(tmp_path, layer):
    path = layer("i.gpkg", n=[5, 6])
    table = opened(path, Wanted(("id", "lon", "lat"), columns={"id": "fid"}))
    assert all_rows(table)[0]["id"] == ["1", "2"]


def test_text_in_a_column_of_numbers_sets_its_row_aside(layer):
    path = layer("i.gpkg", id=["1", "2"], n=[5, 6])
    with sqlite3.connect(path) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{trigger}"')
        database.execute("UPDATE i SET n = 'A17' WHERE id = '2'")
    database.close()
    columns, rows, bad = all_rows(opened(path))
    assert columns["n"] == ["5"]
    assert rows == [2]
    assert (bad[0].row, bad[0].reason) == (3, "text in 'n', a column of numbers")


# ---- which layer ----


def test_one_of_several_layers_is_named_or_they_are_listed(layer):
    path = layer("i.gpkg", id=["1", "2"])
    again = gpd.GeoDataFrame({"id": ["9"]}, geometry=[shapely.Point(1, 2)], crs=4326)
    pyogrio.write_dataframe(again, path, layer="later")
    pyogrio.write_dataframe(again.assign(geometry=shapely.box(0, 0, 1, 1)), path, layer="areas")
    assert list_layers(layer("o.shp"), "o.shp") == [("o", "POINT")]
    assert list_layers(path, "i.gpkg") == [("i", "POINT"), ("later", "POINT"), ("areas", "POLYGON")]
    with pytest.raises(InputError, match=r"i\.gpkg: field sheet: 2 layers to choose from: i, later; fix: name one"):
        opened(path)
    assert all_rows(opened(path, sheet="later"))[0]["id"] == ["9"]
    with pytest.raises(InputError, match="value 'x': layer not found; layers found: i, later, areas"):
        opened(path, sheet="x")
    assert len(read_layer(path, "i.gpkg", geometry="polygon")) == 1
    with pytest.raises(ConfigError, match="use one of point, line, polygon"):
        layer_of(path, "i.gpkg", geometry="points")


def test_a_view_is_not_run(layer):
    path = layer("i.gpkg")
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW v AS SELECT * FROM i")
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            names = [
                row[1]
                for row in database.execute(f"PRAGMA table_info({table})")
                if row[1] not in ("table_name", "identifier")
            ]
            own = ", identifier" if table == "gpkg_contents" else ""
            values = ", 'v'" if own else ""
            database.execute(
                f"INSERT INTO {table} (table_name{own}, {', '.join(names)}) SELECT 'v'{values}, {', '.join(names)} FROM {table}"
            )
    database.close()
    with pytest.raises(InputError, match="layer 'v' is a view"):
        all_rows(opened(path, sheet="v"))
    assert all_rows(opened(path, sheet="i"))[1] == [2, 3]


# ---- CRS ----


@pytest.mark.parametrize(
    "name", ["urn:ogc:def:crs:EPSG::32649", "EPSG:32649", "http://www.opengis.net/def/crs/EPSG/0/32649"]
)
@pytest.mark.parametrize("spelled", ["crs", "CRS"])
def test_the_obsolete_crs_of_geojson_is_heeded(collection, name, spelled):
    path = collection(
        (at(500_000, 4_000_000), {"id": "1"}), **{spelled: {"type": "name", "properties": {"name": name}}}
    )
    columns, _, _ = all_rows(opened(path))
    assert float(columns["lon"][0]) == pytest.approx(111)


@pytest.mark.parametrize("crs", [None, {"type": "name", "properties": {"name": "Xian 80"}}, {"type": "name"}, 4326])
def test_a_crs_of_geojson_that_is_none_is_not_taken_for_wgs84(collection, crs):
    with pytest.raises(CrsError, match=r"^i\.geojson: field crs: value .*CRS unknown"):
        opened(collection((at(109.7, 38.2), {"id": "1"}), crs=crs))


def test_geoparquet_without_a_crs_is_wgs84_and_with_none_it_is_unknown(layer):
    path = layer("i.parquet", crs=None)
    with pytest.raises(CrsError, match="CRS unknown"):
        opened(path)
    table = pa.parquet.read_table(path)
    geo = json.loads(table.schema.metadata[b"geo"])
    del geo["columns"]["geometry"]["crs"]
    pa.parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    assert all_rows(opened(path))[0]["lat"] == ["38.25", "38.26"]


# ---- shapefiles ----


def test_a_chinese_shapefile_without_its_cpg_is_read(layer):
    path = layer("i.shp", 编号=["A1", "A2"], 地点=["榆林高新区万达广场", "北门"])
    pyogrio.write_dataframe(gpd.read_file(path), path, encoding="GBK")
    path.with_suffix(".cpg").unlink()
    table = opened(path, Wanted(("id", "lon", "lat", "place"), columns={"id": "编号", "place": "地点"}))
    assert all_rows(table)[0]["place"] == ["榆林高新区万达广场", "北门"]
    assert table.notices == ["no .cpg beside it; the text was read as GB18030"]
    assert table.encoding == "gb18030"


@pytest.mark.parametrize(("really", "says"), [("GBK", "UTF-8"), ("GBK", "936"), ("UTF-8", "nonsense")])
def test_the_cpg_is_believed_if_the_text_agrees(layer, really, says):
    path = layer("i.shp", id=["万达广场", "北门"])
    pyogrio.write_dataframe(gpd.read_file(path), path, encoding=really)
    path.with_suffix(".cpg").write_text(says)
    table = opened(path)
    assert all_rows(table)[0]["id"] == ["万达广场", "北门"]


def test_a_name_cut_off_inside_a_character_is_kept_without_it(layer):
    path = layer("i.shp", id=["x" * 12, "y"])
    table = path.with_suffix(".dbf")
    raw = bytearray(table.read_bytes())
    start = int.from_bytes(raw[8:10], "little")
    raw[start + 1 : start + 81] = ("万" * 27).encode()[:80]
    table.write_bytes(raw)
    columns, _, bad = all_rows(opened(path))
    assert columns["id"] == ["万" * 26, "y"]
    assert bad == []


def test_bytes_that_are_no_text_set_their_row_aside(layer):
    path = layer("i.shp", id=["广场", "y"])
    raw = bytearray(path.with_suffix(".dbf").read_bytes())
    start = int.from_bytes(raw[8:10], "little") + int.from_bytes(raw[10:12], "little")
    raw[start + 1 : start + 4] = b"\xff\xfeA"
    path.with_suffix(".dbf").write_bytes(raw)
    _, rows, bad = all_rows(opened(path))
    assert rows == [2]
    assert bad[0].reason == "bytes that aren't UTF-8, in id"


@pytest.mark.parametrize("suffix", [".shp", ".shx", ".dbf"])
def test_a_part_of_a_shapefile_that_was_cut_off_is_named(layer, suffix):
    path = layer("i.shp")
    part = path.with_suffix(suffix)
    part.write_bytes(part.read_bytes()[:-12])
    with pytest.raises(InputError, match=rf"damaged shapefile: i\{suffix} was cut off after \d+ of \d+ bytes"):
        opened(path)


def test_a_table_of_another_shapefile_is_refused(layer):
    path, other = layer("i.shp"), layer("j.shp", [shapely.Point(1, 2)])
    shutil.copy(other.with_suffix(".dbf"), path.with_suffix(".dbf"))
    with pytest.raises(InputError, match="2 shapes but 1 rows in its table"):
        opened(path)


# ---- what isn't opened ----


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content",
    [b"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
     b"id,lon,lat\n1,109.7,38.2\n", b'[{"type": "Feature"}]', b"", b" "],
)  # fmt: skip
def test_content_that_isnt_what_the_name_says_is_not_opened(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"^{name}: (file is empty|the content is not that of)"):
        opened(path)


@pytest.mark.parametrize("kind", ["Topology", "gdal_streamed_alg"])
def test_json_that_isnt_geojson_is_not_opened(tmp_path, kind):
    path = tmp_path / "i.geojson"
    path.write_text(json.dumps({"type": kind, "objects": {}, "arcs": [], "command_line": "gdal vector pipeline"}))
    with pytest.raises(InputError, match="can't be read"):
        opened(path)


def test_a_database_that_is_no_geopackage_is_not_opened(tmp_path):
    path = tmp_path / "i.gpkg"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE i (id, lon, lat)")
    database.close()
    with pytest.raises(InputError, match="a SQLite file that isn't a GeoPackage"):
        opened(path)


def test_a_file_above_the_limit_is_refused_with_advice(layer, monkeypatch):
    monkeypatch.setattr(geojson, "MOST_GEOJSON_BYTES", 100)
    with pytest.raises(
        InputError, match="the limit for GeoJSON is 100; fix: save the layer as GeoPackage or GeoParquet"
    ):
        opened(layer("i.geojson"))


@pytest.mark.parametrize("name", ["a!b.shp", "a;b.shp", "a%20b.gpkg"])
def test_a_path_that_would_be_taken_apart_is_refused(layer, tmp_path, name):
    layer("i.gpkg")
    layer("i.shp")
    for part in list(tmp_path.iterdir()):
        shutil.copy(part, (tmp_path / name).with_suffix(part.suffix))
    with pytest.raises(InputError, match=r"a path with [!;%] can't be read"):
        opened(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a!b.gpkg", "a;b.geojson", "a b?c#d.gpkg", "a%20b.geojson", "万达.geojson", "i.GPKG", "I.JSON"]
)
def test_other_names_are_only_names(layer, tmp_path, name):
    path = layer("i.gpkg" if "gpkg" in name.lower() else "i.geojson").rename(tmp_path / name)
    assert all_rows(opened(path))[0]["id"] == ["001", "002"]


# ---- damage ----


def test_a_damaged_geopackage_is_told(layer):
    path = layer("i.gpkg", shapely.points(np.linspace(109, 110, 5000), 38.0))
    raw = bytearray(path.read_bytes())
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"^i\.gpkg: damaged"):
        all_rows(opened(path))
    raw[200:] = b"\xaa" * (len(raw) - 200)
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"^i\.gpkg: damaged GeoPackage"):
        opened(path)


def test_changes_that_are_not_in_the_file_yet_are_not_passed_over(layer):
    path = layer("i.gpkg")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE more (a)")
    database.commit()
    with pytest.raises(InputError, match=r"the last changes are still in i\.gpkg-wal beside it"):
        opened(path)
    database.close()


def test_what_is_no_feature_is_missed_by_its_number(tmp_path):
    features = [{"type": "Feature", "properties": {"id": "1"}, "geometry": at(1, 2)}, {"type": "Featuer"}, None, 5]
    path = tmp_path / "i.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(InputError, match="3 of 4 elements of 'features' are no features"):
        all_rows(opened(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"type": "FeatureCollection", "features": [{"type": "Feature"', "it ends in the middle, after 61 bytes, with 3"),
        ('{"type": "FeatureCollection", "features": [], "name": "x', "it ends in the middle, after 56 bytes"),
        ('{"type": "FeatureCollection", /* hello */ "features": []}', "not JSON: '/' at byte 30"),
        ("{'type': 'FeatureCollection', 'features': []}", "not JSON: ''' at byte 1"),
        ('{"type": "FeatureCollection", "features": []}}', "a bracket closes that never opened"),
        ('{"type": "FeatureCollection", "features": [}]', "can't be read"),
    ],
)  # fmt: skip
def test_damaged_geojson_says_where(tmp_path, content, reason):
    path = tmp_path / "i.geojson"
    path.write_text(content)
    with pytest.raises(InputError, match=rf"^i\.geojson: .*{reason}"):
        opened(path)


def test_geojson_in_another_encoding_is_refused_with_the_place(collection):
    path = collection((at(1, 2), {"id": "1"}))
    path.write_bytes(path.read_bytes().replace(b'"1"', "万达".encode("gbk").join([b'"', b'"'])))
    with pytest.raises(InputError, match=r"the text isn't UTF-8, which GeoJSON must be \(near byte"):
        opened(path)


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"type":"FeatureCollection","features":' + "[" * 100_000, '{"a":' * 100_000,
     '{"type":"Feature","properties":{},"geometry":' + '{"type":"GeometryCollection","geometries":[' * 9000 + "]}" * 9000 + "}"],
)  # fmt: skip
def test_brackets_in_brackets_do_not_end_the_interpreter(tmp_path, content):
    path = tmp_path / "i.geojson"
    path.write_text(content)
    code = f"""
from pathlib import Path
from hotspot.errors import InputError
from hotspot.reading.layers import read_layer
try: read_layer(Path({str(path)!r}), "i.geojson")
except InputError as error: print(error)"""
    assert python(code).startswith("i.geojson: ")


@pytest.mark.parametrize("block_bytes", [64, 97, 4 * 1024**2])
def test_a_look_through_in_small_blocks_finds_the_same(collection, monkeypatch, block_bytes):
    """The obvious twin is the parser of the standard library."""
    monkeypatch.setattr(geojson, "_BLOCK_BYTES", block_bytes)
    odd = {"id": 'a\\"b\\\\', "crs": "{", "x": [1, [2, 3], {"y": "]"}]}
    path = collection(
        *[(at(109.7, 38.2), odd)] * 17,
        name="x.geojson",
        more={"a": [1, 2, 3]},
        crs={"type": "name", "properties": {"name": "EPSG:4326"}},
    )
    look = geojson.look_through(path, "x.geojson")
    assert look.features == len(json.loads(path.read_text())["features"])
    assert look.crs.to_epsg() == 4326


# ---- no network, nothing written, no driver that could ----


@pytest.fixture
def listener():
    """An address on this machine, and the paths that were asked for there."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *words):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/crs", asked
        server.shutdown()


@pytest.mark.parametrize("spelled", ["crs", "CRS", "\\u0063rs", "c\\u0052S"])
@pytest.mark.parametrize("place", ["collection", "feature", "geometry"])
def test_a_link_to_a_crs_is_never_followed(tmp_path, listener, monkeypatch, spelled, place):
    monkeypatch.setenv("no_proxy", "*")
    url, asked = listener
    link = f'"{spelled}" \n:\t {{"type": "link", "properties": {{"href": "{url}", "type": "ogcwkt"}}}}, '
    parts = {each: link if each == place else "" for each in ("collection", "feature", "geometry")}
    path = tmp_path / "i.geojson"
    path.write_text(
        f'{{{parts["collection"]}"type": "FeatureCollection", "features": [{{{parts["feature"]}"type": "Feature", '
        f'"properties": {{"id": "1"}}, "geometry": {{{parts["geometry"]}"type": "Point", "coordinates": [1, 2]}}}}]}}'
    )
    json.loads(path.read_text())
    with pytest.raises(InputError, match="crs member"):
        opened(path)
    assert asked == []


def test_a_property_called_crs_is_only_a_property(collection):
    path = collection((at(1, 2), {"id": "1", "crs": "EPSG:32649"}))
    assert all_rows(opened(path))[0]["lon"] == ["1"]


@pytest.mark.parametrize(("name", "journal"), [*((name, "delete") for name in FORMATS), ("i.gpkg", "wal")])
def test_reading_leaves_the_folder_as_it_was(layer, name, journal):
    path = layer(name)
    if journal == "wal":
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA journal_mode = WAL")
        database.close()
    before = {each: (each.read_bytes(), each.stat().st_mtime_ns) for each in path.parent.iterdir()}
    path.parent.chmod(0o555)
    try:
        batches = opened(path).batches()
        next(batches)
        during = set(path.parent.iterdir())
        batches.close()
        read_layer(path, path.name)
    finally:
        path.parent.chmod(0o755)
    assert during == set(before)
    assert {each: (each.read_bytes(), each.stat().st_mtime_ns) for each in path.parent.iterdir()} == before


def test_importing_hotspot_loads_no_gdal():
    assert python("import sys, hotspot; print('pyogrio' in sys.modules)") == "False"


def test_the_drivers_that_follow_names_elsewhere_are_gone_and_the_environment_is_as_before():
    code = """
import os
from hotspot.reading.layers import UNSAFE_DRIVERS, gdal
before = dict(os.environ)
left = set(gdal().list_drivers())
print(sorted(left & set(UNSAFE_DRIVERS)), {"GPKG", "GeoJSON", "ESRI Shapefile", "OSM"} <= left)
print({name for name in before if before[name] != os.environ.get(name)}, os.environ.get("GDAL_SKIP"))"""
    assert python(code).splitlines() == ["[] True", "set() None"]
    assert python(code, GDAL_SKIP="GML").splitlines() == ["[] True", "set() GML"]


def test_they_are_gone_also_where_pyogrio_was_there_first():
    code = """
import pyogrio
before = set(pyogrio.list_drivers())
from hotspot.reading.layers import UNSAFE_DRIVERS, gdal
gdal()
print(sorted(set(UNSAFE_DRIVERS) - before), sorted(set(pyogrio.list_drivers()) & set(UNSAFE_DRIVERS)))"""
    assert python(code) == "[] []"


def test_this_process_has_none_of_them_either():
    assert not set(gdal().list_drivers()) & set(UNSAFE_DRIVERS)


# ---- whole layers ----


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_layer_has_its_text_its_shapes_and_its_own_crs(layer, name):
    lines = [shapely.LineString([(0, 0, 5), (1, 1, 5)]), shapely.LineString([(1, 1), (2, 2)])]
    frame = read_layer(
        layer(name, lines, crs="EPSG:32649", id=["01", "2"], n=[3, 4]),
        name,
        columns=["id", "n", "oneway"],
        geometry="line",
    )
    assert frame.crs.to_epsg() == 32649
    assert frame[["id", "n"]].to_numpy().tolist() == [["01", "3"], ["2", "4"]]
    assert frame["geometry_type"].tolist() == ["LineString", "LineString"]
    assert not shapely.has_z(frame.geometry.to_numpy()).any()
    assert list(frame) == ["id", "n", "geometry_type", "geometry"]


def test_several_values_in_one_field_are_parted_by_semicolons(tmp_path):
    path = tmp_path / "s.parquet"
    frame = gpd.GeoDataFrame({"highway": [["primary", "secondary"], None]}, geometry=PLACES, crs=4326)
    frame.to_parquet(path)
    assert read_layer(path, "s.parquet")["highway"].tolist() == ["primary;secondary", ""]


def test_an_empty_layer_is_an_empty_frame(collection):
    frame = read_layer(collection(), "i.geojson", columns=["id"])
    assert len(frame) == 0
    assert list(frame) == ["geometry_type", "geometry"]


def test_a_suffix_that_is_not_on_the_list_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"files of type '\.kml' can't be read as a layer"):
        read_layer(Path(tmp_path / "x.kml"), "x.kml")


# ---- anything else ----


@pytest.mark.parametrize(
    "definition", ["", "PROJCS[", 'GEOGCS["x",DATUM["y",SPHEROID["z",0,0]],PRIMEM["w",0],UNIT["d",1]]']
)
def test_a_prj_that_defines_nothing_is_an_unknown_crs(layer, definition):
    path = layer("i.shp")
    path.with_suffix(".prj").write_text(definition)
    with pytest.raises(CrsError, match=r"CRS unknown|can't be brought to WGS-84"):
        opened(path)


def test_places_on_the_moon_are_not_taken_for_earthly_ones(layer):
    path = layer("i.parquet", crs="IAU_2015:30100")
    with pytest.raises(CrsError, match="can't be brought to WGS-84"):
        opened(path)


def test_two_arrays_of_features_are_refused(tmp_path):
    path = tmp_path / "i.geojson"
    path.write_text('{"type": "FeatureCollection", "features": [], "Features": []}')
    with pytest.raises(InputError, match="2 members called features"):
        opened(path)


def mutated(raw, rng):
    """The bytes with a few of them changed, taken out or put in."""
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = int(rng.integers(len(raw) + 1))
        some = rng.bytes(int(rng.choice([1, 4, 30])))
        raw = raw[:at] + rng.choice([some, b""]) + raw[at + int(rng.choice([0, len(some)])) :]
    return raw


@pytest.mark.parametrize("name", FORMATS)
def test_a_mutated_file_gives_its_rows_or_one_of_our_errors(layer, name):
    rng = np.random.default_rng(7)
    path = layer(name, [*PLACES, None], id=["001", "二", "3"], time=["2026-03-15", "x", ""], n=[1, 2, 3])
    parts = {part: part.read_bytes() for part in path.parent.iterdir()}
    read = refused = 0
    for i in range(120):
        part = list(parts)[i % len(parts)]
        part.write_bytes(mutated(parts[part], rng))
        try:
            _, rows, bad = all_rows(opened(path))
        except InputError:
            refused += 1
        else:
            read += 1
            assert sorted([*rows, *(each.row for each in bad)]) == list(range(2, 2 + len(rows) + len(bad)))
            assert len(rows) + len(bad) == 3 or name == "i.geojson"  # whose text may merge two features into one
        part.write_bytes(parts[part])
    assert read + refused == 120
    assert refused > 10
