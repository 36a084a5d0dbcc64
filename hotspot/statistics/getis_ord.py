"""Local and general G of Getis and Ord: where high or low values come together.

Getis, A., Ord, J. K. (1992). The analysis of spatial association by use of distance statistics. Geographical Analysis
24(3), 189-206. Ord, J. K., Getis, A. (1995). Local spatial autocorrelation statistics: distributional issues and an
application. Geographical Analysis 27(4), 286-306, doi:10.1111/j.1538-4632.1995.tb00912.x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.statistics.chance import Bools, Floats, Ints, Tails, discoveries
from hotspot.statistics.local_sums import ISLAND, MISSING, cell_values, tails_of_sums, z_of_sums
from hotspot.statistics.neighbours import Neighbours, weights_of, without


@dataclass(frozen=True, eq=False)
class LocalResult:
    """One test per cell (n,).

    `statistic`, its analytic `z`, the two-sided `p_value`, and whether that is `significant`. `tails`: P of a sum as
    high, as low, and equal. `excluded`: cells that aren't tested, by reason ("missing": NaN, "island": no neighbour);
    they have NaN everywhere and are never significant. `method` says where p comes from.
    """

    statistic: Floats
    z: Floats
    p_value: Floats
    significant: Bools
    tails: Tails
    excluded: Mapping[str, Ints]
    method: str

    def summary(self) -> str:
        tested = int(np.isfinite(self.p_value).sum())
        left_out = ", ".join(f"{len(cells)} {why}" for why, cells in self.excluded.items() if len(cells))
        told = f"{int(self.significant.sum())} of {tested} cells are significant ({self.method})"
        return told + (f"; not tested: {left_out}" if left_out else "")


def local_g(
    counts: npt.ArrayLike,
    neighbours: Neighbours,
    *,
    star: bool = True,
    row_standardised: bool = False,
    permutations: int = 0,
    fdr: float | None = None,
    alpha: float = 0.05,
    seed: int | None = None,
) -> LocalResult:
    """G_i* (`star`: the cell counts among its neighbours, with the largest of their weights) or G_i of each cell.

    `counts` (n,) any finite values; NaN cells are left out. `neighbours`: lists of indices, a sparse matrix, or libpysal's
    weights. z is Ord and Getis' (1995). p is two-sided: how probable a sum over the neighbourhood as unlikely as this one, or
    more so, is when all values are dealt out anew (for G_i: all but its own). Whole numbers give it exactly; others by a
    million draws that cells of one neighbour count share, or by `permutations`, as twice the smaller tail, ties counted.
    Weights that differ within a row need `permutations`; without, p is the normal one of z.

    `significant`: at false discovery rate `fdr` (Benjamini-Hochberg) when given, else p <= `alpha`.

    `row_standardised` is for comparison with esda's transform "R" alone: its z takes Getis and Ord's (1992) variance,
    which is that of 0/1 weights, and is nearer to 0 than it ought to be. Scaling a row changes neither our z nor p.

    >>> found = local_g([0, 0, 9, 8, 0, 0], [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4]])
    >>> found.z.round(2).tolist(), found.p_value.round(2).tolist()
    ([-1.12, 0.09, 1.58, 1.58, -0.09, -1.12], [1.0, 1.0, 0.4, 0.4, 1.0, 1.0])
    """
    values = cell_values(counts)
    lost = ~np.isfinite(values)
    weights = without(weights_of(neighbours, len(values)), lost)
    sizes = np.diff(weights.indptr).astype(np.int64)
    if row_standardised:
        weights = _standardised(weights, star)
    island = ~lost & (sizes == 0)
    tested = ~lost & ~island
    filled = np.where(lost, 0.0, values)
    own = _own_weight(weights, row_standardised) if star else np.zeros(len(values))
    z = np.full(len(values), np.nan)
    sums = weights @ filled + own * filled
    z[tested] = z_of_sums(values, weights, own, sums, star, as_if_binary=row_standardised)[tested]
    tails, method = tails_of_sums(values, weights, own, sums, tested, star, permutations, seed, z)
    p = np.where(tested, tails.two_sided, np.nan)
    significant = discoveries(p, fdr) if fdr is not None else (p <= alpha)
    whole = filled.sum() - (0.0 if star else filled)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(tested, sums / whole, np.nan)
    excluded = {MISSING: np.flatnonzero(lost), ISLAND: np.flatnonzero(island)}
    return LocalResult(statistic, z, p, significant, tails, excluded, method)


def general_g(values: npt.ArrayLike, neighbours: Neighbours) -> float:
    """Global G: the share of all products of pairs that neighbours have. NaN without products. Getis and Ord (1992)."""
    x = cell_values(values)
    weights = weights_of(neighbours, len(x))
    pairs = x.sum() ** 2 - (x**2).sum()
    return float(x @ (weights @ x) / pairs) if pairs else float("nan")


def _standardised(weights: sparse.csr_array, star: bool) -> sparse.csr_array:
    """Rows that sum to 1, the cell's own weight among them for G*."""
    total = np.asarray(weights.sum(axis=1)).ravel() + (1.0 if star else 0.0)
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return sparse.csr_array(sparse.diags_array(scale, format="csr") @ weights)


def _own_weight(weights: sparse.csr_array, row_standardised: bool) -> Floats:
    if not row_standardised and weights.nnz:
        return np.asarray(weights.max(axis=1).todense(), dtype=np.float64).ravel()
    return np.asarray(1.0 - weights.sum(axis=1), dtype=np.float64).ravel()
