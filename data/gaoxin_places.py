"""The places and teams of the sample district, all invented: streets, communities, patrol points.

Places are metres east and north of ORIGIN_XY until they are written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from scipy import special, stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CRS, ORIGIN_XY = "EPSG:32649", (383250.0, 4231750.0)  # a multiple of the cell size, so cells start at whole 250 m
BLOCK_M, COLUMNS, ROWS = 200.0, 31, 26  # street crossings before they are moved about

BRIDGES = (5, 10, 15, 20, 25)  # the columns that cross the river
MAIN_ROWS, MAIN_COLUMNS, WIDEST = (3, 8, 12, 18, 22), BRIDGES, {("row", 12), ("column", 15)}
MIDDLE_ROWS, MIDDLE_COLUMNS = (5, 6, 7, 10, 20), (2, 8, 18, 23, 28)
ONE_WAY = {6: "ahead", 7: "back"}  # a pair of rows between columns 5 and 15
GAP_SHARE, FOOTWAY_SHARE = 0.08, 0.05
ROW_ROADS = ("示范南路", "示范创业路", "示范大道", "示范滨河路", "示范北路")
COLUMN_ROADS = ("示范西路", "示范科创路", "示范中轴大道", "示范学府路", "示范东路")

STREETS = ("云杉街道（合成）", "碧湖街道（合成）", "晨光街道（合成）", "松涛街道（合成）", "星河街道（合成）")
NAMES = (
    "云杉", "碧湖", "晨光", "松涛", "星河", "锦绣", "阳光", "和谐", "金桥", "银杏", "文苑", "建新", "科技", "创新", "康宁",
    "翠园", "福源", "新城",
)  # fmt: skip
BANDS = (  # from row, to row, the columns where its communities begin and end, and the street of each
    (0, 8, (0, 5, 10, 14, 20, 25, 30), (0, 0, 1, 1, 2, 2)),
    (8, 15, (0, 6, 10, 15, 19, 25, 30), (0, 0, 1, 1, 2, 2)),
    (15, 25, (0, 5, 11, 15, 20, 26, 30), (3, 3, 3, 4, 4, 4)),
)
WORKSTATIONS = (4, 13)
ENTERPRISES = ("云杉能源", "北辰装备", "星河化工", "绿源食品", "长风物流", "恒信建材", "晨光科技")
ROLES = ("propagandist;grid_worker", "mediator;grid_worker", "collector;propagandist", "mediator;propagandist",
         "propagandist;mediator;grid_worker")  # fmt: skip
SHIFTS = (("18:00", "22:00"), ("19:00", "23:00"), ("18:00", "22:00"))
NIGHT_TEAM, UNVETTED_TEAM = 20, 14

to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)


@dataclass(frozen=True)
class Street:
    """One edge between two crossings (row, column), with its bend; `line` is (k, 2) metres."""

    ends: tuple[tuple[int, int], tuple[int, int]]
    line: Floats
    name: str
    highway: str
    oneway: str


class Chance:
    """Numbers from one seeded stream of uniforms."""

    def __init__(self, seed: int) -> None:
        self.uniform = np.random.Generator(np.random.PCG64(seed)).random

    def normal(self, count: int) -> Floats:
        """(count, 2) standard normal."""
        found: Floats = special.ndtri(np.clip(self.uniform((count, 2)), 1e-12, 1 - 1e-12))
        return found

    def poisson(self, mean: Floats) -> Ints:
        """One count for each mean, by inversion."""
        found: Ints = np.asarray(stats.poisson.ppf(self.uniform(len(mean)), mean)).astype(np.int64)
        return found

    def choose(self, weights: Floats, size: int) -> Ints:
        """(size,) positions in `weights`, each as often as its weight."""
        table = np.cumsum(weights) / np.sum(weights)
        found: Ints = np.minimum(np.searchsorted(table, self.uniform(size), side="right"), len(table) - 1)
        return found


def lonlat(xy: npt.ArrayLike) -> list[list[float]]:
    """Degrees with six decimals of each row of metres."""
    x, y = np.asarray(xy, dtype=float).T
    lon, lat = to_degrees.transform(ORIGIN_XY[0] + x, ORIGIN_XY[1] + y)
    return [[round(float(a), 6), round(float(b), 6)] for a, b in zip(lon, lat, strict=True)]


def river() -> shapely.LineString:
    """The middle of the water, from west of the district to east of it."""
    x = np.linspace(-500.0, 6500.0, 141)
    return shapely.LineString(np.column_stack([x, 3040.0 + 150.0 * np.sin(2 * np.pi * x / 4500.0 + 1.0)]))


def crossings(chance: Chance, fixed: Iterable[tuple[float, float]]) -> Floats:
    """(ROWS, COLUMNS, 2) a grid, bent in long waves and pushed about; the crossing nearest each fixed place moves there."""
    y, x = np.meshgrid(np.arange(ROWS) * BLOCK_M, np.arange(COLUMNS) * BLOCK_M, indexing="ij")
    wave = (70.0 * np.sin(2 * np.pi * y / 4200.0 + 0.7), 80.0 * np.sin(2 * np.pi * x / 5200.0 + 0.4))
    nodes: Floats = np.stack([x + wave[0], y + wave[1]], axis=2) + (chance.uniform((ROWS, COLUMNS, 2)) - 0.5) * 50.0
    for place in fixed:
        away = np.hypot(nodes[..., 0] - place[0], nodes[..., 1] - place[1])
        nodes[np.unravel_index(np.argmin(away), away.shape)] = place
    return nodes


def make_streets(nodes: Floats, chance: Chance) -> list[Street]:
    """Every street that hangs together with the largest part of the district."""
    draws = chance.uniform((ROWS, COLUMNS, 3))
    water = shapely.buffer(river(), 30.0)
    found = []
    for r in range(ROWS):
        for c in range(COLUMNS):
            for way, end in (("row", (r, c + 1)), ("column", (r + 1, c)), ("footway", (r + 1, c + 1))):
                if end[0] < ROWS and end[1] < COLUMNS:
                    street = _street(way, (r, c), end, nodes, draws[r, c])
                    bridge = way == "column" and c in BRIDGES
                    if street and (bridge or not water.intersects(shapely.LineString(street.line))):
                        found.append(street)
    together = max(nx.connected_components(nx.Graph(street.ends for street in found)), key=len)
    return [street for street in found if street.ends[0] in together]


def _street(way: str, a: tuple[int, int], b: tuple[int, int], nodes: Floats, draws: Floats) -> Street | None:
    """The street between two crossings, or None where there is none."""
    along = a[0] if way == "row" else a[1]
    kind, name = _class(way, along)
    edge = along in ((0, ROWS - 1) if way == "row" else (0, COLUMNS - 1))
    outer = min(*a) == 0 or b[0] == ROWS - 1 or b[1] == COLUMNS - 1
    if edge or (outer and not name):  # only main roads leave the district
        return None
    if (kind == "residential" and draws[int(way == "row")] < GAP_SHARE) or (
        kind == "footway" and draws[2] > FOOTWAY_SHARE
    ):
        return None
    start, end = nodes[a], nodes[b]
    aside = np.array([start[1] - end[1], end[0] - start[0]]) * (draws[int(way == "row")] - 0.5) * 0.16
    line = np.array([start, (start + end) / 2 + aside, end])
    direction = ONE_WAY.get(along, "") if way == "row" and 5 <= a[1] < 15 else ""
    return Street((a, b), line[::-1] if direction == "back" else line, name, kind, "yes" if direction else "")


def _class(way: str, along: int) -> tuple[str, str]:
    """Highway class and name of a row or column of streets."""
    if way == "footway":
        return "footway", ""
    main, names, middle = (
        (MAIN_ROWS, ROW_ROADS, MIDDLE_ROWS) if way == "row" else (MAIN_COLUMNS, COLUMN_ROADS, MIDDLE_COLUMNS)
    )
    if along in main:
        return "primary" if (way, along) in WIDEST else "secondary", names[main.index(along)]
    return ("tertiary" if along in middle else "residential"), ""


def make_areas(nodes: Floats) -> list[tuple[str, Floats]]:
    """Street name and closed ring of each community: they share their corners, so no gap and no overlap."""
    found = []
    for low, high, cuts, streets in BANDS:
        for west, east, street in zip(cuts[:-1], cuts[1:], streets, strict=True):
            south, north = nodes[low, west : east + 1], nodes[high, west : east + 1]
            ring = [south, nodes[low + 1 : high, east], north[::-1], nodes[low + 1 : high, west][::-1], south[:1]]
            found.append((STREETS[street], np.vstack(ring)))
    return found


def make_points(areas: list[tuple[str, Floats]], streets: list[Street], nodes: Floats) -> list[str]:
    """One patrol point a community, at the busy crossing nearest its middle."""
    degree = nx.Graph(street.ends for street in streets if street.highway != "footway").degree
    busy = np.array([nodes[node] for node, streets_there in sorted(degree) if streets_there >= 3])
    rows = ["id,name,kind,lon,lat"]
    for k, (_, ring) in enumerate(areas):
        middle = shapely.Polygon(ring).representative_point()
        place = busy[np.argmin(np.hypot(busy[:, 0] - middle.x, busy[:, 1] - middle.y))]
        kind, label = ("workstation", "巡防工作站") if k in WORKSTATIONS else ("office", "社区警务室")
        lon, lat = lonlat([place])[0]
        rows.append(f"P{k + 1:02d},{NAMES[k]}{label}（合成）,{kind},{lon:.6f},{lat:.6f}")
    return rows


def make_teams() -> list[str]:
    """18 community, 7 enterprise, one school and one parking team."""
    rows = ["id,name,point_id,kind,community_id,members,roles,mode,shift_start,shift_end,vetted,trained_until"]
    for k in range(27):
        home = k if k < 18 else (k * 5) % 18
        if k < 18:
            kind, name = "community", f"{NAMES[home]}社区义警队"
        elif k < 25:
            kind, name = "enterprise", f"{ENTERPRISES[k - 18]}义警队"
        else:
            kind, name = (("school", "示范中学护校队"), ("parking", "停车管理义警队"))[k - 25]
        start, end = ("21:00", "01:00") if k + 1 == NIGHT_TEAM else SHIFTS[k % 3]
        mode = "car" if k in (7, 16, 24, 26) else ("walk", "ebike", "ebike", "walk", "ebike")[k % 5]
        vetted = "no" if k + 1 == UNVETTED_TEAM else "yes"
        rows.append(
            f"T{k + 1:02d},{name}（合成）,P{home + 1:02d},{kind},C{home + 1:02d},{2 + (k * 7) % 5},{ROLES[k % 5]},{mode},"
            f"{start},{end},{vetted},2027-12-31"
        )
    return rows
