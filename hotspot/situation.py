"""The state of a district before a cutoff: which cells are hot and since when, near repeats, and the key times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.forecasting.history import History
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.statistics.emerging import NO_PATTERN, emerging_hotspots
from hotspot.statistics.getis_ord import local_g
from hotspot.statistics.key_times import KeyTimes, key_windows
from hotspot.statistics.near_repeat import knox_table
from hotspot.times import HOURS_OF_WEEK

LEAST_WEEKS, MOST_WEEKS = 8, 52
REPEAT_DAYS = 91
METRES, DAYS = (100.0, 200.0, 400.0), (1.0, 7.0, 14.0)
PERMUTATIONS = 99
MOST_EVENTS = 6000  # the latest ones: a table of pairs must not hold up a plan


@dataclass(frozen=True, eq=False)
class CellState:
    """Of each cell (C,): its emerging `category` over the last `weeks` weeks, `last_z` of the last one, and whether its
    count over those weeks is significantly `hot` by Gi* at a false discovery rate of 5 %."""

    category: npt.NDArray[np.object_]
    last_z: npt.NDArray[np.float64]
    hot: npt.NDArray[np.bool_]
    weeks: int

    def of_place(self, cells: npt.NDArray[np.int64]) -> dict[str, Any]:
        """Of a hotspot: the category of its hottest cell that has one, and how many of its cells are hot."""
        named = cells[self.category[cells] != NO_PATTERN]
        best = named[np.argmax(np.nan_to_num(self.last_z[named]))] if len(named) else -1
        category = str(self.category[best]) if best >= 0 else NO_PATTERN
        return {
            "pattern": category, "weeks": self.weeks, "hot_cells": int(self.hot[cells].sum()), "cells": len(cells)
        }  # fmt: skip


def cell_state(history: History, grid: Grid) -> CellState | None:
    """Emerging categories and Gi* of weekly counts before the cutoff; None for a history of fewer than eight weeks."""
    weeks = int(min(MOST_WEEKS, history.days // 7))
    if weeks < LEAST_WEEKS or not len(grid):
        return None
    ago = (history.age_days // 7).astype(np.int64)
    used = (ago < weeks) & (history.weight > 0)
    counts = np.zeros((len(grid), weeks), dtype=np.int32)
    np.add.at(counts, (history.cell[used], weeks - 1 - ago[used]), 1)
    neighbours = grid.neighbours()
    found = emerging_hotspots(counts, neighbours)
    sums = local_g(counts.sum(axis=1), neighbours, fdr=0.05)
    return CellState(
        found["category"].to_numpy(dtype=object), found["last_z"].to_numpy(), sums.significant & (sums.z > 0), weeks
    )


@dataclass(frozen=True, eq=False)
class Situation:
    """`near_repeats`: the table of knox_table over the last `days` days, of `events` incidents. `key_times`: the fewest
    hours of the week that hold half of the history's incidents."""

    near_repeats: pd.DataFrame
    key_times: KeyTimes
    events: int
    days: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None."""
        rows = [
            {name: None if pd.isna(value) else round(float(value), 4) for name, value in row.items()}
            for row in self.near_repeats.to_dict("records")
        ]
        times = self.key_times
        return {
            "near_repeats": {"rows": rows, "days": self.days, "events": self.events},
            "key_times": {
                "windows": [list(window) for window in times.windows],
                "share": round(times.share, 4), "chance": round(times.chance, 4), "p_value": round(times.p_value, 4),
            },
        }  # fmt: skip


def situation(incidents: Incidents, history: History, *, categories: Mapping[str, str] | None = None) -> Situation:
    """Near repeats of the last 13 weeks and key times of the whole history, both before its cutoff.

    Incidents of categories that aren't used for hotspots, or that patrols found, don't count, nor dates without a time of
    day. Where the last weeks hold more than 6,000 incidents the latest of them are taken.
    """
    table = incidents.before(history.as_of).table
    used = (table["source"] != "patrol") & (table["time"] >= history.as_of - pd.Timedelta(days=REPEAT_DAYS))
    if categories is not None:
        used &= table["category"].isin([name for name, activity in categories.items() if activity])
    if "date_only" in table:
        used &= ~table["date_only"].astype(bool)
    recent = table[used].tail(MOST_EVENTS)
    age_days = (history.as_of - recent["time"]).dt.total_seconds().to_numpy() / 86_400.0
    try:
        repeats = knox_table(
            recent[["x", "y"]].to_numpy(), -age_days, metres=METRES, times=DAYS, permutations=PERMUTATIONS, seed=0
        )
    except ConfigError:  # too many pairs at so many places: no table is better than a plan that waits
        repeats = knox_table(np.empty((0, 2)), np.empty(0), metres=METRES, times=DAYS, permutations=0)
    by_hour = np.bincount(history.hours.bin, weights=history.hours.weight, minlength=HOURS_OF_WEEK)
    times = key_windows(by_hour, share=0.5, simulations=PERMUTATIONS, seed=0)
    days = round(float(age_days.max(initial=0.0)))
    return Situation(repeats, times, len(recent), days)
