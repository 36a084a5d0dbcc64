"""Incident histories: read, checked, and every row of every file accounted for."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from hotspot import intake
from hotspot.areas import Areas
from hotspot.errors import Fault, InputError
from hotspot.geo import check_metric, to_lonlat
from hotspot.tables import Table, read_table
from hotspot.times import stamped_midnight, zone_of

STATES = ("used", "rejected", "duplicate", "unlocated", "outside")
SPIKE_SHARE = 0.05
LEAST_ROWS_FOR_SPIKES = 100

_PATH = str | os.PathLike[str]


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
        parts = " + ".join(f"{getattr(self, state):,} {state}" for state in STATES)
        return f"{self.read:,} rows read = {parts}"

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Incidents:
    """Incidents with a place and a time, sorted by time and id, whatever the order of the files' rows.

    `frame`: id (text), time (in `timezone`), time_end (NaT if not given), date_only (the time of day isn't known),
    category, source, geometry (points in the district's metric CRS). `rejects` and `duplicates` have file, row, reason,
    text: each row that isn't used for those causes. `inputs` has path, sha256, encoding and counts of each file,
    `notices` what a reader of any result must know.
    """

    frame: gpd.GeoDataFrame
    timezone: str
    counts: RowCounts
    rejects: pd.DataFrame = field(default_factory=lambda: intake.no_listing())
    duplicates: pd.DataFrame = field(default_factory=lambda: intake.no_listing())
    inputs: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def crs(self) -> CRS:
        return CRS.from_user_input(self.frame.crs)

    def __len__(self) -> int:
        return len(self.frame)

    def before(self, as_of: pd.Timestamp) -> Incidents:
        """Those that happened before `as_of`; the counts are of what was handed in here, as all of it is used."""
        past = self.frame[self.frame["time"] < as_of].reset_index(drop=True)
        return Incidents(past, self.timezone, RowCounts(len(past), len(past)), inputs=self.inputs, notices=self.notices)

    def summary(self) -> str:
        """One line for people: the row counts and the span of time."""
        if self.frame.empty:
            return f"incidents: {self.counts}"
        first, last = self.frame["time"].iloc[0], self.frame["time"].iloc[-1]
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
        time = pd.DatetimeIndex(frame["time"])
        zone = zone_of(timezone)
        time = time.tz_convert(zone) if time.tz is not None else time.tz_localize(zone)
        n = len(frame)
        given = {name: frame[name].to_numpy() for name in ("id", "category", "source", "date_only") if name in frame}
        defaults = {"id": [f"{i + 1}" for i in range(n)], "category": [""] * n, "source": ["report"] * n}
        text = {name: pd.Series(given.get(name, default), dtype="str") for name, default in defaults.items()}
        date_only = given.get("date_only", np.zeros(n, dtype=bool)).astype(bool)
        end = pd.DatetimeIndex(frame["time_end"]) if "time_end" in frame else pd.DatetimeIndex([pd.NaT] * n)
        end = end.tz_convert(zone) if end.tz is not None else end.tz_localize(zone)
        whole = gpd.GeoDataFrame(
            {"id": text["id"], "time": time.as_unit("us"), "time_end": end.as_unit("us"), "date_only": date_only}
            | {"category": text["category"], "source": text["source"]},
            geometry=np.asarray(frame.geometry.to_crs(metric)), crs=metric,
        )  # fmt: skip
        whole = whole.sort_values(["time", "id"], kind="stable", ignore_index=True)
        return cls(whole, timezone, RowCounts(n, n))


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
) -> Incidents:
    """Read one or several exports (csv, csv.gz, parquet) into one table.

    Each row ends in one state, the first that applies: *rejected* (bad time, id, source, category or coordinates; an id
    that another row has with other content), *duplicate* (same id, source, time and place as another row), *unlocated*
    (no coordinates, or 0,0), *outside* of `areas` if given (the border is inside), *used*. Which rows are used doesn't
    depend on their order. Of rows with one id the first by time, source, place and category is kept.

    Times before 2000 or after 2100 are rejected, with `now` also those after it. `categories` are the known codes:
    others are a fault of the whole input.

    Raises CrsError when most rows have lon and lat exchanged or in metres; InputError for faults of a file as a whole,
    for unknown categories, and when more than `max_rejected_share` of the rows (with `strict`: any) are rejected.
    """
    metric = check_metric(crs)
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    tables = [read_table(each, required=intake.REQUIRED, optional=intake.OPTIONAL, columns=columns) for each in paths]
    if not tables:
        raise InputError(Fault("incidents", "no file is named", "give at least one path"))
    rows = intake.all_rows(tables)
    intake.check_categories(rows, categories, tables[0].path)
    intake.judge_text(rows, timezone=timezone, now=now)
    intake.judge_places(rows, tables, crs=metric, datum=datum, areas=areas)
    intake.mark_duplicates(rows, tables)
    intake.mark_elsewhere(rows, areas)
    intake.check_share(rows, tables, max_rejected_share=0.0 if strict else max_rejected_share)
    frame = _used(rows, metric, timezone)
    return Incidents(
        frame,
        timezone,
        _counts(rows),
        rejects=intake.listing(rows[rows["state"] == "rejected"], tables),
        duplicates=intake.listing(rows[rows["state"] == "duplicate"], tables),
        inputs=[_input_of(table, _counts(rows[rows["file"] == i])) for i, table in enumerate(tables)],
        notices=_notices(frame, tables),
    )


def _used(rows: pd.DataFrame, crs: CRS, timezone: str) -> gpd.GeoDataFrame:
    used = rows[rows["state"] == "used"].sort_values(["at", "id"], kind="stable", ignore_index=True)
    date_only = used["no_time_of_day"].to_numpy(dtype=bool) | stamped_midnight(pd.DatetimeIndex(used["at"]))
    return gpd.GeoDataFrame(
        {"id": used["id"], "time": used["at"], "time_end": used["until"], "date_only": date_only}
        | {"category": used["category"], "source": used["source"]},
        geometry=shapely.points(used["x"].to_numpy(dtype=float), used["y"].to_numpy(dtype=float)),
        crs=crs,
    )


def _counts(rows: pd.DataFrame) -> RowCounts:
    found = rows["state"].value_counts()
    return RowCounts(len(rows), **{state: int(found.get(state, 0)) for state in STATES})


def _input_of(table: Table, counts: RowCounts) -> dict[str, Any]:
    of_rows = {f"rows_{name}": value for name, value in counts.as_dict().items()}
    return {"path": table.path, "sha256": table.sha256, "encoding": table.encoding} | of_rows


def _notices(frame: gpd.GeoDataFrame, tables: Sequence[Table]) -> list[str]:
    """Columns that weren't read, dates without a time of day, and places that look like a geocoder's default."""
    told = [
        f"{table.path}: columns not read: {', '.join(table.dropped_columns)}"
        for table in tables
        if table.dropped_columns
    ]
    if frame["date_only"].any():
        count = int(frame["date_only"].sum())
        told.append(f"{count:,} incidents ({count / len(frame):.1%}) have a date but no time of day")
    if len(frame) < LEAST_ROWS_FOR_SPIKES:
        return told
    places = pd.DataFrame({"x": frame.geometry.x.round(1), "y": frame.geometry.y.round(1)}).value_counts()
    spikes = places[places > SPIKE_SHARE * len(frame)]
    for (lon, lat), count in zip(to_lonlat(spikes.index.to_frame().to_numpy(), frame.crs), spikes, strict=True):
        told.append(
            f"one point ({lon:.5f}, {lat:.5f}) holds {count / len(frame):.1%} of the incidents: a default location?"
        )
    return told
