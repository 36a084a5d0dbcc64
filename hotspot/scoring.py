"""Intervals of means over weeks that hang together: the paired block bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BLOCK, DRAWS = 4, 2000


def block_interval(
    gained: Floats, count: Floats, *, block: int = BLOCK, draws: int = DRAWS, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The interval of sum(gained) / sum(count) when periods (n,) in a row are drawn again in blocks.

    Moving blocks that wrap around (Politis & Romano 1992, the circular block bootstrap): neighbouring weeks aren't
    independent. `gained` are differences of two models on the same periods, so the interval is paired. One period or none
    gives NaN.

    >>> block_interval(np.array([2.0, 2.0, 2.0]), np.ones(3))
    (2.0, 2.0)
    """
    n = len(gained)
    if n < 2 or count.sum() <= 0:
        return float("nan"), float("nan")
    block = min(block, max(1, n // 2))
    starts = np.random.default_rng(seed).integers(0, n, (draws, -(-n // block)))
    index = ((starts[:, :, None] + np.arange(block)) % n).reshape(draws, -1)[:, :n]
    total = count[index].sum(axis=1)
    mean = np.divide(gained[index].sum(axis=1), total, out=np.full(draws, np.nan), where=total > 0)
    lower, upper = np.nanquantile(mean, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper)
