"""Write the sample district again, byte for byte: python data/make_gaoxin.py [--out DIR]

Everything in it is synthetic: the place, the names, the teams and every incident. The process that makes the incidents is
known and written beside them (`truth.json`), so that tests can ask whether the engine finds what was planted.

Only uniform numbers are drawn from the generator and turned into others here: their stream doesn't change between
versions of numpy.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from gaoxin_places import (
    BLOCK_M,
    COLUMNS,
    CRS,
    NAMES,
    ORIGIN_XY,
    ROWS,
    Chance,
    Street,
    crossings,
    lonlat,
    make_areas,
    make_points,
    make_streets,
    make_teams,
)  # fmt: skip

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEED = 20261101
FIRST, DAYS = datetime(2024, 11, 1), 730
DISTRICT = "高新示范区（合成数据）"
PER_DAY, FLAT_SHARE = 30.0, 0.2
HILLS = (  # x, y, spread, share: where the background is denser along the streets
    (1450.0, 1300.0, 700.0, 0.20),
    (4300.0, 4100.0, 700.0, 0.18),
    (3000.0, 2200.0, 1100.0, 0.27),
    (5000.0, 1700.0, 650.0, 0.15),
)
CATEGORIES = {"theft": 0.30, "e_bike_theft": 0.17, "fraud": 0.13, "dispute": 0.20, "fire_hazard": 0.08, "traffic": 0.12}
HOUR_WEIGHTS = (3, 2, 1.5, 1, 1, 1.2, 1.8, 3, 4, 4.5, 5, 5.2, 5, 4.6, 4.8, 5, 5.4, 5.8, 6.2, 6.4, 6.2, 5.6, 4.6, 3.8)
DAY_WEIGHTS = (1.0, 0.98, 0.98, 1.0, 1.12, 1.08, 0.94)  # Monday first
REPEAT_SHARE, REPEAT_SAME_PLACE, REPEAT_M, REPEAT_MOST_DAYS, REPEAT_SCALE_DAYS = 0.18, 0.4, 200.0, 13, 4.0
UNLOCATED_SHARE, PATROL_SHARE = 0.03, 0.03
CELL_M, CELLS_WEST_SOUTH, CELLS_XY = 250.0, (-250.0, -250.0), (26, 22)


@dataclass(frozen=True)
class Planted:
    """A cluster with a known place and known hours: weekdays from Monday 0, hours half-open."""

    id: str
    name: str
    x: float
    y: float
    spread_m: float
    weekdays: tuple[int, ...]
    start_hour: int
    end_hour: int
    category: str
    expected_per_active_day: float


CLUSTERS = (
    Planted("K1", "夜市", 1625.0, 3875.0, 60.0, (4, 5), 20, 22, "theft", 3.2),
    Planted("K2", "广场", 4125.0, 1375.0, 60.0, (0, 1, 2, 3, 4, 5, 6), 19, 21, "dispute", 2.1),
    Planted("K3", "市场", 2625.0, 1125.0, 60.0, (0, 1, 2, 3, 4), 18, 20, "fraud", 2.6),
)


@dataclass(frozen=True)
class Pieces:
    """The streets in short straight pieces: `start`, `end` (P, 2); `share` (P,) of the background's incidents."""

    start: Floats
    end: Floats
    share: Floats


@dataclass(frozen=True)
class Happenings:
    """Incidents before they are written: `xy` (n, 2), `hour` (n,) since FIRST, `category` (n,) position in CATEGORIES."""

    xy: Floats
    hour: Floats
    category: Ints


def make_pieces(streets: list[Street]) -> Pieces:
    """Streets cut every 20 m or less, each piece with its share of the background."""
    ends = []
    for street in streets:
        line = shapely.LineString(street.line)
        steps = np.linspace(0.0, line.length, int(np.ceil(line.length / 20.0)) + 1)
        at = shapely.get_coordinates(shapely.line_interpolate_point(line, steps))
        ends.append(np.stack([at[:-1], at[1:]], axis=1))
    start, end = np.concatenate(ends).transpose(1, 0, 2)
    x, y = ((start + end) / 2).T
    dense = np.full(len(x), FLAT_SHARE / ((COLUMNS - 1) * (ROWS - 1) * BLOCK_M**2))
    for middle_x, middle_y, spread_m, share in HILLS:
        far = ((x - middle_x) ** 2 + (y - middle_y) ** 2) / (2 * spread_m**2)
        dense += share * np.exp(-far) / (2 * np.pi * spread_m**2)
    weight = dense * np.hypot(*(end - start).T)
    return Pieces(start, end, weight / weight.sum())


def hour_shares() -> Floats:
    """(168,) share of a week's background in each hour, from Monday 00:00."""
    table = np.outer(DAY_WEIGHTS, HOUR_WEIGHTS).ravel()
    shares: Floats = table / table.sum()
    return shares


def background(chance: Chance, pieces: Pieces) -> Happenings:
    """Poisson in every hour of the two years, along the streets."""
    hours = np.arange(DAYS * 24)
    mean = PER_DAY * 7 * hour_shares()[(hours + FIRST.weekday() * 24) % 168]
    hour = np.repeat(hours, chance.poisson(mean)).astype(float)
    hour += chance.uniform(len(hour))
    piece = chance.choose(pieces.share, len(hour))
    along = chance.uniform(len(hour))[:, None]
    xy = pieces.start[piece] + along * (pieces.end - pieces.start)[piece]
    category = chance.choose(np.array(list(CATEGORIES.values())), len(hour))
    return Happenings(xy + beside(chance, len(hour)), hour, category)


def beside(chance: Chance, count: int) -> Floats:
    """Incidents lie up to 6 m beside the middle of the street, each way."""
    return (chance.uniform((count, 2)) - 0.5) * 12.0


def on_streets(xy: Floats, lines: shapely.STRtree) -> Floats:
    """The nearest place on a street."""
    points = shapely.points(xy)
    street = lines.geometries[lines.nearest(points)]
    found: Floats = shapely.get_coordinates(
        shapely.line_interpolate_point(street, shapely.line_locate_point(street, points))
    )
    return found


def near_repeats(chance: Chance, first: Happenings, lines: shapely.STRtree) -> Happenings:
    """Some incidents are followed by one of their kind, days later at a like hour, at the same place or near it."""
    parent = np.flatnonzero(chance.uniform(len(first.hour)) < REPEAT_SHARE)
    n = len(parent)
    cut = 1 - np.exp(-REPEAT_MOST_DAYS / REPEAT_SCALE_DAYS)
    days = np.minimum(np.ceil(-np.log(1 - cut * chance.uniform(n)) * REPEAT_SCALE_DAYS), REPEAT_MOST_DAYS)
    hour = first.hour[parent] + 24 * days + (chance.uniform(n) - 0.5) * 4
    home = first.xy[parent]
    angle, away = 2 * np.pi * chance.uniform(n), REPEAT_M * np.sqrt(chance.uniform(n))
    there = on_streets(home + away[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), lines)
    stays = (chance.uniform(n) < REPEAT_SAME_PLACE) | (np.hypot(*(there - home).T) > REPEAT_M)
    return Happenings(np.where(stays[:, None], home, there), hour, first.category[parent])


def planted(chance: Chance, cluster: Planted, lines: shapely.STRtree) -> Happenings:
    days = np.array([day for day in range(DAYS) if (FIRST.weekday() + day) % 7 in cluster.weekdays])
    day = np.repeat(days, chance.poisson(np.full(len(days), cluster.expected_per_active_day)))
    hour = day * 24 + cluster.start_hour + chance.uniform(len(day)) * (cluster.end_hour - cluster.start_hour)
    around = np.array([cluster.x, cluster.y]) + chance.normal(len(day)) * cluster.spread_m
    xy = on_streets(around, lines) + beside(chance, len(day))
    return Happenings(xy, hour, np.full(len(day), list(CATEGORIES).index(cluster.category)))


def make_incidents(chance: Chance, streets: list[Street], areas: list[tuple[str, Floats]]) -> list[str]:
    """Background, its near repeats and the planted clusters, in the order of their times."""
    lines = shapely.STRtree([shapely.LineString(street.line) for street in streets])
    first = background(chance, make_pieces(streets))
    parts = [first, near_repeats(chance, first, lines), *(planted(chance, cluster, lines) for cluster in CLUSTERS)]
    xy, hour = np.concatenate([part.xy for part in parts]), np.concatenate([part.hour for part in parts])
    category = np.concatenate([part.category for part in parts])
    safe = shapely.buffer(
        shapely.union_all([shapely.Polygon(ring) for _, ring in areas]), -1.0
    )  # rounding stays inside
    keep = np.flatnonzero(shapely.contains_xy(safe, xy) & (hour < DAYS * 24))
    keep = keep[np.argsort(hour[keep], kind="stable")]
    draws, places, names = chance.uniform((len(keep), 2)), lonlat(xy[keep]), list(CATEGORIES)
    rows, today, number = ["id,time,lon,lat,category,source"], "", 0
    for i, (lon, lat), (hidden, found) in zip(keep, places, draws, strict=True):
        when = FIRST + timedelta(seconds=int(hour[i] * 3600))
        number = number + 1 if f"{when:%Y%m%d}" == today else 1
        today = f"{when:%Y%m%d}"
        place = "," if hidden < UNLOCATED_SHARE else f"{lon:.6f},{lat:.6f}"
        source = "patrol" if found < PATROL_SHARE else "report"
        rows.append(f"{today}{number:05d},{when:%Y-%m-%d %H:%M:%S},{place},{names[category[i]]},{source}")
    return rows


def cell_shares(pieces: Pieces) -> list[list[float]]:
    """The background's share in each 250 m cell, rows from the south, columns from the west."""
    column, row = np.floor(((pieces.start + pieces.end) / 2 - CELLS_WEST_SOUTH) / CELL_M).astype(int).T
    table = np.zeros(CELLS_XY[::-1])
    np.add.at(table, (row, column), pieces.share)
    return [[round(float(share), 7) for share in line] for line in table]


def truth(pieces: Pieces) -> dict[str, Any]:
    """The process behind the incidents, and where and when the clusters are."""
    clusters = []
    for cluster in CLUSTERS:
        told = {name: value for name, value in asdict(cluster).items() if name not in "xy"}
        lon, lat = lonlat([(cluster.x, cluster.y)])[0]
        per_week = round(cluster.expected_per_active_day * len(cluster.weekdays), 3)
        clusters.append(told | {"lon": lon, "lat": lat, "x": cluster.x, "y": cluster.y, "expected_per_week": per_week})
    return {
        "synthetic": True,
        "read_me": (
            "Synthetic. x, y: metres from origin_xy in crs. Weekdays from Monday 0, hours half-open, local wall clock. "
            "Expected first-generation background in a cell and hour of the week: per_day * 7 * hour_of_week_share * "
            "cells.share; near repeats add share_of_parents of it, nearby and later. A cluster adds "
            "expected_per_active_day, evenly over its hours on its weekdays, normal around its place with spread_m, "
            "moved to the nearest street. unlocated_share of all rows have no place."
        ),
        "district": DISTRICT,
        "seed": SEED,
        "crs": CRS,
        "origin_xy": ORIGIN_XY,
        "first_day": f"{FIRST:%Y-%m-%d}",
        "days": DAYS,
        "clusters": clusters,
        "background": {
            "per_day": PER_DAY,
            "along": "streets: density times street length",
            "hills": [dict(zip(("x", "y", "spread_m", "share"), hill, strict=True)) for hill in HILLS],
            "flat_share": FLAT_SHARE,
            "categories": CATEGORIES,
            "hour_of_week_share": [round(float(share), 8) for share in hour_shares()],
            "cells": {"cell_m": CELL_M, "west_south": CELLS_WEST_SOUTH, "share": cell_shares(pieces)},
        },
        "near_repeat": {
            "share_of_parents": REPEAT_SHARE,
            "same_place_share": REPEAT_SAME_PLACE,
            "within_m": REPEAT_M,
            "days": [1, REPEAT_MOST_DAYS],
            "delay_scale_days": REPEAT_SCALE_DAYS,
            "hour_shift_most": 2,
        },
        "unlocated_share": UNLOCATED_SHARE,
        "patrol_share": PATROL_SHARE,
    }


CONFIG = f"""# 示范区配置。合成数据：没有真实的地点、队伍或警情。
# The sample district. Synthetic: no real place, team or incident.
[district]
name     = "{DISTRICT}"
timezone = "Asia/Shanghai"
crs      = "{CRS}"
language = "zh"
areas    = "areas.geojson"

[incidents]
path  = "incidents.csv.gz"
datum = "wgs84"

[categories]   # 警情类别 -> 勤务; "" = 不参与高发区域分析
theft        = "patrol"
e_bike_theft = "patrol"
fraud        = "anti_fraud_publicity"
dispute      = "dispute_mediation"
fire_hazard  = "hazard_inspection"
traffic      = ""

[streets]
path = "streets.geojson"

[points]
path = "points.csv"

[teams]
path = "teams.csv"

[hotspots]
cell_m = 250

[planning]
dwell_min = [10, 16]
max_leg_min = 20
revisit_gap_min = 30
"""
SOURCE = f"""# {DISTRICT} / The sample district: synthetic

本目录全部为合成数据：没有真实的地点、道路、人员、队伍、企业或警情，名称均为虚构。

Everything here is synthetic. Written by `data/make_gaoxin.py` (seed {SEED}), which writes these files again byte for byte.
No real place, road, person, team, enterprise or incident is in them; the coordinates only give the map somewhere to lie.
`truth.json` holds the process: background, hours of the week, near repeats and the three planted clusters.
Same licence as the project (MIT).
"""


def feature(kind: str, coordinates: Any, **properties: str) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}


def collection(features: Sequence[dict[str, Any]]) -> str:
    """GeoJSON, one feature a line."""
    lines = ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in features)
    return '{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n"


def pack(text: str) -> bytes:
    """gzip without name and time, so that only the text counts."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


def compact(told: dict[str, Any]) -> str:
    """JSON with one line for each of the outer names."""
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in told.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(out: Path) -> None:
    """Write every file of the district into `out`."""
    chance = Chance(SEED)
    nodes = crossings(chance, [(cluster.x, cluster.y) for cluster in CLUSTERS])
    streets, areas = make_streets(nodes, chance), make_areas(nodes)
    lines = [feature("LineString", lonlat(s.line), name=s.name, highway=s.highway, oneway=s.oneway) for s in streets]
    rings = [
        feature("Polygon", [lonlat(ring)], id=f"C{k:02d}", name=f"{NAMES[k - 1]}社区（合成）", street=street)
        for k, (street, ring) in enumerate(areas, start=1)
    ]
    texts = {
        "streets.geojson": collection(lines),
        "areas.geojson": collection(rings),
        "points.csv": "\n".join(make_points(areas, streets, nodes)) + "\n",
        "teams.csv": "\n".join(make_teams()) + "\n",
        "patrol.toml": CONFIG,
        "truth.json": compact(truth(make_pieces(streets))),
        "SOURCE.md": SOURCE,
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_bytes(text.encode())
    (out / "incidents.csv.gz").write_bytes(pack("\n".join(make_incidents(chance, streets, areas)) + "\n"))


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "gaoxin")
    write(words.parse_args().out)
