"""The nearest street edge of each place: a packed tree of boxes over all segments, searched by a compiled kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import shapely

from planning.network.splitting import Floats, Ints

_FAN = 4  # boxes in a box
_LEAF = 8  # segments in a box of the lowest level
_BITS = 16


@dataclass(frozen=True, eq=False)
class SegmentTree:
    """Segments in an order that keeps neighbours together, and boxes over them, level by level from the lowest.

    `segments` (S, 4) x, y of both ends; `edge` (S,), `start_m` (S,) metres along the edge before the segment, `line_m`
    (E,) length of each edge in the plane. `boxes` (B, 4) low x, low y, high x, high y; `level` (L + 1,) where each
    level begins.
    """

    segments: Floats
    edge: Ints
    start_m: Floats
    line_m: Floats
    boxes: Floats
    level: Ints


def segment_tree(lines: npt.NDArray[np.object_]) -> SegmentTree:
    """The tree over lines (E,), none of them empty."""
    xy, edge = shapely.get_coordinates(lines, return_index=True)
    within = edge[1:] == edge[:-1]
    steps = np.hypot(*np.diff(xy, axis=0).T) * within if len(xy) else np.empty(0)
    along = np.r_[0.0, np.cumsum(steps)][:-1]
    before = along - along[np.searchsorted(edge, edge[:-1])] if len(xy) else along
    segments, edge, start_m = np.hstack([xy[:-1], xy[1:]])[within], edge[1:][within], before[within]
    order = np.argsort(_curve((segments[:, :2] + segments[:, 2:]) / 2), kind="stable")
    segments, edge, start_m = segments[order], edge[order].astype(np.int64), start_m[order]
    low, high = np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])
    levels = []
    size = _LEAF
    while len(low):
        at = np.arange(0, len(low), size)
        low, high = np.minimum.reduceat(low, at), np.maximum.reduceat(high, at)
        levels.append(np.hstack([low, high]))
        size = _FAN
        if len(low) == 1:
            break
    level = np.r_[0, np.cumsum([len(each) for each in levels])].astype(np.int64)
    boxes = np.concatenate(levels) if levels else np.empty((0, 4))
    line_m = np.asarray(shapely.length(lines), dtype=float)
    return SegmentTree(np.ascontiguousarray(segments), edge, start_m, line_m, np.ascontiguousarray(boxes), level)


def nearest_segments(
    tree: SegmentTree, xy: Floats, *, rank: npt.NDArray[np.uint8], max_m: float = np.inf
) -> tuple[Ints, Floats, Floats]:
    """(n,) nearest edge within `max_m`, metres to it, and the fraction of its length there; -1, inf, 0 for none.

    Only edges whose `rank` (E,) isn't 0; of equally near ones the highest rank, then the first. NaN is near nothing.
    """
    edge, off_m = np.full(len(xy), -1, dtype=np.int64), np.full(len(xy), np.inf)
    along_m = np.zeros(len(xy))
    if len(tree.boxes):
        places = np.ascontiguousarray(xy, dtype=np.float64)
        _search(
            tree.segments, tree.edge, tree.start_m, tree.boxes, tree.level, places, rank, max_m, edge, off_m, along_m
        )
    found = edge >= 0
    fraction = np.zeros(len(xy))
    found &= tree.line_m[edge] > 0
    fraction[found] = np.clip(along_m[found] / tree.line_m[edge[found]], 0.0, 1.0)
    return edge, off_m, fraction


def _curve(xy: Floats) -> Ints:
    """(S,) places along a Z-order curve."""
    if not len(xy):
        return np.empty(0, dtype=np.int64)
    low, extent = xy.min(axis=0), np.maximum(np.ptp(xy, axis=0).max(), 1e-9)
    cells = ((xy - low) / extent * (2**_BITS - 1)).astype(np.int64)
    code = np.zeros(len(xy), dtype=np.int64)
    for bit in range(_BITS):
        code |= ((cells[:, 0] >> bit) & 1) << (2 * bit) | ((cells[:, 1] >> bit) & 1) << (2 * bit + 1)
    return code


@numba.njit(cache=True, nogil=True)
def _search(
    segments: Floats, edges: Ints, start_m: Floats, boxes: Floats, level: Ints, places: Floats,
    rank: npt.NDArray[np.uint8], max_m: float, edge: Ints, off_m: Floats, along_m: Floats,
) -> None:  # fmt: skip
    top = len(level) - 2
    stack_box = np.empty(256, dtype=np.int64)
    stack_level = np.empty(256, dtype=np.int64)
    stack_d2 = np.empty(256)
    for p in range(len(places)):
        x, y = places[p, 0], places[p, 1]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        best, best_rank, best_edge, best_along = max_m * max_m, 0, -1, 0.0
        size = 1
        stack_box[0], stack_level[0], stack_d2[0] = 0, top, 0.0
        while size > 0:
            size -= 1
            if stack_d2[size] > best:
                continue
            depth, box = stack_level[size], stack_box[size]
            if depth == 0:
                for s in range(box * _LEAF, min(box * _LEAF + _LEAF, len(segments))):
                    own = rank[edges[s]]
                    if own == 0:
                        continue
                    ax, ay = segments[s, 0], segments[s, 1]
                    bx, by = segments[s, 2], segments[s, 3]
                    dx, dy = bx - ax, by - ay
                    length2 = dx * dx + dy * dy
                    share = ((x - ax) * dx + (y - ay) * dy) / length2 if length2 > 0 else 0.0
                    if share <= 0.0:
                        share, qx, qy = 0.0, ax, ay
                    elif share >= 1.0:
                        share, qx, qy = 1.0, bx, by  # the very end: edges that meet there are equally near
                    else:
                        qx, qy = ax + share * dx, ay + share * dy
                    d2 = (x - qx) ** 2 + (y - qy) ** 2
                    better = d2 < best
                    if d2 == best:
                        better = own > best_rank or (own == best_rank and edges[s] < best_edge)
                    if better:
                        best, best_rank, best_edge = d2, own, edges[s]
                        best_along = start_m[s] + share * np.sqrt(length2)
                continue
            begin, end = level[depth - 1] + box * _FAN, min(level[depth - 1] + box * _FAN + _FAN, level[depth])
            bottom = size
            for b in range(begin, end):
                ox = max(boxes[b, 0] - x, 0.0, x - boxes[b, 2])
                oy = max(boxes[b, 1] - y, 0.0, y - boxes[b, 3])
                d2 = ox * ox + oy * oy
                if d2 > best:
                    continue
                at = size  # the nearest box on top
                while at > bottom and stack_d2[at - 1] < d2:
                    stack_box[at], stack_level[at], stack_d2[at] = (
                        stack_box[at - 1], stack_level[at - 1], stack_d2[at - 1],
                    )  # fmt: skip
                    at -= 1
                stack_box[at], stack_level[at], stack_d2[at] = b - level[depth - 1], depth - 1, d2
                size += 1
        if best_edge >= 0:
            edge[p], off_m[p], along_m[p] = best_edge, np.sqrt(best), best_along
