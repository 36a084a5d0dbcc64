"""Risk model 2: counts that fade with age, at the half-life that foretold this district's past weeks best."""

from __future__ import annotations

from hotspot.forecasting.estimate import Estimate, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.long_run import spread_a_little
from hotspot.forecasting.memory import effective_counts, fading, likely_half_life
from hotspot.forecasting.profile import district_hours
from hotspot.grid import Grid


def recency_weighted(history: History, grid: Grid) -> Estimate:
    """Counts that lose half their weight every half-life, 1 % of the total spread over the area. Zero without incidents."""
    weeks = history.weeks(len(grid))
    half_life = likely_half_life(history, grid)
    weight = fading(len(weeks), half_life)
    own, borrowed = spread_a_little(weeks.counts @ weight, grid)
    return estimate_of(
        own, history, grid, borrowed=borrowed, place_shape=effective_counts(weeks, weight) + 0.5,
        hours=district_hours(history, grid), parameters={"half_life_weeks": half_life},
    )  # fmt: skip
