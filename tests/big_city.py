"""A made-up big city as the data of a map page: 50,000 streets, 500 teams, 2,000 hotspots, places of a grid with bends."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta, timezone

WEST, SOUTH, STEP = 109.5, 38.0, 0.0025
SHIFT = datetime(2026, 11, 27, 18, tzinfo=timezone(timedelta(hours=8)))
HOURS = 8
EXPLAINED = {
    "en": (
        "{own:.2f} incidents a week from its own history + 0.50 borrowed from its surroundings = {sum:.2f}; 25.0% of a week "
        "falls in these windows: {expected:.2f} expected. Recorded here at these hours in the last 364 days: {observed}, in as "
        "many days before: 38. With rates redrawn as uncertain as they are it stays a hotspot in 93%. Mostly: theft. Over 52 "
        "weeks: persistent hot; 3 of 3 cells hot by Gi* (FDR 5 %)."
    ),
    "zh": (
        "本处历史每周 {own:.2f} 起 + 周边借用 0.50 起 = {sum:.2f} 起；一周中 25.0% 落在这些时段：预计 {expected:.2f} 起。"
        "近 364 天同时段在此记录 {observed} 起，此前同样天数 38 起。按不确定性重抽，93% 的情形下仍为高发区域。"
        "主要类别：theft。近 52 周类型：持续热点；3 个网格中 3 个为显著热点（Gi*，FDR 5%）。"
    ),
}


def big_city(*, streets=50_000, teams=500, hotspots=2_000, points=200, seed=1):
    """The same data for the same numbers; the evening's first eight hours."""
    dice = random.Random(seed)
    side = math.ceil(math.sqrt(streets / 2))
    lines, classes = _streets(side, streets, dice)
    homes = [_point(k, side, dice) for k in range(points)]
    spots = [_hotspot(k, side, dice) for k in range(hotspots)]
    crews = [_team(k, homes[k % points], hotspots, dice) for k in range(teams)]
    stops = sum(len(team["visits"]) for team in crews)
    hours = [_iso(60 * h) for h in range(HOURS)]
    return {
        "kind": "plan", "title": "Big city (synthetic)", "district": "Big city", "synthetic": True, "language": "en",
        "timezone": "Asia/Shanghai", "window": {"start": hours[0], "end": _iso(60 * HOURS)}, "as_of": _iso(-18 * 60),
        "generated": "", "run_id": "big", "seed": seed, "version": "", "model": "", "attribution": "",
        "plan": {"value": 1.0, "bound": 1.0, "gap": 0.0, "certified": True, "demands": stops, "served": stops, "unserved": 0},
        "notices": [], "hours": hours, "areas": {"features": []}, "cells": {"rings": {}, "risk": {}}, "unserved": [],
        "streets": {"lines": lines, "class": classes, "names": []}, "points": homes, "hotspots": spots, "teams": crews,
    }  # fmt: skip


def _iso(minutes):
    return (SHIFT + timedelta(minutes=minutes)).isoformat()


def _corner(i, j):
    """The grid, bent: no street of a real city is straight."""
    east = WEST + i * STEP + 0.0004 * math.sin(0.7 * j + 0.3 * i)
    return [round(east, 5), round(SOUTH + 0.8 * j * STEP + 0.0004 * math.cos(0.6 * i + 0.2 * j), 5)]


def _streets(side, count, dice):
    """Each from corner to corner with a place between; every twelfth is a major one."""
    lines, classes = [], []
    for i in range(side):
        for j in range(side):
            here = _corner(i, j)
            for there in (_corner(i + 1, j), _corner(i, j + 1)):
                between = [round((a + b) / 2 + dice.uniform(-2e-4, 2e-4), 5) for a, b in zip(here, there, strict=True)]
                lines.append([here, between, there])
                classes.append(0 if i % 12 == 0 or j % 12 == 0 else 1)
    return lines[:count], classes[:count]


def _point(k, side, dice):
    lon, lat = _corner(dice.randrange(side), dice.randrange(side))
    return {"id": f"P{k + 1:03d}", "name": f"Point {k + 1}", "kind": "office", "lon": lon, "lat": lat, "teams": []}


def _hotspot(k, side, dice):
    """Three cells in the shape of an L."""
    x, y = _corner(dice.randrange(side - 2), dice.randrange(side - 2))
    shape = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2), (0, 0)]
    busy = dice.random() ** 3
    own, expected, observed = 4 * busy, 3 * busy, int(50 * busy)
    told = {"own": own, "sum": own + 0.5, "expected": expected, "observed": observed}
    return {
        "id": f"H{k + 1:04d}", "rank": k + 1,
        "rings": [[[round(x + a * STEP, 5), round(y + 0.8 * b * STEP, 5)] for a, b in shape]],
        "windows": [{"start": _iso(60), "end": _iso(180)}], "expected": round(expected, 4), "lower": round(busy, 4),
        "upper": round(5 * busy, 4), "observed": observed, "activity": "patrol",
        "category_mix": {"theft": 0.4, "fraud": 0.3, "dispute": 0.2, "burglary": 0.1}, "p_value": 0.01,
        "explanation": {language: text.format(**told) for language, text in EXPLAINED.items()},
        "hourly": [round(busy * dice.random(), 4) for _ in range(HOURS)],
        "calendar": [[round(busy * dice.random() / 2, 4) for _ in range(24)] for _ in range(7)],
    }  # fmt: skip


def _team(k, home, hotspots, dice):
    """Five visits, each a way of fifteen places from the one before, and the way back."""
    home["teams"].append(f"T{k + 1:03d}")
    at, visits, legs = [home["lon"], home["lat"]], [], []
    for stop in range(1, 6):
        to = [round(a + dice.uniform(-0.02, 0.02), 6) for a in at]
        legs.append(_leg(stop, at, to, dice))
        arrive = 25 * stop - 15
        visits.append(
            {"visit_id": f"V{5 * k + stop:04d}", "sequence": stop, "hotspot_id": f"H{dice.randrange(hotspots) + 1:04d}",
             "activity": "patrol", "place": "Main St, 80 m east of 2nd Ave", "lon": to[0], "lat": to[1],
             "place_in": {"en": "Main St, 80 m east of 2nd Ave", "zh": "主街（二路路口东方向80米）"}, "arrive": _iso(arrive),
             "start": _iso(arrive), "leave": _iso(arrive + 12), "travel_s": 420, "travel_m": 1800.5, "value": dice.random()}
        )  # fmt: skip
        at = to
    legs.append(_leg(6, at, [home["lon"], home["lat"]], dice))
    return {
        "id": f"T{k + 1:03d}", "name": f"Team {k + 1}", "kind": "community", "mode": "ebike", "point_id": home["id"],
        "members": 3, "roles": ["mediator"], "shift": {"start": _iso(0), "end": _iso(240)}, "status": "planned", "reason": "",
        "legs": legs,
        "visits": visits,
    }  # fmt: skip


def _leg(sequence, a, b, dice):
    between = [
        [round(x + (y - x) * k / 14 + dice.uniform(-3e-4, 3e-4), 5) for x, y in zip(a, b, strict=True)]
        for k in range(1, 14)
    ]
    return {"sequence": sequence, "travel_s": 420, "travel_m": 1800.5, "line": [a, *between, b]}
