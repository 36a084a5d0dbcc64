"""Large events as they are announced: read and checked, and how many people each needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot.areas import Areas
from hotspot.tables import read_table
from planning.event_levels import EXAMPLE_LEVELS, LEVEL_COLUMNS, LEVELS, LevelRow, level_faults, level_row
from planning.force import ID
from planning.network import Network, snap
from planning.row_faults import RowFaults, degrees, local_times

EVENT_COLUMNS = ("id", "name", "lon", "lat", "start", "end", "level", "attendance")
MOST_ATTENDANCE = 9_999_999
_COUNT = r"\d{1,7}(\.0+)?"  # a spreadsheet may write 8000.0


def read_events(
    path: str | Path,
    *,
    areas: Areas,
    network: Network,
    timezone: str,
    levels: Sequence[LevelRow] = EXAMPLE_LEVELS,
    large_from: int = 1000,
    max_snap_m: float = 300.0,
) -> gpd.GeoDataFrame:
    """Reads the events, one row each; a table without rows is a district without events.

    Columns: `id, name, lon, lat, start, end` (instants; local where a time has no offset)`, level, attendance`, the
    table's `headcount` and `posts` (0 below `large_from` people) and the place in the areas' CRS. `network`: the streets
    on foot; every event lies within `max_snap_m` of one.

    Raises InputError with every fault of the file: missing texts, ids given twice, places that aren't in the district,
    an end that isn't after its start, levels other than 1-4, attendance that isn't a whole number, and people of whom
    the table `levels` says nothing.
    """
    table = read_table(path, required=EVENT_COLUMNS, allow_empty=True)
    faults = RowFaults.of(table)
    text = table.frame[list(EVENT_COLUMNS)].apply(lambda column: column.str.strip())
    _check_names(faults, text)
    lon, lat = (degrees(faults, text[name], most=180.0) for name in ("lon", "lat"))
    turned = (lat.abs() > 90) & (lon.abs() <= 90)
    faults.add(turned, "lat", text["lat"], "looks swapped: no latitude is above 90", "exchange lon and lat")
    faults.add((lat.abs() > 90) & ~turned, "lat", text["lat"], "no latitude is above 90", "give degrees, WGS-84")
    times = {name: local_times(faults, text[name], timezone) for name in ("start", "end")}
    for name in times:
        faults.add(text[name] == "", name, None, "missing", f"give every row its {name}")
    late = times["end"] <= times["start"]
    faults.add(late, "end", text["end"], "isn't after the start", "exchange start and end, or correct them")
    faults.one_of("level", text["level"], [str(level) for level in LEVELS])
    attendance = _counts(faults, text["attendance"], least=0)
    place = _places(lon, lat, areas)
    _check_places(faults, text, place, areas, network, max_snap_m)
    rows = _rows_of_table(faults, text, attendance, levels, large_from)
    faults.raise_any()
    frame = pd.DataFrame({name: text[name].to_numpy(dtype=object) for name in ("id", "name")})
    frame = frame.assign(lon=lon.to_numpy(), lat=lat.to_numpy())
    frame = frame.assign(start=times["start"].array, end=times["end"].array)
    frame = frame.assign(level=text["level"].astype("int64").to_numpy(), attendance=attendance.to_numpy())
    frame = frame.assign(headcount=[row.headcount for row in rows], posts=[row.posts for row in rows])
    whole = dict.fromkeys(("attendance", "headcount", "posts"), "int64")
    return gpd.GeoDataFrame(frame.astype(whole), geometry=place.to_numpy(), crs=areas.frame.crs)


def read_levels(path: str | Path) -> tuple[LevelRow, ...]:
    """A district's own table `level, attendance, headcount, posts`. Raises InputError with every fault of the file."""
    table = read_table(path, required=LEVEL_COLUMNS)
    faults = RowFaults.of(table)
    text = table.frame[list(LEVEL_COLUMNS)].apply(lambda column: column.str.strip())
    columns = [_counts(faults, text[name], least=0 if name == "attendance" else 1) for name in LEVEL_COLUMNS]
    faults.raise_any()
    rows = [LevelRow(*map(int, values)) for values in zip(*columns, strict=True)]
    for place, column, value, reason, fix in level_faults(rows):
        faults.note(int(text.index[place]), column, str(value), reason, fix)
    faults.raise_any()
    return tuple(rows)


def events_tonight(
    events: gpd.GeoDataFrame, *, start: pd.Timestamp, end: pd.Timestamp
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The events that need people during the shifts `[start, end)`, and what is told about the others."""
    there = (events["start"] < end) & (events["end"] > start)
    large = events["headcount"] > 0
    away, small = events.loc[~there, "id"], events[there & ~large]
    notices = [f"event {event}: no time of it falls on the shifts, nobody is sent" for event in away]
    for event, people in zip(small["id"], small["attendance"], strict=True):
        notices += [f"event {event}: {people} people, not a large event, nobody is sent"]
    return events[there & large].reset_index(drop=True), notices


def _check_names(faults: RowFaults, text: pd.DataFrame) -> None:
    ids = text["id"]
    fix = "use letters, digits and - _ . inside, up to 64 in all"
    faults.add(~ids.str.fullmatch(ID) & (ids != ""), "id", ids, "not usable as an id", fix)
    for field in ("id", "name"):
        faults.add(text[field] == "", field, None, "missing", f"give every row its {field}")
    faults.repeated(ids)


def _counts(faults: RowFaults, text: pd.Series, *, least: int) -> pd.Series:
    """Whole numbers; `least` where one is at fault."""
    counts = pd.to_numeric(text.where(text.str.fullmatch(_COUNT)), errors="coerce").astype("float64")
    bad = ~(counts >= least)
    fix = "write digits only, as 8000"
    faults.add(bad, str(text.name), text, f"not a whole number of at least {least}", fix)
    return counts.mask(bad, least).astype("int64")


def _places(lon: pd.Series, lat: pd.Series, areas: Areas) -> gpd.GeoSeries:
    """In the areas' CRS; empty where a coordinate is missing or no projection shows it."""
    possible = (lon.abs() <= 180) & (lat.abs() < 85)
    at = gpd.points_from_xy(lon.where(possible, 0.0), lat.where(possible, 0.0), crs="EPSG:4326")
    return gpd.GeoSeries(at, index=lon.index).where(possible).to_crs(areas.frame.crs)


def _check_places(
    faults: RowFaults, text: pd.DataFrame, place: gpd.GeoSeries, areas: Areas, network: Network, max_snap_m: float
) -> None:
    known = place.notna()
    within = known & place.intersects(areas.union)
    lon, lat = (pd.to_numeric(text[name], errors="coerce").astype("float64") for name in ("lon", "lat"))
    turned = known & ~within & _places(lat, lon, areas).intersects(areas.union)
    shown = text["lon"] + " " + text["lat"]
    reason = "looks swapped: with lon and lat exchanged it lies in the district"
    faults.add(turned, "lon lat", shown, reason, "exchange lon and lat")
    fix = "correct the coordinates, or leave the event to the district that it is in"
    faults.add(known & ~within & ~turned, "lon lat", shown, "outside of the district", fix)
    inside = place[within]
    xy = np.column_stack([inside.x, inside.y]).reshape(-1, 2)
    away = pd.Series(~snap(network, xy, max_snap_m=max_snap_m).ok, index=inside.index, dtype=bool)
    reason = f"no street within {max_snap_m:g} m"
    faults.add(away, "lon lat", shown[within], reason, "correct the coordinates, or raise planning.max_snap_m")


def _rows_of_table(
    faults: RowFaults, text: pd.DataFrame, attendance: pd.Series, levels: Sequence[LevelRow], large_from: int
) -> list[LevelRow]:
    """The table's row of each event; nobody for those that aren't large, or are at fault."""
    nobody = LevelRow(0, 0, 0, 0)
    rows = []
    for row, level, people in zip(text.index, text["level"], attendance, strict=True):
        if level not in map(str, LEVELS) or people < large_from:
            rows.append(nobody)
            continue
        found = level_row(levels, level=int(level), attendance=int(people))
        if found is None:
            reason = f"the staffing table has no row of level {level} for so few people"
            fix = "add one to [events] table, or raise events.large_from"
            faults.note(int(row), "attendance", str(people), reason, fix)
        rows.append(found or nobody)
    return rows
