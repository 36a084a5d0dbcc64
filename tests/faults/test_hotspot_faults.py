"""Faults of hotspots, each by its id; those of single functions are marked where these are tested."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from commands import patrol
from small_district import change, incidents, small_district

HEADER = "id,time,lon,lat,category,source"


def run(config, out, *more):
    said = patrol("hotspots", config, "--as-of", "2024-12-01", "--horizon", "2D", "--out", out, *more)
    return said, (
        json.loads((out / "hotspots.geojson").read_text(encoding="utf-8"))["features"] if said.code == 0 else []
    )


def rows_at(places, n, source="report"):
    return [
        f"I{i},2024-{5 + i % 6:02d}-{i % 27 + 1:02d} 20:{i % 60:02d},{places[i % len(places)]:.6f},38.245,theft,{source}"
        for i in range(n)
    ]


@pytest.mark.fault("HOT-05")
def test_another_order_of_rows_gives_the_same_bytes(tmp_path):
    config = small_district(tmp_path / "district")
    rows = rows_at(np.linspace(109.721, 109.739, 37), 300)
    told = []
    for name, order in (("one", range(300)), ("other", np.random.default_rng(1).permutation(300))):
        incidents(config, [rows[i] for i in order])
        said, _ = run(config, tmp_path / name)
        assert said.code == 0, said.err
        files = ("hotspots.geojson", "risk.parquet", "cells.parquet", "statistics.json")
        told.append([(tmp_path / name / file).read_bytes() for file in files])
    assert told[0] == told[1]


@pytest.mark.fault("HOT-07")
def test_categories_that_lead_nowhere_are_listed_with_their_counts(tmp_path):
    config = small_district(tmp_path / "district")
    rows = rows_at([109.73], 40)
    incidents(config, [*rows, *(row.replace("theft", "arson").replace("I", "X") for row in rows[:3])])
    said, _ = run(config, tmp_path / "run")
    assert said.code == 3
    assert "arson" in said.err and "3" in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("HOT-08")
def test_what_patrols_found_makes_no_hotspot_by_default_and_a_missing_source_is_refused(tmp_path):
    config = small_district(tmp_path / "district")
    calls = rows_at([109.722], 30)
    found = [row.replace("I", "P", 1) for row in rows_at([109.738], 300, source="patrol")]
    incidents(config, [*calls, *found])
    said, features = run(config, tmp_path / "run")
    assert said.code == 0, said.err
    lon = np.array(features[0]["geometry"]["coordinates"][0])[:, 0]
    assert lon.min() <= 109.722 <= lon.max()
    incidents(config, [row.rsplit(",", 1)[0] for row in calls], header=HEADER.removesuffix(",source"))
    said, _ = run(config, tmp_path / "other")
    assert said.code == 3 and "required column 'source' is missing" in said.err


@pytest.mark.fault("HOT-09")
def test_a_place_of_few_addresses_is_withheld_from_products_that_leave_the_house(tmp_path):
    config = small_district(tmp_path / "district")
    one_home = rows_at([109.7225], 200)
    many = [row.replace("I", "M", 1) for row in rows_at(np.linspace(109.7361, 109.7385, 20), 150)]
    incidents(config, [*one_home, *many])
    change(config, "[hotspots]", "[hotspots]\narea_share = 0.6")
    _, features = run(config, tmp_path / "inside")
    assert len(features) >= 2
    change(config, "[hotspots]", "[hotspots]\nleast_addresses = 8")
    said, features = run(config, tmp_path / "outside")
    assert said.code == 0, said.err
    for feature in features:
        lon = np.array(feature["geometry"]["coordinates"][0])[:, 0]
        assert not lon.min() <= 109.7225 <= lon.max()
    assert "hotspots are withheld: their incidents come from fewer than 8 addresses" in said.out
    page = json.loads((tmp_path / "outside" / "page.json").read_text(encoding="utf-8"))
    rings = [np.array(ring) for ring in page["cells"]["rings"].values()]
    assert rings and not any(ring[:, 0].min() <= 109.7225 <= ring[:, 0].max() for ring in rings)
    assert pd.notna(page["hotspots"][0]["expected"])
