"""What an assessment is made from, and what follows from it: tables of teams and outcomes, sums, notices, the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.reading.encoding import sha256_of
from hotspot.wording import in_language
from planning.config import Config
from planning.inputs import Inputs
from planning.operations.controls import BeforeAfter
from planning.operations.dosage import Dosage, hotspot_dosage, team_dosage
from planning.operations.ledger import Ledger
from planning.operations.outcomes import KINDS, Count, OutcomeFile, total
from planning.operations.pings import Pings
from planning.output.finished_plans import FinishedPlans
from planning.output.plain import plain
from planning.output.products import input_entries, moved_out, run_id_of, versions

OUTCOME_TABLE = ("date", "team_id", "kind", "count", "at_least", "corrected_from", "entry")
SUMMED = (
    *("visits_planned", "planned_min", "visits_tracked", "planned_tracked_min", "visits_delivered", "visits_on_time"),
    *("delivered_min", "delivered_lower_min", "delivered_upper_min", "elsewhere_min"),
    *("gaps", "gap_min", "coarse_stays", "headcount", "participations", "hours"),
)
OF_NIGHT = SUMMED[:9]


@dataclass(frozen=True, eq=False)
class AssessFacts:
    """What an assessment was made from. `pings` and `outcomes` None: none were given. `added` entries are new in the
    `ledger`. `change` None: before and after couldn't be compared, and `why`."""

    config: Config
    inputs: Inputs
    plans: FinishedPlans
    dosage: Dosage
    pings: Pings | None
    outcomes: OutcomeFile | None
    ledger: Ledger
    added: int
    change: BeforeAfter | None
    why: str

    @property
    def window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From the first night's start to the last one's end."""
        return self.plans.nights[0].start, self.plans.nights[-1].end

    @property
    def dates(self) -> tuple[str, str]:
        """First and last local date of the window, both included: of these dates outcomes are summed."""
        start, end = self.window
        return f"{start:%Y-%m-%d}", f"{end - pd.Timedelta(microseconds=1):%Y-%m-%d}"

    @cached_property
    def outcome_table(self) -> pd.DataFrame:
        """The counts that hold, one row each; `corrected_from` are those that held before, the first one first."""
        first, last = self.dates
        rows = []
        for entry in self.ledger.latest().values():
            if first <= entry.date <= last:
                count = entry.outcome.count
                before = ";".join(each.count for each in self.ledger.history(entry.outcome.key)[:-1])
                rows.append((*entry.outcome.key, entry.count, count.more, before, entry.entry))
        return pd.DataFrame(rows, columns=list(OUTCOME_TABLE)).sort_values(
            ["date", "team_id", "kind"], ignore_index=True
        )

    @cached_property
    def team_table(self) -> pd.DataFrame:
        """`team_dosage` with each team's name, outcomes ('' = none reported), and three figures that are never added to one
        another: headcount (people in the register), participations (people times nights with tracks), hours with tracks."""
        register = self.inputs.teams.set_index("id")
        ids = [*register.index, *sorted(self.plans.team_ids - set(register.index))]
        found = team_dosage(self.dosage, ids)
        members = register["members"].reindex(ids).astype("Int64").to_numpy()
        found.insert(1, "name", register["name"].reindex(ids).fillna("").to_numpy())
        found["headcount"] = pd.array(members, dtype="Int64")
        found["participations"] = (found["headcount"] * found["nights_tracked"]).where(found["nights_tracked"] > 0)
        found["hours"] = found["tracked_min"] / 60
        for kind in KINDS:
            found[kind] = [self._told_of(team, kind) for team in ids]
        return rounded(found, 1)

    @cached_property
    def night_table(self) -> pd.DataFrame:
        """One row per night, in their order: `run, date`, sums of `hotspot_dosage`, and the gaps in its tracks."""
        labels = [night.label for night in self.plans.nights]
        of_hotspots = hotspot_dosage(self.dosage).groupby("run")[list(OF_NIGHT)].sum(min_count=1)
        found = of_hotspots.reindex(labels).join(self.dosage.tracks.groupby("run")[["gaps", "gap_min"]].sum())
        whole = ["visits_planned", "planned_min", "visits_tracked", "planned_tracked_min"]
        found[whole] = found[whole].fillna(0)
        found = found.rename_axis("run").reset_index()
        found.insert(1, "date", [f"{night.start:%Y-%m-%d}" for night in self.plans.nights])
        return rounded(found, 1)

    @cached_property
    def totals(self) -> dict[str, Any]:
        """All teams together: a figure that nobody has is None."""
        table = self.team_table
        sums = {name: table[name].sum(min_count=1) for name in SUMMED}
        return {**plain(sums), **{kind: str(total(self._counts(kind=kind))) for kind in KINDS}}

    def _counts(self, **where: str) -> list[Count]:
        rows = self.outcome_table
        for name, value in where.items():
            rows = rows[rows[name] == value]
        return [Count.read(text) for text in rows["count"]]

    def _told_of(self, team: str, kind: str) -> str:
        counts = self._counts(team_id=team, kind=kind)
        return str(total(counts)) if counts else ""

    def notices(self) -> list[str]:
        """What a reader of the assessment must know."""
        counts = self.inputs.incidents.counts
        of_inputs = [moved_out(notice, self.config.folder) for notice in self.inputs.notices]
        none = f"no comparison before and after: {self.why}"
        of_change = self.change.notices() if self.change is not None else [none]
        return [*self._dosage_notices(), *self._outcome_notices(), *of_change, f"incidents: {counts}", *of_inputs]

    def _dosage_notices(self) -> list[str]:
        sums, nights = self.totals, len(self.plans.nights)
        visits, minutes = sums["visits_planned"], sums["planned_min"] or 0.0
        told = [f"planned: {visits} visits, {minutes:.0f} minutes at hotspots, nights: {nights}"]
        if self.pings is None:
            return [*told, "no tracks were given: what was delivered isn't known"]
        told.append(f"tracks: {self.pings.counts}")
        if sums["delivered_min"] is not None:
            names = ("delivered_min", "planned_tracked_min", "delivered_lower_min", "delivered_upper_min")
            got, wanted, low, high = (sums[name] for name in names)
            share = f"{got:.0f} minutes (between {low:.0f} and {high:.0f}) of {wanted:.0f} planned"
            told.append(f"delivered on nights with tracks: {share}")
        gaps, gap_min, coarse = (sums[name] for name in ("gaps", "gap_min", "coarse_stays"))
        if gaps:
            told.append(f"gaps in the tracks: {gaps}, {gap_min:.0f} minutes of which nothing is known")
        if coarse:
            told.append(f"stays whose length is uncertain, for the pings are too far apart: {coarse}")
        unknown = self.dosage.visits[self.dosage.visits["minutes"].isna()]
        if len(unknown):
            teams = len(unknown[["run", "team_id"]].drop_duplicates())
            told.append(f"shifts of teams without any ping: {teams}; what they delivered isn't known")
        return told

    def _outcome_notices(self) -> list[str]:
        told = [f"outcomes, {kind}: {self.totals[kind]}" for kind in KINDS if self._counts(kind=kind)]
        others = len(self.ledger.latest()) - len(self.outcome_table)
        return [*told, *([f"outcomes of other dates in the ledger, not in these sums: {others}"] if others else [])]

    def report(self, out: Path) -> list[str]:
        """The last words of the command, in the district's language."""
        told = ["status: complete", *self.notices()]
        if self.outcomes is not None:
            told.append(f"ledger: {self.added} entries added, {self._corrections} of them corrections")
        lines = [in_language(line, self.config.district.language) for line in told]
        return [*lines, str(out / "assessment" / "index.html")]

    @property
    def _corrections(self) -> int:
        new = self.ledger.entries[len(self.ledger.entries) - self.added :]
        return sum(entry.corrects is not None for entry in new)

    def manifest(self, timings_s: dict[str, float]) -> dict[str, Any]:
        """The manifest's fields but its list of files."""
        start, end = self.window
        return {
            "status": "complete",
            **self._identity(),
            "run_id": self.run_id,
            "window": {"start": start.isoformat(), "end": end.isoformat()},
            "timezone": self.config.district.timezone,
            "versions": versions(),
            "inputs": self._input_entries,
            "plan": None,
            "assessment": {
                "runs": [night.label for night in self.plans.nights],
                "totals": self.totals,
                "ledger": {
                    "entries": len(self.ledger.entries), "head": self.ledger.head, "added": self.added,
                    "corrections": self._corrections,
                },
                "before_after": self._change_facts(),
            },
            "notices": self.notices(),
            "timings_s": timings_s,
        }  # fmt: skip

    @cached_property
    def run_id(self) -> str:
        """Eight letters that stand for the inputs and the configuration."""
        return run_id_of(self._identity(), [entry["sha256"] for entry in self._input_entries])

    def _identity(self) -> dict[str, Any]:
        return {"command": "assess", "config": self.config.echo(), "seed": 0, "as_of": self.window[1].isoformat()}

    @cached_property
    def _input_entries(self) -> list[Mapping[str, Any]]:
        entries: list[Mapping[str, Any]] = [*input_entries(self.config, self.inputs), *self.plans.entries]
        if self.pings is not None:
            entries.append({**self.pings.entry, "path": Path(self.pings.entry["path"]).name})
        if self.outcomes is not None:
            told = self.outcomes
            used = {"rows_used": len(told.outcomes), "rows_rejected": 0, "rows_duplicate": told.repeated}
            none = {"rows_unlocated": 0, "rows_outside": 0}
            entries.append({"path": told.path, "sha256": told.sha256, "rows_read": told.rows_read, **used, **none})
        if self.ledger.entries:
            path = self.config.assess.ledger
            entries.append({"path": path.name, "sha256": sha256_of(path)})
        return entries

    def _change_facts(self) -> dict[str, Any] | None:
        if self.change is None:
            return None
        counts = {part: {"before": b, "after": a} for part, (b, a) in self.change.counts.items()}
        return {"periods": vars(self.change.periods), "counts": counts, **vars(self.change.test)}


def rounded(table: pd.DataFrame, decimals: int) -> pd.DataFrame:
    """The table with its floating numbers so rounded."""
    found = table.copy()
    for name in table.select_dtypes("float").columns:
        found[name] = table[name].round(decimals)
    return found
