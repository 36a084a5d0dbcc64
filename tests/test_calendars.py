"""Holidays and adjusted workdays: official ones, those of a file, and none that would be guessed."""

import subprocess
import sys

import pandas as pd
import pytest

from hotspot.calendars import read_calendar
from hotspot.errors import ConfigError, InputError


@pytest.fixture
def calendar_file(tmp_path):
    def write(*rows, header="date,kind"):
        path = tmp_path / "days.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-02-14", "workday"),  # the Saturday before the Spring Festival is worked
        ("2026-02-17", "holiday"), ("2026-02-21", "holiday"), ("2026-02-28", "workday"), ("2026-10-01", "holiday"),
        ("2026-10-04", "holiday"), ("2026-10-10", "workday"), ("2026-03-14", "weekend"), ("2026-03-16", "workday"),
        ("2022-12-31", "holiday"), ("2023-01-02", "holiday"),  # one break over the turn of the year
    ],
)  # fmt: skip
def test_chinese_days_are_what_the_notice_says(day, kind):
    assert read_calendar("CN").day_kind([day]).tolist() == [kind]


def test_a_local_time_has_the_kind_of_its_local_day():
    late = pd.DatetimeIndex(["2026-02-13 23:30", "2026-02-14 00:30", "NaT"]).tz_localize("Asia/Shanghai")
    assert read_calendar("CN").day_kind(late).tolist() == ["workday", "workday", ""]
    friday_in_china = pd.DatetimeIndex(["2026-03-13 20:00"]).tz_localize("UTC")
    assert read_calendar("CN").day_kind(friday_in_china.tz_convert("Asia/Shanghai")).tolist() == ["weekend"]


@pytest.mark.parametrize("day", ["2035-06-01", "2000-06-01"])
def test_a_year_without_a_table_is_refused_though_its_festivals_can_be_computed(day):
    with pytest.raises(ConfigError, match=rf"calendar CN: no official table of {day[:4]}; fix: give a calendar file"):
        read_calendar("CN").day_kind(["2026-03-16", day])


def test_a_year_whose_holidays_are_only_estimated_is_refused():
    with pytest.raises(ConfigError, match="no official table of 2035"):
        read_calendar("AE").day_kind(["2035-06-01"])


def test_a_file_gives_the_year_that_the_country_lacks(calendar_file):
    path = calendar_file("2035-10-01,holiday", "2035/9/29,workday")
    days = ["2035-10-01", "2035-09-29", "2035-10-06", "2035-10-08", "2026-02-14"]
    assert read_calendar("CN", path).day_kind(days).tolist() == ["holiday", "workday", "weekend", "workday", "workday"]


def test_a_file_alone_knows_its_own_years_only(calendar_file):
    calendar = read_calendar(calendar_file("2035-10-01,holiday"))
    assert calendar.day_kind(["2035-10-01", "2035-12-31"]).tolist() == ["holiday", "workday"]
    with pytest.raises(ConfigError, match=r"days\.csv: no official table of 2026"):
        calendar.day_kind(["2026-02-14"])


def test_a_file_prevails_over_the_country(calendar_file):
    assert read_calendar("CN", calendar_file("2026-02-14,holiday")).day_kind(["2026-02-14"]).tolist() == ["holiday"]


def test_every_bad_row_of_a_file_is_named(calendar_file):
    path = calendar_file(
        "2035-02-30,holiday", "03/04/2035,holiday", "2035-05-01,feast", "2035-05-02 10:00,holiday", "2035-06-01,holiday",
        "2035-06-01,workday",
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_calendar(path)
    assert [(fault.row, fault.field, fault.reason) for fault in caught.value.faults] == [
        (2, "date", "no such date or time of day"),
        (3, "date", "not a date that is read without doubt"),
        (4, "kind", "unknown kind of day"),
        (5, "date", "not a date that is read without doubt"),
        (6, "date", "a day with two kinds"),
        (7, "date", "a day with two kinds"),
    ]


def test_other_countries_have_their_own_holidays_and_weekends():
    assert read_calendar("CA").day_kind(["2026-07-01", "2026-10-01"]).tolist() == ["holiday", "workday"]
    assert read_calendar("EG").day_kind(["2025-03-14"]).tolist() == ["weekend"]  # a Friday


def test_countries_that_are_none_or_two_are_refused():
    with pytest.raises(ConfigError, match="not a country whose holidays are known"):
        read_calendar("XX")
    with pytest.raises(ConfigError, match="more than one country"):
        read_calendar("CN", "CA")


def test_no_dates_have_no_kinds():
    assert read_calendar("CN").day_kind([]).tolist() == []


def test_the_library_of_all_countries_loads_only_when_asked():
    code = "import sys, hotspot, hotspot.calendars; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
