"""Intervals spread over the hours in which an incident can have been; the figures can be counted on fingers."""

import numpy as np
import pandas as pd
import pytest

from hotspot.errors import ConfigError, InputError
from hotspot.statistics.aoristic_weights import aoristic
from hotspot.times import hour_of_week

ZONE, CITY = "Asia/Shanghai", "America/Vancouver"
MONDAY = pd.Timestamp("2026-03-16", tz=ZONE)


def at(*texts, zone=ZONE):
    return pd.DatetimeIndex(list(texts)).tz_localize(zone)


def spread(start, end=None, **options):
    """{bin: weight} of one interval."""
    found = aoristic(start, end, **options)
    return dict(zip(found.bin.tolist(), found.weight.tolist(), strict=True))


def test_nine_to_five_gives_an_eighth_to_each_hour():
    assert spread(at("2026-03-16 09:00"), at("2026-03-16 17:00")) == dict.fromkeys(range(9, 17), 1 / 8)


def test_parts_of_hours_weigh_by_their_length():
    assert spread(at("2026-03-16 09:45"), at("2026-03-16 11:15")) == pytest.approx({9: 1 / 6, 10: 4 / 6, 11: 1 / 6})


def test_an_interval_over_sunday_night_begins_the_week_again():
    assert spread(at("2026-03-22 23:00"), at("2026-03-23 01:00")) == {0: 0.5, 167: 0.5}


@pytest.mark.parametrize("end", [None, at("NaT"), at("2026-03-16 10:00")], ids=["no ends", "missing", "same"])
def test_an_instant_lies_in_its_hour(end):
    assert spread(at("2026-03-16 10:00"), end) == {10: 1.0}


def test_a_date_alone_is_its_day_and_makes_no_midnight_peak():
    assert spread(at("2026-03-17"), date_only=[True]) == pytest.approx({24 + hour: 1 / 24 for hour in range(24)})


def test_two_dates_are_all_of_both_days():
    found = spread(at("2026-03-16"), at("2026-03-17"), date_only=[True])
    assert found == pytest.approx(dict.fromkeys(range(48), 1 / 48))


@pytest.mark.parametrize(
    ("day", "hours", "once", "odd", "there"), [("2024-03-10", 23, 3, 2, 0), ("2024-11-03", 25, 2, 1, 2)]
)
def test_days_on_which_the_clocks_change_have_their_own_hours(day, hours, once, odd, there):
    sunday = 6 * 24
    found = aoristic(at(day, zone=CITY), date_only=[True]).table()
    assert found[sunday + once] == pytest.approx(1 / hours)
    assert found[sunday + odd] == pytest.approx(there / hours)
    assert found.sum() == pytest.approx(1.0)


def test_over_long_intervals_and_missing_starts_are_left_out_and_counted():
    start = at("2026-03-16", "2026-03-16", "NaT")
    end = start + pd.to_timedelta([30, 30.01, 1], unit="D")
    found = aoristic(start, end)
    assert found.left_out.tolist() == [False, True, True]
    assert found.table().sum() == pytest.approx(1.0)
    assert found.summary() == "1 incidents spread over hour of week, 2 left out"


def test_an_end_before_the_start_is_refused_by_row():
    start = at("2026-03-16 10:00", "2026-03-16 10:00")
    with pytest.raises(InputError, match=r"aoristic: row 1: .*: ends before it begins; fix"):
        aoristic(start, start - pd.to_timedelta([0, 1], unit="h"))


def test_nothing_is_known_beyond_until():
    noon = MONDAY + pd.Timedelta(hours=12)
    open_end = at("2026-03-16 10:00"), at("2099-12-31")
    assert spread(*open_end, until=noon) == {10: 0.5, 11: 0.5}
    assert spread(at("2026-03-16"), date_only=[True], until=noon) == pytest.approx(dict.fromkeys(range(12), 1 / 12))


def test_half_past_zones_keep_their_hours():
    assert spread(at("2026-03-16 09:00", zone="Asia/Kolkata"), at("2026-03-16 11:00", zone="Asia/Kolkata")) == {
        9: 0.5,
        10: 0.5,
    }


@pytest.mark.parametrize("zone", [ZONE, CITY, "Asia/Kolkata", "Australia/Lord_Howe"])
def test_the_kernel_agrees_with_counting_minutes(zone):
    rng = np.random.default_rng(4)
    start = pd.DatetimeIndex(
        pd.Timestamp("2024-03-01", tz=zone) + pd.to_timedelta(rng.integers(0, 60 * 24 * 60, 40), "min")
    )
    end = start + pd.to_timedelta(rng.integers(1, 9 * 24 * 60, 40), unit="min")
    found = aoristic(start, end)
    for row, (first, last) in enumerate(zip(start, end, strict=True)):
        minutes = pd.date_range(first, last, freq="min", inclusive="left")
        expected = np.bincount(hour_of_week(minutes), minlength=168) / len(minutes)
        mine = found.row == row
        assert np.bincount(found.bin[mine], weights=found.weight[mine], minlength=168) == pytest.approx(expected)


def test_hours_of_the_day_fold_the_week_and_each_pair_comes_once():
    found = aoristic(at("2026-03-16 22:00"), at("2026-03-18 22:00"), bins="hour_of_day")
    assert found.bin.tolist() == list(range(24))
    assert found.weight == pytest.approx(1 / 24)


def test_blocks_do_not_show(monkeypatch):
    start = MONDAY + pd.to_timedelta(np.arange(50) * 7.3, unit="h")
    end = start + pd.to_timedelta(np.arange(50) * 0.9, unit="h")
    whole = aoristic(start, end)
    monkeypatch.setattr("hotspot.statistics.aoristic_weights._MOST_PIECES", 60)
    parts = aoristic(start, end)
    for name in ("row", "bin", "weight"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


def test_no_rows_give_an_empty_result_of_the_same_shape():
    found = aoristic(at())
    assert len(found.row) == len(found.left_out) == 0
    assert found.table().tolist() == [0.0] * 168


def test_times_without_a_zone_and_unknown_bins_are_refused():
    with pytest.raises(ConfigError, match="without a zone"):
        aoristic(pd.DatetimeIndex(["2026-03-16"]))
    with pytest.raises(ConfigError, match="hour_of_week, hour_of_day"):
        aoristic(at("2026-03-16"), bins="minute")
