"""Emerging hotspots: Gi* in space and time, its trend by Mann and Kendall, and the category of each cell's history.

Categories as Esri documents them ("How Emerging Hot Spot Analysis works", ArcGIS Pro). Mann, H. B. (1945). Nonparametric
tests against trend. Econometrica 13(3), 245-259. Kendall, M. G. (1975). Rank correlation methods, with the variance for
ties. Knight, W. R. (1966). A computer method for calculating Kendall's tau with ungrouped data. JASA 61, 436-439.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from hotspot.errors import ConfigError
from hotspot.statistics.chance import Bools, Floats, discoveries, sum_tails
from hotspot.statistics.neighbours import Neighbours, equal_weights, weights_of
from hotspot.tails import normal_upper

NO_PATTERN = "no pattern"
KINDS = (
    "new", "consecutive", "intensifying", "persistent", "diminishing", "sporadic", "oscillating", "historical",
)  # fmt: skip
CATEGORIES = (*(f"{kind} hot spot" for kind in KINDS), *(f"{kind} cold spot" for kind in KINDS), NO_PATTERN)
READINGS = ("arcgis", "sfdep")
_MOSTLY = 0.9
_BLOCK_CELLS = 4096


def emerging_hotspots(
    counts: npt.ArrayLike,
    neighbours: Neighbours,
    *,
    alpha: float = 0.05,
    fdr: bool = True,
    time_steps: int = 1,
    reading: str = "arcgis",
) -> pd.DataFrame:
    """The category of each cell of a cube of counts (N, T), steps in time order.

    Each bin's Gi* sums the cell and its neighbours (as for local_g, weights 1) in its own step and the `time_steps`
    before it, against all bins of the cube. A bin is hot or cold if its two-sided p holds at `alpha`: exact for whole
    numbers, else normal; after Benjamini-Hochberg over all bins with `fdr`. The trend is Mann-Kendall's test of the cell's z.

    Columns: `category` (one of CATEGORIES), `tau` (Kendall's tau-b of z against time), `p` (two-sided, of the trend),
    `hot`, `cold` (steps), `last_z`. A cube without variation, or of one step, has no pattern and NaN. `reading`: "arcgis"
    or "sfdep", where the two read the definitions differently (see `classify`).

    Raises ConfigError for negative or missing counts, another shape or unequal weights.

    >>> quiet = [[0, 1, 0, 1, 0, 1, 0, 1]] * 9
    >>> found = emerging_hotspots([*quiet, [0, 1, 0, 1, 0, 1, 0, 40]], [[]] * 10, time_steps=0, fdr=False)
    >>> found["category"].tolist()[-1]
    'new hot spot'
    """
    cube = np.asarray(counts)
    weights = _checked(cube, neighbours, reading)
    cells, steps = cube.shape
    z, hot, cold = hot_and_cold(cube, weights, alpha=alpha, fdr=fdr, time_steps=time_steps)
    tau, trend_z, trend_p = mann_kendall(z)
    category = classify(hot, cold, trend_z, trend_p, alpha=alpha, reading=reading)
    last = z[:, -1].astype(float) if steps else np.full(cells, np.nan)
    return pd.DataFrame(
        {
            "category": category,
            "tau": tau,
            "p": trend_p,
            "hot": hot.sum(axis=1),
            "cold": cold.sum(axis=1),
            "last_z": last,
        }
    )


def hot_and_cold(
    cube: npt.NDArray[Any], weights: sparse.csr_array, *, alpha: float, fdr: bool, time_steps: int
) -> tuple[npt.NDArray[np.float32], Bools, Bools]:
    """(N, T) z of Gi* in space and time, and which bins are significantly hot or cold.

    Whole numbers have exact p, others the normal one of z. Cells are taken in blocks: memory is a few bytes per bin.
    """
    z, p = np.full(cube.shape, np.nan, dtype=np.float32), np.ones(cube.shape, dtype=np.float32)
    mean, variance = (float(cube.mean()), float(cube.var())) if cube.size else (0.0, 0.0)
    if variance > 0.0:
        whole = sparse.csr_array(weights + sparse.eye_array(weights.shape[0], format="csr"))
        steps = np.minimum(np.arange(cube.shape[1]), time_steps) + 1.0
        exact = _Exact(cube) if (np.asarray(cube) == np.round(cube)).all() else None
        for low in range(0, len(cube), _BLOCK_CELLS):
            rows = slice(low, low + _BLOCK_CELLS)
            total = _recent(np.asarray(whole[rows] @ cube), time_steps)
            members = np.asarray(whole[rows].sum(axis=1)).ravel()[:, None] * steps[None, :]
            spread = np.sqrt(variance * np.maximum(cube.size * members - members**2, 0.0) / (cube.size - 1))
            with np.errstate(divide="ignore", invalid="ignore"):
                z[rows] = (total - mean * members) / spread
            p[rows] = exact.two_sided(total, members) if exact else 2.0 * normal_upper(np.abs(z[rows]))
    flagged = discoveries(p, alpha) if fdr else p <= alpha
    return z, flagged & (z > 0), flagged & (z < 0)


def _recent(sums: Floats, time_steps: int) -> Floats:
    """Sums over each step and those before it."""
    total = sums.astype(np.float64)
    for back in range(1, time_steps + 1):
        total[:, back:] += sums[:, :-back]
    return total


class _Exact:
    """Two-sided p of sums of bins: a table for each number of bins, made when it is first asked for."""

    def __init__(self, cube: npt.NDArray[Any]) -> None:
        self.values = np.sort(cube, axis=None).astype(np.float64)
        self.tables: dict[int, npt.NDArray[np.float32]] = {}

    def two_sided(self, total: Floats, members: Floats) -> npt.NDArray[np.float32]:
        p = np.ones(total.shape, dtype=np.float32)
        for size in np.unique(members).astype(int).tolist():
            rows = members == size
            at = np.round(total[rows]).astype(np.int64)
            table = self._table(size, int(at.max(initial=0)))
            p[rows] = table[at]
        return p

    def _table(self, size: int, most: int) -> npt.NDArray[np.float32]:
        known = self.tables.get(size)
        if known is None or len(known) <= most:
            sums = np.arange(2 * most + 1, dtype=np.float64)
            found = sum_tails(self.values, np.full(len(sums), size, dtype=np.int64), sums, seed=0)
            known = self.tables[size] = found.two_sided.astype(np.float32)
        return known


def mann_kendall(series: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Tau-b, z and two-sided p (each (N,)) of a trend in each row of (N, T); ties count, z has the continuity correction.

    O(T log T) a row. NaN for fewer than three steps, for NaN in a row and for a constant row.

    >>> tau, z, p = mann_kendall([[1, 2, 3, 4, 5], [3, 1, 2, 2, 3]])
    >>> tau.round(3).tolist(), p.round(3).tolist()
    ([1.0, 0.224], [0.027, 0.794])
    """
    rows = np.ascontiguousarray(np.asarray(series, dtype=np.float64))
    s, variance, pairs = _kendall(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (s - np.sign(s)) / np.sqrt(variance)
        t = rows.shape[1]
        tau = s / np.sqrt(pairs * (t * (t - 1) / 2))
    z[~(variance > 0)] = np.nan
    tau[~(variance > 0)] = np.nan
    return tau, z, np.where(np.isfinite(z), 2.0 * normal_upper(np.abs(z)), np.nan)


@numba.njit(cache=True)
def _kendall(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """S, its variance with ties, and the pairs that aren't ties, row by row; inversions are counted by merging."""
    n, t = rows.shape
    s, variance, pairs = np.zeros(n), np.zeros(n), np.zeros(n)
    one, other = np.empty(t), np.empty(t)
    for i in range(n):
        if t < 3 or not np.isfinite(rows[i]).all():
            continue
        one[:] = rows[i]
        descents, width = 0, 1
        while width < t:
            for low in range(0, t, 2 * width):
                middle, high = min(low + width, t), min(low + 2 * width, t)
                a, b, k = low, middle, low
                while a < middle or b < high:
                    if b >= high or (a < middle and one[a] <= one[b]):
                        other[k] = one[a]
                        a += 1
                    else:
                        other[k] = one[b]
                        descents += middle - a
                        b += 1
                    k += 1
            one, other = other, one
            width *= 2
        tied, correction, run = 0.0, 0.0, 1
        for k in range(1, t + 1):
            if k < t and one[k] == one[k - 1]:
                run += 1
                continue
            tied += run * (run - 1) / 2.0
            correction += run * (run - 1.0) * (2.0 * run + 5.0)
            run = 1
        every = t * (t - 1) / 2.0
        pairs[i] = every - tied
        s[i] = pairs[i] - 2.0 * descents
        variance[i] = (t * (t - 1.0) * (2.0 * t + 5.0) - correction) / 18.0
    return s, variance, pairs


def classify(
    hot: Bools, cold: Bools, trend_z: Floats, trend_p: Floats, *, alpha: float = 0.05, reading: str = "arcgis"
) -> npt.NDArray[np.object_]:
    """(N,) the category of each history of hot and cold steps (N, T).

    New: hot at the last step and never before. Consecutive: one run of at least two hot steps at the end, never hot before
    it, hot in less than 90 %. Intensifying, diminishing: hot in 90 % of the steps, the last among them, with a trend up,
    down. Persistent: the same without one. Sporadic: hot at the last step and on and off before, less than 90 %, never
    cold. Oscillating: the same, but cold at some step. Historical: not hot at the last step, but in 90 % of all. Cold ones
    likewise; where a history fits both sides the hot one is told.

    `reading` "sfdep" (the R package's): new and consecutive only if no other step is significant either way; persistent
    and sporadic don't ask for the last step, so that a history that ended long ago is sporadic; historical ones are hot
    in 90 % of the steps, cold at the last, and have a trend.
    """
    names = np.full(len(hot), NO_PATTERN, dtype=object)
    if hot.shape[1] == 0:
        return names
    rising = (trend_p <= alpha) & (trend_z > 0)
    falling = (trend_p <= alpha) & (trend_z < 0)
    kinds_of = _kinds_of_sfdep if reading == "sfdep" else _kinds
    for mine, against, up, down, side in ((hot, cold, rising, falling, "hot"), (cold, hot, falling, rising, "cold")):
        left = np.ones(len(hot), dtype=bool)
        for name, holds in kinds_of(mine, against, up, down):
            names[holds & left & (names == NO_PATTERN)] = f"{name} {side} spot"
            left &= ~holds
    return names


def _kinds(mine: Bools, against: Bools, up: Bools, down: Bools) -> list[tuple[str, Bools]]:
    """The rules in the order in which they are asked."""
    often, last, run, mostly = _facts(mine)
    turned = against.any(axis=1)
    return [
        ("new", last & (often == 1) & ~mostly),
        ("consecutive", last & (run >= 2) & (run == often) & ~mostly),
        ("intensifying", last & mostly & up),
        ("diminishing", last & mostly & down),
        ("persistent", last & mostly),
        ("oscillating", last & ~mostly & turned),
        ("sporadic", last & ~mostly),
        ("historical", ~last & mostly),
    ]


def _kinds_of_sfdep(mine: Bools, against: Bools, up: Bools, down: Bools) -> list[tuple[str, Bools]]:
    often, last, run, mostly = _facts(mine)
    turned = against.any(axis=1)
    return [
        ("new", last & (often == 1) & ~turned),
        ("consecutive", last & (run == often) & ~turned & ~mostly),
        ("intensifying", last & mostly & up),
        ("persistent", mostly & ~up & ~down),
        ("diminishing", last & mostly & down),
        ("sporadic", (often > 0) & ~mostly & ~turned),
        ("oscillating", last & ~mostly & turned),
        ("historical", mostly & against[:, -1]),
    ]


def _facts(mine: Bools) -> tuple[npt.NDArray[np.int64], Bools, npt.NDArray[np.int64], Bools]:
    """(N,) how often, whether at the last step, for how many steps without a break at the end, whether in 90 %."""
    steps, often = mine.shape[1], mine.sum(axis=1)
    run = np.where(mine.all(axis=1), steps, np.argmin(mine[:, ::-1], axis=1))
    return often, mine[:, -1], run, often >= _MOSTLY * steps


def _checked(cube: npt.NDArray[Any], neighbours: Neighbours, reading: str) -> sparse.csr_array:
    if cube.ndim != 2:
        raise ConfigError(f"the cube has shape {cube.shape}; fix: give counts as cells x time steps")
    if cube.size and (not np.isfinite(cube).all() or cube.min() < 0):
        raise ConfigError("the cube has counts that are missing or negative; fix: leave such cells out")
    if reading not in READINGS:
        raise ConfigError(f"reading '{reading}' is unknown; fix: use one of: {', '.join(READINGS)}")
    weights = weights_of(neighbours, cube.shape[0])
    if not equal_weights(weights):
        raise ConfigError("neighbours have unequal weights; fix: give lists of indices, or weights of 1")
    return sparse.csr_array((weights > 0).astype(np.float64))
