"""Faults of the rows of one hand-made table, gathered column by column; equal ones become one line with a count."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd

from hotspot.errors import Fault, InputError
from hotspot.tables import Table
from hotspot.times import parse_local


@dataclass
class RowFaults:
    """The faults of the file called `path` in messages; series given to it are indexed by the file's row numbers."""

    path: str
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, table: Table) -> RowFaults:
        """Those of a table that was read: rows that can't be split are the first."""
        faults = cls(table.path)
        for row, reason in zip(table.bad_rows["row"], table.bad_rows["reason"], strict=True):
            faults.note(int(row), None, None, str(reason), "give the row as many fields as the header")
        return faults

    def note(
        self, row: int | None, column: str | None, value: str | None, reason: str, fix: str, *, count: int = 1
    ) -> None:
        """One fault, as it is."""
        self.faults.append(Fault(self.path, reason, fix, row=row, field=column, value=value, count=count))

    def add(
        self,
        bad: pd.Series,
        column: str,
        values: pd.Series | None,
        reason: str,
        fix: str,
        *,
        together: bool = False,
    ) -> None:
        """One fault for every different value among the rows where `bad` holds, or one for all with `together`."""
        rows = bad[bad].index
        if not len(rows):
            return
        if values is None or together:
            value = None if values is None else str(values[rows[0]])
            self.note(int(rows[0]), column, value, reason, fix, count=len(rows))
            return
        for value, group in values[rows].groupby(values[rows], sort=False):
            self.note(int(group.index[0]), column, str(value), reason, fix, count=len(group))

    def one_of(
        self, column: str, values: pd.Series, allowed: Collection[str], *, reason: str = "unknown value"
    ) -> None:
        """Notes every value that isn't allowed, with the list of those that are."""
        known = ", ".join(value for value in allowed if value) or "(there are none)"
        self.add(~values.isin(list(allowed)), column, values, reason, f"use one of: {known}")

    def repeated(self, ids: pd.Series) -> None:
        """Notes every id that an earlier row has; both rows are named."""
        rows = ids.index.to_numpy()
        first_row = pd.Series(rows, index=ids.index).groupby(ids).transform("min").to_numpy()
        for row, first in zip(rows, first_row, strict=True):
            if row != first and ids[row]:
                self.note(int(row), "id", ids[row], f"the same id as row {first}", "give each row an id of its own")

    def raise_any(self) -> None:
        """Raises InputError with all faults in the order of the rows, if there are any."""
        if self.faults:
            raise InputError(sorted(self.faults, key=lambda fault: fault.row or 0))


def degrees(faults: RowFaults, text: pd.Series, *, most: float) -> pd.Series:
    """A column of coordinates as numbers; NaN where one isn't a number or is beyond `most`."""
    found = pd.to_numeric(text, errors="coerce").astype("float64")
    bad = ~(found.abs() <= most)
    faults.add(bad, str(text.name), text, "not a coordinate in degrees", "give WGS-84 degrees, as 109.734")
    return found.mask(bad)


def local_times(faults: RowFaults, text: pd.Series, timezone: str) -> pd.Series:
    """The instants of a column of dates or times, local unless they have an offset; NaT where it is empty or at fault."""
    times = pd.Series(pd.NaT, index=text.index, dtype=f"datetime64[us, {timezone}]")
    told = text[text != ""]
    if len(told):
        found, reasons = parse_local(told.reset_index(drop=True), timezone=timezone)
        bad = pd.Series(reasons.to_numpy() != "", index=told.index).reindex(text.index, fill_value=False)
        faults.add(bad, str(text.name), text, "not a time", "write 2024-11-29 or 2024-11-29T18:00")
        times.loc[told.index] = found.to_numpy()
    return times
