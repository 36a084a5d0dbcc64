"""Which arcs there are, in search order: once for all modes and speeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planning.network.splitting import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Topology:
    """Both directions of every edge that isn't a loop, sorted by `start`, `end` (A,), then edge.

    `edge` (A,) and `forward` (A,): whether the arc follows its line. Parallel arcs form groups: `first` (G,) of each,
    `among` (M,) the arcs of groups of several and `group` (M,) theirs.
    """

    nodes: int
    start: Ints
    end: Ints
    edge: Ints
    forward: Bools
    first: Ints
    among: Ints
    group: Ints


def topology_of(u: Ints, v: Ints, *, nodes: int) -> Topology:
    """All arcs of edges from nodes u to v (E,)."""
    edge = np.flatnonzero(u != v)
    start, end, which = np.r_[u[edge], v[edge]], np.r_[v[edge], u[edge]], np.r_[edge, edge]
    forward = np.arange(len(which)) < len(edge)
    order = np.lexsort((which, start * nodes + end))
    start, end = start[order], end[order]
    new = np.r_[True, (start[1:] != start[:-1]) | (end[1:] != end[:-1])][: len(start)]
    group = np.cumsum(new) - 1
    several = np.flatnonzero(np.bincount(group, minlength=1)[group] > 1) if len(group) else group
    return Topology(
        nodes, start, end, which[order], forward[order], np.flatnonzero(new), several, group[several]
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Arcs:
    """The arcs of one mode as a search needs them: those of node n are `first[n]:first[n + 1]`.

    `head` (A,) end nodes, `tail` (A,) start nodes, `edge` (A,) and whether each follows its line, `seconds`, `metres`.
    """

    first: Ints
    head: Ints
    tail: Ints
    edge: Ints
    forward: Bools
    seconds: Floats
    metres: Floats


def usable_arcs(topology: Topology, ahead: Bools, back: Bools, passable: Bools) -> Bools:
    """(A,) which arcs may be followed: `ahead`, `back` (E,) along and against their lines, between `passable` (N,) nodes."""
    allowed: Bools = np.where(topology.forward, ahead[topology.edge], back[topology.edge])
    return allowed & passable[topology.start] & passable[topology.end]


def least_arcs(
    topology: Topology, cost_s: Floats, length_m: Floats, ahead: Bools, back: Bools, passable: Bools
) -> Arcs:
    """Of parallel arcs the quickest, of equal ones the first; `passable` (N,): nodes that may be passed."""
    usable = usable_arcs(topology, ahead, back, passable)
    seconds = np.where(usable, cost_s[topology.edge], np.inf)
    best = topology.first.copy()
    if len(topology.among):
        least = np.minimum.reduceat(seconds, topology.first)
        winners = seconds[topology.among] == least[topology.group]
        groups, at = np.unique(topology.group[winners], return_index=True)
        best[groups] = topology.among[winners][at]
    best = best[np.isfinite(seconds[best])]
    tail, edge = topology.start[best], topology.edge[best]
    first = np.r_[0, np.cumsum(np.bincount(tail, minlength=topology.nodes))].astype(np.int64)
    return Arcs(first, topology.end[best], tail, edge, topology.forward[best], seconds[best], length_m[edge])
