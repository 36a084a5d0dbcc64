"""Incident histories: read, checked, and every row of every file accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS

from hotspot import intake
from hotspot.areas import Areas
from hotspot.coordinates import FORMS, resolution_m
from hotspot.errors import ConfigError, Fault, InputError
from hotspot.geo import Floats, check_metric, datum_crs
from hotspot.loading import Load, load_all, mark_repeats, no_listing, open_all, refuse, reject_future
from hotspot.notices import (
    default_places,
    serial_notices,
    shifted_files,
    spike_notices,
    step_notices,
    table_notices,
    time_notices,
)
from hotspot.reading.source import Layout, OpenTable
from hotspot.times import stamped_midnight, zone_of

SAME_ID_RULES = ("earliest", "refuse")

_PATH = str | os.PathLike[str]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class RowCounts:
    """Every row that was read is in exactly one of the other five.

    >>> print(RowCounts(read=5, used=3, rejected=1, unlocated=1))
    5 rows read = 3 used + 1 rejected + 0 duplicate + 1 unlocated + 0 outside
    """

    read: int = 0
    used: int = 0
    rejected: int = 0
    duplicate: int = 0
    unlocated: int = 0
    outside: int = 0

    def __post_init__(self) -> None:
        if self.read != self.used + self.rejected + self.duplicate + self.unlocated + self.outside:
            raise ValueError(f"rows were lost or counted twice: {self}")

    def __str__(self) -> str:
        parts = " + ".join(f"{getattr(self, state):,} {state}" for state in intake.STATES)
        return f"{self.read:,} rows read = {parts}"

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Incidents:
    """Incidents with a place and a time, sorted by time and id, whatever the order of the files' rows.

    `table`, one row each: id (text), time (in `timezone`), date_only (the time of day isn't known), category, source, x
    and y (metres in `crs`), and time_end and report_time where any row has one. `frame` is the same with points, and
    always has time_end.

    `set_aside` has file, row, state, reason and text of each row that isn't used, `faults` the kinds of fault among the
    rejected ones with their counts. `inputs` has path, sha256, encoding and counts of each file, `notices` what a reader
    of any result must know. `default_places` (k, 2) are metric places where a geocoder seems to put what it doesn't
    know, `resolution_m` is the step to which coordinates are rounded (0: finer than a metre).
    """

    table: pd.DataFrame
    crs: CRS
    timezone: str
    counts: RowCounts
    set_aside: pd.DataFrame = field(default_factory=no_listing)
    faults: tuple[Fault, ...] = ()
    inputs: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    default_places: Floats = field(default_factory=lambda: np.empty((0, 2)))
    resolution_m: float = 0.0

    @cached_property
    def frame(self) -> gpd.GeoDataFrame:
        """The incidents with their points, as a new GeoDataFrame that is built when first asked for."""
        plain = self.table.drop(columns=["x", "y"]).astype({"category": "str", "source": "str"})
        if "time_end" not in plain:
            plain.insert(2, "time_end", _local(None, self.timezone, len(plain)))
        points = shapely.points(self.table["x"].to_numpy(), self.table["y"].to_numpy())
        return gpd.GeoDataFrame(plain, geometry=points, crs=self.crs)

    @property
    def places(self) -> Floats:
        """(n, 2) metres in `crs`."""
        return self.table[["x", "y"]].to_numpy()

    @property
    def rejects(self) -> pd.DataFrame:
        """file, row, reason, text of the rejected rows."""
        return self._listed("rejected")

    @property
    def duplicates(self) -> pd.DataFrame:
        """file, row, reason, text of the rows that say again what another one says."""
        return self._listed("duplicate")

    def _listed(self, state: str) -> pd.DataFrame:
        rows = self.set_aside[self.set_aside["state"] == state]
        return rows[["file", "row", "reason", "text"]].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.table)

    def before(self, as_of: pd.Timestamp) -> Incidents:
        """Those known before `as_of`: happened, and reported where that time is given; the counts are of these alone."""
        known = self.table["time"] < as_of
        if "report_time" in self.table:
            known &= ~(self.table["report_time"] >= as_of)
        past = self.table[known].reset_index(drop=True)
        return Incidents(
            past, self.crs, self.timezone, RowCounts(len(past), len(past)), inputs=self.inputs, notices=self.notices,
            default_places=self.default_places, resolution_m=self.resolution_m,
        )  # fmt: skip

    def summary(self) -> str:
        """One line for people: the row counts and the span of time."""
        if self.table.empty:
            return f"incidents: {self.counts}"
        first, last = self.table["time"].iloc[0], self.table["time"].iloc[-1]
        return f"incidents: {self.counts}; {first:%Y-%m-%d} to {last:%Y-%m-%d}"

    @classmethod
    def from_frame(cls, frame: gpd.GeoDataFrame, *, timezone: str, crs: object = None) -> Incidents:
        """Incidents that a program holds: points with `time`, and id, category, source, date_only if it has them.

        Times without a zone are local. Without `crs` the frame's own is used; it must be metric. Nothing is set aside:
        InputError when a time or place is missing.
        """
        metric = check_metric(crs if crs is not None else frame.crs)
        if frame["time"].isna().any() or frame.geometry.isna().any() or frame.geometry.is_empty.any():
            raise InputError(Fault("frame", "rows without time or place", "leave them out"))
        n = len(frame)
        defaults = {"id": [f"{i + 1}" for i in range(n)], "category": [""] * n, "source": ["report"] * n}
        text = {name: pd.Series(frame.get(name, default)).to_numpy() for name, default in defaults.items()}
        points = frame.geometry.to_crs(metric)
        table = pd.DataFrame(
            {"id": pd.Series(text["id"], dtype="str")}
            | {name: _local(frame[name], timezone, n) for name in _TIMES if name in frame}
            | {"date_only": np.asarray(frame.get("date_only", np.zeros(n)), dtype=bool)}
            | {name: pd.Categorical(pd.Series(text[name], dtype="str")) for name in ("category", "source")}
            | {"x": points.x.to_numpy(), "y": points.y.to_numpy()}
        )
        return cls(
            table.sort_values(["time", "id"], kind="stable", ignore_index=True), metric, timezone, RowCounts(n, n)
        )


_TIMES = ("time", "time_end", "report_time")


def _local(times: pd.Series | None, timezone: str, n: int) -> pd.DatetimeIndex:
    found = pd.DatetimeIndex(times if times is not None else [pd.NaT] * n)
    zone = zone_of(timezone)
    return (found.tz_convert(zone) if found.tz is not None else found.tz_localize(zone)).as_unit("us")


def read_incidents(
    path: _PATH | Sequence[_PATH],
    *,
    timezone: str,
    crs: object,
    columns: Mapping[str, str] | None = None,
    datum: str = "wgs84",
    areas: Areas | None = None,
    categories: Collection[str] | None = None,
    max_rejected_share: float = 0.01,
    strict: bool = False,
    now: pd.Timestamp | None = None,
    first: pd.Timestamp | None = None,
    last: pd.Timestamp | None = None,
    time_formats: Sequence[str] = (),
    coordinate_forms: Sequence[str] = (),
    same_id: str = "earliest",
    sheet: str | None = None,
    header_row: int | None = None,
    progress: Progress = lambda stage: None,
) -> Incidents:
    """Read one or several exports of any kind that `hotspot.tables.open_table` knows into one table.

    Each row ends in one state, the first that applies: *rejected* (can't be split; bad time, id, source, category or
    coordinates; an id that another incident has), *duplicate* (same id and source as another row, at the same time and
    place or, with `same_id` "earliest", within 12 hours: another call about it), *unlocated* (no coordinates, or 0,0),
    *outside* of `areas` if given (the border is inside), *used*. Which rows are used doesn't depend on their order: of
    rows with one id and source the earliest that has a place stays.

    Args:
        columns: standard name -> the file's own, for those that differ. `time_end` (an interval) and `report_time` are
            optional; a row with a report time alone is taken to have happened then.
        datum: wgs84, gcj02, bd09 or an EPSG code, of the coordinates in the files.
        categories: the known codes; others are a fault of the whole input. None knows all.
        max_rejected_share: more rejected rows than this reject the input; with `strict` any does.
        now: later times are rejected, unless most are later: then the clock is wrong, and a notice says so.
        first, last: the window that data may come from, `last` exclusive; by default the years 2000 to 2099.
        time_formats: strptime formats that are used besides the unambiguous ones, such as "%d/%m/%Y %H:%M".
        coordinate_forms: dms, decimal_comma, full_width: ways of writing coordinates besides decimal numbers.
        sheet, header_row: where the table is, if a file holds several or its header can't be found.

    Raises CrsError when most rows have lon and lat exchanged or in metres; InputError for faults of a file as a whole,
    for unknown categories, and when more than `max_rejected_share` of the rows are rejected; ConfigError for an
    unknown rule or form. Memory: at most 20 million rows, some 100 bytes each.
    """
    metric = check_metric(crs)
    _check_words(same_id, coordinate_forms)
    datum_crs(datum)
    rules = intake.Rules(timezone, metric, datum, areas, tuple(time_formats), tuple(coordinate_forms), first, last)
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    load = load_all(open_all(paths, columns, Layout(sheet, header_row)), rules, progress)
    progress("incidents: repeated rows")
    notices = reject_future(load, now)
    mark_repeats(load, same_id)
    faults = intake.row_faults(load.rows, load.file, load.paths)
    refuse(load, rules, faults, categories, most=0.0 if strict else max_rejected_share)
    return _incidents(load, rules, faults, notices)


def _check_words(same_id: str, forms: Sequence[str]) -> None:
    if same_id not in SAME_ID_RULES:
        raise ConfigError(f"same_id {same_id!r}: unknown; fix: use one of: {', '.join(SAME_ID_RULES)}")
    if unknown := [form for form in forms if form not in FORMS]:
        raise ConfigError(f"coordinate_forms {unknown[0]!r}: unknown; fix: use some of: {', '.join(FORMS)}")


def _incidents(load: Load, rules: intake.Rules, faults: Sequence[Fault], notices: list[str]) -> Incidents:
    rows, file, tables = load.rows, load.file, load.tables
    inputs = [_input_of(table, _counts(rows.state[file == number])) for number, table in enumerate(tables)]
    step_m = resolution_m(rows.sample, geographic=datum_crs(rules.datum).is_geographic)
    shifted = _shifted(load, rules.timezone) if len(tables) > 1 else []
    counts, listing = _counts(rows.state), load.listing()
    table = _used(rows, rules.timezone)
    spikes = default_places(table)
    notices = [
        *(f"{each.path}: {notice}" for each in tables for notice in table_notices(each)),
        *notices,
        *shifted,
        *serial_notices(rows.serials),
        *time_notices(table),
        *spike_notices(spikes, rules.crs),
        *step_notices(step_m),
    ]
    return Incidents(
        table, rules.crs, rules.timezone, counts, listing, tuple(faults), inputs, notices,
        default_places=spikes[["x", "y"]].to_numpy(), resolution_m=step_m,
    )  # fmt: skip


def _shifted(load: Load, timezone: str) -> list[str]:
    used = load.rows.state == intake.USED
    times = [load.rows.time_us[used & (load.file == number)] for number in range(len(load.tables))]
    return shifted_files(times, load.paths, timezone)


def _used(rows: intake.Rows, timezone: str) -> pd.DataFrame:
    """The used rows by time and id. The rows are used up, so that a large load isn't in memory twice."""
    by = [("time", "ascending"), ("id", "ascending")]
    order = pc.sort_indices(pa.table({"time": pa.array(rows.time_us), "id": rows.id}), sort_keys=by)
    pick = order.to_numpy()
    pick = pick[rows.state[pick] == intake.USED]
    del order
    columns: dict[str, Any] = {"id": pd.Series(_taken(rows, "id").take(pa.array(pick)), dtype="str")}
    for name, values in (("time", "time_us"), ("time_end", "end_us"), ("report_time", "report_us")):
        us = _taken(rows, values)
        if us is not None and (values == "time_us" or (us != intake.NOT_A_TIME_US).any()):
            columns[name] = _zoned(us[pick], timezone)
    columns["date_only"] = rows.date_only[pick] | stamped_midnight(columns["time"])
    for name in ("category", "source"):
        columns[name] = _categorical(_taken(rows, name), pick)
    place = _taken(rows, "place")
    columns["x"], columns["y"] = place[pick, 0], place[pick, 1]
    return pd.DataFrame(columns, copy=False)


def _taken(rows: intake.Rows, name: str) -> Any:
    """The column, which the rows no longer hold."""
    values = getattr(rows, name)
    setattr(rows, name, None)
    return values


def _zoned(us: intake.Ints, timezone: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(us.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone_of(timezone))


def _categorical(codes: intake.Codes, pick: intake.Ints) -> pd.Categorical:
    """Codes in the order of the alphabet, whatever was met first; only the texts that are there."""
    code = codes.code[pick]
    present = np.unique(code)
    names = np.array(codes.names, dtype=object)[present]
    alphabet = np.argsort(names)
    rank = np.zeros(len(codes.names) + 1, dtype=np.int32)
    rank[present[alphabet]] = np.arange(len(present))
    return pd.Categorical.from_codes(rank[code], categories=pd.Index(names[alphabet], dtype="str"))


def _counts(state: npt.NDArray[np.int8]) -> RowCounts:
    found = np.bincount(state, minlength=len(intake.STATES))
    return RowCounts(len(state), **dict(zip(intake.STATES, map(int, found), strict=True)))


def _input_of(table: OpenTable, counts: RowCounts) -> dict[str, Any]:
    of_rows = {f"rows_{name}": value for name, value in counts.as_dict().items()}
    return {"path": table.path, "sha256": table.sha256, "encoding": table.encoding} | of_rows
