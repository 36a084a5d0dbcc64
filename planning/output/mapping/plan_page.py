"""The plan, or the situation without one, as the data of a map page, and the page itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from hotspot.areas import Areas
from hotspot.errors import OutputError
from hotspot.mapping import render_page
from hotspot.mapping.situation_page import Payload, path_of, rings_of, situation_payload
from planning.network import Closures, Streets, catchments
from planning.output.place_names import place_columns
from planning.output.runs import MANIFEST, verify, write_manifest
from planning.output.tables import PlanTables, tabulate
from planning.plan import Plan
from planning.problem import World
from planning.release import __version__

CATCHMENT_SAMPLES = 12_000  # of a city's streets: finer borders than a page can show would take half a second more


def plan_payload(
    plan: Plan,
    tables: PlanTables,
    *,
    areas: Areas | None = None,
    window: tuple[pd.Timestamp, pd.Timestamp] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Payload:
    """What a page needs to show a plan: the situation, and who goes where when."""
    world = plan.problem.world
    if world is None:
        raise ValueError("this plan has no streets or hotspots; fix: make its problem with build_problem")
    payload = situation_payload(
        world.hotspots, areas=areas, edges=world.streets.edges, points=world.points, window=window, facts=facts
    )
    language = payload.get("language", "zh")
    teams = _teams(plan, tables, place_columns(world.streets, tables.visits.geometry, language=language))
    for point in payload["points"]:
        point["teams"] = [team["id"] for team in teams if team["point_id"] == point["id"]]
    return payload | {
        "kind": "plan",
        "seed": plan.seed,
        "plan": plan.figures(),
        "teams": teams,
        "unserved": tables.unserved.to_dict("records"),
        "catchments": _catchments(world),
    }


def map_html(plan: Plan, *, language: str) -> str:
    """The plan's map as one self-contained page."""
    facts = {"title": "", "district": "", "language": language, "synthetic": False, "generated": "", "run_id": ""}
    payload = plan_payload(
        plan, tabulate(plan), facts=facts | {"version": __version__, "notices": [], "attribution": ""}
    )
    return render_page(payload, language=language, title=payload["title"])


def save_map(plan: Plan, path: str | Path, *, language: str = "zh") -> Path:
    """Write the plan's map as one self-contained page that opens without a network. Returns the path."""
    target = Path(path)
    target.write_text(map_html(plan, language=language), encoding="utf-8")
    return target


@dataclass(frozen=True)
class Framed:
    """A page in a frame, as notebooks show it; it stays apart from the notebook's own page."""

    page: str
    height_px: int

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{self.height_px}px;border:0"
        return f'<iframe sandbox="allow-scripts" srcdoc="{escape(self.page)}" style="{style}"></iframe>'


def framed(plan: Plan, *, language: str, height_px: int) -> Framed:
    """The plan's page for a notebook."""
    return Framed(map_html(plan, language=language), height_px)


def _teams(plan: Plan, tables: PlanTables, places: Mapping[str, Sequence[Any]]) -> list[Payload]:
    world = plan.problem.world
    assert world is not None
    visits = tables.visits.assign(**places)
    legs = legs_payload(tables.legs)
    rows = []
    for index, (_, team) in enumerate(world.teams.iterrows()):
        begin, end = (world.origin + pd.Timedelta(seconds=float(s)) for s in plan.problem.shift_s[index])
        reason = world.team_blocked.get(team["id"], "")
        own = visits[visits["team_id"] == team["id"]].drop(columns=["geometry", "team_id"])
        rows.append(
            {
                **{name: team[name] for name in ("id", "name", "kind", "mode", "point_id")},
                "members": int(team["members"]),
                "roles": list(team["roles"]),
                "shift": {"start": begin.isoformat(), "end": end.isoformat()},
                "status": "blocked" if reason else "planned" if len(own) else "idle",
                "reason": reason,
                "legs": legs.get(team["id"], []),
                "visits": own.to_dict("records"),
            }
        )
    return rows


def legs_payload(legs: gpd.GeoDataFrame) -> dict[str, list[Payload]]:
    """The legs of each team that has any, in their order."""
    by_team: dict[str, list[Payload]] = {}
    for leg, line in zip(legs.itertuples(), legs.geometry.to_crs("EPSG:4326"), strict=True):
        told = {"sequence": int(leg.sequence), "travel_s": int(leg.travel_s), "travel_m": float(leg.travel_m)}
        by_team.setdefault(str(leg.team_id), []).append(told | {"line": path_of(line)})
    return by_team


def closures_payload(
    closures: Closures | None, streets: Streets, *, start: pd.Timestamp, end: pd.Timestamp
) -> list[Payload]:
    """The streets that are closed at any time of `[start, end)`: one line each, and which closure it is."""
    if closures is None:
        return []
    frame = closures.frame
    meets = (frame["start"].isna() | (frame["start"] < end)) & (frame["end"].isna() | (frame["end"] > start))
    rows = [(row, edge) for row, edges in enumerate(closures.edges(streets)) if meets.iloc[row] for edge in edges]
    lines = streets.edges.geometry.iloc[[edge for _, edge in rows]].to_crs("EPSG:4326")
    return [
        {
            "line": path_of(line),
            "reason": closures.label(row),
            "modes": list(frame["modes"].iloc[row]),
            **{
                name: "" if pd.isna(at) else at.isoformat()
                for name in ("start", "end")
                for at in [frame[name].iloc[row]]
            },
        }
        for (row, _), line in zip(rows, lines, strict=True)
    ]


def _catchments(world: World) -> Payload:
    """The part of the district that each patrol point is first in, by the mode that most teams have."""
    counts = Counter(world.teams["mode"])
    mode = min(counts, key=lambda each: (-counts[each], each)) if counts else "walk"
    name = next((name for name in world.modes if world.networks[name].mode == mode), None)
    if name is None:
        return {"mode": mode, "points": []}
    places = world.place_snaps[name].take(range(len(world.points)))
    within = shapely.union_all(world.hotspots.risk.grid.cells.geometry.to_numpy())
    step_m = max(40.0, float(world.networks[name].length_m.sum()) / CATCHMENT_SAMPLES)
    frame = catchments(world.networks[name], places, within=within, step_m=step_m).frame.to_crs("EPSG:4326")
    return {
        "mode": mode,
        "points": [
            {
                "point_id": str(world.points["id"].iloc[row.place]),
                "rings": rings_of(row.geometry),
                "half_min": round(row.half_min, 1),
                "most_min": round(row.most_min, 1),
            }
            for row in frame.itertuples()
        ],
    }


def redraw_map(run: str | Path) -> Path:
    """Draw `map.html` of a finished run again from its `page.json`, and seal the run anew. Returns the page's path.

    Raises OutputError when anything but the map itself is missing or changed.
    """
    folder = Path(run)
    problems = [problem for problem in verify(folder) if not problem.startswith("map.html:")]
    if problems:
        raise OutputError(f"{folder}: not a whole run: " + "; ".join(problems))
    payload = json.loads((folder / "page.json").read_text(encoding="utf-8"))
    drawn = folder / "map.html.new"
    drawn.write_text(render_page(payload, language=payload["language"], title=payload["title"]), encoding="utf-8")
    drawn.replace(folder / "map.html")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    write_manifest(folder, {name: value for name, value in manifest.items() if name not in ("schema", "files")})
    return folder / "map.html"
