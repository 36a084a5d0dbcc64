"""The rest of a night planned again, from a run folder alone: what is done stays, and most of the rest stays put."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.incidents import Incidents, read_incidents
from hotspot.reading.encoding import sha256_of
from hotspot.tables import read_table
from hotspot.times import parse_instant
from planning.config import Config, parse_config
from planning.force import ACTIVITIES
from planning.network import Closures, read_closures
from planning.operations.night import Night, load_night
from planning.operations.renewal import Renewal, read_tonight, renewed
from planning.operations.replanning import changes, kept_share, night_after, rest_of, standing
from planning.output.products import REQUIRED
from planning.output.replan_products import ReplanFacts, write_replan_products
from planning.output.runs import MANIFEST, require_whole, run_folder, write_manifest
from planning.pipeline import Progress, Run, Stopwatch, certify, solver_words
from planning.row_faults import RowFaults, degrees, local_times
from planning.solving.search import solve

DEMAND_COLUMNS = ("id", "lon", "lat", "activity", "window_start", "window_end")
MORE_DEMAND_COLUMNS = ("dwell_min", "value", "required")


def run_replan(
    run: Path,
    *,
    at: str,
    out: Path,
    incidents: Sequence[Path] = (),
    closures: Sequence[Path] = (),
    demands: Sequence[Path] = (),
    absent: Sequence[str] = (),
    cancel: Sequence[str] = (),
    others: Sequence[Path] = (),
    seed: int = 0,
    effort: str = "quick",
    force: bool = False,
    progress: Progress = lambda stage: None,
) -> Run:
    """Plan the rest of the night of `run` as it stands `at` a moment, and write the run folder `out`.

    `incidents` that came in since raise the risk; `closures` hold from now on, besides those of before; `demands` are
    more wanted visits, `cancel` ids of demands or of hotspots that are no longer wanted; `absent` teams leave now.
    `others` are files that these came from; the manifest names them.

    Raises ConfigError (arguments), InputError (the run or a file can't be used), PlanError (the plan breaks a rule,
    which is our fault), OutputError (`out` can't be written or exists).
    """
    watch = Stopwatch(progress)
    with run_folder(out, force=force) as folder:
        with watch.stage("read"):
            manifest, config = _opened(run)
            night = load_night(run)
            now = parse_instant(at, night.zone)
            inputs = [_entry(path) for path in (*closures, *demands, *others)]
            conditions = replace(night.conditions, closures=_closures(closures, night))
            asked = replace(night, conditions=conditions)
            stand = standing(asked, now_s=_seconds(night, now), absent=absent)
        with watch.stage("risk"):
            known, renewal = _renewal(run, manifest, asked, config, incidents, now, stand.frozen["demand_id"].tolist())
            asked = asked if renewal is None else renewal.night
            inputs += [] if known is None else known.inputs
        with watch.stage("demands"):
            for path in demands:
                asked = _with_demands(asked, path)
            asked = _without(asked, cancel, keep=stand.frozen["demand_id"].tolist())
            rest = rest_of(asked, stand)
        with watch.stage("solve"):
            plan = solve(rest.problem, seed=seed, effort=effort, start=rest.routes, progress=solver_words(progress))
            certify(plan, rest.problem)
        after = night_after(asked, stand, rest, plan, absent=absent)
        facts = ReplanFacts(
            run, manifest, config, asked, after, stand, rest, plan, changes(night, after, now_s=stand.now_s),
            kept_share(night, after, stand), seed, effort, inputs, known, renewal, tuple(cancel),
        )  # fmt: skip
        with watch.stage("write"):
            write_replan_products(folder, facts)
        status = _status(facts)
        fields = facts.manifest_fields(status, watch.seconds)
        write_manifest(folder, fields)
    lines = [f"status: {status}", *facts.notices, plan.summary(), f"map: {out / 'map.html'}"]
    return Run(out, fields, lines)


def _opened(run: Path) -> tuple[dict[str, Any], Config]:
    require_whole(run)
    manifest = json.loads((run / MANIFEST).read_bytes())
    return manifest, parse_config(manifest["config"], folder=run.resolve())


def _seconds(night: Night, now: pd.Timestamp) -> float:
    return float((now - night.origin).total_seconds())


def _entry(path: Path) -> dict[str, Any]:
    return {"path": path.name, "sha256": sha256_of(path)} if path.is_file() else {}


def _closures(paths: Sequence[Path], night: Night) -> Closures | None:
    """Those of before and those of the files."""
    crs = night.demands.crs
    known = [night.conditions.closures] if night.conditions.closures is not None else []
    known += [read_closures(path, crs=crs.to_string(), timezone=night.zone) for path in paths]
    if not known:
        return None
    return Closures(gpd.GeoDataFrame(pd.concat([each.frame for each in known], ignore_index=True), crs=crs))


def read_new_incidents(paths: Sequence[Path], night: Night, config: Config) -> Incidents:
    """Incidents in the form that the configuration tells, of the night's communities. Raises InputError."""
    asked = config.incidents
    return read_incidents(
        list(paths), timezone=night.zone, crs=config.district.crs, columns=asked.columns, datum=asked.datum,
        areas=night.areas, categories=config.categories or None, max_rejected_share=asked.max_rejected_share,
        time_formats=asked.time_formats, coordinate_forms=asked.coordinate_forms, same_id=asked.same_id,
    )  # fmt: skip


def _renewal(
    run: Path,
    manifest: Mapping[str, Any],
    night: Night,
    config: Config,
    paths: Sequence[Path],
    now: pd.Timestamp,
    frozen: Sequence[str],
) -> tuple[Incidents | None, Renewal | None]:
    if not paths:
        return None, None
    incidents = read_new_incidents(paths, night, config)
    first = manifest.get("risk_as_of", manifest["as_of"])
    spots = gpd.read_file(run / "hotspots.geojson")
    renewal = renewed(
        night, read_tonight(run, night, cell_m=config.hotspots.cell_m), incidents.table,
        as_of=pd.Timestamp(first).tz_convert(night.zone), now=now,
        near_repeats=json.loads((run / "statistics.json").read_bytes())["near_repeats"], categories=config.categories,
        patrol_found_weight=config.hotspots.patrol_found_weight, hotspots=_with_windows(spots, night), frozen=frozen,
    )  # fmt: skip
    return incidents, renewal


def _with_windows(spots: gpd.GeoDataFrame, night: Night) -> gpd.GeoDataFrame:
    """Windows of a GeoJSON file as pairs of local times."""

    def local(instant: str) -> pd.Timestamp:
        return pd.Timestamp(instant).tz_convert(night.zone)

    def pairs(told: Any) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
        listed = json.loads(told) if isinstance(told, str) else told
        return [(local(each["start"]), local(each["end"])) for each in listed]

    return spots.assign(windows=[pairs(told) for told in spots["windows"]])


def _with_demands(night: Night, path: Path) -> Night:
    """The night with the demands of a file: a stop of its own for each."""
    made = read_demands(path, night)
    return replace(
        night, demands=gpd.GeoDataFrame(pd.concat([night.demands, made], ignore_index=True), crs=night.demands.crs)
    )


def read_demands(path: Path, night: Night) -> gpd.GeoDataFrame:
    """Wanted visits of a table `id, lon, lat, activity, window_start, window_end` and, if given, `dwell_min, value,
    required`.

    A demand is required unless it says `no`, worth as much as the best of the night, and lasts as long as the longest
    visit. Raises InputError with every fault of the file.
    """
    table = read_table(path, required=DEMAND_COLUMNS, optional=MORE_DEMAND_COLUMNS)
    faults = RowFaults.of(table)
    text = table.frame.apply(lambda column: column.str.strip())
    taken = set(night.demands["demand_id"]) | set(night.demands["hotspot_id"])
    fix = "give each demand an id of its own"
    faults.add(~text["id"].str.fullmatch(r"\w[\w.\-]{0,63}"), "id", text["id"], "not usable as an id", fix)
    faults.add(text["id"].isin(taken) | text["id"].duplicated(), "id", text["id"], "the id is taken", fix)
    faults.one_of("activity", text["activity"], ACTIVITIES)
    numbers = {name: degrees(faults, text[name], most=most) for name, most in (("lon", 180.0), ("lat", 90.0))}
    longest_min = float(night.planning["dwell_min"][1])
    best = float(night.demands["value"].max()) if len(night.demands) else 1.0
    for name, default in (("dwell_min", longest_min), ("value", best)):
        given = text[name] if name in text else pd.Series("", index=text.index)
        numbers[name] = pd.to_numeric(given.where(given != "", str(default)), errors="coerce")
        faults.add(~(numbers[name] > 0), name, given, "not a positive number", "give a number, or leave it empty")
    required = text["required"] if "required" in text else pd.Series("", index=text.index)
    faults.one_of("required", required, ("yes", "no", ""))
    times = {name: local_times(faults, text[name], night.zone) for name in ("window_start", "window_end")}
    for name in times:
        faults.add(text[name] == "", name, None, "missing", "write 2024-11-29T20:30")
    late = times["window_end"] < times["window_start"]
    faults.add(
        late, "window_end", text["window_end"], "isn't after the start", "exchange start and end, or correct them"
    )
    faults.raise_any()
    place = gpd.points_from_xy(numbers["lon"], numbers["lat"], crs="EPSG:4326").to_crs(night.demands.crs)
    return gpd.GeoDataFrame(
        {
            "demand_id": text["id"].to_numpy(dtype=object), "hotspot_id": text["id"].to_numpy(dtype=object),
            "activity": text["activity"].to_numpy(dtype=object), "window_start": times["window_start"].array,
            "window_end": times["window_end"].array, "dwell_s": numbers["dwell_min"].to_numpy() * 60.0,
            "value": numbers["value"].to_numpy(), "required": (required != "no").to_numpy(dtype=bool),
        },
        geometry=place, crs=night.demands.crs,
    )  # fmt: skip


def _without(night: Night, cancel: Sequence[str], *, keep: Sequence[str]) -> Night:
    """The night without demands that are no longer wanted; visits that are done or under way stay."""
    demands = night.demands
    unknown = [each for each in cancel if not ((demands["demand_id"] == each) | (demands["hotspot_id"] == each)).any()]
    if unknown:
        raise ConfigError(f"--cancel {', '.join(unknown)}: no such demand; fix: use ids of visits.csv or unserved.csv")
    gone = (demands["demand_id"].isin(cancel) | demands["hotspot_id"].isin(cancel)) & ~demands["demand_id"].isin(keep)
    return replace(night, demands=demands[~gone].reset_index(drop=True))


def _status(facts: ReplanFacts) -> str:
    problem = facts.plan.problem
    if problem.demands and not problem.eligible.any() and not len(facts.stand.frozen):
        return "infeasible"
    return "partial" if any(each.rule in REQUIRED for each in facts.plan.shortfalls) else "complete"
