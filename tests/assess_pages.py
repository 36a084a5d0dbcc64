"""Assessments of the small district for tests: one night with one visit, and whatever else a test wants of it."""

from __future__ import annotations

import csv
import json

from commands import patrol
from small_district import change, incidents, small_district
from test_assess import DAY, HISTORY, INSIDE, OUTSIDE, TEAM, finished_plan

from planning.output.runs import write_manifest

REPORTED = (f"{DAY},{TEAM},hazard_removed,300+", f"{DAY},{TEAM},clue,4")


def tracks(config):
    """Positions of the one team a minute apart, from 19:50 to 20:30, at its hotspot from 20:00 to 20:14."""
    rows = [(minute, INSIDE if 60 <= minute < 74 else OUTSIDE) for minute in range(50, 90)]
    text = [f"{TEAM},{DAY} {19 + m // 60}:{m % 60:02d},{lon},{lat}" for m, (lon, lat) in rows]
    return written(config.parent / "tracks.csv", "team_id,time,lon,lat", *text)


def written(path, *lines):
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


def assessed(
    folder, *, language="en", with_tracks=True, with_outcomes=True, history=HISTORY, prepare=lambda config: None
):
    """The page of the assessed night; `prepare` may change the district and the run before."""
    config = small_district(folder / "district", language=language)
    incidents(config, history)
    plan = finished_plan(config)
    prepare(config)
    told = ["--tracks", tracks(config)] if with_tracks else []
    if with_outcomes:
        told += ["--outcomes", written(config.parent / "outcomes.csv", "date,team_id,kind,count", *REPORTED)]
    said = patrol("assess", config, "--runs", plan, *told, "--out", folder / "out")
    assert said.code == 0, said.err
    return folder / "out" / "assessment" / "index.html"


def planned(config, change_rows, *, name=""):
    """Writes the run's visits as `change_rows` makes them of its one row, for the district (called `name`), and seals it."""
    folder = config.parent / "night"
    head, row = (folder / "visits.csv").read_text(encoding="utf-8").split()
    written(folder / "visits.csv", head, *change_rows(row))
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    told["config"]["district"]["name"] = name or told["config"]["district"]["name"]
    write_manifest(folder, {key: value for key, value in told.items() if key not in ("schema", "files")})


def teams_of(config, change_rows):
    """Writes the district's teams as `change_rows` makes them of its first row."""
    path = config.parent / "teams.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerows(change_rows(first))


def no_visits(config):
    planned(config, lambda row: [])


def many_teams(config):
    """500 teams with a visit each to the one hotspot."""
    ids = [TEAM, *(f"X{k:03d}" for k in range(499))]
    teams_of(config, lambda first: [first | {"id": each, "name": f"Team {each}"} for each in ids])
    planned(config, lambda row: [row.replace("V001", f"V{k:03d}").replace(TEAM, each) for k, each in enumerate(ids)])


def called(text):
    """Prepares a district and a team that are both called `text`."""

    def prepare(config):
        teams_of(config, lambda first: [first | {"name": text}])
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        change(config, 'name = "Example district"', f'name = "{escaped}"')
        planned(config, lambda row: [row], name=text)

    return prepare
