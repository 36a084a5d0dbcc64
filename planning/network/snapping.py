"""Places on the nearest street that a team can use and come back on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from hotspot.errors import ConfigError
from planning.network.nearest import nearest_segments
from planning.network.networks import Network
from planning.network.splitting import Bools, Floats, Ints
from planning.network.streets import Streets


@dataclass(frozen=True, eq=False)
class Snaps:
    """Places and their streets, one row each.

    `edge` (n,) is -1 where no street is near enough; `fraction` (n,) of the edge's length from its node u; `distance_m`
    (n,) between place and street, inf where there is none; `place_xy`, `street_xy` (n, 2), the latter NaN where there
    is none. `moved` (n,): a nearer street was passed over because it doesn't connect to the others, there and back.
    """

    edge: Ints
    fraction: Floats
    distance_m: Floats
    place_xy: Floats
    street_xy: Floats
    moved: Bools

    @property
    def ok(self) -> Bools:
        return self.edge >= 0

    def take(self, rows: npt.ArrayLike) -> Snaps:
        """The given rows, in that order."""
        at = np.asarray(rows, dtype=np.int64)
        return Snaps(*(getattr(self, name)[at] for name in self.__dataclass_fields__))

    def summary(self) -> str:
        return f"{int(self.ok.sum())} of {len(self.ok)} places on streets, {int(self.moved.sum())} moved off dead ends"


def snap(network: Network, xy: npt.ArrayLike, *, max_snap_m: float = 300.0) -> Snaps:
    """Put places (n, 2), metres in the network's CRS, on the nearest edge of its core.

    Farther than `max_snap_m` from it, or NaN, is on none. Of equally near edges the first is taken. Raises ConfigError
    for another shape or a limit that isn't positive.
    """
    places = np.asarray(xy, dtype=float)
    places = places.reshape(-1, 2) if places.size == 0 else places
    if places.ndim != 2 or places.shape[1] != 2:
        raise ConfigError(f"places have shape {places.shape}; fix: give one row of x, y in metres per place")
    if not max_snap_m > 0:
        raise ConfigError(f"max_snap_m is {max_snap_m}; fix: give a positive number of metres")
    rank = np.where(network.core, np.uint8(2), (network.ahead | network.back).astype(np.uint8)).astype(np.uint8)
    tree = network.streets.segments
    edge, off_m, fraction = nearest_segments(tree, places, rank=rank, max_m=max_snap_m)
    again = np.flatnonzero((edge >= 0) & ~network.core[edge])
    nearest_m, only_core = off_m[again], network.core.astype(np.uint8)
    edge[again], off_m[again], fraction[again] = nearest_segments(
        tree, places[again], rank=only_core, max_m=max_snap_m
    )  # fmt: skip
    moved = np.zeros(len(places), dtype=bool)
    moved[again] = off_m[again] > nearest_m
    at = np.flatnonzero(edge >= 0)
    lines = network.streets.edges.geometry.to_numpy()[edge[at]]
    street_xy = np.full(places.shape, np.nan)
    street_xy[at] = shapely.get_coordinates(shapely.line_interpolate_point(lines, fraction[at], normalized=True))
    return Snaps(edge, fraction, off_m, places, street_xy, moved & (edge >= 0))


def nearest_edges(streets: Streets, xy: npt.ArrayLike) -> tuple[Ints, Floats]:
    """(n,) the nearest edge of each place (n, 2) in the streets' CRS, whatever may use it, and metres to it.

    Of equally near ones the first; -1 and inf for NaN.
    """
    places = np.asarray(xy, dtype=float).reshape(-1, 2)
    every = np.ones(len(streets.edges), dtype=np.uint8)
    edge, off_m, _ = nearest_segments(streets.segments, places, rank=every)
    return edge, off_m
