"""The sample district: synthetic, written again byte for byte, and as large as promised."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import shapely

from planning.network import read_streets, routable
from planning.sampledata import sample_folder

GENERATOR = Path(__file__).resolve().parents[1] / "data" / "make_gaoxin.py"
FOLDER = sample_folder()


def rows(name):
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_generator_writes_the_same_bytes(tmp_path):
    subprocess.run([sys.executable, GENERATOR, "--out", tmp_path / "again"], check=True)
    names = sorted(path.name for path in FOLDER.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    assert [n for n in names if (FOLDER / n).read_bytes() != (tmp_path / "again" / n).read_bytes()] == []
    assert sum((FOLDER / name).stat().st_size for name in names) < 3_000_000


def test_it_has_5_streets_18_communities_7_enterprises_18_points_and_27_teams():
    areas, teams, points = gpd.read_file(FOLDER / "areas.geojson"), rows("teams.csv"), rows("points.csv")
    assert (len(areas), areas["street"].nunique(), len(points), len(teams)) == (18, 5, 18, 27)
    assert sum(team["kind"] == "enterprise" for team in teams) == 7
    assert sum(point["kind"] == "workstation" for point in points) == 2


def test_the_communities_tile_without_overlap():
    shapes = gpd.read_file(FOLDER / "areas.geojson").to_crs("EPSG:32649").geometry
    assert abs(shapes.area.sum() - shapes.union_all().area) < 1.0


def test_every_street_can_be_reached():
    assert routable(read_streets(FOLDER / "streets.geojson", crs="EPSG:32649"), "walk").core.mean() > 0.99


def test_the_planted_clusters_lie_inside_and_apart():
    truth = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
    area = gpd.read_file(FOLDER / "areas.geojson").union_all()
    places = [shapely.Point(c["lon"], c["lat"]) for c in truth["clusters"]]
    assert len(places) == 3 and all(area.contains(place) for place in places)
    metric = gpd.GeoSeries(places, crs=4326).to_crs("EPSG:32649")
    assert min(a.distance(b) for i, a in enumerate(metric) for b in metric[:i]) > 1000


def test_it_says_that_it_is_synthetic():
    for name in ("patrol.toml", "SOURCE.md"):
        assert "合成数据" in (FOLDER / name).read_text(encoding="utf-8")
    assert all("合成" in row["name"] for row in rows("teams.csv") + rows("points.csv"))
