"""Finished plans read back from their run folders, verified: what was to happen on which night."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.reading.encoding import sha256_of
from hotspot.tables import read_table
from planning.config import Config
from planning.operations.dosage import PlannedNight
from planning.output.runs import MANIFEST, verify

VISITS = ("visit_id", "team_id", "hotspot_id", "activity", "lon", "lat", "start", "leave")


@dataclass(frozen=True, eq=False)
class FinishedPlans:
    """The nights by their start, and what the manifest says of the runs that they come from."""

    nights: tuple[PlannedNight, ...]
    entries: tuple[Mapping[str, Any], ...]

    @property
    def team_ids(self) -> set[str]:
        return {str(team) for night in self.nights for team in night.visits["team_id"]}


def read_finished_plans(paths: Sequence[Path], config: Config) -> FinishedPlans:
    """The plans in these run folders of the district, each called by its folder's name (with its parent's where two are
    called the same).

    Raises InputError with everything that is wrong with them (changed or missing files, no plan, another district),
    ConfigError when two of them are of one night: a night that was planned again counts once.
    """
    names = _labels(paths)
    nights, entries, faults = [], [], []
    for label, path in zip(names, paths, strict=True):
        manifest, problems = opened_run(path, config, holds="visits.csv", made_by="`patrol plan`")
        faults += problems
        if not problems:
            nights.append(_night(path, label, manifest, config))
            digest = sha256_of(path / MANIFEST)
            entries.append({"path": f"{label}/{MANIFEST}", "sha256": digest, "run_id": manifest.get("run_id")})
    if faults:
        raise InputError(faults)
    nights.sort(key=lambda night: night.start)
    for first, second in pairwise(nights):
        if second.start < first.end:
            fix = "fix: give the last run of each night only"
            raise ConfigError(f"--runs {first.label} {second.label}: their shifts overlap; {fix}")
    return FinishedPlans(tuple(nights), tuple(entries))


def opened_run(path: Path, config: Config, *, holds: str, made_by: str) -> tuple[Mapping[str, Any], list[Fault]]:
    """The manifest of a whole run of the district that holds a certain file; or the faults that keep it from being used."""
    problems = [problem.partition("; fix: ") for problem in verify(path)]
    if problems:
        return {}, [Fault(str(path), reason, fix) for reason, _, fix in problems]
    manifest: Mapping[str, Any] = json.loads((path / MANIFEST).read_bytes())
    told, own = manifest["config"]["district"], config.echo()["district"]
    faults = [
        Fault(str(path), "a run of another district", "give runs of this one", field=key, value=str(told.get(key)))
        for key in ("name", "crs", "timezone")
        if told.get(key) != own[key]
    ]
    if not (path / holds).is_file():
        faults.append(Fault(str(path), f"holds no {holds}", f"give the folder of a run of {made_by}"))
    return manifest, faults


def read_places(path: Path, crs: str) -> gpd.GeoDataFrame:
    """`hotspot_id` and shape (in `crs`) of a run's hotspots."""
    spots = gpd.read_file(path / "hotspots.geojson", columns=["hotspot_id"])
    if not len(spots):
        return gpd.GeoDataFrame({"hotspot_id": pd.Series(dtype=object)}, geometry=[], crs=crs)
    return spots[["hotspot_id", "geometry"]].to_crs(crs)


def _labels(paths: Sequence[Path]) -> list[str]:
    whole = [path.resolve() for path in paths]
    names = [path.name for path in whole]
    labels = [f"{p.parent.name}/{p.name}" if names.count(p.name) > 1 else p.name for p in whole]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ConfigError(f"--runs {', '.join(twice)}: given twice; fix: give each run once")
    return labels


def _night(path: Path, label: str, manifest: Mapping[str, Any], config: Config) -> PlannedNight:
    zone, crs = config.district.timezone, config.district.crs
    text = read_table(path / "visits.csv", required=VISITS, allow_empty=True).frame
    times = {name: _instants(text[name], zone) for name in ("start", "leave")}
    visits = text[["visit_id", "team_id", "hotspot_id", "activity"]].assign(**times).reset_index(drop=True)
    places = read_places(path, crs)
    # a visit that was asked for during the night is at no hotspot: its stop stands for the place
    lone = text[~text["hotspot_id"].isin(places["hotspot_id"])].drop_duplicates("hotspot_id")
    stops = gpd.points_from_xy(lone["lon"].astype(float), lone["lat"].astype(float), crs="EPSG:4326").to_crs(crs)
    more = gpd.GeoDataFrame({"hotspot_id": lone["hotspot_id"].to_numpy(dtype=object)}, geometry=stops, crs=crs)
    every = pd.concat([places, more], ignore_index=True) if len(more) else places
    start, end = (pd.Timestamp(manifest["window"][name]).tz_convert(zone) for name in ("start", "end"))
    return PlannedNight(label, start, end, visits, every)


def _instants(text: pd.Series, zone: str) -> pd.Series:
    return pd.to_datetime(text, utc=True, format="ISO8601").dt.as_unit("us").dt.tz_convert(zone)
