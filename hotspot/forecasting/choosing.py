"""Which model to use: a backtest inside the history, which ends before the cutoff like everything else."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hotspot.forecasting.estimate import Estimate
from hotspot.forecasting.history import History
from hotspot.forecasting.models import CANDIDATES, FALLBACK, LONG_RUN, MODELS
from hotspot.forecasting.profile import CELL_HOURS, HALF_LIVES_WEEKS, hours_at
from hotspot.grid import Grid
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
    kept = cache / f"choice-{_key(history, grid, effort)}.json" if cache is not None else None
    if kept is not None and (found := _kept(kept)) is not None:
        return found
    choice = _judged(history, grid, effort, progress)
    if kept is not None:
        _keep(kept, choice)
    return choice


def _judged(history: History, grid: Grid, effort: str, progress: Callable[[str], None]) -> Choice:
    names, origins = CANDIDATES[effort], ORIGINS_WEEKS_AGO[effort]
    ends = (*origins[1:], 0)
    logs: dict[str, list[Floats]] = {name: [] for name in names}
    incidents: list[Floats] = []
    for ago, until in zip(origins, ends, strict=True):
        before = history.until(ago)
        # the hours' half-life is a matter of their own: here the longest, so that it isn't searched at every cutoff
        before.memo[CELL_HOURS] = hours_at(before, grid, HALF_LIVES_WEEKS[-1])
        for name in names:
            progress(f"risk: {name}, {ago} weeks before")
            logs[name].append(_by_week(MODELS[name](before, grid), history, ago, until))
        incidents.append(_incidents_by_week(history, ago, until))
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


def _by_week(estimate: Estimate, history: History, ago: int, until: int) -> Floats:
    """Weighted log share of each week's incidents, for the weeks from `ago` to `until` before the cutoff."""
    hours = history.hours
    week = history.weeks_ago[hours.row]
    here = (week < ago) & (week >= until)
    cell, hour = history.cell[hours.row[here]], hours.bin[here]
    total = max(float(estimate.per_week.sum()), 1e-300)
    share = estimate.per_week[cell] / total * estimate.profile[cell, hour]
    weight = history.weight[hours.row[here]] * hours.weight[here]
    scored = weight * np.log(np.maximum(share, 1e-12))
    return np.bincount(ago - 1 - week[here], weights=scored, minlength=ago - until).astype(float)


def _incidents_by_week(history: History, ago: int, until: int) -> Floats:
    hours = history.hours
    week = history.weeks_ago[hours.row]
    here = (week < ago) & (week >= until)
    weight = history.weight[hours.row[here]] * hours.weight[here]
    return np.bincount(ago - 1 - week[here], weights=weight, minlength=ago - until).astype(float)


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


def _kept(path: Path) -> Choice | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        over = told["over_long_run"]
        return Choice(told["model"], told["gains"], tuple(over) if over else None, told["weeks"], told["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, choice: Choice) -> None:
    """Written whole or not at all; a folder that can't be written only costs the next run its time."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(asdict(choice)), encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
