"""Trials: place-days are drawn beforehand and fixed in a run folder; later that fixed lot alone decides who is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.errors import Fault, InputError
from hotspot.reading.encoding import sha256_of
from hotspot.tables import read_table, write_csv
from hotspot.times import parse_day
from hotspot.wording import in_language
from planning.config import Config, read_config
from planning.inputs import Inputs, read_inputs
from planning.jobs.assess import counted_incidents, uncovered
from planning.operations.trials import ARMS, TRIAL_COLUMNS, TrialResult, count_place_days, draw_trial, evaluate_trial
from planning.output.finished_plans import opened_run, read_places
from planning.output.products import RunFacts, input_entries, run_id_of, versions, write_hotspot_products
from planning.output.runs import MANIFEST, run_folder, write_manifest
from planning.pipeline import Progress, Run, Stopwatch, hotspots_of, risk_of_district, shift_span, streets_cache

TRIAL_FILE = "trial.csv"
MOST_RISK = pd.Timedelta(days=7)  # hotspots are those of the trial's first week


def run_plan_trial(
    config_path: Path,
    *,
    start: str,
    end: str,
    seed: int,
    out: Path,
    effort: str = "normal",
    force: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Draw which hotspots are patrolled on which of the dates `start` to `end` (both included), and fix it in `out`.

    The hotspots are selected with what is known at the local start of the first date. On each date incidents will
    count from the first shift's start to the last one's end. The folder is that of `patrol hotspots`, with `trial.csv`;
    its hash is in the manifest.

    Raises ConfigError (arguments, an odd number of days), InputError (inputs), OutputError (`out`).
    """
    config = read_config(config_path)
    zone = config.district.timezone
    first, last = (parse_day(text, zone, option=name) for text, name in ((start, "--from"), (end, "--to")))
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            inputs = read_inputs(config, cache=streets_cache(config, out), progress=progress)
            days = [shift_span(inputs, day, f"{day:%Y-%m-%d}", config) for day in pd.date_range(first, last, freq="D")]
        with watch.stage("hotspots"):
            horizon = min(MOST_RISK, (last - first) + pd.Timedelta(days=1))
            risk = risk_of_district(inputs, config, first, horizon, effort=effort, out=out, progress=progress)
            spots = hotspots_of(risk, config)
        trial = draw_trial(list(spots.frame["hotspot_id"]), days, seed=seed)
        window = (days[0][0], days[-1][1])
        facts = RunFacts("assess", config, inputs, risk, spots, first, window, seed, effort)
        with watch.stage("write"):
            write_hotspot_products(folder, facts)
            write_csv(trial, folder / TRIAL_FILE)
        block = _trial_block(trial, folder / TRIAL_FILE, seed=seed)
        fields = facts.manifest("complete", plan=None, timings_s=watch.seconds) | {"trial": block}
        manifest = write_manifest(folder, fields)
    told = f"trial: {len(spots)} hotspots on {len(days)} days, half of the days of each treated, by lot"
    lines = ["status: complete", told, *facts.notices(None)]
    return Run(out, manifest, [*(in_language(line, config.district.language) for line in lines), str(out / TRIAL_FILE)])


def run_trial_evaluation(
    config_path: Path,
    *,
    trial: Path,
    out: Path,
    force: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Compare incidents on treated and control place-days of a finished `trial` as they were drawn, and write `out`.

    Raises ConfigError, InputError (the trial was changed, is another district's, or isn't over as far as the incidents
    tell; inputs), OutputError (`out`).
    """
    config = read_config(config_path)
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            manifest, rows = _opened_trial(trial, config)
            places = read_places(trial, config.district.crs)
            inputs = read_inputs(config, cache=streets_cache(config, out), progress=progress)
            _require_over(inputs, rows)
        with watch.stage("test"):
            counts = count_place_days(rows, places, counted_incidents(config, inputs))
            treated = (rows["arm"] == ARMS[0]).to_numpy()
            found = evaluate_trial(counts, treated, rows["hotspot_id"].to_numpy(), seed=int(manifest["trial"]["seed"]))
        with watch.stage("write"):
            write_csv(rows.assign(incidents=counts), folder / "place_days.csv")
        fields = _evaluation_fields(config, inputs, trial, manifest, found, rows)
        written = write_manifest(folder, fields | {"timings_s": watch.seconds})
    lines = [in_language(line, config.district.language) for line in ("status: complete", *found.notices())]
    return Run(out, written, lines)


def _trial_block(trial: pd.DataFrame, path: Path, *, seed: int) -> dict[str, Any]:
    arms = {arm: int((trial["arm"] == arm).sum()) for arm in ARMS}
    hotspots, days = trial["hotspot_id"].nunique(), trial["date"].nunique()
    digest = sha256_of(path)
    return {"seed": seed, "blocked_by": "hotspot", "hotspots": hotspots, "days": days, **arms, "sha256": digest}


def _opened_trial(path: Path, config: Config) -> tuple[Mapping[str, Any], pd.DataFrame]:
    manifest, faults = opened_run(path, config, holds=TRIAL_FILE, made_by="`patrol assess --plan-trial`")
    if not faults:
        digest = sha256_of(path / TRIAL_FILE)
        if manifest.get("trial", {}).get("sha256") != digest:
            reason = "isn't the assignment that was drawn"
            faults.append(Fault(str(path / TRIAL_FILE), reason, "restore the folder as it was made"))
    if faults:
        raise InputError(faults)
    rows = read_table(path / TRIAL_FILE, required=TRIAL_COLUMNS).frame.reset_index(drop=True)
    for name in ("start", "end"):
        times = pd.to_datetime(rows[name], utc=True, format="ISO8601")
        rows[name] = times.dt.as_unit("us").dt.tz_convert(config.district.timezone)
    return manifest, rows


def _require_over(inputs: Inputs, rows: pd.DataFrame) -> None:
    if problem := uncovered(inputs.incidents.table["time"], rows["start"].min(), rows["end"].max()):
        raise InputError(Fault("incidents", problem, "evaluate the trial when the incidents of its last day are there"))


def _evaluation_fields(
    config: Config, inputs: Inputs, trial: Path, manifest: Mapping[str, Any], found: TrialResult, rows: pd.DataFrame
) -> dict[str, Any]:
    digest = sha256_of(trial / MANIFEST)
    start, end = rows["start"].min(), rows["end"].max()
    identity = {
        "command": "assess", "config": config.echo(), "seed": manifest["trial"]["seed"], "as_of": end.isoformat(),
    }  # fmt: skip
    entries = [*input_entries(config, inputs), {"path": f"{trial.resolve().name}/{MANIFEST}", "sha256": digest}]
    return {
        "status": "complete", **identity, "run_id": run_id_of(identity, [entry["sha256"] for entry in entries]),
        "window": {"start": start.isoformat(), "end": end.isoformat()}, "timezone": config.district.timezone,
        "versions": versions(), "inputs": entries, "plan": None, "trial": {**manifest["trial"], "result": asdict(found)},
        "notices": found.notices(),
    }  # fmt: skip
