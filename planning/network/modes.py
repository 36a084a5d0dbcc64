"""How fast, and where at all, one may walk, ride an e-bike and drive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from hotspot.errors import ConfigError
from planning.network.splitting import Bools, Floats, Ints
from planning.network.streets import Streets, directions

WALK_KMH = 4.5
DEFAULT = "*"
UNTAGGED = "residential"  # what a street without a class counts as
_NO_STREET = dict.fromkeys(
    ("abandoned", "bus_guideway", "construction", "demolished", "disused", "elevator", "escape", "no", "planned",
     "platform", "proposed", "raceway", "razed", "rest_area", "services"), 0.0,
)  # fmt: skip
_MOTORWAY = {"motorway": 0.0, "motorway_link": 0.0}
SPEEDS: Mapping[str, Mapping[str, float]] = {
    "walk": {DEFAULT: WALK_KMH, "steps": 2.5, **_MOTORWAY, **_NO_STREET},
    "ebike": {
        DEFAULT: 15.0, "footway": 6.0, "pedestrian": 6.0, "path": 6.0, "corridor": 0.0, "steps": 0.0,
        **_MOTORWAY, **_NO_STREET,
    },
    "car": {
        DEFAULT: 25.0, "motorway": 60.0, "trunk": 60.0, "motorway_link": 45.0, "trunk_link": 45.0,
        "primary": 45.0, "primary_link": 45.0, "secondary": 40.0, "secondary_link": 40.0,
        "tertiary": 35.0, "tertiary_link": 35.0, "unclassified": 25.0, "residential": 25.0, "road": 25.0,
        "living_street": 15.0, "service": 15.0, "track": 15.0,
        "footway": 0.0, "pedestrian": 0.0, "path": 0.0, "steps": 0.0, "cycleway": 0.0, "bridleway": 0.0,
        "corridor": 0.0, "busway": 0.0, **_NO_STREET,
    },
}  # fmt: skip
"""km/h by mode and class of street (`highway`), 0 = barred, `*` = every other class.

A team walks 4.5 km/h everywhere (2.5 on steps) and ignores one-ways. E-bikes keep one-ways unless `oneway:bicycle=no`.
Cars keep one-ways and `maxspeed`; their speeds are urban averages, well below the limits, so that lights and parking
are paid for.
"""
_KEYS: Mapping[str, tuple[str, ...]] = {  # the first of these tags that is set decides
    "walk": ("foot", "access"),
    "ebike": ("bicycle", "vehicle", "access"),
    "car": ("motor_vehicle", "vehicle", "access"),
}
_CLOSED = ("no", "private", "use_sidepath")
_MPH = 1.609344
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(mph)?")


@dataclass(frozen=True, eq=False)
class Network:
    """The streets as one mode sees them.

    `cost_s` (E,) seconds for the whole edge, inf where barred. `ahead`, `back` (E,): its line may be followed,
    reversed.
    `arcs` (N, N) least seconds between neighbouring nodes, without self loops; `arc_edge` the edge of each stored arc.
    `part` (N,) number of the strongly connected part of each node; `core` (E,) edges of the part with the most street,
    where every place reaches every other and comes back.
    """

    streets: Streets
    mode: str
    cost_s: Floats
    ahead: Bools
    back: Bools
    arcs: sparse.csr_array
    arc_edge: Ints
    part: Ints
    core: Bools

    @cached_property
    def u(self) -> Ints:
        return np.asarray(self.streets.edges["u"], dtype=np.int64)

    @cached_property
    def v(self) -> Ints:
        return np.asarray(self.streets.edges["v"], dtype=np.int64)

    @cached_property
    def length_m(self) -> Floats:
        return np.asarray(self.streets.edges["length_m"], dtype=np.float64)

    @cached_property
    def open_tree(self) -> tuple[Ints, shapely.STRtree]:
        """The edges that the mode may use, and a spatial index of them in that order."""
        return self._tree(self.ahead | self.back)

    @cached_property
    def core_tree(self) -> tuple[Ints, shapely.STRtree]:
        return self._tree(self.core)

    def _tree(self, which: Bools) -> tuple[Ints, shapely.STRtree]:
        edges = np.flatnonzero(which)
        return edges, shapely.STRtree(self.streets.edges.geometry.to_numpy()[edges])

    def summary(self) -> str:
        usable = self.length_m[self.ahead | self.back].sum()
        share = self.length_m[self.core].sum() / usable if usable else 0.0
        return f"{self.mode}: {usable / 1000:,.1f} km usable, {share:.1%} of it in the largest part that holds together"


def require_modes(modes: Iterable[str]) -> None:
    """Raises ConfigError naming every unknown mode."""
    unknown = sorted({mode for mode in modes if mode not in SPEEDS})
    if unknown:
        raise ConfigError(f"modes {', '.join(map(repr, unknown))} are unknown; fix: use {', '.join(SPEEDS)}")


def routable(streets: Streets, mode: str, *, speeds: Mapping[str, float] | None = None) -> Network:
    """The network of `mode` (walk, ebike or car).

    `speeds` overrides `SPEEDS[mode]`, km/h by class of street; 0 bars a class, `*` stands for all that aren't named.
    Raises ConfigError for an unknown mode or an impossible speed.

    >>> import geopandas as gpd
    >>> from planning.network.streets import from_lines
    >>> line = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 100 0)"], crs="EPSG:32610")
    >>> network = routable(from_lines(gpd.GeoDataFrame(geometry=line)), "walk")
    >>> network.cost_s.tolist(), network.summary()
    ([80.0], 'walk: 0.1 km usable, 100.0% of it in the largest part that holds together')
    """
    require_modes([mode])
    wrong = [f"{name}: {kmh}" for name, kmh in (speeds or {}).items() if not 0 <= kmh < np.inf]
    if wrong:
        raise ConfigError(f"speeds {', '.join(wrong)} are impossible; fix: give km/h, 0 to bar a class of street")
    kmh = _edge_kmh(streets.edges, mode, speeds)
    with np.errstate(divide="ignore"):
        cost_s = streets.edges["length_m"].to_numpy(dtype=float) * 3.6 / kmh
    ahead, back = _ways(streets.edges, mode)
    ahead, back = ahead & (kmh > 0), back & (kmh > 0)
    arcs, arc_edge = _least_arcs(streets, cost_s, ahead, back)
    part, core = _parts(streets, arcs, ahead | back)
    return Network(streets, mode, cost_s, ahead, back, arcs, arc_edge, part, core)


def class_speeds(highway: pd.Series, mode: str, speeds: Mapping[str, float] | None = None) -> Floats:
    """(E,) km/h by class alone.

    >>> class_speeds(pd.Series(["steps", "", None, "plaza"]), "ebike").tolist()
    [0.0, 15.0, 15.0, 15.0]
    """
    table = {**SPEEDS[mode], **(speeds or {})}
    codes, kinds = pd.factorize(highway.fillna("").astype("str"))
    kmh = [table.get(_first(str(kind)) or UNTAGGED, table[DEFAULT]) for kind in kinds]
    return np.array(kmh, dtype=float)[codes] if len(kmh) else np.empty(0)


def _first(several: str) -> str:
    """The first class of an edge that was simplified from ways of several: `a;b` or `['a', 'b']`."""
    return re.split(r"[;,]", several.strip("[]"))[0].strip(" '\"").lower()


def _edge_kmh(edges: pd.DataFrame, mode: str, speeds: Mapping[str, float] | None) -> Floats:
    kmh = class_speeds(edges["highway"], mode, speeds)
    if mode == "car":
        codes, texts = pd.factorize(edges["maxspeed"])
        limits = np.array([_limit_kmh(str(text)) for text in texts] or [np.inf])
        kmh = np.minimum(kmh, limits[codes])
    closed = np.zeros(len(edges), dtype=bool)
    decided = np.zeros(len(edges), dtype=bool)
    for key in _KEYS[mode]:
        told = (edges[key] != "").to_numpy() & ~decided
        closed |= told & edges[key].isin(_CLOSED).to_numpy()
        decided |= told
    return np.where(closed, 0.0, kmh)


def _limit_kmh(text: str) -> float:
    """The least speed limit in a tag in km/h, inf where it has no number.

    >>> _limit_kmh("30 mph"), _limit_kmh("50;30"), _limit_kmh("walk"), _limit_kmh("")
    (48.28032, 30.0, inf, inf)
    """
    found = [float(number) * (_MPH if unit else 1.0) for number, unit in _LIMIT.findall(text)]
    return min([each for each in found if each > 0], default=np.inf)


def _ways(edges: pd.DataFrame, mode: str) -> tuple[Bools, Bools]:
    ahead, back = directions(edges["oneway"])
    if mode == "car":
        return ahead, back
    free = np.full(len(edges), mode == "walk") | edges["oneway_bicycle"].eq("no").to_numpy()
    return ahead | free, back | free


def _least_arcs(streets: Streets, cost_s: Floats, ahead: Bools, back: Bools) -> tuple[sparse.csr_array, Ints]:
    """Of parallel edges the least, of equal ones the first: a plain conversion to csr would add them up."""
    u, v = (streets.edges[end].to_numpy(dtype=np.int64) for end in ("u", "v"))
    edge = np.arange(len(u))
    ahead, back = ahead & (u != v), back & (u != v)
    which = np.r_[edge[ahead], edge[back]]
    start, end = np.r_[u[ahead], v[back]], np.r_[v[ahead], u[back]]
    order = np.lexsort((which, cost_s[which], end, start))
    start, end, which = start[order], end[order], which[order]
    first = np.ones(len(which), dtype=bool)
    first[1:] = (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    nodes = len(streets.nodes_xy)
    rows = np.r_[0, np.cumsum(np.bincount(start[first], minlength=nodes))].astype(np.int32)
    arcs = sparse.csr_array((cost_s[which[first]], end[first].astype(np.int32), rows), shape=(nodes, nodes))
    return arcs, which[first]


def _parts(streets: Streets, arcs: sparse.csr_array, usable: Bools) -> tuple[Ints, Bools]:
    """Strongly connected parts of the nodes, and the edges of the one with the most street."""
    _, part = csgraph.connected_components(arcs, directed=True, connection="strong")
    u, v = (part[streets.edges[end].to_numpy()] for end in ("u", "v"))
    inside = usable & (u == v)
    metres = np.bincount(u[inside], weights=streets.edges["length_m"].to_numpy()[inside], minlength=1)
    return part.astype(np.int64), inside & (u == int(np.argmax(metres)))
