"""Faults of outputs, each by its id; those of run folders and pages are marked where these are tested."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from commands import patrol
from small_district import HEADER, small_district

MOST_PAGE_BYTES = 1_500_000  # what data/README.md promises for a district


def hotspots(config, out, *more):
    return patrol("hotspots", config, "--as-of", "2024-12-01", "--horizon", "2D", "--out", out, *more)


def crowd(config, n):
    """n incidents all over the small district, at places that no other has."""
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(109.7201, 109.7399, n), rng.uniform(38.2446, 38.2454, n)
    rows = [
        f"I{i},2024-{i % 11 + 1:02d}-{i % 28 + 1:02d} {i % 24:02d}:15,{x:.7f},{y:.7f},theft,report"
        for i, (x, y) in enumerate(zip(lon, lat, strict=True))
    ]
    (config.parent / "incidents.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return lon, lat


@pytest.mark.fault("OUT-03")
def test_a_folder_that_may_not_be_written_is_told_before_anything_is_computed(tmp_path):
    """Nobody may make a folder in /proc, not even root; the missing inputs aren't even looked for."""
    config = small_district(tmp_path / "district")
    (config.parent / "incidents.csv").unlink()
    said = hotspots(config, "/proc/run")
    assert said.code == 5
    assert "/proc/run: can't be written" in said.err


@pytest.mark.fault("OUT-03")
def test_a_file_in_place_of_the_folder_is_exit_5_and_stays(tmp_path):
    config = small_district(tmp_path / "district")
    (tmp_path / "run").write_text("mine")
    said = hotspots(config, tmp_path / "run")
    assert (said.code, (tmp_path / "run").read_text()) == (5, "mine")
    assert "is a file; fix: give a folder" in said.err
    said = hotspots(config, tmp_path / "run" / "below")
    assert said.code == 5


@pytest.mark.fault("OUT-03")
def test_a_finished_run_is_replaced_with_force_only(tmp_path):
    config = small_district(tmp_path / "district")
    assert hotspots(config, tmp_path / "run").code == 0
    said = hotspots(config, tmp_path / "run")
    assert (said.code, "--force" in said.err) == (5, True)
    assert hotspots(config, tmp_path / "run", "--force").code == 0


@pytest.mark.fault("OUT-04")
def test_a_link_and_the_folder_of_the_inputs_are_refused_and_nothing_there_changes(tmp_path):
    config = small_district(tmp_path / "district")
    before = {path.name: path.read_bytes() for path in config.parent.iterdir()}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "link").symlink_to(elsewhere)
    assert hotspots(config, tmp_path / "link").code == 5
    assert hotspots(config, config.parent, "--force").code == 5
    assert {path.name: path.read_bytes() for path in config.parent.iterdir()} == before
    assert not list(elsewhere.iterdir())


@pytest.mark.fault("OUT-05")
def test_one_changed_byte_is_named(tmp_path):
    config = small_district(tmp_path / "district")
    assert hotspots(config, tmp_path / "run").code == 0
    path = tmp_path / "run" / "rejects.csv"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    said = patrol("verify", tmp_path / "run")
    assert said.code == 3
    assert "rejects.csv: changed since the run was made" in said.err


@pytest.mark.fault("OUT-07")
@pytest.mark.fault("OUT-08")
def test_fifty_thousand_incidents_are_cells_on_the_page_and_no_exact_place_is_told(tmp_path):
    config = small_district(tmp_path / "district")
    lon, lat = crowd(config, 50_000)
    said = hotspots(config, tmp_path / "run")
    assert said.code == 0, said.err
    run = tmp_path / "run"
    assert (run / "map.html").stat().st_size < MOST_PAGE_BYTES
    shared = "".join(
        path.read_text(encoding="utf-8")
        for path in run.rglob("*")
        if path.suffix in (".html", ".json", ".geojson", ".csv")
    )
    for x, y in zip(lon[::997], lat[::997], strict=True):
        assert f"{x:.7f}" not in shared
        assert f"{y:.7f}" not in shared


LOCALES = [
    {"LC_ALL": "C", "LANG": "C", "TZ": "UTC"},
    {"LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8", "TZ": "Asia/Shanghai"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "America/Vancouver"},
    {"LANG": None, "LC_ALL": None, "TZ": None},
]


@pytest.mark.fault("OUT-09")
def test_language_and_zone_of_the_machine_change_no_byte(tmp_path):
    config = small_district(tmp_path / "district", language="zh")
    hashes = []
    for i, settings in enumerate(LOCALES):
        environment = {name: value for name, value in (os.environ | settings).items() if value is not None}
        words = [
            "hotspots",
            str(config),
            "--as-of",
            "2024-12-01",
            "--horizon",
            "1D",
            "--out",
            str(tmp_path / f"run{i}"),
        ]
        done = subprocess.run([sys.executable, "-m", "planning", *words], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        manifest = json.loads((tmp_path / f"run{i}" / "manifest.json").read_text(encoding="utf-8"))
        hashes.append(manifest["files"])
    assert all(each == hashes[0] for each in hashes)


@pytest.mark.fault("OUT-10")
def test_a_reader_that_goes_away_and_no_terminal_give_plain_text_and_no_traceback(tmp_path):
    config = small_district(tmp_path)
    command = f"'{sys.executable}' -m planning check '{config}' --json | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})
    assert done.stdout.strip() in ("0", "141")  # done before the pipe broke, or ended by it
    assert "Traceback" not in done.stderr
    plain = subprocess.run([sys.executable, "-m", "planning", "check", str(config)], capture_output=True, text=True)
    assert "\x1b[" not in plain.stdout + plain.stderr
    closed = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m planning check '{config}' >&-"], capture_output=True, text=True
    )
    assert "Traceback" not in closed.stderr


def test_the_hashes_are_those_of_the_files(tmp_path):
    config = small_district(tmp_path / "district")
    assert hotspots(config, tmp_path / "run").code == 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    for each in manifest["files"]:
        assert hashlib.sha256((tmp_path / "run" / each["path"]).read_bytes()).hexdigest() == each["sha256"]
    shutil.rmtree(tmp_path / "run")
    assert not pd.DataFrame(manifest["files"])["path"].duplicated().any()
