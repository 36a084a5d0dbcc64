"""Risk: the expected incidents of every cell and hour, from what happened before `as_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.forecasting.empirical_bayes import empirical_bayes
from hotspot.forecasting.estimate import Estimate, Floats, RiskModel, gamma_interval, relative_variance
from hotspot.forecasting.history import History, past_of
from hotspot.forecasting.long_run import long_run_counts
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.times import hour_of_week, hours_between, parse_duration, parse_instant

MODELS: Mapping[str, RiskModel] = {"long_run": long_run_counts, "empirical_bayes": empirical_bayes}
AUTO = "empirical_bayes"  # until a backtest of the district itself says otherwise


@dataclass(frozen=True, eq=False)
class Risk:
    """Expected incidents per cell-hour with a 90 % interval of that expectation.

    `expected`, `lower`, `upper` are (C, H): cells of `grid` by the hours that begin at `starts`. `history` is what the
    model saw, `estimate` its two factors, from which every figure of a hotspot can be recomputed. `default_cells` are
    the cells that hold a place where a geocoder seems to put what it doesn't know.
    """

    grid: Grid
    starts: pd.DatetimeIndex
    expected: Floats
    lower: Floats
    upper: Floats
    model: str
    as_of: pd.Timestamp
    history: History
    estimate: Estimate
    default_cells: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def parameters(self) -> dict[str, Any]:
        return {"model": self.model, **self.estimate.parameters}

    @property
    def weekly_hour(self) -> npt.NDArray[np.int64]:
        """(H,) hour of the local week of each start, Monday 00:00 = 0."""
        return hour_of_week(self.starts).astype(np.int64)

    def interval(self, cells: npt.NDArray[np.int64], hours: npt.NDArray[np.int64]) -> tuple[float, float, float]:
        """Expected incidents of these cells in these hours together, with the 90 % interval of the sum.

        Cells are taken as independent given their estimates; hours of one cell share its rate and its profile.
        """
        share = self.estimate.profile[np.ix_(cells, self.weekly_hour[hours])].sum(axis=1)
        mean = self.estimate.per_week[cells] * share
        of_cell = relative_variance(self.estimate.place_shape[cells], share, self.estimate.profile_rows[cells])
        total = mean.sum()
        if total == 0:
            return 0.0, 0.0, 0.0
        variance = (mean**2 * np.where(mean > 0, of_cell, 0.0)).sum() / total**2
        lower, upper = gamma_interval(np.array([total]), np.array([variance]))
        return float(total), float(lower[0]), float(upper[0])

    def to_frame(self) -> pd.DataFrame:
        """One row per cell-hour: `cell_id, start, expected, lower, upper`, cells first, then hours."""
        cells, hours = self.expected.shape
        return pd.DataFrame(
            {
                "cell_id": np.repeat(self.grid.cells["cell_id"].to_numpy(), hours),
                "start": self.starts.take(np.tile(np.arange(hours), cells)),
                "expected": self.expected.ravel(),
                "lower": self.lower.ravel(),
                "upper": self.upper.ravel(),
            }
        )

    def summary(self) -> str:
        return (
            f"{self.model}: {self.expected.sum():.1f} incidents expected in {len(self.grid):,} cells, "
            f"{self.starts[0]:%Y-%m-%d %H:%M} + {len(self.starts)} h, from {len(self.history):,} incidents "
            f"before {self.as_of:%Y-%m-%d %H:%M}"
        )


def forecast(
    incidents: Incidents,
    grid: Grid,
    *,
    as_of: str | pd.Timestamp,
    horizon: str | pd.Timedelta,
    model: str | RiskModel = "auto",
    categories: Mapping[str, str] | None = None,
    patrol_found_weight: float = 0.0,
) -> Risk:
    """Expected incidents per cell-hour for the `horizon` that begins at `as_of`.

    The first thing it does is to drop everything at or after `as_of`; nothing later can change the result.

    `model` is "auto", "long_run", "empirical_bayes" or a function (History, Grid) -> Estimate. `categories` maps each
    category to an activity, "" leaves it out. An empty history gives zero risk everywhere.

    Raises ConfigError for an unknown model or a horizon below an hour, InputError for unmapped categories and for
    coordinates that are rounded more coarsely than the cells.
    """
    _check_step(incidents, grid)
    cutoff = parse_instant(as_of, incidents.timezone) if isinstance(as_of, str) else as_of
    length = parse_duration(horizon) if isinstance(horizon, str) else horizon
    history = past_of(
        incidents, grid, as_of=cutoff, categories=categories, patrol_found_weight=patrol_found_weight
    )  # fmt: skip
    name, chosen = _chosen(model)
    starts = hours_between(cutoff, cutoff + length, incidents.timezone)
    if not len(starts):
        raise ConfigError(f"horizon {horizon!r} holds no whole hour; fix: give at least 1h, for example 7D")
    estimate = chosen(history, grid)
    share = estimate.profile[:, hour_of_week(starts)]
    expected = estimate.per_week[:, None] * share
    spread = relative_variance(estimate.place_shape[:, None], share, estimate.profile_rows[:, None])
    lower, upper = gamma_interval(expected, spread)
    default_cells = grid.locate(incidents.default_places)
    return Risk(grid, starts, expected, lower, upper, name, cutoff, history, estimate, default_cells)


def _check_step(incidents: Incidents, grid: Grid) -> None:
    if incidents.resolution_m > grid.cell_m:
        step_m = incidents.resolution_m
        reason = f"coordinates are rounded to about {step_m:,.0f} m, coarser than cells of {grid.cell_m:g} m"
        fix = f"set cell_m to at least {step_m:.0f}, or export the coordinates with more decimals"
        raise InputError(Fault("incidents", reason, fix))


def _chosen(model: str | RiskModel) -> tuple[str, RiskModel]:
    if not isinstance(model, str):
        return getattr(model, "__name__", "custom"), model
    name = AUTO if model == "auto" else model
    if name not in MODELS:
        raise ConfigError(f"model {model!r} is unknown; fix: use one of auto, {', '.join(sorted(MODELS))}")
    return name, MODELS[name]
