"""The incident history: read, checked, and every row accounted for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.areas import Areas
from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric, to_lonlat, to_metric
from hotspot.tables import Table, read_table
from hotspot.times import is_date_only, parse_local

REQUIRED = ("id", "time", "lon", "lat", "category", "source")
SOURCES = ("report", "patrol")
MISSING = ("", "null", "nan", "none", "na", "n/a", "-1", "-1.0")
SPIKE_SHARE = 0.05  # of the located rows at one point: rather a geocoder's default than a place
SAID_ROWS = ["file", "row", "reason", "text"]


@dataclass(frozen=True)
class RowCounts:
    """Where every row went: `read` is the sum of the rest."""

    read: int
    used: int
    rejected: int
    duplicate: int
    unlocated: int
    outside: int

    def __post_init__(self) -> None:
        if self.read != self.used + self.rejected + self.duplicate + self.unlocated + self.outside:
            raise AssertionError(f"rows were lost: {self}")

    def as_dict(self) -> dict[str, int]:
        """The manifest's words."""
        return {f"rows_{name}": count for name, count in vars(self).items()}

    def __str__(self) -> str:
        return (
            f"{self.read:,} rows read = {self.used:,} used + {self.rejected:,} rejected + {self.duplicate:,} duplicate "
            f"+ {self.unlocated:,} unlocated + {self.outside:,} outside"
        )


@dataclass(frozen=True, eq=False)
class Incidents:
    """Located incidents inside the study area, by time and id.

    `frame`: `id, time` (zone-aware)`, date_only, category, source, geometry` (metric). `rejects` and `duplicates` list the
    rows that were not used: `file, row, reason, text`. `inputs` is what the manifest says of each file.
    """

    frame: gpd.GeoDataFrame
    timezone: str
    counts: RowCounts
    rejects: pd.DataFrame
    duplicates: pd.DataFrame
    inputs: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]

    @classmethod
    def from_frame(cls, frame: gpd.GeoDataFrame, *, timezone: str) -> Incidents:
        """Incidents that a program already has: `id, time, category, source, geometry`, and `date_only` where known."""
        kept = frame if "date_only" in frame else frame.assign(date_only=False)
        kept = kept.sort_values(["time", "id"], kind="stable", ignore_index=True)
        counts = RowCounts(len(kept), len(kept), 0, 0, 0, 0)
        return cls(kept, timezone, counts, _no_rows(), _no_rows(), (), ())

    def summary(self) -> str:
        return f"incidents: {self.counts}"


def read_incidents(
    path: str | Path | Sequence[str | Path],
    *,
    timezone: str,
    crs: str,
    columns: Mapping[str, str] | None = None,
    datum: str = "wgs84",
    areas: Areas | None = None,
    categories: Collection[str] | None = None,
    max_rejected_share: float = 0.01,
    strict: bool = False,
) -> Incidents:
    """Read one or several exports. Every row ends as used, rejected, duplicate, unlocated or outside, in that care:

    a bad time, source, category or number is rejected; the same row again is a duplicate; no coordinates, or 0 0, is
    unlocated (normal in real exports); a place outside `areas` is outside. Rejected rows are set aside up to
    `max_rejected_share`, and not at all with `strict`.

    Raises InputError with every kind of fault, its first row and its count; CrsError where all coordinates are
    swapped or in metres.
    """
    check_metric(crs)
    paths = [path] if isinstance(path, str | Path) else list(path)
    tables = [read_table(each, required=REQUIRED, optional=("time_end",), columns=columns) for each in paths]
    text = pd.concat([table.frame.assign(file=table.path, row=table.frame.index) for table in tables], ignore_index=True)
    times, why = parse_local(text["time"], timezone=timezone)
    lon, lat, no_number = _degrees(text)
    located = ~np.isnan(lon) & ~((lon == 0) & (lat == 0))
    _refuse_foreign(str(paths[0]), lon[located], lat[located], datum, areas, crs)
    xy = np.full((len(text), 2), np.nan)
    xy[located] = to_metric(lon[located], lat[located], datum=datum, crs=crs)
    located &= np.isfinite(xy).all(axis=1)
    reason = _first_reason(text, why, no_number, categories)
    reason = np.where((reason == "") & _swapped(lon, lat, located, areas, crs), "lon and lat look swapped", reason)
    duplicate = (reason == "") & text.duplicated([*REQUIRED]).to_numpy()
    clash = (reason == "") & ~duplicate & text["id"].duplicated().to_numpy() & (text["id"] != "").to_numpy()
    reason = np.where(clash, "the id of another row, with other content", reason)
    good = (reason == "") & ~duplicate
    inside = good & located & _inside(xy, areas)
    state = np.select([reason != "", duplicate, ~located, ~inside], ["rejected", "duplicate", "unlocated", "outside"], "used")
    rejects = _said(text, reason, state == "rejected", [table.bad_rows.assign(file=table.path) for table in tables])
    _refuse_many(rejects, len(text), max_rejected_share, strict)
    frame = gpd.GeoDataFrame(
        {
            "id": text["id"][inside],
            "time": times[inside],
            "date_only": is_date_only(text["time"])[inside],
            "category": text["category"][inside],
            "source": text["source"][inside],
        },
        geometry=shapely.points(xy[inside]),
        crs=crs,
    ).sort_values(["time", "id"], kind="stable", ignore_index=True)
    inputs = tuple(_entry(table, state[(text["file"] == table.path).to_numpy()]) for table in tables)
    total = RowCounts(*(sum(entry[f"rows_{name}"] for entry in inputs) for name in RowCounts.__dataclass_fields__))
    duplicates = _said(text, np.where(duplicate, "the same row again", ""), state == "duplicate", [])
    return Incidents(frame, timezone, total, rejects, duplicates, inputs, _notices(tables, xy[inside]))


def _degrees(text: pd.DataFrame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """lon, lat (NaN where missing), and where a text is there that is no number."""
    parsed, wrong = [], np.zeros(len(text), dtype=bool)
    for name in ("lon", "lat"):
        cell = text[name].str.strip()
        value = pd.to_numeric(cell, errors="coerce").to_numpy(dtype=float)
        missing = cell.str.lower().isin(MISSING).to_numpy(dtype=bool)
        wrong |= ~missing & ~np.isfinite(value)
        parsed.append(np.where(missing, np.nan, value))
    lon, lat = parsed
    gone = np.isnan(lon) | np.isnan(lat)
    return np.where(gone, np.nan, lon), np.where(gone, np.nan, lat), wrong


def _first_reason(
    text: pd.DataFrame, why_time: pd.Series, no_number: npt.NDArray[np.bool_], categories: Collection[str] | None
) -> npt.NDArray[np.object_]:
    known = text["category"].isin(list(categories)) if categories is not None else pd.Series(True, index=text.index)
    unmapped = text["category"][~known].value_counts()
    if len(unmapped):
        raise InputError(
            Fault(
                str(text["file"].iloc[0]), f"category without an activity ({count} rows)",
                'add it to [categories]; "" leaves it out', row=int(text["row"][text["category"] == name].iloc[0]),
                field="category", value=str(name),
            )
            for name, count in unmapped.sort_index().items()
        )  # fmt: skip
    shortened = text["id"].str.fullmatch(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+").to_numpy(dtype=bool)
    reasons = [
        (text["id"] == "", "id is missing"),
        (shortened, "id: precision already lost in the spreadsheet"),
        (why_time != "", why_time),
        (no_number, "lon or lat is not a number in degrees"),
        (~text["source"].isin(SOURCES), f"source is not one of {', '.join(SOURCES)}"),
    ]
    found = np.select([np.asarray(bad, dtype=bool) for bad, _ in reasons], [np.asarray(said, dtype=object) for _, said in reasons], "")  # fmt: skip
    return np.asarray(found, dtype=object)


def _refuse_foreign(
    path: str, lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], datum: str, areas: Areas | None, crs: str
) -> None:
    """Coordinates that are all of another kind than declared: swapped, or metres."""
    if not len(lon) or datum not in ("wgs84", "gcj02", "bd09"):
        return
    metres = float(np.mean((np.abs(lon) > 180) | (np.abs(lat) > 180)))
    if metres > 0.5:
        reason = f"values look like metres ({metres:.0%} of the rows)"
        raise CrsError(Fault(path, reason, "declare their EPSG code: datum = \"EPSG:...\"", field="lon", value=f"{lon[0]:g}"))
    turned = float(np.mean(_swapped(lon, lat, np.ones(len(lon), dtype=bool), areas, crs)))
    if turned > 0.5:
        reason = f"looks swapped: {turned:.0%} of the rows, x in {lon.min():.4g}..{lon.max():.4g}, y in {lat.min():.4g}..{lat.max():.4g}"
        fix = 'exchange them: columns = { lon = "lat", lat = "lon" }'
        raise CrsError(Fault(path, reason, fix, field="lon", value=f"{lon[0]:g}"))


def _swapped(
    lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], located: npt.NDArray[np.bool_], areas: Areas | None, crs: str
) -> npt.NDArray[np.bool_]:
    """Rows that lie far from the district as written and in it when exchanged; without areas, latitudes beyond 90."""
    if areas is None:
        with np.errstate(invalid="ignore"):
            return located & (np.abs(lat) > 90) & (np.abs(lon) <= 90)
    west, south, east, north = shapely.box(*areas.union.bounds).buffer(5000).bounds
    (x0, y0), (x1, y1) = to_lonlat(np.array([[west, south], [east, north]]), crs)
    with np.errstate(invalid="ignore"):
        there = (lon >= x0) & (lon <= x1) & (lat >= y0) & (lat <= y1)
        turned = (lat >= x0) & (lat <= x1) & (lon >= y0) & (lon <= y1)
    return located & ~there & turned


def _inside(xy: npt.NDArray[np.float64], areas: Areas | None) -> npt.NDArray[np.bool_]:
    """On the border counts as inside."""
    if areas is None:
        return np.ones(len(xy), dtype=bool)
    area = areas.union
    shapely.prepare(area)
    return np.asarray(shapely.intersects_xy(area, xy[:, 0], xy[:, 1]), dtype=bool)


def _said(
    text: pd.DataFrame, reason: npt.NDArray[np.object_], rows: npt.NDArray[np.bool_], broken: list[pd.DataFrame]
) -> pd.DataFrame:
    """The rows not used as the documented table. The raw text holds only allow-listed columns."""
    part = text[rows]
    raw = [",".join(cells) for cells in part[list(REQUIRED)].itertuples(index=False)]
    frame = pd.DataFrame({"file": part["file"], "row": part["row"], "reason": reason[rows], "text": raw}, columns=SAID_ROWS)
    hidden = [rows.assign(text="") for rows in broken if len(rows)]  # columns are unknown in a row that can't be split
    return pd.concat([frame, *(rows[SAID_ROWS] for rows in hidden)], ignore_index=True)


def _refuse_many(rejects: pd.DataFrame, read: int, max_rejected_share: float, strict: bool) -> None:
    share = len(rejects) / max(read, 1)
    if rejects.empty or (not strict and share <= max_rejected_share):
        return
    groups = rejects.groupby(["file", "reason"], sort=True)
    raise InputError(
        Fault(str(file), str(reason), "correct the rows, or raise max_rejected_share", row=int(rows["row"].iloc[0]),
              value=str(rows["text"].iloc[0]) or None, count=len(rows))
        for (file, reason), rows in groups
    )  # fmt: skip


def _entry(table: Table, state: npt.NDArray[np.str_]) -> dict[str, Any]:
    counts = {name: int((state == name).sum()) for name in ("used", "rejected", "duplicate", "unlocated", "outside")}
    counts["rejected"] += len(table.bad_rows)
    read = len(state) + len(table.bad_rows)
    return {"path": table.path, "sha256": table.sha256, "encoding": table.encoding, "rows_read": read} | {
        f"rows_{name}": count for name, count in counts.items()
    }


def _notices(tables: Sequence[Table], xy: npt.NDArray[np.float64]) -> tuple[str, ...]:
    told = [
        f"{table.path}: columns not read: {', '.join(table.dropped_columns)}" for table in tables if table.dropped_columns
    ]
    if len(xy):
        _, counts = np.unique(xy, axis=0, return_counts=True)
        share = counts.max() / len(xy)
        if share > SPIKE_SHARE and counts.max() > 20:
            told.append(f"top point holds {share:.0%} of the located rows: a geocoder's default?")
    return tuple(told)


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=int if name == "row" else str) for name in SAID_ROWS})
