"""Kernel density along streets: how near events are as a team walks, not as the crow flies.

Okabe, A., Satoh, T., Sugihara, K. (2009). A kernel density estimation method for networks, its computational method and a
GIS-based tool. International Journal of Geographical Information Science 23(1), 7-32. Xie, Z., Yan, J. (2008). Kernel density
estimation of traffic accidents in a network space. Computers, Environment and Urban Systems 32(5), 396-406: lixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from planning.network.networks import Network
from planning.network.reach import stretches_as_lines
from planning.network.snapping import Snaps
from planning.network.splitting import Floats, Ints


@dataclass(frozen=True, eq=False)
class StreetDensity:
    """`lixels`: short pieces of street, `edge_id, start, end` (fractions), `length_m`, `density` and geometry. The density is
    in events per metre of street; `events` of them were on a street."""

    lixels: gpd.GeoDataFrame
    events: int
    bandwidth_m: float

    def summary(self) -> str:
        km = self.lixels["length_m"].sum() / 1000
        return f"{self.events:,} events along {km:,.1f} km of street, bandwidth {self.bandwidth_m:g} m"


def street_density(network: Network, events: Snaps, *, bandwidth_m: float, lixel_m: float = 25.0) -> StreetDensity:
    """The quartic kernel of the distance along streets, at the middle of each piece of at most `lixel_m`.

    Every event has the mass 1: its kernel is divided by the street length under it, so that it sums to 1 over the streets
    that it reaches, whether it lies on a lonely road or at a crossing of five. One-ways don't bind, closed edges do. Events on
    no street count nothing. Raises ConfigError for a bandwidth or length that isn't positive.
    """
    if not (bandwidth_m > 0 and lixel_m > 0 and np.isfinite(bandwidth_m)):
        raise ConfigError(f"bandwidth_m = {bandwidth_m}, lixel_m = {lixel_m} can't be; fix: give positive metres")
    usable = network.ahead | network.back
    count = np.where(usable, np.maximum(1, np.ceil(network.length_m / lixel_m)), 0).astype(np.int64)
    first = np.r_[0, np.cumsum(count)].astype(np.int64)
    density = np.zeros(int(first[-1]))
    on = events.take(np.flatnonzero(events.ok & usable[events.edge.clip(0)]))
    if len(on.edge):
        links = _links(network, usable)
        _spread(
            *links,
            network.u,
            network.v,
            network.length_m,
            count,
            first,
            on.edge,
            on.fraction,
            float(bandwidth_m),
            density,
        )
    edge = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(edge)) - first[edge]
    rows = pd.DataFrame({"edge_id": edge, "start": nth / count[edge], "end": (nth + 1) / count[edge]})
    rows["length_m"], rows["density"] = network.length_m[edge] / count[edge], density
    lines = stretches_as_lines(network, rows) if len(rows) else np.empty(0, dtype=object)
    return StreetDensity(gpd.GeoDataFrame(rows, geometry=lines, crs=network.streets.crs), len(on.edge), bandwidth_m)


def _links(network: Network, usable: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The usable edges at each node: those of node n are `edge[first[n]:first[n + 1]]`."""
    edges = np.flatnonzero(usable)
    node = np.r_[network.u[edges], network.v[edges]]
    order = np.argsort(node, kind="stable")
    first = np.r_[0, np.cumsum(np.bincount(node, minlength=len(network.passable)))].astype(np.int64)
    return first, np.r_[edges, edges][order].astype(np.int64)


@numba.njit(cache=True, nogil=True)
def _spread(
    link_first: Ints, link: Ints, u: Ints, v: Ints, length: Floats, count: Ints, first: Ints, edges: Ints,
    fractions: Floats, reach: float, density: Floats,
) -> None:  # fmt: skip
    """From each event outwards, by an unsorted list of open nodes: within a bandwidth they are few."""
    nodes = len(link_first) - 1
    far = np.full(nodes, np.inf)
    done = np.zeros(nodes, dtype=np.bool_)
    stamp = np.full(len(length), -1, dtype=np.int64)
    seen = np.empty(nodes, dtype=np.int64)
    at = np.empty(len(density), dtype=np.int64)
    weight = np.empty(len(density))
    for e in range(len(edges)):
        own, f = edges[e], fractions[e]
        reached = 0
        for node, metres in ((u[own], f * length[own]), (v[own], (1.0 - f) * length[own])):
            if metres < reach and metres < far[node]:
                if far[node] == np.inf:
                    seen[reached] = node
                    reached += 1
                far[node] = metres
        while True:
            node, best = -1, np.inf
            for k in range(reached):
                if not done[seen[k]] and far[seen[k]] < best:
                    node, best = seen[k], far[seen[k]]
            if node < 0:
                break
            done[node] = True
            for k in range(link_first[node], link_first[node + 1]):
                other = v[link[k]] if u[link[k]] == node else u[link[k]]
                metres = best + length[link[k]]
                if metres < reach and metres < far[other]:
                    if far[other] == np.inf:
                        seen[reached] = other
                        reached += 1
                    far[other] = metres
        used, mass = 0, 0.0
        for k in range(-1, reached):
            begin, end = (0, 1) if k < 0 else (link_first[seen[k]], link_first[seen[k] + 1])
            for m in range(begin, end):
                edge = own if k < 0 else link[m]
                if stamp[edge] == e:
                    continue
                stamp[edge] = e
                step = length[edge] / count[edge]
                for piece in range(count[edge]):
                    middle = (piece + 0.5) * step
                    metres = min(far[u[edge]] + middle, far[v[edge]] + length[edge] - middle)
                    if edge == own:
                        metres = min(metres, abs(middle - f * length[edge]))
                    if metres < reach:
                        share = 1.0 - (metres / reach) ** 2
                        at[used], weight[used] = first[edge] + piece, share * share
                        mass += weight[used] * step
                        used += 1
        for k in range(used):
            density[at[k]] += weight[k] / mass
        for k in range(reached):
            far[seen[k]], done[seen[k]] = np.inf, False
