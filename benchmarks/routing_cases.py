"""Routing problems of the studies: synthetic patrol districts of any size, and the orienteering files of the literature."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from planning.problem import Floats, Problem

SPEED_M_S = 5 / 3.6  # on foot
MAX_LEG_S = 1200.0
TEAMS_PER_KM2 = 0.75  # 27 teams in a district of 6 km x 6 km
ROLES, ROLES_PER_TEAM = 5, 3  # as many kinds of demands; a team may serve three of them
HOTSPOT_VISITS = 2  # demands at one place, on average: they are co-located


def patrol_case(*, teams: int, demands: int, shift_min: float, seed: int = 0) -> Problem:
    """A square district at constant density of teams: Manhattan travel on foot, three teams to two patrol points.

    Demands lie in clusters around busy corners, two to a place on average; windows are 30 to 90 minutes somewhere
    in the shift, dwells 10 to 16 minutes, values log-normal. Times are whole seconds.
    """
    rng = np.random.default_rng([seed, teams, demands])
    side_m = 1000 * np.sqrt(teams / TEAMS_PER_KM2)
    points = rng.uniform(0, side_m, (max(1, round(teams * 2 / 3)), 2))
    corners = rng.uniform(0, side_m, (max(1, demands // 12), 2))
    spread = np.abs(rng.normal(0, 500, (max(1, round(demands / HOTSPOT_VISITS)), 2)))
    hotspots = np.clip(corners[rng.integers(len(corners), size=len(spread))] + spread, 0, side_m)
    at = np.concatenate([points, hotspots])
    travel_s = np.ceil(np.abs(at[:, None] - at).sum(axis=2) / SPEED_M_S)
    home = np.arange(teams) % len(points)
    shift_s = 60.0 * shift_min
    dwell = np.round(rng.uniform(600, 960, demands))
    length = np.minimum(rng.uniform(30, 90, demands) * 60, shift_s)
    opens = np.round(rng.uniform(0, 1, demands) * (shift_s - length))
    kind = rng.integers(ROLES, size=demands)
    may = np.argsort(rng.random((teams, ROLES)), axis=1) < ROLES_PER_TEAM
    return Problem.from_arrays(
        travel_s=travel_s,
        team_start=home,
        team_end=home,
        shift_s=np.tile([0.0, shift_s], (teams, 1)),
        demand_place=len(points) + rng.integers(len(hotspots), size=demands),
        window_s=np.column_stack([opens, np.round(opens + length)]),
        dwell_s=dwell,
        value=np.round(rng.lognormal(1.5, 0.6, demands), 2),
        eligible=may[:, kind],
        max_leg_s=MAX_LEG_S,
    )


@dataclass(frozen=True)
class Orienteering:
    """One instance of the literature; `reference` is None where no profit is on record."""

    name: str
    routes: int
    problem: Problem
    reference: float | None


def read_top(folder: Path, pattern: str = "*") -> Iterator[Orienteering]:
    """Chao's team orienteering: the first point is the start, the last the end, no windows, Euclidean."""
    references = _references(folder)
    for file in sorted(folder.glob(f"{pattern}.txt")):
        lines = file.read_text().split("\n")
        head = dict(line.split()[:2] for line in lines[:3])
        rows = np.array([line.split()[:3] for line in lines[3:] if line.strip()], dtype=float)
        longest, routes = float(head["tmax"]), int(head["m"])
        distances = _euclidean(rows[:, :2])
        inside = np.arange(1, len(rows) - 1)
        problem = Problem.from_arrays(
            travel_s=distances,
            team_start=[0] * routes,
            team_end=[len(rows) - 1] * routes,
            shift_s=[[0, longest]] * routes,
            demand_place=inside,
            window_s=[[0, longest]] * len(inside),
            dwell_s=[0.0] * len(inside),
            value=rows[inside, 2],
        )
        yield Orienteering(file.stem, routes, problem, references.get(file.stem))


def read_toptw(folder: Path, pattern: str = "*", routes: tuple[int, ...] = (1, 2, 3, 4)) -> Iterator[Orienteering]:
    """Solomon's and Cordeau's instances with profits and windows: distances cut to one decimal, Cordeau's to two."""
    references = _references(folder)
    for file in sorted(folder.glob(f"{pattern}.txt")):
        lines = [line.split() for line in file.read_text().split("\n")]
        if not file.stem[-1].isdigit():
            continue  # the description of the format
        rows = [line for line in lines[2:] if len(line) >= 8]
        x, y, dwell, profit = np.array([row[1:5] for row in rows], dtype=float).T
        windows = np.array([row[-2:] for row in rows], dtype=float)
        closes = windows[0, 1]
        digits = 100 if file.stem.startswith("pr") else 10
        distances = np.floor(digits * _euclidean(np.column_stack([x, y])) + 1e-9) / digits
        inside = np.arange(1, len(rows))
        for count in routes:
            problem = Problem.from_arrays(
                travel_s=distances,
                team_start=[0] * count,
                team_end=[0] * count,
                shift_s=[[0, closes]] * count,
                demand_place=inside,
                window_s=windows[inside],
                dwell_s=dwell[inside],
                value=profit[inside],
            )
            reference = references.get(f"{file.stem}.{count}", references.get(file.stem) if count == 1 else None)
            yield Orienteering(file.stem, count, problem, reference)


def _euclidean(xy: Floats) -> Floats:
    return np.asarray(np.sqrt(((xy[:, None] - xy) ** 2).sum(axis=2)), dtype=float)


def _references(folder: Path) -> dict[str, float]:
    """Profits by instance, from every reference_values*.json: numbers, or records of one route (m = 1)."""
    found: dict[str, float] = {}
    for file in sorted(folder.glob("reference_values*.json")):
        for name, value in json.loads(file.read_text())["values"].items():
            if isinstance(value, dict):
                value = next(v for key, v in value.items() if key.startswith("optimal_or_best_profit"))
            found[name] = float(value)
    return found
