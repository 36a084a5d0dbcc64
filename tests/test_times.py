"""Local times, with the two days a year that are not 24 hours long."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hotspot import times
from hotspot.errors import ConfigError

CITY = "America/Vancouver"


def column(*texts):
    return pd.Series(list(texts), dtype="str")


def parsed(*texts, zone=CITY, formats=()):
    found, reasons = times.parse_local(column(*texts), timezone=zone, formats=formats)
    return [("" if pd.isna(time) else time.isoformat()) for time in found], reasons.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-15 21:05:00", "2026-03-15 21:05", "2026-03-15T21:05", "2026/3/15 21:05", "2026年3月15日 21时05分",
        "2026年3月15日21:05", "2026-03-15T13:05:00Z", "2026-03-15T09:05:00-04:00", "2026-03-15 21:05:00.000000",
        "2026.3.15 21:05", "2026-03-15 13:05:00+00", "2026-03-15 13:05 UTC", "2026年3月15日 21时05分00秒",
        "2026年3月15日 下午9:05", "2026年3月15日下午9时5分", "2026年3月15日 晚上9点05分", "2026年03月15日 星期日 21:05",
        "2026-03-15 9:05 PM", "2026/3/15 9:05:00 p.m.", "2026-03-15\u202f9:05\u202fPM", "202603152105", "20260315210500",
        "20260315T130500Z", "15-Mar-2026 21:05", "Mar 15, 2026 9:05 PM", "15 March 2026, 21:05", "2026-Mar-15 21:05:00",
        "２０２６年３月１５日　２１：０５", "２０２６-03-15 21：05", "46096.8784722222",
    ],
)  # fmt: skip
def test_one_instant_in_many_spellings(text):
    assert parsed(text, zone="Asia/Shanghai") == (["2026-03-15T21:05:00+08:00"], [""])


def test_spellings_may_be_mixed_in_one_column():
    found, _ = parsed("2026-03-15 21:05:00", "2026-03-15", "2026-03-15T00:00:00Z", zone="Asia/Shanghai")
    assert found == ["2026-03-15T21:05:00+08:00", "2026-03-15T00:00:00+08:00", "2026-03-15T08:00:00+08:00"]


@pytest.mark.parametrize(
    "text", ["2026-02-28 24:00", "2026-02-28 24:00:00", "2026年2月28日24时", "2026-02-28T24:00:00.0"]
)
def test_midnight_may_be_written_at_the_end_of_the_day(text):
    assert parsed(text)[0] == ["2026-03-01T00:00:00-08:00"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-02-30", times.NO_SUCH_TIME), ("2026-01-01 25:00", times.NO_SUCH_TIME),
        ("2026-01-01 24:01", times.NO_SUCH_TIME), ("2026-01-01 10:61", times.NO_SUCH_TIME),
        ("03/04/2026", times.DAY_OR_MONTH), ("yesterday", times.NOT_A_TIME), ("", times.MISSING),
        ("15/04/2026 21:05", times.DAY_OR_MONTH), ("3-4-2026", times.DAY_OR_MONTH), ("3.4.2026", times.DAY_OR_MONTH),
        ("03/04/26", times.DAY_OR_MONTH), ("32/13/2026", times.NO_SUCH_TIME), ("15-Mar-26", times.NOT_A_TIME),
        ("2026年3月15日 上午12:05", times.NOT_A_TIME), ("2026年3月15日 晚上12:05", times.NOT_A_TIME),
        ("2026-03-15 21:05 PM", times.NOT_A_TIME), ("2026-03-15 21:", times.NOT_A_TIME), ("2026-03/15", times.NOT_A_TIME),
        ("2026-03-15 21:05+15:00", times.NO_SUCH_TIME), ("20261315", times.NO_SUCH_TIME), ("18260315", times.NOT_A_TIME),
        ("36525", times.NOT_A_TIME), ("73052", times.NOT_A_TIME), ("1773579900", times.NOT_A_TIME),
        ("9999-12-31", times.NOT_A_TIME), ("0000-01-01", times.NOT_A_TIME), ("2023-02-29", times.NO_SUCH_TIME),
        ("15 Foo 2026", times.NOT_A_TIME), ("2" * 5000, times.NOT_A_TIME),
        ("2024-03-10 02:30:00", times.IN_A_GAP), ("2024-03-10 02:30", times.IN_A_GAP),
    ],
)  # fmt: skip
def test_what_is_no_time_says_why(text, reason):
    assert parsed(text) == ([""], [reason])


@settings(max_examples=200, deadline=None)
@given(
    texts=some.lists(
        some.one_of(some.text(max_size=12), some.text("0123456789-/.: T年月日时分下午AMPMar+Zz２：", max_size=24)), max_size=6
    ),
    formats=some.sampled_from([(), ("%d/%m/%Y",), ("%Y%m%d%H", "%y-%m-%d"), ("%d%b%Y %I%p", "%j %Y")]),
)  # fmt: skip
def test_whatever_is_written_ends_in_a_time_or_a_reason(texts, formats):
    found, reasons = times.parse_local(column(*texts), timezone=CITY, formats=formats)
    assert (found.isna() == (reasons != "")).all()
    alone, _ = zip(*(parsed(text, formats=formats) for text in texts), strict=True) if texts else ((), ())
    assert [each[0] for each in alone] == [("" if pd.isna(time) else time.isoformat()) for time in found]


def test_a_missing_value_is_a_missing_time():
    found, reasons = times.parse_local(pd.Series(["2026-03-15", None], index=[7, 9], dtype="str"), timezone=CITY)
    assert found.isna().tolist() == [False, True]
    assert reasons.to_dict() == {7: "", 9: times.MISSING}


def test_an_empty_column_is_read_as_nothing():
    found, reasons = times.parse_local(column(), timezone=CITY)
    assert (len(found), len(reasons)) == (0, 0)
    assert str(found.dtype) == "datetime64[us, America/Vancouver]"


def test_rows_of_many_shapes_keep_their_order():
    texts = ["2026-03-15 21:05", "15/03/2026", "", "2026-03-15", "garbage 1", "20260315", "2026-03-15 21:06"] * 50
    found, reasons = parsed(*texts, zone="Asia/Shanghai")
    assert found[:7] == [
        "2026-03-15T21:05:00+08:00", "", "", "2026-03-15T00:00:00+08:00", "", "2026-03-15T00:00:00+08:00",
        "2026-03-15T21:06:00+08:00",
    ]  # fmt: skip
    assert reasons[:7] == ["", times.DAY_OR_MONTH, times.MISSING, "", times.NOT_A_TIME, "", ""]
    assert (found, reasons) == (found[:7] * 50, reasons[:7] * 50)


def test_each_row_says_how_it_was_read():
    read = times.read_local(
        column("46096.5", "46096", "2026年3月15日", "2026-03-15 00:00", "20260315", "15-Mar-2026", "18260315"),
        timezone="Asia/Shanghai",
    )
    assert read.serial.tolist() == [True, True, False, False, False, False, False]
    assert read.date_only.tolist() == [False, True, True, False, True, True, False]
    assert str(read.instants[0]) == "2026-03-15 12:00:00+08:00"


def test_a_spreadsheet_s_time_is_rounded_to_the_second():
    assert parsed("46096.999999", zone="UTC")[0] == ["2026-03-16T00:00:00+00:00"]
    assert parsed("46096.999988", zone="UTC")[0] == ["2026-03-15T23:59:59+00:00"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d/%m/%Y %H:%M", "15/03/2026 21:05"), ("%m-%d-%y %I:%M:%S %p", "03-15-26 9:05:00 pm"),
        ("%d%m%Y%H%M", "150320262105"), ("%d. %B %Y %H.%M", "15. March 2026 21.05"), ("%Y年%j日%H时%M分", "2026年74日21时05分"),
        ("%H:%M %d/%b/%y", "21:05 15/Mar/26"), ("%d/%m/%Y %H:%M:%S.%f %z", "15/03/2026 13:05:00.000 +0000"),
        ("日期%d-%m-20%y %H：%M", "日期15-03-2026 21:05"), ("%m/%d/%Y %p%I:%M", "03/15/2026 下午9:05"),
        ("100%% %d/%m/%Y  %H:%M", "100% 15/03/2026 21:05"),
    ],
)  # fmt: skip
def test_declared_formats_are_read(form, text):
    assert parsed(text, zone="Asia/Shanghai", formats=[form]) == (["2026-03-15T21:05:00+08:00"], [""])


def test_declared_formats_may_be_mixed_with_each_other_and_with_what_needs_no_declaration():
    formats = ["%d/%m/%Y %H:%M", "%d.%m.%y"]
    found, reasons = parsed("03/04/2026 10:00", "03.04.26", "2026-04-03", zone="UTC", formats=formats)
    assert found == ["2026-04-03T10:00:00+00:00", "2026-04-03T00:00:00+00:00", "2026-04-03T00:00:00+00:00"]
    assert reasons == ["", "", ""]


def test_two_declared_formats_may_not_disagree():
    both = ["%d/%m/%Y", "%m/%d/%Y"]
    found, reasons = parsed("03/04/2026", "15/04/2026", "04/04/2026", zone="UTC", formats=both)
    assert found == ["", "2026-04-15T00:00:00+00:00", "2026-04-04T00:00:00+00:00"]
    assert reasons == [times.TWO_READINGS, "", ""]


def test_what_a_declared_format_claims_is_not_read_otherwise():
    assert parsed("2026-03-04", "2026-03-15", zone="UTC", formats=["%Y-%d-%m"]) == (
        ["2026-04-03T00:00:00+00:00", ""], ["", times.NO_SUCH_TIME],
    )  # fmt: skip


def test_a_declared_date_has_no_time_of_day():
    assert times.has_no_time_of_day(column("15/03/2026", "2026-03-15 00:00"), formats=["%d/%m/%Y"]).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ("%d/%q/%Y", "has %q"), ("%d/%m", "doesn't say year"), ("%d/%m/%Y %", "has %,"), ("%d/%d/%Y", "same thing twice"),
        ("%d/%m/%Y %H:%M %p", "%p without %I"), ("%d/%m/%Y %I:%M", "%I without %p"), ("", "doesn't say year"),
        ("%d/%m/%Y %M", "minutes without hours"),
    ],
)  # fmt: skip
def test_a_format_that_is_none_is_a_configuration_error(form, wrong):
    with pytest.raises(ConfigError) as caught:
        parsed("2026-03-15", formats=[form])
    assert str(caught.value).startswith(f"time_formats '{form}' ")
    assert wrong in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["03/04/2026 10:00", "15/04/2026 9:00"],
         "row 17 '15/04/2026 9:00' has the day first: declare time_formats = [\"%d/%m/%Y %H:%M\"]"),
        (["04/15/26", "03/04/26"], "row 16 '04/15/26' has the month first: declare time_formats = [\"%m/%d/%y\"]"),
        (["26-03-15", "99-03-15"], "row 17 '99-03-15' has the year first: declare time_formats = [\"%y-%m-%d\"]"),
        (["26-03-15"], "row 16 '26-03-15' has the day or year first: declare time_formats = [\"%d-%m-%y\", \"%y-%m-%d\"]"),
        (["15/04/2026", "04/15/2026"],
         "row 16 '15/04/2026' has the day first, row 17 '04/15/2026' has the month first: no one order"),
        (["03.04.2026 9:05:10 PM", "3.4.2026 11:05:10 PM"],
         "no row decides: ask where the file comes from, and declare time_formats = [\"%d.%m.%Y %I:%M:%S %p\"] or"),
        ([], ""),
    ],
)  # fmt: skip
def test_the_rows_that_decide_the_order_are_quoted(texts, told):
    assert times.day_month_evidence(column(*texts), range(16, 16 + len(texts))).startswith(told)
    assert bool(texts) == bool(told)


def test_what_the_evidence_proposes_reads_the_column():
    texts = ["03/04/2026 10:00", "15/04/2026 9:00"]
    told = times.day_month_evidence(column(*texts), [2, 3])
    form = told.partition('["')[2].removesuffix('"]')
    assert parsed(*texts, zone="UTC", formats=[form])[1] == ["", ""]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", CITY, "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana"])
def test_the_wall_clock_is_that_of_the_standard_library(zone):
    rng = np.random.default_rng(2)
    seconds = np.concatenate(
        [rng.integers(0, 130 * 365 * 86_400, 2000), rng.integers(0, 366 * 48, 4000) * 1800 + 1_700_000_000]
    )
    walls = [datetime(1970, 1, 1) + pd.Timedelta(seconds=int(second)).to_pytimedelta() for second in seconds]
    utc = ZoneInfo("UTC")
    found, reasons = parsed(*(wall.isoformat(" ") for wall in walls), zone=zone)
    for wall, text, reason in zip(walls, found, reasons, strict=True):
        local = wall.replace(tzinfo=ZoneInfo(zone))  # the first of two
        there_and_back = local.astimezone(utc).astimezone(ZoneInfo(zone))
        if there_and_back.replace(tzinfo=None) == wall:
            assert (datetime.fromisoformat(text).astimezone(utc), reason) == (local.astimezone(utc), "")
        else:
            assert (text, reason) == ("", times.IN_A_GAP)


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


def a_year(zone="Asia/Shanghai", quiet=range(1, 7)):
    """Four incidents an hour for 60 days, one in the quiet hours."""
    hours = pd.date_range("2026-01-01", periods=60 * 24, freq="h", tz=zone)
    return hours.repeat(np.where(np.isin(hours.hour, list(quiet)), 1, 4))


def test_times_of_another_zone_are_doubted():
    """TIM-06: quiet from 1 to 7 in Shanghai is 17 to 23 of the day before by the clock of UTC."""
    told = times.zone_doubt(a_year(quiet=range(17, 23)))
    assert (
        told
        == "the quietest hours are 17-21: are these times really local to Asia/Shanghai? times in UTC would look so"
    )
    assert (
        times.zone_doubt(a_year(quiet=range(9, 15)))
        == "the quietest hours are 09-13: are these times really local to Asia/Shanghai?"
    )
    assert times.zone_doubt(a_year()) == ""


def test_few_or_even_hours_give_no_reason_to_doubt():
    assert times.zone_doubt(a_year(quiet=range(17, 23))[:499]) == ""
    assert times.zone_doubt(a_year(quiet=[])) == ""
    rng = np.random.default_rng(0)
    noise = [a_year(quiet=[])[rng.integers(0, 5760, 600)] for _ in range(200)]
    assert sum(bool(times.zone_doubt(each)) for each in noise) <= 2


def test_a_file_in_utc_runs_eight_hours_off_the_others():
    """TIM-06: the same day, written by the clock of UTC."""
    local = a_year()
    in_utc = local.tz_convert("UTC").tz_localize(None).tz_localize("Asia/Shanghai")
    assert times.profile_shift(local, in_utc) == -8
    assert times.profile_shift(in_utc, local) == 8
    assert times.profile_shift(local, local[::3]) == 0
    assert times.profile_shift(local, in_utc[:400]) == 0


def test_another_kind_of_day_is_no_shift():
    night = a_year(quiet=range(6, 18))
    assert times.profile_shift(a_year(quiet=range(2, 6)), night) == 0


def test_a_feed_that_is_late_is_no_drop():
    """TIM-12: 48 a day, and the last two days have none yet."""
    days = pd.date_range("2026-01-01", periods=70 * 48, freq="30min", tz="Asia/Shanghai")
    as_of = pd.Timestamp("2026-03-12", tz="Asia/Shanghai")
    assert times.recent_shortfall(days[: -2 * 48], as_of) == (
        "the last 3 days have 48 incidents where 144 are usual: probably incomplete, not a drop"
    )
    assert times.recent_shortfall(days, as_of) == ""
    assert times.recent_shortfall(days[-25 * 48 : -2 * 48], as_of) == ""  # too short a history to know


def test_quiet_days_of_the_week_are_no_shortfall():
    hours = pd.date_range("2025-11-03", periods=70 * 24, freq="h", tz=CITY)
    no_weekends = hours[hours.day_of_week < 5]
    assert times.recent_shortfall(no_weekends, pd.Timestamp("2026-01-12", tz=CITY)) == ""
    assert times.recent_shortfall(no_weekends, pd.Timestamp("2026-01-15", tz=CITY)) != ""


def test_chance_seldom_looks_like_a_late_feed():
    rng = np.random.default_rng(1)
    as_of = pd.Timestamp("2026-03-12", tz=CITY)
    told = 0
    for _ in range(400):
        daily = rng.negative_binomial(8, 8 / 18, 70)  # mean 10, twice as varied as Poisson
        ages = np.repeat(np.arange(70), daily) + 0.5
        told += bool(times.recent_shortfall(as_of - pd.to_timedelta(ages, unit="D"), as_of))
    assert told <= 9  # 1 % of 400 are 4
