"""Run folders: whole or not at all, and every change is noticed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hotspot.errors import OutputError
from planning.output.runs import run_folder, verify, write_manifest


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def finished(out: Path, *, force: bool = False, text: str = "one") -> Path:
    with run_folder(out, force=force) as folder:
        (folder / "visits.csv").write_text(text)
        (folder / "sheets").mkdir()
        (folder / "sheets" / "T01.html").write_text("<p>")
        write_manifest(folder, {"command": "plan", "status": "complete"})
    return out


def test_a_finished_run_verifies_and_leaves_nothing_beside_it(tmp_path):
    out = finished(tmp_path / "deep" / "run")
    assert verify(out) == []
    assert names(tmp_path / "deep") == ["run"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert list(manifest) == ["schema", "status", "command", "files"]
    assert [entry["path"] for entry in manifest["files"]] == ["sheets/T01.html", "visits.csv"]


@pytest.mark.fault("OUT-05")
def test_each_change_is_named(tmp_path):
    out = finished(tmp_path / "run")
    (out / "visits.csv").write_text("onE")
    (out / "sheets" / "T01.html").unlink()
    (out / "extra.txt").write_text("")
    said = verify(out)
    assert [line.split(";")[0] for line in said] == [
        "extra.txt: not listed in the manifest",
        "sheets/T01.html: missing",
        "visits.csv: changed since the run was made",
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        "{}",
        '{"schema": "hotspot-patrol/run/1"}',
        '{"schema": "hotspot-patrol/run/1", "files": [{"path": "../x", "sha256": ""}]}',
        '{"schema": "hotspot-patrol/run/1", "files": [{"path": "visits.csv"}]}',
    ],
)
def test_a_damaged_manifest_is_named(tmp_path, manifest):
    out = finished(tmp_path / "run")
    (out / "manifest.json").write_text(manifest)
    (said,) = verify(out)
    assert said.startswith("manifest.json: ")


def test_a_missing_manifest_or_folder_is_named(tmp_path):
    out = finished(tmp_path / "run")
    (out / "manifest.json").unlink()
    assert "never finished" in verify(out)[0]
    assert "no such folder" in verify(tmp_path / "absent")[0]


def test_a_link_in_place_of_a_file_is_named(tmp_path):
    out = finished(tmp_path / "run")
    (out / "visits.csv").rename(tmp_path / "elsewhere.csv")
    (out / "visits.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert verify(out) == ["visits.csv: a link, not a file; fix: make the run again"]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), run_folder(tmp_path / "run") as folder:
        (folder / "visits.csv").write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_run_without_a_manifest_is_not_put_in_place(tmp_path):
    with pytest.raises(OutputError, match="isn't sealed"), run_folder(tmp_path / "run"):
        pass
    assert names(tmp_path) == []


def occupied(out: Path) -> None:
    with run_folder(out):
        pytest.fail("the body must not run")


@pytest.mark.fault("OUT-03")
def test_what_is_there_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "absent")
    finished(tmp_path / "run")
    said = {"file": "is a file", "full": "isn't empty", "link": "is a link", "run": "--force", "file/run": "can't be"}
    for name, words in said.items():
        with pytest.raises(OutputError, match=words):
            occupied(tmp_path / name)
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "run").mkdir()
    assert verify(finished(tmp_path / "run")) == []


@pytest.mark.fault("OUT-03")
def test_force_replaces_a_run_of_ours_and_nothing_else(tmp_path):
    out = finished(tmp_path / "run")
    finished(out, force=True, text="two")
    assert (out / "visits.csv").read_text() == "two"
    assert names(tmp_path) == ["run"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        finished(out, force=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_what_dead_processes_left_is_cleared_and_a_living_one_is_let_be(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    for name in (f".partial-run-{child.pid}", f".partial-run-{os.getppid()}", f".partial-other-{child.pid}"):
        (tmp_path / name).mkdir()
    finished(tmp_path / "run")
    assert names(tmp_path) == sorted(["run", f".partial-run-{os.getppid()}", f".partial-other-{child.pid}"])


def test_a_run_whose_replacement_was_killed_half_way_comes_back(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    finished(tmp_path / "run", text="old").rename(tmp_path / f".replaced-run-{child.pid}")
    with pytest.raises(ZeroDivisionError), run_folder(tmp_path / "run", force=True):
        raise ZeroDivisionError
    assert (tmp_path / "run" / "visits.csv").read_text() == "old"


def test_the_manifest_is_plain_json_in_the_documented_order(tmp_path):
    fields = {
        "own": 1,
        "timings_s": {"read": np.float64(1.5)},
        "plan": {"gap": float("nan"), "served": np.int64(3)},
        "as_of": pd.Timestamp("2024-11-29", tz="Asia/Shanghai"),
        "status": "complete",
        "config": {"path": Path("a") / "高新.csv", "pair": (1, 2)},
    }
    returned = write_manifest(tmp_path, fields)
    text = (tmp_path / "manifest.json").read_bytes()
    assert json.loads(text) == returned
    assert list(returned) == ["schema", "status", "config", "as_of", "plan", "timings_s", "own", "files"]
    assert returned["plan"] == {"gap": None, "served": 3}
    assert returned["as_of"] == "2024-11-29T00:00:00+08:00"
    assert "高新.csv" in text.decode()


WRITER = textwrap.dedent(
    """
    import sys, time
    from planning.output.runs import run_folder, write_manifest
    print("ready", flush=True)
    for n in range(10_000):
        with run_folder(f"{sys.argv[1]}/run{n}") as folder:
            for k in range(20):
                (folder / f"part{k}.bin").write_bytes(bytes(20_000))
                time.sleep(0.0005)
            write_manifest(folder, {"status": "complete"})
    """
)


def stopped(folder: Path, number: signal.Signals, *, after_s: float) -> int:
    """The exit code of a process that writes run after run into `folder` and gets a signal in the middle."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    time.sleep(after_s)
    writer.send_signal(number)
    writer.stdout.close()
    return writer.wait(timeout=30)


@pytest.mark.fault("OUT-01")
def test_a_killed_process_leaves_no_folder_that_looks_finished(tmp_path):
    random = np.random.default_rng(7)
    for after_s in random.uniform(0.01, 0.3, size=6):
        assert stopped(tmp_path, signal.SIGKILL, after_s=after_s) == -signal.SIGKILL
        runs = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert [problem for run in runs for problem in verify(run)] == []
        for run in runs:
            run.rename(tmp_path / f".seen-{run.name}-{after_s}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_comes_while_a_good_run_is_tidied_up_is_not_lost(tmp_path, number, monkeypatch):
    tidy = shutil.rmtree

    def stopped_meanwhile(path, **options):
        tidy(path, **options)
        signal.raise_signal(number)

    monkeypatch.setattr("planning.output.runs.shutil.rmtree", stopped_meanwhile)
    with pytest.raises(KeyboardInterrupt), run_folder(tmp_path / "run") as folder:
        (folder / "a.txt").write_text("a")
        write_manifest(folder, {"status": "complete"})
    assert verify(tmp_path / "run") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.fault("OUT-01")
def test_a_process_that_is_asked_to_stop_leaves_nothing_half_done(tmp_path, number):
    for after_s in (0.05, 0.13):
        assert stopped(tmp_path, number, after_s=after_s) == -signal.SIGINT  # an unanswered KeyboardInterrupt
        assert not list(tmp_path.glob(".*"))
        assert [problem for run in tmp_path.iterdir() for problem in verify(run)] == []
        for run in tmp_path.iterdir():
            run.rename(tmp_path / f"seen-{after_s}-{run.name}")
