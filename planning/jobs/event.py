"""A night with large events: its patrols planned without them, its events staffed, its patrols planned with who is left."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from hotspot.errors import PlanError
from planning.config import Config, read_config
from planning.event_levels import EXAMPLE_LEVELS, LevelRow
from planning.inputs import Inputs, read_inputs
from planning.network import Network, routable
from planning.operations.event_loss import problem_on_duty, routes_left
from planning.operations.event_staffing import EventStaffing, absences_s, event_night, staff_events
from planning.operations.events import events_tonight, read_events, read_levels
from planning.operations.posts import make_posts
from planning.operations.staffing_check import check_staffing
from planning.output.event_products import EventFacts, write_event_products
from planning.output.pdf_sheets import require_pdf
from planning.output.runs import run_folder, write_manifest
from planning.pipeline import (
    Progress,
    Run,
    Stopwatch,
    certified_plan,
    hotspots_of,
    instants_of,
    problem_of,
    risk_of_district,
    shift_span,
    streets_cache,
)
from planning.plan import Plan


def run_event(
    config_path: Path,
    *,
    events: Path,
    date: str,
    out: Path,
    seed: int = 0,
    effort: str = "normal",
    force: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Staff the `events` that fall on the shifts of `date`, plan the patrols around them, and write the run folder `out`.

    The folder is that of a plan with who is left, and tells who stands where and what the patrols lose against the plan
    that `patrol plan` makes of the same night. Its status is `partial` where people are missing at an event.

    Raises ConfigError, InputError (inputs, events or staffing table), PlanError (the plan breaks a rule, which is our
    fault), OutputError (`out` can't be written or exists).
    """
    config = read_config(config_path)
    require_pdf(config)
    cutoff, day = instants_of(config, None, date)
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            levels, levels_path = _levels(config)
            inputs = read_inputs(config, cache=streets_cache(config, out), progress=progress)
            on_foot = routable(inputs.streets, "walk", speeds=config.streets.speeds.get("walk"))
            start, end = shift_span(inputs, day, date, config)
            tonight, told = events_tonight(_events(events, inputs, config, levels, on_foot), start=start, end=end)
        with watch.stage("risk"):
            risk = risk_of_district(
                inputs, config, cutoff, end.ceil("h") - cutoff, effort=effort, out=out, progress=progress
            )
            spots = hotspots_of(risk, config, start=start, end=end)
        with watch.stage("plan without events"):
            problem = problem_of(spots, inputs, config, date)
            before = certified_plan(problem, config, seed=seed, effort=effort, progress=progress)
        with watch.stage("staff"):
            posts = make_posts(tonight, on_foot, max_snap_m=config.planning.max_snap_m)
            found = _staffed(before, tonight, posts, config, effort)
        with watch.stage("plan with events"):
            plan = _around(before, found, config, seed=seed, effort=effort, progress=progress)
        facts = EventFacts(
            "event", config, inputs, risk, spots, cutoff, (start, end), seed, effort, events_path=events, levels=levels,
            levels_path=levels_path, found=found, before=before, told=tuple(told),
        )  # fmt: skip
        with watch.stage("write"):
            status = write_event_products(folder, plan, facts)
        fields = facts.manifest(status, plan=plan, timings_s=watch.seconds) | {"events": facts.manifest_block(plan)}
        manifest = write_manifest(folder, fields)
    return Run(out, manifest, facts.report(out, status, plan))


def _levels(config: Config) -> tuple[tuple[LevelRow, ...], Path | None]:
    """The staffing table, and the file that it is from."""
    table = config.events.table
    if isinstance(table, Path):
        return read_levels(table), table
    return (EXAMPLE_LEVELS if table is None else table), None


def _events(
    path: Path, inputs: Inputs, config: Config, levels: tuple[LevelRow, ...], on_foot: Network
) -> gpd.GeoDataFrame:
    return read_events(
        path, areas=inputs.areas, network=on_foot, timezone=config.district.timezone, levels=levels,
        large_from=config.events.large_from, max_snap_m=config.planning.max_snap_m,
    )  # fmt: skip


def _staffed(
    before: Plan, tonight: gpd.GeoDataFrame, posts: gpd.GeoDataFrame, config: Config, effort: str
) -> EventStaffing:
    rules = config.planning
    night = event_night(
        before, tonight, posts, rules=config.events, min_members=rules.min_members,
        night_min_members=rules.night_min_members, night_hours=rules.night_hours, max_snap_m=rules.max_snap_m,
    )  # fmt: skip
    found = staff_events(night, effort=effort)
    if faults := check_staffing(found):
        raise PlanError("the staffing breaks its own rules, please report this:\n" + "\n".join(faults))
    return found


def _around(before: Plan, found: EventStaffing, config: Config, *, seed: int, effort: str, progress: Progress) -> Plan:
    """The patrols of who is left; those of before where nobody is away."""
    away = absences_s(found.duties)
    if not away:
        return before
    return certified_plan(
        problem_on_duty(before.problem, away), config, seed=seed, effort=effort, progress=progress,
        start=routes_left(before, away),
    )  # fmt: skip
