"""How fast, and where at all, one may walk, ride an e-bike and drive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

from hotspot.errors import ConfigError
from planning.network.streets import Streets, directions

WALK_KMH = 4.5
DEFAULT = "*"  # every class of street that isn't named; untagged streets are residential
SPEEDS: Mapping[str, Mapping[str, float]] = {  # km/h, 0 = barred
    "walk": {
        DEFAULT: WALK_KMH, "steps": 2.5, "motorway": 0, "motorway_link": 0, "construction": 0, "proposed": 0,
    },
    "ebike": {
        DEFAULT: 15, "footway": 6, "pedestrian": 6, "path": 10, "steps": 0, "motorway": 0, "motorway_link": 0,
        "construction": 0, "proposed": 0,
    },
    "car": {
        DEFAULT: 25, "motorway": 60, "motorway_link": 45, "trunk": 60, "trunk_link": 45, "primary": 45, "primary_link": 45,
        "secondary": 40, "tertiary": 35, "residential": 25, "unclassified": 25, "living_street": 15, "service": 15, "track": 15,
        "footway": 0, "pedestrian": 0, "path": 0, "steps": 0, "cycleway": 0, "bridleway": 0, "corridor": 0,
        "construction": 0, "proposed": 0,
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Network:
    """The streets as one mode sees them.

    `cost_s` (E,) seconds for a whole edge, inf where barred; `ahead`, `back` (E,) whether its line may be followed and
    reversed. `arcs` (N, N) least seconds between neighbouring nodes, `arc_edge` the edge of each stored arc. `core` (E,)
    is true for edges of the largest part in which every place reaches every other.
    """

    streets: Streets
    mode: str
    cost_s: npt.NDArray[np.float64]
    ahead: npt.NDArray[np.bool_]
    back: npt.NDArray[np.bool_]
    arcs: sparse.csr_array
    arc_edge: npt.NDArray[np.int64]
    core: npt.NDArray[np.bool_]

    def edges_between(self, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(k,) the least edge from each node of `a` to its neighbour in `b`."""
        nodes = self.arcs.shape[0]
        rows = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(self.arcs.indptr))
        keys = rows * nodes + self.arcs.indices
        found: npt.NDArray[np.int64] = self.arc_edge[np.searchsorted(keys, a * nodes + b)]
        return found


def routable(streets: Streets, mode: str, *, speeds: Mapping[str, float] | None = None) -> Network:
    """The network of `mode` (walk, ebike, car). `speeds` overrides km/h per highway class, 0 bars it.

    On foot one-way streets go both ways; e-bikes keep them; cars also obey `maxspeed`. Turn restrictions aren't modelled.
    """
    if mode not in SPEEDS:
        raise ConfigError(f"mode {mode!r} is unknown; fix: use one of {', '.join(SPEEDS)}")
    edges = streets.edges
    table = {**SPEEDS[mode], **(speeds or {})}
    kind = edges["highway"].astype(str).replace("", "residential")
    kmh = kind.map(lambda name: table.get(name, table[DEFAULT])).to_numpy(dtype=float)
    if mode == "car":
        limit = edges["maxspeed"].astype(str).str.extract(r"^(\d+)$")[0].astype(float).to_numpy()
        kmh = np.where(np.isfinite(limit) & (limit > 0), np.minimum(kmh, limit), kmh)
    kmh = np.where(_closed(streets, mode), 0.0, kmh)
    with np.errstate(divide="ignore"):
        cost_s = np.where(kmh > 0, edges["length_m"].to_numpy() / (kmh / 3.6), np.inf)
    ahead, back = (np.ones(len(edges), dtype=bool),) * 2 if mode == "walk" else directions(edges["oneway"])
    ahead, back = ahead & (kmh > 0), back & (kmh > 0)
    arcs, arc_edge = _least_arcs(streets, cost_s, ahead, back)
    return Network(streets, mode, cost_s, ahead, back, arcs, arc_edge, _core(streets, arcs, ahead | back))


def _closed(streets: Streets, mode: str) -> npt.NDArray[np.bool_]:
    """Private streets are closed unless the mode's own tag opens them; the mode's own `no` closes any."""
    no = ["no", "private"]
    edges = streets.edges
    own = {"walk": "foot", "ebike": "bicycle"}.get(mode)
    general = edges["access"].isin(no)
    if own is None:
        return np.asarray(general, dtype=bool)
    opened = edges[own].isin(["yes", "designated", "permissive"])
    return np.asarray((general & ~opened) | edges[own].isin(no), dtype=bool)


def _least_arcs(
    streets: Streets, cost_s: npt.NDArray[np.float64], ahead: npt.NDArray[np.bool_], back: npt.NDArray[np.bool_]
) -> tuple[sparse.csr_array, npt.NDArray[np.int64]]:
    """Of parallel edges the least is kept: a plain conversion to csr would add them up."""
    u, v = streets.edges["u"].to_numpy(), streets.edges["v"].to_numpy()
    edge = np.arange(len(u))
    start, end = np.r_[u[ahead], v[back]], np.r_[v[ahead], u[back]]
    which = np.r_[edge[ahead], edge[back]]
    order = np.lexsort((which, cost_s[which], end, start))
    start, end, which = start[order], end[order], which[order]
    first = np.r_[True, (start[1:] != start[:-1]) | (end[1:] != end[:-1])] if len(start) else np.empty(0, dtype=bool)
    nodes = len(streets.nodes_xy)
    pointers = np.r_[0, np.cumsum(np.bincount(start[first], minlength=nodes))]
    arcs = sparse.csr_array((cost_s[which[first]], end[first], pointers), shape=(nodes, nodes))
    return arcs, which[first].astype(np.int64)


def _core(streets: Streets, arcs: sparse.csr_array, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    _, label = csgraph.connected_components(arcs, directed=True, connection="strong")
    u, v = label[streets.edges["u"].to_numpy()], label[streets.edges["v"].to_numpy()]
    sizes = np.bincount(u[allowed & (u == v)], minlength=1)
    found: npt.NDArray[np.bool_] = allowed & (u == v) & (u == int(np.argmax(sizes)))
    return found
