"""Risk model 1, the yardsticks: the same places as ever, and as last year, at the district's hours."""

from __future__ import annotations

import numpy as np

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.profile import district_hours
from hotspot.grid import Grid

SPREAD_SHARE = 0.01  # of the total, over all cells by area: a cell that was always empty isn't impossible


def long_run_counts(history: History, grid: Grid) -> Estimate:
    """Mean weekly count of each cell over the whole history, 1 % of the total spread over the area.

    An empty history gives zero everywhere.
    """
    weeks = max(history.days / 7.0 - float((history.weeks(len(grid)).exposure == 0).sum()), 1.0 / 7.0)
    counts = np.bincount(history.cell, weights=history.weight, minlength=len(grid)).astype(float)
    own, borrowed = spread_a_little(counts / weeks, grid)
    hours = district_hours(history, grid)
    return Estimate(
        own_per_week=own,
        borrowed_per_week=borrowed,
        profile=hours.profile,
        place_shape=counts + 0.5,
        profile_rows=hours.rows,
        parameters={"weeks": weeks, "spread_share": SPREAD_SHARE} | hours.parameters,
    )


def last_year(history: History, grid: Grid) -> Estimate:
    """The same places as last year: counts of the last 52 weeks, 1 % of the total spread over the area."""
    counts = history.weeks(len(grid)).counts[:, -52:].sum(axis=1)
    own, borrowed = spread_a_little(counts, grid)
    return estimate_of(
        own, history, grid, borrowed=borrowed, place_shape=counts + 0.5, hours=district_hours(history, grid)
    )


def spread_a_little(rates: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Rates with 1 % of their sum taken away, and that sum spread over the cells by area."""
    area = grid.cells["area_m2"].to_numpy() / grid.area_m2
    return (1 - SPREAD_SHARE) * rates, SPREAD_SHARE * rates.sum() * area
