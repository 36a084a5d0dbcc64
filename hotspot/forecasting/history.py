"""What a model may learn from: incidents before `as_of`, each in its cell, with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import InputError
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.intake import unknown_codes
from hotspot.statistics.aoristic_weights import AoristicResult, aoristic
from hotspot.times import HOURS_OF_WEEK

DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class History:
    """The past of `as_of`: one row per incident that counts.

    `cell` (n,) index into the grid, `hours` how each incident spreads over the 168 hours of the local week (an interval
    over its hours, a date alone over its day, an interval over 30 days not at all), `age_days` (n,) before `as_of`,
    `weight` (n,) from the source rule, `category` and `activity` (n,), `address` (n,) equal for incidents within the same
    square metre. `days` is the length of the history: from the local midnight before its first incident to `as_of`.
    """

    cell: npt.NDArray[np.int64]
    hours: AoristicResult
    age_days: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    category: npt.NDArray[np.object_]
    activity: npt.NDArray[np.object_]
    address: npt.NDArray[np.int64]
    days: float
    as_of: pd.Timestamp

    def __len__(self) -> int:
        return len(self.cell)

    @cached_property
    def hour(self) -> npt.NDArray[np.int64]:
        """(n,) hour of the local week, Monday 00:00 = 0; -1 where an incident isn't known to lie in one hour."""
        hour = np.full(len(self), -1, dtype=np.int64)
        sure = self.hours.weight > 1.0 - 1e-9
        hour[self.hours.row[sure]] = self.hours.bin[sure]
        return hour

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
) -> History:
    """Cut at `as_of`, keep the categories that lead to an activity, weigh what patrols found themselves.

    `categories` maps a category to its activity, "" leaves it out; None uses every category for "patrol". Incidents
    with `source` "patrol" weigh `patrol_found_weight`: patrols find incidents where they are sent, so by default
    these don't feed the risk (Ensign et al. 2018, Runaway Feedback Loops in Predictive Policing).

    Intervals and days that reach beyond `as_of` are taken to end there. Raises InputError when a category isn't in
    `categories`: all of them, with their counts.
    """
    past = incidents.before(as_of)
    activity = _activities(past.table["category"].astype("str"), categories)
    used = activity != ""
    table, places, activity = past.table[used], past.places[used], activity[used]
    times = pd.DatetimeIndex(table["time"])
    first_day = times.min().normalize() if len(table) else as_of
    return History(
        cell=grid.locate(places),
        hours=aoristic(times, table.get("time_end"), date_only=table["date_only"], until=as_of),
        age_days=(as_of - times).total_seconds().to_numpy() / DAY_S,
        weight=np.where(table["source"] == "patrol", patrol_found_weight, 1.0),
        category=table["category"].to_numpy(dtype=object),
        activity=activity,
        address=_addresses(places),
        days=max((as_of - first_day).total_seconds() / DAY_S, 1.0),
        as_of=as_of,
    )


def _addresses(places: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """(n,) a number for each distinct place, to the metre."""
    if not len(places):
        return np.empty(0, dtype=np.int64)
    return np.unique(np.round(places), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _activities(category: pd.Series[str], categories: Mapping[str, str] | None) -> npt.NDArray[np.object_]:
    if categories is None:
        return np.full(len(category), "patrol", dtype=object)
    if faults := unknown_codes({str(c): int(n) for c, n in category.value_counts().items()}, categories, "incidents"):
        raise InputError(faults)
    found: npt.NDArray[np.object_] = category.map(dict(categories)).to_numpy(dtype=object)
    return found
