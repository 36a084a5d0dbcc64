"""Nights looked back on: what was delivered of what was planned, what teams report, and how incidents changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import shapely

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.grid import make_grid
from hotspot.times import parse_instant
from planning.config import Config, read_config
from planning.inputs import Findings, Inputs, read_inputs
from planning.operations.controls import BeforeAfter, Periods, compare_before_after, periods_of
from planning.operations.dosage import PlannedNight, measure_dosage
from planning.operations.ledger import append_new, read_ledger, with_outcomes
from planning.operations.outcomes import OutcomeFile, read_outcomes
from planning.operations.pings import Pings, no_pings, read_pings
from planning.output.assessment_facts import AssessFacts
from planning.output.assessment_products import write_assessment_products
from planning.output.finished_plans import FinishedPlans, read_finished_plans
from planning.output.runs import run_folder, write_manifest
from planning.pipeline import Progress, Run, Stopwatch, streets_cache

COVER = pd.Timedelta(days=1)  # incidents may begin so much after a period's start, and end so much before its end


def run_assess(
    config_path: Path,
    *,
    runs: Sequence[Path],
    out: Path,
    tracks: Path | None = None,
    outcomes: Path | None = None,
    intervention: str | None = None,
    before: str | None = None,
    after: str | None = None,
    force: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Assess the nights of finished `runs` and write the run folder `out`.

    `outcomes` are added to the ledger, which the assessment tells of. Incidents are compared from `before` to
    `intervention` (local start of the first night's date) and on to `after` (the first midnight after the last night).

    Raises ConfigError (arguments), InputError (runs, inputs, tracks, outcomes, ledger: the faults of all of them),
    OutputError (`out` or the ledger can't be written).
    """
    config = read_config(config_path)
    if not runs:
        raise ConfigError("--runs: missing; fix: give the folders of the runs to assess")
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            plans = read_finished_plans(runs, config)
            inputs = read_inputs(config, cache=streets_cache(config, out), progress=progress)
            pings, told = _reports(config, inputs, plans, tracks, outcomes)
            ledger = read_ledger(config.assess.ledger)
        with watch.stage("dosage"):
            known = pings.frame if pings is not None else no_pings(config.district.timezone)
            reach = {"buffer_m": config.assess.buffer_m, "max_gap_min": config.assess.max_gap_min}
            dosage = measure_dosage(plans.nights, known, **reach)
        with watch.stage("before and after"):
            asked = _asked_periods(config, plans, intervention=intervention, before=before, after=after)
            change, why = _change(config, inputs, plans, asked, explicit=bool(intervention or before or after))
        with watch.stage("write"):
            grown = with_outcomes(ledger, told) if told is not None else ledger
            added = append_new(config.assess.ledger, ledger, grown)
            facts = AssessFacts(config, inputs, plans, dosage, pings, told, grown, added, change, why)
            write_assessment_products(folder, facts)
        manifest = write_manifest(folder, facts.manifest(watch.seconds))
    return Run(out, manifest, facts.report(out))


def _reports(
    config: Config, inputs: Inputs, plans: FinishedPlans, tracks: Path | None, outcomes: Path | None
) -> tuple[Pings | None, OutcomeFile | None]:
    """Tracks and outcomes. Raises one InputError with the faults of both."""
    teams = {*inputs.teams["id"], *plans.team_ids}
    found, pings, told = Findings(), None, None
    if tracks is not None:
        with found.collecting():
            pings = read_pings(
                tracks, teams=teams, timezone=config.district.timezone, crs=config.district.crs,
                datum=config.assess.datum, columns=config.assess.columns,
                max_rejected_share=config.assess.max_rejected_share,
            )  # fmt: skip
    if outcomes is not None:
        with found.collecting():
            told = read_outcomes(outcomes, teams=teams)
    if found.faults:
        raise InputError(found.faults)
    return pings, told


def _asked_periods(
    config: Config, plans: FinishedPlans, *, intervention: str | None, before: str | None, after: str | None
) -> Periods:
    """Whole days around the nights unless other moments are asked for: hours of the day differ more than days do."""
    zone = config.district.timezone
    first, last = plans.nights[0].start, plans.nights[-1].end
    moments = [parse_instant(text, zone) if text is not None else None for text in (intervention, before, after)]
    begun = moments[0] if moments[0] is not None else first.normalize()
    midnight = last if last == last.normalize() else last.normalize() + pd.DateOffset(days=1)
    return periods_of(begun, before=moments[1], after=moments[2], last=midnight)


def _change(
    config: Config, inputs: Inputs, plans: FinishedPlans, periods: Periods, *, explicit: bool
) -> tuple[BeforeAfter | None, str]:
    """The comparison, or why there is none; periods that were asked for and have no incidents are an error."""
    times = inputs.incidents.table["time"]
    if problem := uncovered(times, periods.before, periods.after):
        if explicit:
            raise InputError(Fault("incidents", problem, "give incidents of the whole time, or other periods"))
        return None, problem
    grid = make_grid(inputs.areas, cell_m=config.hotspots.cell_m, streets=inputs.streets.edges)
    treated, others = _treated(plans.nights)
    found = compare_before_after(
        counted_incidents(config, inputs), grid, treated, periods=periods, ring_m=config.assess.ring_m, others=others
    )
    return found, "" if found is not None else "no cells are left for control"


def uncovered(times: pd.Series, start: pd.Timestamp, end: pd.Timestamp) -> str:
    """What keeps the incidents from telling of the whole of `[start, end)`; '' if nothing does."""
    if not len(times):
        return "there are no incidents"
    first, last = times.min(), times.max()
    if first >= start + COVER:
        return f"the incidents begin at {first.isoformat()}, after {start.isoformat()}"
    if last < end - COVER:
        return f"the incidents end at {last.isoformat()}, before {end.isoformat()}"
    return ""


def counted_incidents(config: Config, inputs: Inputs) -> pd.DataFrame:
    """The incidents that are compared: of the configured sources, and of categories that lead to an activity."""
    table = inputs.incidents.table
    used = [category for category, activity in config.categories.items() if activity]
    of_source = table["source"].astype("str").isin(config.assess.sources)
    kept = table[of_source & table["category"].astype("str").isin(used)]
    return kept[["time", "x", "y"]].reset_index(drop=True)


def _treated(nights: Sequence[PlannedNight]) -> tuple[shapely.Geometry, shapely.Geometry]:
    """Where visits were planned on any night, whether they took place or not; and the other hotspots."""
    shapes = [night.places.geometry[night.places["hotspot_id"].isin(night.visits["hotspot_id"])] for night in nights]
    every = [night.places.geometry for night in nights]
    treated, whole = (shapely.union_all([shape for part in parts for shape in part]) for parts in (shapes, every))
    return treated, shapely.difference(whole, treated)
