"""Risk model 8: gradient-boosted trees that correct the self-exciting mixture, week by week.

Poisson gradient boosting (Friedman 2001, Greedy function approximation, Annals of Statistics 29(5)) by scikit-learn's
histogram trees. The mixture is the offset: a tree learns what to multiply it by. With y / offset as the target and the offset
as the weight the Poisson deviance is that of y with the offset, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.memory import faded, touching
from hotspot.forecasting.self_exciting import background
from hotspot.grid import Grid

FIRST_WEEK = 60  # from here on a year ago is known
MOST_ROWS = 400_000
LEAST_WEEKS, LEAST_INCIDENTS = 104, 2000
OWN_WEEKS, AROUND_WEEKS = (1.0, 4.0, 13.0, 26.0, 52.0, 156.0), (4.0, 26.0, 156.0)
MIX_WEEKS = (8.0, 52.0)
MOST_CATEGORIES = 8
YEAR_WEEKS = 365.25 / 7.0
TREES = {
    "learning_rate": 0.05, "max_iter": 80, "max_leaf_nodes": 15, "min_samples_leaf": 500, "l2_regularization": 10.0,
    "max_features": 0.3, "early_stopping": False, "random_state": 0,
}  # fmt: skip
SEEDS = (0,)


def enough_for_boosting(history: History) -> bool:
    """Whether there are two years and 2,000 incidents to learn from."""
    return history.days >= 7 * LEAST_WEEKS and float(history.weight.sum()) >= LEAST_INCIDENTS


def boosted(history: History, grid: Grid) -> Estimate:
    """The mixture times what trees make of lags, neighbours, categories, the season and the place.

    Trained on up to the last three years or so of weeks, each foretold from the weeks before it. A history below two years
    or 2,000 incidents gives the self-exciting mixture as it is, and says so in its parameters.
    """
    base = background(history, grid)
    offset = np.maximum(base.total, 1e-4)
    now = offset[:, -1] if base.total.any() else np.zeros(len(grid))
    if not enough_for_boosting(history):
        own = np.minimum(base.own, now)
        return estimate_of(own, history, grid, borrowed=now - own, parameters={"trees": "too short a history: none"})
    from sklearn.ensemble import HistGradientBoostingRegressor  # a second of importing, that other models needn't pay

    weeks = history.weeks(len(grid))
    learnt = np.array([week for week in range(FIRST_WEEK, len(weeks)) if weeks.exposure[week] > 0])
    learnt = learnt[-max(1, MOST_ROWS // len(grid)) :]
    features = _features(history, grid, offset, columns=np.append(learnt, len(weeks)))
    rows, last = features[: len(learnt) * len(grid)], features[len(learnt) * len(grid) :]
    exposure = offset[:, learnt].T.ravel()
    target = weeks.counts[:, learnt].T.ravel() / exposure
    factor = np.zeros(len(grid))
    for seed in SEEDS:
        trees = HistGradientBoostingRegressor(loss="poisson", **TREES | {"random_state": seed})
        trees.fit(rows, target, sample_weight=exposure)
        factor += trees.predict(last) / len(SEEDS)
    rate = now * factor
    own = np.minimum(base.own, rate)
    return estimate_of(
        own, history, grid, borrowed=rate - own,
        parameters={"near_repeats": base.repeats, "trained_weeks": len(learnt), "trees": TREES["max_iter"] * len(SEEDS)},
    )  # fmt: skip


def _features(
    history: History, grid: Grid, offset: Floats, *, columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """(len(columns) * C, F) what is known at the start of each of these weeks, cells within weeks.

    Rates enter as logarithms of their ratio to the offset, so that what was learnt in one year holds at another level.
    """
    weeks = history.weeks(len(grid))
    log_offset = np.log(offset[:, columns])
    ones = np.ones((len(grid), len(columns)))

    def over_offset(part: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(part[:, columns], 1e-3)) - log_offset)

    found: list[npt.NDArray[np.float32]] = [log_offset.T.ravel().astype(np.float32)]

    def add(part: Floats) -> None:
        found.append(part.T.ravel().astype(np.float32))

    for part in _rates(weeks.counts, grid):
        add(over_offset(part))
    add(_since_the_last(weeks.counts)[:, columns])
    add(_rate(weeks.counts > 0, 52.0)[:, columns])
    for part in _of_categories(history, grid):
        add(part[:, columns] / np.maximum(offset[:, columns], 0.02))
    angle = 2.0 * np.pi * (columns - len(weeks)) / YEAR_WEEKS
    add(np.sin(angle) * ones)
    add(np.cos(angle) * ones)
    for place in grid.centres_xy.T:
        add(place[:, None] * ones)
    return np.column_stack(found)


def _rate(counts: npt.NDArray[np.generic], half_life_weeks: float) -> Floats:
    """(C, W + 1) mean weekly counts that fade."""
    return faded(np.asarray(counts, dtype=float), half_life_weeks) * float(np.log(2.0) / half_life_weeks)


def _rates(counts: Floats, grid: Grid) -> Iterator[Floats]:
    for half_life in OWN_WEEKS:
        yield _rate(counts, half_life)
    near = touching(grid)
    for half_life in AROUND_WEEKS:
        around = near @ _rate(counts, half_life)
        yield around
        yield near @ around
    before = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(counts, axis=1)], axis=1)
    yield before / np.maximum(np.arange(before.shape[1]), 1.0)
    last_year = np.zeros_like(before)
    weeks = np.arange(55, before.shape[1])  # five weeks around the same week a year ago
    last_year[:, weeks] = (before[:, weeks - 49] - before[:, weeks - 54]) / 5.0
    yield last_year


def _since_the_last(counts: Floats) -> Floats:
    """(C, W + 1) weeks since the cell's last incident, at most 200."""
    out = np.empty((len(counts), counts.shape[1] + 1))
    since = np.full(len(counts), 200.0)
    for week in range(counts.shape[1]):
        out[:, week] = since
        since = np.where(counts[:, week] > 0, 0.0, np.minimum(since + 1.0, 200.0))
    out[:, -1] = since
    return out


def _of_categories(history: History, grid: Grid) -> Iterator[Floats]:
    """Fading rates of the most frequent categories, by name."""
    _, code = history.kinds
    frequent = np.sort(np.argsort(-np.bincount(code), kind="stable")[:MOST_CATEGORIES])
    for kind in frequent:
        of_kind = history.weeks(len(grid), rows=code == kind).counts
        for half_life in MIX_WEEKS:
            yield _rate(of_kind, half_life)
