"""What a model may learn from: incidents before `as_of`, each in its cell, with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.calendars import Calendar
from hotspot.errors import InputError
from hotspot.forecasting.days import DayRule, day_rule
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.intake import unknown_codes
from hotspot.statistics.aoristic_weights import AoristicResult, aoristic
from hotspot.times import HOURS_OF_WEEK

DAY_S = 86_400.0
LEAST_IN_GAP = 12.0  # a chance below 1e-5 of seeing none where the ordinary weeks would have had so many


@dataclass(frozen=True, eq=False)
class Weeks:
    """A history in whole weeks that end at its cutoff.

    `counts` (C, W) weighted incidents of each cell, oldest week first; `exposure` (W,) how much of each week was seen: 1, a
    part in the first week of a history below one week, 0 in a gap, where nothing was recorded anywhere though the ordinary
    weeks would have had at least a dozen incidents.
    """

    counts: npt.NDArray[np.float64]
    exposure: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.exposure)

    @property
    def totals(self) -> npt.NDArray[np.float64]:
        """(W,) weighted incidents of each week."""
        total: npt.NDArray[np.float64] = self.counts.sum(axis=0)
        return total


@dataclass(frozen=True, eq=False)
class History:
    """The past of `as_of`: one row per incident that counts.

    `cell` (n,) index into the grid, `hours` how each incident spreads over the 168 hours of the local week (an interval
    over its hours, a date alone over its day, an interval over 30 days not at all), `age_days` (n,) before `as_of`,
    `weight` (n,) from the source rule, `category` and `activity` (n,), `places` (n, 2) metres in the grid's CRS. `days` is
    the length of the history: from the local midnight before its first incident to `as_of`. `rule` tells on which days the
    clock of another weekday is kept, and how busy holidays are. `memo` holds what several models derive from it.
    """

    cell: npt.NDArray[np.int64]
    hours: AoristicResult
    age_days: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    category: npt.NDArray[np.object_]
    activity: npt.NDArray[np.object_]
    places: npt.NDArray[np.float64]
    days: float
    as_of: pd.Timestamp
    rule: DayRule
    memo: dict[str, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.cell)

    @cached_property
    def hour(self) -> npt.NDArray[np.int64]:
        """(n,) hour of the local week, Monday 00:00 = 0; -1 where an incident isn't known to lie in one hour."""
        hour = np.full(len(self), -1, dtype=np.int64)
        sure = self.hours.weight > 1.0 - 1e-9
        hour[self.hours.row[sure]] = self.hours.bin[sure]
        return hour

    @cached_property
    def kinds(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        """The names of the categories, sorted, and (n,) which one each incident has."""
        code, names = pd.factorize(pd.Series(self.category, dtype="str"), sort=True)
        return [str(name) for name in names], np.asarray(code, dtype=np.int64)

    @cached_property
    def address(self) -> npt.NDArray[np.int64]:
        """(n,) a number for each distinct place, to the metre."""
        if not len(self):
            return np.empty(0, dtype=np.int64)
        return np.unique(np.round(self.places), axis=0, return_inverse=True)[1].ravel().astype(np.int64)

    @property
    def weeks_ago(self) -> npt.NDArray[np.int64]:
        """(n,) whole weeks before the cutoff: 0 is the last one."""
        return (self.age_days // 7.0).astype(np.int64)

    def weeks(self, cells: int, *, rows: npt.NDArray[np.bool_] | None = None) -> Weeks:
        """Counts by cell and week, of all incidents or of the `rows` (n,) that are asked for."""
        if rows is None and "weeks" not in self.memo:
            self.memo["weeks"] = self._weeks(cells, None)
        found: Weeks = self.memo["weeks"] if rows is None else self._weeks(cells, rows)
        return found

    def _weeks(self, cells: int, rows: npt.NDArray[np.bool_] | None) -> Weeks:
        count = max(1, int(self.days // 7.0))
        ago, weight = self.weeks_ago, self.weight
        counts = np.zeros((cells, count))
        used = (ago < count) if rows is None else (ago < count) & rows
        np.add.at(counts, (self.cell[used], count - 1 - ago[used]), weight[used])
        totals = (
            np.bincount(np.minimum(ago, count), minlength=count + 1)[count - 1 :: -1] if len(self) else np.zeros(count)
        )
        return Weeks(counts, _exposure(totals, first=min(1.0, self.days / 7.0)))

    def notices(self, cells: int) -> list[str]:
        """What a reader of a forecast must know about the history: that there is none, and its gaps."""
        if not len(self):
            return [f"no incident lies before {self.as_of:%Y-%m-%d %H:%M}: no risk"]
        unseen = self.weeks(cells).exposure == 0
        return [
            f"no incidents at all for {end - begin} weeks from {self.as_of - pd.DateOffset(weeks=len(unseen) - begin):%Y-%m-%d}: "
            "taken as not recorded, not as quiet"
            for begin, end in _runs(unseen)
        ]

    def until(self, weeks: int) -> History:
        """What was known `weeks` weeks earlier, as the history of that cutoff."""
        days = 7.0 * weeks
        kept = self.age_days >= days
        rows = np.cumsum(kept) - 1
        pieces = kept[self.hours.row]
        hours = replace(
            self.hours, row=rows[self.hours.row[pieces]], bin=self.hours.bin[pieces], weight=self.hours.weight[pieces],
            left_out=self.hours.left_out[kept],
        )  # fmt: skip
        return replace(
            self, cell=self.cell[kept], hours=hours, age_days=self.age_days[kept] - days, weight=self.weight[kept],
            category=self.category[kept], activity=self.activity[kept], places=self.places[kept],
            days=max(self.days - days, 1.0), as_of=self.as_of - pd.DateOffset(days=int(days)), memo={},
        )  # fmt: skip

    def share_in(self, hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(n,) the probability that each incident lies in one of these hours of the week; 0 for over-long intervals."""
        asked = np.zeros(HOURS_OF_WEEK)
        asked[hours] = 1.0
        inside: npt.NDArray[np.float64] = self.hours.weight * asked[self.hours.bin]
        return np.bincount(self.hours.row, weights=inside, minlength=len(self)).astype(float)


def past_of(
    incidents: Incidents,
    grid: Grid,
    *,
    as_of: pd.Timestamp,
    categories: Mapping[str, str] | None = None,
    patrol_found_weight: float = 0.0,
    calendar: Calendar | None = None,
) -> History:
    """Cut at `as_of`, keep the categories that lead to an activity, weigh what patrols found themselves.

    `categories` maps a category to its activity, "" leaves it out; None uses every category for "patrol". Incidents
    with `source` "patrol" weigh `patrol_found_weight`: patrols find incidents where they are sent, so by default
    these don't feed the risk (Ensign et al. 2018, Runaway Feedback Loops in Predictive Policing).

    With a `calendar`, holidays keep the hours of a Sunday and weekend days that are worked those of a Wednesday.

    Intervals and days that reach beyond `as_of` are taken to end there. Raises InputError when a category isn't in
    `categories`: all of them, with their counts; ConfigError for years that the calendar doesn't know.
    """
    past = incidents.before(as_of)
    activity = _activities(past.table["category"].astype("str"), categories)
    used = activity != ""
    table, places, activity = past.table[used], past.places[used], activity[used]
    times = pd.DatetimeIndex(table["time"])
    first_day = times.min().normalize() if len(table) else as_of
    rule = day_rule(calendar, times)
    hours = aoristic(times, table.get("time_end"), date_only=table["date_only"], until=as_of)
    return History(
        cell=grid.locate(places),
        hours=replace(hours, bin=rule.kept_hours(times[hours.row], hours.bin)),
        age_days=(as_of - times).total_seconds().to_numpy() / DAY_S,
        weight=np.where(table["source"] == "patrol", patrol_found_weight, 1.0),
        category=table["category"].to_numpy(dtype=object),
        activity=activity,
        places=places,
        days=max((as_of - first_day).total_seconds() / DAY_S, 1.0),
        as_of=as_of,
        rule=rule,
    )


def _exposure(totals: npt.NDArray[np.generic], *, first: float) -> npt.NDArray[np.float64]:
    """(W,) 1 for every week that was seen, 0 in gaps; `first` is the part of the only week of a short history."""
    seen = np.asarray(totals) > 0
    exposure = np.ones(len(seen))
    if len(seen) == 1:
        return np.full(1, first)
    ordinary = float(np.median(np.asarray(totals)[seen])) if seen.any() else 0.0
    for begin, end in _runs(~seen):
        if (end - begin) * ordinary >= LEAST_IN_GAP:
            exposure[begin:end] = 0.0
    return exposure


def _runs(marked: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end (exclusive) of each run of marked weeks."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _activities(category: pd.Series[str], categories: Mapping[str, str] | None) -> npt.NDArray[np.object_]:
    if categories is None:
        return np.full(len(category), "patrol", dtype=object)
    if faults := unknown_codes({str(c): int(n) for c, n in category.value_counts().items()}, categories, "incidents"):
        raise InputError(faults)
    found: npt.NDArray[np.object_] = category.map(dict(categories)).to_numpy(dtype=object)
    return found
