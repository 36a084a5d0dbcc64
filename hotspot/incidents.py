"""Incident histories: read, checked, and every row of every file accounted for."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS

from hotspot.areas import Areas
from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import DATUMS, check_metric, to_lonlat, to_metric
from hotspot.tables import Table, read_table
from hotspot.times import has_no_time_of_day, parse_local, stamped_midnight, zone_of

REQUIRED = ("id", "time", "lon", "lat", "category", "source")
OPTIONAL = ("time_end",)
STATES = ("used", "rejected", "duplicate", "unlocated", "outside")
NO_PLACE = ("", "nan", "null", "none", "n/a", "-")
SPIKE_SHARE = 0.05
SWAPPED_SHARE = 0.5
YEARS = (2000, 2100)
NEAR_DEGREES = 1.0  # around the district: a row that lies there only with lon and lat exchanged is swapped

_PATH = str | os.PathLike[str]
_DEFAULT_FIX = "correct the rows at their source, or raise max_rejected_share"
_FIXES = {
    "no source": "say who noticed it: report or patrol",
    "precision already lost in the spreadsheet": "export the ids as text again",
    "looks swapped": "exchange lon and lat in these rows",
}


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
    rejects: pd.DataFrame = field(default_factory=lambda: _listing([]))
    duplicates: pd.DataFrame = field(default_factory=lambda: _listing([]))
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
        """Incidents that a program already holds: points with `time`, and id, category, source, date_only if it has them.

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
    tables = [read_table(each, required=REQUIRED, optional=OPTIONAL, columns=columns) for each in paths]
    if not tables:
        raise InputError(Fault("incidents", "no file is named", "give at least one path"))
    rows = _all_rows(tables)
    _check_categories(rows, categories, tables[0].path)
    reference = _reference_bounds(areas, metric)
    judged = _judge(rows, tables, timezone=timezone, crs=metric, datum=datum, reference=reference, now=now)
    _mark_duplicates(judged)
    _mark_places(judged, areas)
    rejects = _rejects(judged, tables)
    _check_share(rejects, len(judged), max_rejected_share=max_rejected_share, strict=strict)
    frame, notices = _used(judged, metric, timezone)
    notices = _file_notices(tables) + notices
    return Incidents(
        frame, timezone, _counts(judged),
        rejects=_listing_of(rejects), duplicates=_listing_of(_named(judged[judged["state"] == "duplicate"], tables)),
        inputs=[_input_of(table, _counts(judged[judged["file"] == i])) for i, table in enumerate(tables)], notices=notices,
    )  # fmt: skip


def _all_rows(tables: Sequence[Table]) -> pd.DataFrame:
    """The rows of all files below each other with `file`, `row` and their fate so far; broken ones have empty fields."""
    parts = []
    for i, table in enumerate(tables):
        good = table.frame.reindex(columns=[*REQUIRED, *OPTIONAL], fill_value="")
        parts.append(good.assign(file=i, row=table.frame.index.to_numpy(), reason="", text=""))
        broken = table.bad_rows.assign(file=i)
        if len(broken):
            parts.append(broken.assign(**dict.fromkeys((*REQUIRED, *OPTIONAL), "")))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values(["file", "row"], kind="stable", ignore_index=True)
    rows["broken"] = rows["reason"] != ""
    rows["state"] = np.where(rows["broken"], "rejected", "used")
    rows["field"] = ""
    return rows


def _check_categories(rows: pd.DataFrame, categories: Collection[str] | None, path: str) -> None:
    if categories is None:
        return
    counts = rows.loc[(rows["category"] != "") & ~rows["category"].isin(list(categories)), "category"].value_counts()
    faults = [
        Fault(path, f"category without an activity ({counts[code]} rows)", 'add it to [categories]; "" leaves it out',
              field="category", value=str(code))
        for code in sorted(counts.index)
    ]  # fmt: skip
    if faults:
        raise InputError(faults)


def _reject(rows: pd.DataFrame, bad: pd.Series[bool] | npt.NDArray[np.bool_], column: str, reason: object) -> None:
    """Reject the rows where `bad` holds and that weren't rejected for an earlier reason."""
    new = np.asarray(bad, dtype=bool) & (rows["state"] != "rejected").to_numpy()
    if new.any():
        rows.loc[new, "reason"] = reason[new] if isinstance(reason, pd.Series) else reason
        rows.loc[new, ["state", "field"]] = ["rejected", column]


def _judge(
    rows: pd.DataFrame,
    tables: Sequence[Table],
    *,
    timezone: str,
    crs: CRS,
    datum: str,
    reference: tuple[float, float, float, float] | None,
    now: pd.Timestamp | None,
) -> pd.DataFrame:
    """Times and coordinates of the rows (`time`, `time_end`, `x`, `y`, `located`), and who is rejected."""
    text = rows.copy()
    _reject(rows, text["id"] == "", "id", "no id")
    _reject(rows, text["id"].str.fullmatch(r"\d(\.\d+)?[eE]\+?\d+"), "id", "precision already lost in the spreadsheet")
    _judge_times(rows, text, timezone=timezone, now=now)
    for name in ("category", "source"):
        _reject(rows, text[name] == "", name, f"no {name}")
    located = _judge_numbers(rows, text)
    lon, lat = rows["lon"].to_numpy(dtype=float), rows["lat"].to_numpy(dtype=float)
    if datum.lower() in DATUMS or CRS.from_user_input(datum).is_geographic:
        _check_degrees(rows, lon, lat, located, reference, tables)
    placed = located & (rows["state"] != "rejected").to_numpy()
    xy = np.full((len(rows), 2), np.nan)
    xy[placed] = to_metric(lon[placed], lat[placed], datum=datum, crs=crs)
    _reject(rows, placed & np.isnan(xy[:, 0]), "lon", "the district's projection can't show this place")
    shown = text[[*REQUIRED]].agg(",".join, axis=1).where(~rows["broken"], rows["text"]) if _any_told(rows) else ""
    return rows.assign(
        x=xy[:, 0], y=xy[:, 1], located=located, text=shown,
        value=_value_of(rows, text), midnight_text=has_no_time_of_day(text["time"]),
    )  # fmt: skip


def _any_told(rows: pd.DataFrame) -> bool:
    """Raw text is joined lazily in `_tell`; here only broken rows carry theirs."""
    return False


def _value_of(rows: pd.DataFrame, text: pd.DataFrame) -> pd.Series[str]:
    """The text of the field for which a row was rejected."""
    value = pd.Series("", index=rows.index, dtype="str")
    for name in set(rows["field"]) - {""}:
        value = value.mask(rows["field"] == name, text[name])
    return value
