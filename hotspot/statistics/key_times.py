"""Hours of the week: how many incidents each has had, with intervals, and the fewest that hold a share of them.

Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442: the exact interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.statistics.chance import Floats
from hotspot.tails import chi2_quantile
from hotspot.times import HOURS_OF_WEEK, hour_of_week

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, eq=False)
class KeyTimes:
    """`windows`: runs of hours as (first, last + 1), in order; `hours` (H,) whether each is in one; the `share` of incidents
    that they hold, what that many hours hold by `chance` at best on average, and `p_value` = P(chance >= share)."""

    windows: tuple[tuple[int, int], ...]
    hours: npt.NDArray[np.bool_]
    share: float
    chance: float
    p_value: float

    def summary(self) -> str:
        return (
            f"{int(self.hours.sum())} of {len(self.hours)} hours hold {self.share:.0%} of the incidents, "
            f"{self.chance:.0%} by chance (p = {self.p_value:.3f})"
        )


def hour_of_week_table(
    times: pd.DatetimeIndex, *, weights: npt.ArrayLike | None = None, level: float = 0.9
) -> pd.DataFrame:
    """One row per hour of the week (168, Monday 0:00 first): `hour, day, clock, incidents, lower, upper, exposure_h, rate`.

    `times` in local time; NaT is left out. `weights` (n,) for incidents that are spread over hours. The interval is the exact
    Poisson one. `exposure_h` counts the hours of that name between the first and the last local midnight, 23- and 25-hour
    days included; `rate` is incidents per hour of exposure (NaN without any).
    """
    known = np.asarray(times.notna())
    index = times[known]
    mass = np.ones(len(index)) if weights is None else np.asarray(weights, dtype=np.float64)[known]
    counts = np.bincount(hour_of_week(index), weights=mass, minlength=HOURS_OF_WEEK)
    low, high = poisson_interval(counts, level=level)
    exposure = _exposure(index)
    hour = np.arange(HOURS_OF_WEEK)
    rate = np.divide(counts, exposure, out=np.full(HOURS_OF_WEEK, np.nan), where=exposure > 0)
    return pd.DataFrame(
        {"hour": hour, "day": [DAYS[h // 24] for h in hour], "clock": hour % 24, "incidents": counts}
        | {"lower": low, "upper": high, "exposure_h": exposure, "rate": rate}
    )


def poisson_interval(counts: npt.ArrayLike, *, level: float = 0.9) -> tuple[Floats, Floats]:
    """Garwood's exact interval of each count's expectation.

    >>> [bound.round(3).tolist() for bound in poisson_interval([0, 10])]
    [[0.0, 5.425], [2.996, 16.962]]
    """
    k = np.asarray(counts, dtype=np.float64)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        lower = np.where(k > 0, chi2_quantile(tail, 2 * k) / 2, 0.0)
    return lower, np.asarray(chi2_quantile(1 - tail, 2 * k + 2) / 2, dtype=np.float64)


def key_windows(
    counts: npt.ArrayLike,
    *,
    share: float = 0.5,
    least_h: int = 2,
    exposure: npt.ArrayLike | None = None,
    simulations: int = 999,
    seed: int | None = None,
) -> KeyTimes:
    """The fewest hours, in runs of at least `least_h`, that hold `share` of the incidents in `counts` (H,), a ring of hours.

    Found greedily: the run that holds most per hour is taken, then extended or joined by the next. The share is tested
    against incidents that fall on the hours by `exposure` (even, if None) alone: the best windows of as many hours are
    picked in each simulated week as well, so that picking the peak isn't taken for one. p is (k + 1) / (R + 1). Without
    incidents there is no window, p is 1.
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 1 or not 0 < share <= 1 or not 1 <= least_h <= max(len(table), 1):
        raise ConfigError(
            f"share = {share}, least_h = {least_h} can't be for {table.shape} hours; fix: give a share above 0 and up to 1"
        )
    total = float(table.sum())
    if total <= 0:
        return KeyTimes((), np.zeros(len(table), dtype=bool), 0.0, 0.0, 1.0)
    hours = _fewest(table, share * total, least_h)
    held = float(table[hours].sum()) / total
    even = np.ones(len(table)) if exposure is None else np.asarray(exposure, dtype=np.float64)
    rng = np.random.default_rng(seed)
    size, chances = int(hours.sum()), np.empty(simulations)
    for r in range(simulations):
        week = rng.multinomial(round(total), even / even.sum()).astype(np.float64)
        chances[r] = week[_best_of(week, size, least_h)].sum() / max(round(total), 1)
    p = (int((chances >= held - 1e-12).sum()) + 1) / (simulations + 1)
    return KeyTimes(_runs(hours), hours, held, float(chances.mean()) if simulations else float("nan"), p)


def _fewest(table: Floats, wanted: float, least: int) -> npt.NDArray[np.bool_]:
    return _grown(table, least, lambda hours: bool(table[hours].sum() >= wanted - 1e-9))


def _best_of(table: Floats, size: int, least: int) -> npt.NDArray[np.bool_]:
    return _grown(table, least, lambda hours: int(hours.sum()) >= size)


def _grown(table: Floats, least: int, enough: Callable[[npt.NDArray[np.bool_]], bool]) -> npt.NDArray[np.bool_]:
    """Runs of hours on a ring, the best per hour first: a new run of `least` hours, or one hour more at an end of one."""
    n = len(table)
    hours = np.zeros(n, dtype=bool)
    double = np.r_[0.0, np.cumsum(np.r_[table, table])]
    runs = double[least : n + least] - double[:n]
    while not hours.all() and not enough(hours):
        free = ~hours
        beside = free & (np.roll(hours, 1) | np.roll(hours, -1))
        best_more = int(np.argmax(np.where(beside, table, -1.0))) if beside.any() else -1
        clear = _clear(hours, least)
        best_new = int(np.argmax(np.where(clear, runs, -1.0))) if clear.any() else -1
        more = table[best_more] if best_more >= 0 else -1.0
        new = runs[best_new] / least if best_new >= 0 else -1.0
        if new > more:
            hours[(best_new + np.arange(least)) % n] = True
        else:
            hours[best_more] = True
    return hours


def _clear(hours: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """Where a run of `least` free hours begins."""
    n = len(hours)
    taken = np.r_[0, np.cumsum(np.r_[hours, hours])]
    found: npt.NDArray[np.bool_] = taken[least : n + least] - taken[:n] == 0
    return found


def _runs(hours: npt.NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """(first, last + 1) of each run; one over the ring's seam ends beyond its length."""
    n = len(hours)
    if hours.all():
        return ((0, n),)
    starts = np.flatnonzero(hours & ~np.roll(hours, 1))
    return tuple((int(s), int(s) + int(np.argmin(np.roll(hours, -int(s))))) for s in starts)


def _exposure(times: pd.DatetimeIndex) -> Floats:
    if not len(times):
        return np.zeros(HOURS_OF_WEEK)
    first, last = times.min().normalize(), times.max().normalize() + pd.DateOffset(days=1)
    hours = pd.date_range(first, last, freq="h", inclusive="left")
    return np.bincount(hour_of_week(hours), minlength=HOURS_OF_WEEK).astype(np.float64)
