"""Least times between places on streets, and the lengths of those ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotspot.errors import ConfigError
from planning.network import fast
from planning.network.modes import WALK_KMH
from planning.network.networks import Network
from planning.network.searching import Doors, doors, search
from planning.network.snapping import Snaps
from planning.network.splitting import Bools, Floats, Ints

STAYS = -1  # the way doesn't leave the edge that it begins on
ENGINES = ("core", "fast")
_MOST_PAIRS = 2_000_000  # held at once: about 100 MB with their doors


@dataclass(frozen=True, eq=False)
class Travel:
    """Least seconds and the metres of those ways, (n, m) each; inf where there is no way."""

    travel_s: Floats
    travel_m: Floats


def travel(
    network: Network,
    origins: Snaps,
    destinations: Snaps,
    *,
    limit_s: float = np.inf,
    engine: str = "core",
) -> Travel:
    """Least times and their lengths from every origin (n) to every destination (m).

    Places are on their edges, not at nodes; the bits between place and street are walked at 4.5 km/h and count. From a
    place to itself is 0. A place that isn't on a street reaches nothing. Above `limit_s` is inf, and isn't searched.

    `engine` "fast" needs the extra of that name: thousands of places by contraction hierarchies (RoutingKit), times
    rounded to a millisecond per edge, and no lengths: `travel_m` is NaN for ways over more than one edge.

    Raises ConfigError for a limit below 0, an unknown engine, or "fast" where it isn't installed.
    """
    if not limit_s >= 0:
        raise ConfigError(f"limit_s is {limit_s}; fix: give a number of seconds, 0 or more")
    if engine not in ENGINES:
        raise ConfigError(f"engine '{engine}' is unknown; fix: use one of: {', '.join(ENGINES)}")
    shape = (len(origins.edge), len(destinations.edge))
    seconds, metres = np.full(shape, np.inf), np.full(shape, np.inf)
    between = _fast_ways if engine == "fast" else _core_ways
    block = max(1, _MOST_PAIRS // max(shape[1], 1))
    for low in range(0, shape[0], block):
        rows = slice(low, low + block)
        some = origins.take(np.arange(shape[0])[rows])
        seconds[rows], metres[rows], _ = between(network, some, destinations, limit_s)
        _off_the_street(some, destinations, seconds[rows], metres[rows])
    lost = ~np.isfinite(seconds) | (seconds > limit_s)
    seconds[lost], metres[lost] = np.inf, np.inf
    return Travel(seconds, metres)


def _off_the_street(origins: Snaps, destinations: Snaps, seconds: Floats, metres: Floats) -> None:
    """Adds the bits between places and streets; from a place to itself there is nothing to go."""
    off_m = origins.distance_m[:, None] + destinations.distance_m[None, :]
    seconds += off_m * 3.6 / WALK_KMH
    metres += off_m
    same = same_place(origins.place_xy[:, None], destinations.place_xy[None, :])
    same &= origins.ok[:, None] & destinations.ok[None, :]
    seconds[same], metres[same] = 0.0, 0.0


def same_place(a: Floats, b: Floats) -> Bools:
    """Whether coordinates (..., 2) are equal to the bit."""
    found: Bools = (a == b).all(axis=-1)
    return found


def _core_ways(network: Network, origins: Snaps, destinations: Snaps, limit_s: float) -> tuple[Floats, Floats, Ints]:
    leave, enter = doors(network, origins, leaving=True), doors(network, destinations, leaving=False)
    goals, goal = goal_nodes(enter)
    found = search(network.arcs, leave, goals, limit_s=limit_s)
    return join(network, origins, destinations, enter, found.seconds[:, goal], found.metres[:, goal])


def _fast_ways(network: Network, origins: Snaps, destinations: Snaps, limit_s: float) -> tuple[Floats, Floats, Ints]:
    leave, enter = doors(network, origins, leaving=True), doors(network, destinations, leaving=False)
    starts, start = goal_nodes(leave)
    goals, goal = goal_nodes(enter)
    between = fast.node_times(network, starts, goals)
    seconds = np.full((len(start), *goal.shape), np.inf)
    for door in (0, 1):
        by = leave.seconds[:, door, None, None] + between[start[:, door]][:, goal]
        np.minimum(seconds, by, out=seconds)
    return join(network, origins, destinations, enter, seconds, np.where(np.isfinite(seconds), np.nan, np.inf))


def goal_nodes(enter: Doors) -> tuple[Ints, Ints]:
    """The distinct nodes of doors that can be used, and which of them each door (m, 2) is at (0 where it can't be)."""
    usable = np.isfinite(enter.seconds)
    goals, which = np.unique(enter.node[usable], return_inverse=True)
    goal = np.zeros(enter.node.shape, dtype=np.int64)
    goal[usable] = which.ravel()
    return (goals if len(goals) else np.zeros(1, dtype=np.int64)), goal


def join(
    network: Network, origins: Snaps, destinations: Snaps, enter: Doors, node_s: Floats, node_m: Floats
) -> tuple[Floats, Floats, Ints]:
    """(n, m) seconds, metres and the last door of ways from street to street, given those to each door (n, m, 2).

    The door is 0 or 1 for the end u or v of the last edge, or `STAYS`.
    """
    by_door = node_s + enter.seconds
    door = np.argmin(by_door, axis=2)
    seconds = np.take_along_axis(by_door, door[..., None], axis=2)[..., 0]
    metres = np.take_along_axis(node_m + enter.metres, door[..., None], axis=2)[..., 0]
    _stay_on_edge(network, origins, destinations, seconds, metres, door)
    metres[~np.isfinite(seconds)] = np.inf
    return seconds, metres, door


def _stay_on_edge(
    network: Network, origins: Snaps, destinations: Snaps, seconds: Floats, metres: Floats, door: Ints
) -> None:
    """Two places on one edge: straight along it, where its direction allows and nothing else is quicker."""
    i, j = np.nonzero((origins.edge[:, None] == destinations.edge[None, :]) & origins.ok[:, None])
    edge, step = origins.edge[i], destinations.fraction[j] - origins.fraction[i]
    allowed = np.where(step > 0, network.ahead[edge], network.back[edge]) | (step == 0)
    straight_s = np.abs(step) * np.where(allowed & (step != 0), network.cost_s[edge], 0.0)
    direct = allowed & (straight_s <= seconds[i, j])
    i, j, edge, step = i[direct], j[direct], edge[direct], step[direct]
    seconds[i, j], metres[i, j], door[i, j] = straight_s[direct], np.abs(step) * network.length_m[edge], STAYS
