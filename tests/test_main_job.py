"""The main job on the sample district, as an analyst runs it: one command, then everything it left is looked at."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from planning.sampledata import DEMO_DATE, sample_folder

ROOT = Path(__file__).resolve().parents[1]


def patrol(*words, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "planning", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "run"
    told = patrol("demo", "--out", out, "--effort", "quick")
    assert told.returncode == 0, told.stderr
    assert str(out / "map.html") in told.stdout
    return out


@pytest.fixture
def district(tmp_path):
    """A copy of the sample district that a test may spoil."""
    return Path(shutil.copytree(sample_folder(), tmp_path / "district"))


def manifest_of(run):
    return json.loads((run / "manifest.json").read_text(encoding="utf-8"))


def test_every_promised_file_is_there_and_verified(run):
    promised = ["cells.parquet", "risk.parquet", "hotspots.geojson", "visits.csv", "routes.geojson", "unserved.csv",
                "rejects.csv", "duplicates.csv", "map.html", "sheets/index.html", "exports/plan.gpkg"]  # fmt: skip
    assert [name for name in promised if not (run / name).is_file()] == []
    assert patrol("verify", run).returncode == 0


def test_every_row_is_accounted_for(run):
    for entry in manifest_of(run)["inputs"]:
        if "rows_read" in entry:
            rest = ("used", "rejected", "duplicate", "unlocated", "outside")
            assert entry["rows_read"] == sum(entry[f"rows_{name}"] for name in rest) > 20_000


def test_the_first_three_hotspots_are_the_planted_ones_at_their_times(run):
    truth = json.loads((sample_folder() / "truth.json").read_text(encoding="utf-8"))
    spots = gpd.read_file(run / "hotspots.geojson").sort_values("rank").head(3)
    found = set()
    for planted in truth["clusters"]:
        centre = shapely.Point(planted["lon"], planted["lat"])
        holds = spots[spots.contains(centre)]
        assert len(holds) == 1, planted
        found.add(holds["hotspot_id"].iloc[0])
        windows = (
            json.loads(holds["windows"].iloc[0])
            if isinstance(holds["windows"].iloc[0], str)
            else holds["windows"].iloc[0]
        )
        start = pd.Timestamp(f"{DEMO_DATE} {planted['start_hour']:02d}:00", tz="Asia/Shanghai")
        end = pd.Timestamp(f"{DEMO_DATE} {planted['end_hour'] - 1:02d}:59", tz="Asia/Shanghai")
        for instant in (start, end):
            assert any(pd.Timestamp(w["start"]) <= instant < pd.Timestamp(w["end"]) for w in windows), planted
    assert len(found) == 3


def test_visits_and_legs_tell_the_same_story(run):
    visits, legs = pd.read_csv(run / "visits.csv"), gpd.read_file(run / "routes.geojson")
    assert len(visits) == manifest_of(run)["plan"]["served"] > 20
    stops = visits.groupby("team_id").size()
    assert (legs.groupby("team_id").size() == stops + 1).all()
    both = visits.merge(legs, on=["team_id", "sequence"], suffixes=("", "_leg"))
    assert (both["travel_s"] == both["travel_s_leg"]).all()
    assert visits["value"].sum() == pytest.approx(manifest_of(run)["plan"]["value"])


def test_a_second_run_gives_the_same_bytes(run, tmp_path):
    assert (
        patrol("demo", "--out", tmp_path / "run", "--effort", "quick", TZ="America/New_York", LC_ALL="C").returncode
        == 0
    )
    first, second = manifest_of(run), manifest_of(tmp_path / "run")
    assert first["files"] == second["files"]
    first.pop("timings_s"), second.pop("timings_s")
    assert first == second


def test_a_run_does_not_depend_on_where_its_district_lies(tmp_path):
    runs = []
    for place in ("here", "elsewhere/deep"):
        district = Path(shutil.copytree(sample_folder(), tmp_path / place))
        frame = pd.read_csv(district / "incidents.csv.gz", dtype=str, keep_default_na=False)
        frame.loc[5, "time"] = "2026-02-30 10:00:00"  # a row for rejects.csv
        spoilt = pd.concat([frame, frame.tail(1)]).assign(phone="139")  # a row for duplicates.csv, a column to drop
        spoilt.to_csv(district / "incidents.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})
        out = tmp_path / place / "run"
        told = patrol("hotspots", district / "patrol.toml", "--as-of", DEMO_DATE, "--horizon", "1D", "--out", out)
        assert told.returncode == 0, told.stderr
        runs.append(out)
    (entry,) = [entry for entry in manifest_of(runs[0])["inputs"] if "rows_read" in entry]
    states = pd.read_csv(runs[0] / "rejects.csv")["state"].value_counts().to_dict()
    assert states == {"rejected": 1, "unlocated": entry["rows_unlocated"]}
    assert len(pd.read_csv(runs[0] / "duplicates.csv")) == 1
    for name in ("rejects.csv", "duplicates.csv", "page.json", "map.html"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name
    assert manifest_of(runs[0])["notices"] == manifest_of(runs[1])["notices"]


def test_verify_names_a_changed_and_a_missing_file(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    text = bytearray((copy / "visits.csv").read_bytes())
    text[-3] ^= 1
    (copy / "visits.csv").write_bytes(text)
    (copy / "cells.parquet").unlink()
    told = patrol("verify", copy)
    assert told.returncode != 0
    assert "visits.csv" in told.stderr and "cells.parquet" in told.stderr


def test_the_map_is_drawn_again_to_the_same_bytes(run, tmp_path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    (copy / "map.html").unlink()
    assert patrol("map", copy).returncode == 0
    assert (copy / "map.html").read_bytes() == (run / "map.html").read_bytes()
    assert patrol("verify", copy).returncode == 0


def test_a_hostile_team_name_is_text_everywhere(district, tmp_path):
    hostile = "<img src=x onerror=alert(1)>{{7*7}}{#"
    teams = (district / "teams.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.reader(teams))
    rows[1][rows[0].index("name")] = hostile
    with (district / "teams.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    told = patrol("plan", district / "patrol.toml", "--date", DEMO_DATE, "--out", tmp_path / "run", "--effort", "quick")
    assert told.returncode == 0, told.stderr
    for page in [tmp_path / "run" / "map.html", *(tmp_path / "run" / "sheets").glob("*.html")]:
        text = page.read_text(encoding="utf-8")
        assert "<img src=x" not in text and "49{#" not in text


def spoil(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "says"),
    [
        ("patrol.toml", "cell_m", "cell_mm", 2, "did you mean"),
        ("points.csv", "lon,lat", "lat,lon", 3, "swapped"),
        ("teams.csv", "shift_start", "begins", 3, "shift_start"),
        ("teams.csv", ",P01,", ",P99,", 3, "P99"),
    ],
)
def test_a_mistake_gets_one_message_with_its_remedy(district, tmp_path, file, old, new, code, says):
    spoil(district / file, old, new)
    told = patrol("plan", district / "patrol.toml", "--date", DEMO_DATE, "--out", tmp_path / "run")
    assert told.returncode == code
    assert says in told.stderr and "fix:" in told.stderr and "Traceback" not in told.stderr
    assert not (tmp_path / "run").exists()


def test_hotspots_alone_make_a_situation_page(tmp_path):
    config = sample_folder() / "patrol.toml"
    told = patrol("hotspots", config, "--as-of", DEMO_DATE, "--horizon", "7D", "--out", tmp_path / "week")
    assert told.returncode == 0, told.stderr
    assert patrol("verify", tmp_path / "week").returncode == 0
    risk = pd.read_parquet(tmp_path / "week" / "risk.parquet")
    assert risk["start"].nunique() == 168


def test_an_existing_folder_is_not_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    told = patrol("demo", "--out", tmp_path / "mine")
    assert told.returncode == 5
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"


def test_side_rules_and_variety_of_a_district_reach_the_run(district, tmp_path):
    spoil(district / "patrol.toml", "max_leg_min = 20", "max_leg_min = 5")  # too short to reach every community
    spoil(
        district / "patrol.toml", "revisit_gap_min = 30",
        "revisit_gap_min = 30\nleast_per_community = 4\nmost_visits = 1\nvariety_loss = 0.005",
    )  # fmt: skip
    out = tmp_path / "run"
    words = ("plan", district / "patrol.toml", "--date", DEMO_DATE, "--effort", "quick", "--seed", "5")
    told = patrol(*words, "--out", out)
    manifest = manifest_of(out)
    missed = [each for each in manifest["plan"]["shortfalls"] if each["rule"] == "least_in_area"]
    assert missed and manifest["status"] == "partial" and told.returncode == 4, told.stderr
    assert any("visits wished for in each community" in notice for notice in manifest["notices"])
    page = json.loads((out / "page.json").read_text(encoding="utf-8"))
    assert len(page["missed"]) == len(manifest["plan"]["shortfalls"]) and "visits wished for" in page["missed"][0]
    assert any("drawn with seed 5" in notice for notice in manifest["notices"])
    assert pd.read_csv(out / "visits.csv").groupby("team_id").size().max() == 1
    assert 0 <= manifest["plan"]["variety"]["mean_loss"] <= 0.005
    assert patrol("verify", out).returncode == 0
    assert patrol(*words, "--out", tmp_path / "again").returncode == 4
    assert (out / "visits.csv").read_bytes() == (tmp_path / "again" / "visits.csv").read_bytes()
