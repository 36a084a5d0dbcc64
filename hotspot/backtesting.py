"""Rolling-origin evaluation: every model forecasts from the same past cutoffs and is scored on what came after."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.calendars import Calendar
from hotspot.errors import ConfigError
from hotspot.forecasting.choosing import VERSION
from hotspot.forecasting.estimate import RiskModel
from hotspot.forecasting.history import History, past_of
from hotspot.forecasting.models import CANDIDATES, FALLBACK, LAST_YEAR, LONG_RUN, MODELS
from hotspot.forecasting.risk import Risk, forecast
from hotspot.grid import Grid, grid_over
from hotspot.horizon_scores import CURVE_SHARES, DECILES, Budget, Row, Seen, scored
from hotspot.incidents import Incidents
from hotspot.private_cache import keep, kept
from hotspot.scoring import block_interval
from hotspot.times import parse_duration, parse_instant

AREA_SHARES = (0.01, 0.02, 0.05, 0.1)
HEADLINE_SHARE = 0.02
VECTORS = ("curve_hits", "curve_best", "curve_area", "decile_expected", "decile_observed")
AUTO = "auto"
HEADLINES: Mapping[str, tuple[str, str, str, str]] = {  # better, no different, worse, and the sentence
    "en": (
        "better than", "no different, within chance, from", "WORSE than",
        "The default model ({model}) is {verdict} the same places as last year: {gain:+.3f} nats per incident "
        "[{low:+.3f}, {high:+.3f}] over {origins} cutoffs. The riskiest {share:g} % of the area held {mine:.1%} of the "
        "incidents, last year's places {other:.1%}.",
    ),
    "zh": (
        "优于", "与之无显著差别：", "不如",
        "默认模型（{model}）{verdict}“去年的同样地点”：每起警情 {gain:+.3f} nat [{low:+.3f}, {high:+.3f}]，"
        "共 {origins} 个预测时点。"
        "风险最高的 {share:g}% 面积内有 {mine:.1%} 的警情，去年的同样地点为 {other:.1%}。",
    ),
}  # fmt: skip

Floats = npt.NDArray[np.float64]
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Backtest:
    """How well each model foretold what came after the cutoffs.

    `table`, one row per model: information gains over long-run counts in nats per incident (`ig_place`, `ig` place and
    hour), Poisson log score per incident, `hit_rate`, `pai`, `pei` at each area share and `budget_hit_rate`, each with `_lower`
    and `_upper` of its 95 % interval (block bootstrap over cutoffs; those that end in `_over_last_year` are paired
    differences), `calibration` (expected over observed) and `seconds` per forecast. `origins` has the sums of each model
    and cutoff, `curve` the hit rate by area share with its interval and the best possible one, `deciles` expected and
    observed incidents by tenths of the expectation and their `ratio` (observed over expected) with its interval, `drift`
    each category's weekly incidents before and during the test. `default` is the model that the headline is about.
    """

    table: pd.DataFrame
    origins: pd.DataFrame
    curve: pd.DataFrame
    deciles: pd.DataFrame
    drift: pd.DataFrame
    default: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def summary(self, language: str = "en") -> str:
        """The headline: how the default model compares with the same places as last year, also when it loses."""
        by_model = self.table.set_index("model")
        hit = f"hit_rate_{self._headline_share:g}"
        row: Any = by_model.loc[self.default]
        gain, low, high = (row[f"ig_place_over_last_year{end}"] for end in ("", "_lower", "_upper"))
        better, same, worse, sentence = HEADLINES[language]
        return sentence.format(
            model=self.default, verdict=better if low > 0 else worse if high < 0 else same, gain=gain, low=low, high=high,
            origins=self.parameters["origins"], share=100 * self._headline_share, mine=row[hit],
            other=by_model[hit][LAST_YEAR],
        )  # fmt: skip

    @property
    def _headline_share(self) -> float:
        shares: list[float] = self.parameters["area_shares"]
        return min(shares, key=lambda share: abs(share - HEADLINE_SHARE))


def backtest(
    incidents: Incidents,
    grid: Grid,
    *,
    start: str | pd.Timestamp,
    end: str | pd.Timestamp,
    step: str = "7D",
    horizon: str = "7D",
    models: Sequence[str] | Mapping[str, RiskModel] | None = None,
    default: str = AUTO,
    effort: str = "normal",
    categories: Mapping[str, str] | None = None,
    patrol_found_weight: float = 0.0,
    calendar: Calendar | None = None,
    area_shares: Sequence[float] = AREA_SHARES,
    budget: Budget | None = None,
    jobs: int = 1,
    cache: Path | None = None,
    progress: Progress = lambda stage: None,
) -> Backtest:
    """Forecast from each cutoff `start`, `start` + `step`, ... up to `end` (included), and score on the `horizon` after it.

    `models` are names ("auto" and those of the ladder; None is all of them) or functions by name: any callable (History,
    Grid) -> Estimate. The yardsticks long_run and last_year are always among them. `default` is the model that the headline
    is about. Incidents count as they do for the models: used categories, patrol-found ones by their weight. `jobs` cutoffs
    run at once in processes of their own; `cache` is a folder where finished cutoffs are kept, so that an interrupted test
    goes on where it was (names only; functions are run again).

    Raises ConfigError for unknown names, an end before the start, or cutoffs without any incident after them.
    """
    named = _models(models, default)
    origins = _origins(incidents, start, end, step)
    length = parse_duration(horizon)
    asked = _Asked(
        incidents,
        grid,
        length,
        named,
        effort,
        categories,
        patrol_found_weight,
        calendar,
        tuple(area_shares),
        budget,
        cache,
    )
    rows: list[Row] = []
    for done, (origin, found) in enumerate(_run(asked, origins, jobs), start=1):
        rows += found
        progress(f"{done} of {len(origins)} cutoffs: {origin:%Y-%m-%d}")
    rows.sort(key=lambda row: (row["origin"], list(named).index(row["model"])))
    if not sum(row["incidents"] for row in rows):
        raise ConfigError("no incident lies after any of the cutoffs; fix: give cutoffs inside the history")
    by_origin = pd.DataFrame(rows)
    vectors = {name: by_origin.pop(name) for name in VECTORS}
    parameters = {
        "start": origins[0].isoformat(), "end": origins[-1].isoformat(), "step": step, "horizon": horizon,
        "origins": len(origins), "effort": effort, "area_shares": list(area_shares), "cell_m": grid.cell_m,
        "cells": len(grid), "budget": None if budget is None else [budget.cell_hours_per_day, *budget.hours],
    }  # fmt: skip
    return Backtest(
        _table(by_origin, area_shares, list(named)), by_origin, _curve(by_origin, vectors), _deciles(by_origin, vectors),
        _drift(asked, origins, length), default, parameters,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Asked:
    incidents: Incidents
    grid: Grid
    horizon: pd.Timedelta
    models: Mapping[str, str | RiskModel]
    effort: str
    categories: Mapping[str, str] | None
    patrol_found_weight: float
    calendar: Calendar | None
    area_shares: tuple[float, ...]
    budget: Budget | None
    cache: Path | None

    def what_came(self, origin: pd.Timestamp) -> History:
        """Everything up to the end of the horizon, however late it was reported: it is what happened that counts."""
        after = self.incidents
        if "report_time" in after.table:
            after = Incidents(
                after.table.drop(columns="report_time"), after.crs, after.timezone, after.counts,
                default_places=after.default_places, resolution_m=after.resolution_m,
            )  # fmt: skip
        return past_of(
            after, self.grid, as_of=origin + self.horizon, categories=self.categories,
            patrol_found_weight=self.patrol_found_weight, calendar=self.calendar,
        )  # fmt: skip

    def risk(self, origin: pd.Timestamp, model: str | RiskModel) -> Risk:
        return forecast(
            self.incidents, self.grid, as_of=origin, horizon=self.horizon, model=model, effort=self.effort,
            categories=self.categories, patrol_found_weight=self.patrol_found_weight, calendar=self.calendar,
            cache=self.cache,
        )  # fmt: skip


def _models(models: Sequence[str] | Mapping[str, RiskModel] | None, default: str) -> dict[str, str | RiskModel]:
    named: dict[str, str | RiskModel] = {LONG_RUN: LONG_RUN, LAST_YEAR: LAST_YEAR}
    if models is None:
        named |= {name: name for name in (*MODELS, AUTO)}
    elif isinstance(models, Mapping):
        named |= dict(models)
    else:
        named |= {name: name for name in models}
    named.setdefault(default, default)
    known = (AUTO, *MODELS)
    unknown = [name for name, model in named.items() if isinstance(model, str) and model not in known]
    if names := ", ".join(map(repr, unknown)):
        raise ConfigError(f"models {names} are unknown; fix: use one of {', '.join(known)}")
    return named


def _origins(
    incidents: Incidents, start: str | pd.Timestamp, end: str | pd.Timestamp, step: str
) -> list[pd.Timestamp]:  # fmt: skip
    first, last = (parse_instant(at, incidents.timezone) if isinstance(at, str) else at for at in (start, end))
    if last < first:
        raise ConfigError(f"the test ends at {last}, before it starts; fix: give an end from {first} on")
    days = parse_duration(step) / pd.Timedelta(days=1)
    if days != int(days):
        raise ConfigError(f"step {step!r} isn't whole days; fix: give a step such as 7D")
    found, at = [], first
    while at <= last:
        found.append(at)
        at = first + pd.DateOffset(days=int(days) * len(found))
    return found


def _run(asked: _Asked, origins: list[pd.Timestamp], jobs: int) -> Iterator[tuple[pd.Timestamp, list[Row]]]:
    content = _content(asked)
    if jobs == 1:
        yield from (_of_origin(asked, origin, content) for origin in origins)
        return
    work = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from work(joblib.delayed(_of_origin)(asked, origin, content) for origin in origins)


def _content(asked: _Asked) -> str:
    """A hash of all that rows of a cutoff depend on but the cutoff."""
    table = asked.incidents.table
    budget = asked.budget
    facts = [
        VERSION, list(asked.models), asked.effort, dict(asked.categories or {}), asked.patrol_found_weight,
        asked.calendar.name if asked.calendar else "", list(asked.area_shares), str(asked.horizon),
        [budget.cell_hours_per_day, *budget.hours] if budget else None, {e: list(n) for e, n in CANDIDATES.items()},
    ]  # fmt: skip
    told = hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode())
    told.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    told.update(np.ascontiguousarray(asked.grid.cells["area_m2"].to_numpy()).tobytes())
    told.update(asked.grid.column.tobytes() + asked.grid.row.tobytes())
    return told.hexdigest()[:24]


def _of_origin(asked: _Asked, origin: pd.Timestamp, content: str) -> tuple[pd.Timestamp, list[Row]]:
    by_name = all(isinstance(model, str) for model in asked.models.values())
    folder = asked.cache if by_name else None
    name_kept = f"backtest-{content}/{origin:%Y%m%dT%H%M}.json"
    before: list[Row] | None = kept(folder, name_kept)
    if before is not None:
        return origin, [row | {"origin": origin} for row in before]
    seen = Seen.of(asked.what_came(origin), cells=len(asked.grid), horizon=asked.horizon)
    rows = []
    for name, model in asked.models.items():
        begun = time.perf_counter()
        risk = asked.risk(origin, model)
        seconds = time.perf_counter() - begun
        rows.append(
            scored(risk, seen, area_shares=asked.area_shares, budget=asked.budget)
            | {"model": name, "chosen": risk.model, "seconds": seconds}
        )
    keep(folder, name_kept, rows)
    return origin, [row | {"origin": origin} for row in rows]


def _table(origins: pd.DataFrame, area_shares: Sequence[float], models: list[str]) -> pd.DataFrame:
    by_model = {name: origins[origins["model"] == name].reset_index(drop=True) for name in models}
    yard, last_year = by_model[LONG_RUN], by_model[LAST_YEAR]
    rows = []
    for name, mine in by_model.items():
        count, timed = mine["incidents"].to_numpy(), mine["timed"].to_numpy()
        row: Row = {"model": name}
        row |= _interval("ig_place", mine["log_place"] - yard["log_place"], count)
        row |= _interval("ig", mine["log_hour"] - yard["log_hour"], timed)
        row |= _interval("ig_place_over_last_year", mine["log_place"] - last_year["log_place"], count)
        row |= _interval("log_score", mine["log_score"], timed)
        for share in area_shares:
            hits, key = mine[f"hits_{share:g}"], f"{share:g}"
            row |= _interval(f"hit_rate_{key}", hits, count)
            row |= _interval(f"hit_rate_{key}_over_last_year", hits - last_year[f"hits_{share:g}"], count)
            row[f"pai_{key}"] = row[f"hit_rate_{key}"] / float(mine[f"area_{share:g}"].mean())
            best = float(mine[f"best_{share:g}"].sum())
            row[f"pei_{key}"] = float(hits.sum()) / best if best > 0 else np.nan
            row[f"best_pai_{key}"] = row[f"pai_{key}"] / row[f"pei_{key}"] if row[f"pei_{key}"] else np.nan
        if "budget_hits" in mine:
            inside = mine["budget_incidents"].to_numpy()
            row |= _interval("budget_hit_rate", mine["budget_hits"], inside)
            row |= _interval("budget_hit_rate_over_last_year", mine["budget_hits"] - last_year["budget_hits"], inside)
            best = float(mine["budget_best"].sum())
            row["budget_pei"] = float(mine["budget_hits"].sum()) / best if best > 0 else np.nan
        row |= _interval("calibration", mine["expected"], count)
        row |= {"seconds": float(mine["seconds"].mean()), "incidents": float(count.sum())}
        rows.append(row)
    return pd.DataFrame(rows)


def _interval(name: str, gained: Any, count: Any) -> Row:
    values, count = gained.to_numpy(dtype=float), np.asarray(count, dtype=float)
    total = float(count.sum())
    low, high = block_interval(values, count)
    return {name: float(values.sum()) / total if total else np.nan, f"{name}_lower": low, f"{name}_upper": high}


def _curve(origins: pd.DataFrame, vectors: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    rows: list[Row] = []
    for name, index in origins.groupby("model", sort=False).groups.items():
        count = origins.loc[index, "incidents"].to_numpy(dtype=float)
        hits, best, area = (_by_place(vectors[f"curve_{kind}"][index]) for kind in ("hits", "best", "area"))
        total = float(count.sum()) or np.nan
        rows += [
            {"model": name, "area_share": share, "flagged_area_share": float(area[k].mean())}
            | _interval("hit_rate", hits[k], count)
            | {"best_hit_rate": float(best[k].sum()) / total}
            for k, share in enumerate(CURVE_SHARES)
        ]
    return pd.DataFrame(rows)


def _deciles(origins: pd.DataFrame, vectors: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
    rows: list[Row] = []
    for name, index in origins.groupby("model", sort=False).groups.items():
        expected, seen = (_by_place(vectors[f"decile_{kind}"][index]) for kind in ("expected", "observed"))
        rows += [
            {"model": name, "tenth": k + 1, "expected": float(expected[k].sum()), "observed": float(seen[k].sum())}
            | _interval("ratio", seen[k], expected[k])
            for k in range(DECILES)
        ]
    return pd.DataFrame(rows)


def _by_place(rows: pd.Series[Any]) -> pd.DataFrame:
    """One row per cutoff, one column per share of the area or tenth."""
    return pd.DataFrame(rows.tolist())


def _drift(asked: _Asked, origins: list[pd.Timestamp], length: pd.Timedelta) -> pd.DataFrame:
    """Weekly incidents by category: in the whole time before the test, in the year before it, and during it."""
    whole = asked.what_came(origins[-1])
    names, code = whole.kinds
    begun_days = (whole.as_of - origins[0]) / pd.Timedelta(days=1)
    rows = []
    spans = {
        "before": (begun_days, whole.days), "year_before": (begun_days, min(begun_days + 364.0, whole.days)),
        "during": (0.0, begun_days),
    }  # fmt: skip
    for k, name in enumerate(names):
        row: Row = {"category": name}
        for span, (youngest, oldest) in spans.items():
            inside = (code == k) & (whole.age_days >= youngest) & (whole.age_days < oldest)
            weeks = (oldest - youngest) / 7.0
            row[f"{span}_per_week"] = float(whole.weight[inside].sum()) / weeks if weeks > 0 else np.nan
        rows.append(row)
    return pd.DataFrame(rows, columns=["category", "before_per_week", "year_before_per_week", "during_per_week"])


def cell_size_sensitivity(
    incidents: Incidents,
    within: shapely.Geometry,
    *,
    cell_m: float,
    origins: Sequence[pd.Timestamp],
    horizon: str = "7D",
    model: str = FALLBACK,
    area_share: float = HEADLINE_SHARE,
    **options: Any,
) -> pd.DataFrame:
    """Does the answer depend on the cells? The same test with cells half and twice as wide and with the origin moved.

    One row per grid: `cell_m, shift` (of the origin, in cells)`, cells, ig_place` (over long-run counts in the same cells)`,
    hit_rate, pai` at `area_share`. `options` are those of `backtest`.
    """
    rows = []
    for size, shift in ((1.0, 0.0), (1.0, 0.5), (0.5, 0.0), (2.0, 0.0)):
        grid = grid_over(within, cell_m=cell_m * size, crs=incidents.crs, shift=(shift, shift))
        found = [
            backtest(
                incidents, grid, start=origin, end=origin, horizon=horizon, models=[model], default=model,
                area_shares=[area_share], **options,
            ).origins
            for origin in origins
        ]  # fmt: skip
        summed = pd.concat(found).groupby("model").sum(numeric_only=True)
        count = float(summed["incidents"][model])
        rate = float(summed[f"hits_{area_share:g}"][model]) / count
        area = float(summed[f"area_{area_share:g}"][model]) / len(found)
        gain = float(summed["log_place"][model] - summed["log_place"][LONG_RUN]) / count
        rows.append((cell_m * size, shift, len(grid), gain, rate, rate / area))
    return pd.DataFrame(rows, columns=["cell_m", "shift", "cells", "ig_place", "hit_rate", "pai"])
