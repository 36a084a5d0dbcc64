"""Outcomes that teams report: hazards removed, people and cases assisted, disputes resolved, clues; by day and team."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hotspot.tables import read_table
from planning.row_faults import RowFaults

OUTCOME_COLUMNS = ("date", "team_id", "kind", "count")
KINDS = ("hazard_removed", "incident_assisted", "case_assisted", "dispute_resolved", "clue")
_COUNT = r"(\d{1,9})\s*([+＋]?)"


@dataclass(frozen=True)
class Count:
    """A number of outcomes, or with `more` a number that it is at least.

    >>> str(Count.read("300+") + Count.read("12")), str(Count(0) + Count(7))
    ('312+', '7')
    """

    number: int
    more: bool = False

    def __str__(self) -> str:
        return f"{self.number}+" if self.more else str(self.number)

    def __add__(self, other: Count) -> Count:
        return Count(self.number + other.number, self.more or other.more)

    @classmethod
    def read(cls, text: str) -> Count:
        """From `12` or `300+`; the text has that form."""
        return cls(int(text.rstrip("+")), text.endswith("+"))


def total(counts: Iterable[Count]) -> Count:
    """The sum: a lower bound as soon as one of them is.

    >>> str(total([Count(3), Count(300, more=True), Count(9)])), str(total([]))
    ('312+', '0')
    """
    return sum(counts, Count(0))


@dataclass(frozen=True)
class Outcome:
    """What one team reports of one kind for one local date."""

    date: str
    team_id: str
    kind: str
    count: Count

    @property
    def key(self) -> tuple[str, str, str]:
        return self.date, self.team_id, self.kind


@dataclass(frozen=True)
class OutcomeFile:
    """The outcomes of a file in the order of its rows; `repeated` rows say again what another one says."""

    outcomes: tuple[Outcome, ...]
    path: str
    sha256: str
    rows_read: int
    repeated: int


def read_outcomes(path: str | Path, *, teams: Collection[str]) -> OutcomeFile:
    """Read `date, team_id, kind, count`, made by hand: any fault rejects the file. A count may be `300+`, a lower bound.

    Raises InputError with every fault: a date that isn't one, unknown team or kind, a count that isn't a whole number,
    two counts for one date, team and kind.
    """
    table = read_table(path, required=OUTCOME_COLUMNS)
    faults = RowFaults.of(table)
    text = table.frame[list(OUTCOME_COLUMNS)]
    dates = _dates(faults, text["date"])
    faults.one_of("team_id", text["team_id"], sorted(teams), reason="unknown team")
    faults.one_of("kind", text["kind"], KINDS)
    parts = text["count"].str.extract(f"^{_COUNT}$")
    bad = parts[0].isna()
    faults.add(bad, "count", text["count"], "not a whole number", "write 12, or 300+ for at least 300")
    plain = pd.DataFrame({"date": dates, "team_id": text["team_id"], "kind": text["kind"]})
    plain["count"] = parts[0].where(~bad, "0").astype("int64").astype(str) + parts[1].where(parts[1] == "", "+").fillna(
        ""
    )
    again = plain.duplicated()
    _check_two_counts(faults, plain[~again])
    faults.raise_any()
    rows = plain[~again].itertuples(index=False)
    told = tuple(Outcome(date, team, kind, Count.read(count)) for date, team, kind, count in rows)
    return OutcomeFile(told, Path(path).name, table.sha256, len(text), int(again.sum()))


def _dates(faults: RowFaults, text: pd.Series) -> pd.Series:
    plain = text.str.replace(r"[/.]", "-", regex=True)
    stamps = pd.to_datetime(
        plain.where(plain.str.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}")), format="%Y-%m-%d", errors="coerce"
    )
    faults.add(stamps.isna(), "date", text, "not a date", "write 2024-11-29")
    return stamps.dt.strftime("%Y-%m-%d").fillna("")


def _check_two_counts(faults: RowFaults, plain: pd.DataFrame) -> None:
    keys = plain[["date", "team_id", "kind"]]
    first = pd.Series(plain.index, index=plain.index).groupby([keys[name] for name in keys]).transform("min")
    for row in plain.index[keys.duplicated()]:
        reason = f"another count for the date, team and kind of row {first[row]}"
        faults.note(int(row), "count", plain.loc[row, "count"], reason, "keep the row that holds")
