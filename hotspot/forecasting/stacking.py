"""Weights of a mixture of shares, by expectation and maximisation: convex, so that every start ends at the same place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROUNDS = 200


def likeliest_shares(parts: Floats, seen: Floats, *, rounds: int = ROUNDS) -> Floats:
    """(K,) weights, summing to 1, that make `seen` (N,) counts likeliest under the mixture of `parts` (K, N).

    Nothing seen leaves equal weights. (Dempster, Laird & Rubin 1977, doi:10.1111/j.2517-6161.1977.tb01600.x.)

    >>> likeliest_shares(np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([50.0, 50.0])).round(3).tolist()
    [0.5, 0.5]
    """
    share = np.full(len(parts), 1.0 / len(parts))
    hit = (seen > 0) & (parts.sum(axis=0) > 0)
    if not hit.any():
        return share
    here, count = parts[:, hit], seen[hit]
    for _ in range(rounds):
        total = share @ here
        share = share * (here @ (count / total)) / count.sum()
    return np.asarray(share / share.sum(), dtype=float)
