"""What a run keeps of its night, so that the rest of it can be planned again from the folder alone.

It holds places, times and teams; of incidents only the digests of those that the risk has already taken in.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.areas import Areas
from hotspot.calendars import Calendar
from hotspot.errors import Fault, InputError
from hotspot.forecasting.risk import Risk
from planning.force import shift_interval
from planning.network import Closures, Conditions, Congestion, Streets
from planning.network.cache import read_parts, write_parts
from planning.plan import Plan
from planning.problem import World

SCHEMA = "hotspot-patrol/night/1"
FOLDER = "night"
FACTS, DEMANDS, AREAS, CLOSURES, CONGESTION = (
    "night.json", "demands.parquet", "areas.parquet", "closures.parquet", "congestion.parquet",
)  # fmt: skip
STREETS = "streets"
VISIT_COLUMNS = ["visit_id", "team_id", "demand_id", "arrive_s", "start_s", "leave_s", "travel_s", "travel_m"]
TEAM_FIELDS = (
    *("id", "name", "point_id", "kind", "community_id", "members", "roles", "mode"),
    *("shift_start", "shift_end", "vetted", "trained_until"),
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Night:
    """One night's problem and plan. Seconds count from `origin`.

    `demands`: every wanted visit, served or not, as `make_demands` gives them, with `required`; `visits`: one row per
    visit by team and order, `home_s` when each team that has visits is back. `cells_of` has the cell ids of each
    hotspot, `shape` the gamma shape of each cell's rate. `absent` teams have left at that second. `counted` are digests
    of later incidents that the risk has taken in, `now_s` is the moment of the last re-planning.
    """

    origin: pd.Timestamp
    demands: gpd.GeoDataFrame
    visits: pd.DataFrame
    home_s: Mapping[str, float]
    teams: pd.DataFrame
    points: gpd.GeoDataFrame
    areas: Areas
    streets: Streets
    conditions: Conditions
    cells_of: Mapping[str, Sequence[str]]
    roles: Mapping[str, Sequence[str]]
    planning: Mapping[str, Any]
    shape: Mapping[str, float]
    absent: Mapping[str, float] = field(default_factory=dict)
    counted: tuple[str, ...] = ()
    now_s: float | None = None

    @property
    def date(self) -> str:
        return f"{self.origin:%Y-%m-%d}"

    @property
    def zone(self) -> str:
        return str(self.origin.tz)

    @property
    def shift_s(self) -> Floats:
        """(V, 2) start and end of each team's shift."""
        spans = [shift_interval(team, self.date, self.zone) for _, team in self.teams.iterrows()]
        seconds = [[(end - self.origin).total_seconds() for end in span] for span in spans]
        return np.array(seconds, dtype=float).reshape(-1, 2)

    def instant(self, seconds: float) -> pd.Timestamp:
        return self.origin + pd.Timedelta(seconds=float(seconds))


def night_of(
    plan: Plan, risk: Risk, *, areas: Areas, conditions: Conditions, roles: Mapping[str, Sequence[str]],
    planning: Mapping[str, Any],
) -> Night:  # fmt: skip
    """The night of a plan that was made by `build_problem`."""
    world = plan.problem.world
    if world is None:
        raise ValueError("this plan has no streets or hotspots; fix: make its problem with build_problem")
    spots = world.hotspots
    cell_id = risk.grid.cells["cell_id"].to_numpy()
    return Night(
        origin=world.origin,
        demands=world.demands.assign(required=plan.problem.rules.required),
        visits=visits_of(plan, world),
        home_s=home_seconds(plan, world),
        teams=world.teams,
        points=world.points,
        areas=areas,
        streets=world.streets,
        conditions=conditions,
        cells_of={
            str(spot): [str(cell) for cell in cell_id[cells]]
            for spot, cells in zip(spots.frame["hotspot_id"], spots.cells, strict=True)
        },
        roles=roles,
        planning=planning,
        shape={str(cell): float(k) for cell, k in zip(cell_id, risk.estimate.place_shape, strict=True)},
    )


def visits_of(plan: Plan, world: World) -> pd.DataFrame:
    """The schedule by ids, in `VISIT_COLUMNS`; visit ids count as in `visits.csv`."""
    schedule = plan.schedule
    return pd.DataFrame(
        {
            "visit_id": [f"V{k:03d}" for k in range(1, len(schedule.demand) + 1)],
            "team_id": world.teams["id"].to_numpy(dtype=object)[schedule.team],
            "demand_id": world.demands["demand_id"].to_numpy(dtype=object)[schedule.demand],
            "arrive_s": schedule.arrive_s,
            "start_s": schedule.start_s,
            "leave_s": schedule.leave_s,
            "travel_s": schedule.travel_s,
            "travel_m": schedule.travel_m,
        },
        columns=VISIT_COLUMNS,
    )


def home_seconds(plan: Plan, world: World) -> dict[str, float]:
    """When each team that has visits is back at its point."""
    problem, schedule = plan.problem, plan.schedule
    back: dict[str, float] = {}
    for team, demand, leave_s in zip(schedule.team, schedule.demand, schedule.leave_s, strict=True):
        here, home = problem.demand_place[demand], problem.team_end[team]
        back[str(world.teams["id"].iloc[team])] = float(leave_s + problem.travel_s[problem.team_mode[team], here, home])
    return back


def save_night(night: Night, run: Path, *, before: Path | None = None) -> None:
    """Writes the folder `night` of a run. `before`: a run of the same streets, whose files are linked, not copied."""
    folder = run / FOLDER
    folder.mkdir()
    if before is None:
        write_parts(folder, STREETS, night.streets)
    else:
        for part in sorted((before / FOLDER).glob(f"{STREETS}.*")):
            link_or_copy(part, folder / part.name)
    night.demands.to_parquet(folder / DEMANDS, index=False)
    night.areas.frame.to_parquet(folder / AREAS, index=False)
    if night.conditions.closures is not None:
        frame = night.conditions.closures.frame
        frame.assign(modes=[";".join(modes) for modes in frame["modes"]]).to_parquet(folder / CLOSURES, index=False)
    if night.conditions.congestion is not None:
        night.conditions.congestion.frame.to_parquet(folder / CONGESTION, index=False)
    text = json.dumps(_facts(night), ensure_ascii=False, indent=1)
    (folder / FACTS).write_text(text + "\n", encoding="utf-8")


def load_night(run: Path) -> Night:
    """The night of a run folder. Raises InputError when the run keeps none, or none that can be read."""
    folder = run / FOLDER
    if not (folder / FACTS).is_file():
        reason = "no plan whose night can be planned again"
        raise InputError(Fault(str(run), reason, "give the folder of a run of `patrol plan` or `patrol replan`"))
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if facts["schema"] != SCHEMA:
            raise ValueError(f"schema {facts['schema']}")
        return _night(facts, folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(Fault(str(folder), f"can't be read: {error!r}", "make the run again")) from error


def _facts(night: Night) -> dict[str, Any]:
    points = night.points[["id", "name", "kind", "lon", "lat"]]
    places = [[float(place.x), float(place.y)] for place in night.points.geometry]
    return {
        "schema": SCHEMA,
        "origin": night.origin.isoformat(),
        "timezone": night.zone,
        "crs": night.demands.crs.to_string(),
        "now_s": night.now_s,
        "planning": {name: _told(value) for name, value in night.planning.items()},
        "roles": {activity: list(roles) for activity, roles in night.roles.items()},
        "speeds": {mode: dict(kmh) for mode, kmh in night.conditions.speeds.items()},
        "days": _days(night),
        "absent": dict(night.absent),
        "counted": list(night.counted),
        "points": [
            row | {"xy": xy} for row, xy in zip(_rows(points), places, strict=True)
        ],
        "teams": _rows(night.teams[list(TEAM_FIELDS)]),
        "visits": _rows(night.visits[VISIT_COLUMNS]),
        "home_s": dict(night.home_s),
        "shape": dict(night.shape),
        "cells_of": {spot: list(cells) for spot, cells in night.cells_of.items()},
    }  # fmt: skip


def _night(facts: Mapping[str, Any], folder: Path) -> Night:
    zone, crs = facts["timezone"], facts["crs"]
    points = pd.DataFrame(facts["points"], columns=["id", "name", "kind", "lon", "lat", "xy"])
    xy = np.array(points.pop("xy").tolist(), dtype=float).reshape(-1, 2)
    visits = pd.DataFrame(facts["visits"], columns=VISIT_COLUMNS)
    return Night(
        origin=pd.Timestamp(facts["origin"]).tz_convert(zone),
        demands=gpd.read_parquet(folder / DEMANDS),
        visits=visits.astype(dict.fromkeys(VISIT_COLUMNS[3:], "float64") | dict.fromkeys(VISIT_COLUMNS[:3], object)),
        home_s=facts["home_s"],
        teams=_teams(facts["teams"]),
        points=gpd.GeoDataFrame(points, geometry=gpd.points_from_xy(xy[:, 0], xy[:, 1]), crs=crs),
        areas=Areas(gpd.read_parquet(folder / AREAS)),
        streets=read_parts(folder, STREETS, dropped={}),
        conditions=_conditions(facts, folder),
        cells_of=facts["cells_of"],
        roles=facts["roles"],
        planning={
            name: tuple(value) if isinstance(value, list) else value for name, value in facts["planning"].items()
        },
        shape=facts["shape"],
        absent=facts["absent"],
        counted=tuple(facts["counted"]),
        now_s=facts["now_s"],
    )


def _teams(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(TEAM_FIELDS))
    until = [dt.date.fromisoformat(str(day)) if day else None for day in frame["trained_until"]]
    return frame.assign(
        roles=frame["roles"].map(tuple),
        trained_until=pd.Series(until, index=frame.index, dtype=object),
        **{name: frame[name].astype("int64") for name in ("members", "shift_start", "shift_end")},
        vetted=frame["vetted"].astype(bool),
    )


def _conditions(facts: Mapping[str, Any], folder: Path) -> Conditions:
    closures = congestion = None
    if (folder / CLOSURES).is_file():
        frame = gpd.read_parquet(folder / CLOSURES)
        closures = Closures(frame.assign(modes=[tuple(modes.split(";")) for modes in frame["modes"]]))
    if (folder / CONGESTION).is_file():
        congestion = Congestion(pd.read_parquet(folder / CONGESTION))
    days = facts["days"]
    calendar = Calendar("the night's days", given={int(day): kind for day, kind in days.items()}) if days else None
    return Conditions(facts["speeds"], closures, congestion, calendar)


def _days(night: Night) -> dict[str, int]:
    """The kinds of the days that the shifts may touch, by day since 1970; empty without a calendar."""
    calendar = night.conditions.calendar
    if calendar is None:
        return {}
    days = pd.date_range(night.origin.normalize().tz_localize(None) - pd.Timedelta(days=1), periods=4)
    kinds = calendar.day_kind(days)
    order = {"workday": 0, "weekend": 1, "holiday": 2}
    numbers = days.to_numpy().astype("datetime64[D]").astype(np.int64)
    return {str(day): order[str(kind)] for day, kind in zip(numbers, kinds, strict=True)}


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): _told(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _told(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_told(each) for each in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else None if value is pd.NaT else value


def link_or_copy(source: Path, target: Path) -> None:
    """One file under two names where the file system can; runs are never changed in place."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
