"""The main job, one page to read aloud: inputs -> risk -> hotspots -> demands -> routes -> a verified run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.backtesting import backtest, cell_size_sensitivity
from hotspot.errors import ConfigError, PlanError
from hotspot.forecasting.risk import Risk, forecast
from hotspot.grid import make_grid
from hotspot.horizon_scores import Budget
from hotspot.hotspots import Hotspots, select_hotspots
from hotspot.times import parse_day, parse_instant
from planning.assembly import build_problem
from planning.checking import check
from planning.config import Config, read_config
from planning.force import shift_interval
from planning.inputs import Inputs, conditions_of, read_inputs
from planning.output.backtest_products import BacktestFacts, write_backtest_products
from planning.output.mapping.comparison import earlier_page
from planning.output.pdf_sheets import require_pdf
from planning.output.products import RunFacts, write_hotspot_products, write_plan_products
from planning.output.runs import run_folder, write_manifest
from planning.plan import Plan
from planning.problem import Problem
from planning.solving.search import solve

Progress = Callable[[str], None]
CACHE = ".patrol-cache"  # beside the run, for the next one: streets that were read, the choice of the model
WORTH_CACHING_BYTES = 1_000_000
SENSITIVITY_CUTOFFS = 4


@dataclass(frozen=True)
class Run:
    """A finished run: its manifest, and what a person is told at the end."""

    folder: Path
    manifest: dict[str, Any]
    lines: list[str]


@dataclass
class Stopwatch:
    """Seconds per stage; tells each stage as it begins."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)


def run_plan(
    config_path: Path,
    *,
    date: str,
    out: Path,
    as_of: str | None = None,
    previous: Path | None = None,
    seed: int = 0,
    effort: str = "normal",
    force: bool = False,
    strict: bool = False,
    command: str = "plan",
    progress: Progress = lambda stage: None,
) -> Run:
    """Plan one date's shifts and write the run folder `out`, whole or not at all.

    `as_of` defaults to the local start of `date`. The page compares the plan with that of the run `previous`. Raises
    ConfigError, InputError (inputs), PlanError (the plan breaks a rule, which is our fault), OutputError (`out` can't be
    written or exists).
    """
    config = read_config(config_path)
    require_pdf(config)
    cutoff, day = instants_of(config, as_of, date)
    earlier = _earlier(previous, config, cutoff, plan=True)
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            inputs = read_inputs(config, strict=strict, cache=streets_cache(config, out), progress=progress)
        with watch.stage("risk"):
            start, end = shift_span(inputs, day, date, config)
            risk = risk_of_district(
                inputs, config, cutoff, end.ceil("h") - cutoff, effort=effort, out=out, progress=progress
            )
        with watch.stage("hotspots"):
            spots = hotspots_of(risk, config, start=start, end=end)
        with watch.stage("demands"):
            problem = problem_of(spots, inputs, config, date)
        with watch.stage("solve"):
            plan = certified_plan(problem, config, seed=seed, effort=effort, progress=progress)
        facts = RunFacts(
            command, config, inputs, risk, spots, cutoff, (start, end), seed, effort, previous=earlier
        )  # fmt: skip
        with watch.stage("write"):
            status = write_plan_products(folder, plan, facts)
        manifest = facts.manifest(status, plan=plan, timings_s=watch.seconds)
        write_manifest(folder, manifest)
    return Run(out, manifest, facts.report(out, status, plan))


def run_hotspots(
    config_path: Path,
    *,
    out: Path,
    as_of: str,
    horizon: str,
    previous: Path | None = None,
    effort: str = "normal",
    force: bool = False,
    strict: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Forecast the risk from `as_of` for `horizon`, select hotspots and write the run folder `out`.

    The page tells what changed since the run `previous`.
    """
    config = read_config(config_path)
    cutoff = parse_instant(as_of, config.district.timezone)
    earlier = _earlier(previous, config, cutoff, plan=False)
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            inputs = read_inputs(config, strict=strict, cache=streets_cache(config, out), progress=progress)
        with watch.stage("risk"):
            risk = risk_of_district(inputs, config, cutoff, horizon, effort=effort, out=out, progress=progress)
        with watch.stage("hotspots"):
            spots = hotspots_of(risk, config)
        window = (risk.starts[0], risk.starts[-1] + pd.Timedelta(hours=1))
        facts = RunFacts("hotspots", config, inputs, risk, spots, cutoff, window, 0, effort, previous=earlier)
        with watch.stage("write"):
            write_hotspot_products(folder, facts)
        manifest = facts.manifest("complete", plan=None, timings_s=watch.seconds)
        write_manifest(folder, manifest)
    return Run(out, manifest, facts.report(out, "complete", None))


def _earlier(previous: Path | None, config: Config, cutoff: pd.Timestamp, *, plan: bool) -> dict[str, Any] | None:
    if previous is None:
        return None
    return earlier_page(previous, district=config.district.name, as_of=cutoff, plan=plan)


def run_backtest(
    config_path: Path,
    *,
    out: Path,
    start: str,
    end: str,
    step: str = "7D",
    horizon: str = "7D",
    effort: str = "normal",
    force: bool = False,
    strict: bool = False,
    jobs: int | None = None,
    progress: Progress = lambda stage: None,
) -> Run:
    """Test every risk model from the cutoffs `start` to `end` on the district's own history, and write the report `out`.

    What was done before an interruption is kept beside `out` and not done again. `jobs` None uses every processor.
    """
    config = read_config(config_path)
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            inputs = read_inputs(config, strict=strict, cache=streets_cache(config, out), progress=progress)
            grid = make_grid(inputs.areas, cell_m=config.hotspots.cell_m, streets=inputs.streets.edges)
        options: dict[str, Any] = {
            "categories": config.categories or None, "patrol_found_weight": config.hotspots.patrol_found_weight,
            "calendar": inputs.calendar, "cache": out.parent / CACHE, "progress": progress,
        }  # fmt: skip
        with watch.stage("backtest"):
            result = backtest(
                inputs.incidents, grid, start=start, end=end, step=step, horizon=horizon, default=config.hotspots.model,
                effort=effort, budget=patrol_budget(inputs.teams), jobs=jobs or os.cpu_count() or 1, **options,
            )  # fmt: skip
        with watch.stage("other cells"):
            cutoffs = list(pd.DatetimeIndex(result.origins["origin"].unique()))
            few = cutoffs[:: -(-len(cutoffs) // SENSITIVITY_CUTOFFS)]
            others = cell_size_sensitivity(
                inputs.incidents,
                inputs.areas.union,
                cell_m=config.hotspots.cell_m,
                origins=few,
                horizon=horizon,
                **options,
            )
        facts = BacktestFacts(config, inputs, result, others, effort)
        with watch.stage("write"):
            write_backtest_products(folder, facts)
        manifest = facts.manifest(timings_s=watch.seconds)
        write_manifest(folder, manifest)
    return Run(out, manifest, facts.report(out))


def patrol_budget(teams: pd.DataFrame) -> Budget | None:
    """The cell-hours that the teams' shifts hold in a day, one cell an hour each, between the first start and the last end."""
    if not len(teams):
        return None
    shifts = [shift_interval(team, "2001-01-01", "UTC") for _, team in teams.iterrows()]
    hours = round(sum((end - begin) / pd.Timedelta(hours=1) for begin, end in shifts))
    first, last = min(begin for begin, _ in shifts), max(end for _, end in shifts)
    if last - first >= pd.Timedelta(hours=24):
        return Budget(hours, (0, 24))
    return Budget(hours, (first.hour, last.ceil("h").hour or 24))


def streets_cache(config: Config, out: Path) -> Path | None:
    """Where read streets are kept; None for a source that is read as quickly itself."""
    path = config.streets.path
    return out.parent / CACHE if path.is_file() and path.stat().st_size >= WORTH_CACHING_BYTES else None


def instants_of(config: Config, as_of: str | None, date: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    day = parse_day(date, config.district.timezone, option="--date")
    return (parse_instant(as_of, config.district.timezone) if as_of else day), day


def shift_span(inputs: Inputs, day: pd.Timestamp, date: str, config: Config) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From the first shift's start to the last one's end; the whole day where there is no team."""
    shifts = [shift_interval(team, date, config.district.timezone) for _, team in inputs.teams.iterrows()]
    if not shifts:
        return day, day + pd.DateOffset(days=1)
    return min(start for start, _ in shifts), max(end for _, end in shifts)


def risk_of_district(
    inputs: Inputs, config: Config, as_of: pd.Timestamp, horizon: str | pd.Timedelta, *, effort: str, out: Path,
    progress: Progress,
) -> Risk:  # fmt: skip
    if isinstance(horizon, pd.Timedelta) and horizon <= pd.Timedelta(0):
        raise ConfigError(
            f"--as-of {as_of.isoformat()} is after the last shift; fix: give an instant before the shifts"
        )
    grid = make_grid(inputs.areas, cell_m=config.hotspots.cell_m, streets=inputs.streets.edges)
    return forecast(
        inputs.incidents,
        grid,
        as_of=as_of,
        horizon=horizon,
        model=config.hotspots.model,
        effort=effort,
        categories=config.categories or None,
        patrol_found_weight=config.hotspots.patrol_found_weight,
        calendar=inputs.calendar,
        cache=out.parent / CACHE,
        progress=progress,
    )


def hotspots_of(risk: Risk, config: Config, **window: pd.Timestamp) -> Hotspots:
    return select_hotspots(
        risk,
        area_share=config.hotspots.area_share,
        key_hours_share=config.hotspots.key_hours_share,
        max_radius_m=config.hotspots.max_radius_m,
        least_addresses=config.hotspots.least_addresses,
        budget_cell_hours=config.hotspots.budget_cell_hours,
        **window,
    )


def problem_of(spots: Hotspots, inputs: Inputs, config: Config, date: str) -> Problem:
    return build_problem(
        spots,
        inputs.points,
        inputs.teams,
        inputs.streets,
        date=date,
        roles=config.roles,
        conditions=conditions_of(inputs, config),
        areas=inputs.areas,
        **{name: value for name, value in vars(config.planning).items() if name != "variety_loss"},
    )


def certified_plan(
    problem: Problem, config: Config, *, seed: int, effort: str, progress: Progress,
    start: Sequence[Sequence[int]] | None = None,
) -> Plan:  # fmt: skip
    """The solver's plan, with the district's variety, once the checker agrees. Raises PlanError where it doesn't."""
    loss, told = config.planning.variety_loss, solver_words(progress)
    plan = solve(problem, seed=seed, effort=effort, variety_loss=loss, start=start, progress=told)
    certify(plan, problem)
    return plan


def solver_words(progress: Progress) -> Callable[[str, float, float | None], None]:
    """The solver's stages as progress: value, and gap as soon as there is a bound."""

    def tell(stage: str, value: float, bound: float | None) -> None:
        gap = "" if bound is None else f", gap {100 * max(0.0, bound - value) / max(bound, 1e-12):.2f} %"
        progress(f"solve: {stage}, value {value:.6g}{gap}")

    return tell


def certify(plan: Plan, problem: Problem) -> None:
    violations = check(plan, problem)
    if violations:
        raise PlanError("the plan breaks its own rules, please report this:\n" + "\n".join(violations))
