"""The run folder of a re-planned night: the plan before, with its rest anew.

What was done stays to the byte; what nothing has changed is the same file under a second name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot.forecasting.risk import cell_hours
from hotspot.incidents import Incidents
from hotspot.mapping.situation_page import Payload, rings_of, short
from hotspot.tables import write_csv
from planning.config import Config
from planning.operations.night import Night, link_or_copy, save_night
from planning.operations.renewal import Renewal, hourly_of
from planning.operations.replanning import ABSENT, Rest, Standing, change_lines
from planning.output.exports import collection, feature_lines, write_geojson, write_gpkg
from planning.output.mapping.comparison import compare_pages
from planning.output.mapping.plan_page import closures_payload, legs_payload
from planning.output.pdf_sheets import write_pdfs
from planning.output.place_names import place_columns
from planning.output.plan_exports import write_plan_exports
from planning.output.products import flat_hotspots, run_id_of, versions, write_page
from planning.output.sheets import write_sheets
from planning.output.tables import UNSERVED_COLUMNS, VISIT_COLUMNS, PlanTables, tabulate
from planning.plan import Plan
from planning.solving.reasons import unserved_reasons


@dataclass(frozen=True, eq=False)
class ReplanFacts:
    """What a re-planned run was made from: the run `before` with its `manifest`, the night as it was when the rest was
    planned (`asked`) and as it is now (`night`), and what came in."""

    before: Path
    manifest: Mapping[str, Any]
    config: Config
    asked: Night
    night: Night
    stand: Standing
    rest: Rest
    plan: Plan
    changes: pd.DataFrame
    kept: tuple[int, int]
    seed: int
    effort: str
    inputs: Sequence[Mapping[str, Any]]
    incidents: Incidents | None
    renewal: Renewal | None
    cancelled: Sequence[str]

    @property
    def now(self) -> pd.Timestamp:
        return self.night.instant(self.stand.now_s)

    @cached_property
    def run_id(self) -> str:
        """Eight letters that stand for the run before, the moment and all that came in."""
        return run_id_of(
            self.manifest["run_id"], self.now.isoformat(), self.seed, self.effort, dict(self.night.absent),
            list(self.cancelled), [entry["sha256"] for entry in self.inputs],
        )  # fmt: skip

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The whole night's: what is done is certain, so value and bound of the rest are raised by the same sum."""
        worth = dict(zip(self.night.demands["demand_id"], self.night.demands["value"], strict=True))
        done = float(sum(worth[demand] for demand in self.stand.frozen["demand_id"]))
        value, bound = done + self.plan.value, done + self.plan.bound
        served = len(self.night.visits)
        found: dict[str, Any] = {
            "value": value, "bound": bound, "gap": (bound - value) / bound if bound > 0 else 0.0,
            "certified": self.plan.certified, "demands": len(self.night.demands), "served": served,
            "unserved": len(self.night.demands) - served, "rest": self.plan.figures(),
        }  # fmt: skip
        if self.plan.shortfalls:
            found["shortfalls"] = [vars(each) for each in self.plan.shortfalls]
        return found

    @cached_property
    def notices(self) -> list[str]:
        kept, could = self.kept
        told = [
            f"planned again at {self.now:%H:%M}: {len(self.stand.frozen)} visits are done or under way, "
            f"{kept} of {could} others stay with their team"
        ]
        if self.renewal is not None and self.incidents is not None:
            told.append(f"new incidents: {self.incidents.counts}")
            told.append(
                f"new incidents that count: {self.renewal.counted}; known before: {self.renewal.known}; "
                f"after this moment: {self.renewal.later}"
            )
            told += [f"new hotspot: {spot}" for spot in self.renewal.fresh.frame["hotspot_id"]]
        told += [f"{team}: absent from {self.night.instant(s):%H:%M}" for team, s in sorted(self.night.absent.items())]
        world = self.plan.problem.world
        if world is not None and world.moving is not None:
            told += world.moving.notices()
        return told + [f"cancelled: {demand}" for demand in self.cancelled] + change_lines(self.changes)

    def manifest_fields(self, status: str, timings_s: Mapping[str, float]) -> dict[str, Any]:
        """All fields but the list of files: those of the run before where nothing is new."""
        kept, could = self.kept
        old = {name: self.manifest[name] for name in ("config", "window", "timezone", "model", "hotspots")}
        return {
            "status": status,
            "command": "replan",
            **old,
            "seed": self.seed,
            "effort": self.effort,
            "as_of": self.now.isoformat(),
            "risk_as_of": self.manifest.get("risk_as_of", self.manifest["as_of"]),
            "run_id": self.run_id,
            "versions": versions(),
            "inputs": [*self.manifest["inputs"], *self.inputs],
            "plan": self.figures,
            "replan": {
                "of_run": self.manifest["run_id"], "at": self.now.isoformat(), "frozen": len(self.stand.frozen),
                "remaining": could, "kept": kept, "absent": dict(self.night.absent), "cancelled": list(self.cancelled),
                "changes": len(self.changes),
            },
            "notices": self.notices,
            "timings_s": dict(timings_s),
        }  # fmt: skip


def write_replan_products(folder: Path, facts: ReplanFacts) -> None:
    """All files of a re-planned run but the manifest."""
    tables = tabulate(facts.plan)
    for name in ("cells.parquet", "statistics.json"):
        link_or_copy(facts.before / name, folder / name)
    _write_risk(folder, facts)
    _write_set_aside(folder, facts)
    visits = _visits(facts, tables)
    write_csv(visits, folder / "visits.csv")
    unserved = _unserved(facts)
    write_csv(unserved, folder / "unserved.csv")
    write_csv(facts.changes, folder / "changes.csv")
    legs = _legs(facts, tables)
    (folder / "routes.geojson").write_text(collection([text for _, text in legs]), encoding="utf-8")
    save_night(facts.night, folder, before=facts.before)
    payload = _payload(facts, visits, unserved, tables)
    write_page(folder, payload)
    _write_exports(folder, payload, visits, facts.config)
    write_sheets(folder / "sheets", payload)
    write_pdfs(folder / "sheets", facts.config)


def _write_risk(folder: Path, facts: ReplanFacts) -> None:
    if facts.renewal is None:
        for name in ("risk.parquet", "hotspots.geojson"):
            link_or_copy(facts.before / name, folder / name)
        return
    cell_hours(facts.renewal.risk).to_parquet(folder / "risk.parquet", index=False, compression="zstd")
    text = (facts.before / "hotspots.geojson").read_text(encoding="utf-8")
    features = [json.loads(line.rstrip(",")) for line in text.splitlines()[1:-1]]
    factors = _factors(facts)
    for feature in features:
        told = feature["properties"]
        raised = factors[told["hotspot_id"]]
        for name in ("expected", "lower", "upper"):
            told[name] *= raised
        told["explanation"] |= {"raised_by": raised, "raised_at": facts.now.isoformat()}
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in features]
    (folder / "hotspots.geojson").write_text(
        collection([*lines, *feature_lines(_fresh_rows(facts, facts.renewal))]), encoding="utf-8"
    )


def _factors(facts: ReplanFacts) -> dict[str, float]:
    """By how much each hotspot's expected incidents rose over the hours of the risk."""
    assert facts.renewal is not None
    was, now = (hourly_of(facts.asked, risk) for risk in (facts.renewal.before, facts.renewal.risk))
    return {spot: float(now[spot].sum() / max(was[spot].sum(), 1e-300)) for spot in was}


def _fresh_rows(facts: ReplanFacts, renewal: Renewal) -> gpd.GeoDataFrame:
    """Fresh hotspots in the columns of `hotspots.geojson`."""
    frame = renewal.fresh.frame
    why = [{"new_incidents": int(n), "as_of": facts.now.isoformat()} for n in frame["new_incidents"]]
    return flat_hotspots(frame).assign(
        observed=frame["new_incidents"],
        category_mix=pd.Series([{} for _ in why], index=frame.index, dtype=object),
        p_value=np.nan,
        explanation=pd.Series(why, index=frame.index, dtype=object),
    )[
        ["hotspot_id", "rank", "windows", "expected", "lower", "upper", "observed", "activity", "category_mix", "p_value",
         "explanation", "geometry"]
    ]  # fmt: skip


def _write_set_aside(folder: Path, facts: ReplanFacts) -> None:
    if facts.incidents is None:
        for name in ("rejects.csv", "duplicates.csv"):
            link_or_copy(facts.before / name, folder / name)
        return
    listed = facts.incidents.set_aside
    again = listed["state"] == "duplicate"
    write_csv(listed[~again], folder / "rejects.csv")
    write_csv(listed[again], folder / "duplicates.csv")


def _visits(facts: ReplanFacts, tables: PlanTables) -> pd.DataFrame:
    """The rows of the run before for what is frozen, then what is planned, by team and sequence."""
    old = pd.read_csv(facts.before / "visits.csv", encoding="utf-8-sig", dtype=str, keep_default_na=False)
    for kind, names in ((int, ("sequence", "travel_s")), (float, ("lon", "lat", "travel_m", "value"))):
        for name in names:  # Python's own reading gives the number back that was written
            old[name] = pd.Series([kind(text) for text in old[name]], dtype=kind)
    old = old[old["visit_id"].isin(facts.stand.frozen["visit_id"])]
    new = pd.DataFrame(tables.visits[VISIT_COLUMNS])
    fresh = facts.night.visits[~facts.night.visits["visit_id"].isin(facts.stand.frozen["visit_id"])]
    done = dict(zip(facts.night.teams["id"], facts.stand.done, strict=True))
    new = new.assign(
        visit_id=fresh["visit_id"].to_numpy(), sequence=new["sequence"] + new["team_id"].map(done).astype("int64")
    )
    both = pd.concat([old, new], ignore_index=True) if len(old) and len(new) else (new if len(new) else old)
    order = both["team_id"].map({team: v for v, team in enumerate(facts.night.teams["id"])})
    rows = np.lexsort((both["sequence"].to_numpy(), order.to_numpy(dtype=np.int64)))
    return both.iloc[rows].reset_index(drop=True)


def _legs(facts: ReplanFacts, tables: PlanTables) -> list[tuple[str, str]]:
    """Team and GeoJSON feature of every leg: driven or under way as they were, then the rest."""
    done = dict(zip(facts.night.teams["id"], facts.stand.done.tolist(), strict=True))
    text = (facts.before / "routes.geojson").read_text(encoding="utf-8")
    rows: list[tuple[str, int, str]] = []
    for line in text.splitlines()[1:-1]:
        told = json.loads(line.partition(',"geometry"')[0] + "}")["properties"]  # the line itself stays as it is
        if told["sequence"] <= done.get(told["team_id"], 0) or _went_home(facts, told["team_id"]):
            rows.append((told["team_id"], told["sequence"], line.rstrip(",")))
    legs = tables.legs.assign(sequence=tables.legs["sequence"] + tables.legs["team_id"].map(done).astype("int64"))
    for team, sequence, feature in zip(legs["team_id"], legs["sequence"], feature_lines(legs), strict=True):
        rows.append((team, int(sequence), feature))
    order = {team: v for v, team in enumerate(facts.night.teams["id"])}
    rows.sort(key=lambda row: (order[row[0]], row[1]))
    return [(team, feature) for team, _, feature in rows]


def _went_home(facts: ReplanFacts, team: str) -> bool:
    """Its visits were all done and it isn't sent out again: the way back that it took stays."""
    v = int(np.flatnonzero(facts.night.teams["id"].to_numpy() == team)[0])
    own = facts.night.visits["team_id"] == team
    return bool(facts.stand.site[v] < 0 and own.sum() == facts.stand.done[v] and team not in facts.night.absent)


def _unserved(facts: ReplanFacts) -> pd.DataFrame:
    """What isn't served: why not from now on; of times that are over, what was said before."""
    demands = facts.night.demands
    rows = {int(facts.rest.demands[why.demand]): why for why in unserved_reasons(facts.plan)}
    said = pd.read_csv(facts.before / "unserved.csv", encoding="utf-8-sig", dtype=str, keep_default_na=False)
    before = {(row["hotspot_id"], row["window_start"]): row for row in said.to_dict("records")}
    visited = set(facts.night.visits["demand_id"])
    told = []
    for d, demand in enumerate(demands.itertuples()):
        if demand.demand_id in visited:
            continue
        start, end = demand.window_start.isoformat(), demand.window_end.isoformat()
        if d in rows:
            why = (rows[d].reason, rows[d].detail, rows[d].relaxation)
        elif (demand.hotspot_id, start) in before:
            old = before[demand.hotspot_id, start]
            why = (old["reason"], old["detail"], old["relaxation"])
        else:
            why = ("WINDOW", f"its time was over at {facts.now:%H:%M}", "")
        told.append((demand.hotspot_id, start, end, demand.activity, demand.value, *why))
    return pd.DataFrame(told, columns=UNSERVED_COLUMNS)


def _payload(facts: ReplanFacts, visits: pd.DataFrame, unserved: pd.DataFrame, tables: PlanTables) -> Payload:
    """The page of the run before with what is new put in."""
    payload: Payload = json.loads((facts.before / "page.json").read_text(encoding="utf-8"))
    before = json.loads((facts.before / "page.json").read_text(encoding="utf-8"))
    done = dict(zip(facts.night.teams["id"], facts.stand.done.tolist(), strict=True))
    fresh = legs_payload(tables.legs)
    stops = gpd.GeoSeries(gpd.points_from_xy(visits["lon"], visits["lat"]), crs="EPSG:4326")
    placed = visits.assign(**place_columns(facts.night.streets, stops, language=payload["language"]))
    for team in payload["teams"]:
        own = placed[placed["team_id"] == team["id"]].drop(columns=["team_id"])
        team["visits"] = own.to_dict("records")
        shift = done[team["id"]]
        old = [leg for leg in team["legs"] if leg["sequence"] <= shift or _went_home(facts, team["id"])]
        new = [leg | {"sequence": leg["sequence"] + shift} for leg in fresh.get(team["id"], [])]
        team["legs"] = old + new
        if team["id"] in facts.night.absent:
            team |= {"status": "blocked", "reason": ABSENT}
        else:
            team["status"] = team["status"] if team["status"] == "blocked" else "planned" if len(own) else "idle"
        team["done"] = shift
    if facts.renewal is not None:
        _raise_risk(payload, facts, facts.renewal)
    return payload | {
        "as_of": facts.now.isoformat(),
        "run_id": facts.run_id,
        "seed": facts.seed,
        "plan": facts.figures,
        "unserved": unserved.to_dict("records"),
        "notices": facts.notices,
        "replan": {"at": facts.now.isoformat(), "of_run": facts.manifest["run_id"], "frozen": len(facts.stand.frozen)},
        "changes": facts.changes.to_dict("records"),
        "closures": closures_payload(
            facts.night.conditions.closures,
            facts.night.streets,
            start=facts.now,
            end=pd.Timestamp(payload["window"]["end"]),
        ),
        "comparison": compare_pages(before, payload | {"plan": facts.figures}),
    }


def _raise_risk(payload: Payload, facts: ReplanFacts, renewal: Renewal) -> None:
    """Hours of cells and hotspots as they are now, and the fresh hotspots."""
    risk = renewal.risk
    hours = [pd.Timestamp(hour).tz_convert(facts.night.zone) for hour in payload["hours"]]
    at = np.flatnonzero(risk.starts.isin(hours))
    index = {cell: i for i, cell in enumerate(risk.grid.cells["cell_id"])}
    for cell in payload["cells"]["risk"]:
        payload["cells"]["risk"][cell] = short(risk.expected[index[cell], at])
    factors, hourly = _factors(facts), hourly_of(facts.night, risk)
    for spot in payload["hotspots"]:
        for name in ("expected", "lower", "upper"):
            spot[name] = round(spot[name] * factors[spot["id"]], 4)
        spot["hourly"] = short(hourly[spot["id"]][at])
    shapes = renewal.fresh.frame.geometry.to_crs("EPSG:4326")
    for row, shape in zip(renewal.fresh.frame.itertuples(), shapes, strict=True):
        count = int(row.new_incidents)
        payload["hotspots"].append(
            {
                "id": row.hotspot_id, "rank": int(row.rank), "rings": rings_of(shape),
                "windows": [{"start": a.isoformat(), "end": b.isoformat()} for a, b in row.windows],
                "expected": round(row.expected, 4), "lower": round(row.lower, 4), "upper": round(row.upper, 4),
                "observed": count, "activity": row.activity, "category_mix": {}, "p_value": None,
                "explanation": {
                    "en": f"New during the night: {count} incidents since the plan was made.",
                    "zh": f"当晚新增：计划生成后此处发生 {count} 起警情。",
                },
                "hourly": short(hourly[row.hotspot_id][at]), "calendar": [[0.0] * 24 for _ in range(7)],
            }
        )  # fmt: skip


def _write_exports(folder: Path, payload: Payload, visits: pd.DataFrame, config: Config) -> None:
    exports = folder / "exports"
    exports.mkdir()
    write_plan_exports(exports, payload, datums=config.output.datums)
    spots = gpd.read_file(folder / "hotspots.geojson")
    at = gpd.GeoDataFrame(visits, geometry=gpd.points_from_xy(visits["lon"], visits["lat"]), crs="EPSG:4326")
    layers = {"hotspots": spots, "visits": at, "routes": gpd.read_file(folder / "routes.geojson")}
    write_gpkg(exports / "plan.gpkg", layers)
    write_geojson(at, folder / "visits.geojson")
