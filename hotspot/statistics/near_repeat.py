"""Near repeats: do events that are near in place come near in time, more than chance would have it?

Knox, E. G. (1964). The detection of space-time interactions. Applied Statistics 13(1), 25-30, doi:10.2307/2985220. Barton,
D. E., David, F. N. (1966). The random intersection of two graphs. In Research Papers in Statistics, 455-459: mean and
variance of the count when times are dealt out anew. Mantel, N. (1967). Cancer Research 27(2), 209-220. Jacquez, G. M.
(1996). A k nearest neighbour test for space-time interaction. Statistics in Medicine 15, 1935-1949. Ratcliffe, J. H.
(2009). Near repeat calculator, version 1.3: the table of bands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from hotspot.errors import ConfigError
from hotspot.statistics.events import Floats, Ints, events_of
from hotspot.tails import normal_upper

MOST_PAIRS = 50_000_000  # held at once; more would not fit, and the bounds join nearly everything


@dataclass(frozen=True)
class KnoxResult:
    """`observed` pairs near in place and time, the number `expected` by chance, `z`, and `p_value` = P(X >= observed).

    `same_place`: the observed pairs at distance 0, `same_place_expected` their number by chance: repeats at one address, or
    coordinates rounded to one. `pairs`, `near_place`, `near_time` count all pairs and those near in one. `sd` of the count
    under chance. `method`: "permutations" or "normal" (Barton and David's moments).
    """

    observed: int
    expected: float
    z: float
    p_value: float
    same_place: int
    same_place_expected: float
    pairs: int
    near_place: int
    near_time: int
    sd: float
    permutations: int
    method: str

    @property
    def table(self) -> npt.NDArray[np.int64]:
        """(2, 2) pairs: near in place or not, by near in time or not."""
        a, b, c = self.observed, self.near_place - self.observed, self.near_time - self.observed
        return np.array([[a, b], [c, self.pairs - a - b - c]], dtype=np.int64)

    def summary(self) -> str:
        ratio = self.observed / self.expected if self.expected else float("nan")
        return (
            f"{self.observed:,} pairs, {self.expected:,.1f} expected ({ratio:.2f} times), p = {self.p_value:.4f}; "
            f"{self.same_place:,} of them at one place"
        )


def knox(
    xy: npt.ArrayLike, t: npt.ArrayLike, *, max_m: float, max_t: float, permutations: int = 999, seed: int | None = None
) -> KnoxResult:
    """Knox's test of events at `xy` (n, 2) metres and times `t` (n,): pairs within `max_m` and `max_t`, bounds included.

    p is (k + 1) / (R + 1) over `permutations` of the times; 0 permutations: the normal tail of Barton and David's moments
    with a continuity correction, for data whose pairs are too many to deal out. A season that all places share is no
    contagion: keep to a short study, or compare with like places. NaN rows are left out; with fewer than two events, or no
    pair near in place or in time, p is 1 and z NaN.

    Raises ConfigError for negative bounds, or more than 50 million pairs near in place.
    """
    if max_m < 0 or max_t < 0:
        raise ConfigError(f"max_m = {max_m}, max_t = {max_t} can't be; fix: give bounds of 0 or more")
    places, times, _ = events_of(xy, t)
    i, j = near_pairs(places, max_m)
    n, near_place = len(times), len(i)
    same = (places[i] == places[j]).all(axis=1)
    within = np.abs(times[i] - times[j]) <= max_t
    observed, pairs = int(within.sum()), n * (n - 1) // 2
    degree_t, near_time = time_degrees(times, max_t)
    expected = near_place * near_time / pairs if pairs else 0.0
    degree_s = np.bincount(np.r_[i, j], minlength=n).astype(np.float64)
    sd = float(np.sqrt(_variance(near_place, near_time, degree_s, degree_t, n)))
    z = (observed - expected) / sd if sd > 0 else float("nan")
    p, method = 1.0, "normal"
    if permutations and near_place:
        counts = permuted_counts(i, j, times, max_t, permutations, seed)
        p, method = (int((counts >= observed).sum()) + 1) / (permutations + 1), "permutations"
    elif sd > 0:
        p = float(normal_upper((observed - 0.5 - expected) / sd))
    return KnoxResult(
        observed, expected, z, p, int((within & same).sum()), int(same.sum()) * near_time / pairs if pairs else 0.0,
        pairs, near_place, near_time, sd, permutations, method,
    )  # fmt: skip


def knox_table(
    xy: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    metres: Sequence[float] = (100, 200, 300, 400, 500),
    times: Sequence[float] = (7, 14, 21, 28),
    permutations: int = 999,
    seed: int | None = None,
) -> pd.DataFrame:
    """The near-repeat calculator's table: one row per band of distance and of time.

    Bands: the same place (distance 0), then above one of `metres` up to the next; times from 0 up to the first of `times`
    (included), then above one up to the next. Columns: `from_m, to_m, from_t, to_t, observed, expected, ratio, p_value`.
    `ratio` is observed / expected (NaN without any expected), p as for `knox`, over the same permutations in all bands.
    """
    edges_m, edges_t = np.asarray(sorted(metres), dtype=float), np.asarray(sorted(times), dtype=float)
    if not len(edges_m) or not len(edges_t) or edges_m[0] <= 0 or edges_t[0] < 0:
        raise ConfigError(
            "bands must have positive distances and times of 0 or more; fix: as metres=[100, 200], times=[7]"
        )
    places, when, _ = events_of(xy, t)
    i, j = near_pairs(places, float(edges_m[-1]))
    distance = np.hypot(*(places[i] - places[j]).T) if len(i) else np.empty(0)
    band = np.where(distance == 0, 0, np.searchsorted(edges_m, distance, side="left") + 1)
    n_m, n_t = len(edges_m) + 1, len(edges_t)
    observed = _band_counts(i, j, when, band, edges_t, n_m)
    reached = np.zeros((n_m, n_t), dtype=np.int64)
    total = np.zeros((n_m, n_t))
    for order in _orders(len(when), permutations, seed):
        counts = _band_counts(i, j, when[order], band, edges_t, n_m)
        reached += counts >= observed
        total += counts
    pairs = len(when) * (len(when) - 1) / 2
    near_t = np.diff([0, *(time_degrees(when, edge)[1] for edge in edges_t)])
    expected = np.bincount(band, minlength=n_m)[:, None] * near_t[None, :] / pairs if pairs else np.zeros((n_m, n_t))
    rows = [
        (
            from_m,
            to_m,
            from_t,
            to_t,
            int(observed[a, b]),
            float(expected[a, b]),
            float((reached[a, b] + 1) / (permutations + 1)),
        )
        for a, (from_m, to_m) in enumerate(zip([0.0, 0.0, *edges_m[:-1]], [0.0, *edges_m], strict=True))
        for b, (from_t, to_t) in enumerate(zip([0.0, *edges_t[:-1]], edges_t, strict=True))
    ]
    frame = pd.DataFrame(rows, columns=["from_m", "to_m", "from_t", "to_t", "observed", "expected", "p_value"])
    frame.insert(6, "ratio", frame["observed"] / frame["expected"].replace(0.0, np.nan))
    return frame


def mantel(
    xy: npt.ArrayLike, t: npt.ArrayLike, *, permutations: int = 999, seed: int | None = None,
    metres: float = 0.0, time: float = 0.0, power: float = 1.0,
) -> tuple[float, float]:  # fmt: skip
    """Mantel's test: the correlation of all pairs' distances and time lags, and its p = P(r >= observed).

    Distances and lags are raised to `power` after `metres` and `time` are added: power -1 with constants of 1 weighs near
    pairs. All n (n - 1) / 2 pairs are in memory: meant for up to some 5,000 events. NaN with fewer than three events or
    without variation.
    """
    places, times, _ = events_of(xy, t)
    if len(times) < 3:
        return float("nan"), float("nan")
    a, b = np.triu_indices(len(times), k=1)
    s = (np.hypot(*(places[a] - places[b]).T) + metres) ** power
    s = s - s.mean()

    def correlation(when: Floats) -> float:
        lag = (np.abs(when[a] - when[b]) + time) ** power
        lag = lag - lag.mean()
        scale = float(np.sqrt((s @ s) * (lag @ lag)))
        return float(s @ lag) / scale if scale else float("nan")

    observed = correlation(times)
    above = sum(correlation(times[order]) >= observed - 1e-12 for order in _orders(len(times), permutations, seed))
    return observed, (above + 1) / (permutations + 1)


def jacquez(
    xy: npt.ArrayLike, t: npt.ArrayLike, *, k: int = 3, permutations: int = 999, seed: int | None = None
) -> tuple[int, float]:
    """Jacquez' test: how often one event is among the k nearest of another both in place and in time, and p = P(>=).

    Of equally near ones the earliest counts, so that ties don't depend on the order of rows. 0 and 1 with k events or fewer.
    """
    places, times, _ = events_of(xy, t)
    n = len(times)
    if n <= k:
        return 0, 1.0
    near_s = _nearest(places, k)
    observed = _shared(near_s, _nearest(times[:, None], k))
    above = 0
    for order in _orders(n, permutations, seed):
        above += _shared(near_s, _nearest(times[order][:, None], k)) >= observed
    return observed, (above + 1) / (permutations + 1)


def near_pairs(places: Floats, max_m: float) -> tuple[Ints, Ints]:
    """(p,) and (p,) rows of all pairs within `max_m`, bound included. Raises ConfigError for more than 50 million."""
    none = np.empty(0, dtype=np.int64)
    if len(places) < 2:
        return none, none
    tree = cKDTree(places)
    count = (int(tree.count_neighbors(tree, max_m)) - len(places)) // 2
    if count > MOST_PAIRS:
        raise ConfigError(f"{count:,} pairs lie within {max_m:g} m; fix: a smaller max_m, or a shorter study")
    found = tree.query_pairs(max_m, output_type="ndarray").astype(np.int64)
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    return np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1])


def time_degrees(times: Floats, max_t: float) -> tuple[Floats, int]:
    """(n,) how many other events each is within `max_t` of, and the number of such pairs."""
    ordered = np.sort(times)
    degree = np.searchsorted(ordered, times + max_t, side="right") - np.searchsorted(
        ordered, times - max_t, side="left"
    )
    exact = (degree - 1).astype(np.float64)
    return exact, int(exact.sum()) // 2


def permuted_counts(i: Ints, j: Ints, times: Floats, max_t: float, permutations: int, seed: int | None) -> Ints:
    """(R,) pairs within `max_t` for each shuffle of the times."""
    counts = np.empty(permutations, dtype=np.int64)
    first = np.searchsorted(i, np.arange(len(times) + 1)).astype(np.int64)
    for r, order in enumerate(_orders(len(times), permutations, seed)):
        counts[r] = _within(first, j, times[order], max_t)
    return counts


def _orders(n: int, permutations: int, seed: int | None) -> Iterator[Ints]:
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        yield rng.permutation(n)


@numba.njit(cache=True)
def _within(first: Ints, j: Ints, times: Floats, max_t: float) -> int:
    count = 0
    for i in range(len(first) - 1):
        own = times[i]
        for a in range(first[i], first[i + 1]):
            count += abs(own - times[j[a]]) <= max_t
    return count


@numba.njit(cache=True)
def _band_counts(i: Ints, j: Ints, times: Floats, band: Ints, edges_t: Floats, n_m: int) -> npt.NDArray[np.int64]:
    counts = np.zeros((n_m, len(edges_t)), dtype=np.int64)
    for p in range(len(i)):
        lag = abs(times[i[p]] - times[j[p]])
        for b in range(len(edges_t)):
            if lag <= edges_t[b]:
                counts[band[p], b] += 1
                break
    return counts


def _variance(near_s: int, near_t: int, degree_s: Floats, degree_t: Floats, n: int) -> float:
    """Of the number of pairs that two graphs on n events share, when one is laid on the other at random."""
    if n < 4 or not near_s or not near_t:
        return 0.0
    # ordered pairs of edges that share one event, and that share none, in each graph
    s2, t2 = float((degree_s * (degree_s - 1)).sum()), float((degree_t * (degree_t - 1)).sum())
    s3, t3 = near_s * (near_s - 1.0) - s2, near_t * (near_t - 1.0) - t2
    pairs = n * (n - 1) / 2.0
    mean = near_s * near_t / pairs
    second = mean + s2 * t2 / (n * (n - 1.0) * (n - 2.0)) + s3 * t3 / (pairs * (n - 2.0) * (n - 3.0) / 2.0)
    return max(second - mean**2, 0.0)


def _nearest(points: Floats, k: int) -> Ints:
    """(n, k) the nearest others, ties by row."""
    if points.shape[1] == 1:
        return _nearest_in_time(points[:, 0], k)
    distance, index = cKDTree(points).query(points, k=min(2 * k + 2, len(points)))
    own = index == np.arange(len(points))[:, None]
    distance = np.where(own, np.inf, distance)
    order = np.lexsort((index, distance), axis=1)[:, :k]
    return np.take_along_axis(index, order, axis=1).astype(np.int64)


def _nearest_in_time(times: Floats, k: int) -> Ints:
    n = len(times)
    by_time = np.argsort(times, kind="stable")
    place = np.arange(n)[:, None] + np.r_[np.arange(-2 * k, 0), np.arange(1, 2 * k + 1)][None, :]
    known = (place >= 0) & (place < n)
    other = by_time[place.clip(0, n - 1)]
    lag = np.where(known, np.abs(times[other] - times[by_time][:, None]), np.inf)
    order = np.lexsort((other, lag), axis=1)[:, :k]
    near = np.empty((n, k), dtype=np.int64)
    near[by_time] = np.take_along_axis(other, order, axis=1)
    return near


def _shared(a: Ints, b: Ints) -> int:
    return int((a[:, :, None] == b[:, None, :]).sum())
