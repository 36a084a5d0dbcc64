"""Places on the nearest street that a team can use and come back on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from hotspot.errors import ConfigError
from planning.network.modes import Network
from planning.network.splitting import Bools, Floats, Ints


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
    points = np.asarray(shapely.points(places))
    points[~np.isfinite(places).all(axis=1)] = None
    edge, off_m = _nearest(*network.open_tree, points, network.core, max_snap_m)
    again = np.flatnonzero((edge >= 0) & ~network.core[edge])
    nearest_m = off_m[again]
    edge[again], off_m[again] = _nearest(*network.core_tree, points[again], network.core, max_snap_m)
    moved = np.zeros(len(places), dtype=bool)
    moved[again] = off_m[again] > nearest_m
    at = np.flatnonzero(edge >= 0)
    lines = network.streets.edges.geometry.to_numpy()[edge[at]]
    fraction, street_xy = np.zeros(len(places)), np.full(places.shape, np.nan)
    along_m = shapely.line_locate_point(lines, points[at])
    fraction[at] = np.clip(along_m / network.length_m[edge[at]], 0.0, 1.0)
    street_xy[at] = shapely.get_coordinates(shapely.line_interpolate_point(lines, along_m))
    return Snaps(edge, fraction, off_m, places, street_xy, moved & (edge >= 0))


def _nearest(
    edges: Ints, tree: shapely.STRtree, points: npt.NDArray[np.object_], core: Bools, max_m: float
) -> tuple[Ints, Floats]:
    """(n,) the nearest of `edges`, -1 for none; of equally near ones the first of the core."""
    edge, off_m = np.full(len(points), -1, dtype=np.int64), np.full(len(points), np.inf)
    if not len(edges) or not len(points):
        return edge, off_m
    (who, line), metres = tree.query_nearest(points, max_distance=max_m, return_distance=True)
    found = edges[line]
    order = np.lexsort((found, ~core[found], who))
    who, found, metres = who[order], found[order], metres[order]
    first = np.unique(who, return_index=True)[1]
    edge[who[first]], off_m[who[first]] = found[first], metres[first]
    return edge, off_m
