"""Risk model 6: gamma-Poisson empirical Bayes in place, Dirichlet-multinomial in time."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.memory import effective_counts, fading, kept_up, likely_half_life, touching
from hotspot.grid import Grid

LOCAL_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)


def shrunk_rates(history: History, grid: Grid) -> Estimate:
    """Shrink each cell's recent rate toward its neighbourhood's, and its hours toward its area's and categories'.

    Incidents lose half their weight each half-life, which is chosen as for recency-weighted counts, and those of a category
    that became rarer lose with it. A cell's rate has a
    gamma prior whose mean mixes its neighbours' rate with the district's and whose shape, like the mix, makes the counts
    seen most likely (negative binomial marginal; Clayton & Kaldor 1987, doi:10.2307/2532003, with the local mean of
    Marshall 1991, doi:10.2307/2347593). Faded counts enter as the whole incidents that they are worth.

    An empty history gives zero everywhere.
    """
    half_life = likely_half_life(history, grid)
    weeks = kept_up(history, len(grid), half_life)
    fade = fading(len(weeks), half_life)
    used = fade * weeks.exposure
    seen_weeks = float(used.sum()) ** 2 / max(float((fade * used).sum()), 1e-300)
    counts = effective_counts(weeks, fade)
    area = grid.cells["area_m2"].to_numpy() / grid.cell_m**2
    prior_mean, shape, local_share = likeliest_prior(counts, area, neighbour_rate(counts, area, grid))
    lent = np.divide(shape, shape + prior_mean, out=np.zeros(len(grid)), where=prior_mean > 0)
    return estimate_of(
        (1.0 - lent) * counts, history, grid, borrowed=lent * prior_mean, place_shape=shape + counts,
        parameters={
            "half_life_weeks": half_life, "effective_weeks": seen_weeks, "prior_shape": shape, "local_share": local_share,
        },
    )  # fmt: skip


def neighbour_rate(counts: Floats, area: Floats, grid: Grid) -> Floats:
    """Weighted count per full square among each cell's neighbours; the cell itself doesn't vote. NaN without any."""
    near = touching(grid)
    near_area = np.asarray(near @ area, dtype=float)
    rate: Floats = np.divide(
        np.asarray(near @ counts, dtype=float), near_area, out=np.full(len(grid), np.nan), where=near_area > 0
    )
    return rate


def likeliest_prior(counts: Floats, area: Floats, near: Floats) -> tuple[Floats, float, float]:
    """Prior mean count (C,), its gamma shape and the share of the neighbourhood in it."""
    everywhere = counts.sum() / area.sum() if counts.sum() else 0.0
    if everywhere == 0.0:
        return np.zeros(len(counts)), 1.0, 0.0
    local = np.where(np.isfinite(near), near, everywhere)
    best = (np.inf, 0.0, 0.0)
    for share in LOCAL_SHARES:
        mean = area * (share * local + (1 - share) * everywhere)

        def cost(log_shape: float, mean: Floats = mean) -> float:
            k = np.exp(log_shape)
            seen = special.gammaln(k + counts) - special.gammaln(k)
            return -float((seen + k * np.log(k / (k + mean)) + counts * np.log(mean / (k + mean))).sum())

        found = optimize.minimize_scalar(cost, bounds=(np.log(1e-2), np.log(1e3)), method="bounded")
        best = min(best, (float(found.fun), float(np.exp(found.x)), share))
    _, shape, share = best
    return area * (share * local + (1 - share) * everywhere), shape, share
