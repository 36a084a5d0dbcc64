"""Risk: the expected incidents of every cell and hour, from what happened before `as_of`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.calendars import Calendar
from hotspot.errors import ConfigError, Fault, InputError
from hotspot.forecasting.choosing import Choice, choose
from hotspot.forecasting.estimate import Estimate, Floats, RiskModel, gamma_interval, relative_variance
from hotspot.forecasting.history import History, past_of
from hotspot.forecasting.models import CANDIDATES, MODELS
from hotspot.forecasting.profile import category_hours, category_mix
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.times import hours_between, parse_duration, parse_instant

Progress = Callable[[str], None]
MIX_HALF_LIFE_DAYS = 365.0


@dataclass(frozen=True, eq=False)
class Risk:
    """Expected incidents per cell-hour with a 90 % interval of that expectation.

    `expected`, `lower`, `upper` are (C, H): cells of `grid` by the hours that begin at `starts`. `history` is what the
    model saw, `estimate` its two factors, from which every figure of a hotspot can be recomputed. `default_cells` are
    the cells that hold a place where a geocoder seems to put what it doesn't know. `choice` says why this model, where
    it was chosen.
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
    choice: Choice | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        told = {"model": self.model, **self.estimate.parameters}
        return told if self.choice is None else told | {"choice": asdict(self.choice)}

    @property
    def weekly_hour(self) -> npt.NDArray[np.int64]:
        """(H,) hour of the local week that each start keeps, Monday 00:00 = 0: Sunday's on a holiday."""
        return self.clock[0]

    @cached_property
    def clock(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """(H,) the hour of the week that each start keeps, and the factor of its day."""
        return self.history.rule.clock(self.starts)

    @property
    def notices(self) -> list[str]:
        """What a reader of the forecast must know about its history."""
        return self.history.notices(len(self.grid))

    def of_category(self, category: str) -> Risk:
        """The part of the risk that is of one category; those of all categories sum to the whole.

        A cell's mix of categories is drawn toward the district's as far as its counts are few, and in each hour it follows the
        categories' hours in the district: a sparse category borrows from all others. Raises ConfigError for a category
        that the history doesn't have.
        """
        names = self.history.kinds[0]
        if category not in names:
            raise ConfigError(f"category {category!r} isn't in the history; fix: use one of {', '.join(names)}")
        fade = self.history.weight * 0.5 ** (self.history.age_days / MIX_HALF_LIFE_DAYS)
        mix, of_mix = category_mix(self.history, fade, len(self.grid))
        hours = category_hours(self.history, fade)[:, self.weekly_hour]
        k = names.index(category)
        all_of_them = mix @ hours
        part = np.divide(mix[:, [k]] * hours[k], all_of_them, out=np.zeros_like(all_of_them), where=all_of_them > 0)
        expected = self.expected * part
        spread = self._spread() + of_mix[:, [k]]
        lower, upper = gamma_interval(expected, spread)
        return replace(self, expected=expected, lower=lower, upper=upper, model=f"{self.model}: {category}")

    def _spread(self) -> Floats:
        """(C, H) squared coefficient of variation of the expectation."""
        return spread_of(self.estimate, self.estimate.profile[:, self.weekly_hour])

    def interval(self, cells: npt.NDArray[np.int64], hours: npt.NDArray[np.int64]) -> tuple[float, float, float]:
        """Expected incidents of these cells in these hours together, with the 90 % interval of the sum.

        Cells are taken as independent given their estimates; hours of one cell share its rate and its profile.
        """
        kept, factor = self.clock
        share = self.estimate.profile[np.ix_(cells, kept[hours])] @ factor[hours]
        mean = self.estimate.per_week[cells] * share
        of_cell = relative_variance(self.estimate.place_shape[cells], share, self.estimate.profile_rows[cells])
        total = mean.sum()
        if total == 0:
            return 0.0, 0.0, 0.0
        variance = (mean**2 * np.where(mean > 0, of_cell, 0.0)).sum() / total**2 + self.estimate.level_variance
        lower, upper = gamma_interval(np.array([total]), np.array([variance]))
        return float(total), float(lower[0]), float(upper[0])

    def to_frame(self) -> pd.DataFrame:
        """One row per cell-hour: `cell_id, start, expected, lower, upper`, cells first, then hours."""
        return cell_hours(self)

    def summary(self) -> str:
        return (
            f"{self.model}: {self.expected.sum():.1f} incidents expected in {len(self.grid):,} cells, "
            f"{self.starts[0]:%Y-%m-%d %H:%M} + {len(self.starts)} h, from {len(self.history):,} incidents "
            f"before {self.as_of:%Y-%m-%d %H:%M}"
        )

    def _repr_html_(self) -> str:
        """The summary and the busiest cells, for notebooks; every text is escaped."""
        busiest = np.argsort(-self.expected.sum(axis=1), kind="stable")[:10]
        shown = pd.DataFrame(
            {
                "cell_id": self.grid.cells["cell_id"].to_numpy()[busiest],
                "expected": self.expected[busiest].sum(axis=1),
            }
        )
        return f"<p>{escape(self.summary())}</p>" + shown.to_html(index=False, escape=True)

    def plot(self, *, hours: slice | None = None, ax: Any = None) -> Any:
        """Expected incidents of each cell in all hours, or in those of a slice, as a matplotlib map; returns the axes.

        Needs matplotlib (extra `notebooks`).
        """
        worth = self.expected[:, hours if hours is not None else slice(None)].sum(axis=1)
        drawn = self.grid.cells.assign(expected=worth).plot("expected", ax=ax, cmap="cividis", legend=True)
        drawn.set_title(f"{self.model}, {self.starts[0]:%Y-%m-%d %H:%M}")
        drawn.set_axis_off()
        return drawn


class LaidOut(Protocol):
    """Expected incidents (C, H) with their interval, of the cells of `grid` in the hours that begin at `starts`."""

    @property
    def grid(self) -> Grid: ...
    @property
    def starts(self) -> pd.DatetimeIndex: ...
    @property
    def expected(self) -> Floats: ...
    @property
    def lower(self) -> Floats: ...
    @property
    def upper(self) -> Floats: ...


def cell_hours(risk: LaidOut) -> pd.DataFrame:
    """One row per cell-hour: `cell_id, start, expected, lower, upper`, cells first, then hours."""
    cells, hours = risk.expected.shape
    return pd.DataFrame(
        {
            "cell_id": np.repeat(risk.grid.cells["cell_id"].to_numpy(), hours),
            "start": risk.starts.take(np.tile(np.arange(hours), cells)),
            "expected": risk.expected.ravel(),
            "lower": risk.lower.ravel(),
            "upper": risk.upper.ravel(),
        }
    )


def forecast(
    incidents: Incidents,
    grid: Grid,
    *,
    as_of: str | pd.Timestamp,
    horizon: str | pd.Timedelta,
    model: str | RiskModel = "auto",
    effort: str = "normal",
    categories: Mapping[str, str] | None = None,
    patrol_found_weight: float = 0.0,
    calendar: Calendar | None = None,
    cache: Path | None = None,
    progress: Progress = lambda stage: None,
) -> Risk:
    """Expected incidents per cell-hour for the `horizon` that begins at `as_of`.

    The first thing it does is to drop everything at or after `as_of`; nothing later can change the result.

    `model` is "auto", a name of `hotspot.forecasting.models.MODELS` or a function (History, Grid) -> Estimate. "auto" is
    the model of this `effort` (quick, normal, thorough) that did best in a backtest inside the history; `cache` is a folder
    where that choice is kept. `categories` maps each category to an activity, "" leaves it out. With a `calendar`,
    holidays and worked weekends have the hours that such days have. An empty history gives zero risk everywhere.

    Raises ConfigError for an unknown model or effort or a horizon below an hour, InputError for unmapped categories and for
    coordinates that are rounded more coarsely than the cells.
    """
    _check_step(incidents, grid)
    _check_names(model, effort)
    cutoff = parse_instant(as_of, incidents.timezone) if isinstance(as_of, str) else as_of
    length = parse_duration(horizon) if isinstance(horizon, str) else horizon
    starts = hours_between(cutoff, cutoff + length, incidents.timezone)
    if not len(starts):
        raise ConfigError(f"horizon {horizon!r} holds no whole hour; fix: give at least 1h, for example 7D")
    history = past_of(
        incidents, grid, as_of=cutoff, categories=categories, patrol_found_weight=patrol_found_weight, calendar=calendar
    )
    choice = choose(history, grid, effort=effort, cache=cache, progress=progress) if model == "auto" else None
    name, chosen = _named(model if choice is None else choice.model)
    progress(f"risk: {name}")
    found = risk_of(chosen(history, grid), history, grid, starts, name=name)
    return replace(found, choice=choice, default_cells=grid.locate(incidents.default_places))


def risk_of(estimate: Estimate, history: History, grid: Grid, starts: pd.DatetimeIndex, *, name: str) -> Risk:
    """The estimate laid out over the hours that begin at `starts`, with its interval."""
    kept, factor = history.rule.clock(starts)
    share = estimate.profile[:, kept]
    expected = estimate.per_week[:, None] * share * factor
    lower, upper = gamma_interval(expected, spread_of(estimate, share))
    return Risk(grid, starts, expected, lower, upper, name, history.as_of, history, estimate)


def spread_of(estimate: Estimate, share: Floats) -> Floats:
    """Squared coefficient of variation (C, H) where `share` (C, H) of each cell's week is expected."""
    of_cell = relative_variance(estimate.place_shape[:, None], share, estimate.profile_rows[:, None])
    return of_cell + estimate.level_variance


def _check_step(incidents: Incidents, grid: Grid) -> None:
    if incidents.resolution_m > grid.cell_m:
        step_m = incidents.resolution_m
        reason = f"coordinates are rounded to about {step_m:,.0f} m, coarser than cells of {grid.cell_m:g} m"
        fix = f"set cell_m to at least {step_m:.0f}, or export the coordinates with more decimals"
        raise InputError(Fault("incidents", reason, fix))


def _check_names(model: str | RiskModel, effort: str) -> None:
    if isinstance(model, str) and model not in ("auto", *MODELS):
        raise ConfigError(f"model {model!r} is unknown; fix: use one of auto, {', '.join(sorted(MODELS))}")
    if effort not in CANDIDATES:
        raise ConfigError(f"effort {effort!r} is unknown; fix: use one of {', '.join(CANDIDATES)}")


def _named(model: str | RiskModel) -> tuple[str, RiskModel]:
    if isinstance(model, str):
        return model, MODELS[model]
    return getattr(model, "__name__", "custom"), model
