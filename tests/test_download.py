"""`patrol streets PLACE --out FILE`, against canned answers of Nominatim and Overpass on this machine."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import geopandas as gpd
import osmnx
import pytest
import shapely
from commands import patrol

from hotspot.errors import ConfigError, InputError, OutputError
from planning.network import read_streets
from planning.network.download import FORMATS, download_streets

SQUARE = [[109.70, 38.20], [109.72, 38.20], [109.72, 38.22], [109.70, 38.22], [109.70, 38.20]]
NODES = {
    1: (109.705, 38.205), 2: (109.710, 38.205), 3: (109.715, 38.205), 4: (109.710, 38.210), 5: (109.710, 38.215),
    6: (109.711, 38.2155), 7: (109.709, 38.2155),
}  # fmt: skip
WAYS = [
    {"id": 10, "nodes": [1, 2, 3], "tags": {"highway": "primary", "name": "一路", "maxspeed": "40", "oneway": "yes"}},
    {"id": 11, "nodes": [2, 4, 5], "tags": {"highway": "residential", "name": "二路", "oneway:bicycle": "no"}},
    {"id": 12, "nodes": [5, 6, 7, 5], "tags": {"highway": "tertiary", "junction": "roundabout"}},
    {"id": 13, "nodes": [3, 5], "tags": {"highway": "footway", "foot": "designated"}},
]


def canned(ways: list[dict[str, object]], **more: object) -> dict[str, object]:
    """Overpass's answer: the nodes, with a bollard at 4, and the ways."""
    nodes = [{"type": "node", "id": n, "lon": lon, "lat": lat} for n, (lon, lat) in NODES.items()]
    nodes[3]["tags"] = {"barrier": "bollard"}
    return {"elements": [*nodes, *({"type": "way"} | way for way in ways)], **more}


class Canned(BaseHTTPRequestHandler):
    """Says what Nominatim and Overpass would; `nowhere` doesn't exist, `point` has no area.

    `status` is that of all answers (other than 200: no JSON), `overpass` replaces the canned streets, `asked` counts.
    """

    status = 200
    overpass: object = None
    asked = 0

    def answer(self, body: object) -> None:
        type(self).asked += 1
        data = body if isinstance(body, bytes) else b"busy" if self.status != 200 else json.dumps(body).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        found = {
            "place_id": 1, "osm_type": "relation", "osm_id": 2, "lat": "38.21", "lon": "109.71", "importance": 0.5,
            "display_name": "测试区", "name": "测试区", "class": "boundary", "type": "administrative",
            "addresstype": "district", "place_rank": 12, "boundingbox": ["38.20", "38.22", "109.70", "109.72"],
            "geojson": {"type": "Polygon", "coordinates": [SQUARE]},
        }  # fmt: skip
        if "point" in self.path:
            found["geojson"] = {"type": "Point", "coordinates": SQUARE[0]}
        self.answer([] if "nowhere" in self.path else [found])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(canned(WAYS) if self.overpass is None else self.overpass)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # OSMnx pauses before each question
    for name, value in (("status", 200), ("overpass", None), ("asked", 0)):
        monkeypatch.setattr(Canned, name, value)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{running.server_port}"
    yield {"overpass_url": address, "nominatim_url": address}
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_was_fetched_is_read_with_its_names_and_one_ways(server, tmp_path, suffix):
    before = dict(vars(osmnx.settings))
    got = download_streets("测试区", tmp_path / f"streets{suffix}", **server)
    assert vars(osmnx.settings) == before
    assert [path.name for path in tmp_path.iterdir()] == [f"streets{suffix}"]
    streets = read_streets(got.path)
    rows = streets.edges.drop_duplicates("osmid").set_index("osmid")
    assert sorted(rows.index) == ["10", "11", "12", "13"]
    assert rows.loc["10", ["name", "oneway", "maxspeed"]].tolist() == ["一路", "yes", "40"]
    assert rows.loc["11", ["name", "oneway", "oneway_bicycle"]].tolist() == ["二路", "", "no"]
    assert rows.loc["12", "oneway"] == "yes"
    assert streets.edges["length_m"].sum() == pytest.approx(got.streets.edges["length_m"].sum(), rel=3e-3)
    assert "street edges" in got.summary()
    assert len(streets.barred.get("car", ())) == (suffix == ".graphml")


def test_the_command_and_an_area_file_instead_of_a_name(server, tmp_path):
    areas = gpd.GeoDataFrame({"id": ["C1"]}, geometry=[shapely.Polygon(SQUARE)], crs="EPSG:4326")
    areas.to_file(tmp_path / "areas.geojson")
    out = tmp_path / "streets.gpkg"
    words = ["--overpass-url", server["overpass_url"], "--nominatim-url", server["nominatim_url"]]
    said = patrol("streets", tmp_path / "areas.geojson", "--out", out, *words)
    assert said.code == 0, said.err
    assert str(out) in said.out and len(read_streets(out).edges) >= 5
    again = patrol("streets", "测试区", "--out", out, *words)
    assert again.code == 2 and "exists already; fix: give another name, or --force to replace it" in again.err
    assert patrol("streets", "测试区", "--out", out, "--force", *words).code == 0


def test_what_fails_is_told_and_leaves_nothing_behind(server, tmp_path, monkeypatch):
    out, before = tmp_path / "streets.graphml", dict(vars(osmnx.settings))
    for place, why in (("nowhere", "the place isn't known"), ("point", "the place has no area")):
        with pytest.raises(InputError, match=why):
            download_streets(place, out, **server)
    monkeypatch.setattr(Canned, "status", 500)
    with pytest.raises(OutputError, match=r"can't be reached or refuses \(HTTP 500\)"):
        download_streets("测试区", out, **server)
    silent = {"overpass_url": "http://127.0.0.1:9", "nominatim_url": "http://127.0.0.1:9"}
    with pytest.raises(OutputError, match=r"ConnectionError\); fix: check the network"):
        download_streets("测试区", out, **silent)
    assert not list(tmp_path.iterdir())
    assert vars(osmnx.settings) == before


def test_a_servers_failure_has_the_environments_exit_code_and_a_place_that_is_unknown_the_inputs(server, monkeypatch):
    words = ["--out", "s.gpkg", "--overpass-url", server["overpass_url"], "--nominatim-url", server["nominatim_url"]]
    assert patrol("streets", "nowhere", *words).code == 3
    monkeypatch.setattr(Canned, "status", 500)
    assert patrol("streets", "测试区", *words).code == 5


CUT_SHORT = 'runtime error: Query timed out in "query" at line 1 after 181 seconds.'
FAR_AWAY = {"elements": [{"type": "node", "id": 1, "lon": 0, "lat": 0}, {"type": "node", "id": 2, "lon": 0.1, "lat": 0},
                         {"type": "way", "id": 1, "nodes": [1, 2], "tags": {"highway": "residential"}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (canned(WAYS, remark=CUT_SHORT), OutputError, "gave up before its answer was complete"),
        (b"<html>please log in</html>", OutputError, "refuses \\(JSONDecodeError"),
        ({"error": "what?"}, OutputError, "refuses \\(KeyError"),
        ({"elements": []}, InputError, "no street lies in it"),
        (canned([]), InputError, "no street lies in it"),
        (FAR_AWAY, InputError, "no street lies in it"),
    ],
)
def test_an_answer_without_all_of_the_streets_is_told_and_never_written(
    server, tmp_path, monkeypatch, answer, error, why
):
    monkeypatch.setattr(Canned, "overpass", answer)
    with pytest.raises(error, match=why):
        download_streets("测试区", tmp_path / "streets.gpkg", **server)
    assert not list(tmp_path.iterdir())


def test_a_server_that_stays_busy_is_asked_ten_times(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Canned, "status", 429)
    with pytest.raises(OutputError, match=r"HTTP 429"):
        download_streets("测试区", tmp_path / "streets.gpkg", **server)
    assert Canned.asked == 10


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_street_that_goes_on_as_a_private_footpath_stays_apart_from_it(server, tmp_path, monkeypatch, suffix):
    street = {"id": 20, "nodes": [1, 2], "tags": {"highway": "residential"}}
    path = {"id": 21, "nodes": [2, 3], "tags": {"highway": "footway", "access": "private"}}
    monkeypatch.setattr(Canned, "overpass", canned([street, path]))
    edges = read_streets(download_streets("测试区", tmp_path / f"s{suffix}", **server).path).edges.set_index("osmid")
    assert edges[["highway", "access"]].T.to_dict("list") == {"20": ["residential", ""], "21": ["footway", "private"]}


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_interrupted_or_failed_writing_keeps_the_old_file_and_nothing_else(server, tmp_path, monkeypatch, suffix):
    out = tmp_path / f"streets{suffix}"
    out.write_bytes(b"old")
    for error, told in ((KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "full"), OutputError)):

        def fail(*args: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", fail)
            with pytest.raises(told):
                download_streets("测试区", out, force=True, **server)
        assert [path.name for path in tmp_path.iterdir()] == [out.name] and out.read_bytes() == b"old"


@pytest.mark.parametrize("suffix", FORMATS[1:])  # OSMnx makes the folder of a graphml again
def test_a_folder_that_vanishes_meanwhile_is_told(server, tmp_path, monkeypatch, suffix):
    folder, simplify = tmp_path / "folder", osmnx.simplify_graph
    folder.mkdir()

    def late(*args: object, **options: object) -> object:
        folder.rmdir()
        return simplify(*args, **options)

    monkeypatch.setattr(osmnx, "simplify_graph", late)
    with pytest.raises(OutputError, match=r"can't be written: .*; fix: choose a folder"):
        download_streets("测试区", folder / f"streets{suffix}", **server)
    assert not list(tmp_path.iterdir())


def test_osmnx_and_the_lookup_of_addresses_are_left_as_they_were(server, tmp_path):
    lookup = socket.getaddrinfo
    download_streets("测试区", tmp_path / "streets.graphml", **server)
    assert socket.getaddrinfo is lookup


def test_what_cannot_be_done_is_told_before_anything_is_fetched(server, tmp_path):
    (tmp_path / "folder.gpkg").mkdir()
    outs = {"s.dwg": "can't be written", "no/s.gpkg": "its folder isn't there", "folder.gpkg": "exists already"}
    for out, why in outs.items():
        with pytest.raises(ConfigError, match=why):
            download_streets("测试区", tmp_path / out, force=True, **server)
    for buffer_m in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="give metres from 0 to 100000"):
            download_streets("测试区", tmp_path / "s.gpkg", buffer_m=buffer_m, **server)
    with pytest.raises(ConfigError, match="not the address of a server"):
        download_streets("测试区", tmp_path / "s.gpkg", overpass_url="overpass-api.de")
    with pytest.raises(ConfigError, match="missing; fix: name an area"):
        download_streets(" ", tmp_path / "s.gpkg", **server)
    with pytest.raises(InputError, match=r"areas\.geojson: file not found"):
        download_streets("areas.geojson", tmp_path / "s.gpkg", **server)
    assert Canned.asked == 0


BOW_TIE = "POLYGON ((109.70 38.20, 109.72 38.22, 109.72 38.20, 109.70 38.22, 109.70 38.20))"


def test_areas_that_cannot_be_are_told_and_crossed_ones_are_mended(server, tmp_path):
    file, out = tmp_path / "areas.geojson", tmp_path / "s.gpkg"
    for shapes, why in (
        ([], "the place has no area"),
        (["POINT (109.7 38.2)"], "the place has no area"),
        ([None], "the place has no area"),
        (["POLYGON ((500 0, 501 0, 501 1, 500 0))"], "not longitudes and latitudes"),
    ):
        shape = gpd.GeoSeries.from_wkt(shapes, crs="EPSG:4326").map(
            lambda each: each and shapely.geometry.mapping(each)
        )
        features = [{"type": "Feature", "properties": {}, "geometry": each} for each in shape]
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        with pytest.raises(InputError, match=why):
            download_streets(str(file), out, **server)
    gpd.GeoDataFrame({"id": ["C1"]}, geometry=gpd.GeoSeries.from_wkt([BOW_TIE]), crs="EPSG:4326").to_file(file)
    assert download_streets(str(file), out, **server).area_km2 == pytest.approx(14.4, abs=0.1)  # both halves, widened
