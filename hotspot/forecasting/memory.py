"""What past incidents leave behind: exponentially fading counts of each cell, in time linear in incidents and weeks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.forecasting.history import History, Weeks
from hotspot.grid import Grid

HALF_LIVES_WEEKS = (4.0, 8.0, 13.0, 26.0, 39.0, 52.0, 78.0, 104.0, 1000.0)
JUDGED_WEEKS = 52
LEAST_WEEKS = 26  # of history before a week is judged
HALF_LIFE = "half-life"
LATE_WEEKS, PRIOR_INCIDENTS = 8.0, 20.0
DISPERSION_WEEKS, LEAST_RATE, MOST_DISPERSION = 26, 0.5, 10.0

Floats = npt.NDArray[np.float64]


def faded(counts: Floats, half_life_weeks: float) -> Floats:
    """(C, W + 1) what is left of a cell's counts (C, W) at the start of each week and at the cutoff.

    An incident weighs 1/2 after one half-life; within its own week it is as old as half a week. The recursion
    S(w + 1) = S(w) 2^(-1/h) + n(w) 2^(-1/2h) visits each week once.

    >>> faded(np.array([[8.0, 0.0]]), half_life_weeks=1.0).round(3).tolist()
    [[0.0, 5.657, 2.828]]
    """
    keep, fresh = 0.5 ** (1.0 / half_life_weeks), 0.5 ** (0.5 / half_life_weeks)
    by_week = np.ascontiguousarray(counts.T)  # a week's cells side by side: the recursion goes from week to week
    out = np.zeros((len(by_week) + 1, len(counts)))
    for week, added in enumerate(by_week):
        out[week + 1] = out[week] * keep + added * fresh
    return out.T


def fading(weeks: int, half_life_weeks: float) -> Floats:
    """(W,) the weight of each of the last `weeks` weeks at the cutoff, oldest first."""
    age = np.arange(weeks - 1, -1, -1) + 0.5
    return np.asarray(0.5 ** (age / half_life_weeks), dtype=float)


def touching(grid: Grid) -> sparse.csr_array:
    """(C, C) 1 where two cells touch."""
    around = grid.neighbours()
    rows = np.repeat(np.arange(len(grid)), [len(cells) for cells in around])
    columns = np.concatenate([np.empty(0, dtype=np.int64), *around])
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(grid), len(grid)))


def likely_half_life(history: History, grid: Grid) -> float:
    """The half-life whose shares made the last year's weeks likeliest, each foretold from the weeks before it.

    A history of less than half a year has nothing to judge by and gets a year.
    """
    if HALF_LIFE not in history.memo:
        history.memo[HALF_LIFE] = _likely_half_life(history.weeks(len(grid)), grid)
    return float(history.memo[HALF_LIFE])


def _likely_half_life(weeks: Weeks, grid: Grid) -> float:
    judged = [week for week in range(len(weeks)) if week >= max(LEAST_WEEKS, len(weeks) - JUDGED_WEEKS)]
    cell, column = np.nonzero(weeks.counts[:, judged]) if judged else (np.empty(0, int), np.empty(0, int))
    if not len(cell):
        return 52.0
    week = np.array(judged)[column]
    seen = weeks.counts[cell, week]
    area = grid.cells["area_m2"].to_numpy() / grid.area_m2

    def likelihood(half_life: float) -> float:
        left = faded(weeks.counts, half_life)
        share = left[cell, week] / np.maximum(left.sum(axis=0)[week], 1e-300)
        return float(seen @ np.log(0.99 * share + 0.01 * area[cell]))

    return max(HALF_LIVES_WEEKS, key=likelihood)


def effective_counts(weeks: Weeks, weight: Floats) -> Floats:
    """(C,) how many whole incidents the weighted counts are worth: the weights w of n weeks are those of (sum w)^2 / sum w^2."""
    used = weight * weeks.exposure
    square = float((weight * used).sum())
    worth: Floats = (weeks.counts @ weight) * (float(used.sum()) / square if square > 0 else 0.0)
    return worth


def dispersion(weeks: Weeks, half_life_weeks: float) -> float:
    """How much more the weekly counts of busy cells vary about their fading mean than a Poisson's would; 1 to 10.

    Over the last half year of cells with an incident every other week or more; 1 where there is nothing to judge by.
    """
    first = max(LEAST_WEEKS, len(weeks) - DISPERSION_WEEKS)
    judged = np.arange(first, len(weeks))[weeks.exposure[first:] > 0]
    if not len(judged):
        return 1.0
    memory = 1.0 / (1.0 - 0.5 ** (1.0 / half_life_weeks))
    mean = faded(weeks.counts, half_life_weeks)[:, judged] / min(memory, float(first))
    level = weeks.counts[:, judged].sum(axis=0) / np.maximum(mean.sum(axis=0), 1e-300)
    mean = mean * level
    busy = mean >= LEAST_RATE
    if not busy.any():
        return 1.0
    excess = ((weeks.counts[:, judged] - mean) ** 2)[busy].sum() / mean[busy].sum()
    return float(np.clip(excess / (1.0 + 1.0 / (2.0 * memory)), 1.0, MOST_DISPERSION))


def kept_up(history: History, cells: int, half_life_weeks: float) -> Weeks:
    """The weeks with each category's incidents multiplied by how much more frequent it is of late than over the memory.

    Of late: the last weeks at a half-life of 8, or the memory's if that is shorter; drawn toward no change by 20 incidents.
    """
    whole = history.weeks(cells)
    count = len(whole)
    long, short = fading(count, half_life_weeks), fading(count, min(half_life_weeks, LATE_WEEKS))
    seen_long, seen_short = float((long * whole.exposure).sum()), float((short * whole.exposure).sum())
    _, code = history.kinds
    column = count - 1 - history.weeks_ago
    used = column >= 0
    totals = np.zeros((int(code.max(initial=-1)) + 1, count))
    np.add.at(totals, (code[used], column[used]), history.weight[used])
    expected = totals @ long * (seen_short / max(seen_long, 1e-300))
    factor = (totals @ short + PRIOR_INCIDENTS) / (expected + PRIOR_INCIDENTS)
    counts = np.zeros_like(whole.counts)
    np.add.at(counts, (history.cell[used], column[used]), (history.weight * factor[code])[used])
    return Weeks(counts, whole.exposure)
