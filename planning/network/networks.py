"""The streets as one mode sees them: what it may use, how long that takes, and what holds together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from hotspot.errors import ConfigError
from planning.network.modes import allowed_directions, edge_kmh, require_modes
from planning.network.splitting import Bools, Floats, Ints
from planning.network.streets import Streets
from planning.network.topology import Arcs, least_arcs


@dataclass(frozen=True, eq=False)
class Network:
    """The streets as one mode sees them.

    `free_s` (E,) seconds for the whole edge without congestion and closures, inf where barred; `cost_s` (E,) with them.
    `ahead`, `back` (E,): its line may be followed, reversed; `free_ahead`, `free_back` without closures. `passable`
    (N,): nodes without a barrier for the mode; an edge that ends at one is a dead end. `arcs`: the least of parallel
    ones, without self loops. `part` (N,) number of the strongly connected part of each node; `core` (E,) edges of the
    part with the most street, where every place reaches every other and comes back.
    """

    streets: Streets
    mode: str
    free_s: Floats
    cost_s: Floats
    free_ahead: Bools
    free_back: Bools
    ahead: Bools
    back: Bools
    passable: Bools
    arcs: Arcs
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

    def reweighted(self, *, multipliers: npt.ArrayLike = 1.0, closed: npt.ArrayLike | None = None) -> Network:
        """The network with every edge taking `multipliers` (E,) times as long as when free, and `closed` edges barred.

        `closed` has edge numbers, or is (E,) bool. Nothing that was re-weighted before stays. Raises ConfigError for
        multipliers below 1, of another length or not finite, and for edges that don't exist.
        """
        factor = np.broadcast_to(np.asarray(multipliers, dtype=float), self.free_s.shape)
        if not (np.isfinite(factor) & (factor >= 1)).all():
            raise ConfigError("multipliers of travel time must be finite and at least 1; fix: 1 is free flow")
        cost_s = self.free_s * factor
        shut = _flags(closed, len(cost_s))
        cost_s[shut] = np.inf
        same = np.array_equal(np.isinf(cost_s), np.isinf(self.cost_s))
        ahead, back = self.free_ahead & ~shut, self.free_back & ~shut
        arcs = least_arcs(self.streets.topology, cost_s, self.length_m, ahead, back, self.passable)
        changed = replace(self, cost_s=cost_s, ahead=ahead, back=back, arcs=arcs)
        part, core = (self.part, self.core) if same else _parts(changed)
        return replace(changed, part=part, core=core)

    def summary(self) -> str:
        usable = self.length_m[self.ahead | self.back].sum()
        share = self.length_m[self.core].sum() / usable if usable else 0.0
        return f"{self.mode}: {usable / 1000:,.1f} km usable, {share:.1%} of it in the largest part that holds together"


def routable(streets: Streets, mode: str, *, speeds: Mapping[str, float] | None = None) -> Network:
    """The network of `mode` (walk, ebike or car), without congestion and closures: see `Network.reweighted`.

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
    length_m = streets.edges["length_m"].to_numpy(dtype=float)
    kmh = edge_kmh(streets.edges, mode, speeds)
    free_s = np.where(kmh > 0, length_m * 3.6 / np.where(kmh > 0, kmh, 1.0), np.inf)
    ahead, back = allowed_directions(streets.edges, mode)
    ahead, back = ahead & np.isfinite(free_s), back & np.isfinite(free_s)
    passable = np.ones(len(streets.nodes_xy), dtype=bool)
    passable[streets.barred.get(mode, np.empty(0, dtype=np.int64))] = False
    arcs = least_arcs(streets.topology, free_s, length_m, ahead, back, passable)
    nowhere = np.empty(0, dtype=np.int64)
    network = Network(streets, mode, free_s, free_s, ahead, back, ahead, back, passable, arcs, nowhere, ahead)
    part, core = _parts(network)
    return replace(network, part=part, core=core)


def _flags(edges: npt.ArrayLike | None, count: int) -> Bools:
    flags = np.zeros(count, dtype=bool)
    if edges is None:
        return flags
    given = np.asarray(edges)
    if given.dtype == bool and given.shape == flags.shape:
        return given
    if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= count):
        raise ConfigError(f"closed edges must be whole numbers below {count:,}, or one flag per edge; fix: use edge_id")
    flags[given.astype(np.int64)] = True
    return flags


def _parts(network: Network) -> tuple[Ints, Bools]:
    """Strongly connected parts of the nodes, and the edges of the one with the most street.

    An edge between a part and a barrier belongs to it if it can be left as it was entered.
    """
    arcs, nodes = network.arcs, len(network.passable)
    links = sparse.csr_array(
        (np.ones(len(arcs.head), dtype=np.int8), arcs.head.astype(np.int32), arcs.first.astype(np.int32)),
        shape=(nodes, nodes),
    )
    part = csgraph.connected_components(links, directed=True, connection="strong")[1].astype(np.int64)
    u, v = network.u, network.v
    blocked_u, blocked_v = ~network.passable[u], ~network.passable[v]
    both = network.ahead & network.back
    whole = (network.ahead | network.back) & ~blocked_u & ~blocked_v & (part[u] == part[v])
    stub = both & (blocked_u != blocked_v)
    own = np.where(blocked_u, part[v], part[u])
    inside = whole | stub
    metres = np.bincount(own[inside], weights=network.length_m[inside], minlength=1)
    return part, inside & (own == int(np.argmax(metres)))
