"""Holidays and worked weekends: which weekday's clock a day keeps, and how busy a holiday is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.calendars import Calendar
from hotspot.times import hour_of_week, wall_clock_us

WEDNESDAY, SATURDAY, SUNDAY = 2, 5, 6
DAY_US = 86_400_000_000
PRIOR_INCIDENTS = 20.0  # so many incidents' worth of belief that a holiday is as busy as a Sunday
AROUND_DAYS = 28

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DayRule:
    """Days that don't keep their own weekday's clock: a holiday keeps Sunday's, a worked Saturday or Sunday Wednesday's.

    `holiday_level`: incidents on a past holiday over those of an ordinary Sunday, drawn toward 1. Without a calendar
    nothing is special.
    """

    calendar: Calendar | None = None
    holiday_level: float = 1.0

    def kept_hours(self, times: pd.DatetimeIndex, hours: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
        """The hours of the week (k,) that are kept in place of `hours`, for incidents that began at `times` (k,)."""
        if self.calendar is None or not len(times):
            return hours
        weekday = self._weekday_kept(times)
        own = np.asarray(times.day_of_week)
        of_that_day = (hours // 24 == own) & (weekday != own)
        return np.where(of_that_day, weekday * 24 + hours % 24, hours).astype(np.int16)

    def clock(self, starts: pd.DatetimeIndex) -> tuple[Ints, Floats]:
        """(H,) the hour of the week that each hour keeps, and the factor on its expected incidents."""
        own = hour_of_week(starts).astype(np.int64)
        if self.calendar is None or not len(starts):
            return own, np.ones(len(starts))
        kept = (self._weekday_kept(starts) * 24 + own % 24).astype(np.int64)
        holiday = self.calendar.day_kind(starts) == "holiday"
        return kept, np.where(holiday, self.holiday_level, 1.0)

    def _weekday_kept(self, times: pd.DatetimeIndex) -> Ints:
        assert self.calendar is not None
        own = np.asarray(times.day_of_week)
        kind = self.calendar.day_kind(times)
        worked = (kind == "workday") & (own >= SATURDAY)
        return np.where(kind == "holiday", SUNDAY, np.where(worked, WEDNESDAY, own)).astype(np.int64)


def day_rule(calendar: Calendar | None, times: pd.DatetimeIndex) -> DayRule:
    """The rule that these past incidents teach: each holiday against the ordinary Sundays of the four weeks around it."""
    if calendar is None or not len(times):
        return DayRule(calendar)
    day = wall_clock_us(times) // DAY_US
    first = int(day.min())
    counts = np.bincount(day - first).astype(float)
    dates = pd.to_datetime((np.arange(len(counts)) + first).astype("datetime64[D]"))
    kind = calendar.day_kind(pd.DatetimeIndex(dates))
    sunday = (kind == "weekend") & (np.asarray(dates.day_of_week) == SUNDAY)
    seen = expected = 0.0
    for holiday in np.flatnonzero(kind == "holiday"):
        around = slice(max(0, holiday - AROUND_DAYS), holiday + AROUND_DAYS + 1)
        if sunday[around].any():
            seen += counts[holiday]
            expected += float(counts[around][sunday[around]].mean())
    return DayRule(calendar, (seen + PRIOR_INCIDENTS) / (expected + PRIOR_INCIDENTS))
