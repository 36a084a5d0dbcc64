"""One forecast against what came: the sums that a backtest adds up over its cutoffs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.forecasting.history import History
from hotspot.forecasting.risk import Risk
from hotspot.metrics import flagged
from hotspot.times import HOURS_OF_WEEK

CURVE_SHARES = (0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
DECILES = 10
LEAST_SHARE = 1e-12

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What the patrols can cover: so many cell-hours a day, between two hours of the day (`hours`, half-open, may cross
    midnight)."""

    cell_hours_per_day: int
    hours: tuple[int, int] = (0, 24)


@dataclass(frozen=True, eq=False)
class Seen:
    """What happened inside a horizon. By piece (k,) of an incident: its `cell`, kept `hour` of the week and `weight`; by
    cell: `counts` (C,); for the budget `slot` (k,), hours since the cutoff."""

    cell: npt.NDArray[np.int64]
    hour: npt.NDArray[np.int64]
    weight: Floats
    slot: npt.NDArray[np.int64]
    counts: Floats

    @classmethod
    def of(cls, history: History, *, cells: int, horizon: pd.Timedelta) -> Seen:
        days = horizon / pd.Timedelta(days=1)
        rows = history.age_days <= days
        pieces = rows[history.hours.row]
        row, hour = history.hours.row[pieces], history.hours.bin[pieces].astype(np.int64)
        weight = history.weight[row] * history.hours.weight[pieces]
        since_h = np.floor((days - history.age_days) * 24.0 + 1e-9).astype(np.int64)
        own = np.zeros(len(history), dtype=np.int64)  # the first hour that each incident can have been in
        own[history.hours.row[::-1]] = history.hours.bin[::-1]
        counts = np.bincount(history.cell[rows], weights=history.weight[rows], minlength=cells).astype(float)
        return cls(history.cell[row], hour, weight, since_h[row] + (hour - own[row]) % HOURS_OF_WEEK, counts)


def scored(risk: Risk, seen: Seen, *, area_shares: Sequence[float], budget: Budget | None) -> Row:
    """Sums over one horizon: logs, hits, expectations; ratios are made of the sums over all cutoffs."""
    place = risk.expected.sum(axis=1)
    total = max(float(place.sum()), 1e-300)
    by_hour = np.zeros((len(place), HOURS_OF_WEEK))
    np.add.at(by_hour.T, risk.weekly_hour, risk.expected.T)
    log_place = seen.counts @ np.log(np.maximum(place / total, LEAST_SHARE))
    share = by_hour[seen.cell, seen.hour] / total
    log_hour = seen.weight @ np.log(np.maximum(share, LEAST_SHARE))
    area = risk.grid.cells["area_m2"].to_numpy(dtype=float)
    row: Row = {
        "incidents": float(seen.counts.sum()), "timed": float(seen.weight.sum()), "expected": float(place.sum()),
        "log_place": float(log_place), "log_hour": float(log_hour),
        "log_score": float(log_hour + seen.weight.sum() * np.log(total) - place.sum()),
    }  # fmt: skip
    for area_share in area_shares:
        chosen, best = flagged(place, area, area_share), flagged(seen.counts / area, area, area_share)
        row |= {
            f"hits_{area_share:g}": float(seen.counts[chosen].sum()), f"best_{area_share:g}": float(seen.counts[best].sum()),
            f"area_{area_share:g}": float(area[chosen].sum() / area.sum()),
        }  # fmt: skip
    if budget is not None:
        row |= _at_budget(risk, seen, budget)
    chosen_at = [flagged(place, area, share) for share in CURVE_SHARES]
    best_at = [flagged(seen.counts / area, area, share) for share in CURVE_SHARES]
    tenth = _tenths(place)
    return row | {
        "curve_hits": [float(seen.counts[chosen].sum()) for chosen in chosen_at],
        "curve_best": [float(seen.counts[chosen].sum()) for chosen in best_at],
        "curve_area": [float(area[chosen].sum() / area.sum()) for chosen in chosen_at],
        "decile_expected": np.bincount(tenth, weights=place, minlength=DECILES).tolist(),
        "decile_observed": np.bincount(tenth, weights=seen.counts, minlength=DECILES).tolist(),
    }


def _tenths(place: Floats) -> npt.NDArray[np.int64]:
    """(C,) which tenth of the expectation each cell is in, from the least risky up."""
    order = np.argsort(place, kind="stable")
    before = np.cumsum(place[order]) - place[order] / 2
    tenth = np.empty(len(place), dtype=np.int64)
    tenth[order] = np.minimum((before / max(float(place.sum()), 1e-300) * DECILES).astype(np.int64), DECILES - 1)
    return tenth


def _at_budget(risk: Risk, seen: Seen, budget: Budget) -> Row:
    """Incidents in the cell-hours that a day's patrols would cover, by the risk and at best."""
    low, high = budget.hours
    of_day = np.asarray(risk.starts.hour)
    open_slots = (of_day >= low) & (of_day < high) if low < high else (of_day >= low) | (of_day < high)
    day = np.asarray(risk.starts.normalize().asi8)
    slots = len(risk.starts)
    inside = (seen.slot >= 0) & (seen.slot < slots)
    inside[inside] = open_slots[seen.slot[inside]]
    happened = np.zeros(risk.expected.shape)
    np.add.at(happened, (seen.cell[inside], seen.slot[inside]), seen.weight[inside])
    hits = best = 0.0
    for each in np.unique(day[open_slots]):
        today = np.flatnonzero(open_slots & (day == each))
        expected, came = risk.expected[:, today].ravel(), happened[:, today].ravel()
        count = min(budget.cell_hours_per_day, len(expected))
        hits += float(came[np.argsort(-expected, kind="stable")[:count]].sum())
        best += float(np.sort(came)[-count:].sum())
    return {"budget_hits": hits, "budget_best": best, "budget_incidents": float(happened.sum())}
