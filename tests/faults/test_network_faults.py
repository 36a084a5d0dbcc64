"""Faults of the street network, each by its id; those of single functions are marked where these are tested."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import patrol
from small_district import small_district

from hotspot.errors import InputError
from hotspot.geo import to_datum
from planning.network import read_streets

SAMPLE = Path(__file__).parents[2] / "data" / "gaoxin"
WAY = (
    '<node id="1" lat="38" lon="109"/><node id="2" lat="38.01" lon="109"/>'
    '<way id="3"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>'
)
BOMB = '<!DOCTYPE osm [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE osm [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def moved_streets(config, west, south, *, more=()):
    """The district's only street, and others, at another place."""
    path = config.parent / "streets.geojson"
    layer = json.loads(path.read_text(encoding="utf-8"))
    layer["features"][0]["geometry"]["coordinates"] = [[west, south], [west + 0.02, south]]
    layer["features"] += [
        {
            "type": "Feature",
            "properties": {"highway": "residential"},
            "geometry": {"type": "LineString", "coordinates": line},
        }
        for line in more
    ]
    path.write_text(json.dumps(layer), encoding="utf-8")


@pytest.mark.fault("NET-06")
@pytest.mark.parametrize("place", [(109.72, 38.345), (116.4, 39.9)])
def test_streets_of_another_district_are_refused_by_where_the_incidents_lie(tmp_path, place):
    config = small_district(tmp_path)
    moved_streets(config, *place)
    said = patrol("check", config)
    assert said.code == 3
    assert "streets.geojson: only 0% of the incidents lie within 100 m of a street" in said.err


@pytest.mark.fault("NET-01")
@pytest.mark.fault("NET-02")
def test_a_point_off_the_streets_and_streets_that_do_not_meet_give_a_plan_with_reasons(tmp_path):
    """The incidents lie on an island of streets: no way leads there from the patrol point's own piece."""
    config = small_district(tmp_path / "district")
    moved_streets(config, 109.72, 38.245, more=[[[109.72, 38.2495], [109.74, 38.2495]]])
    incidents = config.parent / "incidents.csv"
    lines = incidents.read_text(encoding="utf-8-sig").splitlines()
    rows = [f"I{i},2024-11-{i % 28 + 1:02d} 20:15,109.735,38.2494,theft,report" for i in range(60)]
    incidents.write_text("\n".join([lines[0], *rows, ""]), encoding="utf-8")
    said = patrol("plan", config, "--date", "2024-12-01", "--out", tmp_path / "run", "--effort", "quick")
    assert said.code in (0, 4), said.err
    unserved = pd.read_csv(tmp_path / "run" / "unserved.csv", encoding="utf-8-sig")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["plan"]["unserved"] == len(unserved) > 0
    assert set(unserved["reason"]) == {"UNREACHABLE"}
    visits = pd.read_csv(tmp_path / "run" / "visits.csv", encoding="utf-8-sig")
    assert (visits.loc[visits["sequence"] == 1, "travel_s"] > 0).all()


@pytest.mark.fault("NET-08")
@pytest.mark.parametrize(
    "declared", [BOMB, EXTERNAL, "<!-- " + "x" * 70_000 + " -->" + BOMB], ids=["bomb", "file", "late"]
)
@pytest.mark.parametrize("kind", [".osm", ".osm.gz", ".graphml"])
def test_xml_that_declares_entities_is_refused(tmp_path, declared, kind):
    root = "graphml" if kind == ".graphml" else "osm"
    text = f'<?xml version="1.0"?>{declared}<{root} version="0.6">{WAY}</{root}>'.encode()
    path = tmp_path / f"s{kind}"
    path.write_bytes(gzip.compress(text) if kind.endswith("gz") else text)
    with pytest.raises(InputError, match="declares entities, or doesn't begin as such a file does"):
        read_streets(path)


@pytest.mark.fault("NET-08")
def test_xml_in_utf16_is_refused(tmp_path):
    path = tmp_path / "s.osm"
    path.write_bytes(f'<?xml version="1.0" encoding="utf-16"?>{BOMB}<osm>{WAY}</osm>'.encode("utf-16"))
    with pytest.raises(InputError, match="content is not that of"):
        read_streets(path)


LARGE = """
import resource
import numpy as np, shapely, geopandas as gpd
from planning.network import from_lines, routable, snap, travel
side = 316                                        # about 100,000 nodes and 200,000 edges
x, y = np.meshgrid(np.arange(side) * 100.0, np.arange(side) * 100.0)
h = np.stack([np.stack([x[:, :-1], y[:, :-1]], -1), np.stack([x[:, 1:], y[:, 1:]], -1)], 2).reshape(-1, 2, 2)
v = np.stack([np.stack([x[:-1], y[:-1]], -1), np.stack([x[1:], y[1:]], -1)], 2).reshape(-1, 2, 2)
streets = from_lines(gpd.GeoDataFrame(geometry=shapely.linestrings(np.concatenate([h, v])), crs="EPSG:32649"))
network = routable(streets, "walk")
rng = np.random.default_rng(1)
points = rng.uniform(0, side * 100 - 100, (18, 2))
places = rng.uniform(0, side * 100 - 100, (500, 2))
times = travel(network, snap(network, points), snap(network, places)).travel_s
assert times.shape == (18, 500) and np.isfinite(times).all()
print(len(streets.nodes_xy), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.fault("NET-09")
def test_a_large_graph_is_searched_from_the_points_within_bounded_memory():
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    nodes, peak_mb = map(int, done.stdout.split())
    assert nodes == 316**2
    assert peak_mb < 1500  # all pairs would be 80 GB


@pytest.mark.fault("NET-06")
def test_streets_in_gcj02_are_recognised_by_the_incidents(tmp_path):
    """In a dense district every place is within 100 m of some street; the offset still shows."""
    folder = shutil.copytree(SAMPLE, tmp_path / "gaoxin")
    layer = json.loads((folder / "streets.geojson").read_text(encoding="utf-8"))
    for feature in layer["features"]:
        lonlat = np.array(feature["geometry"]["coordinates"])
        feature["geometry"]["coordinates"] = np.column_stack(to_datum(*lonlat.T, "gcj02")).round(7).tolist()
    (folder / "streets.geojson").write_text(json.dumps(layer, ensure_ascii=False), encoding="utf-8")
    said = patrol("check", folder / "patrol.toml")
    assert said.code == 3
    assert "streets.geojson: looks like GCJ-02: the places lie on the streets once" in said.err
    assert "incidents.csv.gz: looks like" not in said.err
