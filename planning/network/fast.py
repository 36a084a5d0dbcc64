"""Times between nodes by customizable contraction hierarchies: the doorway of pyroutingkit, the extra `[fast]`."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from hotspot.errors import ConfigError
from planning.network.networks import Network
from planning.network.splitting import Floats, Ints
from planning.network.topology import usable_arcs

_TICK_S = 0.001  # whole numbers are what it adds up
_MOST_TICKS = 2**31 - 2


def node_times(network: Network, starts: Ints, goals: Ints) -> Floats:
    """(s, g) least seconds between nodes, inf where there is no way.

    The hierarchy depends on the streets alone and is kept with them; only the weights are put in anew. Raises
    ConfigError where the extra isn't installed.
    """
    routingkit = _routingkit()
    topology = network.streets.topology
    hierarchy = _hierarchy(network, routingkit)
    usable = usable_arcs(topology, network.ahead, network.back, network.passable)
    weights = np.full(len(topology.edge), routingkit.INF_WEIGHT, dtype=np.uint32)
    ticks = np.round(network.cost_s[topology.edge[usable]] / _TICK_S)
    weights[usable] = np.minimum(ticks, _MOST_TICKS).astype(np.uint32)
    metric = routingkit.CCHMetric(hierarchy)
    metric.customize(weights)
    found = metric.distances_many_to_many(starts.astype(np.uint32), goals.astype(np.uint32))
    seconds: Floats = found.astype(np.float64) * _TICK_S
    seconds[found >= _MOST_TICKS] = np.inf
    return seconds


def _hierarchy(network: Network, routingkit: Any) -> Any:
    """The contraction order of the streets, made once."""
    streets = network.streets
    kept = streets.__dict__.get("_hierarchy")
    if kept is None:
        topology = streets.topology
        kept = routingkit.CCHTopology()
        low, extent = streets.nodes_xy.min(axis=0), max(float(np.ptp(streets.nodes_xy, axis=0).max()), 1.0)
        x, y = ((streets.nodes_xy - low) / extent).T  # it only cuts the plane; any scale will do
        start, end = topology.start.astype(np.uint32), topology.end.astype(np.uint32)
        kept.build(start, end, y.astype(np.float32), x.astype(np.float32), topology.nodes)
        streets.__dict__["_hierarchy"] = kept
    return kept


def _routingkit() -> Any:
    try:
        return importlib.import_module("pyroutingkit")
    except ImportError as error:
        fix = "pip install 'hotspot-patrol[fast]', or leave engine out"
        raise ConfigError(f"engine 'fast' needs pyroutingkit, which isn't installed; fix: {fix}") from error
