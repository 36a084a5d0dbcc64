"""Risk model 9: a mixture of the models before it, weighed by how well they foretold the last quarter."""

from __future__ import annotations

import numpy as np

from hotspot.forecasting.boosting import boosted, enough_for_boosting
from hotspot.forecasting.empirical_bayes import shrunk_rates
from hotspot.forecasting.estimate import Estimate, Floats, RiskModel, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.kernel import smoothed_counts
from hotspot.forecasting.recency import recency_weighted
from hotspot.forecasting.self_exciting import fading_mixture
from hotspot.forecasting.stacking import likeliest_shares
from hotspot.grid import Grid

HELD_OUT_WEEKS = 13
LEAST_WEEKS = 39


def stacked(history: History, grid: Grid) -> Estimate:
    """Stacked shares: weights that make the last 13 weeks likeliest, foretold by each member from the time before.

    Breiman (1996), Stacked regressions, Machine Learning 24, 49-64, for shares: a mixture, so weights are at least 0 and sum
    to 1. A history below 39 weeks has no weeks to spare and gives empirical Bayes alone.
    """
    members: dict[str, RiskModel] = {"empirical_bayes": shrunk_rates}
    if history.days >= 7 * LEAST_WEEKS:
        members |= {"recency": recency_weighted, "kernel": smoothed_counts, "self_exciting": fading_mixture}
        members |= {"boosting": boosted} if enough_for_boosting(history.until(HELD_OUT_WEEKS)) else {}
    now = [model(history, grid) for model in members.values()]
    share = np.ones(1)
    if len(members) > 1:
        before = history.until(HELD_OUT_WEEKS)
        then = np.stack([_shares(model(before, grid)) for model in members.values()])
        recent = history.age_days < 7 * HELD_OUT_WEEKS
        seen = np.bincount(history.cell[recent], weights=history.weight[recent], minlength=len(grid))
        share = likeliest_shares(then, seen.astype(float))
    own = sum(weight * each.own_per_week for weight, each in zip(share, now, strict=True))
    borrowed = sum(weight * each.borrowed_per_week for weight, each in zip(share, now, strict=True))
    return estimate_of(
        np.asarray(own), history, grid, borrowed=np.asarray(borrowed),
        parameters={"weights": dict(zip(members, share.round(4).tolist(), strict=True))},
    )  # fmt: skip


def _shares(estimate: Estimate) -> Floats:
    total = estimate.per_week.sum()
    return estimate.per_week / total if total > 0 else estimate.per_week
