"""Risk model 1, the yardstick: the same places as ever, at the district's hours."""

from __future__ import annotations

import numpy as np

from hotspot.forecasting.estimate import HOURS_OF_WEEK, Estimate
from hotspot.forecasting.history import History
from hotspot.forecasting.profile import district_profile
from hotspot.grid import Grid

SPREAD_SHARE = 0.01  # of the total, over all cells by area: a cell that was always empty isn't impossible


def long_run_counts(history: History, grid: Grid) -> Estimate:
    """Mean weekly count of each cell over the whole history, 1 % of the total spread over the area.

    An empty history gives zero everywhere.
    """
    weeks = history.days / 7.0
    counts = np.bincount(history.cell, weights=history.weight, minlength=len(grid)).astype(float)
    area_share = grid.cells["area_m2"].to_numpy() / grid.area_m2
    profile = district_profile(history, history.weight)
    return Estimate(
        own_per_week=(1 - SPREAD_SHARE) * counts / weeks,
        borrowed_per_week=SPREAD_SHARE * counts.sum() * area_share / weeks,
        profile=np.broadcast_to(profile, (len(grid), HOURS_OF_WEEK)),
        place_shape=counts + 0.5,
        profile_rows=np.full(len(grid), float(history.weight[~history.hours.left_out].sum()) + HOURS_OF_WEEK),
        parameters={"weeks": weeks, "spread_share": SPREAD_SHARE},
    )
