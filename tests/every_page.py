"""Every page of the product, made once from the sample district with quick effort; nobody may change them.

A new kind of page is one line in `MAKERS`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
from commands import patrol
from night_runs import BURST, sample_night

from planning.output.live_page import write_live_page, write_status
from planning.sampledata import DEMO_DATE, sample_folder

CONFIG = sample_folder() / "patrol.toml"
EVENTS = f"""id,name,lon,lat,start,end,level,attendance
E1,秋季灯会,{BURST[0]},{BURST[1]},{DEMO_DATE} 19:30,{DEMO_DATE} 22:00,2,8000
"""


def plan(_: Path) -> Path:
    return sample_night() / "map.html"


def situation(folder: Path) -> Path:
    run = said(folder, "hotspots", CONFIG, "--as-of", DEMO_DATE, "--horizon", "7D", "--effort", "quick")
    return run / "map.html"


def event(folder: Path) -> Path:
    (folder / "events.csv").write_text(EVENTS, encoding="utf-8")
    told = ("--events", folder / "events.csv", "--date", DEMO_DATE, "--effort", "quick")
    return said(folder, "event", CONFIG, *told) / "map.html"


def replan(folder: Path) -> Path:
    return said(folder, "replan", sample_night(), "--at", f"{DEMO_DATE} 19:30", "--absent", "T08") / "map.html"


def comparison(folder: Path) -> Path:
    page = folder / "comparison.html"
    done = patrol("map", page_of("replan").parent, "--against", sample_night(), "--out", page)
    assert done.code == 0, done.err
    return page


def backtest(folder: Path) -> Path:
    span = ("--from", "2026-10-02", "--to", "2026-10-16", "--effort", "quick")
    return said(folder, "backtest", CONFIG, *span) / "report.html"


def assessment(folder: Path) -> Path:
    """One night of which every sixth visit didn't take place, with positions every other minute and outcomes."""
    visits = pd.read_csv(sample_night() / "visits.csv", encoding="utf-8-sig")
    tracks = pd.concat([positions(row) for k, row in enumerate(visits.itertuples()) if k % 6 != 5])
    tracks.sort_values(["team_id", "time"]).to_csv(folder / "tracks.csv", index=False)
    rows = [f"{DEMO_DATE},{team},hazard_removed,{2 + k % 3}" for k, team in enumerate(sorted(set(visits["team_id"])))]
    (folder / "outcomes.csv").write_text("\n".join(["date,team_id,kind,count", *rows, ""]), encoding="utf-8")
    told = ("--tracks", folder / "tracks.csv", "--outcomes", folder / "outcomes.csv")
    config = shutil.copytree(sample_folder(), folder / "district") / "patrol.toml"  # its ledger is written beside it
    return said(folder, "assess", config, "--runs", sample_night(), *told) / "assessment" / "index.html"


def positions(visit: object) -> pd.DataFrame:
    """Where the team was from start to leave."""
    times = pd.date_range(visit.start, visit.leave, freq="2min").strftime("%Y-%m-%dT%H:%M:%S%z")
    return pd.DataFrame({"team_id": visit.team_id, "time": times, "lon": visit.lon, "lat": visit.lat})


def assessment_sheet(_: Path) -> Path:
    return first_sheet(page_of("assessment").parent)


def sheet(_: Path) -> Path:
    return first_sheet(sample_night() / "sheets")


def sheets(_: Path) -> Path:
    return sample_night() / "sheets" / "index.html"


def live(folder: Path) -> Path:
    """The page of a watch that was just seen alive; its newest run is the plan."""
    (folder / "runs").mkdir()
    (folder / "runs" / "0000").symlink_to(sample_night())
    seen = pd.Timestamp(f"{DEMO_DATE}T20:10", tz="Asia/Shanghai")
    write_status(folder, run="0000", run_id="7f3a19c2", as_of=seen.isoformat(), seen=seen)
    return write_live_page(folder, language="zh", title="榆林高新区")


MAKERS: dict[str, Callable[[Path], Path]] = {
    "plan": plan, "situation": situation, "event": event, "replan": replan, "comparison": comparison,
    "backtest": backtest, "assessment": assessment, "assessment_sheet": assessment_sheet, "sheet": sheet,
    "sheets": sheets, "live": live,
}  # fmt: skip
APPLICATIONS = ("plan", "situation", "event", "replan", "comparison")  # map, tabs and tables; the others are documents


@cache
def page_of(name: str) -> Path:
    """The path of one page, by its name in `MAKERS`."""
    folder = Path(tempfile.mkdtemp(prefix=f"page-{name}-"))
    return MAKERS[name](folder)


def every_page() -> dict[str, Path]:
    """All of them: name -> path."""
    return {name: page_of(name) for name in MAKERS}


def said(folder: Path, *words: object) -> Path:
    """The folder of a run of `patrol`, which must have ended as a run does (a partial plan is a page too)."""
    run = folder / "run"
    done = patrol(*words, "--out", run)
    assert done.code in (0, 4), done.err
    return run


def first_sheet(folder: Path) -> Path:
    return min(path for path in folder.glob("*.html") if path.name != "index.html")
