"""The routing problem as plain arrays, checked once: who starts where, what is wanted when, what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import Fault, InputError
from planning.rules import Bools, Floats, Ints, Rules


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """What the arrays of a problem stand for on the ground. The solver never looks inside."""

    origin: pd.Timestamp  # time-zone-aware instant of second 0
    demands: gpd.GeoDataFrame  # one row per demand, in the problem's order
    teams: pd.DataFrame  # one row per team, in the problem's order
    points: gpd.GeoDataFrame  # patrol points; the first places of the problem
    hotspots: Any
    streets: Any
    networks: Mapping[str, Any]  # by mode
    place_snaps: Mapping[str, Any]  # by mode
    modes: tuple[str, ...]  # names of the first axis of `travel_s`
    blocked: npt.NDArray[np.str_]  # (V, D) why a team may not serve a demand; '' = it may
    team_blocked: Mapping[str, str]  # team id -> why it may do nothing at all
    moving: Any = None  # closures and congestion; None: the networks hold at any time
    open_travel_s: Floats | None = None  # `travel_s` if nothing were closed; None where nothing is


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """V teams, D demands, P places, M ways of moving. Make one with `Problem.from_arrays`, which checks it.

    A team leaves `team_start` not before its shift starts and is back at `team_end` before it ends. Every leg, the
    first and the way back too, takes at most `max_leg_s`. Service starts inside `window_s` (both ends allowed; a team
    that is early waits) and lasts `dwell_s`. Each demand is served at most once. A team without visits stays at home.
    """

    travel_s: Floats  # (M, P, P) seconds, inf = no way
    travel_m: Floats | None  # (M, P, P) metres
    team_mode: Ints  # (V,)
    team_start: Ints  # (V,) places
    team_end: Ints  # (V,) places
    shift_s: Floats  # (V, 2) start and end
    demand_place: Ints  # (D,)
    window_s: Floats  # (D, 2) earliest and latest start of service
    dwell_s: Floats  # (D,)
    value: Floats  # (D,)
    eligible: Bools  # (V, D)
    max_leg_s: float | None
    rules: Rules
    world: World | None = None

    @property
    def teams(self) -> int:
        return len(self.team_start)

    @property
    def demands(self) -> int:
        return len(self.demand_place)

    @classmethod
    def from_arrays(
        cls,
        *,
        travel_s: npt.ArrayLike,
        team_start: npt.ArrayLike,
        team_end: npt.ArrayLike,
        shift_s: npt.ArrayLike,
        demand_place: npt.ArrayLike,
        window_s: npt.ArrayLike,
        dwell_s: npt.ArrayLike,
        value: npt.ArrayLike,
        eligible: npt.ArrayLike | None = None,
        max_leg_s: float | None = None,
        team_mode: npt.ArrayLike | None = None,
        travel_m: npt.ArrayLike | None = None,
        rules: Mapping[str, Any] | None = None,
        world: World | None = None,
    ) -> Problem:
        """A checked problem from plain arrays; they are copied and can't be written to afterwards.

        `travel_s` is (P, P), or (M, P, P) together with `team_mode` (V,). It may be asymmetric; inf means no way.
        The latest start in `window_s` may be inf. `eligible` None lets every team serve every demand. `rules` are the
        side rules by name, see `planning.rules.Rules`.

        Raises InputError that lists everything wrong: shapes, NaN, negative numbers, places that don't exist,
        windows or shifts that end before they begin.

        >>> problem = Problem.from_arrays(
        ...     travel_s=[[0, 300], [300, 0]], team_start=[0], team_end=[0], shift_s=[[0, 3600]],
        ...     demand_place=[1], window_s=[[0, 3600]], dwell_s=[600], value=[2.5])
        >>> problem.teams, problem.demands
        (1, 1)
        """
        times = np.array(travel_s, dtype=float)
        arrays: dict[str, npt.NDArray[Any]] = {
            "travel_s": times[None] if times.ndim == 2 else times,
            "team_start": _indices(team_start),
            "team_end": _indices(team_end),
            "shift_s": _pairs(shift_s),
            "demand_place": _indices(demand_place),
            "window_s": _pairs(window_s),
            "dwell_s": np.array(dwell_s, dtype=float),
            "value": np.array(value, dtype=float),
        }
        teams, demands = arrays["team_start"].size, arrays["demand_place"].size
        arrays["team_mode"] = np.zeros(teams, np.int64) if team_mode is None else _indices(team_mode)
        arrays["eligible"] = _allowed(eligible, teams, demands)
        if travel_m is not None:
            lengths = np.array(travel_m, dtype=float)
            arrays["travel_m"] = lengths[None] if lengths.ndim == 2 else lengths
        faults = list(_shape_faults(arrays, teams, demands)) or list(_content_faults(arrays, max_leg_s))
        if faults:
            raise InputError(faults)
        for array in arrays.values():
            array.setflags(write=False)
        arrays.setdefault("travel_m", None)  # type: ignore[arg-type]
        checked = Rules.of(teams=teams, demands=demands, value=arrays["value"], **(rules or {}))
        longest = None if max_leg_s is None else float(max_leg_s)
        return cls(**arrays, max_leg_s=longest, rules=checked, world=world)


def _indices(given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Whole numbers as int64; anything else stays as it is, to be named as a fault."""
    array = np.array(given)
    if array.size == 0:
        return array.astype(np.int64)
    whole = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.all(array == np.floor(array))))
    return array.astype(np.int64) if whole else array


def _pairs(given: npt.ArrayLike) -> Floats:
    array = np.array(given, dtype=float)
    return array.reshape(0, 2) if array.size == 0 else array


def _allowed(given: npt.ArrayLike | None, teams: int, demands: int) -> Bools:
    if given is None:
        return np.ones((teams, demands), dtype=bool)
    array = np.array(given, dtype=bool)
    return array.reshape(teams, demands) if array.size == 0 and teams * demands == 0 else array


def _fault(field: str, reason: str, fix: str, *, value: object = None, count: int = 1) -> Fault:
    return Fault("problem", reason, fix, field=field, value=None if value is None else str(value), count=count)


def _shape_faults(arrays: Mapping[str, npt.NDArray[Any]], teams: int, demands: int) -> Iterator[Fault]:
    matrices = arrays["travel_s"].shape
    if len(matrices) != 3 or matrices[1] != matrices[2]:
        yield _fault("travel_s", f"has shape {matrices}", "give (places, places) or (modes, places, places)")
    wanted: dict[str, tuple[int, ...]] = {"shift_s": (teams, 2), "window_s": (demands, 2)}
    wanted |= dict.fromkeys(("team_start", "team_end", "team_mode"), (teams,))
    wanted |= dict.fromkeys(("demand_place", "dwell_s", "value"), (demands,))
    wanted |= {"eligible": (teams, demands)} | ({"travel_m": matrices} if "travel_m" in arrays else {})
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            yield _fault(
                name, f"has shape {arrays[name].shape}", f"give {shape}: {teams} teams, {demands} demands are told"
            )


def _content_faults(arrays: Mapping[str, npt.NDArray[Any]], max_leg_s: float | None) -> Iterator[Fault]:
    modes, places, _ = arrays["travel_s"].shape
    for name, limit, what in (
        ("team_start", places, "place"),
        ("team_end", places, "place"),
        ("demand_place", places, "place"),
        ("team_mode", modes, "mode"),
    ):
        yield from _index_faults(name, arrays[name], limit, what)
    for name in ("travel_s", "travel_m"):
        if name in arrays:
            yield from _where(
                name, arrays[name], ~(arrays[name] >= 0), "is NaN or negative", "give 0 or more, inf = no way"
            )
    for name in ("dwell_s", "value"):
        bad = ~((arrays[name] >= 0) & np.isfinite(arrays[name]))
        yield from _where(name, arrays[name], bad, "is NaN, infinite or negative", "give a number of 0 or more")
    for name, what in (("shift_s", "shift"), ("window_s", "window")):
        first, last = arrays[name][:, 0], arrays[name][:, 1]
        unknown = ~np.isfinite(first) | np.isnan(last) | (np.isinf(last) if name == "shift_s" else last == -np.inf)
        yield from _where(name, arrays[name], unknown, "is NaN or infinite", "give seconds since the origin")
        backwards = ~unknown & (last < first)
        yield from _where(
            name, arrays[name], backwards, f"is a {what} that ends before it begins", "swap or mend its ends"
        )
    if max_leg_s is not None and not max_leg_s >= 0:
        yield _fault(
            "max_leg_s", "is NaN or negative", "give seconds of 0 or more, or None for no limit", value=max_leg_s
        )


def _index_faults(name: str, array: npt.NDArray[Any], limit: int, what: str) -> Iterator[Fault]:
    if array.dtype != np.int64:
        yield _fault(name, "isn't made of whole numbers", f"give {what} indices")
        return
    yield from _where(
        name, array, (array < 0) | (array >= limit), f"is no {what}", f"use indices from 0 to {limit - 1}"
    )


def _where(name: str, array: npt.NDArray[Any], bad: npt.NDArray[np.bool_], reason: str, fix: str) -> Iterator[Fault]:
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        at = ", ".join(str(i) for i in first)
        yield _fault(name, f"{reason} (first at [{at}])", fix, value=array[first].tolist(), count=int(bad.sum()))
