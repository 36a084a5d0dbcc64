"""Local time: what a text says, which hour of the week that is, and the hours of days that have 23 or 25 of them."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError

NOT_A_TIME = "not a time that is read without doubt"
NO_SUCH_TIME = "no such date or time of day"
IN_A_GAP = "does not exist: the clocks were put forward over it"
MISSING = "no time"

_TEXT = (
    r"^(?P<year>\d{4})(?:(?:-(?P<m1>\d{1,2})-(?P<d1>\d{1,2}))|(?:/(?P<m2>\d{1,2})/(?P<d2>\d{1,2}))"
    r"|(?:年(?P<m3>\d{1,2})月(?P<d3>\d{1,2})日))"
    r"(?:[T\s]*(?P<hour>\d{1,2})[:时点](?:(?P<minute>\d{1,2})[:分]?)?(?P<second>\d{1,2}(?:\.\d{1,9})?)?秒?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?$"
)
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(w|d|h|min)\s*$", re.IGNORECASE)
_UNITS = {"w": 7 * 24 * 60, "d": 24 * 60, "h": 60, "min": 1}


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


def parse_local(text: pd.Series[str], *, timezone: str) -> tuple[pd.Series[pd.Timestamp], pd.Series[str]]:
    """Instants, and why a text gives none ('' where it does); both with the index of `text`.

    Read are `2026-03-15 21:05[:09]`, with `T`, with `/`, with an offset or `Z`, `2026年3月15日 21时05分`, dates alone
    (00:00 of that day). 24:00 is 00:00 of the next day. Without an offset a text is the district's wall clock: in the
    hour that occurs twice it means the first, in the hour that is left out it means nothing. Day-month order such as
    03/04/2026 isn't guessed.

    >>> times, reasons = parse_local(pd.Series(["2026-03-15 24:00", "15/03/2026"]), timezone="Asia/Shanghai")
    >>> str(times[0]), str(times[1]), reasons.tolist()
    ('2026-03-16 00:00:00+08:00', 'NaT', ['', 'not a time that is read without doubt'])
    """
    zone = zone_of(timezone)
    wall = pd.to_datetime(text, format="%Y-%m-%d %H:%M:%S", errors="coerce").astype("datetime64[us]")
    reasons = pd.Series("", index=text.index, dtype="str")
    instants = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")  # of the texts with an offset, in UTC
    rest = wall.isna().to_numpy()
    if rest.any():
        wall_rest, offset, why = _by_parts(text[rest])
        known = offset.notna()
        instants[rest] = (wall_rest - offset).where(known).astype("datetime64[us]").to_numpy()
        wall[rest] = wall_rest.where(~known).astype("datetime64[us]").to_numpy()
        reasons[rest] = why.to_numpy()
    first = np.ones(len(wall), dtype=bool)
    local = wall.dt.tz_localize(zone, ambiguous=first, nonexistent="NaT")
    reasons[(wall.notna() & local.isna()).to_numpy()] = IN_A_GAP
    return local.where(instants.isna(), instants.dt.tz_localize("UTC").dt.tz_convert(zone)), reasons


def _by_parts(
    text: pd.Series[str],
) -> tuple[pd.Series[pd.Timestamp], pd.Series[pd.Timedelta], pd.Series[str]]:
    """Wall clock, offset (NaT without one) and reason of texts in any of the accepted forms."""
    parts = text.astype("object").str.extract(_TEXT)
    matched = parts["year"].notna()
    month, day = (
        parts["m1"].fillna(parts["m2"]).fillna(parts["m3"]),
        parts["d1"].fillna(parts["d2"]).fillna(parts["d3"]),
    )
    dates = (parts["year"] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)).astype("object")
    date = pd.to_datetime(dates, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    hour, minute, second = (
        pd.to_numeric(parts[name]).fillna(0.0).astype(float) for name in ("hour", "minute", "second")
    )
    possible = (minute < 60) & (second < 60) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0)))
    micros = np.round((hour * 3600 + minute * 60 + second) * 1e6).astype("int64")
    wall = (date + pd.to_timedelta(micros, unit="us").astype("timedelta64[us]")).where(possible)
    why = pd.Series("", index=text.index, dtype="str")
    why[matched & wall.isna()] = NO_SUCH_TIME
    why[~matched] = NOT_A_TIME
    why[text == ""] = MISSING
    return wall, _offsets(parts["offset"]), why


def _offsets(text: pd.Series[str]) -> pd.Series[pd.Timedelta]:
    plain = text.replace("Z", "+00:00").str.replace(":", "", regex=False)
    minutes = pd.to_numeric(plain.str[1:3]) * 60 + pd.to_numeric(plain.str[3:5])
    signed = minutes.where(plain.str[0] != "-", -minutes).astype(float)
    return pd.to_timedelta(signed, unit="min").astype("timedelta64[us]")


def has_no_time_of_day(text: pd.Series[str]) -> pd.Series[bool]:
    """Which texts are a date and nothing else.

    >>> has_no_time_of_day(pd.Series(["2026-03-15", "2026年3月15日", "2026-03-15 00:00"])).tolist()
    [True, True, False]
    """
    return (text.str.len() <= 11) & ~text.str.contains(r"[:时点]", regex=True)


def stamped_midnight(times: pd.DatetimeIndex) -> npt.NDArray[np.bool_]:
    """Which rows say 00:00:00 only because their time of day isn't known.

    That is assumed of all midnights when every row (of two or more) has one, or when there are at least 20 and more
    than three times as many as rows at exactly 23:00 and 01:00 on average. Otherwise of none.
    """
    sharp = (times.minute == 0) & (times.second == 0) & (times.microsecond == 0)
    midnight = np.asarray(sharp & (times.hour == 0))
    beside = int((sharp & ((times.hour == 23) | (times.hour == 1))).sum()) / 2
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
    hours = np.asarray(times.day_of_week, dtype=float) * 24 + np.asarray(times.hour, dtype=float)
    return np.where(np.isnan(hours), -1, hours).astype(np.int64)


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
