"""Faults of the cache of streets, each by its id: nothing in it runs, nothing foreign or broken is used."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import geopandas as gpd
import pytest

from planning.network import cache, read_streets

CRS = "EPSG:32610"


@pytest.fixture
def source(tmp_path):
    lines = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 100 0)", "LINESTRING (100 0, 100 100)"])
    frame = gpd.GeoDataFrame({"name": ["一路", "二路"], "highway": ["residential"] * 2}, geometry=lines, crs=CRS)
    frame.to_parquet(tmp_path / "streets.parquet")
    return tmp_path / "streets.parquet"


def same(one, other):
    return one.edges.equals(other.edges) and (one.nodes_xy == other.nodes_xy).all() and one.dropped == other.dropped


class Canary:
    def __reduce__(self):
        return (Path("canary-ran").touch, ())


@pytest.mark.fault("CAC-01")
def test_a_pickle_in_the_cache_is_never_loaded(source, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cache"
    fresh = read_streets(source, cache=folder)
    assert not list(folder.glob("*.pkl"))
    for path in list(folder.iterdir()):
        path.write_bytes(pickle.dumps(Canary()))
    assert same(read_streets(source, cache=folder), fresh)
    assert not (tmp_path / "canary-ran").exists()
    assert "they are read again" in caplog.text


@pytest.mark.fault("CAC-02")
@pytest.mark.parametrize("part", ["json", "edges.parquet", "nodes.npy", "more"])
def test_a_truncated_cache_is_made_again_with_a_notice(source, tmp_path, caplog, part):
    folder = tmp_path / "cache"
    fresh = read_streets(source, cache=folder)
    (path,) = folder.glob(f"*.{part}")
    path.write_bytes(path.read_bytes()[:-20])
    assert same(read_streets(source, cache=folder), fresh)
    assert "they are read again" in caplog.text
    caplog.clear()
    assert same(read_streets(source, cache=folder), fresh)
    assert caplog.text == ""


@pytest.mark.fault("CAC-02")
def test_another_version_is_made_again_and_another_source_has_a_cache_of_its_own(source, tmp_path, monkeypatch, caplog):
    folder = tmp_path / "cache"
    fresh = read_streets(source, cache=folder)
    monkeypatch.setattr(cache, "__version__", "99")
    assert same(read_streets(source, cache=folder), fresh)
    assert "made from something else" in caplog.text
    assert len(list(folder.glob("*.json"))) == 1
    read_streets(source, cache=folder, modes=["walk"])
    assert len(list(folder.glob("*.json"))) == 2


def test_cached_streets_are_used(source, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    fresh = read_streets(source, cache=folder)
    monkeypatch.setattr("planning.network.reading._read", lambda *anything: pytest.fail("read again"))
    assert same(read_streets(source, cache=folder), fresh)
    (header,) = folder.glob("*.json")
    assert json.loads(header.read_text())["key"]["options"]["modes"] == "walk,ebike,car"


@pytest.mark.fault("CAC-03")
def test_a_folder_that_others_may_write_to_is_not_used(source, tmp_path, caplog):
    open_folder, own, link = tmp_path / "open", tmp_path / "own", tmp_path / "link"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    own.mkdir(mode=0o700)
    link.symlink_to(own)
    for folder, why in ((open_folder, "others may write to it"), (link, "it's a link or a file")):
        assert len(read_streets(source, cache=folder).edges) == 2
        assert why in caplog.text
        assert not list(own.iterdir()) + list(open_folder.iterdir())
    made = tmp_path / "made" / "cache"
    read_streets(source, cache=made)
    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.fault("CAC-03")
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(source, tmp_path, caplog):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, 12345)
    assert len(read_streets(source, cache=folder).edges) == 2
    assert "it belongs to another user" in caplog.text
