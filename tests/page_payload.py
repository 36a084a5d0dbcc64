"""A made-up district as the data of a map page: 27 teams, 18 points, 20 hotspots, about 1,500 street lines."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

WEST, SOUTH, STEP = 109.65, 38.22, 0.004
ZONE = timezone(timedelta(hours=8))
SHIFT = datetime(2026, 11, 27, 18, tzinfo=ZONE)
HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}{#"
ACTIVITIES = ["patrol", "anti_fraud_publicity", "dispute_mediation", "hazard_inspection", "information_collection"]


def district(seed=7):
    """The same data for the same seed. Friday 18:00 to Saturday 00:00, UTC+8."""
    dice = random.Random(seed)
    spots = [_hotspot(dice, k) for k in range(20)]
    points = [
        {"id": f"P{k + 1:02d}", "name": f"第{k + 1}警务室", "kind": "office" if k < 16 else "workstation", "teams": [],
         **_place(dice)} for k in range(18)
    ]  # fmt: skip
    teams = [_team(dice, k, points[k % 18], spots) for k in range(27)]
    for point in points:
        point["teams"] = [team["id"] for team in teams if team["point_id"] == point["id"]]
    lines, classes = _streets(dice)
    hours = [_iso(SHIFT + timedelta(hours=h)) for h in range(6)]
    return {
        "kind": "plan", "title": "示范区巡逻计划", "district": "示范区", "synthetic": True, "language": "zh",
        "timezone": "Asia/Shanghai", "window": {"start": hours[0], "end": _iso(SHIFT + timedelta(hours=6))},
        "as_of": _iso(SHIFT.replace(hour=0)), "generated": "", "run_id": "7f3a19c2", "seed": seed, "version": "0.1.0",
        "model": "empirical_bayes", "attribution": "© OpenStreetMap contributors (synthetic here)",
        "plan": {"value": 41.2, "bound": 41.9, "gap": 0.0167, "certified": True, "demands": 90, "served": 88, "unserved": 2},
        "notices": ["incidents: 100 rows read = 90 used + 0 rejected + 0 duplicate + 10 unlocated + 0 outside"], "hours": hours,
        "areas": {"features": [{"id": "C01", "name": "一社区", "street": "一街", "rings": [_box(WEST, SOUTH, 0.1, 0.08)]}]},
        "streets": {"lines": lines, "class": classes, "names": [""] * len(lines)},
        "cells": {"rings": {s["id"] + "-a": s["rings"][0] for s in spots}, "risk": {s["id"] + "-a": s["hourly"] for s in spots}},
        "hotspots": spots, "points": points, "teams": teams,
        "unserved": [
            {"hotspot_id": "H19", "window_start": hours[1], "window_end": hours[2], "activity": "patrol", "value": 0.1,
             "reason": "OUTCOMPETED", "detail": "T01 has no room", "relaxation": "drop V001"},
            {"hotspot_id": "H20", "window_start": hours[3], "window_end": hours[4], "activity": "dispute_mediation",
             "value": 0.2, "reason": "ROLE", "detail": "needs a mediator", "relaxation": "one mediator"},
        ],
    }  # fmt: skip


def hostile(text=HOSTILE):
    """The district with `text` in every place where a file's words end."""
    data = district()
    data["title"] = data["attribution"] = data["run_id"] = text
    data["notices"] = [text]
    team, spot, point, lost = data["teams"][0], data["hotspots"][0], data["points"][0], data["unserved"][0]
    team["name"] = team["roles"][0] = team["kind"] = team["mode"] = point["name"] = point["kind"] = text
    spot["category_mix"] = {text: 1.0}
    spot["explanation"] = {"zh": text, "en": text}
    lost["detail"] = lost["relaxation"] = lost["reason"] = text
    for visit in team["visits"]:
        visit["place"] = visit["activity"] = text
    data["areas"]["features"][0]["name"] = text
    data["streets"]["names"][0] = text
    return data


def _hotspot(dice, k):
    west, south = WEST + 0.01 + dice.random() * 0.08, SOUTH + 0.01 + dice.random() * 0.06
    hourly = [round(dice.random() / (k + 1), 4) for _ in range(6)]
    expected = round(sum(hourly), 4)
    return {
        "id": f"H{k + 1:02d}", "rank": k + 1, "rings": [_box(west, south, 0.0045, 0.0035)],
        "windows": [{"start": _iso(SHIFT + timedelta(hours=1)), "end": _iso(SHIFT + timedelta(hours=4))}],
        "expected": expected, "lower": round(expected * 0.5, 4), "upper": round(expected * (1.2 + k % 3 / 2), 4),
        "observed": 10 * (20 - k), "activity": ACTIVITIES[k % 5], "category_mix": {"theft": 0.7, "fraud": 0.3},
        "p_value": 0.0004, "explanation": {"zh": f"第{k + 1}处的说明", "en": f"why place {k + 1}"}, "hourly": hourly,
        "calendar": [[round(dice.random(), 3) for _ in range(24)] for _ in range(7)],
    }  # fmt: skip


def _team(dice, k, point, spots):
    status = "blocked" if k == 13 else "idle" if k == 20 else "planned"
    team = {
        "id": f"T{k + 1:02d}", "name": f"志愿巡逻{k + 1}队", "kind": "community", "mode": ["walk", "ebike", "car"][k % 3],
        "point_id": point["id"], "members": 3 + k % 4, "roles": ["propagandist", "grid_worker"],
        "shift": {"start": _iso(SHIFT), "end": _iso(SHIFT + timedelta(hours=5))}, "status": status,
        "reason": "VETTING" if status == "blocked" else "", "legs": [], "visits": [],
    }  # fmt: skip
    if status != "planned":
        return team
    here, now = [point["lon"], point["lat"]], SHIFT
    for sequence, spot in enumerate(dice.sample(spots, 3 + k % 2), start=1):
        (west, south), (east, north) = spot["rings"][0][0], spot["rings"][0][2]
        there = [round((west + east) / 2, 6), round((south + north) / 2, 6)]
        arrive = now + timedelta(minutes=12)
        now = arrive + timedelta(minutes=12)
        team["legs"].append(
            {"sequence": sequence, "travel_s": 720, "travel_m": 2400.0, "line": [here, [there[0], here[1]], there]}
        )
        team["visits"].append({
            "visit_id": f"V{k:02d}{sequence}", "sequence": sequence, "hotspot_id": spot["id"], "activity": spot["activity"],
            "lon": there[0], "lat": there[1], "arrive": _iso(arrive), "start": _iso(arrive), "leave": _iso(now),
            "travel_s": 720, "travel_m": 2400.0, "value": 0.4, "place": "老街口",
        })  # fmt: skip
        here = there
    team["legs"].append(
        {
            "sequence": len(team["visits"]) + 1,
            "travel_s": 600,
            "travel_m": 2000.0,
            "line": [here, [point["lon"], point["lat"]]],
        }
    )
    return team


def _streets(dice):
    """A bent grid: every sixth street is a major one."""
    across, up = 28, 28
    node = {
        (i, j): [round(at + dice.uniform(-1, 1) * STEP / 8, 5) for at in (WEST + i * STEP, SOUTH + j * STEP * 0.75)]
        for i in range(across)
        for j in range(up)
    }
    lines, classes = [], []
    for i, j in node:
        for di, dj in ((1, 0), (0, 1)):
            if (i + di, j + dj) in node:
                lines.append([node[i, j], node[i + di, j + dj]])
                classes.append(0 if (j if di else i) % 6 == 0 else 1)
    return lines, classes


def _place(dice):
    return {
        "lon": round(WEST + 0.005 + dice.random() * 0.095, 6),
        "lat": round(SOUTH + 0.005 + dice.random() * 0.07, 6),
    }


def _box(west, south, wide, high):
    corners = [[west, south], [west + wide, south], [west + wide, south + high], [west, south + high], [west, south]]
    return [[round(x, 5), round(y, 5)] for x, y in corners]


def _iso(instant):
    return instant.isoformat()
