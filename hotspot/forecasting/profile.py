"""The hours of the week: one profile for the district, each cell's own as far as its counts carry it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from hotspot.forecasting.history import History
from hotspot.grid import Grid
from hotspot.times import HOURS_OF_WEEK

AREA_M = 4000.0
HALF_LIVES_WEEKS = (52.0, 156.0)
HELD_OUT_WEEKS = 26
LEAST_WEEKS_TO_TUNE = 104
CONCENTRATIONS = np.array([1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 1e5])
ROUNDS = 30
CELL_HOURS = "cell hours"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hours:
    """`profile` (C, 168) shares of each cell's week, each row summing to 1; `rows` (C,) how many incidents it is worth
    (Dirichlet concentration); `parameters` says how they were found."""

    profile: Floats
    rows: Floats
    parameters: dict[str, Any]


def district_profile(history: History, weight: Floats, *, prior_rows: float = HOURS_OF_WEEK) -> Floats:
    """(168,) share of the week's incidents in each hour, summing to 1.

    The raw 168 shares are drawn toward hour-of-day x day-of-week by `prior_rows` incidents' worth, so that a short
    history isn't read as 168 separate facts. Recorded hours heap (18:00, midnight), so nothing is smoothed along the clock.
    An interval counts in each of its hours by the share of it that lies there, a date alone evenly over its day. No
    incidents give equal shares.
    """
    hours = history.hours
    counts = np.bincount(hours.bin, weights=weight[hours.row] * hours.weight, minlength=HOURS_OF_WEEK)
    profile: Floats = (counts + prior_rows * _separable(counts.astype(float))) / (counts.sum() + prior_rows)
    return profile


def _separable(counts: Floats) -> Floats:
    """(168,) hour-of-day x day-of-week, one incident's worth of evenness in each."""
    by_day_hour = counts.reshape(7, 24)
    by_day, by_hour = by_day_hour.sum(axis=1) + 1.0, by_day_hour.sum(axis=0) + 7.0 / 24.0
    return np.outer(by_day / by_day.sum(), by_hour / by_hour.sum()).ravel()


def district_hours(history: History, grid: Grid) -> Hours:
    """The same hours everywhere, from the whole history."""
    timed = float(history.weight[~history.hours.left_out].sum())
    profile = np.broadcast_to(district_profile(history, history.weight), (len(grid), HOURS_OF_WEEK))
    return Hours(profile, np.full(len(grid), timed + HOURS_OF_WEEK), {"hours": "district"})


def cell_hours(history: History, grid: Grid) -> Hours:
    """Each cell's hours: its categories' hours in the district, then its area's own, then its own.

    From the coarse to the fine (quarters of the day, three hours, the hour; weekday or weekend, the day; quarters of each
    day, the 168 hours) the shares are corrected by what was counted, at each step through a Dirichlet-multinomial whose
    concentration is a mixture with weights by EM, so that a cell with hours of its own keeps them and one with few
    incidents borrows all (Minka 2000, Estimating a Dirichlet distribution). Areas are squares of 4 km. Older incidents
    fade; of two half-lives the one that foretold the last half year best from the time before is taken.
    """
    if CELL_HOURS not in history.memo:
        half_life = HALF_LIVES_WEEKS[-1]
        if history.days >= 7 * LEAST_WEEKS_TO_TUNE:
            before = history.until(HELD_OUT_WEEKS)
            told = [
                held_out_score(hours_at(before, grid, half).profile, history, HELD_OUT_WEEKS)
                for half in HALF_LIVES_WEEKS
            ]
            half_life = HALF_LIVES_WEEKS[int(np.argmax(told))]
        history.memo[CELL_HOURS] = hours_at(history, grid, half_life)
    found: Hours = history.memo[CELL_HOURS]
    return found


def held_out_score(profile: Floats, history: History, weeks: int) -> float:
    """Weighted log share of the last `weeks` weeks' incidents in their cells' hours."""
    hours = history.hours
    weight = history.weight[hours.row] * hours.weight * (history.weeks_ago[hours.row] < weeks)
    return float(weight @ np.log(np.maximum(profile[history.cell[hours.row], hours.bin], 1e-300)))


def hours_at(history: History, grid: Grid, half_life_weeks: float) -> Hours:
    """`cell_hours` at a half-life that is given."""
    fade = history.weight * 0.5 ** (history.age_days / 7.0 / half_life_weeks)
    fade *= fade.sum() / max(float((fade**2).sum()), 1e-300)  # as many whole incidents as the faded ones are worth
    hours, cells = history.hours, len(grid)
    weight = fade[hours.row] * hours.weight
    flat = history.cell[hours.row] * HOURS_OF_WEEK + hours.bin
    counts = (
        np.bincount(flat, weights=weight, minlength=cells * HOURS_OF_WEEK).reshape(cells, HOURS_OF_WEEK).astype(float)
    )
    usual = _usualness(counts)
    mix, _ = category_mix(history, fade, cells)
    prior = mix @ category_hours(history, fade * usual[history.cell])
    area = _areas_of(grid)
    size = (counts.sum(axis=1) + 1e-3) * usual
    in_area = np.zeros((area.max(initial=-1) + 1, HOURS_OF_WEEK))
    prior_in_area = np.zeros_like(in_area)
    np.add.at(in_area, area, counts * usual[:, None])
    np.add.at(prior_in_area, area, prior * size[:, None])
    prior_in_area /= prior_in_area.sum(axis=1, keepdims=True)
    of_area, _ = coarse_to_fine(in_area, prior_in_area)
    prior = prior * (of_area / prior_in_area)[area]
    profile, spread = coarse_to_fine(counts, prior / prior.sum(axis=1, keepdims=True))
    # each hour's own worth in incidents, averaged as factors: a cell has one number for all of its hours
    worth = np.exp(np.log((1 - profile) / (profile * np.maximum(spread, 1e-9))).mean(axis=1))
    rows = 1.0 / (1.0 / np.maximum(worth, 1e-9) + 1.0 / (weight.sum() + HOURS_OF_WEEK))
    return Hours(profile, rows, {"hours": "cell", "hours_half_life_weeks": half_life_weeks})


def _usualness(counts: Floats) -> Floats:
    """(C,) how far each cell's quarters of days are those of the district: the part of its shares that it would borrow.

    A market that is busy on its own evenings has hours of its own; they must not become everyone's.
    """
    (quarters,) = steps()[2]
    prior = _by_bin(_separable(counts.sum(axis=0))[None], quarters)
    _, _, lent = _shrunk(_by_bin(counts, quarters), np.repeat(prior, len(counts), axis=0))
    return lent


def category_hours(history: History, weight: Floats) -> Floats:
    """(K, 168) the hours of each category in the whole district, drawn toward those of all; incidents count by `weight` (n,)."""
    names, code = history.kinds
    kinds = max(len(names), 1)
    hours = history.hours
    flat = code[hours.row] * HOURS_OF_WEEK + hours.bin
    by_kind = np.bincount(flat, weights=weight[hours.row] * hours.weight, minlength=kinds * HOURS_OF_WEEK).reshape(
        kinds, HOURS_OF_WEEK
    )
    total = by_kind.sum(axis=0, keepdims=True).astype(float)
    everywhere, _, _ = _shrunk(total, _separable(total[0])[None])
    shares, _ = coarse_to_fine(by_kind.astype(float), np.repeat(everywhere, kinds, axis=0))
    return shares


def category_mix(history: History, fade: Floats, cells: int) -> tuple[Floats, Floats]:
    """(C, K) the share of each category (as `history.kinds`) among a cell's incidents, drawn toward the district's, and its
    squared coefficient of variation."""
    names, code = history.kinds
    kinds = max(len(names), 1)
    flat = history.cell * kinds + code
    counts = np.bincount(flat, weights=fade, minlength=cells * kinds).reshape(cells, kinds).astype(float)
    overall = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * kinds)
    mix, spread, _ = _shrunk(counts, np.broadcast_to(overall, counts.shape))
    return mix, spread


def _areas_of(grid: Grid) -> Ints:
    side = max(1, round(AREA_M / grid.cell_m))
    key = (grid.column // side) * (int(grid.row.max(initial=0)) // side + 1) + grid.row // side
    area: Ints = np.unique(key, return_inverse=True)[1].astype(np.int64)
    return area


@cache
def steps() -> tuple[tuple[Ints, ...], ...]:
    """Chains from coarse to fine: (168,) which bin of a step each hour of the week lies in.

    The hour of the day, then the day, then quarters of each day, then the hour of the week itself.
    """
    hour = np.arange(HOURS_OF_WEEK)
    day, of_day = hour // 24, hour % 24
    return ((of_day // 6, of_day // 3, of_day), ((day >= 5).astype(np.int64), day), (day * 4 + of_day // 6,), (hour,))


def coarse_to_fine(counts: Floats, prior: Floats) -> tuple[Floats, Floats]:
    """Rows of `prior` (N, 168) corrected by `counts` (N, 168) at each step; and the squared coefficients of variation.

    A finer step of a chain holds the uncertainty of the coarser ones; chains add theirs.
    """
    profile, spread = np.array(prior, dtype=float), np.zeros(counts.shape)
    for chain in steps():
        for bins in chain:
            coarse = _by_bin(profile, bins)
            corrected, of_step, _ = _shrunk(_by_bin(counts, bins), coarse)
            profile *= (corrected / coarse)[:, bins]
        spread += of_step[:, bins]
    return profile, spread


def _by_bin(table: Floats, bins: Ints) -> Floats:
    """(N, B) sums of the columns in each bin."""
    if len(bins) == bins.max() + 1:
        return table
    return np.asarray(table @ np.eye(int(bins.max()) + 1)[bins])


def _shrunk(counts: Floats, prior: Floats) -> tuple[Floats, Floats, Floats]:
    """Posterior mean of each row's shares, its squared coefficient of variation, and (N,) the part that is borrowed.

    Rows of `counts` (N, B) are multinomial with Dirichlet priors around the rows of `prior`; the concentration of a row is
    one of CONCENTRATIONS, with probabilities that all rows share and EM finds.
    """
    total = counts.sum(axis=1)
    row, column = np.nonzero(counts)
    seen, expected = counts[row, column], prior[row, column]
    likely = np.empty((len(CONCENTRATIONS), len(counts)))
    for k, c in enumerate(CONCENTRATIONS):
        each = special.gammaln(c * expected + seen) - special.gammaln(c * expected)
        likely[k] = special.gammaln(c) - special.gammaln(c + total) + np.bincount(row, each, minlength=len(counts))
    likely = np.exp(likely - likely.max(axis=0))
    share = np.full(len(CONCENTRATIONS), 1.0 / len(CONCENTRATIONS))
    for _ in range(ROUNDS):
        mine = likely * share[:, None]
        mine /= mine.sum(axis=0)
        share = mine.mean(axis=1)
    # the mean of the mixture is linear in counts and prior; so are the parts of its variance
    rows = total + CONCENTRATIONS[:, None]
    own, lent = (mine / rows).sum(axis=0)[:, None], (mine * CONCENTRATIONS[:, None] / rows).sum(axis=0)[:, None]
    mean = own * counts + lent * prior
    # the mixture has long tails: its ordinary width, not the variance that a small share of loose priors makes
    within = np.exp(-(mine * np.log(rows + 1.0)).sum(axis=0))[:, None] * mean * (1.0 - mean)
    # how far the mixture's parts lie apart: each is prior + (counts - total prior) / rows
    pull = 1.0 / rows
    apart = ((mine * pull**2).sum(axis=0) - (mine * pull).sum(axis=0) ** 2)[:, None]
    between = apart * (counts - total[:, None] * prior) ** 2
    return mean, np.maximum(within + between, 0.0) / np.maximum(mean, 1e-12) ** 2, lent[:, 0]
