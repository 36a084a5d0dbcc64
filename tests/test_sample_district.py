"""The sample district: it can be written again, and what was planted in it is there."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

DATA = Path(__file__).resolve().parents[1] / "data"
DISTRICT = DATA / "gaoxin"
CRS = "EPSG:32649"
INCIDENT_COLUMNS = ["id", "time", "lon", "lat", "category", "source"]


@pytest.fixture(scope="module")
def truth():
    return json.loads((DISTRICT / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def areas():
    return gpd.read_file(DISTRICT / "areas.geojson").to_crs(CRS)


@pytest.fixture(scope="module")
def streets():
    return gpd.read_file(DISTRICT / "streets.geojson").to_crs(CRS)


@pytest.fixture(scope="module")
def teams():
    return pd.read_csv(DISTRICT / "teams.csv", dtype=str)


@pytest.fixture(scope="module")
def points():
    return pd.read_csv(DISTRICT / "points.csv")


@pytest.fixture(scope="module")
def incidents():
    frame = pd.read_csv(DISTRICT / "incidents.csv.gz", dtype={"id": str})
    return gpd.GeoDataFrame(
        frame.assign(time=pd.to_datetime(frame["time"], format="%Y-%m-%d %H:%M:%S")),
        geometry=gpd.points_from_xy(frame["lon"], frame["lat"], crs=4326).to_crs(CRS),
    )


def planted_xy(cluster, truth):
    return np.array([cluster["x"], cluster["y"]]) + truth["origin_xy"]


def in_its_hours(time, cluster):
    hours = (time.dt.hour >= cluster["start_hour"]) & (time.dt.hour < cluster["end_hour"])
    return hours & time.dt.day_of_week.isin(cluster["weekdays"])


def test_the_generator_writes_the_same_bytes_again(tmp_path):
    subprocess.run([sys.executable, DATA / "make_gaoxin.py", "--out", tmp_path], check=True)
    kept = {path.name: path.read_bytes() for path in DISTRICT.iterdir()}
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(written) == sorted(kept)
    # another zlib packs the same text into other bytes: the text and the header (no name, no time) are what must agree
    packed, packed_again = kept.pop("incidents.csv.gz"), written.pop("incidents.csv.gz")
    assert gzip.decompress(packed_again) == gzip.decompress(packed)
    assert packed_again[:8] == packed[:8] == b"\x1f\x8b\x08\x00" + bytes(4)
    assert [name for name in kept if written[name] != kept[name]] == []


def test_it_is_small_and_says_that_it_is_synthetic(truth):
    assert sum(path.stat().st_size for path in DISTRICT.iterdir()) < 3_000_000
    assert truth["synthetic"] is True
    for name in ("patrol.toml", "SOURCE.md", "truth.json"):
        assert "合成" in (DISTRICT / name).read_text(encoding="utf-8")


def test_everything_is_there_in_its_number(areas, points, teams):
    assert (areas["street"].nunique(), len(areas), len(points), len(teams)) == (5, 18, 18, 27)
    assert points["kind"].value_counts().to_dict() == {"office": 16, "workstation": 2}
    assert teams["kind"].value_counts().to_dict() == {"community": 18, "enterprise": 7, "school": 1, "parking": 1}
    assert teams["id"].tolist() == [f"T{k:02d}" for k in range(1, 28)]
    for names in (areas["name"], areas["street"], points["name"], teams["name"]):
        assert names.str.endswith("（合成）").all()
    assert not points["name"].duplicated().any() and not teams["name"].duplicated().any()


def test_teams_belong_to_known_points_and_communities(teams, points, areas):
    assert set(teams["point_id"]) <= set(points["id"]) and set(teams["community_id"]) <= set(areas["id"])
    assert teams.loc[teams["vetted"] != "yes", "id"].tolist() == ["T14"]
    assert (teams["shift_end"] < teams["shift_start"]).sum() == 1  # one crosses midnight
    assert set(teams["mode"]) == {"walk", "ebike", "car"}
    assert teams["members"].astype(int).min() >= 2


def test_each_patrol_point_lies_in_its_own_community(points, areas):
    places = gpd.points_from_xy(points["lon"], points["lat"], crs=4326).to_crs(CRS)
    home = areas.set_index("id").geometry.reindex(points["id"].str.replace("P", "C"))
    assert shapely.contains(home.to_numpy(), np.asarray(places)).all()


def test_communities_tile_the_district(areas):
    assert areas.geometry.is_valid.all()
    whole = areas.union_all()
    assert whole.geom_type == "Polygon" and not whole.interiors
    assert areas.area.sum() == pytest.approx(whole.area, abs=1.0)  # m2: any overlap would be counted twice
    assert 25e6 < whole.area < 36e6


@pytest.mark.parametrize("mode", ["walk", "car"])
def test_streets_lead_from_everywhere_to_everywhere(streets, points, mode):
    drivable = streets if mode == "walk" else streets[streets["highway"] != "footway"]
    graph = nx.DiGraph()
    for street in gpd.GeoDataFrame(drivable).to_crs(4326).itertuples():
        ends = [tuple(np.round(street.geometry.coords[k], 6).tolist()) for k in (0, -1)]
        graph.add_edge(*ends)
        if mode == "walk" or street.oneway != "yes":
            graph.add_edge(*ends[::-1])
    assert nx.is_strongly_connected(graph)
    assert set(zip(points["lon"], points["lat"], strict=True)) <= set(graph.nodes)


def test_streets_are_of_every_class_and_some_are_one_way(streets):
    assert 1200 <= len(streets) <= 1800
    assert set(streets["highway"]) == {"primary", "secondary", "tertiary", "residential", "footway"}
    assert (streets["oneway"] == "yes").any()
    assert streets.loc[streets["highway"].isin(["primary", "secondary"]), "name"].str.startswith("示范").all()


def test_incidents_have_no_person_and_the_promised_shares(incidents):
    assert list(incidents.columns.drop("geometry")) == INCIDENT_COLUMNS
    assert incidents["id"].is_unique and incidents["time"].is_monotonic_increasing
    assert 25_000 < len(incidents) < 35_000
    assert incidents["time"].min().date() == pd.Timestamp("2024-11-01").date()
    assert incidents["time"].max().date() == pd.Timestamp("2026-10-31").date()
    assert 0.02 < incidents["lon"].isna().mean() < 0.04
    assert 0.02 < (incidents["source"] == "patrol").mean() < 0.04


def test_located_incidents_lie_on_streets_inside_the_district(incidents, streets, areas):
    placed = incidents.geometry[incidents["lon"].notna()]
    assert shapely.contains(areas.union_all(), placed.to_numpy()).all()
    _, away_m = streets.sindex.nearest(placed, return_all=False, return_distance=True)
    assert away_m.max() < 10.0


def test_the_hours_and_cells_of_the_truth_are_shares(truth):
    assert sum(truth["background"]["hour_of_week_share"]) == pytest.approx(1.0, abs=1e-5)
    assert np.sum(truth["background"]["cells"]["share"]) == pytest.approx(1.0, abs=1e-4)


def test_planted_clusters_lie_well_inside_and_far_apart(truth, areas):
    places = [shapely.Point(planted_xy(cluster, truth)) for cluster in truth["clusters"]]
    assert min(areas.union_all().boundary.distance(place) for place in places) > 750.0
    assert min(a.distance(b) for i, a in enumerate(places) for b in places[:i]) > 1000.0
    degrees = gpd.GeoSeries(places, crs=CRS).to_crs(4326)
    assert np.allclose(degrees.x, [cluster["lon"] for cluster in truth["clusters"]], atol=1e-6)
    assert all(4 in cluster["weekdays"] for cluster in truth["clusters"])  # Friday: all three are active


def test_a_planted_cluster_outweighs_the_background_of_every_cell(truth):
    """Nine tenths of a cluster stay in its cell; four times the densest cell's background in the same hours is less."""
    background = truth["background"]
    hourly = np.array(background["hour_of_week_share"]).reshape(7, 24) * background["per_day"] * 7
    densest = np.max(background["cells"]["share"]) * (1 + truth["near_repeat"]["share_of_parents"])
    for cluster in truth["clusters"]:
        hours = hourly[cluster["weekdays"], cluster["start_hour"] : cluster["end_hour"]].sum()
        assert 0.9 * cluster["expected_per_week"] > 4 * densest * hours


def test_planted_clusters_are_seen_in_the_counts(incidents, truth):
    placed = incidents[incidents["lon"].notna()]
    xy = shapely.get_coordinates(placed.geometry.to_numpy())
    cell = pd.Series(list(map(tuple, np.floor(xy / 250).astype(int))), index=placed.index)
    for cluster in truth["clusters"]:
        counts = cell[in_its_hours(placed["time"], cluster)].value_counts()
        home = tuple(np.floor(planted_xy(cluster, truth) / 250).astype(int))
        assert counts.index[0] == home
        weeks = truth["days"] / 7
        expected = cluster["expected_per_week"] * weeks * (1 - truth["unlocated_share"])
        assert 0.8 * expected < counts.iloc[0] < 1.2 * expected


def test_near_repeats_make_close_pairs_more_than_chance(incidents, truth):
    """Pairs of one kind at the very same place exist only through near repeats, and lie 1 to 13 days apart (+- 2 h)."""
    placed = incidents[incidents["lon"].notna()].sort_values("time")
    days = placed.groupby(["lon", "lat", "category"])["time"].diff().dropna().dt.total_seconds() / 86400
    parents = truth["background"]["per_day"] * truth["days"]
    repeats = truth["near_repeat"]
    expected = parents * repeats["share_of_parents"] * repeats["same_place_share"] * (1 - truth["unlocated_share"]) ** 2
    soon = days[days < repeats["days"][1] + 0.1]
    assert 0.85 * expected < len(soon) < 1.4 * expected  # some of the others find no street near enough, and stay
    assert len(soon) > 0.95 * len(days)
