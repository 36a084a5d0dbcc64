"""Where people stand at an event: places on the streets around it, far from one another."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from planning.network import Network, Snaps, snap, travel
from planning.rules import Floats

NEAREST_M, FARTHEST_M = 50.0, 300.0  # on foot from the venue
STEP_M = 25.0  # between two candidates along a street
WIDENINGS = 3  # each doubles the way, where there are fewer places than posts
COLUMNS = ["event_id", "post_id", "headcount", "walk_m"]


def make_posts(events: gpd.GeoDataFrame, network: Network, *, max_snap_m: float = 300.0) -> gpd.GeoDataFrame:
    """The posts of all events: `event_id, post_id, headcount, walk_m` from the venue, and the place.

    Each event has as many as its `posts` says, or as there are places; their headcounts add up to the event's, and no
    two of them differ by more than one. No event gives an empty frame with the same columns.
    """
    rows, places = [], []
    for event in events.itertuples():
        venue = np.array([[event.geometry.x, event.geometry.y]])
        xy, walk_m = post_places(network, snap(network, venue, max_snap_m=max_snap_m), count=int(event.posts))
        heads = split_evenly(int(event.headcount), len(xy))
        rows += [(event.id, f"{event.id}-{k}", n, m) for k, (n, m) in enumerate(zip(heads, walk_m, strict=True), 1)]
        places += [shapely.Point(x, y) for x, y in xy]
    frame = gpd.GeoDataFrame(rows, columns=COLUMNS, geometry=places, crs=events.crs)
    return frame.astype({"headcount": "int64", "walk_m": "float64"})


def split_evenly(total: int, parts: int) -> list[int]:
    """Whole numbers that add up to `total`, the larger ones first.

    >>> split_evenly(11, 3)
    [4, 4, 3]
    """
    each, more = divmod(total, parts)
    return [each + 1] * more + [each] * (parts - more)


def post_places(network: Network, venue: Snaps, *, count: int) -> tuple[Floats, list[float]]:
    """Up to `count` places (n, 2) on streets, and the metres on foot from the venue (one place, on a street).

    From 50 to 300 m away; farther where there are too few such places, at the venue itself where there are none. The
    first is the nearest, each next one the farthest from those before (Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5).
    """
    farthest_m = FARTHEST_M
    for _ in range(WIDENINGS + 1):
        xy = _along_streets(network, venue.street_xy[0], farthest_m)
        along_m = travel(network, venue, snap(network, xy, max_snap_m=1.0)).travel_m[0] - venue.distance_m[0]
        walk_m = np.round(along_m, 1)  # so that places equally far are so in all their digits
        near = (walk_m >= NEAREST_M) & (walk_m <= farthest_m)
        if near.sum() >= count:
            break
        farthest_m *= 2
    if not near.any():
        return venue.street_xy, [0.0]
    chosen = _spread(xy[near], int(np.argmin(walk_m[near])), count)
    return xy[near][chosen], walk_m[near][chosen].tolist()


def _along_streets(network: Network, centre: Floats, radius_m: float) -> Floats:
    """(n, 2) crossings, and places every 25 m between them, of the streets within the radius; each once, by x and y."""
    edges = network.streets.edges
    near = edges.sindex.query(shapely.buffer(shapely.Point(centre), radius_m), predicate="intersects")
    near = np.sort(near[network.core[near]])
    steps = np.maximum(1, np.ceil(shapely.length(edges.geometry.to_numpy()[near]) / STEP_M)).astype(np.int64)
    shares = np.concatenate([np.linspace(0, 1, n + 1) for n in steps]) if len(near) else np.empty(0)
    lines = np.repeat(edges.geometry.to_numpy()[near], steps + 1)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines, shares, normalized=True))
    return np.unique(np.round(xy, 2), axis=0).reshape(-1, 2)


def _spread(xy: Floats, first: int, count: int) -> list[int]:
    """Farthest-point choice of at most `count` rows; of equally far ones the first."""
    chosen = [first]
    off_m = np.round(np.hypot(*(xy - xy[first]).T), 1)
    while len(chosen) < min(count, len(xy)):
        chosen.append(int(np.argmax(off_m)))
        off_m = np.minimum(off_m, np.round(np.hypot(*(xy - xy[chosen[-1]]).T), 1))
    return chosen
