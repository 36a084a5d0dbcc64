"""Side rules of a plan: what a district wants beyond the most value. Soft ones are missed at a price and reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from hotspot.errors import Fault, InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rules:
    """V teams, D demands, A areas. Make one with `Rules.of`, which checks it and fills in what isn't given.

    Hard: `most_in_area`, `most_visits`, `most_work_s`, `locked`, `revisit_gap_s`. Soft, each missing visit counted and
    reported: `least_in_area`, `least_visits`, `least_work_s`, `required`. `keep_bonus` only decides between plans.
    """

    area: Ints  # (D,) the community of each demand, -1 = none
    least_in_area: Ints  # (A,) visits
    most_in_area: Ints  # (A,) visits: nobody is visited without end
    least_visits: Ints  # (V,)
    most_visits: Ints  # (V,)
    least_work_s: Floats  # (V,) on the way or at visits; waiting isn't work
    most_work_s: Floats  # (V,)
    required: Bools  # (D,)
    locked: Ints  # (D,) the team that must serve the demand, -1 = any
    keep: Ints  # (D,) the team that has the demand in the plan before, -1 = none
    keep_bonus: float  # worth of a visit that stays with its team
    site: Ints  # (D,) demands of one number are visits to one place, -1 = none
    revisit_gap_s: float  # from start to start of two visits to one site, whoever makes them
    missing_value: float  # what one missing visit of a soft rule costs

    @classmethod
    def of(cls, *, teams: int, demands: int, value: Floats, **given: Any) -> Rules:
        """Rules of a problem's size; what isn't given rules nothing out. `missing_value` None: thrice the best demand.

        Raises InputError that lists everything wrong: unknown names, shapes, team or area numbers that don't exist,
        least above most.

        >>> rules = Rules.of(teams=2, demands=3, value=np.ones(3), area=[0, 0, 1], least_in_area=[1, 1])
        >>> rules.most_in_area.tolist() == [UNLIMITED] * 2, rules.locked.tolist()
        (True, [-1, -1, -1])
        """
        given = {name: value for name, value in given.items() if value is not None}
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise InputError([_fault(name, "is no rule", f"use {', '.join(sorted(known))}") for name in unknown])
        area = np.array(given.get("area", np.full(demands, -1)), dtype=np.int64)
        areas = max([int(area.max(initial=-1)) + 1, *(len(given[n]) for n in _BY_AREA if n in given)])
        largest = float(np.max(value, initial=0.0))
        defaults: dict[str, Any] = {
            "area": area,
            "least_in_area": np.zeros(areas),
            "most_in_area": np.full(areas, UNLIMITED),
            "least_visits": np.zeros(teams),
            "most_visits": np.full(teams, UNLIMITED),
            "least_work_s": np.zeros(teams),
            "most_work_s": np.full(teams, np.inf),
            "required": np.zeros(demands, dtype=bool),
            "locked": np.full(demands, -1),
            "keep": np.full(demands, -1),
            "keep_bonus": 0.0,
            "site": np.full(demands, -1),
            "revisit_gap_s": 0.0,
            "missing_value": 3.0 * largest or 1.0,
        }
        told = defaults | given
        arrays: dict[str, Any] = {name: _typed(name, told[name]) for name in defaults}
        faults = list(_faults(arrays, teams=teams, demands=demands, areas=areas))
        if faults:
            raise InputError(faults)
        return cls(**arrays)

    @property
    def areas(self) -> int:
        return len(self.least_in_area)

    @property
    def must(self) -> Bools:
        """(D,) demands that are required or locked."""
        return np.asarray(self.required | (self.locked >= 0))


UNLIMITED = 1_000_000
_BY_AREA = ("least_in_area", "most_in_area")
_BY_TEAM = ("least_visits", "most_visits", "least_work_s", "most_work_s")
_BY_DEMAND = ("area", "required", "locked", "keep", "site")
_FLOATS = ("least_work_s", "most_work_s")
_NUMBERS = ("keep_bonus", "revisit_gap_s", "missing_value")


def _typed(name: str, given: Any) -> Any:
    if name in _NUMBERS:
        return float(given)
    array = np.array(given, dtype=bool if name == "required" else float if name in _FLOATS else np.int64)
    array.setflags(write=False)
    return array


def _fault(field: str, reason: str, fix: str, *, value: object = None) -> Fault:
    return Fault("rules", reason, fix, field=field, value=None if value is None else str(value))


def _faults(rules: Mapping[str, Any], *, teams: int, demands: int, areas: int) -> Iterator[Fault]:
    sizes = dict.fromkeys(_BY_AREA, areas) | dict.fromkeys(_BY_TEAM, teams) | dict.fromkeys(_BY_DEMAND, demands)
    wrong = [name for name, size in sizes.items() if rules[name].shape != (size,)]
    for name in wrong:
        yield _fault(name, f"has shape {rules[name].shape}", f"give ({sizes[name]},)")
    if wrong:
        return
    for name, limit, what in (("area", areas, "area"), ("locked", teams, "team"), ("keep", teams, "team")):
        bad = (rules[name] < -1) | (rules[name] >= limit)
        if bad.any():
            yield _fault(name, f"is no {what}", f"use -1 to {limit - 1}", value=int(rules[name][bad][0]))
    for name in ("in_area", "visits", "work_s"):
        least, most = rules[f"least_{name}"], rules[f"most_{name}"]
        if (~(least >= 0)).any() or (~(most >= least)).any():
            yield _fault(f"least_{name}", "is negative, NaN or above the most", "give 0 <= least <= most")
    for name in _NUMBERS:
        if not (rules[name] >= 0 and np.isfinite(rules[name])):
            yield _fault(name, "is NaN, infinite or negative", "give a number of 0 or more", value=rules[name])
