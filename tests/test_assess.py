"""Assessment: what was delivered of what was planned, the ledger of outcomes, before and after, and trials by lot.

The district is that of `patrol init`: one community of about 1.7 km by 1.1 km. A night is written by hand: one hotspot at
the western end of its only street, and a team that is to be there from 20:00 to 20:14.
"""

from __future__ import annotations

import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import patrol
from hypothesis import given, settings
from hypothesis import strategies as st
from small_district import change, incidents, small_district

from hotspot.errors import ConfigError, InputError, OutputError
from hotspot.geo import to_datum
from hotspot.grid import grid_over
from hotspot.statistics.displacement import WddResult
from hotspot.wording import in_language
from planning.config import read_config
from planning.operations.controls import Periods, change_told, compare_before_after, periods_of
from planning.operations.dosage import PlannedNight, find_stays, hotspot_dosage, measure_dosage, team_dosage, zones_of
from planning.operations.ledger import Ledger, append_new, ledger_problems, read_ledger, with_outcomes
from planning.operations.outcomes import Count, read_outcomes, total
from planning.operations.pings import read_pings
from planning.operations.trials import count_place_days, draw_trial, evaluate_trial
from planning.output.runs import verify, write_manifest

CRS, ZONE, DAY = "EPSG:32649", "Asia/Shanghai", "2024-11-29"
TEAM = "EXAMPLE-T01"
WEST, SOUTH, EAST, NORTH = 109.72, 38.2438, 109.7226, 38.2462  # the hotspot: about 230 m by 270 m
INSIDE, OUTSIDE = (109.7213, 38.245), (109.7300, 38.245)


def instant(clock: str, day: str = DAY) -> pd.Timestamp:
    return pd.Timestamp(f"{day} {clock}", tz=ZONE)


def seconds(*clocks: str) -> np.ndarray:
    return np.array([(instant(clock) - instant("00:00")).total_seconds() for clock in clocks])


# ---- stays ----


def pings_of_a_stay(every_s: float, *, begin_s: float, stay_s: float, offset_s: float = 0.0) -> tuple:
    """Two hours of pings, and which of them fall into the stay `[begin, begin + stay)`."""
    at = offset_s + np.arange(0.0, 7200.0, every_s)
    return at, np.where((at >= begin_s) & (at < begin_s + stay_s), 0, -1)


def bounds_min(stays: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Seen, estimated and possible minutes of each stay."""
    pairs = (("first_s", "last_s"), ("entry_s", "exit_s"), ("earliest_s", "latest_s"))
    return [tuple(float(row[b] - row[a]) / 60 for a, b in pairs) for _, row in stays.iterrows()]


def test_fourteen_minutes_at_a_ping_a_minute():
    at, zone = pings_of_a_stay(60.0, begin_s=1830.0, stay_s=840.0)
    stays = find_stays(at, zone, max_gap_s=600.0)
    assert bounds_min(stays) == [(13.0, 14.0, 15.0)]
    assert not stays["coarse"].any() and not stays["gap"].any()


def test_five_minutes_between_pings_widen_the_interval_and_are_called_coarse():
    at, zone = pings_of_a_stay(300.0, begin_s=1830.0, stay_s=840.0)
    stays = find_stays(at, zone, max_gap_s=900.0)
    assert bounds_min(stays) == [(5.0, 10.0, 15.0)]
    assert stays["coarse"].tolist() == [True]


@given(st.floats(10, 590), st.floats(0, 500), st.floats(700, 1500), st.floats(650, 4000))
def test_the_interval_holds_the_true_length_whatever_the_pings(every_s, offset_s, begin_s, stay_s):
    at, zone = pings_of_a_stay(every_s, begin_s=begin_s, stay_s=stay_s, offset_s=offset_s)
    ((lower, estimate, upper),) = bounds_min(find_stays(at, zone, max_gap_s=600.0))
    assert lower <= stay_s / 60 <= upper
    assert abs(estimate - stay_s / 60) <= every_s / 60 + 1e-9


def test_a_gap_is_not_bridged():
    at = seconds("20:00", "20:01", "20:02", "20:40", "20:41", "20:42") - seconds("20:00")
    stays = find_stays(at, np.array([-1, 0, 0, 0, 0, -1]), max_gap_s=600.0)
    assert bounds_min(stays) == [(1.0, 1.5, 12.0), (1.0, 1.5, 12.0)]  # 10 minutes of the gap are possible, not 38
    assert stays["gap"].tolist() == [True, True]


def test_one_ping_alone_is_a_stay_of_unknown_length():
    stays = find_stays(np.array([0.0]), np.array([0]), max_gap_s=600.0)
    assert bounds_min(stays) == [(0.0, 0.0, 20.0)]
    assert stays["coarse"].all() and stays["gap"].all()


def test_within_the_buffer_a_ping_belongs_to_the_nearest_place():
    places = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 100, 100), shapely.box(180, 0, 280, 100)], crs=CRS)
    xy = np.array([[50.0, 50.0], [139.0, 50.0], [140.0, 50.0], [141.0, 50.0], [331.0, 50.0]])
    assert zones_of(xy, places, buffer_m=50.0).tolist() == [0, 0, 0, 1, -1]
    assert zones_of(np.empty((0, 2)), places, buffer_m=50.0).tolist() == []


# ---- planned and delivered ----


def night(*visits: tuple[str, str, str, str, str]) -> PlannedNight:
    """Visits are (id, team, hotspot, start, leave); hotspot H01 lies at x 0-100, H02 at x 1000-1100."""
    frame = pd.DataFrame(
        [(v, t, h, "patrol", instant(a), instant(b)) for v, t, h, a, b in visits],
        columns=["visit_id", "team_id", "hotspot_id", "activity", "start", "leave"],
    )
    boxes = [shapely.box(0, 0, 100, 100), shapely.box(1000, 0, 1100, 100)]
    places = gpd.GeoDataFrame({"hotspot_id": ["H01", "H02"]}, geometry=boxes, crs=CRS)
    return PlannedNight("n1", instant("19:00"), instant("23:00"), frame, places)


def track(team: str, *spans: tuple[str, str, float], every: str = "60s") -> pd.DataFrame:
    """Pings of a team that is at x during each half-open span."""
    parts = [pd.DataFrame({"time": pd.date_range(instant(a), instant(b), freq=every, inclusive="left"), "x": x})
             for a, b, x in spans]  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(team_id=team, y=50.0).sort_values("time", ignore_index=True)


def test_planned_against_delivered_minutes_per_team():
    plan = night(
        ("V1", "T01", "H01", "20:00", "20:14"), ("V2", "T01", "H02", "20:30", "20:40"),
        ("V3", "T02", "H02", "21:00", "21:12"), ("V4", "T03", "H01", "22:00", "22:10"),
    )  # fmt: skip
    pings = pd.concat([
        track("T01", ("19:50", "20:00", 500), ("20:00", "20:14", 50), ("20:14", "20:31", 500), ("20:31", "20:34", 1050),
              ("20:34", "20:50", 500)),
        track("T02", ("20:30", "20:40", 500), ("20:40", "20:50", 50), ("20:50", "21:00", 500)),
    ])  # fmt: skip
    found = team_dosage(measure_dosage([plan], pings), ["T01", "T02", "T03", "T04"]).set_index("team_id")
    columns = ["visits_planned", "visits_delivered", "planned_min", "delivered_min", "delivered_lower_min",
               "delivered_upper_min", "elsewhere_min"]  # fmt: skip
    assert found.loc["T01", columns].tolist() == [2, 1, 24.0, 17.0, 15.0, 19.0, 0.0]  # 14 of 14 and 3 of 10 minutes
    assert found.loc["T02", columns].tolist() == [1, 0, 12.0, 0.0, 0.0, 0.0, 10.0]  # at a hotspot that isn't its own
    assert found.loc["T03", columns[:3:2]].tolist() == [1, 10.0]
    assert found.loc["T03", columns[3:]].isna().all()  # no pings: unknown, not absent
    assert found.loc["T04", ["visits_planned", "planned_min"]].tolist() == [0, 0.0]
    assert found.loc[["T01", "T02"], "ping_interval_s"].tolist() == [60.0, 60.0]
    assert found["gaps"].tolist() == [0, 0, pd.NA, pd.NA]


def test_per_hotspot_the_minutes_of_others_are_kept_apart():
    plan = night(("V1", "T01", "H01", "20:00", "20:14"))
    pings = pd.concat([
        track("T01", ("19:50", "20:00", 500), ("20:00", "20:10", 50), ("20:10", "20:20", 500)),
        track("T02", ("20:00", "20:05", 500), ("20:05", "20:12", 50), ("20:12", "20:20", 1050), ("20:20", "20:25", 500)),
    ])  # fmt: skip
    found = hotspot_dosage(measure_dosage([plan], pings)).set_index("hotspot_id")
    assert found["delivered_min"].tolist()[0] == 10.0
    assert found["unplanned_min"].tolist() == [7.0, 8.0]
    assert found["teams"].tolist() == ["T01", ""]


def test_a_stay_through_two_visits_is_cut_half_way_between_them():
    plan = night(("V1", "T01", "H01", "20:00", "20:10"), ("V2", "T01", "H01", "20:40", "20:50"))
    found = measure_dosage(
        [plan], track("T01", ("19:50", "20:00", 500), ("20:00", "20:50", 50), ("20:50", "21:00", 500))
    )
    assert found.stays["minutes"].tolist() == [25.5, 24.5]  # the middles are 20:05 and 20:45; in from 19:59:30
    assert found.visits["delivered"].tolist() == [1, 1]


def test_a_visit_counts_at_any_time_of_the_night_but_is_then_not_on_time():
    plan = night(("V1", "T01", "H01", "20:00", "20:10"))
    found = measure_dosage(
        [plan], track("T01", ("21:50", "22:00", 500), ("22:00", "22:05", 50), ("22:05", "22:20", 500))
    )
    assert found.visits[["delivered", "on_time"]].iloc[0].tolist() == [1, 0]  # half of the planned minutes suffice
    assert found.visits["untracked_min"].tolist() == [10.0]  # and nothing is known of the planned time


def test_the_gap_limit_follows_the_usual_interval_and_gaps_are_counted():
    plan = night(("V1", "T01", "H01", "20:00", "20:10"))
    sparse = measure_dosage([plan], track("T01", ("19:00", "22:00", 500), every="300s")).tracks.iloc[0]
    assert (sparse["interval_s"], sparse["gaps"]) == (300.0, 0)
    torn = measure_dosage([plan], track("T01", ("19:00", "19:30", 500), ("20:05", "20:30", 500))).tracks.iloc[0]
    assert (torn["gaps"], torn["gap_min"], torn["tracked_min"]) == (1, 36.0, 53.0)


# ---- tracks ----


def tracks_file(folder, *rows: str):
    path = folder / "tracks.csv"
    path.write_text("\n".join(["team_id,time,lon,lat", *rows, ""]), encoding="utf-8")
    return path


def read(path, **options):
    return read_pings(path, teams=["T01", "T02"], timezone=ZONE, crs=CRS, **options)


GOOD = [f"T01,2024-11-29 20:{i:02d},109.721,38.245" for i in range(60)]


def test_single_bad_rows_of_tracks_are_set_aside_and_counted(tmp_path):
    bad = ["T01,2024-11-29 20:00,109.721,38.245", "T09,2024-11-29 20:00,109.721,38.245", "T02,2024-11-29 20:00,,"]
    pings = read(tracks_file(tmp_path, *reversed(GOOD), *bad), max_rejected_share=0.02)
    assert str(pings.counts) == "63 rows read = 60 used + 1 rejected + 1 duplicate + 1 unlocated + 0 outside"
    assert pings.set_aside[["row", "state", "reason"]].to_numpy().tolist() == [
        [62, "duplicate", "says again what an earlier row says"],
        [63, "rejected", "unknown team"],
        [64, "unlocated", "no coordinates"],
    ]
    assert pings.frame["time"].is_monotonic_increasing


def test_too_many_bad_rows_reject_the_tracks_with_all_faults_at_once(tmp_path):
    rows = ["T9,2024-11-29 20:00,109.7,38.2", "T01,2024-02-30 20:00,109.7,38.2", "T01,,109.7,38.2",
            "T01,2024-11-29 20:01,east,38.2", "T01,2024-11-29 20:02,0,0", "T01,2024-11-29 20:03,109.7,98",
            "T02,2024-11-29 20:00,109.7,38.2", "T02,2024-11-29 20:00,109.8,38.2"]  # fmt: skip
    with pytest.raises(InputError) as error:
        read(tracks_file(tmp_path, *rows))
    told = [(fault.row, fault.field, fault.reason) for fault in error.value.faults]
    assert told == [
        (2, "team_id", "unknown team"), (3, "time", "not a time"), (4, "time", "missing"),
        (5, "lon", "not a coordinate in degrees"), (6, "lon", "0, 0: a receiver without a fix"),
        (7, "lat", "not a coordinate in degrees"),
        (9, "time", "the team is at another place at the same time in an earlier row"),
    ]  # fmt: skip


def test_tracks_of_phones_in_china_are_read_in_their_datum(tmp_path):
    lon, lat = (float(part[0]) for part in to_datum(np.array([109.721]), np.array([38.245]), "gcj02"))
    plain = read(tracks_file(tmp_path, "T01,2024-11-29 20:00,109.721,38.245")).frame
    moved = read(tracks_file(tmp_path, f"T01,2024-11-29 20:00,{lon},{lat}"), datum="gcj02").frame
    assert np.hypot(plain["x"] - moved["x"], plain["y"] - moved["y"]).max() < 0.01


@settings(max_examples=20, deadline=None)
@given(st.permutations(GOOD[:12]))
def test_the_order_of_the_rows_does_not_matter(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("order")
    assert read(tracks_file(folder, *rows)).frame.equals(read(tracks_file(folder, *GOOD[:12])).frame)


# ---- outcomes and their ledger ----

OUTCOMES = ["2024-11-29,T01,hazard_removed,300+", "2024-11-29,T02,hazard_removed,12", "2024-11-29,T02,clue,4"]


def outcomes_file(folder, *rows: str, name: str = "outcomes.csv"):
    path = folder / name
    path.write_text("\n".join(["date,team_id,kind,count", *rows, ""]), encoding="utf-8")
    return path


def imported(ledger_path, path) -> int:
    before = read_ledger(ledger_path)
    return append_new(ledger_path, before, with_outcomes(before, read_outcomes(path, teams=["T01", "T02"])))


def test_counts_with_a_plus_stay_lower_bounds():
    assert str(total([Count.read("300+"), Count.read("12")])) == "312+"
    assert str(total([Count.read("12"), Count.read("4")])) == "16"


@given(st.lists(st.tuples(st.integers(0, 999), st.booleans()), max_size=8))
def test_a_sum_is_a_lower_bound_as_soon_as_one_part_is(parts):
    found = total(Count(number, more) for number, more in parts)
    assert found == Count(sum(number for number, _ in parts), any(more for _, more in parts))
    assert Count.read(str(found)) == found


def test_importing_a_day_twice_adds_nothing(tmp_path):
    ledger, path = tmp_path / "ledger.jsonl", outcomes_file(tmp_path, *OUTCOMES)
    assert imported(ledger, path) == 3
    content = ledger.read_bytes()
    assert imported(ledger, path) == 0
    assert imported(ledger, outcomes_file(tmp_path, *reversed(OUTCOMES), name="again.csv")) == 0
    assert ledger.read_bytes() == content


def test_another_count_for_the_same_day_corrects_and_both_stay(tmp_path):
    ledger, path = tmp_path / "ledger.jsonl", outcomes_file(tmp_path, *OUTCOMES)
    imported(ledger, path)
    assert imported(ledger, outcomes_file(tmp_path, "2024-11-29,T02,clue,5", name="late.csv")) == 1
    key = ("2024-11-29", "T02", "clue")
    known = read_ledger(ledger)
    assert [(each.entry, each.count, each.corrects) for each in known.history(key)] == [(3, "4", None), (4, "5", 3)]
    assert str(known.latest()[key].outcome.count) == "5"
    assert imported(ledger, path) == 0  # the first file again doesn't undo the correction


def test_every_fault_of_an_outcomes_file_is_told_at_once(tmp_path):
    rows = ["2024-13-29,T01,clue,1", "2024-11-29,T7,clue,1", "2024-11-29,T01,arrest,1", "2024-11-29,T01,clue,some",
            "2024-11-29,T02,clue,3", "2024-11-29,T02,clue,3", "2024-11-29,T02,clue,4"]  # fmt: skip
    with pytest.raises(InputError) as error:
        read_outcomes(outcomes_file(tmp_path, *rows), teams=["T01", "T02"])
    assert [(fault.row, fault.field, fault.value) for fault in error.value.faults] == [
        (2, "date", "2024-13-29"), (3, "team_id", "T7"), (4, "kind", "arrest"), (5, "count", "some"), (8, "count", "4"),
    ]  # fmt: skip


def broken(folder, spoil) -> str:
    """What is told of a ledger of three entries after `spoil` changed its lines."""
    ledger = folder / "ledger.jsonl"
    imported(ledger, outcomes_file(folder, *OUTCOMES))
    lines = ledger.read_text(encoding="utf-8").splitlines(keepends=True)
    ledger.write_text("".join(spoil(lines)), encoding="utf-8")
    (problem,) = ledger_problems(ledger)
    with pytest.raises(InputError, match="; fix: "):
        read_ledger(ledger)
    return problem


def test_the_first_broken_entry_is_named(tmp_path):
    spoilt = {
        "entry 2 (2024-11-29 T02 hazard_removed): was changed": lambda a: [a[0], a[1].replace('"12"', '"120"'), a[2]],
        "entry 1 (2024-11-29 T01 hazard_removed): was changed": lambda a: [a[0].replace("300+", "300"), *a[1:]],
        "entry 2 (2024-11-29 T02 clue): doesn't follow": lambda a: [a[0], a[2]],
        "entry 1 (2024-11-29 T02 hazard_removed): doesn't follow": lambda a: [a[1], a[0], a[2]],
        "entry 4 (2024-11-29 T02 clue): doesn't follow": lambda a: [*a, a[2]],
        "entry 2: isn't an entry": lambda a: [a[0], "{}\n", a[2]],
        "entry 3: isn't an entry": lambda a: [*a[:2], a[2].replace('"clue"', '"clues"')],
    }
    for number, (told, spoil) in enumerate(spoilt.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert told in broken(folder, spoil)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_no_changed_letter_of_a_ledger_goes_unseen(tmp_path_factory, place):
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    imported(ledger, outcomes_file(ledger.parent, *OUTCOMES))
    raw = bytearray(ledger.read_bytes())
    raw[place % len(raw)] ^= 1
    ledger.write_bytes(raw)
    assert ledger_problems(ledger)


def test_a_line_torn_by_a_crash_is_told_with_its_fix_and_the_fix_works(tmp_path):
    ledger, path = tmp_path / "ledger.jsonl", outcomes_file(tmp_path, *OUTCOMES)
    imported(ledger, path)
    whole = ledger.read_bytes()
    ledger.write_bytes(whole[:-20])
    size = len(b"".join(whole.splitlines(keepends=True)[:2]))
    assert ledger_problems(ledger) == [
        f"ledger.jsonl: the last line, entry 3, is torn: a write was cut off; fix: cut the file to its first {size} bytes "
        "and import that day again"
    ]
    with pytest.raises(InputError, match="torn"):
        imported(ledger, path)
    ledger.write_bytes(whole[:size])
    assert imported(ledger, path) == 1
    assert ledger.read_bytes() == whole


def test_an_import_that_another_one_overtook_writes_nothing(tmp_path):
    ledger, path = tmp_path / "ledger.jsonl", outcomes_file(tmp_path, *OUTCOMES)
    told = read_outcomes(path, teams=["T01", "T02"])
    imported(ledger, path)
    content = ledger.read_bytes()
    with pytest.raises(OutputError, match="changed meanwhile"):
        append_new(ledger, Ledger(), with_outcomes(Ledger(), told))
    assert ledger.read_bytes() == content


# ---- before and after ----

MONDAY = instant("00:00", "2024-11-04")
FOUR_WEEKS = Periods(MONDAY - pd.Timedelta(days=28), MONDAY, MONDAY + pd.Timedelta(days=28))


def counts_at(*cells: tuple[int, int, int]) -> pd.DataFrame:
    """Incidents in a row of cells of 100 m: (cell, before, after)."""
    rows = [(MONDAY + pd.Timedelta(days=side), 100.0 * cell + 50, 50.0)
            for cell, before, after in cells for side, n in ((-1, before), (1, after)) for _ in range(n)]  # fmt: skip
    return pd.DataFrame(rows, columns=["time", "x", "y"])


def compared(*cells: tuple[int, int, int], ring_m: float = 100.0, others: shapely.Geometry | None = None):
    """Cell 0 of thirty in a row is treated."""
    row = grid_over(shapely.box(0, 0, 3000, 100), cell_m=100, crs=CRS)
    return compare_before_after(
        counts_at(*cells), row, shapely.box(0, 0, 100, 100), periods=FOUR_WEEKS, ring_m=ring_m,
        others=others if others is not None else shapely.Polygon(),
    )  # fmt: skip


def test_control_is_the_cell_beyond_both_rings_whose_count_before_is_nearest():
    found = compared((0, 100, 40), (1, 5, 9), (3, 100, 1), (10, 90, 95), (11, 7, 6), (20, 60, 1))
    cells = found.cells.set_index("cell_id")["part"]
    assert cells[cells == "control"].index.tolist() == ["c00010r00000"]
    assert found.counts == {
        "treated": (100, 40), "control": (90, 95), "displacement": (5 + 0, 9 + 0), "displacement_control": (7, 6),
    }  # fmt: skip
    assert found.test.estimate == (40 - 100) - (95 - 90) + (9 - 5) - (6 - 7) == -60.0


def test_what_happens_after_does_not_choose_the_control():
    one = compared((0, 100, 40), (10, 90, 95), (20, 60, 60))
    other = compared((0, 100, 40), (10, 90, 0), (20, 60, 500))
    assert one.cells["part"].tolist() == other.cells["part"].tolist()


def test_other_hotspots_are_no_control_and_without_any_left_there_is_no_comparison():
    found = compared((0, 100, 40), (10, 90, 95), (20, 60, 60), others=shapely.box(1000, 0, 1100, 100))
    assert found.counts["control"] == (60, 60)
    assert compared((0, 9, 9), others=shapely.box(200, 0, 3000, 100)) is None


def test_no_wording_says_more_than_the_interval():
    told = {
        change_told(WddResult(-10, 5, -2, 0.05, -20.0, 0.0)): "no change that can be told from chance",
        change_told(WddResult(-10, 2, -5, 0.0, -14.0, -6.0)): "fewer than control would have it",
        change_told(WddResult(10, 2, 5, 0.0, 6.0, 14.0)): "more than control would have it",
    }
    for sentence, expected in told.items():
        assert expected in sentence
        assert ("an association only" in sentence) == ("chance" not in sentence)
        for language in (sentence, in_language(sentence, "zh")):
            assert not any(word in language for word in ("reduc", "effect", "prevent", "下降", "减少", "效果"))


def test_control_that_is_not_alike_and_broken_weeks_are_told():
    (_, alike) = compared((0, 100, 90), (10, 50, 50)).notices()
    assert alike == "no control cells are like the treated ones: 50 incidents before, the treated have 100"
    days = Periods(MONDAY - pd.Timedelta(days=3), MONDAY, MONDAY + pd.Timedelta(days=3))
    assert "aren't whole weeks" in days.notices()[0]
    assert FOUR_WEEKS.notices() == []


def test_periods_have_one_length():
    day = pd.Timedelta(days=1)
    assert periods_of(MONDAY, before=None, after=None, last=MONDAY + 7 * day).before == MONDAY - 7 * day
    assert periods_of(MONDAY, before=MONDAY - 3 * day, after=None, last=MONDAY).after == MONDAY + 3 * day
    with pytest.raises(ConfigError, match="28 days before, 21 after"):
        periods_of(MONDAY, before=MONDAY - 28 * day, after=MONDAY + 21 * day, last=MONDAY)
    with pytest.raises(ConfigError, match="in this order"):
        periods_of(MONDAY, before=MONDAY + day, after=None, last=MONDAY)


# ---- trials ----


def evenings(n: int) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    days = pd.date_range(instant("18:00"), periods=n, freq="D")
    return [(day, day + pd.Timedelta(hours=5)) for day in days]


@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 10**6))
def test_each_hotspot_has_as_many_treated_as_control_days(places, pairs, seed):
    ids = [f"H{n:02d}" for n in range(1, places + 1)]
    drawn = draw_trial(ids, evenings(2 * pairs), seed=seed)
    assert (drawn.groupby(["hotspot_id", "arm"]).size() == pairs).all()
    assert drawn.equals(draw_trial(ids, evenings(2 * pairs), seed=seed))


def test_trials_that_cannot_be_drawn_are_refused():
    with pytest.raises(ConfigError, match="3 days can't be halved"):
        draw_trial(["H01"], evenings(3), seed=0)
    with pytest.raises(ConfigError, match="no hotspot"):
        draw_trial([], evenings(2), seed=0)
    with pytest.raises(ConfigError, match="reach into the next"):
        draw_trial(["H01"], [(a, b + pd.Timedelta(days=1)) for a, b in evenings(2)], seed=0)


def test_incidents_count_in_the_place_and_the_half_open_evening():
    trial = draw_trial(["H01"], evenings(2), seed=0)
    places = gpd.GeoDataFrame({"hotspot_id": ["H01"]}, geometry=[shapely.box(0, 0, 100, 100)], crs=CRS)
    start, end = trial["start"][0], trial["end"][0]
    told = pd.DataFrame({"time": [start, end, start, end + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)],
                         "x": [50.0, 50.0, 500.0, 50.0], "y": 50.0})  # fmt: skip
    assert count_place_days(trial, places, told).tolist() == [1, 1]


def test_a_randomisation_test_whose_lots_can_be_counted():
    found = evaluate_trial([0, 0, 0, 0, 4, 5, 4, 5], [True] * 4 + [False] * 4, ["H01"] * 8, seed=1)
    assert (found.treated_rate, found.control_rate, found.difference) == (0.0, 4.5, -4.5)
    assert found.p_value == pytest.approx(2 / 70, abs=0.007)  # of 70 lots this one and its mirror are as far from 0
    assert found.lower < -4.5 < found.upper < 0
    assert "fewer incidents on treated place-days" in found.notices()[0]


def test_two_place_days_can_tell_nothing():
    found = evaluate_trial([0, 9], [True, False], ["H01"] * 2, seed=1)
    assert (found.p_value, found.lower, found.upper) == (1.0, -np.inf, np.inf)
    assert "no difference that can be told from chance" in found.notices()[0]


def test_places_that_differ_do_not_pass_for_a_difference_of_arms():
    counts = np.array([100, 101, 99, 100] * 2 + [0, 1, 0, 1] * 2)
    found = evaluate_trial(counts, [True, False] * 8, ["H01"] * 8 + ["H02"] * 8, seed=1)
    assert abs(found.difference) < 2 and found.upper - found.lower < 6  # across places it would be about 150


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    place, treated = np.repeat(["H01", "H02", "H03"], 12), np.tile([True, False], 18)
    held = []
    for seed in range(60):
        found = evaluate_trial(rng.poisson(np.where(treated, 2.0, 3.0)), treated, place, seed=seed)
        held.append(found.lower <= -1.0 <= found.upper)
    assert 53 <= sum(held) <= 60  # 57 of 60 are expected


# ---- the command ----

HISTORY = [
    *(f"B{n},2024-11-{n % 20 + 1:02d} 20:00,109.7212,38.245,theft,report" for n in range(40)),
    *(f"C{n},2024-11-{n % 20 + 1:02d} 20:00,109.7385,38.245,theft,report" for n in range(38)),
    *(f"A{n},2024-11-29 20:00,109.7{212 if n % 2 else 385},38.245,theft,report" for n in range(10)),
    "P1,2024-11-29 20:00,109.7212,38.245,theft,patrol",
    "L1,2024-12-03 20:00,109.7300,38.245,theft,report",
]


def finished_plan(config, name: str = "night", day: str = DAY):
    """A run folder of `patrol plan`, as far as an assessment reads it."""
    folder = config.parent / name
    folder.mkdir()
    row = f"V001,{TEAM},1,H01,patrol,{INSIDE[0]},{INSIDE[1]},{day}T20:00:00+08:00,{day}T20:14:00+08:00"
    (folder / "visits.csv").write_text(f"visit_id,team_id,sequence,hotspot_id,activity,lon,lat,start,leave\n{row}\n")
    spot = gpd.GeoDataFrame({"hotspot_id": ["H01"]}, geometry=[shapely.box(WEST, SOUTH, EAST, NORTH)], crs="EPSG:4326")
    spot.to_file(folder / "hotspots.geojson", driver="GeoJSON")
    window = {"start": f"{day}T19:00:00+08:00", "end": f"{day}T23:00:00+08:00"}
    write_manifest(
        folder, {"status": "complete", "config": read_config(config).echo(), "window": window, "run_id": "x"}
    )
    return folder


@pytest.fixture
def district(tmp_path):
    config = small_district(tmp_path / "district")
    incidents(config, HISTORY)
    rows = [(minute, INSIDE if 60 <= minute < 74 else OUTSIDE) for minute in range(50, 90)]
    text = [f"{TEAM},{DAY} {19 + m // 60}:{m % 60:02d},{lon},{lat}" for m, (lon, lat) in rows]
    (config.parent / "tracks.csv").write_text("\n".join(["team_id,time,lon,lat", *text, ""]))
    told = [row.replace("T01", TEAM).replace("T02", TEAM) for row in (OUTCOMES[0], OUTCOMES[2])]
    outcomes_file(config.parent, *told, f"2024-10-01,{TEAM},clue,9")
    return config


def assess(config, out, *words):
    reports = ("--tracks", config.parent / "tracks.csv", "--outcomes", config.parent / "outcomes.csv")
    return patrol("assess", config, "--out", out, *(words or ("--runs", finished_plan(config), *reports)))


def csv(path) -> list[dict]:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig").to_dict("records")


def test_one_night_assessed_from_the_command(district, tmp_path):
    out = tmp_path / "out"
    said = assess(district, out)
    assert said.code == 0, said.err
    (team,) = csv(out / "assessment.csv")
    assert {name: team[name] for name in ("planned_min", "delivered_min", "delivered_lower_min", "delivered_upper_min",
            "visits_delivered", "headcount", "participations", "hours", "hazard_removed", "clue")} == {
        "planned_min": "14.0", "delivered_min": "14.0", "delivered_lower_min": "13.0", "delivered_upper_min": "15.0",
        "visits_delivered": "1", "headcount": "6", "participations": "6", "hours": "0.6", "hazard_removed": "300+",
        "clue": "4",
    }  # fmt: skip
    (stay,) = csv(out / "stays.csv")
    assert (stay["visit_id"], stay["entry"]) == ("V001", f"{DAY}T19:59:30+08:00")
    assert [row["count"] for row in csv(out / "outcomes.csv")] == ["4", "300+"]
    assert "ledger: 3 entries added, 0 of them corrections" in said.out
    assert "outcomes of other dates in the ledger, not in these sums: 1" in said.out
    assert patrol("verify", out).code == 0
    assert patrol("verify", district.parent / "ledger.jsonl").code == 0


def test_the_manifest_keeps_its_promises(district, tmp_path):
    assert assess(district, tmp_path / "out").code == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["status"], manifest["command"], manifest["plan"]) == ("complete", "assess", None)
    for entry in [each for each in manifest["inputs"] if "rows_read" in each]:
        rest = ("used", "rejected", "duplicate", "unlocated", "outside")
        assert entry["rows_read"] == sum(entry[f"rows_{name}"] for name in rest)
    assert {entry["path"] for entry in manifest["inputs"]} > {
        "tracks.csv",
        "outcomes.csv",
        "ledger.jsonl",
        "night/manifest.json",
    }
    ledger = read_ledger(district.parent / "ledger.jsonl")
    assert manifest["assessment"]["ledger"] == {"entries": 3, "head": ledger.head, "added": 3, "corrections": 0}
    totals = manifest["assessment"]["totals"]
    assert (totals["headcount"], totals["participations"], totals["hazard_removed"]) == (6, 6, "300+")


def test_the_same_assessment_twice_gives_the_same_bytes_and_adds_nothing(district, tmp_path):
    assert assess(district, tmp_path / "a").code == 0
    again = assess(district, tmp_path / "b", "--runs", district.parent / "night", "--tracks",
                   district.parent / "tracks.csv", "--outcomes", district.parent / "outcomes.csv")  # fmt: skip
    assert "ledger: 0 entries added" in again.out
    files = [json.loads((tmp_path / name / "manifest.json").read_text(encoding="utf-8"))["files"] for name in "ab"]
    assert files[0] == files[1]


def test_before_and_after_are_whole_days_and_patrols_own_finds_do_not_count(district, tmp_path):
    out = tmp_path / "out"
    finished_plan(district)
    said = assess(district, out, "--runs", district.parent / "night", "--before", "2024-11-01", "--intervention",
                  "2024-11-15", "--after", "2024-11-29")  # fmt: skip
    assert said.code == 0, said.err
    parts = {row["part"]: (row["before"], row["after"]) for row in csv(out / "before_after.csv")}
    assert parts["treated"] == ("28", "12")  # 40 over 20 days, of which 14 and 6 lie in the periods
    assert parts["control"] == ("28", "10")
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert told["assessment"]["before_after"]["estimate"] == (12 - 28) - (10 - 28)
    assert "no change that can be told from chance: 2.0 incidents against control" in said.out


def test_incidents_that_end_too_early_leave_out_the_comparison_or_are_refused_when_it_was_asked_for(district, tmp_path):
    incidents(district, HISTORY[:40])
    said = assess(district, tmp_path / "a")
    assert said.code == 0
    assert "no comparison before and after: the incidents end at 2024-11-20T20:00:00+08:00" in said.out
    asked = assess(district, tmp_path / "b", "--runs", district.parent / "night", "--after", "2024-12-05")
    assert asked.code == 3 and "incidents end at" in asked.err


def test_faults_of_tracks_and_outcomes_come_together_and_the_ledger_stays_as_it_was(district, tmp_path):
    (district.parent / "tracks.csv").write_text("team_id,time,lon,lat\nT7,2024-11-29 20:00,109.7,38.2\n")
    outcomes_file(district.parent, f"2024-11-29,{TEAM},clue,many")
    said = assess(district, tmp_path / "out")
    assert said.code == 3
    assert "row 2, field team_id: value 'T7': unknown team; fix: " in said.err
    assert "row 2, field count: value 'many': not a whole number; fix: " in said.err
    assert not (tmp_path / "out").exists() and not (district.parent / "ledger.jsonl").exists()


def test_runs_that_cannot_be_assessed_are_refused_by_name(district, tmp_path):
    night, out = finished_plan(district), tmp_path / "out"
    same_night = finished_plan(district, "replanned")
    (night / "visits.csv").write_text("changed")
    spoilt = assess(district, out, "--runs", night, same_night)
    assert spoilt.code == 3 and "visits.csv: changed since the run was made" in spoilt.err
    shutil.rmtree(night)
    overlap = assess(district, out, "--runs", finished_plan(district), same_night)
    assert overlap.code == 2 and "their shifts overlap" in overlap.err
    twice = assess(district, out, "--runs", same_night, same_night)
    assert twice.code == 2 and "given twice" in twice.err
    change(district, 'name = "Example district"', 'name = "Another"')
    other = assess(district, out, "--runs", same_night)
    assert other.code == 3 and "field name: value 'Example district': a run of another district" in other.err
    assert assess(district, out, "--tracks", "x.csv").code == 2


def test_several_runs_may_follow_one_option(district, tmp_path):
    nights = [finished_plan(district, name, day) for name, day in (("b", "2024-11-30"), ("a", DAY))]
    assert assess(district, tmp_path / "out", "--runs", *nights).code == 0
    assert [row["run"] for row in csv(tmp_path / "out" / "delivered.csv")] == ["a", "b"]


def test_verify_names_the_first_broken_entry_of_a_ledger(district, tmp_path):
    assess(district, tmp_path / "out")
    ledger = district.parent / "ledger.jsonl"
    ledger.write_text(ledger.read_text(encoding="utf-8").replace('"4"', '"40"'), encoding="utf-8")
    said = patrol("verify", ledger)
    assert said.code == 3
    assert f"ledger.jsonl: entry 2 (2024-11-29 {TEAM} clue): was changed after it was written; fix: " in said.err
    assert patrol("verify", district.parent / "none.jsonl").code == 3
    assert assess(district, tmp_path / "b", "--runs", district.parent / "night").code == 3


def test_sheets_are_escaped_load_nothing_and_claim_nothing(tmp_path):
    config = small_district(tmp_path / "district", language="zh")
    incidents(config, HISTORY)
    teams = config.parent / "teams.csv"
    teams.write_text(teams.read_text(encoding="utf-8").replace("示例义警队", "<b>队</b>"), encoding="utf-8")
    night = finished_plan(config)
    assert patrol("assess", config, "--runs", night, "--out", tmp_path / "out").code == 0
    page = (tmp_path / "out" / "assessment" / f"{TEAM}.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;队&lt;/b&gt;" in page and "<b>" not in page
    assert "没有轨迹：实际情况未知。" in page and "不说明其效果" in page
    index = (tmp_path / "out" / "assessment" / "index.html").read_text(encoding="utf-8")
    assert f'href="./{TEAM}.html"' in index and "计划：1 项巡防任务" in index
    assert not any(mark in page + index for mark in ("http://", "https://", "src=", "nan", "None"))


def test_a_trial_is_fixed_beforehand_and_evaluated_by_that_lot_alone(district, tmp_path):
    out = tmp_path / "trial"
    drawn = patrol(
        "assess", district, "--plan-trial", "--from", "2024-11-15", "--to", "2024-11-18", "--seed", 7, "--out", out
    )
    assert drawn.code == 0, drawn.err
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["trial"]
    assert told["treated"] == told["control"] == 2 * told["hotspots"] and told["seed"] == 7
    rows = csv(out / "trial.csv")
    assert rows[0]["start"] == "2024-11-15T19:00:00+08:00" and rows[0]["end"] == "2024-11-15T23:00:00+08:00"
    done = patrol("assess", district, "--trial", out, "--out", tmp_path / "result")
    assert done.code == 0, done.err
    assert "no difference that can be told from chance" in done.out
    counted = csv(tmp_path / "result" / "place_days.csv")
    assert [row["arm"] for row in counted] == [row["arm"] for row in rows]
    assert sum(int(row["incidents"]) for row in counted) > 0 and verify(tmp_path / "result") == []


def test_a_changed_trial_is_refused_also_where_its_manifest_was_sealed_again(district, tmp_path):
    out = tmp_path / "trial"
    patrol("assess", district, "--plan-trial", "--from", "2024-11-15", "--to", "2024-11-16", "--out", out)
    trial = out / "trial.csv"
    trial.write_text(trial.read_text(encoding="utf-8-sig").replace(",treated", ",x").replace(",control", ",treated"))
    said = patrol("assess", district, "--trial", out, "--out", tmp_path / "result")
    assert said.code == 3 and "trial.csv: changed since the run was made" in said.err
    told = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    write_manifest(out, {key: value for key, value in told.items() if key not in ("schema", "files")})
    said = patrol("assess", district, "--trial", out, "--out", tmp_path / "result")
    assert said.code == 3 and "isn't the assignment that was drawn" in said.err


def test_a_trial_that_is_not_over_is_not_evaluated(district, tmp_path):
    out = tmp_path / "trial"
    patrol("assess", district, "--plan-trial", "--from", "2024-12-02", "--to", "2024-12-05", "--out", out)
    said = patrol("assess", district, "--trial", out, "--out", tmp_path / "result")
    assert said.code == 3 and "the incidents end at 2024-12-03T20:00:00+08:00" in said.err
    for words in (
        (),
        ("--plan-trial",),
        ("--plan-trial", "--trial", out),
        ("--plan-trial", "--from", "2024-12-02T08:00", "--to", "x"),
    ):
        assert patrol("assess", district, "--out", tmp_path / "other", *words).code == 2
