"""Local times: parsed strictly, binned half-open, with 23- and 25-hour days as they are."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError

HOUR = pd.Timedelta(hours=1)
_ISO = r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$"
_CHINESE = r"^(\d{4})年(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2})时(?:(\d{1,2})分)?(?:(\d{1,2})秒)?)?$"


def parse_local(text: pd.Series, *, timezone: str) -> tuple[pd.Series, pd.Series]:
    """Times (n,) in `timezone`, NaT where bad, and the reason (n,), "" where good.

    Year first: `2026-03-15 21:05[:09]`, `2026/3/15`, `2026-03-15T21:05:09+08:00` or `Z`, `2026年3月15日 21时05分`.
    24:00 is the next midnight. A local time that clocks skipped is refused; one that happens twice is its first
    occurrence.

    >>> times, why = parse_local(pd.Series(["2026-03-15 24:00", "15.3.26"]), timezone="Asia/Shanghai")
    >>> str(times[0]), why.tolist()
    ('2026-03-16 00:00:00+08:00', ['', 'not a time that can be read without guessing'])
    """
    stripped = text.str.strip()
    iso, chinese = stripped.str.extract(_ISO), stripped.str.extract(_CHINESE)
    parts = iso[[0, 1, 2, 3, 4, 5]].where(iso[0].notna(), chinese[[0, 1, 2, 3, 4, 5]])
    numbers = parts.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    known = np.isfinite(numbers[:, 0])
    year, month, day, hour, minute, second = np.nan_to_num(numbers).T
    midnight = (hour == 24) & (minute == 0) & (second == 0)
    possible = known & ((hour < 24) | midnight) & (minute < 60) & (second < 60)
    calendar = {"year": np.where(possible, year, np.nan), "month": month, "day": day}
    dates = pd.to_datetime(pd.DataFrame(calendar, index=text.index), errors="coerce")
    naive = dates + pd.to_timedelta(hour * 3600 + minute * 60 + second, unit="s")
    offset = iso[6].fillna("")
    local = naive.mask(offset != "").dt.tz_localize(timezone, ambiguous=np.ones(len(naive), dtype=bool), nonexistent="NaT")
    if (offset != "").any():
        shift = pd.to_timedelta(_offset_s(offset), unit="s")
        absolute = (naive - shift).where(offset != "").dt.tz_localize("UTC").dt.tz_convert(timezone)
        local = local.fillna(absolute)
    reason = pd.Series("", index=text.index, dtype=object)
    reason[local.isna()] = "does not exist: clocks were put forward"
    reason[naive.isna()] = "no such date or time of day"
    reason[~known] = "not a time that can be read without guessing"
    reason[stripped == ""] = "time is missing"
    return local, reason


def _offset_s(offset: pd.Series) -> npt.NDArray[np.float64]:
    parts = offset.str.extract(r"^([+-])(\d{2}):?(\d{2})$")
    seconds = parts[1].fillna("0").astype(float) * 3600 + parts[2].fillna("0").astype(float) * 60
    result: npt.NDArray[np.float64] = np.where(parts[0] == "-", -seconds, seconds)
    return result


def is_date_only(text: pd.Series) -> npt.NDArray[np.bool_]:
    """(n,) whether the text gives a date and no time of day."""
    return text.str.strip().str.fullmatch(r"\d{4}[-/年]\d{1,2}[-/月]\d{1,2}日?").to_numpy(dtype=bool)


def hours_between(start: pd.Timestamp, end: pd.Timestamp, timezone: str) -> pd.DatetimeIndex:
    """Starts of the whole hours inside `[start, end)`, in `timezone`; a day has 23 or 25 where clocks change.

    >>> day = pd.Timestamp("2024-11-03", tz="America/Vancouver")
    >>> len(hours_between(day, day + pd.DateOffset(days=1), "America/Vancouver"))
    25
    """
    first, last = start.tz_convert("UTC").ceil("h"), end.tz_convert("UTC") - HOUR
    return pd.date_range(first, last, freq="h").tz_convert(timezone)


def hour_of_week(times: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """(n,) hour of the local week, Monday 00:00 = 0 ... Sunday 23:00 = 167.

    >>> hour_of_week(pd.DatetimeIndex(["2026-03-15 21:05"], tz="Asia/Shanghai")).tolist()
    [165]
    """
    return np.asarray(times.day_of_week * 24 + times.hour, dtype=np.int64)


def parse_instant(text: str, timezone: str) -> pd.Timestamp:
    """A date or time as typed on a command line; without an offset it is local to `timezone`.

    Raises ConfigError when it can't be read without guessing or doesn't exist on that day.
    """
    times, reason = parse_local(pd.Series([text]), timezone=timezone)
    if reason.iloc[0]:
        raise ConfigError(f"'{text}': {reason.iloc[0]}; fix: write YYYY-MM-DD or YYYY-MM-DDTHH:MM, as 2026-03-15T20:10")
    return pd.Timestamp(times.iloc[0])


def parse_duration(text: str) -> pd.Timedelta:
    """`7D`, `12h`, `90min` as a length of time. Raises ConfigError for anything else.

    >>> parse_duration("7D")
    Timedelta('7 days 00:00:00')
    """
    match = re.fullmatch(r"\s*(\d{1,5})\s*(d|day|days|h|hours?|min|minutes?|w|weeks?)\s*", text, re.IGNORECASE)
    if not match or int(match[1]) == 0:
        raise ConfigError(f"'{text}' is no length of time; fix: write a number with D, h or min, for example 7D")
    unit = {"d": "D", "h": "h", "m": "min", "w": "W"}[match[2][0].lower()]
    return pd.Timedelta(int(match[1]), unit=unit)
