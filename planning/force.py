"""The force: patrol points, teams, shifts, roles, vetting and training — who may do what, and who may not and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from hotspot.areas import Areas
from hotspot.errors import ConfigError
from hotspot.tables import read_table
from planning.row_faults import RowFaults, degrees

ACTIVITIES = (
    "patrol",
    "anti_fraud_publicity",
    "dispute_mediation",
    "hazard_inspection",
    "information_collection",
)
ROLES = ("propagandist", "mediator", "collector", "grid_worker")
ANY_ROLE = "any"  # in the table of roles: every team may do it, also one without any role
DEFAULT_ROLES: Mapping[str, tuple[str, ...]] = {
    "patrol": (ANY_ROLE,),
    "anti_fraud_publicity": ("propagandist", "grid_worker"),
    "dispute_mediation": ("mediator",),
    "hazard_inspection": ("grid_worker", "collector"),
    "information_collection": ("collector", "grid_worker"),
}
POINT_KINDS = ("office", "workstation")
TEAM_KINDS = ("community", "enterprise", "school", "unit", "grid", "parking")
MODES = ("walk", "ebike", "car")
POINT_COLUMNS = ("id", "name", "kind", "lon", "lat")
TEAM_COLUMNS = (
    *("id", "name", "point_id", "kind", "community_id", "members", "roles", "mode"),
    *("shift_start", "shift_end", "vetted", "trained_until"),
)
LONGEST_SHIFT_MIN = 12 * 60
MOST_TEAMS = 2000  # of one plan: the times from every team to every demand are in memory at once
FAR_M = 10_000.0  # a patrol point farther from every community than this is a mistake, not an outpost

ID = r"\w([\w.\-]{0,62}\w)?"  # ids name sheets and links, so nothing that a file system or an address could misread
# devices on Windows, whatever ending follows their name
_RESERVED = ("CON", "PRN", "AUX", "NUL", *(f"{device}{n}" for device in ("COM", "LPT") for n in range(1, 10)))
_CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)(:00)?"
_DAY_MIN = 24 * 60


def read_points(
    path: str | Path, *, crs: str, columns: Mapping[str, str] | None = None, areas: Areas | None = None
) -> gpd.GeoDataFrame:
    """Reads the patrol points: `id, name, kind, lon, lat, geometry`, one row per point, geometry in `crs`.

    Args:
        areas: the communities; with them, points far outside and swapped coordinates are found as well.

    Raises:
        InputError: the file can't be read, or any row of it can't be used; it carries every fault.
    """
    text, faults = _opened(path, POINT_COLUMNS, columns)
    _check_ids(faults, text)
    faults.one_of("kind", text["kind"], POINT_KINDS)
    lon, lat = degrees(faults, text["lon"], most=180.0), degrees(faults, text["lat"], most=180.0)
    swapped = (lat.abs() > 90) & (lon.abs() <= 90)
    faults.add(swapped, "lat", text["lat"], "looks swapped: no latitude is above 90", "exchange lon and lat")
    faults.add((lat.abs() > 90) & ~swapped, "lat", text["lat"], "no latitude is above 90", "give degrees, WGS-84")
    plain = pd.DataFrame({"id": text["id"], "name": text["name"], "kind": text["kind"], "lon": lon, "lat": lat})
    good = lon.notna() & (lat.abs() <= 90)
    if areas is not None and len(areas.frame) and good.any():
        _check_near(faults, plain[good], areas)
    faults.raise_any()
    place = gpd.points_from_xy(lon, lat, crs="EPSG:4326").to_crs(crs)
    return gpd.GeoDataFrame(plain, geometry=place, crs=crs).reset_index(drop=True)


def read_teams(
    path: str | Path,
    *,
    points: gpd.GeoDataFrame | None,
    areas: Areas | None = None,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Reads the teams, one row per team, typed; a table without rows is a district without teams. At most 2,000.

    Columns: `id, name, point_id, kind, community_id` ('' = none) and `mode` are texts, `members` int, `roles` a tuple,
    `vetted` bool, `trained_until` a date (None = never trained), `shift_start` and `shift_end` minutes after the
    midnight on which the shift's day begins: a shift over midnight ends after minute 1440.

    Args:
        points: the patrol points that a team may start from; None when they couldn't be read: any is taken.
        areas: the communities that a team may belong to; None: any is taken.

    Raises:
        InputError: the file can't be read, or any row of it can't be used; it carries every fault.
    """
    text, faults = _opened(path, TEAM_COLUMNS, columns, allow_empty=True)
    if len(text) > MOST_TEAMS:
        reason = f"{len(text):,} teams, the limit of one plan is {MOST_TEAMS:,}"
        faults.note(None, None, None, reason, "plan the district in parts")
        faults.raise_any()
    _check_ids(faults, text)
    if points is not None:
        faults.one_of("point_id", text["point_id"], list(points["id"]), reason="unknown patrol point")
    faults.one_of("kind", text["kind"], TEAM_KINDS)
    faults.one_of("mode", text["mode"], MODES)
    faults.one_of("vetted", text["vetted"], ("yes", "no"))
    if areas is not None:
        communities = ["", *areas.frame["id"].astype(str)]
        faults.one_of("community_id", text["community_id"], communities, reason="unknown community")
    start, end = _shifts(faults, text)
    typed = text.assign(
        members=_members(faults, text["members"]),
        roles=_roles(faults, text["roles"]),
        shift_start=start,
        shift_end=end,
        vetted=text["vetted"] == "yes",
        trained_until=_dates(faults, text["trained_until"]),
    )
    faults.raise_any()
    return typed.reset_index(drop=True)


def _opened(
    path: str | Path, wanted: Sequence[str], columns: Mapping[str, str] | None, *, allow_empty: bool = False
) -> tuple[pd.DataFrame, RowFaults]:
    """The texts of a hand-made table without the blanks around them; rows that can't be split are the first faults."""
    table = read_table(path, required=wanted, columns=columns, allow_empty=allow_empty)
    faults = RowFaults.of(table)
    return table.frame[list(wanted)].apply(lambda column: column.str.strip()), faults


def _check_ids(faults: RowFaults, text: pd.DataFrame) -> None:
    ids = text["id"]
    number = ids.str.fullmatch(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+")
    fix = "format the column as text in the spreadsheet and enter the full id again"
    faults.add(number, "id", ids, "a number that a spreadsheet shortened", fix)
    fix = "use letters, digits and - _ . inside, up to 64 in all"
    reserved = ids.str.upper().str.replace(r"\..*", "", regex=True).isin(_RESERVED)
    faults.add((~ids.str.fullmatch(ID) | reserved) & ~number & (ids != ""), "id", ids, "not usable as an id", fix)
    for field in ("id", "name"):
        faults.add(text[field] == "", field, None, "missing", f"give every row its {field}")
    faults.repeated(ids)


def _check_near(faults: RowFaults, points: pd.DataFrame, areas: Areas) -> None:
    near = _near(points["lon"], points["lat"], areas)
    turned = ~near & _near(points["lat"], points["lon"], areas)
    if turned.any():
        reason = "looks swapped: with lon and lat exchanged it lies in the district"
        fix = "exchange lon and lat, or map them in [points] columns"
        faults.add(turned, "lon", points["lon"].astype(str), reason, fix, together=True)
    away = ~near & ~turned
    reason = f"more than {FAR_M / 1000:g} km outside every community"
    shown = points["lon"].astype(str) + " " + points["lat"].astype(str)
    faults.add(away, "lon lat", shown, reason, "correct the coordinates, or the areas of the district")


def _near(lon: pd.Series, lat: pd.Series, areas: Areas) -> pd.Series:
    """Whether each place lies within `FAR_M` of a community; a latitude beyond 85 degrees is near to none."""
    possible = (lat.abs() < 85) & (lon.abs() <= 180)
    at = gpd.points_from_xy(lon.where(possible, 0.0), lat.where(possible, 0.0), crs="EPSG:4326").to_crs(areas.frame.crs)
    distance_m = gpd.GeoSeries(at, index=lon.index).distance(areas.union)
    near: pd.Series = possible & (distance_m <= FAR_M)
    return near


def _members(faults: RowFaults, text: pd.Series) -> pd.Series:
    good = text.str.fullmatch(r"0*[1-9][0-9]{0,4}(\.0+)?")
    faults.add(~good, "members", text, "not a positive whole number", "give the number of people, as 6")
    return pd.to_numeric(text.where(good, "0")).astype("int64")


def _roles(faults: RowFaults, text: pd.Series) -> pd.Series:
    split = text.map(lambda cell: tuple(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip())))
    each = split.explode().dropna()
    faults.one_of("roles", each[each != ""], ROLES, reason="unknown role")
    return split


def _shifts(faults: RowFaults, text: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    start, end = (_minutes(faults, text[field]) for field in ("shift_start", "shift_end"))
    shown = text["shift_start"] + "-" + text["shift_end"]
    same = start.notna() & (start == end)
    faults.add(same, "shift_end", shown, "the shift ends when it starts", "give two different times")
    end = end.where(~(end < start), end + _DAY_MIN)
    long = end - start > LONGEST_SHIFT_MIN
    reason = f"ends before it starts, or lasts more than {LONGEST_SHIFT_MIN // 60} hours"
    faults.add(long, "shift_end", shown, reason, "correct the times; over midnight is written 22:00-02:00")
    return start.fillna(0).astype("int64"), end.fillna(0).astype("int64")


def _minutes(faults: RowFaults, text: pd.Series) -> pd.Series:
    parts = text.str.extract(f"^{_CLOCK}$")
    minutes = pd.to_numeric(parts[0]) * 60 + pd.to_numeric(parts[1])
    faults.add(minutes.isna(), str(text.name), text, "not a time of day", "write HH:MM, midnight as 00:00")
    return minutes


def _dates(faults: RowFaults, text: pd.Series) -> pd.Series:
    stamps = pd.to_datetime(text.str.replace("/", "-").where(text != ""), format="%Y-%m-%d", errors="coerce")
    bad = stamps.isna() & (text != "")
    faults.add(bad, str(text.name), text, "not a date", "write YYYY-MM-DD, or leave it empty: never trained")
    return pd.Series([None if pd.isna(s) else s.date() for s in stamps], index=text.index, dtype=object)


def shift_interval(team: Any, date: str | dt.date, timezone: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Start and end of a team's shift that begins on `date`, half-open, as time-zone-aware timestamps.

    `team` is a row of the teams: a Series, or a tuple of `itertuples`. Wall-clock times hold when clocks change: a time
    that is skipped counts as the first moment after it, one that happens twice as its first occurrence; so a shift can
    last an hour less or more than its clock times say.

    >>> late = pd.Series({"shift_start": 20 * 60, "shift_end": 26 * 60})
    >>> [str(t) for t in shift_interval(late, "2024-11-29", "Asia/Shanghai")]
    ['2024-11-29 20:00:00+08:00', '2024-11-30 02:00:00+08:00']
    """
    midnight = pd.Timestamp(date).normalize()
    start, end = (
        (midnight + pd.Timedelta(minutes=int(minutes))).tz_localize(
            timezone, ambiguous=True, nonexistent="shift_forward"
        )
        for minutes in (team.shift_start, team.shift_end)
    )
    return start, end


def team_blocked(
    teams: pd.DataFrame, *, date: str | dt.date, min_members: int = 2, needs_training: bool = True
) -> dict[str, str]:
    """Teams that may do nothing on `date`: id -> VETTING, TRAINING or SAFETY_PAIR (the first that holds).

    Training has to last through the last day that the shift touches; one ending at 00:00 doesn't touch the next.
    """
    last_day = pd.Timestamp(date).normalize() + pd.to_timedelta((teams["shift_end"] - 1) // _DAY_MIN, unit="D")
    expired = needs_training & ~(pd.to_datetime(teams["trained_until"]) >= last_day)
    code = np.select(
        [~teams["vetted"].astype(bool), expired, teams["members"] < min_members],
        ["VETTING", "TRAINING", "SAFETY_PAIR"],
        default="",
    )
    return {str(team): str(why) for team, why in zip(teams["id"], code, strict=True) if why}


def may_serve(
    teams: pd.DataFrame,
    activities: Sequence[str],
    *,
    roles: Mapping[str, Sequence[str]] = DEFAULT_ROLES,
    date: str | dt.date,
    at_night: Sequence[bool] | None = None,
    min_members: int = 2,
    night_min_members: int = 2,
) -> np.ndarray:
    """Who may serve which demand: (V, D) of reason codes, '' = may.

    Codes, the first that holds: VETTING, TRAINING, SAFETY_PAIR, ROLE.

    Args:
        activities: (D,) the activity of each demand.
        roles: activity -> roles that may do it; "any" lets every team.
        at_night: (D,) whether the demand's window touches the night (see `touches_night`); None = none does.
    """
    blocked = team_blocked(teams, date=date, min_members=min_members)
    night = np.zeros(len(activities), bool) if at_night is None else np.asarray(at_night, bool)
    able = _able(teams["roles"], activities, roles)
    too_few = (teams["members"].to_numpy() < night_min_members)[:, None] & night[None, :]
    whole = np.array([blocked.get(str(team), "") for team in teams["id"]], dtype="U11")
    each = np.where(too_few, "SAFETY_PAIR", np.where(able, "", "ROLE")).astype("U11")
    return np.where((whole != "")[:, None], whole[:, None], each)


def _able(team_roles: pd.Series, activities: Sequence[str], roles: Mapping[str, Sequence[str]]) -> np.ndarray:
    """(V, D) bool: one of the team's roles, or any role, may do the demand's activity."""
    able = np.zeros((len(team_roles), len(activities)), bool)
    wanted = np.asarray(activities, dtype=object)
    for activity in dict.fromkeys(activities):
        may = [ANY_ROLE in roles[activity] or bool(set(held) & set(roles[activity])) for held in team_roles]
        able[:, wanted == activity] = np.array(may, bool)[:, None]
    return able


def touches_night(
    start: pd.DatetimeIndex, end: pd.DatetimeIndex, *, night_hours: tuple[str, str] = ("22:00", "06:00")
) -> np.ndarray:
    """(D,) bool: whether the windows `[start, end)`, in local time, contain any moment of the night.

    >>> at = pd.DatetimeIndex(["2024-11-29 20:00", "2024-11-29 21:00"], tz="Asia/Shanghai")
    >>> touches_night(at, at + pd.Timedelta(hours=2)).tolist()
    [False, True]
    """
    dusk, dawn = (int(clock[:2]) * 60 + int(clock[3:]) for clock in night_hours)
    night_min = (dawn - dusk) % _DAY_MIN
    minute = start.hour * 60 + start.minute
    length_min = (end - start) / pd.Timedelta(minutes=1)
    since_dusk = np.asarray((minute - dusk) % _DAY_MIN)
    return np.asarray((since_dusk < night_min) | (since_dusk + np.asarray(length_min) > _DAY_MIN))


def require_shifts_fit(teams: pd.DataFrame, *, dwell_min: tuple[float, float]) -> None:
    """Refuses, before anything is solved, a dwell that is longer than every team's shift.

    Raises:
        ConfigError: naming `planning.dwell_min` and the teams' `shift_start`/`shift_end`.
    """
    longest = (teams["shift_end"] - teams["shift_start"]).max() if len(teams) else np.inf
    if longest < dwell_min[0]:
        reason = f"planning.dwell_min[0] = {dwell_min[0]:g} min contradicts shift_start/shift_end of the teams: "
        raise ConfigError(f"{reason}the longest shift is {longest:g} min; fix: shorten the dwell or lengthen a shift")
