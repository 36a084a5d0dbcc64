"""Pictures of every page of the sample district, into docs/images: wall, desk, phone and print.

Needs Debian's chromium. Pages are opened from the disk with the clock set into their night; nothing is fetched.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from planning.cli import main as patrol
from planning.sampledata import DEMO_DATE, sample_folder

IMAGES = Path(__file__).resolve().parent / "images"
NIGHTS = ("2026-10-16", "2026-10-17", "2026-10-18")  # looked back on: the sample's incidents go on after them
EVENTS = """id,name,lon,lat,start,end,level,attendance
E1,秋季灯会（合成）,109.7105,38.2445,{date} 19:30,{date} 22:00,2,8000
"""
SIZES = {"wall": (1920, 1080), "desk": (1440, 900), "phone": (390, 844), "print": (794, 1123)}
PAPER = "lang=zh&theme=light"
VIEWS = {"wall": "lang=zh&theme=dark", "desk": "lang=en&theme=light", "phone": PAPER, "print": PAPER}
PING_MIN = 2


@dataclass(frozen=True)
class Page:
    """`view` is added to the address: what a reader would have chosen; `walls` more for the wall."""

    name: str
    path: Path
    view: str = ""
    on_wall: str = ""


def pages(folder: Path) -> Iterator[Page]:
    """Every page of the product, made from a copy of the sample district."""
    config = Path(shutil.copytree(sample_folder(), folder / "district")) / "patrol.toml"
    plan = run(folder / "plan", "demo")
    yield Page("plan", plan / "map.html", "&hour=20&team=T08", "&wall=1")
    week = ("--horizon", "7D", "--effort", "quick", "--as-of")
    before = run(folder / "before", "hotspots", config, *week, "2026-10-23")
    situation = run(folder / "situation", "hotspots", config, *week, DEMO_DATE, "--previous", before)
    yield Page("situation", situation / "map.html", "&hour=20&tab=trend", "&hour=20&tab=places&area=C03")
    events = written(folder / "events.csv", EVENTS.format(date=DEMO_DATE))
    night = ("--events", events, "--date", DEMO_DATE, "--effort", "quick")
    yield Page("event", run(folder / "event", "event", config, *night) / "map.html", "&hour=20&event=E1")
    again = run(folder / "again", "replan", plan, "--at", f"{DEMO_DATE} 19:30", "--absent", "T08")
    patrol_said("map", again, "--against", plan, "--out", folder / "comparison.html")
    yield Page("comparison", folder / "comparison.html", "&hour=20")
    span = ("--from", "2026-08-07", "--to", "2026-10-23", "--effort", "quick")
    yield Page("backtest", run(folder / "backtest", "backtest", config, *span) / "report.html")
    yield Page("assessment", assessed(config, folder) / "assessment" / "index.html")


def assessed(config: Path, folder: Path) -> Path:
    """Three nights of which most visits took place, with positions every other minute and what teams reported."""
    nights = [run(folder / f"night-{date}", "plan", config, "--date", date, "--effort", "quick") for date in NIGHTS]
    visits = pd.concat([pd.read_csv(night / "visits.csv") for night in nights], ignore_index=True)
    tracks = pd.concat([positions(row) for k, row in enumerate(visits.itertuples()) if k % 6 != 5])
    tracks.sort_values(["team_id", "time"]).to_csv(folder / "tracks.csv", index=False)
    teams = sorted(set(visits["team_id"]))
    rows = [f"{date},{team},{kind},{count}" for date in NIGHTS for team, kind, count in reports(teams)]
    outcomes = written(folder / "outcomes.csv", "\n".join(["date,team_id,kind,count", *rows, ""]))
    told = ("--tracks", folder / "tracks.csv", "--outcomes", outcomes)
    return run(folder / "assess", "assess", config, "--runs", *nights, *told)


def positions(visit: object) -> pd.DataFrame:
    """Where the team was from start to leave."""
    times = pd.date_range(visit.start, visit.leave, freq=f"{PING_MIN}min").strftime("%Y-%m-%dT%H:%M:%S%z")
    return pd.DataFrame({"team_id": visit.team_id, "time": times, "lon": visit.lon, "lat": visit.lat})


def reports(teams: list[str]) -> Iterator[tuple[str, str, str]]:
    kinds = ("hazard_removed", "dispute_resolved", "incident_assisted")
    for k, team in enumerate(teams):
        yield team, kinds[k % 3], "300+" if k == 0 else str(1 + k % 4)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def run(out: Path, command: str, *words: object) -> Path:
    """The folder of a run of `patrol`."""
    patrol_said(command, *words, "--out", out)
    return out


def patrol_said(*words: object) -> None:
    sys.argv = ["patrol", *map(str, words)]
    try:
        patrol()
    except SystemExit as stop:
        if stop.code:
            raise


def take(browser: Browser, page: Page, kind: str) -> None:
    width, height = SIZES[kind]
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.clock.set_fixed_time(f"{DEMO_DATE}T20:10:00+08:00")
    tab.goto(f"{page.path.as_uri()}#{VIEWS[kind]}{(kind == 'wall' and page.on_wall) or page.view}")
    tab.wait_for_selector("html[data-ready]", state="attached")
    tab.wait_for_timeout(800)  # the canvas tiles of the streets paint after the page is ready
    if kind == "print":
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        tab.emulate_media(media="print")
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    picture.save(IMAGES / f"{page.name}-{kind}.webp", lossless=True, quality=100, method=6)  # half of a PNG
    tab.close()


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for old in IMAGES.glob("*.*"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as web:
        made = list(pages(Path(folder)))
        browser = web.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for page in made:
            for kind in SIZES:
                take(browser, page, kind)
        browser.close()


if __name__ == "__main__":
    main()
