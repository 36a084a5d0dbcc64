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
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from pyproj import Transformer
from scipy import special

SEED = 20261101
CRS, CENTRE = "EPSG:32649", (109.70, 38.25)
WIDTH_M, HEIGHT_M = 6000.0, 5000.0
COLUMNS, ROWS = 25, 21  # street crossings, 250 m apart before they are moved about
FIRST, DAYS = datetime(2024, 11, 1), 730
BACKGROUND_PER_DAY = 26.0
OFFSPRING, OFFSPRING_M, OFFSPRING_DAYS = 0.18, 120.0, 7.0
UNLOCATED_SHARE, PATROL_SHARE = 0.03, 0.03
STREETS = ("榆阳路街道", "明珠路街道", "沙河路街道", "兴达路街道", "长安路街道")
COMMUNITIES = (
    "明珠", "沙河", "兴达", "永昌", "长乐", "锦绣", "阳光", "和谐", "金桥", "银河", "文化", "建设", "科技", "创新", "康宁",
    "翠园", "福源", "新城",
)  # fmt: skip
ENTERPRISES = ("云杉能源", "北辰装备", "银河化工", "绿源食品", "长风物流", "恒信建材", "晨光科技")
ROADS = (
    "示范一路",
    "示范二路",
    "示范三路",
    "示范四路",
    "示范五路",
    "纵一路",
    "纵二路",
    "纵三路",
    "纵四路",
    "纵五路",
    "纵六路",
)
CATEGORIES = {"theft": 0.34, "e_bike_theft": 0.16, "fraud": 0.12, "dispute": 0.2, "fire_hazard": 0.08, "traffic": 0.1}
HILLS = (
    (1500.0, 1400.0, 700.0, 0.22),
    (4300.0, 3600.0, 900.0, 0.25),
    (3000.0, 2400.0, 1500.0, 0.33),
)  # x, y, spread, share
FLAT_SHARE = 0.2
CLUSTERS = (  # planted: place, spread, weekdays (Monday 0), hours [start, end), category, incidents per active day
    {"name": "夜市", "x": 1625.0, "y": 3625.0, "spread_m": 45.0, "weekdays": [4, 5], "start_hour": 20, "end_hour": 22,
     "category": "theft", "per_day": 3.2},
    {"name": "广场", "x": 4625.0, "y": 1375.0, "spread_m": 45.0, "weekdays": [0, 1, 2, 3, 4, 5, 6], "start_hour": 19,
     "end_hour": 21, "category": "dispute", "per_day": 2.1},
    {"name": "市场", "x": 2875.0, "y": 1125.0, "spread_m": 45.0, "weekdays": [0, 1, 2, 3, 4], "start_hour": 18, "end_hour": 20,
     "category": "fraud", "per_day": 2.6},
)  # fmt: skip
HOUR_WEIGHTS = (3, 2, 1.5, 1, 1, 1.2, 1.8, 3, 4, 4.5, 5, 5.2, 5, 4.6, 4.8, 5, 5.4, 5.8, 6.2, 6.4, 6.2, 5.6, 4.6, 3.8)
DAY_WEIGHTS = (1.0, 0.98, 0.98, 1.0, 1.12, 1.08, 0.94)

to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
ORIGIN = tuple(
    middle - half
    for middle, half in zip(
        Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*CENTRE),
        (WIDTH_M / 2, HEIGHT_M / 2),
        strict=True,
    )
)


def lonlat(x: float, y: float) -> list[float]:
    """Six decimals of a degree, from metres east and north of the district's south-west corner."""
    lon, lat = to_degrees.transform(ORIGIN[0] + x, ORIGIN[1] + y)
    return [round(lon, 6), round(lat, 6)]


class Chance:
    """Numbers from one seeded stream of uniforms."""

    def __init__(self, seed: int) -> None:
        self.uniform = np.random.Generator(np.random.PCG64(seed)).random

    def normal(self, count: int) -> np.ndarray:
        return special.ndtri(np.clip(self.uniform(count), 1e-12, 1 - 1e-12))

    def counts(self, mean: float, size: int) -> np.ndarray:
        """Poisson numbers by inversion."""
        k = np.arange(int(mean + 12 * np.sqrt(mean) + 20))
        table = np.cumsum(np.exp(k * np.log(mean) - mean - special.gammaln(k + 1)))
        return np.searchsorted(table, self.uniform(size))

    def choose(self, weights: np.ndarray, size: int) -> np.ndarray:
        table = np.cumsum(weights) / np.sum(weights)
        return np.minimum(np.searchsorted(table, self.uniform(size), side="right"), len(table) - 1)


def street_nodes(chance: Chance) -> np.ndarray:
    """(ROWS, COLUMNS, 2) crossings: a grid whose inner crossings were pushed about."""
    y, x = np.meshgrid(np.linspace(0, HEIGHT_M, ROWS), np.linspace(0, WIDTH_M, COLUMNS), indexing="ij")
    push = (chance.uniform((ROWS, COLUMNS, 2)) - 0.5) * 90.0
    push[[0, -1]], push[:, [0, -1]] = 0.0, 0.0
    return np.stack([x, y], axis=2) + push


def make_streets(nodes: np.ndarray, chance: Chance) -> list[dict]:
    """Edges between crossings; a river across the district has a bridge every sixth street; some lanes are missing."""
    features = []
    draws = chance.uniform((ROWS, COLUMNS, 2))
    for r in range(ROWS):
        for c in range(COLUMNS):
            for way, (dr, dc) in enumerate(((0, 1), (1, 0))):
                if r + dr >= ROWS or c + dc >= COLUMNS:
                    continue
                along, step = (r, 4) if way == 0 else (c, 4)
                main = along % step == 0
                river = way == 1 and r == 12 and c % 6 != 0
                if river or (not main and draws[r, c, way] < 0.08):
                    continue
                number = along // step + (0 if way == 0 else 5)
                kind = "primary" if main and along % 12 == 0 else "secondary" if main else "residential"
                name = ROADS[min(number, len(ROADS) - 1)] if main else ""
                a, b = nodes[r, c], nodes[r + dr, c + dc]
                bend = (a + b) / 2 + (draws[r, c, way] - 0.5) * np.array([-(b - a)[1], (b - a)[0]]) * 0.12
                line = [lonlat(*a), lonlat(*bend), lonlat(*b)]
                features.append(
                    feature({"type": "LineString", "coordinates": line}, name=name, highway=kind, oneway="")
                )
    return features


def feature(geometry: dict, **properties: object) -> dict:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def make_areas() -> tuple[list[dict], list[tuple[float, float]]]:
    """Six by three communities that tile the district, and their middles."""
    features, middles = [], []
    x, y = np.linspace(0, WIDTH_M, 7), np.linspace(0, HEIGHT_M, 4)
    for k, name in enumerate(COMMUNITIES):
        c, r = k % 6, k // 6
        ring = [(x[c], y[r]), (x[c + 1], y[r]), (x[c + 1], y[r + 1]), (x[c], y[r + 1]), (x[c], y[r])]
        shape = {"type": "Polygon", "coordinates": [[lonlat(*corner) for corner in ring]]}
        street = STREETS[min(4, k * 5 // 18)]
        features.append(feature(shape, id=f"C{k + 1:02d}", name=f"{name}社区（合成）", street=street))
        middles.append(((x[c] + x[c + 1]) / 2, (y[r] + y[r + 1]) / 2))
    return features, middles


def make_points(nodes: np.ndarray, middles: list[tuple[float, float]]) -> tuple[list[str], np.ndarray]:
    """One point a community, at the crossing nearest its middle; two are workstations."""
    crossings = nodes.reshape(-1, 2)
    rows = ["id,name,kind,lon,lat"]
    for k, middle in enumerate(middles):
        x, y = crossings[np.argmin(np.hypot(*(crossings - middle).T))]
        kind = "workstation" if k in (4, 13) else "office"
        label = "工作站" if kind == "workstation" else "社区警务室"
        lon, lat = lonlat(x, y)
        rows.append(f"P{k + 1:02d},{COMMUNITIES[k]}{label}（合成）,{kind},{lon:.6f},{lat:.6f}")
    return rows, crossings


def make_teams() -> list[str]:
    """18 community, 7 enterprise, one school and one parking team."""
    header = "id,name,point_id,kind,community_id,members,roles,mode,shift_start,shift_end,vetted,trained_until"
    roles = (
        "propagandist;grid_worker",
        "mediator;grid_worker",
        "collector;propagandist",
        "mediator;propagandist",
        "grid_worker",
    )
    shifts = (("18:00", "22:00"), ("19:00", "23:00"), ("18:00", "22:00"), ("21:00", "01:00"))
    rows = [header]
    for k in range(27):
        kind = "community" if k < 18 else "enterprise" if k < 25 else ("school", "parking")[k - 25]
        home = k if k < 18 else (k * 5) % 18
        name = {
            "community": f"{COMMUNITIES[home]}义警队", "school": "示范中学护校队", "parking": "停车管理义警队",
        }.get(kind) or f"{ENTERPRISES[k - 18]}义警队"  # fmt: skip
        mode = "car" if k in (24, 26) else "ebike" if k % 3 == 2 else "walk"
        start, end = shifts[3] if k in (7, 19) else shifts[k % 3]
        vetted = "no" if k == 13 else "yes"
        trained = "2026-03-31" if k == 21 else "2027-12-31"
        rows.append(
            f"T{k + 1:02d},{name}（合成）,P{home + 1:02d},{kind},C{home + 1:02d},{3 + (k * 7) % 6},{roles[k % 5]},{mode},"
            f"{start},{end},{vetted},{trained}"
        )
    return rows


def make_incidents(chance: Chance) -> list[str]:
    """Background, its near repeats, and the planted clusters, in the order of their times."""
    hour_table = np.outer(DAY_WEIGHTS, HOUR_WEIGHTS)
    x, y, t, category = background(chance, hour_table / hour_table.sum())
    parents = np.flatnonzero(chance.uniform(len(x)) < OFFSPRING)
    delay = -np.log(1 - chance.uniform(len(parents))) * OFFSPRING_DAYS * 24
    near = (chance.normal(len(parents)) * OFFSPRING_M, chance.normal(len(parents)) * OFFSPRING_M)
    parts = [(x, y, t, category), (x[parents] + near[0], y[parents] + near[1], t[parents] + delay, category[parents])]
    parts += [planted(chance, cluster) for cluster in CLUSTERS]
    x, y, t, category = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    inside = (x > 5) & (x < WIDTH_M - 5) & (y > 5) & (y < HEIGHT_M - 5) & (t < DAYS * 24)
    x, y, t, category = x[inside], y[inside], t[inside], category[inside]
    draws = chance.uniform((len(x), 2))
    lon, lat = to_degrees.transform(ORIGIN[0] + x, ORIGIN[1] + y)
    rows = ["id,time,lon,lat,category,source"]
    names = list(CATEGORIES)
    for number, i in enumerate(np.argsort(t, kind="stable")):
        when = FIRST + timedelta(minutes=int(t[i] * 60))
        place = f"{lon[i]:.6f},{lat[i]:.6f}" if draws[i, 0] >= UNLOCATED_SHARE else ","
        source = "patrol" if draws[i, 1] < PATROL_SHARE else "report"
        rows.append(f"G{number + 1:06d},{when:%Y-%m-%d %H:%M:%S},{place},{names[category[i]]},{source}")
    return rows


def background(chance: Chance, profile: np.ndarray) -> tuple[np.ndarray, ...]:
    count = int(chance.counts(BACKGROUND_PER_DAY * DAYS, 1)[0])
    hill = chance.choose(np.array([*(share for *_, share in HILLS), FLAT_SHARE]), count)
    wide = np.array([*(spread for *_, spread, _ in HILLS), 0.0])[hill]
    middle = np.array([*((x, y) for x, y, *_ in HILLS), (0.0, 0.0)])[hill]
    flat = chance.uniform((count, 2)) * (WIDTH_M, HEIGHT_M)
    around = middle + np.column_stack([chance.normal(count), chance.normal(count)]) * wide[:, None]
    xy = np.where((hill == len(HILLS))[:, None], flat, around)
    week = np.floor(chance.uniform(count) * (DAYS / 7 + 1)) * 7
    slot = chance.choose(profile.ravel(), count)
    t = (week - FIRST.weekday() + slot // 24) * 24 + slot % 24 + chance.uniform(count)
    keep = (t >= 0) & (t < DAYS * 24)
    category = chance.choose(np.array(list(CATEGORIES.values())), count)
    return xy[keep, 0], xy[keep, 1], t[keep], category[keep]


def planted(chance: Chance, cluster: dict) -> tuple[np.ndarray, ...]:
    days = np.array([day for day in range(DAYS) if (FIRST.weekday() + day) % 7 in cluster["weekdays"]])
    day = np.repeat(days, chance.counts(cluster["per_day"], len(days)))
    hours = cluster["end_hour"] - cluster["start_hour"]
    t = day * 24 + cluster["start_hour"] + chance.uniform(len(day)) * hours
    x = cluster["x"] + chance.normal(len(day)) * cluster["spread_m"]
    y = cluster["y"] + chance.normal(len(day)) * cluster["spread_m"]
    return x, y, t, np.full(len(day), list(CATEGORIES).index(cluster["category"]))


def truth() -> dict:
    """The process behind the incidents, and where and when the clusters are."""
    clusters = []
    for cluster in CLUSTERS:
        lon, lat = lonlat(cluster["x"], cluster["y"])
        place = {"lon": lon, "lat": lat, "per_week": round(cluster["per_day"] * len(cluster["weekdays"]), 3)}
        clusters.append({name: value for name, value in cluster.items() if name not in "xy"} | place)
    return {
        "synthetic": True,
        "seed": SEED,
        "crs": CRS,
        "origin_xy": [round(part, 3) for part in ORIGIN],
        "size_m": [WIDTH_M, HEIGHT_M],
        "first_day": f"{FIRST:%Y-%m-%d}",
        "days": DAYS,
        "clusters": clusters,
        "background": {
            "per_day": BACKGROUND_PER_DAY,
            "hills": [dict(zip(("x", "y", "spread_m", "share"), hill, strict=True)) for hill in HILLS],
            "flat_share": FLAT_SHARE,
            "categories": CATEGORIES,
        },
        "hour_weights": HOUR_WEIGHTS,
        "day_weights": DAY_WEIGHTS,
        "near_repeat": {"share_of_parents": OFFSPRING, "spread_m": OFFSPRING_M, "mean_days": OFFSPRING_DAYS},
        "unlocated_share": UNLOCATED_SHARE,
        "patrol_share": PATROL_SHARE,
    }


CONFIG = """# 示范区配置。合成数据：没有真实的地点、队伍或警情。
# The sample district. Synthetic: no real place, team or incident.
[district]
name     = "高新示范区（合成数据）"
timezone = "Asia/Shanghai"
crs      = "EPSG:32649"
language = "zh"
areas    = "areas.geojson"

[incidents]
path  = "incidents.csv.gz"
datum = "wgs84"

[categories]
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
"""
SOURCE = """# 高新示范区（合成数据） / The sample district: synthetic

Written by `data/make_gaoxin.py` (seed {seed}), which writes these files again byte for byte. No real place, person, team,
enterprise or incident is in them. `truth.json` holds the process: background, hours, near repeats and the three planted
clusters.
"""


def write(out: Path) -> None:
    chance = Chance(SEED)
    nodes = street_nodes(chance)
    areas, middles = make_areas()
    points, _ = make_points(nodes, middles)
    texts = {
        "streets.geojson": collection(make_streets(nodes, chance)),
        "areas.geojson": collection(areas),
        "points.csv": "\n".join(points) + "\n",
        "teams.csv": "\n".join(make_teams()) + "\n",
        "patrol.toml": CONFIG,
        "truth.json": json.dumps(truth(), ensure_ascii=False, indent=2) + "\n",
        "SOURCE.md": SOURCE.format(seed=SEED),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (out / name).write_bytes(text.encode())
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
        file.write(("\n".join(make_incidents(chance)) + "\n").encode())
    (out / "incidents.csv.gz").write_bytes(packed.getvalue())


def collection(features: list[dict]) -> str:
    lines = ",\n".join(json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in features)
    return '{"type":"FeatureCollection","features":[\n' + lines + "\n]}\n"


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "gaoxin")
    write(words.parse_args().out)
