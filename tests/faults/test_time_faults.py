"""Faults of times, each by its id: no hour is guessed, moved or invented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from commands import patrol
from small_district import HEADER, change, good_rows, incidents, small_district

from hotspot.calendars import read_calendar
from hotspot.errors import ConfigError, InputError
from hotspot.incidents import RowCounts, read_incidents
from hotspot.statistics.aoristic_weights import aoristic
from hotspot.times import recent_shortfall


@pytest.fixture
def export(tmp_path):
    def write(times, name="i.csv", header=HEADER, more=""):
        rows = [
            f"T{name}{i:06d},{time},109.{721000 + i % 9000},38.245,theft,report{more}" for i, time in enumerate(times)
        ]
        path = tmp_path / name
        path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
        return path

    return write


def read(path, **more):
    return read_incidents(path, **{"timezone": "Asia/Shanghai", "crs": "EPSG:32649", "max_rejected_share": 1.0} | more)


def clock(found):
    return found.frame["time"].dt.strftime("%Y-%m-%d %H:%M:%S").tolist()


@pytest.mark.fault("TIM-03")
def test_24_oclock_is_the_next_midnight_and_impossible_times_are_rejected_by_row(export):
    found = read(export(["2026-03-15 24:00:00", "2026-02-30 10:00:00", "2026-03-15 25:00:00", "2026-03-15 21:05"]))
    assert clock(found) == ["2026-03-15 21:05:00", "2026-03-16 00:00:00"]
    assert found.rejects["row"].tolist() == [3, 4]
    assert set(found.rejects["reason"]) == {"no such date or time of day"}


@pytest.mark.fault("TIM-04")
def test_intervals_are_checked_spread_and_kept_out_when_they_say_nothing(export):
    header = "id,time,time_end,lon,lat,category,source"
    spans = [
        "2024-05-01 09:00,2024-05-01 13:00",
        "2024-05-02 10:00,2024-05-02 09:00",  # ends before it begins
        "2024-05-03 10:00,2024-07-03 10:00",  # two months
        "2024-05-04 10:00,",
        ",2024-05-05 10:00",
    ]
    found = read(export(spans, header=header))
    assert found.counts == RowCounts(read=5, used=3, rejected=2)
    assert found.rejects["reason"].tolist() == ["ends before it begins", "no time"]
    assert "1 incidents lasted over 30 days and say nothing about the time of day" in found.notices
    weights = aoristic(found.table["time"], found.table["time_end"], bins="hour_of_day")
    assert weights.left_out.tolist() == [False, True, False]
    assert np.bincount(weights.row, weights=weights.weight, minlength=3).tolist() == pytest.approx([1.0, 0.0, 1.0])
    assert weights.table()[9:13].tolist() == [0.25, 1.25, 0.25, 0.25]


@pytest.mark.fault("TIM-05")
def test_dates_alone_are_flagged_and_make_no_midnight_peak(export):
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    for form in ("%Y-%m-%d", "%Y-%m-%d 00:00:00"):
        found = read(export(days.strftime(form)))
        assert found.frame["date_only"].all()
        assert "200 incidents (100.0%) have a date but no time of day" in found.notices
        hours = aoristic(found.table["time"], date_only=found.table["date_only"], bins="hour_of_day").table()
        assert hours.tolist() == pytest.approx([200 / 24] * 24)


@pytest.mark.fault("TIM-06")
def test_utc_times_in_a_local_file_are_noticed_alone_and_beside_another_load(export):
    rng = np.random.default_rng(5)
    night_owls = np.concatenate([rng.integers(7, 24, 1900), rng.integers(0, 7, 100)])
    local = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, 2000) * 24 + night_owls, unit="h")
    utc = local - pd.Timedelta(hours=8)
    first = export(local.strftime("%Y-%m-%d %H:%M"), name="local.csv")
    second = export(utc.strftime("%Y-%m-%d %H:%M"), name="utc.csv")
    assert not any("really local" in notice for notice in read(first).notices)
    assert any("times in UTC would look so" in notice for notice in read(second).notices)
    assert any("its day runs -8 h beside that of" in notice for notice in read([first, second]).notices)


@pytest.mark.fault("TIM-08")
def test_times_outside_of_the_declared_window_are_rejected_by_row(tmp_path):
    config = small_district(tmp_path)
    rows = good_rows(10)
    for i, time in ((2, "2099-01-01 10:00"), (4, "1999-12-31 10:00"), (6, "0026-03-15 10:00")):
        rows[i] = rows[i].replace(rows[i].split(",")[1], time)
    path = incidents(config, rows)
    said = patrol("check", config)
    assert said.code == 3
    assert "row 4, field time: value '2099-01-01 10:00': in the future" in said.err
    assert (
        "row 6, field time: value '1999-12-31 10:00': not between 2000-01-01 and 2100-01-01 (2 rows like it)"
        in said.err
    )
    assert read(path, now=pd.Timestamp("2026-11-26", tz="Asia/Shanghai")).counts == RowCounts(10, used=7, rejected=3)
    change(config, 'datum = "wgs84"', 'datum = "wgs84"\nfirst_date = 2024-05-02')
    assert "not between 2024-05-02 and 2100-01-01" in patrol("check", config).err


@pytest.mark.fault("TIM-08")
def test_a_clock_that_lags_behind_the_whole_export_is_not_believed(export):
    path = export(["2024-05-01 10:00", "2024-05-02 10:00"])
    found = read(path, now=pd.Timestamp("1970-01-01", tz="Asia/Shanghai"))
    assert found.counts.used == 2
    assert any("later than this computer's clock" in notice for notice in found.notices)


@pytest.mark.fault("TIM-11")
def test_a_make_up_saturday_is_a_workday_and_an_unknown_year_is_refused(tmp_path):
    china = read_calendar("CN")
    assert china.day_kind(["2026-02-14", "2026-02-15", "2026-10-01"]).tolist() == ["workday", "holiday", "holiday"]
    with pytest.raises(ConfigError, match="2035"):
        china.day_kind(["2035-05-01"])
    given = tmp_path / "2035.csv"
    given.write_text("date,kind\n2035-05-01,holiday\n2035-05-05,workday\n")
    assert read_calendar("CN", given).day_kind(["2035-05-01", "2035-05-05"]).tolist() == ["holiday", "workday"]


@pytest.mark.fault("TIM-11")
def test_the_kind_of_day_is_told_and_a_plan_for_an_unknown_year_refused(tmp_path):
    config = small_district(tmp_path / "district")
    change(config, '# calendar = "CN"', 'calendar = "CN"')
    said = patrol("hotspots", config, "--as-of", "2026-02-14", "--horizon", "1D", "--out", tmp_path / "run")
    assert (said.code, "2026-02-14 is a workday" in said.out) == (0, True)
    said = patrol("hotspots", config, "--as-of", "2035-02-14", "--horizon", "1D", "--out", tmp_path / "later")
    assert said.code == 2
    assert "2035" in said.err
    assert not (tmp_path / "later").exists()


@pytest.mark.fault("TIM-12")
def test_late_arrivals_are_told_and_not_read_as_a_drop():
    days = pd.date_range("2024-03-01", periods=60 * 24, freq="h", tz="Asia/Shanghai")
    as_of = pd.Timestamp("2024-04-30", tz="Asia/Shanghai")
    assert recent_shortfall(days, as_of) == ""
    told = recent_shortfall(days[days < as_of - pd.Timedelta(days=2.5)], as_of)
    assert told == "the last 3 days have 12 incidents where 72 are usual: probably incomplete, not a drop"


def test_day_or_month_is_never_guessed_and_the_deciding_rows_are_quoted(export):
    path = export(["03/04/2026 10:00", "15/04/2026 10:00", "05/04/2026 11:00"])
    with pytest.raises(InputError, match="day or month first") as caught:
        read(path, strict=True)
    assert "row 3 '15/04/2026 10:00' has the day first" in str(caught.value)
    assert 'time_formats = ["%d/%m/%Y %H:%M"]' in str(caught.value)
    found = read(path, time_formats=["%d/%m/%Y %H:%M"], strict=True)
    assert clock(found) == ["2026-04-03 10:00:00", "2026-04-05 11:00:00", "2026-04-15 10:00:00"]


def test_chinese_times_serial_numbers_and_declared_mixtures_in_one_column(export):
    path = export(["2026年3月15日 21时05分", "46096.878472", "16.03.2026 9:30", "2026/3/17 下午9:05"])
    found = read(path, time_formats=["%d.%m.%Y %H:%M"], strict=True)
    assert clock(found) == [
        "2026-03-15 21:05:00", "2026-03-15 21:05:00", "2026-03-16 09:30:00", "2026-03-17 21:05:00",
    ]  # fmt: skip
    assert "1 times are spreadsheet serial numbers, read in the 1900 date system" in found.notices


def test_a_report_time_stands_in_for_an_unknown_one_and_hides_what_was_not_yet_known(export):
    header = "id,time,report_time,lon,lat,category,source"
    path = export(
        ["2024-05-01 10:00,2024-05-03 09:00", ",2024-05-01 12:00", "2024-05-02 10:00,2024-05-01 10:00"], header=header
    )
    found = read(path)
    assert found.counts == RowCounts(read=3, used=2, rejected=1)
    assert found.rejects["reason"].tolist() == ["reported before it happened"]
    assert clock(found) == ["2024-05-01 10:00:00", "2024-05-01 12:00:00"]
    assert len(found.before(pd.Timestamp("2024-05-02", tz="Asia/Shanghai"))) == 1
