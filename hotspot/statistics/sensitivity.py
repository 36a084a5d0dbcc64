"""Does the picture depend on the cells? The same test on cells of other sizes and origins (the modifiable areal unit problem).

Openshaw, S. (1984). The modifiable areal unit problem. Concepts and Techniques in Modern Geography 38.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.errors import ConfigError
from hotspot.statistics.chance import Floats, Ints
from hotspot.statistics.getis_ord import local_g
from hotspot.statistics.kernel import points_of

COLUMNS = ["cell_m", "shift_x", "shift_y", "cells", "mean_count", "hot_cells", "hot_area_share", "overlap"]


def cell_sensitivity(
    xy: npt.ArrayLike,
    within: shapely.Geometry,
    *,
    cells_m: Sequence[float] = (250.0, 150.0, 400.0),
    shifts: Sequence[tuple[float, float]] = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)),
    fdr: float = 0.05,
) -> pd.DataFrame:
    """Gi* of events `xy` (n, 2) in the area `within`, for every cell size and origin; the first of each is the reference.

    One row per variant: `cell_m`, `shift_x` and `shift_y` (of the origin, in cells), `cells`, `mean_count`, `hot_cells` (hot at
    false discovery rate `fdr`), `hot_area_share` of the area, and `overlap`: the area that is hot here and in the reference,
    over what is hot in either (1 = the same picture; NaN where neither has any). Cells are clipped to the area; events outside
    don't count. Raises ConfigError for cells that aren't positive.
    """
    if not cells_m or min(cells_m) <= 0 or not shifts:
        raise ConfigError("cells must be of positive size; fix: give metres, as cells_m=(250, 400)")
    places = points_of(xy)
    shapely.prepare(within)
    places = places[np.isfinite(places).all(axis=1)]
    places = places[shapely.contains_xy(within, *places.T)] if len(places) else places
    reference: shapely.Geometry | None = None
    rows = []
    for cell_m, (east, north) in product(cells_m, shifts):
        boxes, counts, neighbours = _lattice(places, within, cell_m, (east, north))
        found = local_g(counts, neighbours, fdr=fdr)
        hot = found.significant & (found.z > 0)
        area = shapely.union_all(boxes[hot])
        reference = area if reference is None else reference
        either = shapely.area(shapely.union(area, reference))
        overlap = shapely.area(shapely.intersection(area, reference)) / either if either > 0 else np.nan
        share = shapely.area(area) / shapely.area(within)
        rows.append(
            (cell_m, east, north, len(boxes), counts.mean() if len(counts) else np.nan, int(hot.sum()), share, overlap)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _lattice(
    places: Floats, within: shapely.Geometry, cell_m: float, shift: tuple[float, float]
) -> tuple[npt.NDArray[np.object_], Ints, list[Ints]]:
    """Squares clipped to the area, the events in each, and which of them touch."""
    low = np.floor(np.array(shapely.bounds(within)[:2]) / cell_m - 1) * cell_m + np.array(shift) * cell_m
    width, height = np.ceil((np.array(shapely.bounds(within)[2:]) - low) / cell_m).astype(int)
    column, row = (part.ravel() for part in np.meshgrid(np.arange(width), np.arange(height)))
    left, bottom = low[0] + column * cell_m, low[1] + row * cell_m
    boxes = shapely.box(left, bottom, left + cell_m, bottom + cell_m)
    kept = shapely.intersects(within, boxes)
    boxes = np.asarray(shapely.intersection(boxes[kept], within))
    number = np.full((width + 2, height + 2), -1, dtype=np.int64)
    number[column[kept] + 1, row[kept] + 1] = np.arange(len(boxes))
    at = np.floor((places - low) / cell_m).astype(np.int64) if len(places) else np.empty((0, 2), dtype=np.int64)
    counts = np.bincount(number[at[:, 0] + 1, at[:, 1] + 1], minlength=len(boxes))
    steps = [(a, b) for a, b in product((-1, 0, 1), repeat=2) if a or b]
    around = np.stack([number[column[kept] + 1 + a, row[kept] + 1 + b] for a, b in steps], axis=1)
    return boxes, counts, [near[near >= 0] for near in around]
