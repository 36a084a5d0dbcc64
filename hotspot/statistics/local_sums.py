"""What local statistics share: the sum of a cell's neighbours, its moments, and its chance when values are dealt out anew."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.errors import ConfigError
from hotspot.statistics.chance import Bools, Floats, Ints, Tails, doubled, sum_tails, weighted_tails
from hotspot.statistics.neighbours import equal_weights
from hotspot.tails import normal_lower, normal_upper

ISLAND, MISSING = "island", "missing"
_MOST_KINDS = 500


def cell_values(values: npt.ArrayLike) -> Floats:
    """(n,) floats, NaN where a cell isn't known. Raises ConfigError for another shape and for infinite values."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ConfigError(f"counts have shape {x.shape}; fix: give one value per cell")
    if np.isinf(x).any():
        raise ConfigError("counts must be finite; fix: use NaN for cells that aren't known")
    return x


def z_of_sums(
    values: Floats, weights: sparse.csr_array, own: Floats, sums: Floats, star: bool, *, as_if_binary: bool = False
) -> Floats:
    """(n,) z of weighted sums over neighbours, and over the cells (weight `own`, n) too if `star`; else given their values.

    `as_if_binary`: weights count as 0/1 in the variance. NaN without variation.
    """
    known = np.isfinite(values)
    x = np.where(known, values, 0.0)
    n = int(known.sum()) - (0 if star else 1)
    rest = 0.0 if star else x
    mean = (x.sum() - rest) / max(n, 1)
    variance = ((x**2).sum() - (0.0 if star else x**2)) / max(n, 1) - mean**2
    w1 = np.asarray(weights.sum(axis=1)).ravel() + own
    w2 = w1 if as_if_binary else np.asarray(weights.power(2).sum(axis=1)).ravel() + own**2
    spread = (n * w2 - w1**2) / max(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z: Floats = (sums - mean * w1) / np.sqrt(np.maximum(variance, 0.0) * np.maximum(spread, 0.0))
    return np.where(np.isfinite(z), z, np.nan)


def tails_of_sums(
    values: Floats, weights: sparse.csr_array, own: Floats, sums: Floats, tested: Bools, star: bool,
    permutations: int, seed: int | None, z: Floats,
) -> tuple[Tails, str]:  # fmt: skip
    """Tails of the sums of `tested` (n,) cells, NaN elsewhere, and where they come from: see `local_g`."""
    n = len(values)
    known = np.isfinite(values)
    tails = Tails.filled(n, np.nan)
    method = f"{permutations:,} permutations" if permutations else "exact"
    cells = np.flatnonzero(tested)
    sizes = np.diff(weights.indptr)[cells].astype(np.int64)
    unit = np.ones(n)
    unit[cells] = weights.data[weights.indptr[cells]]
    even = equal_weights(weights) and (not star or np.allclose(own[cells], unit[cells]))
    if even:
        whole = sums / unit
        if star:
            found = sum_tails(values[known], sizes + 1, whole[cells], draws=permutations, seed=seed)
        else:
            found = _without_own(values, sizes, whole[cells], cells, draws=permutations, seed=seed)
        if not permutations and (values[known] != np.round(values[known])).any():
            method = "1,000,000 shared draws"
    elif permutations:
        at = np.flatnonzero(known)
        part = sparse.csr_array(weights[at][:, at])
        every = weighted_tails(values[at], part, own[at], sums[at], draws=permutations, seed=seed)
        found = every.take(np.searchsorted(at, cells))
    else:
        upper, lower = normal_upper(z[cells]), normal_lower(z[cells])
        found = Tails(upper, lower, np.zeros(len(cells)), doubled(upper, lower))
        method = "normal approximation"
    tails.put(cells, found)
    return tails, method


def _without_own(values: Floats, sizes: Ints, observed: Floats, cells: Ints, *, draws: int, seed: int | None) -> Tails:
    """Tails of sums over the neighbours of `cells` when all values but their own are dealt out: by own value, since
    cells of one value face the same others."""
    known = values[np.isfinite(values)]
    tails = Tails.filled(len(cells), 1.0)
    own, group = np.unique(values[cells], return_inverse=True)
    if len(own) > _MOST_KINDS:  # one value fewer among very many different ones changes nothing that counts
        return sum_tails(known, sizes, observed, draws=draws, seed=seed)
    ordered = np.sort(known)
    for g, value in enumerate(own.tolist()):
        rows = np.flatnonzero(group == g)
        others = np.delete(ordered, np.searchsorted(ordered, value))
        tails.put(rows, sum_tails(others, sizes[rows], observed[rows], draws=draws, seed=seed))
    return tails
