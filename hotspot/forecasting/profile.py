"""The hours of the week: one profile for the district, and each cell's own as far as its counts carry it."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from hotspot.forecasting.estimate import HOURS_OF_WEEK, Floats
from hotspot.forecasting.history import History


def district_profile(history: History, weight: Floats, *, prior_rows: float = HOURS_OF_WEEK) -> Floats:
    """(168,) share of the week's incidents in each hour, summing to 1.

    The raw 168 shares are drawn toward hour-of-day x day-of-week by `prior_rows` incidents' worth, so that a short
    history isn't read as 168 separate facts. Recorded hours heap (18:00, midnight), so nothing is smoothed along the clock.
    An interval counts in each of its hours by the share of it that lies there, a date alone evenly over its day. No
    incidents give equal shares.
    """
    hours = history.hours
    counts = np.bincount(hours.bin, weights=weight[hours.row] * hours.weight, minlength=HOURS_OF_WEEK)
    by_day_hour = counts.reshape(7, 24)
    by_day, by_hour = by_day_hour.sum(axis=1) + 1.0, by_day_hour.sum(axis=0) + 7.0 / 24.0
    separable = np.outer(by_day / by_day.sum(), by_hour / by_hour.sum()).ravel()
    profile: Floats = (counts + prior_rows * separable) / (counts.sum() + prior_rows)
    return profile


def cell_profiles(history: History, weight: Floats, district: Floats, *, cells: int) -> tuple[Floats, Floats]:
    """Each cell's profile (C, 168), shrunk toward the district's, and how many incidents each is worth (C,).

    Counts of a cell are multinomial with a Dirichlet prior around the district's profile; the one concentration is the
    one that makes the counts seen most likely (Dirichlet-multinomial, Minka 2000). With no counts it is the prior alone.
    """
    hours = history.hours
    flat = history.cell[hours.row] * HOURS_OF_WEEK + hours.bin
    counts = (
        np.bincount(flat, weights=weight[hours.row] * hours.weight, minlength=cells * HOURS_OF_WEEK)
        .reshape(cells, HOURS_OF_WEEK)
        .astype(float)
    )
    concentration = _likeliest_concentration(counts, district)
    rows = counts.sum(axis=1) + concentration
    return (counts + concentration * district) / rows[:, None], rows


def _likeliest_concentration(counts: Floats, district: Floats) -> float:
    total = counts.sum(axis=1)
    cell, hour = np.nonzero(counts)
    seen, prior = counts[cell, hour], district[hour]

    def cost(log_concentration: float) -> float:
        c = np.exp(log_concentration)
        places = special.gammaln(c) - special.gammaln(c + total)
        hours = special.gammaln(c * prior + seen) - special.gammaln(c * prior)
        return -float(places.sum() + hours.sum())

    if not len(seen):
        return float(HOURS_OF_WEEK)
    found = optimize.minimize_scalar(cost, bounds=(np.log(1.0), np.log(1e6)), method="bounded")
    return float(np.exp(found.x))
