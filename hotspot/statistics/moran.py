"""Local Moran's I: cells whose value goes with, or against, those around them.

Anselin, L. (1995). Local indicators of spatial association - LISA. Geographical Analysis 27(2), 93-115,
doi:10.1111/j.1538-4632.1995.tb00338.x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.statistics.chance import Bools, Floats, Ints, Tails, discoveries, weighted_tails
from hotspot.statistics.getis_ord import ISLAND, MISSING, _vector, without_own
from hotspot.statistics.neighbours import Neighbours, equal_weights, weights_of, without

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
    values = _vector(counts)
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
    tails, method = _tails(values, weights, sums, np.flatnonzero(tested), permutations, seed)
    p = np.where(tested, tails.two_sided, np.nan)
    side = np.where(deviation > 0, np.where(lag > 0, 1, 4), np.where(lag > 0, 2, 3))
    significant = discoveries(p, fdr) if fdr is not None else (p <= alpha)
    nan = np.where(tested, 0.0, np.nan)
    return MoranResult(
        deviation * lag + nan,
        lag + nan,
        np.where(tested, side, 0).astype(np.int8),
        _z(values, weights, sums) + nan,
        p,
        significant,
        tails,
        {MISSING: np.flatnonzero(lost), ISLAND: np.flatnonzero(island)},
        method,
    )


def _tails(
    values: Floats, weights: sparse.csr_array, sums: Floats, cells: Ints, permutations: int, seed: int | None
) -> tuple[Tails, str]:
    tails = Tails.filled(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    method = f"{permutations:,} permutations" if permutations else "exact"
    if equal_weights(weights):
        unit = weights.data[weights.indptr[cells]] if len(cells) else np.ones(0)
        sizes = np.diff(weights.indptr)[cells].astype(np.int64)
        found = without_own(values, sizes, sums[cells] / unit, cells, draws=permutations, seed=seed)
        if not permutations and (values[known] != np.round(values[known])).any():
            method = "1,000,000 shared draws"
    else:
        part = sparse.csr_array(weights[known][:, known])
        draws = permutations or 999
        whole = weighted_tails(values[known], part, np.zeros(len(known)), sums[known], draws=draws, seed=seed)
        found = whole.take(np.searchsorted(known, cells))
        method = f"{draws:,} permutations"
    tails.put(cells, found)
    return tails, method


def _z(values: Floats, weights: sparse.csr_array, sums: Floats) -> Floats:
    """Of the neighbours' sum, given the cell's own value."""
    known = np.isfinite(values)
    x = np.where(known, values, 0.0)
    n = int(known.sum()) - 1
    mean = (x.sum() - x) / max(n, 1)
    variance = np.maximum(((x**2).sum() - x**2) / max(n, 1) - mean**2, 0.0)
    w1 = np.asarray(weights.sum(axis=1)).ravel()
    w2 = np.asarray(weights.power(2).sum(axis=1)).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (sums - mean * w1) / np.sqrt(variance * np.maximum(n * w2 - w1**2, 0.0) / max(n - 1, 1))
    return np.where(np.isfinite(z), z, np.nan)
