"""Risk models 3 and 4: incidents smoothed over place, and over place and recent time."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.long_run import spread_a_little
from hotspot.forecasting.profile import district_hours
from hotspot.grid import Grid

BANDWIDTHS_CELLS = (0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
REACH = 3.0  # bandwidths; 99 % of a Gaussian
SEEN_WEEKS, JUDGED_WEEKS = 104, 26
NEAR_M, NEAR_WEEKS = 400.0, 8


def smoothed_counts(history: History, grid: Grid) -> Estimate:
    """Kernel density at the cells: the last two years' counts under a Gaussian, its mass kept inside the area.

    The bandwidth is that which made the last half year likeliest, given the time before. Zero everywhere without incidents.
    """
    counts = history.weeks(len(grid)).counts
    judged = min(JUDGED_WEEKS, counts.shape[1] // 2)
    split = counts.shape[1] - judged
    before, held_out = counts[:, :split][:, -SEEN_WEEKS:].sum(axis=1), counts[:, split:].sum(axis=1)

    def likelihood(bandwidth: float) -> float:
        own, borrowed = spread_a_little(_smoother(grid, bandwidth) @ before, grid)
        share = own + borrowed
        return float(held_out @ np.log(np.maximum(share / max(share.sum(), 1e-300), 1e-300)))

    bandwidth_m = grid.cell_m * max(BANDWIDTHS_CELLS, key=lambda cells: likelihood(cells * grid.cell_m))
    now = counts[:, -SEEN_WEEKS:].sum(axis=1)
    smooth, spread = spread_a_little(_smoother(grid, bandwidth_m) @ now, grid)
    own = np.minimum(smooth, now)
    return estimate_of(
        own, history, grid, borrowed=smooth - own + spread, hours=district_hours(history, grid),
        parameters={"bandwidth_m": bandwidth_m},
    )  # fmt: skip


def prospective_kernel(history: History, grid: Grid) -> Estimate:
    """Prospective mapping: incidents of the last 8 weeks within 400 m, weighed by 1 / (1 + half cells) and 1 / (1 + weeks).

    Bowers, Johnson & Pease (2004), Prospective hot-spotting, British Journal of Criminology 44(5), 641-658,
    doi:10.1093/bjc/azh036. 1 % of the total is spread over the area. Zero everywhere without incidents in these weeks.
    """
    recent = history.weeks(len(grid)).counts[:, -NEAR_WEEKS:]
    faded = recent @ (1.0 / np.arange(recent.shape[1], 0, -1))
    own, _ = spread_a_little(faded, grid)
    near, spread = spread_a_little(_near(grid) @ faded, grid)
    return estimate_of(
        own, history, grid, borrowed=near - own + spread, place_shape=_near(grid) @ recent.sum(axis=1) + 0.5,
        hours=district_hours(history, grid), parameters={"within_m": NEAR_M, "within_weeks": NEAR_WEEKS},
    )  # fmt: skip


def _pairs(grid: Grid, within_m: float) -> sparse.csr_array:
    """(C, C) distances between cell centres, up to `within_m`; a cell from itself is 1e-9 m away."""
    tree = cKDTree(grid.centres_xy)
    found = tree.sparse_distance_matrix(tree, within_m, output_type="coo_matrix")
    apart = sparse.coo_array((np.maximum(found.data, 1e-9), (found.row, found.col)), shape=found.shape)
    return sparse.csr_array(apart)


def _smoother(grid: Grid, bandwidth_m: float) -> sparse.csr_array:
    weights = _pairs(grid, REACH * bandwidth_m + grid.cell_m)
    weights.data = np.exp(-0.5 * (weights.data / bandwidth_m) ** 2)
    mass: Floats = np.asarray(weights.sum(axis=0), dtype=float).ravel()
    return sparse.csr_array(weights / mass[None, :])


def _near(grid: Grid) -> sparse.csr_array:
    weights = _pairs(grid, max(NEAR_M, grid.cell_m))
    weights.data = 1.0 / (1.0 + np.floor(weights.data / (grid.cell_m / 2.0)))
    return weights
