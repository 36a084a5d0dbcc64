"""Reading streets: what is joined, what is cut, what is refused."""

import gzip
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot.errors import ConfigError, CrsError, InputError
from planning.network import Streets, from_lines, read_streets, routable

SHARED = Path(__file__).parents[2] / "shared" / "data"
METRIC = "EPSG:32610"


def lines(*wkt: str, crs: str = METRIC, **tags: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(tags, geometry=gpd.GeoSeries.from_wkt(wkt), crs=crs)


def test_an_end_on_an_inner_vertex_cuts_the_line_there():
    streets = from_lines(lines("LINESTRING (0 0, 50 0, 90 0)", "LINESTRING (50 0, 50 70)"))
    assert sorted(streets.edges["length_m"]) == [40, 50, 70]
    assert len(streets.nodes_xy) == 4


def test_lines_that_only_cross_stay_apart_like_a_bridge():
    streets = from_lines(lines("LINESTRING (0 0, 100 0)", "LINESTRING (50 -50, 50 50)"))
    assert len(streets.edges) == 2
    assert len(streets.nodes_xy) == 4


def test_ends_a_few_centimetres_apart_meet_without_a_gap():
    streets = from_lines(lines("LINESTRING (0 0, 100.049 0)", "LINESTRING (100.051 0.05, 200 0)"))
    assert len(streets.nodes_xy) == 3
    assert streets.edges.geometry[0].coords[-1] == streets.edges.geometry[1].coords[0]
    assert streets.edges["length_m"].tolist() == pytest.approx(streets.edges.length.tolist(), abs=1e-9)


def test_ends_a_metre_apart_do_not_meet():
    assert len(from_lines(lines("LINESTRING (0 0, 100 0)", "LINESTRING (101 0, 200 0)")).nodes_xy) == 4


def test_what_is_no_street_is_counted_and_the_declared_length_is_not_believed():
    frame = lines(
        "MULTILINESTRING ((0 0, 10 0), (50 0, 60 0))",
        "LINESTRING (5 5, 5 5)",
        "POINT (1 1)",
        "LINESTRING EMPTY",
        length_m=[-3.0, np.nan, 1.0, 1.0],
    )
    frame.loc[4] = {"length_m": 1.0, "geometry": None}
    frame.loc[5] = {"length_m": 1.0, "geometry": shapely.LineString([(0, 0), (np.inf, 1)])}
    streets = from_lines(frame)
    assert streets.edges["length_m"].tolist() == [10, 10]
    assert streets.dropped == {"empty": 2, "not a line": 1, "with impossible coordinates": 1, "without length": 1}


def test_a_closed_loop_stays_whole_and_a_figure_of_eight_becomes_two_loops():
    loop = from_lines(lines("LINESTRING (0 0, 10 0, 10 10, 0 0)"))
    assert loop.edges[["u", "v"]].to_numpy().tolist() == [[0, 0]]
    eight = from_lines(lines("LINESTRING (0 0, 10 5, 10 -5, 0 0, -10 5, -10 -5, 0 0)"))
    assert len(eight.edges) == 2
    assert len(eight.nodes_xy) == 1


def test_no_line_left_is_an_input_error_that_says_why():
    with pytest.raises(InputError, match="1 not a line"):
        from_lines(lines("POINT (0 0)"))
    with pytest.raises(InputError, match="it is empty"):
        from_lines(lines())


def test_another_crs_keeps_the_joints_and_the_lengths_on_the_ground():
    streets = from_lines(
        lines("LINESTRING (500000 5450000, 500100 5450000)", "LINESTRING (500100 5450000, 500100 5450050)")
    )
    moved = streets.to_crs("EPSG:3857")
    assert moved.edges[["u", "v"]].equals(streets.edges[["u", "v"]])
    assert moved.edges["length_m"].tolist() == [100, 50]
    assert moved.edges.length[0] > 140  # web mercator stretches at 49 degrees north
    assert moved.edges.geometry[0].coords[-1] == tuple(moved.nodes_xy[moved.edges["v"][0]])


def test_a_crs_in_degrees_is_refused_with_the_zone_that_suits():
    frame = lines("LINESTRING (-123.1 49.2, -123.0 49.2)", crs="EPSG:4326")
    with pytest.raises(CrsError, match="32610"):
        from_lines(frame, crs="EPSG:4326")
    assert from_lines(frame).crs.to_epsg() == 32610


def test_metres_declared_as_degrees_are_refused():
    with pytest.raises(CrsError, match="not longitudes and latitudes"):
        from_lines(lines("LINESTRING (500000 5450000, 500100 5450000)", crs="EPSG:4326"))
    with pytest.raises(CrsError, match="CRS unknown"):
        from_lines(lines("LINESTRING (0 0, 1 1)").set_crs(None, allow_override=True))


@pytest.mark.parametrize("suffix", [".parquet", ".gpkg", ".geojson", ".shp"])
def test_every_kind_of_file_gives_the_same_streets(tmp_path, suffix):
    frame = lines("LINESTRING (-123.1 49.2, -123 49.2)", "LINESTRING (-123 49.2, -123 49.3)", crs="EPSG:4326",
                  highway=["primary", None], name=["Main", "江"])  # fmt: skip
    path = tmp_path / f"streets{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path, encoding="utf-8")
    streets = read_streets(path)
    assert streets.edges["highway"].tolist() == ["primary", ""]
    assert streets.edges["name"].tolist() == ["Main", "江"]
    assert len(streets.nodes_xy) == 3


def test_broken_files_are_refused_by_name(tmp_path):
    frame = lines("LINESTRING (-123.1 49.2, -123 49.2)", crs="EPSG:4326")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "plain.parquet")
    for name, content in {
        "empty.geojson": b"",
        "words.gpkg": b"not a database",
        "driver.shp": b"<OGRVRTDataSource></OGRVRTDataSource>",
        "cut.osm.gz": gzip.compress(b"<?xml version='1.0'?><osm>" + bytes(range(256)) * 9)[:80],
        "cut.osm": b"<?xml version='1.0'?><osm version='0.6'><node id='1' lat=",
        "bomb.graphml": b"<?xml version='1.0'?><!DOCTYPE g [<!ENTITY a 'aa'>]><graphml>&a;</graphml>",
        "other.graphml": b"<?xml version='1.0'?><graphml></graphml>",
        "streets.dwg": b"AC1032",
    }.items():
        (tmp_path / name).write_bytes(content)
    frame.to_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    frame.to_file(tmp_path / "whole.geojson")
    text = (tmp_path / "whole.geojson").read_bytes()
    (tmp_path / "cut.geojson").write_bytes(text[: len(text) * 2 // 3])
    (tmp_path / "whole.parquet").unlink()
    (tmp_path / "whole.geojson").unlink()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 11
    for file in [*files, tmp_path / "absent.gpkg"]:
        with pytest.raises(InputError) as caught:
            read_streets(file)
        assert caught.value.faults[0].path == str(file)
        assert caught.value.faults[0].fix


@pytest.mark.parametrize("path", ["https://example.org/a.geojson", "/vsicurl/http://example.org/a.gpkg"])
@pytest.mark.fault("CFG-03")
def test_addresses_are_refused_not_followed(path):
    with pytest.raises(InputError, match="not a plain local path"):
        read_streets(path)


def test_an_unknown_mode_is_refused_before_anything_is_read():
    with pytest.raises(ConfigError, match="'boat'"):
        read_streets("absent.gpkg", modes=["boat"])


def test_streets_for_no_wanted_mode_are_left_out_and_counted(tmp_path):
    path = tmp_path / "streets.gpkg"
    lines("LINESTRING (0 0, 9 0)", "LINESTRING (9 0, 9 9)", "LINESTRING (0 0, 0 9)",
          highway=["steps", "residential", "proposed"]).to_file(path)  # fmt: skip
    assert read_streets(path, modes=["car"]).dropped["of a class no mode may use"] == 2
    assert read_streets(path).edges["highway"].tolist() == ["steps", "residential"]


OSM = """<?xml version='1.0'?><osm version='0.6'>
<node id='1' lat='49.20' lon='-123.10'/><node id='2' lat='49.20' lon='-123.09'/><node id='3' lat='49.20' lon='-123.08'/>
<node id='4' lat='49.21' lon='-123.09'/><node id='5' lat='49.19' lon='-123.09'/>
<way id='3'><nd ref='5'/><nd ref='2'/><nd ref='4'/><tag k='highway' v='primary'/><tag k='maxspeed' v='20 mph'/></way>
<way id='1'><nd ref='1'/><nd ref='2'/><nd ref='3'/><tag k='highway' v='residential'/><tag k='oneway' v='yes'/>
<tag k='oneway:bicycle' v='no'/></way>
<way id='2'><nd ref='1'/><nd ref='4'/><nd ref='3'/><nd ref='1'/><tag k='highway' v='service'/>
<tag k='amenity' v='parking'/><tag k='junction' v='roundabout'/></way>
<way id='4'><nd ref='1'/><nd ref='5'/><tag k='building' v='yes'/></way></osm>"""


def test_osm_ways_join_at_shared_nodes_and_closed_ways_stay_streets(tmp_path):
    path = tmp_path / "place.osm"
    path.write_text(OSM)
    streets = read_streets(path)
    edges = streets.edges
    assert len(streets.nodes_xy) == 5
    assert edges["highway"].value_counts().to_dict() == {"service": 3, "primary": 2, "residential": 2}
    assert set(edges.loc[edges["highway"] == "service", "oneway"]) == {"yes"}
    assert set(edges.loc[edges["highway"] == "residential", "oneway_bicycle"]) == {"no"}
    packed = tmp_path / "place.osm.gz"
    packed.write_bytes(gzip.compress(OSM.encode()))
    pd.testing.assert_frame_equal(pd.DataFrame(read_streets(packed).edges), pd.DataFrame(edges))


def test_a_graph_of_osmnx_there_and_back_keeps_lengths_and_one_ways():
    frame = lines("LINESTRING (0 0, 30 40, 60 0)", "LINESTRING (60 0, 90 0)", "LINESTRING (0 0, 9 9, 9 0, 0 0)",
                  oneway=["-1", "", "yes"], name=["a", "b", "c"])  # fmt: skip
    streets = from_lines(frame)
    graph = streets.to_networkx()
    assert graph.number_of_edges() == 4
    back = Streets.from_networkx(graph)
    assert sorted(zip(back.edges["name"], back.edges["length_m"], back.edges["oneway"], strict=True)) == [
        ("a", 100.0, "yes"), ("b", 30.0, ""), ("c", pytest.approx(18 + 162**0.5), "yes"),
    ]  # fmt: skip
    first = back.edges.set_index("name").loc["a"]
    assert first.geometry.coords[0] == (60, 0)  # the arc that may be driven
    for mode in ("walk", "car"):
        ours, theirs = routable(streets, mode), routable(back, mode)
        for name in ("tail", "head", "seconds"):
            assert getattr(ours.arcs, name).tolist() == getattr(theirs.arcs, name).tolist()


def test_graphml_of_osmnx_is_read(tmp_path):
    osmnx = pytest.importorskip("osmnx")
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    graph.add_node(7, x=-123.1, y=49.2)
    graph.add_node(3, x=-123.0, y=49.2)
    graph.add_edge(7, 3, osmid=1, length=7290.0, oneway=False, reversed=False, highway="residential")
    graph.add_edge(3, 7, osmid=1, length=7290.0, oneway=False, reversed=True, highway="residential")
    osmnx.save_graphml(graph, tmp_path / "streets.graphml")
    edges = read_streets(tmp_path / "streets.graphml").edges
    assert edges["oneway"].tolist() == [""]
    assert edges["length_m"][0] == pytest.approx(7290, rel=0.01)


@pytest.mark.fault("NET-05")
def test_an_empty_graph_is_refused():
    with pytest.raises(InputError, match="no street"):
        Streets.from_networkx(nx.MultiDiGraph(crs=METRIC))


@pytest.mark.skipif(not (SHARED / "vancouver").exists(), reason="needs the Vancouver streets")
def test_vancouver_holds_together():
    streets = read_streets(SHARED / "vancouver" / "streets.parquet")
    source = gpd.read_parquet(SHARED / "vancouver" / "streets.parquet")
    assert len(source) == 17_032
    assert sum(streets.dropped.values()) == 3
    assert streets.edges["length_m"].sum() == pytest.approx(source["length_m"].sum(), rel=1e-3)
    network = routable(streets, "walk")
    assert network.core.mean() >= 0.99


@pytest.mark.skipif(not (SHARED / "osm").exists(), reason="needs the Monaco extract")
def test_monaco_is_read_from_packed_xml():
    streets = read_streets(SHARED / "osm" / "monaco.osm.gz")
    assert streets.crs.to_epsg() == 32632
    assert 75 < streets.edges["length_m"].sum() / 1000 < 90
    assert routable(streets, "walk").core.mean() > 0.95
