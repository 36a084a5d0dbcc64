"""Tails and quantiles of the usual distributions from SciPy's special functions: importing its statistics takes longer than
planning half a district."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


def normal_upper(z: Any) -> Any:
    """P(Z >= z).

    >>> round(float(normal_upper(1.959964)), 6)
    0.025
    """
    return special.ndtr(np.negative(z))


def normal_lower(z: Any) -> Any:
    """P(Z <= z)."""
    return special.ndtr(z)


def normal_quantile(share: float) -> float:
    """z with P(Z <= z) = share."""
    return float(special.ndtri(share))


def poisson_upper(count: Any, mean: Any) -> Any:
    """P(N >= count) of a Poisson count; 1 for a count of 0 or less, 0 of a mean of 0 for others.

    >>> [round(float(poisson_upper(n, 2.0)), 4) for n in (0, 1, 3)]
    [1.0, 0.8647, 0.3233]
    """
    counts = np.asarray(count, dtype=float)
    return np.where(counts <= 0, 1.0, special.gammainc(np.maximum(counts, 1.0), mean))


def gamma_quantile(share: float, shape: Any) -> Any:
    """The quantile of a gamma distribution of scale 1."""
    return special.gammaincinv(shape, share)


def chi2_quantile(share: float, freedom: Any) -> Any:
    """The quantile of a chi-squared distribution; NaN without freedom."""
    half = np.asarray(freedom, dtype=float) / 2.0
    return 2.0 * special.gammaincinv(np.where(half > 0, half, np.nan), share)


def binomial_lower(count: int, trials: int, share: float) -> float:
    """P(N <= count) of so many trials."""
    return float(special.bdtr(count, trials, share))


def negative_binomial_lower(count: int, size: float, share: float) -> float:
    """P(N <= count) of a negative binomial with any positive size.

    >>> negative_binomial_lower(0, 1.0, 0.25)
    0.25
    """
    return float(special.betainc(size, count + 1.0, share))
