"""One load of incident files: opened together, judged side by side, joined, and searched for rows that repeat others."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely

from hotspot import intake
from hotspot.coordinates import Seen, whole_file_faults
from hotspot.errors import CrsError, Fault, InputError
from hotspot.reading.source import MOST_ROWS, Layout, OpenTable
from hotspot.tables import open_table

THREADS = 2
JOINED_AT_ONCE = 16  # batches: many small arrays that stay would leave holes between them, as large as the load itself
LISTED = ("file", "row", "state", "reason", "text")
IN_THE_FUTURE = "in the future"

Progress = Callable[[str], None]
Path = str | os.PathLike[str]
Texts = npt.NDArray[np.object_]


@dataclass(eq=False)
class Load:
    """The tables, all their rows below each other, the table of each row, and what each table's places looked like."""

    tables: Sequence[OpenTable]
    rows: intake.Rows
    file: npt.NDArray[np.int16]
    seen: Sequence[Seen]

    @property
    def paths(self) -> list[str]:
        return [table.path for table in self.tables]

    def set_aside(self, position: intake.Ints, state: intake.States, field: str, reason: pd.Series[str] | str) -> None:
        """Gives these rows another state, whatever they had; their text is read again, as used rows don't keep it."""
        self.rows.state[position] = state
        told = pd.DataFrame({"position": position, "field": field, "reason": reason})
        told["value"], told["text"] = self._read_again(position, field)
        others = self.rows.set_aside[~self.rows.set_aside["position"].isin(position)]
        self.rows.set_aside = pd.concat([others, told], ignore_index=True)

    def _read_again(self, position: intake.Ints, field: str) -> tuple[Texts, Texts]:
        """The value of the field and the whole text of these rows."""
        values, texts = np.full(len(position), "", dtype=object), np.full(len(position), "", dtype=object)
        for number, table in enumerate(self.tables):
            here = np.flatnonzero(self.file[position] == number)
            wanted = pd.Series(here, index=self.rows.row[position[here]])
            for batch in table.batches() if len(here) else ():
                hit = np.isin(batch.row, wanted.index.to_numpy())
                if hit.any():
                    rows, at = batch.columns.filter(pa.array(hit)), wanted[batch.row[hit]].to_numpy()
                    values[at], texts[at] = rows[field].to_pylist(), intake.row_texts(rows).to_numpy()
        return values, texts

    def listing(self) -> pd.DataFrame:
        """file, row, state, reason, text of the rows that aren't used, in the order of the files."""
        aside = self.rows.set_aside
        position = aside["position"].to_numpy(dtype=np.int64)
        row, file = self.rows.row[position], self.file[position]
        listed = pd.DataFrame(
            {"file": np.array(self.paths, dtype=object)[file], "row": row}
            | {"state": np.array(intake.STATES, dtype=object)[self.rows.state[position]]}
            | {"reason": aside["reason"].to_numpy(dtype=object), "text": aside["text"].to_numpy(dtype=object)}
        )
        return listed.iloc[np.lexsort((row, file))].reset_index(drop=True).astype(LISTED_TYPES)


LISTED_TYPES = dict.fromkeys(LISTED, "str") | {"row": "int64"}


def no_listing() -> pd.DataFrame:
    """A listing of no rows."""
    return pd.DataFrame(columns=list(LISTED)).astype(LISTED_TYPES)


def open_all(paths: Sequence[Path], columns: Mapping[str, str] | None, layout: Layout) -> list[OpenTable]:
    """All files with their headers. Raises InputError with the faults of all of them."""
    tables: list[OpenTable] = []
    faults: list[Fault] = []
    for each in paths:
        try:
            opened = open_table(
                each, required=intake.REQUIRED, optional=intake.OPTIONAL, columns=columns, layout=layout
            )
            tables.append(opened)
        except InputError as error:
            faults.extend(error.faults)
    if not paths:
        faults.append(Fault("incidents", "no file is named", "give at least one path"))
    if faults:
        raise InputError(faults)
    return tables


def load_all(tables: Sequence[OpenTable], rules: intake.Rules, progress: Progress) -> Load:
    """The judged rows of all tables. Raises InputError for a table without rows, and above the limit of one load."""
    if rules.areas is not None:
        union = rules.areas.union
        shapely.prepare(union)
        shapely.intersects_xy(union, *union.representative_point().coords[0])  # builds its index, before threads ask it
    parts: list[intake.Rows] = []
    recent: list[intake.Rows] = []
    counts, seen = [0] * len(tables), [Seen() for _ in tables]
    for number, table in enumerate(tables):
        for rows in _judged_batches(table, rules):
            recent.append(rows)
            if len(recent) == JOINED_AT_ONCE:
                parts.append(intake.joined(recent))
                recent = []
            counts[number] += len(rows)
            seen[number] += rows.seen
            progress(f"incidents: {sum(counts):,} rows")
            if sum(counts) > MOST_ROWS:
                reason = f"more than {MOST_ROWS:,} rows in all, the limit of one load"
                raise InputError(Fault(table.path, reason, "load the last years only"))
        if not counts[number]:
            raise InputError(Fault(table.path, "no data rows", "export it again; the file holds only a header"))
    return Load(
        tables, intake.joined([*parts, *recent]), np.repeat(np.arange(len(tables), dtype=np.int16), counts), seen
    )


def _judged_batches(table: OpenTable, rules: intake.Rules) -> Iterator[intake.Rows]:
    """Two batches are judged while the next one is read; a table of one batch needs no threads."""
    batches = table.batches()
    first, second = next(batches, None), next(batches, None)
    if first is None:
        return
    if second is None:
        yield intake.judge(first, rules, from_geometry=table.from_geometry)
        return
    waiting: deque[Future[intake.Rows]] = deque()
    pool = ThreadPoolExecutor(THREADS)
    try:
        for batch in chain([first, second], batches):
            waiting.append(pool.submit(intake.judge, batch, rules, from_geometry=table.from_geometry))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def reject_future(load: Load, now: pd.Timestamp | None) -> list[str]:
    """Rejects rows later than `now`; where most are, the clock is wrong and not the export, and a notice says so."""
    if now is None:
        return []
    known = load.rows.time_us != intake.NOT_A_TIME_US
    later = np.flatnonzero((load.rows.time_us > now.value // 1000) & (load.rows.state != intake.REJECTED))
    if len(later) > 0.5 * known.sum():
        return [f"most incidents are later than this computer's clock, {now:%Y-%m-%d %H:%M}: it wasn't heeded"]
    if len(later):
        load.set_aside(later, intake.REJECTED, "time", IN_THE_FUTURE)
    return []


def mark_repeats(load: Load, same_id: str) -> None:
    """Rows that say again what an earlier one of the same id and source says; with another content they are rejected."""
    rows = load.rows
    found = intake.find_repeats(rows, load.file)
    if not len(found.position):
        return
    again = found.same | (found.one_call if same_id == "earliest" else False)
    kind = np.where(found.same, intake.SAME, np.where(again, intake.SAME_CALL, intake.OTHER_CONTENT))
    paths = np.array(load.paths, dtype=object)[load.file[found.kept]]
    reason = pd.Series(kind, dtype="str") + ": row " + pd.Series(rows.row[found.kept]).astype("str") + " of " + paths
    state = np.where(again, intake.DUPLICATE, intake.REJECTED).astype(np.int8)
    load.set_aside(found.position, state, "id", reason)


def refuse(
    load: Load, rules: intake.Rules, row_faults: Sequence[Fault], categories: Collection[str] | None, *, most: float
) -> None:
    """Raises CrsError or InputError with all faults that concern a file or the load as a whole.

    Those of single rows count when more than the share `most` of the rows is rejected.
    """
    whole = [
        fault
        for seen, path in zip(load.seen, load.paths, strict=True)
        for fault in whole_file_faults(seen, path, crs=rules.crs, areas=rules.areas)
    ]
    unknown = intake.unknown_categories(load.rows, categories, load.paths[0])
    rejected = int((load.rows.state == intake.REJECTED).sum())
    of_rows = list(row_faults) if rejected > most * len(load.rows) else []
    if whole or unknown or of_rows:
        raise (CrsError if whole else InputError)([*whole, *unknown, *of_rows])
