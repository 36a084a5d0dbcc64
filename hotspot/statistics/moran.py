"""Local Moran's I: cells whose value goes with, or against, those around them.

Anselin, L. (1995). Local indicators of spatial association - LISA. Geographical Analysis 27(2), 93-115,
doi:10.1111/j.1538-4632.1995.tb00338.x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hotspot.statistics.chance import Bools, Floats, Ints, Tails, discoveries
from hotspot.statistics.local_sums import ISLAND, MISSING, cell_values, tails_of_sums, z_of_sums
from hotspot.statistics.neighbours import Neighbours, equal_weights, weights_of, without

UNEQUAL_PERMUTATIONS = 999  # where weights differ within a row and none are asked for
QUADRANTS = ("", "high-high", "low-high", "low-low", "high-low")


@dataclass(frozen=True, eq=False)
class MoranResult:
    """One test per cell (n,): `statistic` I_i, `lag` (mean of the neighbours, in standard deviations from the mean),
    `quadrant` (0 = not tested, 1 high-high, 2 low-high, 3 low-low, 4 high-low), two-sided `p_value`, `significant`.
    `excluded` as for local_g."""

    statistic: Floats
    lag: Floats
    quadrant: npt.NDArray[np.int8]
    z: Floats
    p_value: Floats
    significant: Bools
    tails: Tails
    excluded: dict[str, Ints]
    method: str

    def summary(self) -> str:
        kinds = np.bincount(self.quadrant[self.significant], minlength=5)
        told = ", ".join(f"{kinds[k]} {QUADRANTS[k]}" for k in range(1, 5))
        return f"{int(self.significant.sum())} of {int(np.isfinite(self.p_value).sum())} cells are significant: {told}"


def local_moran(
    counts: npt.ArrayLike,
    neighbours: Neighbours,
    *,
    permutations: int = 0,
    fdr: float | None = None,
    alpha: float = 0.05,
    seed: int | None = None,
) -> MoranResult:
    """Local Moran's I with row-standardised weights: I_i = z_i times the mean z of its neighbours.

    p is two-sided, of the neighbours' sum when all values but the cell's own are dealt out anew; exact for whole numbers,
    else by shared draws, or by `permutations`: see local_g. `z` is the sum's analytic one under the same null.
    `significant` as for local_g. A map without any variation has NaN.

    >>> found = local_moran([0, 0, 9, 8, 0, 0], [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4]])
    >>> found.statistic.round(3).tolist(), found.quadrant.tolist()
    ([0.497, -0.293, 0.446, 0.534, -0.205, 0.497], [3, 2, 1, 1, 2, 3])
    """
    values = cell_values(counts)
    lost = ~np.isfinite(values)
    weights = without(weights_of(neighbours, len(values)), lost)
    sizes = np.diff(weights.indptr).astype(np.int64)
    known = values[~lost]
    flat = len(known) == 0 or known.max() == known.min()
    island = ~lost & (sizes == 0)
    tested = ~lost & ~island & (not flat)
    mean, spread = (known.mean(), known.std()) if len(known) else (0.0, 0.0)
    deviation = np.where(lost, 0.0, (values - mean) / (spread or 1.0))
    total = np.asarray(weights.sum(axis=1)).ravel()
    lag = np.divide(weights @ deviation, total, out=np.zeros(len(values)), where=total > 0)
    sums = weights @ np.where(lost, 0.0, values)
    nothing = np.zeros(len(values))
    z = z_of_sums(values, weights, nothing, sums, False)
    draws = permutations if equal_weights(weights) else permutations or UNEQUAL_PERMUTATIONS
    tails, method = tails_of_sums(values, weights, nothing, sums, tested, False, draws, seed, z)
    p = np.where(tested, tails.two_sided, np.nan)
    side = np.where(deviation > 0, np.where(lag > 0, 1, 4), np.where(lag > 0, 2, 3))
    significant = discoveries(p, fdr) if fdr is not None else (p <= alpha)
    nan = np.where(tested, 0.0, np.nan)
    return MoranResult(
        deviation * lag + nan,
        lag + nan,
        np.where(tested, side, 0).astype(np.int8),
        z + nan,
        p,
        significant,
        tails,
        {MISSING: np.flatnonzero(lost), ISLAND: np.flatnonzero(island)},
        method,
    )
