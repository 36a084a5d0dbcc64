"""A night planned again at 20:10: 25 new incidents, one team absent, a block of streets closed. Seconds, what stays, and value.

    python benchmarks/replan.py CONFIG --date D [--at HH:MM] [--effort normal]

The command runs as its users run it, in a process of its own; the rest is also planned from scratch, without any wish to
keep visits where they are, to see what keeping them costs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planning.checking import check
from planning.operations.night import Night, load_night
from planning.operations.replanning import rest_of, standing
from planning.solving.search import solve

INCIDENTS = 25


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("config", type=Path)
    words.add_argument("--date", required=True)
    words.add_argument("--at", default="20:10")
    words.add_argument("--effort", default="normal")
    words.add_argument("--repeats", type=int, default=3)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _study(asked, Path(folder))


def _study(asked: argparse.Namespace, folder: Path) -> None:
    run, again = folder / "plan", folder / "again"
    _patrol("plan", asked.config, "--date", asked.date, "--effort", asked.effort, "--out", run)
    night = load_night(run)
    now = pd.Timestamp(f"{asked.date} {asked.at}", tz=night.zone)
    coming = night.visits[night.visits["arrive_s"] - night.visits["travel_s"] > (now - night.origin).total_seconds()]
    absent = str(coming["team_id"].value_counts().index[0]) if len(coming) else str(night.teams["id"].iloc[0])
    incidents, closed = _incidents(folder, run, now), _closure(folder, night)
    told = ("--incidents", incidents, "--closures", closed, "--absent", absent)
    seconds = []
    for _ in range(asked.repeats):
        begun = time.perf_counter()
        _patrol("replan", run, "--at", now.isoformat(), *told, "--out", again, "--force")
        seconds.append(time.perf_counter() - begun)
    manifest = json.loads((again / "manifest.json").read_bytes())
    print(f"replan: {min(seconds):.1f} s best, {max(seconds):.1f} s worst of {len(seconds)}; {manifest['timings_s']}")
    print(f"visits: {manifest['replan']}")
    before, after = (dict(_rows(each)) for each in (run, again))
    dropped = coming["visit_id"].tolist() + _not_begun(night, absent, now)
    done = set(before) - set(dropped)
    same = sum(before[visit] == after.get(visit) for visit in done)
    print(f"finished or under way: {same} of {len(done)} rows are the same bytes ({absent} is absent)")
    later = load_night(again)
    asked_night = replace(later, visits=night.visits, home_s=night.home_s, absent={}, now_s=None)
    stand = standing(asked_night, now_s=float(later.now_s or 0.0), absent=[absent])
    rest = rest_of(asked_night, stand)
    free = replace(rest.problem, rules=replace(rest.problem.rules, keep_bonus=0.0))
    scratch = solve(free, effort="normal")
    print(f"faults: {check(scratch, free)}; value of the rest {manifest['plan']['rest']['value']:.4f}, "
          f"from scratch at normal effort {scratch.value:.4f}, bound {scratch.bound:.4f}")  # fmt: skip


def _not_begun(night: Night, team: str, now: pd.Timestamp) -> list[str]:
    """What a team that leaves was only on the way to."""
    own = night.visits[
        (night.visits["team_id"] == team) & (night.visits["start_s"] > (now - night.origin).total_seconds())
    ]
    return own["visit_id"].tolist()


def _patrol(*told: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "planning", *map(str, told)], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr)


def _rows(run: Path) -> list[tuple[str, str]]:
    lines = (run / "visits.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    return [(line.split(",", 1)[0], line) for line in lines]


def _incidents(folder: Path, run: Path, now: pd.Timestamp) -> Path:
    """New incidents in the three hours before, around the third hotspot and around a place 600 m beside it."""
    spots = gpd.read_file(run / "hotspots.geojson").sort_values("rank")
    manifest = json.loads((run / "manifest.json").read_bytes())
    names = manifest["config"]["incidents"].get("columns", {})
    category = next(name for name, activity in manifest["config"]["categories"].items() if activity)
    place = spots.geometry.iloc[min(2, len(spots) - 1)].centroid
    rng = np.random.default_rng(0)
    rows = []
    for number in range(INCIDENTS):
        lon, lat = place.x + 0.008 * (number % 2) + rng.normal(0, 4e-4), place.y + rng.normal(0, 4e-4)
        time_ = now.tz_localize(None) - pd.Timedelta(minutes=int(rng.integers(5, 180)))
        rows.append(
            (f"NEW{number:03d}", f"{time_:%Y-%m-%d %H:%M:%S}", round(lon, 6), round(lat, 6), category, "report")
        )
    columns = [names.get(name, name) for name in ("id", "time", "lon", "lat", "category", "source")]
    path = folder / "new.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


def _closure(folder: Path, night: Night) -> Path:
    """The longest edge of the streets, a bridge as a rule, and 60 m around it."""
    edges = night.streets.edges
    longest = edges.geometry.iloc[int(edges["length_m"].argmax())]
    middle = shapely.line_interpolate_point(longest, 0.5, normalized=True).buffer(60.0)
    path = folder / "closed.geojson"
    gpd.GeoDataFrame({"id": ["B1"], "name": ["bridge"]}, geometry=[middle], crs=edges.crs).to_crs(4326).to_file(path)
    return path


if __name__ == "__main__":
    main()
