"""Who is whose neighbour, in any usual form, as one sparse matrix without the cells themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.errors import ConfigError

Bools = npt.NDArray[np.bool_]
Neighbours = Any  # lists of indices, a mapping, a sparse matrix, or what has `.sparse` (libpysal's W and Graph)


def weights_of(neighbours: Neighbours, count: int) -> sparse.csr_array:
    """(n, n) weights; 1 for each neighbour where only indices are given. A cell is no neighbour of its own.

    Raises ConfigError for another number of cells, indices that don't exist, or weights that aren't finite and positive.
    """
    given: Any = getattr(neighbours, "sparse", neighbours)
    matrix: Any = given if sparse.issparse(given) else _of_lists(given, count)
    weights: sparse.csr_array = sparse.csr_array(matrix, dtype=np.float64, copy=True)
    if weights.shape != (count, count):
        raise ConfigError(f"neighbours are {weights.shape} for {count} cells; fix: give one row per cell")
    weights.setdiag(0.0)
    weights.eliminate_zeros()
    weights.sum_duplicates()
    if not (np.isfinite(weights.data) & (weights.data > 0)).all():
        raise ConfigError("weights of neighbours must be finite and positive; fix: leave the others out")
    return weights


def _of_lists(lists: Sequence[Sequence[int]] | Mapping[int, Sequence[int]], count: int) -> sparse.coo_array:
    rows = [lists[i] for i in range(count)] if len(lists) == count else None
    if rows is None:
        raise ConfigError(f"neighbours are given for {len(lists)} of {count} cells; fix: give one list per cell")
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    column = np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]) if sizes.sum() else np.empty(0, np.int64)
    if len(column) and (column.min() < 0 or column.max() >= count):
        raise ConfigError(f"neighbours name cells that don't exist; fix: use indices from 0 to {count - 1}")
    row = np.repeat(np.arange(count), sizes)
    pairs = np.unique(np.column_stack([row, column]), axis=0)
    return sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))


def without(weights: sparse.csr_array, lost: Bools) -> sparse.csr_array:
    """The weights without the lost cells, as neighbours and as cells."""
    if not lost.any():
        return weights
    keep = sparse.diags_array((~lost).astype(np.float64), format="csr")
    kept = sparse.csr_array(keep @ weights @ keep)
    kept.eliminate_zeros()
    return kept


def equal_weights(weights: sparse.csr_array) -> bool:
    """Whether every cell gives all of its neighbours one weight."""
    row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    if not len(row):
        return True
    first = weights.data[weights.indptr[:-1].clip(max=len(row) - 1)]
    return bool(np.allclose(weights.data, first[row], rtol=1e-12, atol=0.0))
