"""How many incidents the district may expect a week: the level that every model but the yardstick is brought to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HALF_LIVES_WEEKS = (2.0, 4.0, 8.0, 16.0, 32.0)
SEASON_SHARES = (0.0, 0.5, 1.0)
YEAR_WEEKS = 52
JUDGED_WEEKS = 104
LEAST_JUDGED = 8
PRIOR_WEEKS = 2.0  # a new history's own mean stands in for so many weeks before it


@dataclass(frozen=True)
class Level:
    """`per_week` incidents expected, the squared coefficient of variation of that expectation, and how it was found.

    `half_life_weeks` of the smoothing, `season_share` of last year's change from now to the coming week that is taken over.
    """

    per_week: float
    relative_variance: float
    half_life_weeks: float
    season_share: float


def expected_level(totals: Floats, exposure: Floats) -> Level:
    """Exponential smoothing of the weekly totals (W,), with a share of last year's change where it helped before.

    Half-life and share are those with the least one-week-ahead Poisson deviance over the last two years. What the deviations
    exceed the Poisson's by is the relative variance. Weeks without exposure are left out. No incidents give 0.
    """
    seen = exposure > 0
    if not totals[seen].sum():
        return Level(0.0, 0.0, HALF_LIVES_WEEKS[-1], 0.0)
    judged = np.flatnonzero(seen)[-JUDGED_WEEKS:]
    judged = judged[judged >= LEAST_JUDGED]
    smoothed = {half: smooth(totals, exposure, half) for half in HALF_LIVES_WEEKS}
    if len(judged) < LEAST_JUDGED:
        half = HALF_LIVES_WEEKS[-2]
        return Level(float(smoothed[half][-1]), 1.0 / max(float(totals.sum()), 1.0), half, 0.0)
    shares = SEASON_SHARES if seen.sum() >= 2 * YEAR_WEEKS else SEASON_SHARES[:1]
    best: tuple[float, float, float, Floats] | None = None
    for half, share in product(HALF_LIVES_WEEKS, shares):
        forecast = smoothed[half] * last_years_change(totals, exposure, smoothed[half]) ** share
        mean = np.maximum(forecast[judged], 1e-9)
        deviance = float((mean - totals[judged] * np.log(mean)).sum())
        if best is None or deviance < best[0] - 1e-9:
            best = (deviance, half, share, forecast)
    assert best is not None
    _, half, share, forecast = best
    mean = np.maximum(forecast[judged], 1e-9)
    excess = float(((totals[judged] - mean) ** 2 - mean).mean() / (mean**2).mean())
    return Level(float(forecast[-1]), max(excess, 1.0 / float(totals.sum())), half, share)


def smooth(totals: Floats, exposure: Floats, half_life_weeks: float) -> Floats:
    """(W + 1,) the smoothed weekly level at the start of each week and at the cutoff, from the weeks before alone."""
    keep = 0.5 ** (1.0 / half_life_weeks)
    start = float(totals.sum() / exposure.sum()) if len(totals) < LEAST_JUDGED else float(totals[:LEAST_JUDGED].mean())
    seen, weight = PRIOR_WEEKS * start, PRIOR_WEEKS
    out = np.empty(len(totals) + 1)
    for week in range(len(totals)):
        out[week] = seen / weight
        seen, weight = seen * keep + totals[week], weight * keep + exposure[week]
    out[-1] = seen / weight
    return out


def last_years_change(totals: Floats, exposure: Floats, smoothed: Floats) -> Floats:
    """(W + 1,) what the same five weeks brought a year ago over the smoothed level of that time; 1 where that isn't known."""
    change = np.ones(len(smoothed))
    sums = np.concatenate([[0.0], np.cumsum(totals)])
    weeks = np.concatenate([[0.0], np.cumsum(exposure)])
    for week in range(YEAR_WEEKS + 2, len(smoothed)):
        ago = week - YEAR_WEEKS
        low, high = ago - 2, min(ago + 3, len(totals))
        known = weeks[high] - weeks[low]
        if known >= 3 and smoothed[ago] > 0:
            change[week] = (sums[high] - sums[low]) / known / smoothed[ago]
    return np.clip(change, 0.25, 4.0)
