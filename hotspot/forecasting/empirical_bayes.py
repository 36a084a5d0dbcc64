"""Risk model 5: gamma-Poisson empirical Bayes in place, Dirichlet-multinomial in time."""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse, special

from hotspot.forecasting.estimate import Estimate, Floats
from hotspot.forecasting.history import History
from hotspot.forecasting.profile import cell_profiles, district_profile
from hotspot.grid import Grid

HALF_LIFE_DAYS = 365.0  # one whole year of seasons weighs as much as everything before it
LOCAL_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)


def empirical_bayes(history: History, grid: Grid) -> Estimate:
    """Shrink each cell's recent rate toward its neighbourhood's, and its hours toward the district's.

    Incidents lose half their weight each year. A cell's rate has a gamma prior whose mean mixes its neighbours' rate with
    the district's and whose shape, like the mix, makes the counts seen most likely (negative binomial marginal;
    Clayton & Kaldor 1987, doi:10.2307/2532003, with the local mean of Marshall 1991, doi:10.2307/2347593).

    An empty history gives zero everywhere.
    """
    fade = 0.5 ** (history.age_days / HALF_LIFE_DAYS)
    weight = history.weight * fade
    weeks = _faded_weeks(history.days)
    counts = np.bincount(history.cell, weights=weight, minlength=len(grid)).astype(float)
    area = grid.cells["area_m2"].to_numpy() / grid.cell_m**2
    prior_mean, shape, local_share = _likeliest_prior(counts, area, weeks, _neighbour_rate(counts, area, grid))
    own_weight = weeks / (weeks + np.divide(shape, prior_mean, out=np.full(len(grid), np.inf), where=prior_mean > 0))
    profile, profile_rows = cell_profiles(history, weight, district_profile(history, weight), cells=len(grid))
    return Estimate(
        own_per_week=own_weight * counts / weeks,
        borrowed_per_week=(1 - own_weight) * prior_mean,
        profile=profile,
        place_shape=shape + counts,
        profile_rows=profile_rows,
        parameters={
            "half_life_days": HALF_LIFE_DAYS,
            "effective_weeks": weeks,
            "prior_shape": shape,
            "local_share": local_share,
        },
    )


def _faded_weeks(days: float) -> float:
    """The history's length in weeks when each past day weighs as its incidents do: the integral of the fading."""
    return float(HALF_LIFE_DAYS / np.log(2) * (1 - 0.5 ** (days / HALF_LIFE_DAYS)) / 7.0)


def _neighbour_rate(counts: Floats, area: Floats, grid: Grid) -> Floats:
    """Weighted count per full square among each cell's neighbours; the cell itself doesn't vote. NaN without any."""
    around = grid.neighbours()
    rows = np.repeat(np.arange(len(grid)), [len(cells) for cells in around])
    columns = np.concatenate([np.empty(0, dtype=np.int64), *around])
    touching = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(grid), len(grid)))
    near_area = np.asarray(touching @ area, dtype=float)
    rate: Floats = np.divide(
        np.asarray(touching @ counts, dtype=float), near_area, out=np.full(len(grid), np.nan), where=near_area > 0
    )
    return rate


def _likeliest_prior(counts: Floats, area: Floats, weeks: float, near: Floats) -> tuple[Floats, float, float]:
    """Prior mean per week (C,), its gamma shape and the share of the neighbourhood in it."""
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
    return area * (share * local + (1 - share) * everywhere) / weeks, shape, share
