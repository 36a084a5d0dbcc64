"""The dynamic push: what arrives is applied exactly once, whatever is killed in between, and the page follows by itself."""

import hashlib
import hmac
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar, NamedTuple

import pandas as pd
import pytest
from browser import chromium, opened
from night_runs import BURST, HEADER, incidents_file, sample_night

from hotspot.errors import ConfigError
from planning.jobs.watch import run_watch
from planning.operations.push import SIGNATURE, queue_message, send_queued, signature
from planning.output.live_page import write_live_page, write_status
from planning.output.runs import verify
from planning.sampledata import DEMO_DATE, sample_folder

NOW = pd.Timestamp(f"{DEMO_DATE}T20:10", tz="Asia/Shanghai")
SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from planning.jobs.watch import run_watch
config, inbox, out, date, at = sys.argv[1:6]
run_watch(Path(config), inbox=Path(inbox), out=Path(out), date=date, clock=lambda: pd.Timestamp(at),
          until=lambda watch: (watch.out / "stop").exists(), tell=lambda line: print(line, flush=True))
"""


@pytest.fixture
def district(tmp_path):
    """A copy of the sample district that looks at its inbox often."""
    folder = Path(shutil.copytree(sample_folder(), tmp_path / "district"))
    with (folder / "patrol.toml").open("a", encoding="utf-8") as config:
        config.write("\n[watch]\npoll_s = 0.1\n")
    return folder / "patrol.toml"


class Place(NamedTuple):
    """Where a watch is: its configuration, its inbox and the folder of its runs."""

    config: Path
    inbox: Path
    out: Path


@pytest.fixture
def place(tmp_path, district):
    """Inbox and out folder of a watch whose first plan is there."""
    out = tmp_path / "out"
    shutil.copytree(sample_night(), out / "runs" / "0000")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return Place(district, inbox, out)


def watched(place, *, rounds, at=NOW, told=None):
    """A watch that looks so many times."""
    config, inbox, out = place
    left = [rounds]

    def until(watch):
        left[0] -= 1
        return left[0] < 0

    return run_watch(
        config, inbox=inbox, out=out, date=DEMO_DATE, clock=lambda: at, until=until,
        tell=(told if told is not None else []).append,
    )  # fmt: skip


def applied(out):
    """Digests of the files that the newest run was made with, and that run."""
    run = out / "runs" / max(each.name for each in (out / "runs").iterdir() if (each / "manifest.json").is_file())
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return [entry["sha256"] for entry in manifest["inputs"] if entry["path"].startswith(str(out.parent))], run


def old(path, seconds=60):
    """As if it had been there for a while."""
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


def test_a_file_is_applied_the_link_switched_and_the_page_told(place):
    inbox, out = place.inbox, place.out
    old(incidents_file(inbox / "new.csv", ["19:30:00", "20:00:00"]))
    run = watched(place, rounds=2)
    assert run.name == "0001" and verify(run) == []
    assert (out / "latest").resolve() == run.resolve()
    assert [path.name for path in (inbox / "done").iterdir()] == ["new.csv"]
    assert '"run": "0001"' in (out / "status.js").read_text(encoding="utf-8")


def test_a_bad_file_is_set_aside_with_its_report_and_the_rest_goes_on(place):
    inbox = place.inbox
    bad = inbox / "bad.csv"
    bad.write_text(f"{HEADER}\nN1,{DEMO_DATE} 19:00:00,abc,38.2,theft,report\n", encoding="utf-8")
    old(bad)
    old(incidents_file(inbox / "good.csv", ["19:30:00"]))
    told = []
    watched(place, rounds=2, told=told)
    assert "row 2" in (inbox / "rejected" / "bad.csv.report.txt").read_text(encoding="utf-8")
    assert [path.name for path in (inbox / "done").iterdir()] == ["good.csv"]
    assert any(line.startswith("bad.csv: rejected") for line in told)


def test_the_same_file_again_adds_no_run(place):
    inbox = place.inbox
    old(incidents_file(inbox / "new.csv", ["19:30:00"]))
    watched(place, rounds=2)
    shutil.copy(inbox / "done" / "new.csv", inbox / "again.csv")
    old(inbox / "again.csv")
    told = []
    run = watched(place, rounds=2, told=told)
    assert run.name == "0001"
    assert told == ["again.csv: was applied before"]


def test_a_file_that_still_grows_waits(place):
    inbox = place.inbox
    growing = incidents_file(inbox / "new.csv", ["19:30:00"])
    os.utime(growing, (time.time() + 60, time.time() + 60))
    incidents_file(inbox / "upload.csv.part", ["19:30:00"])
    watched(place, rounds=1)
    assert sorted(path.name for path in inbox.iterdir() if path.is_file()) == ["new.csv", "upload.csv.part"]
    watched(place, rounds=2)
    assert sorted(path.name for path in inbox.iterdir() if path.is_file()) == ["upload.csv.part"]


def test_absent_teams_closures_demands_and_cancellations_arrive_the_same_way(place):
    inbox = place.inbox
    (inbox / "absent-1.csv").write_text("team_id\nT17\n", encoding="utf-8")
    (inbox / "absent-2.csv").write_text("team_id\nT99\n", encoding="utf-8")
    (inbox / "cancel-1.csv").write_text("id\nH07\n", encoding="utf-8")
    (inbox / "demands-1.csv").write_text(
        f"id,lon,lat,activity,window_start,window_end\nD1,{BURST[0]},{BURST[1]},patrol,{DEMO_DATE}T20:30,{DEMO_DATE}T22:00\n",
        encoding="utf-8",
    )
    (inbox / "closures-1.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [{
            "type": "Feature", "properties": {"name": "Block"},
            "geometry": {"type": "Point", "coordinates": [109.7105, 38.2445]}}]}), encoding="utf-8",
    )  # fmt: skip
    for path in inbox.glob("*.*"):
        old(path)
    run = watched(place, rounds=3)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["replan"]["absent"].keys() == {"T17"}
    assert manifest["replan"]["cancelled"] == ["H07"]
    assert "D1" in set(pd.read_csv(run / "visits.csv", encoding="utf-8-sig")["hotspot_id"])
    assert [path.name for path in sorted((inbox / "rejected").glob("*.csv"))] == ["absent-2.csv"]
    assert "no such team" in (inbox / "rejected" / "absent-2.csv.report.txt").read_text(encoding="utf-8")


def test_200_files_two_restarts_and_a_kill_apply_every_good_file_exactly_once(place):
    config, inbox, out = place
    rng = random.Random(3)
    good, bad, again = [], 0, 0
    texts = []
    for number in range(200):
        kind = rng.random()
        at = f"{DEMO_DATE} {rng.randrange(16, 20):02d}:{rng.randrange(60):02d}:00"
        row = f"K{number:03d},{at},109.{rng.randrange(690000, 712000)},38.{rng.randrange(236000, 250000)},theft,report"
        if kind < 0.1:
            row, bad = row.replace("109.", "x."), bad + 1
        elif kind < 0.2 and good:
            row, again = rng.choice(good), again + 1
        else:
            good.append(row)
        texts.append(f"{HEADER}\n{row}\n")
    command = [sys.executable, "-c", SCRIPT, str(config), str(inbox), str(out), DEMO_DATE, NOW.isoformat()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for number, text in enumerate(texts):
        part = inbox / f".{number:03d}"
        part.write_text(text, encoding="utf-8")
        part.replace(inbox / f"new-{number:03d}.csv")
        if number in (60, 110, 160):
            time.sleep(3.0)
            process.send_signal(signal.SIGKILL if number == 110 else signal.SIGTERM)
            process.wait(30)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    ends = time.monotonic() + 120
    while time.monotonic() < ends and any(path.is_file() for path in inbox.iterdir()):
        time.sleep(0.3)
    (out / "stop").touch()
    assert process.wait(30) == 0
    digests, run = applied(out)
    wanted = [hashlib.sha256(f"{HEADER}\n{row}\n".encode()).hexdigest() for row in good]
    assert sorted(digests) == sorted(wanted)
    assert len(list((inbox / "rejected").glob("new-*.csv"))) == bad > 10
    assert len(list((inbox / "done").glob("new-*.csv"))) == len(good) + again
    assert again > 10
    night = json.loads((run / "night" / "night.json").read_text(encoding="utf-8"))
    assert len(night["counted"]) == len(set(night["counted"])) == len(good)
    assert verify(run) == []
    finished = [each for each in (out / "runs").iterdir() if each.name[0] != "."]
    assert all(verify(each) == [] for each in finished)


def test_the_page_shows_the_next_plan_by_itself_and_says_when_it_is_stale(place):
    inbox, out = place.inbox, place.out
    watched(place, rounds=1)
    with chromium() as browser, opened(browser, out / "live.html", ready=False, now=None) as (page, account):
        page.wait_for_selector("html[data-run='0000']", state="attached", timeout=10_000)
        frame = page.frame_locator("#map")
        frame.locator("html[data-ready]").wait_for(state="attached", timeout=20_000)
        old(incidents_file(inbox / "new.csv", ["19:30:00", "20:00:00"]))
        watched(place, rounds=2)
        page.wait_for_selector("html[data-run='0001']", state="attached", timeout=10_000)
        frame.locator("html[data-ready]").wait_for(state="attached", timeout=20_000)
        assert "0001" in page.locator("#map").get_attribute("src")
        assert "20:10" in page.locator("#said").inner_text()
        assert account.clean, (account.requests, account.errors)


def test_a_page_without_a_sign_of_life_says_so(tmp_path):
    write_live_page(tmp_path, language="zh", title="<b>示范区</b>")
    write_status(tmp_path, run="0000", run_id="abc", as_of=NOW.isoformat(), seen=NOW)
    (tmp_path / "runs" / "0000").mkdir(parents=True)
    (tmp_path / "runs" / "0000" / "map.html").write_text("<title>map</title>", encoding="utf-8")
    with chromium() as browser, opened(browser, tmp_path / "live.html", ready=False, now=None) as (page, _account):
        page.wait_for_selector("html[data-run]", state="attached", timeout=10_000)
        assert page.title() == "<b>示范区</b>"
        assert "正常" in page.locator("#said").inner_text()
        page.evaluate("() => { const now = Date.now; Date.now = () => now() + 120000; }")
        page.wait_for_selector("#said.stale", timeout=10_000)
        assert "停止更新" in page.locator("#said").inner_text()


class Receiver(BaseHTTPRequestHandler):
    """Notes what it is told; the first message it turns away."""

    heard: ClassVar[list] = []
    refuse = 1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Receiver.refuse:
            Receiver.refuse -= 1
            self.send_response(503)
        else:
            Receiver.heard.append((self.headers[SIGNATURE], body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *words):
        pass


def test_messages_are_signed_and_told_until_they_arrive(tmp_path):
    Receiver.heard, Receiver.refuse = [], 1
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        queue_message(tmp_path, {"run_id": "abc", "status": "complete", "district": "示范区"})
        url = f"http://127.0.0.1:{server.server_port}/plans"
        assert send_queued(tmp_path, url, secret="k") == 1
        assert send_queued(tmp_path, url, secret="k") == 0
        assert send_queued(tmp_path, url, secret="k") == 0
    finally:
        server.shutdown()
        server.server_close()
    (told, body), *more = Receiver.heard
    assert not more and json.loads(body)["district"] == "示范区"
    assert told == signature(body, "k")
    assert told.removeprefix("sha256=") == hmac.new(b"k", body, "sha256").hexdigest()


def test_plans_are_pushed_to_a_folder(place, tmp_path):
    config, inbox = place.config, place.inbox
    with config.open("a", encoding="utf-8") as text:
        text.write('push_folder = "../shared drive"\n')
    old(incidents_file(inbox / "new.csv", ["19:30:00"]))
    run = watched(place, rounds=2)
    pushed = tmp_path / "shared drive"
    assert (pushed / "map.html").read_bytes() == (run / "map.html").read_bytes()
    assert {path.name for path in (pushed / "sheets").iterdir()} >= {"index.html"}


def test_an_address_without_its_secret_is_refused_before_anything_starts(place, monkeypatch):
    config = place.config
    monkeypatch.delenv("PATROL_SECRET", raising=False)
    with config.open("a", encoding="utf-8") as text:
        text.write('push_url = "http://127.0.0.1:9/plans"\npush_secret_env = "PATROL_SECRET"\n')
    with pytest.raises(ConfigError, match="the environment has no PATROL_SECRET"):
        watched(place, rounds=1)


def test_runs_of_another_date_are_not_continued(place):
    config, inbox, out = place
    with pytest.raises(ConfigError, match="holds the runs of"):
        run_watch(config, inbox=inbox, out=out, date="2026-10-31", clock=lambda: NOW)


def test_the_watch_ends_with_the_night(place):
    run = watched(place, rounds=10**6, at=NOW + pd.Timedelta(hours=12))
    assert run.name == "0000"
