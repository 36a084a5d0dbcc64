"""The fate of each row of an incident history: used, rejected, duplicate, unlocated or outside; one of them, never two.

The functions here work on one frame, a row per row of the files, and write its `state`, `field`, `reason` and the
values that were read from the text: `at`, `until`, `lon_number`, `lat_number`, `x`, `y`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS

from hotspot.areas import Areas
from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import datum_crs, to_lonlat, to_metric
from hotspot.tables import Table
from hotspot.times import has_no_time_of_day, parse_local

REQUIRED = ("id", "time", "lon", "lat", "category", "source")
OPTIONAL = ("time_end",)
LISTED = ("file", "row", "reason", "text")
NO_PLACE = ("", "nan", "null", "none", "n/a", "-")
YEARS = (2000, 2100)
WHOLE_FILE_SHARE = 0.5  # when more located rows than this are swapped or in metres, the file is at fault, not the rows
NEAR_DEGREES = 1.0  # around the district: a row that lies there only with lon and lat exchanged is swapped

SAME = "the same incident again"
OTHER_CONTENT = "another incident has this id"
SWAPPED = "looks swapped: the place fits with lon and lat exchanged"
_DEFAULT_FIX = "correct the rows at their source, or raise max_rejected_share"
_FIXES = {
    "no source": "say who noticed it: report or patrol",
    "precision already lost in the spreadsheet": "export the ids as text again",
    SWAPPED: "exchange lon and lat in these rows",
}

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def all_rows(tables: Sequence[Table]) -> pd.DataFrame:
    """The rows of all files below each other; those that couldn't be split are rejected and have empty fields."""
    fields = [*REQUIRED, *OPTIONAL]
    parts = []
    for i, table in enumerate(tables):
        good = table.frame.reindex(columns=fields, fill_value="")
        parts.append(good.assign(file=i, row=table.frame.index.to_numpy(), reason="", text=""))
        if len(table.bad_rows):
            parts.append(table.bad_rows.assign(file=i, **dict.fromkeys(fields, "")))
    rows = pd.concat(parts, ignore_index=True).sort_values(["file", "row"], kind="stable", ignore_index=True)
    rows["state"] = pd.Series(np.where(rows["reason"] != "", "rejected", "used"), dtype="str")
    rows["field"] = pd.Series("", index=rows.index, dtype="str")
    return rows


def check_categories(rows: pd.DataFrame, categories: Collection[str] | None, path: str) -> None:
    """Raises InputError with every category that isn't known, and how many rows have it. None knows all."""
    if categories is not None:
        refuse_unknown(rows.loc[rows["category"] != "", "category"], categories, path)


def refuse_unknown(category: pd.Series[str], categories: Collection[str], path: str) -> None:
    """Raises InputError with every code of `category` that isn't in `categories`, and how many rows have it."""
    counts = category[~category.isin(list(categories))].value_counts()
    fix = 'add it to [categories]; "" leaves it out'
    faults = [
        Fault(path, f"category without an activity ({counts[code]} rows)", fix, field="category", value=str(code))
        for code in sorted(counts.index)
    ]
    if faults:
        raise InputError(faults)


def judge_text(rows: pd.DataFrame, *, timezone: str, now: pd.Timestamp | None) -> None:
    """Ids, times, category and source."""
    _reject(rows, rows["id"] == "", "id", "no id")
    shortened = rows["id"].str.fullmatch(r"\d(\.\d+)?[eE]\+?\d+")
    _reject(rows, shortened, "id", "precision already lost in the spreadsheet")
    times, reasons = parse_local(rows["time"], timezone=timezone)
    ends, end_reasons = parse_local(rows["time_end"], timezone=timezone)
    rows["at"], rows["until"] = times, ends
    rows["no_time_of_day"] = has_no_time_of_day(rows["time"])
    _reject(rows, reasons != "", "time", reasons)
    first, end = (pd.Timestamp(year=year, month=1, day=1, tz=timezone) for year in YEARS)
    _reject(rows, (times < first) | (times >= end), "time", f"not between {YEARS[0]} and {YEARS[1]}")
    if now is not None:
        _reject(rows, times > now, "time", "in the future")
    _reject(rows, (rows["time_end"] != "") & (end_reasons != ""), "time_end", end_reasons)
    _reject(rows, ends < times, "time_end", "ends before it begins")
    for name in ("category", "source"):
        _reject(rows, rows[name] == "", name, f"no {name}")


def judge_places(
    rows: pd.DataFrame, tables: Sequence[Table], *, crs: CRS, datum: str, areas: Areas | None
) -> None:  # fmt: skip
    """Coordinates: numbers in the declared datum, or no place at all, which is no fault.

    Raises CrsError when most located rows of a file are exchanged or in metres.
    """
    for name in ("lon", "lat"):
        rows[f"{name}_number"] = pd.to_numeric(rows[name], errors="coerce").astype(float)
    lon, lat = rows["lon_number"].to_numpy(dtype=float), rows["lat_number"].to_numpy(dtype=float)
    missing = (rows["lon"].str.lower().isin(NO_PLACE) | rows["lat"].str.lower().isin(NO_PLACE)).to_numpy(dtype=bool)
    missing = missing | ((lon == 0) & (lat == 0)) | ((lon == -1) & (lat == -1))
    rows["located"] = ~missing
    for name, number in (("lon", lon), ("lat", lat)):
        _reject(rows, ~missing & ~np.isfinite(number), name, "not a decimal number")
    if datum_crs(datum).is_geographic:
        _judge_degrees(rows, tables, lon, lat, _bounds_lonlat(areas, crs))
    placed = ~missing & (rows["state"] != "rejected").to_numpy()
    xy = np.full((len(rows), 2), np.nan)
    xy[placed] = to_metric(lon[placed], lat[placed], datum=datum, crs=crs)
    rows["x"], rows["y"] = xy[:, 0], xy[:, 1]
    _reject(rows, placed & np.isnan(xy[:, 0]), "lon", "the district's projection can't show this place")


def _bounds_lonlat(areas: Areas | None, crs: CRS) -> tuple[float, float, float, float] | None:
    """West, south, east, north of the study area, else of the zone the CRS is made for."""
    if areas is not None and len(areas.frame):
        corners = to_lonlat(shapely.get_coordinates(shapely.box(*areas.union.bounds)), crs)
        return (*corners.min(axis=0), *corners.max(axis=0))
    return crs.area_of_use.bounds if crs.area_of_use is not None else None


def _judge_degrees(
    rows: pd.DataFrame,
    tables: Sequence[Table],
    lon: Floats,
    lat: Floats,
    bounds: tuple[float, float, float, float] | None,
) -> None:
    located = rows["located"].to_numpy(dtype=bool) & np.isfinite(lon) & np.isfinite(lat)
    metres = located & ((np.abs(lon) > 360) | (np.abs(lat) > 360))
    swapped = located & (np.abs(lat) > 90) & (np.abs(lon) <= 90) & (np.abs(lat) <= 180)
    if bounds is not None:
        swapped |= located & _near(lat, lon, bounds) & ~_near(lon, lat, bounds)
    file = rows["file"].to_numpy()
    faults = []
    for i, table in enumerate(tables):
        most = WHOLE_FILE_SHARE * (located & (file == i)).sum()
        for bad, what in ((metres & (file == i), "metres"), (swapped & (file == i), "swapped")):
            if bad.any() and bad.sum() > most:
                faults.append(_whole_file_fault(table.path, what, lon[bad], lat[bad], (located & (file == i)).sum()))
    if faults:
        raise CrsError(faults)
    _reject(rows, metres, "lon", "not degrees: the values look like metres")
    _reject(rows, swapped, "lon", SWAPPED)
    _reject(rows, located & ((np.abs(lon) > 180) | (np.abs(lat) > 90)), "lat", "not on the globe")


def _whole_file_fault(path: str, what: str, lon: Floats, lat: Floats, located: int) -> Fault:
    ranges = (
        f"{len(lon) / located:.0%} of lon in {lon.min():.6g}..{lon.max():.6g}, lat in {lat.min():.6g}..{lat.max():.6g}"
    )
    if what == "metres":
        return Fault(path, f"values look like metres; declare EPSG: {ranges}", 'set datum = "EPSG:..." for this source')
    return Fault(path, f"looks swapped: {ranges}", 'map them: columns = { lon = "lat", lat = "lon" }')


def _near(lon: Floats, lat: Floats, bounds: tuple[float, float, float, float]) -> Mask:
    west, south, east, north = bounds
    more = NEAR_DEGREES
    near: Mask = (lon > west - more) & (lon < east + more) & (lat > south - more) & (lat < north + more)
    return near


def mark_duplicates(rows: pd.DataFrame, tables: Sequence[Table]) -> None:
    """Of the rows with one id, the first by time, source, place and category stays.

    The others are duplicates when source, time and place are the same, else rejected: an id names one incident.
    """
    candidates = rows[(rows["state"] == "used") & rows["id"].duplicated(keep=False)]
    if candidates.empty:
        return
    same = ["at", "source", "lon_number", "lat_number"]
    ordered = candidates.sort_values(["id", *same, "category", "file", "row"], kind="stable")
    later = ordered["id"].duplicated()
    first = np.maximum.accumulate(np.where(later, 0, np.arange(len(ordered))))
    kept = ordered.iloc[first].set_axis(ordered.index)
    equal = pd.Series(True, index=ordered.index)
    for name in same:
        equal &= (ordered[name] == kept[name]) | (ordered[name].isna() & kept[name].isna())
    paths = kept["file"].map(dict(enumerate(table.path for table in tables)))
    where = "row " + kept["row"].astype("str") + " of " + paths
    for mask, state, reason in ((later & equal, "duplicate", SAME), (later & ~equal, "rejected", OTHER_CONTENT)):
        index = ordered.index[mask]
        rows.loc[index, "reason"] = f"{reason}: " + where[mask]
        rows.loc[index, ["state", "field"]] = [state, "id"]


def mark_elsewhere(rows: pd.DataFrame, areas: Areas | None) -> None:
    """Rows without a place, and those outside of the study area; its border is inside."""
    rows.loc[(rows["state"] == "used") & ~rows["located"], "state"] = "unlocated"
    if areas is None:
        return
    used = (rows["state"] == "used").to_numpy()
    area = areas.union
    shapely.prepare(area)
    inside = np.zeros(len(rows), dtype=bool)
    inside[used] = shapely.intersects_xy(area, rows["x"].to_numpy()[used], rows["y"].to_numpy()[used])
    rows.loc[used & ~inside, "state"] = "outside"


def check_share(rows: pd.DataFrame, tables: Sequence[Table], *, max_rejected_share: float) -> None:
    """Raises InputError when more of the rows are rejected: each kind of fault once, with first row and count."""
    rejected = rows[rows["state"] == "rejected"]
    if len(rejected) <= max_rejected_share * len(rows):
        return
    kind = rejected["reason"].str.replace(r": row .*| \(line .*", "", regex=True)
    faults = []
    for _, group in rejected.groupby(["file", "field", kind], sort=False):
        first = group.iloc[0]
        file, column, reason = int(first["file"]), str(first["field"]), str(kind[group.index[0]])
        faults.append(
            Fault(
                tables[file].path, reason, _FIXES.get(reason, _DEFAULT_FIX), row=int(first["row"]),
                field=column or None, value=str(first[column]) if column else None, count=len(group),
            )
        )  # fmt: skip
    raise InputError(faults)


def listing(rows: pd.DataFrame, tables: Sequence[Table]) -> pd.DataFrame:
    """file, row, reason, text of these rows; the text has the fields that were asked for and no others."""
    raw = rows[REQUIRED[0]].str.cat(rows[list(REQUIRED[1:])], sep=",")
    text = raw.where(rows["field"] != "", rows["text"])
    names = dict(enumerate(table.path for table in tables))
    told = pd.DataFrame({"file": rows["file"].map(names), "row": rows["row"], "reason": rows["reason"], "text": text})
    return told.astype({"file": "str", "row": "int64", "reason": "str", "text": "str"}).reset_index(drop=True)


def no_listing() -> pd.DataFrame:
    """A listing of no rows."""
    return pd.DataFrame(columns=list(LISTED)).astype({"file": "str", "row": "int64", "reason": "str", "text": "str"})


def _reject(rows: pd.DataFrame, bad: pd.Series[bool] | Mask, column: str, reason: str | pd.Series[str]) -> None:
    """Reject the rows where `bad` holds and that weren't rejected for an earlier reason."""
    new = np.asarray(bad, dtype=bool) & (rows["state"] != "rejected").to_numpy()
    if new.any():
        rows.loc[new, "reason"] = reason[new] if isinstance(reason, pd.Series) else reason
        rows.loc[new, ["state", "field"]] = ["rejected", column]
