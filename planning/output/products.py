"""Everything a run folder holds besides its manifest, and the manifest's facts."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from hotspot.forecasting.risk import Risk
from hotspot.hotspots import Hotspots
from hotspot.mapping import render_page
from hotspot.mapping.changes import changed_hotspots
from hotspot.mapping.situation_page import Payload, situation_payload
from hotspot.reading.encoding import sha256_of
from hotspot.situation import situation
from hotspot.tables import write_csv
from hotspot.times import recent_shortfall
from hotspot.trends import trend_of
from planning.config import Config
from planning.inputs import Inputs, conditions_of
from planning.network import Conditions
from planning.operations.night import night_of, save_night
from planning.output.exports import write_geojson, write_geoparquet, write_gpkg
from planning.output.mapping.comparison import compare_pages
from planning.output.mapping.plan_page import closures_payload, plan_payload
from planning.output.pdf_sheets import write_pdfs
from planning.output.plan_exports import write_plan_exports
from planning.output.sheets import write_sheets
from planning.output.tables import VISIT_COLUMNS, tabulate
from planning.plan import Plan, Shortfall, Variety
from planning.release import __version__

LIBRARIES = (
    "numpy", "pandas", "geopandas", "shapely", "scipy", "scikit-learn", "pyproj", "highspy", "pyvrp", "folium", "openpyxl",
    "gpxpy", "icalendar", "segno",
)  # fmt: skip
REQUIRED = ("least_in_area", "required")  # soft rules that a plan has to meet to be complete
SYNTHETIC_MARK = "合成数据"  # a district whose name says that it is synthetic is badged on every product


@dataclass(frozen=True, eq=False)
class RunFacts:
    """What a run was made from: enough for its manifest, its pages and its last words on the terminal."""

    command: str
    config: Config
    inputs: Inputs
    risk: Risk
    spots: Hotspots
    as_of: pd.Timestamp
    window: tuple[pd.Timestamp, pd.Timestamp]
    seed: int
    effort: str
    previous: Payload | None = field(default=None, kw_only=True)  # the page of an earlier run to compare with

    @cached_property
    def run_id(self) -> str:
        """Eight letters that stand for the inputs, the configuration, the seed and the version."""
        return run_id_of(self._identity(), [entry["sha256"] for entry in self._input_entries])

    def manifest(self, status: str, *, plan: Plan | None, timings_s: dict[str, float]) -> dict[str, Any]:
        """The manifest's fields but its list of files."""
        start, end = self.window
        return {
            "status": status,
            **self._identity(),
            "run_id": self.run_id,
            "window": {"start": start.isoformat(), "end": end.isoformat()},
            "timezone": self.config.district.timezone,
            "versions": versions(),
            "inputs": self._input_entries,
            "model": self.risk.parameters,
            "hotspots": self.spots.parameters | {"count": len(self.spots)},
            "plan": plan.figures() if plan is not None else None,
            "notices": self.notices(plan),
            "timings_s": timings_s,
        }

    def page_facts(self) -> Payload:
        """The lines of a page that tell where it comes from."""
        district = self.config.district
        return {
            "title": district.name,
            "district": district.name,
            "synthetic": SYNTHETIC_MARK in district.name,
            "language": district.language,
            "generated": "",
            "run_id": self.run_id,
            "seed": self.seed,
            "version": __version__,
            "notices": self.notices(None),
            "attribution": credit(self.config.streets.path),
            "sheets": sheet_facts(self.config),
        }

    def notices(self, plan: Plan | None) -> list[str]:
        """What a reader of the result must know about its inputs."""
        counts = self.inputs.incidents.counts
        of_inputs = [moved_out(notice, self.config.folder) for notice in self.inputs.notices]
        told = [f"incidents: {counts}", *of_inputs, *self.risk.notices, *self._day_notices()]
        if withheld := int(self.spots.parameters.get("withheld", 0)):
            least = self.spots.parameters["least_addresses"]
            told.append(f"{withheld} hotspots are withheld: their incidents come from fewer than {least} addresses")
        if plan is not None and plan.problem.world is not None:
            told += plan.problem.world.moving.notices() if plan.problem.world.moving is not None else []
            told += [f"{team}: in no visit, {why}" for team, why in sorted(plan.problem.world.team_blocked.items())]
            told += [_missed(shortfall, plan, self.inputs) for shortfall in plan.shortfalls]
            if plan.variety is not None:
                told.append(_drawn(plan.variety, self.seed))
        return told

    def _day_notices(self) -> list[str]:
        """What the last days before the cutoff and the calendar say about the window."""
        times = pd.DatetimeIndex(self.inputs.incidents.table["time"])
        shortfall = recent_shortfall(times, self.as_of)
        told = [shortfall] if shortfall else []
        if self.inputs.calendar is not None:
            day = self.window[0].normalize()
            (kind,) = self.inputs.calendar.day_kind(pd.DatetimeIndex([day]))
            told.append(f"{day:%Y-%m-%d} is a {kind}")
        return told

    def page_blocks(self, plan: Plan, payload: Payload) -> Payload:
        """What the plan's page tells besides the plan: what it misses of what was wished for, and closed streets."""
        start, end = self.window
        closed = closures_payload(self.conditions.closures, self.inputs.streets, start=start, end=end)
        told = {"missed": [_missed(each, plan, self.inputs) for each in plan.shortfalls], "closures": closed}
        return told if self.previous is None else told | {"comparison": compare_pages(self.previous, payload)}

    def report(self, out: Path, status: str, plan: Plan | None) -> list[str]:
        """The last words of a command."""
        lines = [f"status: {status}", self.risk.summary(), self.spots.summary(), *self.notices(plan)]
        if plan is not None:
            lines.append(plan.summary())
        return [*lines, f"map: {out / 'map.html'}"]

    def _identity(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "config": self.config.echo(),
            "seed": self.seed,
            "effort": self.effort,
            "as_of": self.as_of.isoformat(),
        }

    @cached_property
    def _input_entries(self) -> list[dict[str, Any]]:
        return input_entries(self.config, self.inputs) + ([] if self.previous is None else [self.previous["entry"]])

    @cached_property
    def statistics(self) -> dict[str, Any]:
        """Near repeats and key times before the cutoff."""
        incidents, history = self.inputs.incidents, self.risk.history
        return situation(incidents, history, categories=self.config.categories or None).as_dict()

    @cached_property
    def trend(self) -> dict[str, Any]:
        """The latest weeks before the cutoff against the year before, of the categories that lead to an activity."""
        used = [category for category, activity in self.config.categories.items() if activity] or None
        return trend_of(self.inputs.incidents, as_of=self.as_of, areas=self.inputs.areas, categories=used).as_dict()

    @property
    def conditions(self) -> Conditions:
        """What is known of the streets on that evening."""
        return conditions_of(self.inputs, self.config)

    def set_aside(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows that aren't used, with their files as seen from the configuration's folder."""
        columns = {name: [moved_out(text, self.config.folder) for text in rows[name]] for name in ("file", "reason")}
        return rows.assign(**columns)


def sheet_facts(config: Config) -> Payload:
    """What the sheets say besides the plan; the code for phones is in the last datum that exports are made in."""
    told = config.sheets
    return {
        "emergency": told.emergency, "instructions": dict(told.instructions), "datum": config.output.datums[-1],
    }  # fmt: skip


def input_entries(config: Config, inputs: Inputs) -> list[dict[str, Any]]:
    """Path, hash and row counts of every input file, for the manifest."""
    tables = [config.district.areas, config.points.path, config.teams.path, config.streets.path]
    tables += [path for path in (config.streets.closures, config.streets.congestion) if path is not None]
    entries = [*inputs.incidents.inputs]
    entries += [{"path": str(path), "sha256": sha256_of(path)} for path in tables]
    return [entry | {"path": moved_out(entry["path"], config.folder)} for entry in entries]


def _missed(shortfall: Shortfall, plan: Plan, inputs: Inputs) -> str:
    """What a soft rule misses, in the district's names."""
    world = plan.problem.world
    assert world is not None
    if shortfall.rule == "least_in_area":
        name = inputs.areas.frame["name"].iloc[shortfall.which]
        return f"{name}: {shortfall.got:g} of the {shortfall.wanted:g} visits wished for in each community"
    if shortfall.rule == "required":
        return f"{world.demands['demand_id'].iloc[shortfall.which]}: required, not served"
    team = world.teams["id"].iloc[shortfall.which]
    if shortfall.rule == "least_visits":
        return f"{team}: {shortfall.got:g} of the {shortfall.wanted:g} visits wished for of each team"
    return f"{team}: works {shortfall.got / 60:.0f} of the {shortfall.wanted / 60:.0f} minutes wished for"


def _drawn(variety: Variety, seed: int) -> str:
    return (
        f"drawn with seed {seed} from {variety.plans} plans: {variety.entropy_bits:.1f} bits, a place is visited in any "
        f"one hour with probability {variety.highest_probability:.2f} at most, two plans share "
        f"{variety.mean_jaccard:.0%} of their visits, the mean loss is {variety.mean_loss:.2%}"
    )


def run_id_of(*facts: Any) -> str:
    """Eight letters that stand for the facts, in their order."""
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, default=str).encode()).hexdigest()[:8]


def versions() -> dict[str, str]:
    """Ours, Python's and those of the libraries that results depend on."""
    of_libraries = {name: version(name) for name in LIBRARIES}
    return {"hotspot-patrol": __version__, "python": platform.python_version()} | of_libraries


def credit(streets: Path) -> str:
    """OpenStreetMap's licence asks for its name on every map; other sources have none that a file tells."""
    from_osm = streets.name.lower().endswith((".pbf", ".osm", ".osm.gz", ".graphml"))
    return "© OpenStreetMap contributors" if from_osm else ""


def moved_out(text: str, folder: Path) -> str:
    """Paths below the configuration's folder as seen from there: a run doesn't tell where its district lay."""
    return text.replace(f"{folder.as_posix()}/", "")


def write_hotspot_products(folder: Path, facts: RunFacts) -> None:
    """Cells, risk, hotspots, rejected rows and the situation page."""
    _write_situation(folder, facts)
    told = facts.page_facts() | {"statistics": facts.statistics, "trend": facts.trend}
    payload = situation_payload(
        facts.spots,
        areas=facts.inputs.areas,
        edges=facts.inputs.streets.edges,
        points=facts.inputs.points,
        window=facts.window,
        facts=told,
    )
    earlier = {"since": changed_hotspots(facts.previous, payload)} if facts.previous is not None else {}
    write_page(folder, payload | earlier)


def write_plan_products(folder: Path, plan: Plan, facts: RunFacts) -> str:
    """All files of a plan but the manifest. Returns its status.

    infeasible: no team can serve anything; partial: a community's floor or a required demand is missed.
    """
    _write_situation(folder, facts)
    tables = tabulate(plan)
    write_csv(pd.DataFrame(tables.visits[VISIT_COLUMNS]), folder / "visits.csv")
    write_csv(tables.unserved, folder / "unserved.csv")
    write_geojson(tables.legs, folder / "routes.geojson")
    exports = folder / "exports"
    exports.mkdir()
    layers = {"hotspots": flat_hotspots(facts.spots.frame), "visits": tables.visits, "routes": tables.legs}
    write_gpkg(exports / "plan.gpkg", layers)
    write_geojson(tables.visits, folder / "visits.geojson")
    told = facts.page_facts() | {"notices": facts.notices(plan), "statistics": facts.statistics}
    payload = plan_payload(plan, tables, areas=facts.inputs.areas, window=facts.window, facts=told)
    write_page(folder, payload | facts.page_blocks(plan, payload))
    write_plan_exports(exports, payload, datums=facts.config.output.datums)
    write_sheets(folder / "sheets", payload)
    write_pdfs(folder / "sheets", facts.config)
    planning = {name: value for name, value in vars(facts.config.planning).items() if name != "variety_loss"}
    night = night_of(
        plan,
        facts.risk,
        areas=facts.inputs.areas,
        conditions=facts.conditions,
        roles=facts.config.roles,
        planning=planning,
    )
    save_night(night, folder)
    if plan.problem.demands and not plan.problem.eligible.any():
        return "infeasible"
    return "partial" if any(each.rule in REQUIRED for each in plan.shortfalls) else "complete"


def _write_situation(folder: Path, facts: RunFacts) -> None:
    write_geoparquet(facts.risk.grid.cells, folder / "cells.parquet")
    facts.risk.to_frame().to_parquet(folder / "risk.parquet", index=False, compression="zstd")
    write_geojson(flat_hotspots(facts.spots.frame), folder / "hotspots.geojson")
    text = json.dumps(facts.statistics, ensure_ascii=False, indent=1)
    (folder / "statistics.json").write_text(text + "\n", encoding="utf-8")
    listed = facts.set_aside(facts.inputs.incidents.set_aside)
    again = listed["state"] == "duplicate"
    write_csv(listed[~again], folder / "rejects.csv")
    write_csv(listed[again], folder / "duplicates.csv")


def flat_hotspots(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Hotspots with their windows as files have them: lists of `start` and `end`, ISO 8601."""
    windows = [[{"start": a.isoformat(), "end": b.isoformat()} for a, b in each] for each in frame["windows"]]
    return frame.assign(windows=pd.Series(windows, index=frame.index, dtype=object))


def write_page(folder: Path, payload: Payload) -> None:
    """The page's data beside the page: `patrol map` draws from it again."""
    text = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    (folder / "page.json").write_text(text, encoding="utf-8")
    page = render_page(json.loads(text), language=payload["language"], title=payload["title"])
    (folder / "map.html").write_text(page, encoding="utf-8")
