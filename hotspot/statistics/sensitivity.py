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
from hotspot.grid import grid_over
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
        grid = grid_over(within, cell_m=cell_m, shift=(east, north))
        counts = np.bincount(grid.locate(places), minlength=len(grid))
        found = local_g(counts, grid.neighbours(), fdr=fdr)
        hot = found.significant & (found.z > 0)
        area = shapely.union_all(grid.cells.geometry.to_numpy()[hot])
        reference = area if reference is None else reference
        either = shapely.area(shapely.union(area, reference))
        overlap = shapely.area(shapely.intersection(area, reference)) / either if either > 0 else np.nan
        share = shapely.area(area) / shapely.area(within)
        rows.append(
            (cell_m, east, north, len(grid), counts.mean() if len(counts) else np.nan, int(hot.sum()), share, overlap)
        )
    return pd.DataFrame(rows, columns=COLUMNS)
