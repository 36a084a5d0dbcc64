"""What a run of `patrol event` holds besides a plan: events, posts, who stands where, and the visits that are lost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot.mapping.situation_page import Payload
from hotspot.reading.encoding import sha256_of
from hotspot.tables import write_csv
from planning.event_levels import LevelRow
from planning.operations.event_loss import lost_visits
from planning.operations.event_staffing import EventStaffing
from planning.output.exports import write_geojson
from planning.output.mapping.comparison import compare_pages
from planning.output.mapping.event_page import events_payload
from planning.output.mapping.plan_page import plan_payload
from planning.output.place_names import place_columns
from planning.output.products import RunFacts, input_entries, moved_out, write_plan_products
from planning.output.tables import VISIT_COLUMNS, tabulate, visits_table
from planning.plan import Plan

EXAMPLE_MARK = {"zh": "示例表，须由用户替换", "en": "example, replace with your own"}
TEAM_COLUMNS = [
    "event_id", "post_id", "team_id", "members", "roles", "from_id", "leave_point", "arrive", "start", "end", "back",
    "travel_s", "travel_m",
]  # fmt: skip
POST_COLUMNS = ["event_id", "post_id", "lon", "lat", "place", "walk_m", "headcount", "assigned", "short"]


@dataclass(frozen=True, eq=False, kw_only=True)
class EventFacts(RunFacts):
    """A run's facts, and those of its events. `levels_path` None: the table is in the configuration, or the example.

    `before` is the plan without events; `told` what is said of events that nobody is sent to.
    """

    events_path: Path
    levels: tuple[LevelRow, ...]
    levels_path: Path | None
    found: EventStaffing
    before: Plan
    told: tuple[str, ...]

    @property
    def is_example(self) -> bool:
        """The staffing table is the shipped one."""
        return self.config.events.table is None

    @property
    def table_told(self) -> str:
        """Where the table comes from; the example says that it is one."""
        if self.is_example:
            return EXAMPLE_MARK[self.config.district.language]
        return "patrol.toml" if self.levels_path is None else moved_out(str(self.levels_path), self.config.folder)

    def notices(self, plan: Plan | None) -> list[str]:
        """What a reader must know: first of the events, then of the inputs and the plan."""
        return [*self.event_notices(plan), *super().notices(plan)]

    def event_notices(self, plan: Plan | None) -> list[str]:
        """The events in sentences: people and posts, what is in the way, and what the patrols lose."""
        told = [*self.told]
        for row in events_table(self.found).to_dict("records"):
            told += _row_notices(row)
        if self.is_example and len(self.found.night.events):
            told.append("the staffing table is the shipped example: replace it with your own, [events] table")
        for binding in self.found.binding:
            told.append(f"in the way is {binding.rule}; the least change: {', '.join(binding.changes)}")
        if plan is not None and len(self.found.duties):
            told.append(self._loss_told(plan))
        return told

    def _loss_told(self, plan: Plan) -> str:
        lost = self.before.value - plan.value
        share, visits = lost / self.before.value if self.before.value else 0.0, len(lost_table(self, plan))
        values = f"value {self.before.value:.4g} without events, {plan.value:.4g} with them"
        return f"patrols: {values}: {lost:.4g} lost ({share:.1%}), visits lost: {visits}"

    def manifest_block(self, plan: Plan) -> dict[str, Any]:
        """The manifest's `events`: what a page needs to tell."""
        staffing, night = self.found.staffing, self.found.night
        return {
            "table": {
                "source": self.table_told, "is_example": self.is_example, "rows": [vars(row) for row in self.levels],
            },
            "each": events_table(self.found).to_dict("records"),
            "needed": int(night.posts["headcount"].sum()),
            "assigned": int(self.found.assigned.sum()),
            "short": int(staffing.short.sum()),
            "teams": int(staffing.sent.any(axis=1).sum()),
            **{name: getattr(staffing, name) for name in ("cost", "bound", "gap", "least_short")},
            "binding": [{"rule": each.rule, "changes": list(each.changes)} for each in self.found.binding],
            "patrol": {
                "value_before": self.before.value, "gap_before": self.before.gap,
                "value_after": plan.value, "gap_after": plan.gap,
                "visits_before": len(self.before.schedule.demand), "visits_after": len(plan.schedule.demand),
                "visits_lost": len(lost_table(self, plan)),
            },
        }  # fmt: skip

    def page_blocks(self, plan: Plan, payload: Payload) -> Payload:
        """The events, and the plan against the one that the night would have without them."""
        without = plan_payload(self.before, tabulate(self.before), window=self.window, facts=self.page_facts())
        tables = posts_table(self), staffing_table(self.found), lost_table(self, plan)
        told = super().page_blocks(plan, payload) | {
            "kind": "event",
            "events": events_payload(self.manifest_block(plan), *tables),
        }
        if not len(self.found.duties):
            return told
        return told | {"comparison": compare_pages(without | {"run_id": ""}, payload)}

    @cached_property
    def _input_entries(self) -> list[dict[str, Any]]:
        paths = [path for path in (self.events_path, self.levels_path) if path is not None]
        own = [{"path": path.name, "sha256": sha256_of(path)} for path in paths]
        return [*input_entries(self.config, self.inputs), *own]


def _row_notices(row: dict[Any, Any]) -> list[str]:
    event, level, crowd, heads, posts = (
        row[name] for name in ("event_id", "level", "attendance", "headcount", "posts")
    )
    come, teams, short, lacking = (row[name] for name in ("assigned", "teams", "short", "role_short"))
    told = [
        f"event {event}, level {level}, {crowd} people: needed {heads} at {posts} posts, {come} come in {teams} teams"
    ]
    if short:
        told.append(f"event {event}: people short: {short}")
    if lacking:
        told.append(f"event {event}: people without the role: {lacking}")
    return told


def events_table(found: EventStaffing) -> pd.DataFrame:
    """One row per event: `event_id, name, lon, lat, level, attendance, start, end, headcount, assigned, short, posts, teams,
    role_need, role_short`.

    `headcount` is the table's, `assigned` who come (there may be more than needed at one post), `role_need` and
    `role_short` are `role=people`, separated by `;`.
    """
    night, staffing = found.night, found.staffing
    of_event = night.event_of
    count = len(night.events)

    def summed(values: Any) -> Any:
        return np.bincount(of_event, weights=values, minlength=count).astype(np.int64)

    events = night.events
    teams = [int(staffing.sent[:, of_event == e].any(axis=1).sum()) for e in range(count)]
    roles = {
        name: [";".join(f"{r}={n}" for r, n in zip(found.roles, row, strict=True) if n) for row in people.tolist()]
        for name, people in (("role_need", found.role_need), ("role_short", staffing.role_short))
    }
    frame = pd.DataFrame({"event_id": events["id"].to_numpy(dtype=object)})
    own = {name: events[name].to_numpy() for name in ("name", "lon", "lat", "level", "attendance")}
    times = {name: [time.isoformat() for time in events[name]] for name in ("start", "end")}
    heads = {"headcount": summed(night.posts["headcount"]), "assigned": summed(found.assigned)}
    posts = {"short": summed(staffing.short), "posts": np.bincount(of_event, minlength=count), "teams": teams}
    return frame.assign(**own, **times, **heads, **posts, **roles)


def staffing_table(found: EventStaffing) -> pd.DataFrame:
    """One row per team and post; times ISO 8601, `back` empty where the team goes straight on to its next post."""
    origin = found.night.origin
    frame = found.duties.copy()
    columns = {"leave_s": "leave_point", "arrive_s": "arrive", "start_s": "start", "end_s": "end", "back_s": "back"}
    for name, told in columns.items():
        frame[told] = [
            "" if np.isnan(s) else (origin + pd.Timedelta(seconds=float(s))).isoformat() for s in frame[name]
        ]
    return frame.astype({"travel_s": "int64"})[TEAM_COLUMNS]


def posts_table(facts: EventFacts) -> gpd.GeoDataFrame:
    """One row per post, in `POST_COLUMNS`, its place in each language, and its geometry (EPSG:4326)."""
    found, streets, language = facts.found, facts.inputs.streets, facts.config.district.language
    posts = found.night.posts
    at = posts.geometry.to_crs("EPSG:4326")
    frame = pd.DataFrame(posts[["event_id", "post_id", "walk_m", "headcount"]]).assign(
        lon=at.x.round(6), lat=at.y.round(6), **place_columns(streets, at, language=language),
        assigned=found.assigned, short=found.staffing.short,
    )  # fmt: skip
    return gpd.GeoDataFrame(frame[[*POST_COLUMNS, "place_in"]], geometry=at.to_numpy(), crs="EPSG:4326")


def lost_table(facts: EventFacts, plan: Plan) -> pd.DataFrame:
    """The visits of the plan without events that nobody makes now: the columns of `visits.csv`, `why` and `event_id`."""
    first = facts.found.duties.drop_duplicates("team_id")
    lost = lost_visits(facts.before, plan, dict(zip(first["team_id"], first["event_id"], strict=True)))
    visits = pd.DataFrame(visits_table(facts.before)[VISIT_COLUMNS])
    # without a visit neither table tells of what type its ids are
    return visits.astype({"visit_id": "str"}).merge(
        lost.astype({"visit_id": "str"}), on="visit_id", validate="one_to_one"
    )


def write_event_products(folder: Path, plan: Plan, facts: EventFacts) -> str:
    """All files of the run but its manifest. Returns its status: partial also where people are missing at an event."""
    status = write_plan_products(folder, plan, facts)
    posts = posts_table(facts)
    write_csv(events_table(facts.found).assign(table=facts.table_told), folder / "events.csv")
    write_csv(pd.DataFrame(posts[POST_COLUMNS]), folder / "posts.csv")
    write_geojson(posts.drop(columns="place_in"), folder / "posts.geojson")
    write_csv(staffing_table(facts.found), folder / "staffing.csv")
    write_csv(lost_table(facts, plan), folder / "lost_visits.csv")
    return "partial" if status == "complete" and not facts.found.staffing.complete else status
