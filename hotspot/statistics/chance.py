"""What chance alone does: the sum of m values drawn without replacement, exactly or by simulation; and many tests at once.

Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B
57(1), 289-300. Phipson, B., Smyth, G. K. (2010). Permutation p-values should never be zero. Statistical Applications in
Genetics and Molecular Biology 9(1), 39, doi:10.2202/1544-6115.1585.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SHARED_DRAWS = 1_000_000
_MOST_WORK = 4_000_000_000  # steps of the exact distribution; beyond that it is simulated
_ROUNDING = 1e-7  # two probabilities this near to each other are equal
_SAME = 1e-9  # of the largest value: sums of equal values in another order differ in the last bits


@dataclass(frozen=True, eq=False)
class Tails:
    """(n,) P(sum >= observed), P(sum <= observed), P(sum = observed): ties count on both sides. `two_sided`: P of a sum
    as unlikely as the observed one or more so; where it is simulated, twice the smaller tail, at most 1."""

    upper: Floats
    lower: Floats
    equal: Floats
    two_sided: Floats

    @classmethod
    def filled(cls, count: int, value: float) -> Tails:
        return cls(*(np.full(count, value) for _ in range(4)))

    def put(self, rows: Ints, found: Tails) -> None:
        """Writes the tails of some rows."""
        for name in ("upper", "lower", "equal", "two_sided"):
            getattr(self, name)[rows] = getattr(found, name)

    def take(self, rows: Ints) -> Tails:
        return Tails(self.upper[rows], self.lower[rows], self.equal[rows], self.two_sided[rows])

    def randomised(self, seed: int | None = None) -> Floats:
        """(n,) P(sum > observed) + U P(sum = observed): uniform under chance whatever the ties; for calibration only."""
        u = np.random.default_rng(seed).random(len(self.upper))
        return self.upper - u * self.equal


def sum_tails(values: Floats, sizes: Ints, observed: Floats, *, draws: int = 0, seed: int | None = None) -> Tails:
    """Tails of the sum of `sizes` (n,) values drawn without replacement from all `values` (N,).

    `draws` 0: exact for whole numbers, else a million draws shared by all cells of one size; p is (k + 1) / (R + 1).
    A size of 0 has the sum 0. Sizes may be at most N.
    """
    tails = Tails.filled(len(sizes), 1.0)
    rng = np.random.default_rng(seed)
    ordered = np.sort(values)
    for size in np.unique(sizes[sizes > 0]):
        cells = np.flatnonzero(sizes == size)
        if draws == 0 and is_exact(ordered, int(size)):
            pmf = sum_distribution(ordered, int(size))
            tails.put(cells, _looked_up(pmf, observed[cells], int(size) * int(ordered[0])))
        else:
            sums = np.sort(drawn_sums(ordered, int(size), draws or SHARED_DRAWS, rng))
            tails.put(cells, simulated_tails(sums, observed[cells], tolerance(ordered)))
    return tails


def is_exact(ordered: Floats, size: int) -> bool:
    """Whether the distribution of sums can be worked out: whole numbers, not too many different ones."""
    if not len(ordered) or not np.isfinite(ordered).all() or (ordered != np.round(ordered)).any():
        return False
    span = float(ordered[-1] - ordered[0])
    return bool(len(np.unique(ordered)) * size * size * size * (span + 1) < _MOST_WORK)


def sum_distribution(ordered: Floats, size: int) -> Floats:
    """(S,) probabilities of the sums size * least, ... of `size` whole numbers drawn without replacement.

    >>> sum_distribution(np.array([0.0, 0.0, 1.0]), 2).round(6).tolist()
    [0.333333, 0.666667, 0.0]
    """
    whole = (ordered - ordered[0]).astype(np.int64)
    kinds, counts = np.unique(whole, return_counts=True)
    found: Floats = _distribution(kinds, counts.astype(np.int64), size)
    return found


@numba.njit(cache=True)
def _distribution(kinds: Ints, counts: Ints, size: int) -> Floats:
    """Kind by kind: how many of the draws still open it takes, by the hypergeometric distribution."""
    span = size * kinds[-1] + 1
    state = np.zeros((size + 1, span))  # draws still open, sum so far
    state[size, 0] = 1.0
    left = counts.sum()
    for v in range(len(kinds)):
        count, kind = counts[v], kinds[v]
        after = np.zeros((size + 1, span))
        for still in range(size + 1):
            for j in range(min(still, count) + 1):
                p = _taken(j, still, count, left)
                if p > 0.0:
                    shift = j * kind
                    for s in range(span - shift):
                        if state[still, s] > 0.0:
                            after[still - j, s + shift] += p * state[still, s]
        state = after
        left -= count
    found: Floats = state[0]
    return found


@numba.njit(cache=True)
def _taken(j: int, draws: int, count: int, left: int) -> float:
    """P(j of `draws` are among the `count`), drawn without replacement from `left`."""
    if draws - j > left - count:
        return 0.0
    p = 1.0
    for i in range(j):
        p *= (count - i) / (left - i) * (draws - i) / (i + 1)
    for i in range(draws - j):
        p *= (left - count - i) / (left - j - i)
    return p


def drawn_sums(values: Floats, size: int, draws: int, rng: np.random.Generator) -> Floats:
    """(draws,) sums of `size` values drawn without replacement."""
    found: Floats = _drawn(values, size, draws, rng)
    return found


def simulated_tails(sums: Floats, observed: Floats, same: float) -> Tails:
    """Tails of observed values among sorted simulated ones, the observed one counted among them."""
    low = np.searchsorted(sums, observed - same, side="left")
    high = np.searchsorted(sums, observed + same, side="right")
    whole = len(sums) + 1
    upper, lower = (len(sums) - low + 1) / whole, (high + 1) / whole
    return Tails(upper, lower, (high - low + 1) / whole, doubled(upper, lower))


def doubled(upper: Floats, lower: Floats) -> Floats:
    """Twice the smaller tail, at most 1."""
    return np.minimum(1.0, 2.0 * np.minimum(upper, lower))


def tolerance(values: Floats) -> float:
    return _SAME * max(float(np.abs(values).max(initial=0.0)), 1e-300)


def _looked_up(pmf: Floats, observed: Floats, least: int) -> Tails:
    at = np.round(observed).astype(np.int64) - least
    at = at.clip(0, len(pmf) - 1)
    above = np.append(np.cumsum(pmf[::-1])[::-1], 0.0)
    below = np.append(0.0, np.cumsum(pmf))
    upper, lower = np.minimum(above[at], 1.0), np.minimum(below[at + 1], 1.0)
    return Tails(upper, lower, pmf[at], _as_unlikely(pmf)[at])


def _as_unlikely(pmf: Floats) -> Floats:
    """(S,) the probability of all sums that are no likelier than each."""
    ordered = np.sort(pmf)
    rank = np.searchsorted(ordered, pmf * (1.0 + _ROUNDING), side="right")
    found: Floats = np.minimum(np.cumsum(ordered)[rank - 1], 1.0)
    return found


@numba.njit(cache=True)
def _drawn(values: Floats, size: int, draws: int, rng: np.random.Generator) -> Floats:
    """The first `size` of a shuffle that is carried on from draw to draw."""
    order = np.arange(len(values))
    sums = np.zeros(draws)
    for d in range(draws):
        for k in range(size):
            at = k + int(rng.random() * (len(values) - k))
            order[k], order[at] = order[at], order[k]
            sums[d] += values[order[k]]
    return sums


def weighted_tails(
    values: Floats, weights: sparse.csr_array, own: Floats, observed: Floats, *, draws: int, seed: int | None
) -> Tails:
    """The same for unequal weights, cell by cell: all values are dealt to the cell (own weight above 0) and its
    neighbours, or, where `own` (n,) is 0, the others' values to its neighbours."""
    first, same = weights.indptr.astype(np.int64), tolerance(values)
    found = _weighted(values, first, weights.data, own, observed, draws, np.random.default_rng(seed), same)
    return Tails(*found, doubled(found[0], found[1]))


@numba.njit(cache=True)
def _weighted(
    values: Floats, first: Ints, weights: Floats, own: Floats, observed: Floats, draws: int, rng: np.random.Generator,
    same: float,
) -> tuple[Floats, Floats, Floats]:  # fmt: skip
    n = len(observed)
    upper, lower, equal = np.ones(n), np.ones(n), np.ones(n)
    order = np.arange(n)
    at_of = np.arange(n)
    for i in range(n):
        size = first[i + 1] - first[i]
        begin = 0
        if own[i] == 0.0:  # its own value isn't dealt out: it waits in the first place
            begin = 1
            there, here = at_of[i], order[0]
            order[0], order[there] = i, here
            at_of[i], at_of[here] = 0, there
        least = 1 if own[i] > 0 else 0
        above = below = 0
        for _ in range(draws):
            total = 0.0
            for k in range(size + least):
                at = begin + k + int(rng.random() * (n - begin - k))
                a, b = order[begin + k], order[at]
                order[begin + k], order[at] = b, a
                at_of[b], at_of[a] = begin + k, at
                weight = own[i] if k == size else weights[first[i] + k]
                total += weight * values[b]
            if total >= observed[i] - same:
                above += 1
            if total <= observed[i] + same:
                below += 1
        upper[i], lower[i] = (above + 1) / (draws + 1), (below + 1) / (draws + 1)
        equal[i] = (above + below - draws + 1) / (draws + 1)
    return upper, lower, equal


def discoveries(p_value: npt.NDArray[np.floating[Any]], alpha: float) -> Bools:
    """Which of many tests (any shape) hold at false discovery rate `alpha`, by Benjamini and Hochberg; NaN never does.

    >>> discoveries(np.array([0.01, 0.04, 0.03, np.nan]), 0.05).tolist()
    [True, True, True, False]
    """
    kinds, counts = np.unique(p_value[np.isfinite(p_value)], return_counts=True)  # many tests share few p-values
    passed = np.flatnonzero(kinds <= alpha * np.cumsum(counts) / max(int(counts.sum()), 1))
    limit = kinds[passed[-1]] if len(passed) else -1.0
    found: Bools = p_value <= limit
    return found
