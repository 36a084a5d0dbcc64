"""Local times, with the two days a year that are not 24 hours long."""

import pandas as pd
import pytest

from hotspot import times
from hotspot.errors import ConfigError

CITY = "America/Vancouver"


def parsed(*texts, zone=CITY):
    found, reasons = times.parse_local(pd.Series(list(texts), dtype="str"), timezone=zone)
    return [("" if pd.isna(time) else time.isoformat()) for time in found], reasons.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-15 21:05:00", "2026-03-15 21:05", "2026-03-15T21:05", "2026/3/15 21:05", "2026年3月15日 21时05分",
        "2026年3月15日21:05", "2026-03-15T13:05:00Z", "2026-03-15T09:05:00-04:00", "2026-03-15 21:05:00.000000",
    ],
)  # fmt: skip
def test_one_instant_in_many_spellings(text):
    assert parsed(text, zone="Asia/Shanghai") == (["2026-03-15T21:05:00+08:00"], [""])


def test_spellings_may_be_mixed_in_one_column():
    found, _ = parsed("2026-03-15 21:05:00", "2026-03-15", "2026-03-15T00:00:00Z", zone="Asia/Shanghai")
    assert found == ["2026-03-15T21:05:00+08:00", "2026-03-15T00:00:00+08:00", "2026-03-15T08:00:00+08:00"]


def test_midnight_may_be_written_at_the_end_of_the_day():
    assert parsed("2026-02-28 24:00")[0] == ["2026-03-01T00:00:00-08:00"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30", times.NO_SUCH_TIME), ("2026-01-01 25:00", times.NO_SUCH_TIME),
        ("2026-01-01 24:01", times.NO_SUCH_TIME), ("2026-01-01 10:61", times.NO_SUCH_TIME),
        ("03/04/2026", times.NOT_A_TIME), ("yesterday", times.NOT_A_TIME), ("", times.MISSING),
        ("2024-03-10 02:30:00", times.IN_A_GAP), ("2024-03-10 02:30", times.IN_A_GAP),
    ],
)  # fmt: skip
def test_what_is_no_time_says_why(text, reason):
    assert parsed(text) == ([""], [reason])


def test_the_hour_that_comes_twice_means_the_first():
    assert parsed("2024-11-03 01:30:00")[0] == ["2024-11-03T01:30:00-07:00"]


def test_a_default_midnight_is_told_from_a_real_one():
    day = pd.Timestamp("2024-05-01", tz=CITY)
    busy = pd.DatetimeIndex([day + pd.Timedelta(hours=h) for h in range(24) for _ in range(30)])
    assert not times.stamped_midnight(busy).any()
    assert times.stamped_midnight(busy.append(pd.DatetimeIndex([day] * 100))).sum() == 130
    assert times.stamped_midnight(pd.DatetimeIndex([day] * 2)).all()
    assert not times.stamped_midnight(pd.DatetimeIndex([day])).any()


@pytest.mark.parametrize(("day", "hours"), [("2024-03-10", 23), ("2024-11-03", 25), ("2024-06-01", 24)])
def test_days_have_the_hours_they_have(day, hours):
    start = pd.Timestamp(day, tz=CITY)
    found = times.hours_between(start, start + pd.DateOffset(days=1), CITY)
    assert len(found) == hours
    assert found.is_monotonic_increasing


def test_only_whole_hours_count():
    start = pd.Timestamp("2024-06-01 10:30", tz=CITY)
    found = times.hours_between(start, start + pd.Timedelta(hours=2), CITY)
    assert [time.hour for time in found] == [11]


def test_the_week_begins_on_monday_local_time():
    sunday_utc = pd.DatetimeIndex(["2024-12-08 23:00"], tz="UTC")  # Monday 07:00 in Shanghai
    assert times.hour_of_week(sunday_utc.tz_convert("Asia/Shanghai")).tolist() == [7]
    assert times.hour_of_week(pd.DatetimeIndex([pd.NaT], tz="UTC")).tolist() == [-1]


@pytest.mark.parametrize("text", ["tomorrow", "2024-02-30", "2024-03-10T02:30", ""])
def test_an_instant_that_is_none_is_a_configuration_error(text):
    with pytest.raises(ConfigError, match="fix: write"):
        times.parse_instant(text, CITY)


@pytest.mark.parametrize("text", ["7", "0D", "-1h", "a week", "", "9e9D", "99999999999D"])
def test_a_length_that_is_none_is_a_configuration_error(text):
    with pytest.raises(ConfigError, match="fix: write 7D"):
        times.parse_duration(text)
