"""Whistle and report: who can be at a place soonest, given where every team is and what it is doing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.geo import to_metric
from planning.force import ANY_ROLE, may_serve, shift_interval, touches_night
from planning.network import Conditions, Moving, Streets, snap, travel, ways_of_moving
from planning.operations.night import Night

CANDIDATE_COLUMNS = [
    "team_id",
    "name",
    "members",
    "mode",
    "arrive_s",
    "from_id",
    "doing",
    "free_s",
    "lost",
    "in_time",
    "sent",
]
AT_POINT, COMING_BACK, AT_STOP, UNDER_WAY = "at_point", "coming_back", "at_stop", "under_way"
OFF_SHIFT, ABSENT, UNREACHABLE = "OFF_SHIFT", "ABSENT", "UNREACHABLE"
NEXT_TOLD = 10  # teams beyond the limit that a person is told; JSON has all
_WHY_REASONS = {
    OFF_SHIFT: "not on shift until it could be there",
    "VETTING": "not vetted",
    "TRAINING": "training expired or missing",
    "SAFETY_PAIR": "too few members",
    "ROLE": "doesn't have the role",
    ABSENT: "has left the shift",
    UNREACHABLE: "no way leads there",
}

Floats = npt.NDArray[np.float64]
_Whereabouts = tuple[str, str, float, Any, tuple[str, ...]]  # from where, doing what, free after s, place, visits lost


@dataclass(frozen=True, eq=False)
class Outing:
    """What the teams of one date are sent to do.

    `stops`: one row per visit by team and order: `team_id, visit_id, hotspot_id, set_out, arrive, leave` (instants) and
    the place. `home`: when each team with visits is back at its point; `absent`: since when teams have been away.
    """

    date: dt.date
    until: pd.Timestamp  # the end of the date, or of the last shift
    stops: gpd.GeoDataFrame
    home: Mapping[str, pd.Timestamp]
    absent: Mapping[str, pd.Timestamp]


@dataclass(frozen=True, eq=False)
class Callup:
    """The answer to a request for `need` people at a place within `within_min` of `at`.

    `candidates`: every team that may come and can, by arrival, then id. `arrive_s` counts from `at`; `from_id` is the
    point or hotspot that it sets out from, `doing` what it does (`at_point`, `coming_back` to its point, `at_stop`,
    `under_way` to its next stop), `free_s` when it sets out, `lost` the ids of its visits that aren't over. `in_time`:
    within the limit; `sent`: the first of those whose members add up to the need. `excluded`: team -> the code of
    what keeps it: OFF_SHIFT (also a shift that ends too soon), VETTING, TRAINING, SAFETY_PAIR, ROLE, ABSENT, UNREACHABLE.
    """

    lon: float
    lat: float
    at: pd.Timestamp
    need: int
    within_min: float
    candidates: pd.DataFrame
    excluded: Mapping[str, str]

    @property
    def members_in_time(self) -> int:
        return int(self.candidates.loc[self.candidates["in_time"], "members"].sum())

    @property
    def shortfall(self) -> int:
        """People that are missing within the limit; 0 = the need is met."""
        return max(0, self.need - self.members_in_time)

    @property
    def enough_after_min(self) -> int | None:
        """The least whole minutes within which the need is met; None: not with all teams that can come."""
        enough = (self.candidates["members"].cumsum() >= self.need).to_numpy()
        return math.ceil(self.candidates["arrive_s"].to_numpy()[enough][0] / 60) if enough.any() else None

    def summary(self) -> str:
        """Who goes and when, or what is missing, why, and the least change that would do."""
        return "\n".join(callup_lines(self))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        given = {name: getattr(self, name) for name in ("lon", "lat", "at", "need", "within_min")}
        told = ("members_in_time", "shortfall", "enough_after_min")
        return {
            **given,
            "met": self.shortfall == 0,
            **{name: getattr(self, name) for name in told},
            "candidates": self.candidates.to_dict("records"),
            "excluded": dict(self.excluded),
        }


def outing_of(night: Night) -> Outing:
    """What the teams do in a planned night."""
    stops = night.visits.merge(night.demands[["demand_id", "hotspot_id", "geometry"]], on="demand_id", how="left")
    seconds = {"set_out": stops["arrive_s"] - stops["travel_s"], "arrive": stops["arrive_s"], "leave": stops["leave_s"]}
    times = {name: night.origin + pd.to_timedelta(column, unit="s") for name, column in seconds.items()}
    frame = stops[["team_id", "visit_id", "hotspot_id"]].assign(**times)
    return Outing(
        date=night.origin.date(),
        until=night.instant(night.shift_s[:, 1].max(initial=86400.0)),
        stops=gpd.GeoDataFrame(frame, geometry=stops["geometry"].to_numpy(), crs=night.demands.crs),
        home={team: night.instant(back) for team, back in night.home_s.items()},
        absent={team: night.instant(since) for team, since in night.absent.items()},
    )


def callup(
    teams: pd.DataFrame,
    points: gpd.GeoDataFrame,
    streets: Streets,
    *,
    lon: float,
    lat: float,
    at: pd.Timestamp,
    need: int,
    within_min: float,
    roles: Sequence[str] = (ANY_ROLE,),
    conditions: Conditions | None = None,
    outing: Outing | None = None,
    max_snap_m: float = 300.0,
    min_members: int = 2,
    night_min_members: int = 2,
    night_hours: tuple[str, str] = ("22:00", "06:00"),
) -> Callup:
    """The teams that can be at a place soonest, until their members add up to `need`.

    A team comes if it is on shift from `at` until it arrives, vetted, trained, large enough (at night too) and has one of
    the `roles`. It sets out from its patrol point; with an `outing` from where it is then, with that date's shifts only:

    - at a stop it leaves at once, also in the middle of a visit;
    - on its way to a stop it goes on to that stop and from there to the place: it may be nearer, but that it can turn
      round isn't known of a one-way street, and so it is never later than told;
    - on its way back it sets out from its point once it is there.

    How long it will be kept isn't known, so every visit that isn't over counts as lost. Travel times are whole seconds,
    rounded up, on the streets as they are between `at` and the limit, in each team's mode.

    Raises ConfigError for a place that no mode finds a street within `max_snap_m` of, for a need or a limit that isn't
    positive, and for a moment outside of the outing's night.
    """
    _check_request(lon, lat, at, need, within_min, outing)
    until = at + pd.Timedelta(minutes=within_min)
    moving = ways_of_moving(
        streets, list(teams["mode"]) or ["walk"], [(at, until)] * max(len(teams), 1), conditions or Conditions()
    )
    goal_xy = to_metric([lon], [lat], datum="wgs84", crs=streets.crs)
    _require_street(moving, goal_xy, lon, lat, max_snap_m)
    shifts = _shifts_at(teams, at, outing)
    night = bool(touches_night(pd.DatetimeIndex([at]), pd.DatetimeIndex([until]), night_hours=night_hours)[0])
    dates = [shift[0] if shift is not None else None for shift in shifts]
    code = _codes(teams, dates, roles, max(min_members, night_min_members if night else 0))
    place = _whereabouts(teams, points.to_crs(streets.crs), at, outing)
    code[(code == "") & (place["doing"] == ABSENT)] = ABSENT
    from_xy = place[["x", "y"]].to_numpy(dtype=float)
    arrive_s = place["free_s"].to_numpy(dtype=float) + _travel_s(moving, from_xy, goal_xy, max_snap_m)
    left_s = np.array([shift[1] if shift is not None else 0.0 for shift in shifts])
    code[(code == "") & ~np.isfinite(arrive_s)] = UNREACHABLE
    code[(code == "") & (arrive_s >= left_s)] = OFF_SHIFT
    own = {name: teams[name].to_numpy() for name in ("name", "members", "mode")}
    table = place.assign(arrive_s=arrive_s, **own)[code == ""]
    excluded = {str(team): str(why) for team, why in zip(teams["id"], code, strict=True) if why}
    return Callup(lon, lat, at, need, within_min, _in_order(table, need, within_min * 60), excluded)


def _in_order(table: pd.DataFrame, need: int, limit_s: float) -> pd.DataFrame:
    """The teams by arrival, then id; those in time are sent until their members add up."""
    ordered = table.sort_values(["arrive_s", "team_id"]).reset_index(drop=True)
    in_time = ordered["arrive_s"] <= limit_s
    before = ordered["members"].cumsum() - ordered["members"]
    return ordered.assign(in_time=in_time, sent=in_time & (before < need))[CANDIDATE_COLUMNS]


def _check_request(
    lon: float, lat: float, at: pd.Timestamp, need: int, within_min: float, outing: Outing | None
) -> None:
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise ConfigError(f"--lon {lon:g} --lat {lat:g}: no such place; fix: give WGS-84 degrees, as 109.734 38.245")
    if need < 1:
        raise ConfigError(f"--need {need}: nobody is asked for; fix: give the number of people, 1 or more")
    if not 0 < within_min <= 24 * 60:
        raise ConfigError(f"--within {within_min:g}: not a time to wait; fix: give minutes, above 0 and at most a day")
    if outing is not None and not pd.Timestamp(outing.date, tz=at.tz) <= at < outing.until:
        reason = (
            f"--time {at.isoformat()}: outside of the run, which is of {outing.date} until {outing.until.isoformat()}"
        )
        raise ConfigError(f"{reason}; fix: give a moment of that night, or leave --run out")


def _require_street(moving: Moving, goal_xy: Floats, lon: float, lat: float, max_snap_m: float) -> None:
    near_m = min(float(snap(network, goal_xy, max_snap_m=1e9).distance_m[0]) for network in moving.reopened.values())
    if near_m <= max_snap_m:
        return
    far = f"the nearest street is {near_m:,.0f} m away" if np.isfinite(near_m) else "no street is anywhere near"
    fix = f"give a place within {max_snap_m:g} m of a street (longitude first), or raise planning.max_snap_m"
    raise ConfigError(f"--lon {lon:g} --lat {lat:g}: {far}; fix: {fix}")


def _shifts_at(teams: pd.DataFrame, at: pd.Timestamp, outing: Outing | None) -> list[tuple[dt.date, float] | None]:
    """(V,) the date on which the shift that each team is on begins, and the seconds until it ends; None = it is on none.

    One of yesterday may last past midnight.
    """
    today, zone = at.date(), str(at.tz)
    dates = (today, today - dt.timedelta(days=1)) if outing is None else (outing.date,)
    shifts: list[tuple[dt.date, float] | None] = []
    for team in teams.itertuples(index=False):
        spans = [(date, *shift_interval(team, date, zone)) for date in dates]
        on = ((date, (end - at).total_seconds()) for date, start, end in spans if start <= at < end)
        shifts.append(next(on, None))
    return shifts


def _codes(
    teams: pd.DataFrame, dates: Sequence[dt.date | None], roles: Sequence[str], min_members: int
) -> npt.NDArray[np.str_]:
    """(V,) why a team may not come, '' = it may. Training has to last through the shift that it is on."""
    code = np.full(len(teams), OFF_SHIFT, dtype="U11")
    for date in sorted({date for date in dates if date is not None}):
        rows = np.array([each == date for each in dates])
        on = teams[rows]
        code[rows] = may_serve(on, ["asked"], roles={"asked": roles}, date=date, min_members=min_members)[:, 0]
    return code


def _whereabouts(
    teams: pd.DataFrame, points: gpd.GeoDataFrame, at: pd.Timestamp, outing: Outing | None
) -> pd.DataFrame:
    """Where each team can set out from and when: `team_id, from_id, doing, free_s` (after `at`)`, x, y, lost`."""
    home = points.set_index("id").geometry
    stops = outing.stops.to_crs(points.crs) if outing is not None else None
    rows = []
    for team, point in zip(teams["id"], teams["point_id"], strict=True):
        own = stops[stops["team_id"] == team] if stops is not None else None
        row: _Whereabouts = (point, AT_POINT, 0.0, home[point], ())
        if outing is not None and at >= outing.absent.get(team, outing.until):
            row = (point, ABSENT, 0.0, home[point], ())
        elif outing is not None and own is not None and len(own):
            row = _on_route(own, at, (point, home[point]), outing.home[team])
        rows.append((team, *row))
    table = pd.DataFrame(rows, columns=["team_id", "from_id", "doing", "free_s", "place", "lost"])
    xy = {"x": [place.x for place in table["place"]], "y": [place.y for place in table["place"]]}
    return table.drop(columns="place").assign(**xy)


def _on_route(own: gpd.GeoDataFrame, at: pd.Timestamp, home: tuple[str, Any], back: pd.Timestamp) -> _Whereabouts:
    """Of one team with visits, `home` its point and the place of it."""
    lost = tuple(own.loc[own["leave"] > at, "visit_id"])
    begun = own[own["set_out"] <= at]
    if not len(begun):
        return home[0], AT_POINT, 0.0, home[1], lost
    last = begun.iloc[-1]
    if at < last["arrive"]:
        return last["hotspot_id"], UNDER_WAY, (last["arrive"] - at).total_seconds(), last["geometry"], lost
    if at < last["leave"] or len(begun) < len(own):
        return last["hotspot_id"], AT_STOP, 0.0, last["geometry"], lost
    if at < back:
        return home[0], COMING_BACK, (back - at).total_seconds(), home[1], lost
    return home[0], AT_POINT, 0.0, home[1], lost


def _travel_s(moving: Moving, xy: Floats, goal_xy: Floats, max_snap_m: float) -> Floats:
    """(V,) whole seconds from each team's place (V, 2) to the goal, inf = no way."""
    seconds = np.full(len(xy), np.inf)
    for number, name in enumerate(moving.names):
        rows = np.flatnonzero(moving.of[: len(xy)] == number)
        origins, goal = (snap(moving.reopened[name], each, max_snap_m=max_snap_m) for each in (xy[rows], goal_xy))
        found = travel(moving.networks[name], origins, goal).travel_s[:, 0]
        seconds[rows] = np.ceil(np.round(found, 6))
    return seconds


def callup_lines(found: Callup) -> list[str]:
    """The answer in sentences, one line each.

    >>> nobody = pd.DataFrame(columns=CANDIDATE_COLUMNS).astype({"members": int, "in_time": bool, "sent": bool})
    >>> at = pd.Timestamp("2026-10-30 20:10", tz="Asia/Shanghai")
    >>> callup_lines(Callup(109.7, 38.2, at, 6, 15.0, nobody, {"T14": "VETTING"}))
    ['6 people within 15 min: 6 missing; teams in time: 0, members: 0', 'no team can come',
     'not sent (VETTING, not vetted): T14']
    """
    table = found.candidates
    sent, spare, late = (table[rows] for rows in (table["sent"], table["in_time"] & ~table["sent"], ~table["in_time"]))
    lines = [_headline(found, sent), *(_team_line(row, found.at) for row in sent.to_dict("records"))]
    if len(spare):
        lines.append(f"also in time: {_listed(spare)}")
    if found.shortfall:
        if len(late):
            lines.append(f"too late: {_listed(late.head(NEXT_TOLD))}")
        lines.append(_least_change(found))
    for code, said in _WHY_REASONS.items():
        kept = [team for team, why in found.excluded.items() if why == code]
        if kept:
            lines.append(f"not sent ({code}, {said}): {', '.join(kept)}")
    return lines


def _headline(found: Callup, sent: pd.DataFrame) -> str:
    asked, teams, members = f"{found.within_min:g}", len(sent), int(sent["members"].sum())
    if found.shortfall:
        missing = found.shortfall
        return f"{found.need} people within {asked} min: {missing} missing; teams in time: {teams}, members: {members}"
    return f"{found.need} people within {asked} min: met; teams that go: {teams}, members: {members}"


def _team_line(row: Mapping[Any, Any], at: pd.Timestamp) -> str:
    said = _doing(row, at)
    who, when, minutes = f"{row['team_id']} {row['name']}", _clock(at, row["arrive_s"]), _minutes(row["arrive_s"])
    if row["lost"]:
        visits = ", ".join(row["lost"])
        return f"{who}: {row['members']} members, there at {when}, in {minutes} min; {said}; visits lost: {visits}"
    return f"{who}: {row['members']} members, there at {when}, in {minutes} min; {said}"


def _doing(row: Mapping[Any, Any], at: pd.Timestamp) -> str:
    place, when = row["from_id"], _clock(at, row["free_s"])
    if row["doing"] == COMING_BACK:
        return f"from its point {place}, where it is back at {when}"
    if row["doing"] == UNDER_WAY:
        return f"by way of its next stop {place}, where it is at {when}"
    return f"from its stop {place}" if row["doing"] == AT_STOP else f"from its point {place}"


def _listed(teams: pd.DataFrame) -> str:
    rows = teams.to_dict("records")
    return ", ".join(f"{row['team_id']} ({row['members']}; {_minutes(row['arrive_s'])} min)" for row in rows)


def _least_change(found: Callup) -> str:
    if found.enough_after_min is not None:
        return f"within {found.enough_after_min} min the need is met"
    members = int(found.candidates["members"].sum())
    return f"all teams that can come have {members} members" if members else "no team can come"


def _minutes(seconds: float) -> str:
    """Up, not nearest: what is a second late isn't in time."""
    return f"{math.ceil(seconds / 6) / 10:.1f}"


def _clock(at: pd.Timestamp, seconds: float) -> str:
    return f"{at + pd.Timedelta(seconds=float(seconds)):%H:%M:%S}"
