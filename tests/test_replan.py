"""The rest of a night planned again: what is done stays to the byte, who is gone isn't sent, what is new is served."""

import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import patrol
from night_runs import BURST, HEADER, incidents_file, rows_of, sample_night

from hotspot.errors import ConfigError, InputError
from planning.checking import check
from planning.jobs.replan import run_replan
from planning.operations.fresh_risk import Repeats, added_risk
from planning.operations.night import load_night
from planning.operations.replanning import changes, rest_of, standing
from planning.output.runs import verify
from planning.sampledata import DEMO_DATE
from planning.solving.search import solve

AT = f"{DEMO_DATE}T20:10"


@pytest.fixture(scope="module")
def night():
    return sample_night()


def visits(run):
    return pd.read_csv(run / "visits.csv", encoding="utf-8-sig")


def manifest(run):
    return json.loads((run / "manifest.json").read_text(encoding="utf-8"))


def test_nothing_new_changes_nothing(night, tmp_path):
    run = run_replan(night, at=AT, out=tmp_path / "again")
    assert rows_of(run.folder) == rows_of(night)
    assert verify(run.folder) == []
    told = run.manifest["replan"]
    assert told["kept"] == told["remaining"] > 0 and told["changes"] == 0
    assert run.manifest["plan"]["value"] == pytest.approx(manifest(night)["plan"]["value"])


def test_finished_visits_are_the_same_bytes_and_an_absent_team_gets_no_other(night, tmp_path):
    before = visits(night)
    set_out = pd.to_datetime(before["arrive"]) - pd.to_timedelta(before["travel_s"], unit="s")
    coming = before[set_out > AT + "+08:00"]
    gone = coming["team_id"].value_counts().index[0]
    coming = before[(set_out > AT + "+08:00") | ((before["team_id"] == gone) & (before["start"] > AT))]
    run = run_replan(night, at=AT, out=tmp_path / "without", absent=[gone])
    frozen = set(before["visit_id"]) - set(coming["visit_id"])
    old, new = rows_of(night), rows_of(run.folder)
    assert frozen and all(new[visit] == old[visit] for visit in frozen)
    after = visits(run.folder)
    assert set(after.loc[after["team_id"] == gone, "visit_id"]) <= frozen
    assert run.manifest["replan"]["absent"].keys() == {gone}
    others = coming[coming["team_id"] != gone]
    kept = others.merge(after, on=["visit_id", "team_id"])
    assert len(kept) >= 0.95 * len(others)


def test_a_burst_of_incidents_makes_a_hotspot_that_is_visited(night, tmp_path):
    burst = incidents_file(tmp_path / "new.csv", [f"19:{m:02d}:00" for m in range(12)])
    run = run_replan(night, at=AT, out=tmp_path / "burst", incidents=[burst])
    spots = gpd.read_file(run.folder / "hotspots.geojson")
    held = spots[spots.contains(shapely.Point(BURST))]
    assert len(held) == 1
    after = visits(run.folder)
    assert (after["hotspot_id"] == held["hotspot_id"].iloc[0]).any()
    assert any("new stop" in line and held["hotspot_id"].iloc[0] in line for line in run.lines)
    entry = next(entry for entry in run.manifest["inputs"] if entry["path"] == str(burst))
    assert entry["rows_read"] == entry["rows_used"] == 12


def test_what_comes_after_the_moment_is_not_seen(night, tmp_path):
    seen = incidents_file(tmp_path / "seen.csv", ["19:30:00", "20:00:00"])
    more = incidents_file(tmp_path / "more.csv", ["19:30:00", "20:00:00", "20:10:00", "21:00:00"])
    one = run_replan(night, at=AT, out=tmp_path / "one", incidents=[seen])
    two = run_replan(night, at=AT, out=tmp_path / "two", incidents=[more])
    for name in ("visits.csv", "risk.parquet", "unserved.csv", "hotspots.geojson"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()
    assert "new incidents that count: 2; known before: 0; after this moment: 2" in two.lines


def test_the_same_incidents_count_once_and_those_of_patrols_not_at_all(night, tmp_path):
    new = incidents_file(tmp_path / "new.csv", ["19:30:00", "20:00:00"])
    one = run_replan(night, at=AT, out=tmp_path / "one", incidents=[new])
    two = run_replan(one.folder, at=f"{DEMO_DATE}T20:20", out=tmp_path / "two", incidents=[new])
    assert "new incidents that count: 0; known before: 2; after this moment: 0" in two.lines
    pd.testing.assert_frame_equal(
        pd.read_parquet(one.folder / "risk.parquet"), pd.read_parquet(two.folder / "risk.parquet")
    )
    found = incidents_file(tmp_path / "found.csv", ["19:30:00"], source="patrol")
    own = run_replan(night, at=AT, out=tmp_path / "own", incidents=[found])
    pd.testing.assert_frame_equal(pd.read_parquet(night / "risk.parquet"), pd.read_parquet(own.folder / "risk.parquet"))


def test_it_works_on_its_own_results_to_the_end_of_the_night(night, tmp_path):
    run, last = night, rows_of(night)
    for number, clock in enumerate(("18:40", "19:35", "20:50", "22:10", "23:30")):
        run = run_replan(run, at=f"{DEMO_DATE}T{clock}", out=tmp_path / f"r{number}").folder
        assert verify(run) == []
        assert rows_of(run) == last
    assert manifest(run)["plan"]["rest"]["demands"] == 0


def test_a_required_demand_is_served_and_a_cancelled_one_is_not(night, tmp_path):
    before = visits(night)
    later = before[before["start"] > f"{DEMO_DATE}T20:40"].iloc[-1]
    asked = tmp_path / "demands.csv"
    row = f"D1,{later['lon']},{later['lat']},patrol,{DEMO_DATE}T20:30,{DEMO_DATE}T21:30"
    asked.write_text(f"id,lon,lat,activity,window_start,window_end\n{row}\n", encoding="utf-8")
    run = run_replan(night, at=AT, out=tmp_path / "asked", demands=[asked], cancel=[later["hotspot_id"]])
    after = visits(run.folder)
    assert (after["hotspot_id"] == "D1").sum() == 1
    still = after[(after["hotspot_id"] == later["hotspot_id"]) & (after["start"] > AT)]
    assert not set(still["visit_id"]) & {later["visit_id"]}


def test_a_demand_that_nobody_can_serve_makes_the_plan_partial(night, tmp_path):
    asked = tmp_path / "demands.csv"
    row = f"D1,{BURST[0]},{BURST[1]},patrol,{DEMO_DATE}T20:11,{DEMO_DATE}T20:11"
    asked.write_text(f"id,lon,lat,activity,window_start,window_end\n{row}\n", encoding="utf-8")
    said = patrol("replan", night, "--at", AT, "--demands", asked, "--out", tmp_path / "late")
    assert said.code == 4
    rows = pd.read_csv(tmp_path / "late" / "unserved.csv", encoding="utf-8-sig")
    assert rows.loc[rows["hotspot_id"] == "D1", "reason"].item() in ("WINDOW", "LEG", "UNREACHABLE")


def test_a_closed_street_is_not_driven_any_more(night, tmp_path):
    before = visits(night)
    last = before[before["start"] > f"{DEMO_DATE}T20:40"].iloc[-1]
    place = shapely.Point(last["lon"], last["lat"]).buffer(0.0008)
    shut = tmp_path / "closed.geojson"
    gpd.GeoDataFrame({"id": ["B"], "name": ["Block"]}, geometry=[place], crs=4326).to_file(shut, driver="GeoJSON")
    run = run_replan(night, at=AT, out=tmp_path / "closed", closures=[shut])
    assert verify(run.folder) == [] and any("closed for" in line for line in run.lines)
    tonight = load_night(night)
    stand = standing(tonight, now_s=20 * 3600.0 + 600)
    done = dict(zip(tonight.teams["id"], stand.done, strict=True))
    legs = gpd.read_file(run.folder / "routes.geojson")
    out = visits(run.folder).groupby("team_id").size()
    new = legs[(legs["sequence"] > legs["team_id"].map(done)) & (legs["team_id"].map(out) > legs["team_id"].map(done))]
    assert len(new) and not new.geometry.crosses(place.buffer(-0.0004)).any()
    again = run_replan(run.folder, at=f"{DEMO_DATE}T20:30", out=tmp_path / "still")
    assert any("closed for" in line for line in again.lines)


def test_value_is_near_that_of_planning_the_rest_from_scratch(night):
    tonight = load_night(night)
    stand = standing(tonight, now_s=19 * 3600.0, absent=["T08"])
    rest = rest_of(tonight, stand)
    kept = solve(rest.problem, effort="quick", start=rest.routes)
    assert check(kept, rest.problem) == []
    free = replace(rest.problem, rules=replace(rest.problem.rules, keep_bonus=0.0))
    scratch = solve(free, effort="quick")
    assert kept.value >= 0.995 * scratch.value
    assert kept.bound >= scratch.value - 1e-9


def test_changes_are_told_per_team(night):
    tonight = load_night(night)
    moved = tonight.visits.copy()
    row = moved.index[moved["start_s"] > 20.5 * 3600][0]
    other = next(team for team in tonight.teams["id"] if team != moved.loc[row, "team_id"])
    was = moved.loc[row, "team_id"]
    moved.loc[row, "team_id"] = other
    table = changes(tonight, replace(tonight, visits=moved), now_s=20 * 3600.0)
    assert sorted(zip(table["team_id"], table["change"], table["other_team"], strict=True)) == sorted(
        [(other, "new", was), (was, "dropped", other)]
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--absent", "T99"], 2, "no such team"),
        (["--cancel", "H99"], 2, "no such demand"),
        (["--incidents", "nowhere.csv"], 3, "file not found"),
    ],
)
def test_what_is_asked_wrongly_is_told(night, tmp_path, words, code, said):
    found = patrol("replan", night, "--at", AT, *words, "--out", tmp_path / "run")
    assert (found.code, said in found.err) == (code, True), found.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_plan_is_told(tmp_path):
    with pytest.raises(InputError, match="not a whole run"):
        run_replan(tmp_path, at=AT, out=tmp_path / "run")


def test_a_moment_before_the_last_planning_is_refused(night, tmp_path):
    run = run_replan(night, at=AT, out=tmp_path / "one").folder
    with pytest.raises(ConfigError, match="when this run was planned"):
        run_replan(run, at=f"{DEMO_DATE}T19:00", out=tmp_path / "two")


def test_bad_rows_of_new_incidents_are_told_with_their_row(night, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text(f"{HEADER}\nN1,{DEMO_DATE} 19:00:00,abc,38.2,theft,report\n", encoding="utf-8")
    found = patrol("replan", night, "--at", AT, "--incidents", new, "--out", tmp_path / "run")
    assert found.code == 3 and "row 2, field lon" in found.err


def test_demands_are_checked_row_by_row(night, tmp_path):
    asked = tmp_path / "demands.csv"
    asked.write_text(
        "id,lon,lat,activity,window_start,window_end\nH01,109.7,38.2,dance,soon,2026-10-30T21:00\n", encoding="utf-8"
    )
    found = patrol("replan", night, "--at", AT, "--demands", asked, "--out", tmp_path / "run")
    assert found.code == 3
    assert all(word in found.err for word in ("the id is taken", "field activity", "field window_start"))


class FlatGrid:
    """Three cells in a row, 100 m apart."""

    centres_xy = np.array([[50.0, 50.0], [150.0, 50.0], [250.0, 50.0]])

    def locate(self, xy):
        return (np.asarray(xy)[:, 0] // 100).astype(int)


def test_an_incident_adds_near_repeats_and_raises_what_is_known_of_its_cell():
    """One incident an hour ago in the first cell of a flat district of one incident an hour and cell; shape 2, 4 expected."""
    expected = np.full((3, 28), 1.0)
    starts = pd.date_range("2026-10-30 00:00", periods=28, freq="h", tz="Asia/Shanghai")
    found = added_risk(
        expected, starts, FlatGrid(), xy=np.array([[50.0, 50.0]]), times=[starts[3]], weight=np.array([4.0]),
        repeats=[Repeats(0, 0, 0, 1, 0.06), Repeats(0, 100, 0, 1, 0.12)], shape=np.full(3, 2.0), until=starts[2],
    )  # fmt: skip
    rate = (2 + 4) / (2 + 2) - 1
    assert found[0, 3:27] == pytest.approx(0.01 + rate)
    assert found[1, 3:27] == pytest.approx(0.02)
    assert found[2].sum() == 0
    assert found[:2, :3] == pytest.approx(np.array([[rate] * 3, [0.0] * 3]))
    assert found[0, 27] == pytest.approx(rate)  # a day old: the band of the first day is over


def test_a_cell_never_falls_for_what_was_not_reported():
    starts = pd.date_range("2026-10-30 00:00", periods=24, freq="h", tz="Asia/Shanghai")
    found = added_risk(
        np.full((3, 24), 1.0), starts, FlatGrid(), xy=np.array([[50.0, 50.0]]), times=[starts[3]], weight=np.ones(1),
        repeats=[], shape=np.full(3, 2.0), until=starts[20],
    )  # fmt: skip
    assert not found.any()
