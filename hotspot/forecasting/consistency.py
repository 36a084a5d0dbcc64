"""Risk model 5: how steadily a place is hit over the long run, and how much of late."""

from __future__ import annotations

import numpy as np

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.memory import fading
from hotspot.forecasting.profile import district_hours
from hotspot.forecasting.stacking import likeliest_shares
from hotspot.grid import Grid

STEADY_WEEKS, RECENT_WEEKS, JUDGED_WEEKS = 104, 8, 13


def consistency_recency(history: History, grid: Grid) -> Estimate:
    """A mixture of long-run counts, of the share of weeks in which a cell was hit at all, and of the last weeks' counts.

    After Lee, O & Eck (2020), A theory-driven algorithm for real-time crime hot spot forecasting, Police Quarterly 23(2),
    174-201, doi:10.1177/1098611119887809, who rank places by consistency and recency; here their weights, and that of an
    even spread, are those that made the last quarter likeliest. Zero everywhere without incidents.
    """
    counts = history.weeks(len(grid)).counts
    judged = min(JUDGED_WEEKS, counts.shape[1] // 2)
    before, after = counts[:, : counts.shape[1] - judged], counts[:, counts.shape[1] - judged :]
    share = likeliest_shares(_parts(before, grid), after.sum(axis=1))
    now = share[:, None] * _parts(counts, grid)
    known = counts.any()
    return estimate_of(
        now[:3].sum(axis=0) * known, history, grid, borrowed=now[3] * known, hours=district_hours(history, grid),
        parameters=dict(zip(("long_run", "consistency", "recency", "even"), share.round(4).tolist(), strict=True)),
    )  # fmt: skip


def _parts(counts: Floats, grid: Grid) -> Floats:
    """(4, C) shares of the district by each reading; even where there is nothing to read."""
    area = grid.cells["area_m2"].to_numpy() / grid.area_m2
    hit = (counts[:, -STEADY_WEEKS:] > 0).sum(axis=1).astype(float)
    readings = (counts.sum(axis=1), hit, counts @ fading(counts.shape[1], RECENT_WEEKS))
    return np.stack([*(each / each.sum() if each.sum() > 0 else area for each in readings), area])
