"""The fate of each row of an incident history: used, rejected, duplicate, unlocated or outside; one of them, never two.

`judge` looks at one batch of one file and at nothing else, so batches can be judged side by side; what concerns a file
or a load as a whole (exchanged axes, unknown categories, ids that appear twice) is decided once all batches are in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS

from hotspot.areas import Areas
from hotspot.coordinates import Seen, numbers_of, see_places
from hotspot.errors import Fault
from hotspot.geo import Floats, datum_crs, to_metric
from hotspot.hashing import group_numbers
from hotspot.reading.source import Batch
from hotspot.times import DAY_OR_MONTH, LocalTimes, day_month_evidence, read_local

REQUIRED = ("id", "time", "lon", "lat", "category", "source")
OPTIONAL = ("time_end", "report_time")
STATES = ("used", "rejected", "duplicate", "unlocated", "outside")
USED, REJECTED, DUPLICATE, UNLOCATED, OUTSIDE = range(5)
FIRST_YEAR, LAST_YEAR = 2000, 2100
LONGEST_CALL_H = 12.0  # rows with one id and source that lie no farther apart than this are calls about one incident
SAMPLED = 5000  # coordinates of a batch that are kept as they were written
NOT_A_TIME_US = np.iinfo(np.int64).min  # what pandas stores for NaT

SAME = "the same incident again"
SAME_CALL = "another call about the same incident"
OTHER_CONTENT = "another incident has this id"
LOST_DIGITS = "precision already lost in the spreadsheet"
_DEFAULT_FIX = "correct the rows at their source, or raise max_rejected_share"
_FIXES = {
    "no source": "say who noticed it: report or patrol",
    LOST_DIGITS: "export the ids as text again",
    "looks swapped: the place fits with lon and lat exchanged": "exchange lon and lat in these rows",
    "in the future": "correct the rows, or the clock of this computer",
}
_OUT_OF_PLACE = {UNLOCATED: "no location", OUTSIDE: "outside the study area"}
_SHORTENED = r"^[0-9](\.[0-9]+)?[eE]\+?[0-9]+$"

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.int8] | int


@dataclass(frozen=True, eq=False)
class Rules:
    """What rows are judged by. `first`, `last` (exclusive) are the window of time that data may come from."""

    timezone: str
    crs: CRS
    datum: str = "wgs84"
    areas: Areas | None = None
    time_formats: tuple[str, ...] = ()
    coordinate_forms: tuple[str, ...] = ()
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None

    def window(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """From `first` to `last`, by default the years that any data can come from."""
        least, most = (pd.Timestamp(year=year, month=1, day=1, tz=self.timezone) for year in (FIRST_YEAR, LAST_YEAR))
        return self.first or least, self.last or most


@dataclass(eq=False)
class Codes:
    """Few different texts, one per row: `code` (n,) into `names`."""

    code: npt.NDArray[np.int32]
    names: list[str]

    @classmethod
    def of(cls, text: pa.ChunkedArray | pa.Array) -> Codes:
        coded = pc.dictionary_encode(text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text)
        return cls(coded.indices.to_numpy(zero_copy_only=False).astype(np.int32), coded.dictionary.to_pylist())

    @classmethod
    def joined(cls, parts: Sequence[Codes]) -> Codes:
        number = {name: i for i, name in enumerate(dict.fromkeys(name for part in parts for name in part.names))}
        mapped = [np.array([number[name] for name in part.names] or [0], dtype=np.int32)[part.code] for part in parts]
        return cls(np.concatenate(mapped), list(number))

    def counts(self) -> dict[str, int]:
        """How many rows have each text that isn't empty."""
        found = np.bincount(self.code, minlength=len(self.names))
        return {name: int(n) for name, n in zip(self.names, found, strict=False) if name and n}


@dataclass(eq=False)
class Rows:
    """Judged rows, one array each. Times are microseconds of UTC, None for a column that no row has; `place` (n, 2) is
    metric, NaN where there is none.

    `set_aside` has the rows whose state isn't used: position, field, reason, value and text. `sample` (k, 2) are some of
    the coordinates as they were written.
    """

    row: npt.NDArray[np.int32]
    state: npt.NDArray[np.int8]
    id: pa.ChunkedArray
    category: Codes
    source: Codes
    time_us: Ints
    end_us: Ints | None
    report_us: Ints | None
    date_only: Mask
    place: Floats
    set_aside: pd.DataFrame
    sample: Floats
    serials: int = 0  # times that were a spreadsheet's number of days
    seen: Seen = field(default_factory=Seen)

    def __len__(self) -> int:
        return len(self.row)


class _Verdicts:
    """States and reasons while rows are judged: the first reason found against a row stays."""

    def __init__(self, n: int) -> None:
        self.state = np.zeros(n, dtype=np.int8)
        self._found: list[pd.DataFrame] = []

    def reject(self, bad: Mask | pd.Series[bool], column: str, reason: str | pd.Series[str]) -> None:
        new = np.flatnonzero(np.asarray(bad, dtype=bool) & (self.state != REJECTED))
        if len(new):
            self.state[new] = REJECTED
            told = reason.to_numpy()[new] if isinstance(reason, pd.Series) else reason
            self._found.append(pd.DataFrame({"position": new, "field": column, "reason": told}))

    def set_state(self, where: Mask, state: int) -> None:
        new = np.flatnonzero(where & (self.state == USED))
        self.state[new] = state
        self._found.append(pd.DataFrame({"position": new, "field": "", "reason": _OUT_OF_PLACE[state]}))

    def set_aside(self, columns: pa.Table) -> pd.DataFrame:
        """position, field, reason, value and text of each row that isn't used."""
        empty = pd.DataFrame({"position": np.empty(0, dtype=np.int64), "field": [], "reason": []})
        found = pd.concat([empty, *self._found], ignore_index=True).sort_values("position", kind="stable")
        of_rows = columns.take(pa.array(found["position"].to_numpy(dtype=np.int64)))
        value = pd.Series("", index=found.index, dtype="object")
        for name in found["field"].unique():
            if name:
                named = (found["field"] == name).to_numpy()
                value[named] = np.asarray(of_rows[name].to_pylist(), dtype=object)[named]
        text = row_texts(of_rows)
        found = found.assign(value=value, text=text.to_numpy()).reset_index(drop=True)
        return found.astype({"field": "str", "reason": "str", "value": "str", "text": "str"})


def row_texts(columns: pa.Table) -> pd.Series[str]:
    """The fields that were asked for and no others, as one text a row."""
    present = [columns[name] for name in (*REQUIRED, *OPTIONAL) if name in columns.column_names]
    if not len(columns):
        return pd.Series([], dtype="str")
    joined: pd.Series[str] = pc.binary_join_element_wise(*present, ",").to_pandas().astype("str")
    return joined


def judge(batch: Batch, rules: Rules, *, from_geometry: bool = False) -> Rows:
    """One batch's rows, those that can't be split among them as rejected ones at the end."""
    columns = batch.columns
    verdicts = _Verdicts(len(columns))
    _judge_ids(columns, verdicts)
    times = _judge_times(columns, rules, verdicts)
    for name in ("category", "source"):
        verdicts.reject(_equals(columns[name], ""), name, f"no {name}")
    lonlat, place, seen = _judge_places(columns, rules, verdicts, from_geometry=from_geometry)
    rows = Rows(
        row=batch.row.astype(np.int32), state=verdicts.state, id=pa.chunked_array(columns["id"]),
        category=Codes.of(columns["category"]), source=Codes.of(columns["source"]),
        time_us=times.time_us, end_us=times.end_us, report_us=times.report_us, date_only=times.date_only,
        serials=times.serials, place=place,
        set_aside=verdicts.set_aside(columns), sample=_sampled(lonlat, verdicts.state), seen=seen,
    )  # fmt: skip
    return _with_bad_rows(rows, batch) if batch.bad else rows


def _sampled(lonlat: Floats, state: npt.NDArray[np.int8]) -> Floats:
    """Some of the coordinates that are places, evenly through the batch."""
    placed = lonlat[(state == USED) | (state == OUTSIDE)]
    some: Floats = placed[:: max(1, len(placed) // SAMPLED)].copy()
    return some


def _with_bad_rows(rows: Rows, batch: Batch) -> Rows:
    """The rows and, after them, those that have no fields to judge."""
    n = len(batch.bad)
    bad = pd.DataFrame(
        {"position": np.arange(n) + len(rows), "field": "", "reason": [bad.reason for bad in batch.bad]}
        | {"value": "", "text": [bad.text for bad in batch.bad]}
    )
    empty, never = pa.chunked_array([[""] * n]), np.full(n, NOT_A_TIME_US)
    more = Rows(
        row=np.array([bad.row for bad in batch.bad], dtype=np.int32), state=np.full(n, REJECTED, dtype=np.int8),
        id=empty, category=Codes.of(empty), source=Codes.of(empty), time_us=never, end_us=None, report_us=None,
        date_only=np.zeros(n, dtype=bool), place=np.full((n, 2), np.nan), set_aside=bad, sample=np.empty((0, 2)),
    )  # fmt: skip
    return joined([rows, more], shift=False)


def _judge_ids(columns: pa.Table, verdicts: _Verdicts) -> None:
    ids = columns["id"]
    verdicts.reject(_equals(ids, ""), "id", "no id")
    verdicts.reject(_mask(pc.match_substring_regex(ids, _SHORTENED)), "id", LOST_DIGITS)


class _Times(NamedTuple):
    """When it happened, ended and was reported, whether only the date is known, and how many were serial numbers."""

    time_us: Ints
    end_us: Ints | None
    report_us: Ints | None
    date_only: Mask
    serials: int


def _judge_times(columns: pa.Table, rules: Rules, verdicts: _Verdicts) -> _Times:
    """When it happened, when it had happened at the latest, when it was reported, and whether only the date is known."""
    text = columns["time"].to_pandas().astype("str")
    reported_text, end_text = _series(columns, "report_time"), _series(columns, "time_end")
    reported, until = _read(reported_text, rules), _read(end_text, rules)
    if reported_text is not None:  # who wasn't there can't say when: the report stands in for the time it happened
        text = text.mask(text == "", reported_text)
    at = read_local(text, timezone=rules.timezone, formats=rules.time_formats)
    at_us = _microseconds(at)
    verdicts.reject((at.reasons != "").to_numpy(dtype=bool), "time", at.reasons)
    first, last = (bound.value // 1000 for bound in rules.window())
    window = f"not between {rules.window()[0].date()} and {rules.window()[1].date()}"
    verdicts.reject((at_us != NOT_A_TIME_US) & ((at_us < first) | (at_us >= last)), "time", window)
    end_us, report_us = _microseconds(until), _microseconds(reported)
    if until is not None and end_us is not None and end_text is not None:
        verdicts.reject(((until.reasons != "") & (end_text != "")).to_numpy(dtype=bool), "time_end", until.reasons)
        verdicts.reject((end_us != NOT_A_TIME_US) & (end_us < at_us), "time_end", "ends before it begins")
    if reported is not None and report_us is not None and reported_text is not None:
        bad = ((reported.reasons != "") & (reported_text != "")).to_numpy(dtype=bool)
        verdicts.reject(bad, "report_time", reported.reasons)
        before = (report_us != NOT_A_TIME_US) & (report_us < at_us)
        verdicts.reject(before, "report_time", "reported before it happened")
    return _Times(at_us, end_us, report_us, at.date_only, int(at.serial.sum()))


def _series(columns: pa.Table, name: str) -> pd.Series[str] | None:
    return columns[name].to_pandas().astype("str") if name in columns.column_names else None


def _read(text: pd.Series[str] | None, rules: Rules) -> LocalTimes | None:
    return None if text is None else read_local(text, timezone=rules.timezone, formats=rules.time_formats)


@overload
def _microseconds(read: LocalTimes) -> Ints: ...
@overload
def _microseconds(read: LocalTimes | None) -> Ints | None: ...
def _microseconds(read: LocalTimes | None) -> Ints | None:
    """(n,) microseconds of UTC; None for a column that isn't there."""
    if read is None:
        return None
    us: Ints = pd.DatetimeIndex(read.instants).as_unit("us").asi8.copy()
    return us


def _judge_places(
    columns: pa.Table, rules: Rules, verdicts: _Verdicts, *, from_geometry: bool
) -> tuple[Floats, Floats, Seen]:
    """Coordinates: numbers in the declared datum, or no place at all, which is no fault."""
    datum = "wgs84" if from_geometry and not datum_crs(rules.datum).is_geographic else rules.datum
    lon, lat, missing, unread = numbers_of(columns["lon"], columns["lat"], forms=rules.coordinate_forms)
    for name, bad in zip(("lon", "lat"), unread, strict=True):
        verdicts.reject(bad & ~missing, name, "not a decimal number")
    doubts, seen = see_places(lon, lat, ~missing, datum=datum, crs=rules.crs, areas=rules.areas)
    for bad, name, reason in doubts:
        verdicts.reject(bad, name, reason)
    placed = ~missing & (verdicts.state != REJECTED)
    place = np.full((len(lon), 2), np.nan)
    place[placed] = to_metric(lon[placed], lat[placed], datum=datum, crs=rules.crs)
    verdicts.reject(placed & np.isnan(place[:, 0]), "lon", "the district's projection can't show this place")
    verdicts.set_state(missing, UNLOCATED)
    if rules.areas is not None:
        verdicts.set_state(_outside(place, rules.areas, verdicts.state == USED), OUTSIDE)
    return np.column_stack([lon, lat]), place, seen


def _outside(place: Floats, areas: Areas, asked: Mask) -> Mask:
    """Which of the places asked for don't lie in the study area; its border is inside."""
    outside = np.zeros(len(place), dtype=bool)
    outside[asked] = ~shapely.intersects_xy(areas.union, place[asked, 0], place[asked, 1])
    return outside


def _equals(text: pa.ChunkedArray, value: str) -> Mask:
    return _mask(pc.equal(text, value))


def _mask(found: pa.ChunkedArray | pa.Array) -> Mask:
    mask: Mask = found.to_numpy(zero_copy_only=False).astype(bool) if isinstance(found, pa.Array) else np.asarray(found)
    return mask.astype(bool)


def joined(parts: Sequence[Rows], *, shift: bool = True) -> Rows:
    """All rows below each other; the parts are used up, so that a large load isn't in memory twice.

    With `shift` the positions of `set_aside` count from the first part's first row.
    """
    starts = np.cumsum([0, *(len(part) for part in parts)]) if shift else np.zeros(len(parts) + 1, dtype=np.int64)
    aside = [
        part.set_aside.assign(position=part.set_aside["position"] + start)
        for part, start in zip(parts, starts[:-1], strict=True)
        if len(part.set_aside)
    ]
    given = {name: any(getattr(part, name) is not None for part in parts) for name in ("end_us", "report_us")}
    arrays: dict[str, Any] = {"set_aside": pd.concat(aside, ignore_index=True) if aside else parts[0].set_aside}
    for name in (
        "state",
        "time_us",
        "end_us",
        "report_us",
        "date_only",
        "place",
        "sample",
        "category",
        "source",
        "id",
        "row",
    ):
        each = [getattr(part, name) for part in parts]
        if name in given:
            never = [np.full(len(part), NOT_A_TIME_US) if given[name] else None for part in parts]
            each = [values if values is not None else none for values, none in zip(each, never, strict=True)]
        arrays[name] = _below(each)
        del each
        for part in parts if name != "row" else ():
            setattr(part, name, None)
    serials = sum(part.serials for part in parts)
    return Rows(**arrays, serials=serials, seen=sum((part.seen for part in parts), Seen()))


def _below(parts: Sequence[Any]) -> Any:
    """One kind of column below each other; None where it is None."""
    if parts[0] is None:
        return None
    if isinstance(parts[0], Codes):
        return Codes.joined(parts)
    if isinstance(parts[0], pa.ChunkedArray):
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
    return np.concatenate(parts)


def unknown_categories(rows: Rows, categories: Collection[str] | None, path: str) -> list[Fault]:
    """A fault for every category that isn't known, with how many rows have it. None knows all."""
    if categories is None:
        return []
    return unknown_codes(rows.category.counts(), categories, path)


def unknown_codes(counts: Mapping[str, int], categories: Collection[str], path: str) -> list[Fault]:
    """A fault for every code of `counts` that isn't in `categories`."""
    fix = 'add it to [categories]; "" leaves it out'
    return [
        Fault(path, f"category without an activity ({counts[code]} rows)", fix, field="category", value=str(code))
        for code in sorted(set(counts) - set(categories))
    ]


@dataclass(frozen=True, eq=False)
class Repeats:
    """Rows whose id and source another row has too: their positions, the row that stays for each, and what they are."""

    position: Ints
    kept: Ints
    same: Mask  # time and place are the kept row's
    one_call: Mask  # near enough in time to be another call about it


def find_repeats(rows: Rows, file: npt.NDArray[np.int16]) -> Repeats:
    """Of the rows with one id and source the earliest that has a place stays, whatever the order of the rows."""
    group = group_numbers(rows.id, np.where(rows.state == REJECTED, np.int32(-1), rows.source.code))
    candidates = np.flatnonzero((group >= 0) & (rows.state != REJECTED))
    names = np.array(rows.category.names, dtype=object)
    frame = pd.DataFrame(
        {"key": group[candidates], "nowhere": rows.state[candidates] == UNLOCATED, "at": rows.time_us[candidates]}
        | {"x": rows.place[candidates, 0], "y": rows.place[candidates, 1]}
        | {"category": names[rows.category.code[candidates]] if len(names) else ""}
        | {"file": file[candidates], "row": rows.row[candidates], "position": candidates}
    )
    frame = frame.sort_values([name for name in frame.columns if name != "position"], kind="stable", ignore_index=True)
    later = frame["key"].duplicated().to_numpy()
    first = np.maximum.accumulate(np.where(later, 0, np.arange(len(frame))))
    kept = frame.iloc[first].reset_index(drop=True)
    same_place = (frame["x"] == kept["x"]) & (frame["y"] == kept["y"])
    same_place |= frame["nowhere"] & kept["nowhere"]
    apart_h = (frame["at"] - kept["at"]).abs() / 3.6e9
    return Repeats(
        frame["position"].to_numpy()[later],
        kept["position"].to_numpy()[later],
        ((frame["at"] == kept["at"]) & same_place).to_numpy()[later],
        (apart_h <= LONGEST_CALL_H).to_numpy()[later],
    )


def row_faults(rows: Rows, file: npt.NDArray[np.int16], paths: Sequence[str]) -> list[Fault]:
    """Each kind of fault of the rejected rows once per file, with its first row and how many rows have it."""
    rejected = rows.set_aside[(rows.state == REJECTED)[rows.set_aside["position"].to_numpy()]]
    rejected = rejected.assign(file=file[rejected["position"]], row=rows.row[rejected["position"]])
    kind = rejected["reason"].str.replace(r": row .*| \(line .*|: byte 0x.*", "", regex=True)
    faults = []
    for (number, column, reason), group in rejected.groupby(["file", "field", kind], sort=False):
        first = group.iloc[int(group["row"].to_numpy().argmin())]
        fix = _FIXES.get(str(reason), _DEFAULT_FIX)
        told = str(first["reason"]) if str(reason) in str(first["reason"]) and len(group) == 1 else str(reason)
        if reason == DAY_OR_MONTH:
            fix = day_month_evidence(group["value"].reset_index(drop=True), group["row"].to_numpy())
        faults.append(
            Fault(
                paths[int(number)], told, fix, row=int(first["row"]),
                field=str(column) or None, value=str(first["value"]) if column else None, count=len(group),
            )
        )  # fmt: skip
    return faults
