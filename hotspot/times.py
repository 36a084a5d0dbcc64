"""Local time: what a text says, which hour of the week that is, and the hours of days that have 23 or 25 of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from hotspot import time_texts
from hotspot.errors import ConfigError
from hotspot.tails import binomial_lower, chi2_quantile, negative_binomial_lower

MISSING = "no time"
NOT_A_TIME = "not a time that is read without doubt"
NO_SUCH_TIME = "no such date or time of day"
DAY_OR_MONTH = "day or month first? the order isn't declared"
TWO_READINGS = "two of the declared formats read it differently"
IN_A_GAP = "does not exist: the clocks were put forward over it"
_REASONS = ("", MISSING, NOT_A_TIME, NO_SUCH_TIME, DAY_OR_MONTH, TWO_READINGS, IN_A_GAP)  # by time_texts' code
_GAP_CODE = len(_REASONS) - 1

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(w|d|h|min)\s*$", re.IGNORECASE)
_UNITS = {"w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "min": 1}
HOURS_OF_WEEK = 168
MOST_PROPOSED = 4
_THURSDAY_H = 72  # 1970 began on one
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_FIRST_CHANGE, _LAST_CHANGE = "1900-01-01", "2200-01-01"  # clocks are looked up between these; outside they stand still

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def zone_of(timezone: str) -> ZoneInfo:
    """The IANA zone. Raises ConfigError.

    >>> zone_of("Mars/Base")
    Traceback (most recent call last):
    hotspot.errors.ConfigError: timezone 'Mars/Base' is unknown; fix: use an IANA name such as Asia/Shanghai
    """
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"timezone {timezone!r} is unknown; fix: use an IANA name such as Asia/Shanghai") from error


@dataclass(frozen=True, eq=False)
class LocalTimes:
    """What a column of n texts says, with the index of the texts.

    `instants` (tz-aware, NaT where a text says none) and `reasons` ('' where it does) are series, `date_only` and
    `serial` (n,) masks: a date without a time of day; a spreadsheet's number of days.
    """

    instants: pd.Series[pd.Timestamp]
    reasons: pd.Series[str]
    date_only: Mask
    serial: Mask


def parse_local(
    text: pd.Series[str], *, timezone: str, formats: Sequence[str] = ()
) -> tuple[pd.Series[pd.Timestamp], pd.Series[str]]:
    """Instants, and why a text gives none ('' where it does); both with the index of `text`. See `read_local`.

    >>> times, reasons = parse_local(pd.Series(["2026-03-15 24:00", "15/03/2026"]), timezone="Asia/Shanghai")
    >>> str(times[0]), str(times[1]), reasons.tolist()
    ('2026-03-16 00:00:00+08:00', 'NaT', ['', "day or month first? the order isn't declared"])
    """
    read = read_local(text, timezone=timezone, formats=formats)
    return read.instants, read.reasons


def read_local(text: pd.Series[str], *, timezone: str, formats: Sequence[str] = ()) -> LocalTimes:
    """Read a column of times as they are written in exports, without guessing.

    Read without declaration are year-first dates with `-`, `/`, `.` or 年月日, alone (00:00 of that day) or with a time
    of day (`T`, 上午/下午, AM/PM, 时分秒, fraction, offset or `Z`), month names with a four-digit year, 20260315[2105[09]],
    and a spreadsheet's serials of the years 2000 to 2099, to the second. 24:00 is 00:00 of the next day.

    `formats` are strptime formats (%Y %y %m %d %j %b %B %H %I %p %M %S %f %z and text): a text that fits one is read by
    these alone, and one that two of them read as different times isn't read. Day-month order such as 03/04/2026 is
    never guessed.

    Without an offset a text is the district's wall clock: in the hour that occurs twice it means the first, in the
    hour that is left out it means nothing. Raises ConfigError for an unknown zone or a format that isn't one.
    """
    zone = zone_of(timezone)
    read = time_texts.read_texts(pa.array(text, type=pa.large_string(), from_pandas=True), formats)
    code = read.code
    utc_us, gap = to_utc_us(read.wall_us, timezone)
    said = read.offset_s != time_texts.NO_OFFSET_S
    if said.any():
        utc_us = np.where(said, read.wall_us - read.offset_s * 1_000_000, utc_us)
        gap &= ~said
    if gap.any():
        code = np.where(gap, np.int8(_GAP_CODE), code)
    if code.any():
        utc_us = np.where(code == time_texts.READ, utc_us, time_texts.NAT_US)
    instants = pd.DatetimeIndex(utc_us.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone)
    return LocalTimes(pd.Series(instants, index=text.index), _reasons(code, text.index), read.date_only, read.serial)


def _reasons(code: npt.NDArray[np.int8], index: pd.Index) -> pd.Series[str]:
    words = pa.DictionaryArray.from_arrays(pa.array(code), pa.array(_REASONS, pa.large_string()))
    return pd.Series(pd.array(words.cast(pa.large_string()), dtype="str"), index=index)


@cache
def _clock_changes(timezone: str) -> tuple[Ints, Ints]:
    """When the zone's clocks change (k,) in microseconds of UTC, and the offsets before, between and after (k + 1,).

    Found by looking at every day and halving the days on which the offset changes.
    """
    days = np.arange(_FIRST_CHANGE, _LAST_CHANGE, dtype="datetime64[D]").astype("datetime64[us]").astype(np.int64)
    offsets = _offsets_at(days, timezone)
    changed = np.flatnonzero(offsets[1:] != offsets[:-1])
    before, after = days[changed], days[changed + 1]
    while len(changed) and (after - before).max() > 1_000_000:
        middle = (before + after) // 2_000_000 * 1_000_000
        old = _offsets_at(middle, timezone) == offsets[changed]
        before, after = np.where(old, middle, before), np.where(old, after, middle)
    return after, np.append(offsets[changed], offsets[-1])


def _offsets_at(utc_us: Ints, timezone: str) -> Ints:
    utc = pd.DatetimeIndex(utc_us.view("datetime64[us]"))
    local = utc.tz_localize("UTC").tz_convert(zone_of(timezone)).tz_localize(None)
    return local.as_unit("us").asi8 - utc_us


def to_utc_us(wall_us: Ints, timezone: str) -> tuple[Ints, Mask]:
    """Microseconds of UTC of a zone's wall clock, and which of them lie in an hour that is left out.

    In the hour that occurs twice it is the first; a time in a gap is as long after the change as it says it is after
    the gap's beginning. A missing time stays missing.

    >>> wall = np.array(["2024-03-10T02:30", "2024-11-03T01:30"], dtype="datetime64[us]").astype(np.int64)
    >>> utc, gap = to_utc_us(wall, "America/Vancouver")
    >>> utc.view("datetime64[us]").astype("datetime64[m]").astype(str).tolist(), gap.tolist()
    (['2024-03-10T10:30', '2024-11-03T08:30'], [True, False])
    """
    at, offsets = _clock_changes(timezone)
    before, after = offsets[:-1], offsets[1:]
    never = np.iinfo(np.int64).max
    ends = at + np.maximum(before, after)  # on the wall; from here on the new offset holds
    gaps_begin = np.append(np.where(after > before, at + before, never), never)
    span = np.searchsorted(ends, wall_us, side="right")
    known = wall_us != time_texts.NAT_US
    return np.where(known, wall_us - offsets[span], time_texts.NAT_US), wall_us >= gaps_begin[span]


def wall_clock_us(times: pd.DatetimeIndex) -> Ints:
    """(n,) what the clock on the wall shows, as microseconds since 1970 without regard to offsets; NaT stays NaT.

    >>> int(wall_clock_us(pd.DatetimeIndex(["1970-01-01 00:30"], tz="Asia/Shanghai"))[0]) // 60_000_000
    30
    """
    shown: Ints = times.tz_localize(None).as_unit("us").asi8
    return shown


def day_bounds_us(times: pd.DatetimeIndex) -> tuple[Ints, Ints]:
    """Microseconds of UTC at which the local day of each time begins and ends, 23, 24 or 25 hours later.

    >>> begin, end = day_bounds_us(pd.DatetimeIndex(["2024-03-10 12:00"], tz="America/Vancouver"))
    >>> ((end - begin) // 3_600_000_000).tolist()
    [23]
    """
    shown = wall_clock_us(times)
    known = shown != time_texts.NAT_US
    midnight = np.where(known, shown // _DAY_US * _DAY_US, time_texts.NAT_US)
    zone = str(times.tz)
    return to_utc_us(midnight, zone)[0], to_utc_us(np.where(known, midnight + _DAY_US, midnight), zone)[0]


def has_no_time_of_day(text: pd.Series[str], *, formats: Sequence[str] = ()) -> pd.Series[bool]:
    """Which texts are a date and nothing else; `read_local` says the same along with the times.

    >>> has_no_time_of_day(pd.Series(["2026-03-15", "2026年3月15日", "2026-03-15 00:00"])).tolist()
    [True, True, False]
    """
    arrow = pa.array(text, type=pa.large_string(), from_pandas=True)
    return pd.Series(time_texts.dates_alone(arrow, formats), index=text.index)


def day_month_evidence(text: pd.Series[str], rows: Sequence[int] | Ints) -> str:
    """What to declare for texts that were refused as DAY_OR_MONTH, with the rows that decide quoted. '' for no texts.

    A number above 12 can't be a month; where years have two digits it may be a day or a year, and above 31 it is a year.
    `rows` are their row numbers.

    >>> print(day_month_evidence(pd.Series(["03/04/2026", "15/04/2026"]), [16, 17]))
    row 17 '15/04/2026' has the day first: declare time_formats = ["%d/%m/%Y"]
    """
    if not len(text):
        return ""
    numbers = text.str.translate(time_texts.PLAIN).str.extract(r"^(\d+)\D(\d+)", expand=True).astype(float).to_numpy()
    formats = time_texts.declarations(pa.array(text, type=pa.large_string(), from_pandas=True))
    year, month = numbers[:, 0] > 31, numbers[:, 1] > 12
    day = (numbers[:, 0] > 12) & ~year
    if any("%y" in each for each in formats["day"]):  # 26/03/15: what isn't a month may be a day or a year
        formats["day or year"] = formats["day"] + formats["year"]
        deciding = {"month": month} | ({"year": year} if year.any() else {"day or year": day})
    else:
        deciding = {"day": day, "month": month}
    firsts = [first for first, which in deciding.items() if which.any()]
    at = {first: int(deciding[first].argmax()) for first in firsts}
    found = ", ".join(f"row {rows[at[first]]} '{text.iloc[at[first]]}' has the {first} first" for first in firsts)
    if len(firsts) > 1:
        return f"{found}: no one order reads both; export the times with the year first"
    if firsts:
        return f"{found}: declare time_formats = {_as_toml(formats[firsts[0]])}"
    choices = f"{_as_toml(formats['day'])} or {_as_toml(formats['month'])}"
    return f"no row decides: ask where the file comes from, and declare time_formats = {choices}"


def _as_toml(formats: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{each}"' for each in formats[:MOST_PROPOSED]) + "]"


def stamped_midnight(times: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
    """Which rows say 00:00:00 only because their time of day isn't known.

    That is assumed of all midnights when every row (of two or more) has one, or when there are at least 20 and more
    than three times as many as rows at exactly 23:00 and 01:00 on average. Otherwise of none.
    """
    into_day = wall_clock_us(times) % _DAY_US
    midnight: Mask = (into_day == 0) & ~np.asarray(times.isna())
    beside = int(((into_day == _HOUR_US) | (into_day == 23 * _HOUR_US)).sum()) / 2
    count = int(midnight.sum())
    default = (count == len(times) and count >= 2) or (count >= 20 and count > 3 * beside)
    return midnight & default


def hours_between(start: pd.Timestamp, end: pd.Timestamp, timezone: str) -> pd.DatetimeIndex:
    """Starts of the whole local hours inside `[start, end)`; a day may have 23 or 25 of them.

    >>> day = pd.Timestamp("2024-03-10", tz="America/Vancouver")
    >>> len(hours_between(day, day + pd.DateOffset(days=1), "America/Vancouver"))
    23
    """
    zone = zone_of(timezone)
    local = start.tz_convert(zone)
    into_hour = pd.Timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    hour = pd.Timedelta(hours=1)
    first = (start if into_hour == pd.Timedelta(0) else start + (hour - into_hour)).tz_convert("UTC")
    return pd.date_range(first, end.tz_convert("UTC") - hour, freq="h").tz_convert(zone)


def hour_of_week(times: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """(n,) hour of the local week, 0..167, Monday 00:00 = 0; -1 for NaT.

    >>> hour_of_week(pd.DatetimeIndex(["2024-12-02 00:30", "2024-12-08 23:00"], tz="Asia/Shanghai")).tolist()
    [0, 167]
    """
    shown = wall_clock_us(times)
    hours = (shown // _HOUR_US + _THURSDAY_H) % HOURS_OF_WEEK
    return np.where(shown == time_texts.NAT_US, -1, hours)


def parse_instant(text: str, timezone: str) -> pd.Timestamp:
    """A date (its local start) or a date and time, local unless it has an offset. Raises ConfigError.

    >>> str(parse_instant("2024-12-02", "America/Vancouver"))
    '2024-12-02 00:00:00-08:00'
    """
    times, reasons = parse_local(pd.Series([text.strip()], dtype="str"), timezone=timezone)
    if reasons.iloc[0]:
        raise ConfigError(f"time {text!r}: {reasons.iloc[0]}; fix: write 2024-11-29 or 2024-11-29T18:00")
    found = times.iloc[0]
    assert isinstance(found, pd.Timestamp)
    return found


def parse_day(text: str, timezone: str, *, option: str) -> pd.Timestamp:
    """The local start of a date. Raises ConfigError, calling the text `option`, also for one with a time of day.

    >>> str(parse_day("2024-12-02", "America/Vancouver", option="--date"))
    '2024-12-02 00:00:00-08:00'
    """
    day = parse_instant(text, timezone)
    if day != day.normalize():
        raise ConfigError(f"{option} {text}: has a time of day; fix: give the date alone, YYYY-MM-DD")
    return day


def parse_duration(text: str) -> pd.Timedelta:
    """A positive length in weeks, days, hours or minutes. Raises ConfigError.

    >>> parse_duration("7D"), parse_duration("12h")
    (Timedelta('7 days 00:00:00'), Timedelta('0 days 12:00:00'))
    """
    found = _DURATION.match(text)
    minutes = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    if not 0 < minutes <= 200 * 366 * 24 * 60:
        raise ConfigError(f"duration {text!r} isn't a positive length of time; fix: write 7D, 12h or 90min")
    return pd.Timedelta(minutes=minutes)


def zone_doubt(times: pd.DatetimeIndex) -> str:
    """A sentence if the day of these local times seems to be another zone's, '' if not or if there are under 500.

    People sleep: the 4 hours in a row with the fewest incidents centre near 04:00. Doubt is voiced when those centre
    more than 4 hours away from it and hold clearly fewer than any 4 hours that don't (at most 80 %, and a binomial
    p < .001 after the 15 windows that were looked at).

    >>> day = pd.date_range("2026-01-01", periods=40 * 24, freq="h", tz="Asia/Shanghai")
    >>> awake = day[(day.hour + 8) % 24 > 5]                   # quiet from 0 to 6 if the times were in UTC
    >>> zone_doubt(awake.repeat(2))
    'the quietest hours are 16-20: are these times really local to Asia/Shanghai? times in UTC would look so'
    """
    by_hour = _by_hour_of_day(times)
    if by_hour.sum() < 500:
        return ""
    quiet = np.sum([np.roll(by_hour, -shift) for shift in range(4)], axis=0)  # 4 hours from each hour on
    near = np.abs((np.arange(24) + 2 - 4 + 12) % 24 - 12) <= 4
    least, usual = int(np.where(near, quiet.max() + 1, quiet).argmin()), int(quiet[near].min())
    count = int(quiet[least])
    if count > 0.8 * usual or binomial_lower(count, count + usual, 0.5) * 15 > 0.001:
        return ""
    doubt = f"the quietest hours are {least:02d}-{(least + 4) % 24:02d}: are these times really local to {times.tz}?"
    offset_h = float((times.max().utcoffset() or pd.Timedelta(0)) / pd.Timedelta(hours=1))
    off_h = (least + 2 - 4 + offset_h + 12) % 24 - 12
    return f"{doubt} times in UTC would look so" if abs(off_h) <= 2 and offset_h else doubt


def profile_shift(times_a: pd.DatetimeIndex, times_b: pd.DatetimeIndex) -> int:
    """Whole hours by which the day of `times_b` runs behind that of `times_a` (-11..12); 0 for none or not sure.

    The hours of the two days are compared as two samples (chi-square) at each of 24 shifts. A shift of at least 2 hours
    is told when the days differ as they are (p < 1e-6), it takes away four fifths of the difference, and no shift
    more than 2 hours away from it comes within half as much. Each needs 500 times.

    >>> day = pd.date_range("2026-01-01", periods=40 * 24, freq="h", tz="Asia/Shanghai")
    >>> awake = day[day.hour > 5].repeat(2)
    >>> profile_shift(awake, awake - pd.Timedelta(hours=8)), profile_shift(awake, awake)
    (-8, 0)
    """
    a, b = _by_hour_of_day(times_a), _by_hour_of_day(times_b)
    if min(a.sum(), b.sum()) < 500:
        return 0
    shifts = np.arange(-11, 13)
    differ = np.array([_two_sample_chi2(np.roll(a, shift), b) for shift in shifts])
    best = int(differ.argmin())
    shift, as_they_are = int(shifts[best]), differ[11]
    elsewhere = differ[np.abs((shifts - shift + 12) % 24 - 12) > 2]
    told = abs(shift) >= 2 and as_they_are > chi2_quantile(1.0 - 1e-6, 23)
    sure = max(differ[best], 23.0) < min(as_they_are / 5, elsewhere.min() / 2)  # 23 is what two equal days give
    return shift if told and sure else 0


def _two_sample_chi2(a: Ints, b: Ints) -> float:
    """Pearson's statistic for one distribution behind both (23 degrees of freedom; hours that neither has count 0)."""
    both = a + b
    scaled = a * np.sqrt(b.sum() / a.sum()) - b * np.sqrt(a.sum() / b.sum())
    return float((scaled**2 / np.maximum(both, 1)).sum())


def _by_hour_of_day(times: pd.DatetimeIndex) -> Ints:
    known = times[times.notna()]
    return np.bincount(wall_clock_us(known) // _HOUR_US % 24, minlength=24)


def recent_shortfall(times: pd.DatetimeIndex, as_of: pd.Timestamp) -> str:
    """A sentence if the 3 days before `as_of` hold far fewer incidents than usual, as when a feed is late; '' if not.

    Usual is the mean of the same 3 days of up to 8 weeks before, of which 4 must be there. The test is the lower tail
    (p < .01) of a negative binomial distribution with the variance that the days have about the mean of their weekday, or
    the weeks about theirs (Poisson if both vary less), and that of the mean itself.

    >>> days = pd.date_range("2026-01-01", periods=60 * 24, freq="h", tz="Asia/Shanghai")
    >>> recent_shortfall(days[:-60], days[-1] + pd.Timedelta(hours=1))
    'the last 3 days have 12 incidents where 72 are usual: probably incomplete, not a drop'
    """
    us = times[times.notna()].as_unit("us").asi8
    age_us = as_of.value // 1000 - us
    age_us = age_us[age_us > 0]
    weeks = min(8, int((age_us.max() - 3 * _DAY_US) // (7 * _DAY_US))) if len(age_us) else 0
    if weeks < 4:
        return ""
    day = (age_us - 1) // _DAY_US  # 0 is the last day before as_of
    recent = int((day < 3).sum())
    daily = np.bincount(day[(day >= 3) & (day < 3 + 7 * weeks)] - 3, minlength=7 * weeks).reshape(weeks, 7)
    by_weekday = daily.mean(axis=0)
    usual = float(by_weekday[4:].sum())  # 7 days before day 0 is column 4
    if usual == 0:
        return ""
    squares = ((daily - by_weekday) ** 2).sum(axis=0) / np.maximum(by_weekday, 1e-9)
    of_days = float(squares.sum()) / (7 * (weeks - 1))
    of_windows = float(daily[:, 4:].sum(axis=1).var(ddof=1)) / usual  # more, when days go up and down together
    spread = max(1.0, of_days, of_windows)
    variance = usual * spread * (1 + 1 / weeks)
    tail = negative_binomial_lower(recent, usual**2 / (variance - usual), usual / variance)
    if tail >= 0.01:
        return ""
    return f"the last 3 days have {recent} incidents where {usual:.0f} are usual: probably incomplete, not a drop"
