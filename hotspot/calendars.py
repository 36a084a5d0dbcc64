"""Working days and holidays of a country, with the days that were moved (调休), or of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.tables import read_table
from hotspot.times import NO_SUCH_TIME, read_local, wall_clock_us

KINDS = ("workday", "weekend", "holiday")
WORKDAY, WEEKEND, HOLIDAY = range(3)
_FILE_KINDS = {"workday": WORKDAY, "holiday": HOLIDAY}
_DAY_US = 86_400_000_000
_TABLED_YEARS = range(1990, 2051)

Ints = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Calendar:
    """Which days are worked: a country's official calendar, the days that files give, or both; a file's day prevails.

    `given` has the kind (index into KINDS) of each day since 1970 that a file gives. A year that is in a file is known,
    with weekends on Saturday and Sunday unless the country says otherwise; a country's year is known if nothing about it
    has to be guessed.
    """

    name: str
    country: str | None = None
    given: dict[int, int] = field(default_factory=dict)

    def day_kind(self, dates: pd.DatetimeIndex | Sequence[str]) -> npt.NDArray[np.object_]:
        """(n,) "workday", "weekend" or "holiday" for each date or local time; '' for NaT. No dates give none.

        A Saturday that is worked instead of another day is a workday; a holiday at a weekend is a holiday, and so,
        where workdays are moved, are the weekend days of the same break. Raises ConfigError for years that aren't
        known: all of them are named.

        >>> read_calendar("CN").day_kind(["2026-02-14", "2026-02-21", "2026-02-28", "2026-03-01"]).tolist()
        ['workday', 'holiday', 'workday', 'weekend']
        """
        times = dates if isinstance(dates, pd.DatetimeIndex) else pd.DatetimeIndex(list(dates))
        known = np.asarray(times.notna())
        days = (wall_clock_us(times)[known] // _DAY_US).astype("datetime64[D]")
        years = days.astype("datetime64[Y]").astype(np.int64) + 1970
        code = np.full(len(times), len(KINDS), dtype=np.int8)
        code[known] = self._kinds_of(days, years)
        return np.array([*KINDS, ""], dtype=object)[code]

    def _kinds_of(self, days: npt.NDArray[np.datetime64], years: Ints) -> Kinds:
        asked = np.unique(years).tolist()
        tables = {year: self._year(year) for year in asked}
        unknown = [str(year) for year, table in tables.items() if table is None]
        if unknown:
            raise ConfigError(
                f"calendar {self.name}: no official table of {', '.join(unknown)}; "
                "fix: give a calendar file (date, kind) with the holidays and workdays of that year"
            )
        of_year = days.astype("datetime64[Y]")
        day_of_year = (days - of_year.astype("datetime64[D]")).astype(np.int64)
        whole = np.zeros((len(asked), 366), dtype=np.int8)
        for row, table in enumerate(tables.values()):
            if table is not None:
                whole[row, : len(table)] = table
        kinds: Kinds = whole[np.searchsorted(asked, years), day_of_year]
        return kinds

    def _year(self, year: int) -> Kinds | None:
        """The kind of every day of the year, None if it isn't known."""
        days = _days_of(year)
        in_file = [day for day in days.tolist() if day in self.given]
        official = _official_year(self.country, year) if self.country else None
        if official is None and not in_file:
            return None
        kinds = official.copy() if official is not None else _weekends(days)
        for day in in_file:
            kinds[day - days[0]] = self.given[day]
        return kinds


def read_calendar(*sources: str | os.PathLike[str]) -> Calendar:
    """The calendar of a country code (ISO 3166, two letters) or of a csv file (date, kind), or both: files prevail.

    A file lists the days that aren't as their weekday has it, kind `holiday` or `workday`. Raises ConfigError for an
    unknown country or two of them, InputError for a file's bad rows, all at once.
    """
    codes = [str(source) for source in sources if re.fullmatch("[A-Z]{2}", str(source))]
    if len(codes) > 1:
        raise ConfigError(f"calendar {codes}: more than one country; fix: give one")
    if codes:
        _check_country(codes[0])
    given: dict[int, int] = {}
    names = list(codes)
    for source in sources:
        if str(source) not in codes:
            given |= _read_file(source)
            names.append(Path(source).name)
    return Calendar(" + ".join(names), codes[0] if codes else None, given)


def _read_file(path: str | os.PathLike[str]) -> dict[int, int]:
    table = read_table(path, required=("date", "kind"))
    faults = [
        Fault(table.path, str(bad.reason), "correct the row", row=int(str(bad.row)))
        for bad in table.bad_rows.itertuples()
    ]
    dates, kinds = read_local(table.frame["date"], timezone="UTC"), table.frame["kind"].map(_FILE_KINDS)
    day = dates.instants.dt.floor("D")
    impossible = dates.reasons == NO_SUCH_TIME
    checks = [
        ("date", impossible, NO_SUCH_TIME, "correct the date"),
        ("date", ~impossible & ~dates.date_only, "not a date that is read without doubt", "write it as 2026-02-14"),
        ("kind", kinds.isna(), "unknown kind of day", f"write one of: {', '.join(_FILE_KINDS)}"),
        ("date", kinds.groupby(day).transform("nunique") > 1, "a day with two kinds", "keep one of the rows"),
    ]
    for name, bad, reason, fix in checks:
        for row in np.flatnonzero(np.asarray(bad, dtype=bool)).tolist():
            value, number = table.frame[name].iloc[row], int(table.frame.index[row])
            faults.append(Fault(table.path, reason, fix, row=number, field=name, value=value))
    if faults:
        raise InputError(sorted(faults, key=lambda fault: fault.row or 0))
    days = wall_clock_us(pd.DatetimeIndex(day)) // _DAY_US
    return dict(zip(days.tolist(), kinds.astype(int).tolist(), strict=True))


def _days_of(year: int) -> Ints:
    return np.arange(f"{year:04d}-01-01", f"{year + 1:04d}-01-01", dtype="datetime64[D]").astype(np.int64)


def _weekends(days: Ints) -> Kinds:
    return np.where((days + 3) % 7 >= 5, WEEKEND, WORKDAY).astype(np.int8)  # 1970-01-01 was a Thursday


def _check_country(code: str) -> None:
    import holidays  # only who asks for a country's days loads the library of all countries

    known = {name for name in holidays.list_supported_countries(include_aliases=True) if len(name) == 2}
    if code not in known:
        fix = "use a two-letter code such as CN, or give a calendar file (date, kind)"
        raise ConfigError(f"calendar {code!r}: not a country whose holidays are known; fix: {fix}")


@cache
def _official_year(country: str, year: int) -> Kinds | None:
    """The kind of every day of a year, from the package `holidays`; None where that would have to guess.

    Where workdays are moved to weekends, years after (and before) those whose moves are published are unknown, though
    the package computes the festivals themselves. So are years in which it only estimates a holiday from the moon.
    The last days of December may still be moved by the next year's notice.
    """
    import holidays

    try:
        country_class = type(holidays.country_holidays(country))
        tabled = _years_with_moved_days(country)
        first, last = tabled or (country_class.start_year, country_class.end_year)
        if not first <= year <= last:
            return None
        languages = country_class.supported_languages
        found = holidays.country_holidays(country, years=year, language="en_US" if "en_US" in languages else None)
    except NotImplementedError:
        return None
    if any(_is_estimated(name, getattr(found, "estimated_label", None)) for name in found.values()):
        return None
    days = _days_of(year)
    around = np.arange(days[0] - 10, days[-1] + 11)  # a break may span the turn of the year
    codes = [
        HOLIDAY if day in found else WORKDAY if found.is_working_day(day) else WEEKEND
        for day in around.astype("datetime64[D]").tolist()
    ]
    kinds = np.array(codes, dtype=np.int8)
    return (_whole_breaks(kinds) if tabled else kinds)[10:-10]


def _whole_breaks(kinds: Kinds) -> Kinds:
    """Weekend days in one run of days off with a holiday belong to it, as the notices of moved days have it.

    >>> _whole_breaks(np.array([1, 1, 0, 1, 2, 2, 0], dtype=np.int8)).tolist()
    [1, 1, 0, 2, 2, 2, 0]
    """
    off = kinds != WORKDAY
    run = np.cumsum(np.append(True, off[1:] != off[:-1])) - 1
    with_holiday = np.bincount(run, weights=kinds == HOLIDAY)[run] > 0
    return np.where(off & with_holiday, HOLIDAY, kinds).astype(np.int8)


def _is_estimated(name: str, label: str | None) -> bool:
    return "estimated" in name or (label is not None and label.replace("%s", "").strip() in name)


@cache
def _years_with_moved_days(country: str) -> tuple[int, int] | None:
    """First and last year in which the package knows of a weekend day that was worked; None where that isn't done."""
    import holidays

    country_class = type(holidays.country_holidays(country))
    years = [year for year in _TABLED_YEARS if country_class.start_year <= year <= country_class.end_year]
    moved: Sequence[int] = [day.year for day in holidays.country_holidays(country, years=years).weekend_workdays]
    return (min(moved), max(moved)) if moved else None
