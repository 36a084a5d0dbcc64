"""What a model may learn from: incidents before `as_of`, each in its cell, with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.intake import refuse_unknown
from hotspot.times import hour_of_week

DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class History:
    """The past of `as_of`: one row per incident that counts.

    `cell` (n,) index into the grid, `hour` (n,) hour of the local week 0..167 with Monday 00:00 = 0 and -1 where only
    the date is known, `age_days` (n,) before `as_of`, `weight` (n,) from the source rule, `category` and `activity` (n,).
    `days` is the length of the history: from the local midnight before its first incident to `as_of`.
    """

    cell: npt.NDArray[np.int64]
    hour: npt.NDArray[np.int64]
    age_days: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    category: npt.NDArray[np.object_]
    activity: npt.NDArray[np.object_]
    days: float
    as_of: pd.Timestamp

    def __len__(self) -> int:
        return len(self.cell)


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

    Raises InputError when a category isn't in `categories`: all of them, with their counts.
    """
    frame = incidents.frame
    frame = frame[frame["time"] < as_of]
    activity = _activities(frame["category"], categories)
    used = activity != ""
    frame, activity = frame[used], activity[used]
    hour = hour_of_week(pd.DatetimeIndex(frame["time"])).astype(np.int64)
    hour[frame["date_only"].to_numpy(dtype=bool)] = -1
    age_days = (as_of - pd.DatetimeIndex(frame["time"])).total_seconds().to_numpy() / DAY_S
    first_day = pd.Timestamp(frame["time"].min()).normalize() if len(frame) else as_of
    return History(
        cell=grid.locate(np.column_stack([frame.geometry.x, frame.geometry.y])),
        hour=hour,
        age_days=age_days,
        weight=np.where(frame["source"].to_numpy() == "patrol", patrol_found_weight, 1.0),
        category=frame["category"].to_numpy(dtype=object),
        activity=activity,
        days=max((as_of - first_day).total_seconds() / DAY_S, 1.0),
        as_of=as_of,
    )


def _activities(category: pd.Series[str], categories: Mapping[str, str] | None) -> npt.NDArray[np.object_]:
    if categories is None:
        return np.full(len(category), "patrol", dtype=object)
    refuse_unknown(category, categories, "incidents")
    found: npt.NDArray[np.object_] = category.map(dict(categories)).to_numpy(dtype=object)
    return found
