"""`patrol streets PLACE --out FILE`, against canned answers of Nominatim and Overpass on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


class Canned(BaseHTTPRequestHandler):
    """Says what Nominatim and Overpass would; `?` places don't exist, a server in trouble answers 500."""

    trouble = False

    def answer(self, body: object) -> None:
        data = b"busy" if self.trouble else json.dumps(body).encode()
        self.send_response(500 if self.trouble else 200)
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
        self.answer([] if "nowhere" in self.path else [found])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        nodes = [{"type": "node", "id": n, "lon": lon, "lat": lat} for n, (lon, lat) in NODES.items()]
        nodes[3]["tags"] = {"barrier": "bollard"}
        self.answer({"elements": [*nodes, *({"type": "way"} | way for way in WAYS)]})

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Canned, "trouble", False)
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
    out = tmp_path / "streets.graphml"
    with pytest.raises(InputError, match="the place isn't known"):
        download_streets("nowhere", out, **server)
    monkeypatch.setattr(Canned, "trouble", True)
    with pytest.raises(OutputError, match="can't be reached or refuses"):
        download_streets("测试区", out, **server)
    silent = {"overpass_url": "http://127.0.0.1:9", "nominatim_url": "http://127.0.0.1:9"}
    with pytest.raises(OutputError, match=r"ConnectionError\); fix: check the network"):
        download_streets("测试区", out, **silent)
    assert not list(tmp_path.iterdir())


def test_where_it_cannot_be_written_is_told_before_anything_is_fetched(tmp_path):
    for out, why in ((tmp_path / "s.dwg", "can't be written"), (tmp_path / "no" / "s.gpkg", "its folder isn't there")):
        with pytest.raises(ConfigError, match=why):
            download_streets("测试区", out, overpass_url="http://127.0.0.1:9")
