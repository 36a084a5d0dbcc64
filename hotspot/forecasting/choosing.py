"""Which model to use: a backtest inside the history, which ends before the cutoff like everything else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hotspot.forecasting.estimate import Estimate
from hotspot.forecasting.history import History
from hotspot.forecasting.models import CANDIDATES, FALLBACK, LONG_RUN, MODELS
from hotspot.forecasting.profile import CELL_HOURS, HALF_LIVES_WEEKS, hours_at
from hotspot.grid import Grid
from hotspot.private_cache import keep, kept
from hotspot.scoring import block_interval

ORIGINS_WEEKS_AGO = {"quick": (13,), "normal": (16, 8), "thorough": (32, 24, 16, 8)}
LEAST_WEEKS = 39
VERSION = 1  # of the models: what was chosen by other ones doesn't count

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The `model` that was chosen; `gains` of each candidate in nats per incident, place and hour, over long-run counts;
    `over_long_run` (gain, lower, upper) of the chosen one with its 95 % interval; `weeks` judged; `reason` in words."""

    model: str
    gains: dict[str, float] = field(default_factory=dict)
    over_long_run: tuple[float, float, float] | None = None
    weeks: int = 0
    reason: str = ""


def choose(
    history: History, grid: Grid, *, effort: str = "normal", cache: Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Choice:  # fmt: skip
    """The candidate of this effort that foretold the last weeks before the cutoff best.

    Each one forecasts from a few earlier cutoffs and is scored by the log share that it gave to each later incident's cell
    and hour. `cache` is a folder where the choice is kept, under a name made of everything that it depends on. A history below
    39 weeks has nothing to judge by: empirical Bayes, which shrinks the most.
    """
    if history.days < 7 * LEAST_WEEKS or not len(history):
        return Choice(FALLBACK, reason="the history is too short to compare models")
    name = f"choice-{_key(history, grid, effort)}.json" if cache is not None else ""
    found = _as_choice(kept(cache, name))
    if found is None or found.model not in CANDIDATES[effort]:
        found = _judged(history, grid, effort, progress)
        keep(cache, name, asdict(found))
    return found


def _judged(history: History, grid: Grid, effort: str, progress: Callable[[str], None]) -> Choice:
    names, origins = CANDIDATES[effort], ORIGINS_WEEKS_AGO[effort]
    ends = (*origins[1:], 0)
    logs: dict[str, list[Floats]] = {name: [] for name in names}
    incidents: list[Floats] = []
    for ago, until in zip(origins, ends, strict=True):
        before = history.until(ago)
        # the hours' half-life is a matter of their own: here the longest, so that it isn't searched at every cutoff
        before.memo[CELL_HOURS] = hours_at(before, grid, HALF_LIVES_WEEKS[-1])
        later = _Later.of(history, ago, until)
        for name in names:
            progress(f"risk: {name}, {ago} weeks before")
            logs[name].append(later.logs(MODELS[name](before, grid)))
        incidents.append(later.by_week(later.weight))
    count = np.concatenate(incidents)
    total = max(float(count.sum()), 1.0)
    gained = {name: np.concatenate(logs[name]) - np.concatenate(logs[LONG_RUN]) for name in names}
    gains = {name: float(gained[name].sum() / total) for name in names}
    best = max(names, key=lambda name: gains[name])
    lower, upper = block_interval(gained[best], count)
    return Choice(
        best, {name: round(gain, 5) for name, gain in gains.items()},
        (round(gains[best], 5), round(lower, 5), round(upper, 5)), len(count),
        reason=f"best of {len(names)} models over the last {len(count)} weeks",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Later:
    """What came from `ago` to `until` weeks before the cutoff, by piece (k,) of an incident: its cell, its hour of the week,
    its week among those, and its weight."""

    cell: npt.NDArray[np.int64]
    hour: npt.NDArray[np.int16]
    week: npt.NDArray[np.int64]
    weight: Floats
    weeks: int

    @classmethod
    def of(cls, history: History, ago: int, until: int) -> _Later:
        hours = history.hours
        before = history.weeks_ago[hours.row]
        here = (before < ago) & (before >= until)
        row = hours.row[here]
        weight = history.weight[row] * hours.weight[here]
        return cls(history.cell[row], hours.bin[here], ago - 1 - before[here], weight, ago - until)

    def by_week(self, values: Floats) -> Floats:
        return np.bincount(self.week, weights=values, minlength=self.weeks).astype(float)

    def logs(self, estimate: Estimate) -> Floats:
        """Weighted log share of each week's incidents."""
        total = max(float(estimate.per_week.sum()), 1e-300)
        share = estimate.per_week[self.cell] / total * estimate.profile[self.cell, self.hour]
        return self.by_week(self.weight * np.log(np.maximum(share, 1e-12)))


def _key(history: History, grid: Grid, effort: str) -> str:
    names, code = history.kinds
    told = hashlib.sha256(json.dumps([VERSION, effort, CANDIDATES[effort], names, history.days]).encode())
    arrays = (
        history.cell, history.hours.row, history.hours.bin, history.hours.weight, history.age_days, history.weight, code,
        history.places, grid.column, grid.row, grid.cells["area_m2"].to_numpy(),
    )  # fmt: skip
    for array in arrays:
        told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()[:32]


def _as_choice(told: Any) -> Choice | None:
    """A choice as JSON had it; None if it isn't one."""
    try:
        over = told["over_long_run"]
        return Choice(str(told["model"]), told["gains"], tuple(over) if over else None, told["weeks"], told["reason"])
    except (KeyError, TypeError):
        return None
