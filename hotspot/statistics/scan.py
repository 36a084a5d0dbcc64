"""Scan statistics: the circle and the time window that hold more cases than chance would put there.

Kulldorff, M. (1997). A spatial scan statistic. Communications in Statistics 26(6), 1481-1496. Kulldorff, M. et al. (2005).
A space-time permutation scan statistic for disease outbreak detection. PLoS Medicine 2(3), e59,
doi:10.1371/journal.pmed.0020059. Neill, D. B. et al. (2005). Detection of emerging space-time clusters. KDD '05, 218-227:
the expectation-based Poisson statistic. Besag, J., Clifford, P. (1991). Sequential Monte Carlo p-values. Biometrika 78(2),
301-304.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numba
import numpy as np
import numpy.typing as npt

from hotspot.errors import ConfigError
from hotspot.statistics.chance import Floats, Ints
from hotspot.statistics.events import refuse_degrees
from hotspot.statistics.threads import in_threads

KINDS = ("population", "expectation")
Number = TypeVar("Number", np.int64, np.float64)
Replicate = Callable[[np.random.Generator], Ints]
_SAME_M = 1e-9


@dataclass(frozen=True)
class ScanCluster:
    """`locations` (indices, ascending), `start` and `end` (time indices, inclusive), `observed` and `expected` cases, the
    log likelihood ratio `llr`, and `p_value` by simulation: of the best cluster of a map made by chance."""

    locations: tuple[int, ...]
    start: int
    end: int
    observed: int
    expected: float
    llr: float
    p_value: float

    def summary(self) -> str:
        ratio = self.observed / self.expected if self.expected else float("inf")
        return (
            f"{len(self.locations)} places, steps {self.start} to {self.end}: {self.observed:,} cases, "
            f"{self.expected:,.1f} expected ({ratio:.2f} times), p = {self.p_value:.4f}"
        )


@dataclass(frozen=True, eq=False)
class _Zones:
    """Distinct sets of locations: zone z has the first `size[z]` of `order[centre[z]]`.

    `centre_first` (L + 1,): the zones of centre c are `centre_first[c]:centre_first[c + 1]`, from small to large.
    """

    order: Ints  # (L, k) locations by distance from each centre, itself first; -1 beyond the radius
    size: Ints  # (Z,)
    centre: Ints  # (Z,)
    centre_first: Ints

    def locations(self, zone: int) -> Ints:
        return np.sort(self.order[self.centre[zone], : self.size[zone]])


def scan_permutation(
    cases: npt.ArrayLike,
    *,
    xy: npt.ArrayLike,
    max_radius: float,
    max_days: int,
    prospective: bool = True,
    min_cases: int = 2,
    permutations: int = 999,
    stop_after: int | None = None,
    seed: int | None = None,
) -> list[ScanCluster]:
    """The space-time permutation scan: clusters of `cases` (L, T) that neither place nor time alone explains.

    Zones are circles around locations `xy` (L, 2) metres with radius up to `max_radius`; windows last up to `max_days`
    steps, and end with the last step if `prospective`. What is expected in a cylinder is its places' cases times its
    days' cases over all cases. Each replicate deals the days out anew among the cases. p is (k + 1) / (R + 1); with
    `stop_after` h the simulation ends once h replicates beat the best cluster, and the p of Besag and Clifford is given.

    Clusters come best first; later ones share no location with earlier ones. None with fewer than `min_cases` cases.

    Raises ConfigError for shapes that don't fit, counts that aren't whole numbers of 0 or more, or degrees.
    """
    counts = _counts(cases, dimensions=(2,))
    zones = _zones(_places(xy, len(counts)), max_radius=max_radius, most=None)
    windows = _windows(counts.shape[1], max_days, prospective)
    total = int(counts.sum())
    if total < min_cases or not len(windows):
        return []
    places, days = counts.sum(axis=1), counts.sum(axis=0)
    per_window = _by_window(days[None], windows)[0].astype(np.float64)
    own = places.astype(np.float64) / total
    expected = _Expected(own, per_window)
    location = np.repeat(np.arange(len(counts)), places).astype(np.int64)
    day = np.concatenate([np.repeat(np.arange(counts.shape[1]), row) for row in counts]).astype(np.int64)

    def replicate(rng: np.random.Generator) -> Ints:
        table = np.zeros(counts.shape, dtype=np.int64)
        np.add.at(table, (location, rng.permutation(day)), 1)
        return table

    return _scan(counts, zones, windows, expected, True, min_cases, permutations, stop_after, seed, replicate)


def scan_poisson(
    counts: npt.ArrayLike,
    baselines: npt.ArrayLike,
    *,
    xy: npt.ArrayLike,
    kind: str = "population",
    max_population_share: float = 0.5,
    max_radius: float | None = None,
    neighbours_k: int | None = None,
    max_duration: int | None = None,
    prospective: bool = True,
    min_cases: int = 2,
    permutations: int = 999,
    stop_after: int | None = None,
    seed: int | None = None,
) -> list[ScanCluster]:
    """The Poisson scan of `counts` (L,) or (L, T) against `baselines` of the same shape.

    `kind` "population": baselines are populations; all cases are expected in proportion to them, zones hold at most
    `max_population_share` of them, replicates deal the same number of cases out (Kulldorff 1997). `kind` "expectation":
    baselines are expected counts, replicates are Poisson (Neill 2005). Zones are circles around `xy` (L, 2) metres (or
    (L, 3) on a sphere): up to `max_radius`, and of at most `neighbours_k` locations, the centre among them. Windows last up
    to `max_duration` steps (None: all), and end with the last one if `prospective`. Else as for scan_permutation.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind '{kind}' is unknown; fix: use one of: {', '.join(KINDS)}")
    table = _counts(counts, dimensions=(1, 2))
    flat = np.asarray(baselines, dtype=np.float64)
    base = flat[:, None] if flat.ndim == 1 else flat
    if base.shape != table.shape or not np.isfinite(base).all() or (base < 0).any():
        raise ConfigError(
            f"baselines are {base.shape} for counts {table.shape}; fix: give one of 0 or more for each count"
        )
    zones = _zones(_places(xy, len(table)), max_radius=max_radius, most=neighbours_k)
    windows = _windows(table.shape[1], max_duration or table.shape[1], prospective)
    total, population = int(table.sum()), float(base.sum())
    if total < min_cases or population == 0 or not len(windows):
        return []
    proportional = kind == "population"
    mean = base * (total / population) if proportional else base
    if proportional:
        zones = _small_enough(zones, base.sum(axis=1) / population, max_population_share)
    chance = (base / population).ravel()

    def replicate(rng: np.random.Generator) -> Ints:
        if proportional:
            return rng.multinomial(total, chance).reshape(base.shape)
        return rng.poisson(mean)

    expected = _Expected(mean, None)
    return _scan(table, zones, windows, expected, proportional, min_cases, permutations, stop_after, seed, replicate)


@dataclass(frozen=True, eq=False)
class _Expected:
    """Expected counts by location and step, or the product of a share (L,) and a number per window (W,)."""

    by_place: Floats
    per_window: Floats | None

    def of(self, zones: _Zones, windows: Ints) -> Floats:
        """(Z, W)."""
        if self.per_window is not None:
            share = _prefix_sums(self.by_place[:, None], zones)
            return share * self.per_window[None, :]
        return _prefix_sums(_by_window(self.by_place, windows), zones)


def _prefix_sums(values: Floats, zones: _Zones) -> Floats:
    """(Z, W) sums of (L, W) over the locations of each zone."""
    out = np.empty((len(zones.size), values.shape[1]))
    for centre in range(len(zones.order)):
        rows = slice(int(zones.centre_first[centre]), int(zones.centre_first[centre + 1]))
        if rows.stop > rows.start:
            members = zones.order[centre][zones.order[centre] >= 0]
            out[rows] = np.cumsum(values[members], axis=0)[zones.size[rows] - 1]
    return out


def _scan(
    counts: Ints, zones: _Zones, windows: Ints, expected: _Expected, conditional: bool, min_cases: int,
    permutations: int, stop_after: int | None, seed: int | None, replicate: Replicate,
) -> list[ScanCluster]:  # fmt: skip
    mean = expected.of(zones, windows)
    total = int(counts.sum())
    tables = _Tables.of(mean, total, conditional)
    values = _all_values(_by_window(counts, windows), zones, mean, tables, min_cases)
    picked = _best_without_overlap(values, zones)
    if not picked:
        return []
    best = _replicates(replicate, zones, windows, tables, min_cases, permutations, stop_after, values.max(), seed)
    found = []
    for zone, window in picked:
        llr = float(values[zone, window])
        above = int((best >= llr - _SAME_M).sum())
        stopped = stop_after is not None and len(best) < permutations
        p = above / len(best) if stopped else (above + 1) / (len(best) + 1)
        locations = zones.locations(zone)
        start, end = int(windows[window, 0]), int(windows[window, 1])
        observed = int(counts[locations, start : end + 1].sum())
        found.append(
            ScanCluster(tuple(locations.tolist()), start, end, observed, float(mean[zone, window]), llr, min(p, 1.0))
        )
    return found


@dataclass(frozen=True, eq=False)
class _Tables:
    """What the log likelihood ratio needs of each cylinder, worked out once: c ln(c / m) + (C - c) ln((C - c) / (C - m)),
    or c ln(c / m) + m - c, is a sum of looked-up terms."""

    mean: Floats
    log_mean: Floats
    rest: Floats  # ln(C - m), or m
    xlogx: Floats  # of whole numbers up to C
    total: int
    conditional: bool

    @classmethod
    def of(cls, mean: Floats, total: int, conditional: bool) -> _Tables:
        with np.errstate(divide="ignore", invalid="ignore"):
            log_mean = np.log(mean)
            rest: Floats = np.log(np.maximum(total - mean, 0.0)) if conditional else mean
        x = np.arange(max(total, 1) * (1 if conditional else 4) + 2, dtype=np.float64)
        xlogx = x * np.log(np.maximum(x, 1.0))
        return cls(mean, log_mean, rest, xlogx, total, conditional)


def _by_window(table: npt.NDArray[Number], windows: Ints) -> npt.NDArray[Number]:
    """(L, W) what each location has in each window."""
    cumulative = np.zeros((len(table), table.shape[1] + 1), dtype=table.dtype)
    np.cumsum(table, axis=1, out=cumulative[:, 1:])
    return np.ascontiguousarray(cumulative[:, windows[:, 1] + 1] - cumulative[:, windows[:, 0]])


def _all_values(cases: Ints, zones: _Zones, mean: Floats, tables: _Tables, min_cases: int) -> Floats:
    """(Z, W) log likelihood ratios; 0 where there is no more than expected, or too few cases."""
    c = _prefix_sums(cases.astype(np.float64), zones)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(c > 0, c * np.log(c / mean), 0.0)
        if tables.conditional:
            left = tables.total - c
            value = value + np.where(left > 0, left * np.log(left / (tables.total - mean)), 0.0)
        else:
            value = value + mean - c
    return np.where((c > mean) & (c >= min_cases), np.nan_to_num(value, posinf=0.0), 0.0)


def _best_without_overlap(values: Floats, zones: _Zones) -> list[tuple[int, int]]:
    """The best cylinder, then the best that shares no location with those before."""
    window = values.argmax(axis=1)
    best = values[np.arange(len(values)), window]
    taken = np.zeros(len(zones.order), dtype=bool)
    picked = []
    for zone in np.lexsort((np.arange(len(best)), -best)):
        if best[zone] <= 0:
            break
        locations = zones.locations(int(zone))
        if not taken[locations].any():
            taken[locations] = True
            picked.append((int(zone), int(window[zone])))
    return picked


def _replicates(
    replicate: Replicate, zones: _Zones, windows: Ints, tables: _Tables, min_cases: int, permutations: int,
    stop_after: int | None, observed: float, seed: int | None,
) -> Floats:  # fmt: skip
    """The best log likelihood ratio of each replicate; each has a random stream of its own, so threads change nothing."""
    best = np.zeros(permutations)
    streams = np.random.SeedSequence(seed).spawn(permutations)

    def rows(low: int, high: int) -> None:
        for r in range(low, high):
            table = replicate(np.random.default_rng(streams[r]))
            best[r] = _best(
                _by_window(table, windows), zones.order, zones.size, zones.centre_first, tables.mean, tables.log_mean,
                tables.rest, tables.xlogx, tables.total, tables.conditional, min_cases,
            )  # fmt: skip

    if stop_after is None:
        in_threads(rows, permutations)
        return best
    done = 0
    while done < permutations:
        size = min(max(stop_after, 8), permutations - done)
        in_threads(partial(_shifted, rows, done), size)
        done += size
        above = np.flatnonzero(best[:done] >= observed - _SAME_M)
        if len(above) >= stop_after:
            return best[: above[stop_after - 1] + 1]
    return best


def _shifted(rows: Callable[[int, int], None], by: int, low: int, high: int) -> None:
    rows(by + low, by + high)


@numba.njit(cache=True, nogil=True)
def _best(
    cases: Ints, order: Ints, size: Ints, centre_first: Ints, mean: Floats, log_mean: Floats, rest: Floats,
    xlogx: Floats, total: int, conditional: bool, min_cases: int,
) -> float:  # fmt: skip
    best = 0.0
    windows = cases.shape[1]
    held = np.zeros(windows, dtype=np.int64)
    for centre in range(len(centre_first) - 1):
        held[:] = 0
        done = 0
        for zone in range(centre_first[centre], centre_first[centre + 1]):
            while done < size[zone]:
                member = order[centre, done]
                for w in range(windows):
                    held[w] += cases[member, w]
                done += 1
            for w in range(windows):
                c = held[w]
                if c < min_cases or c <= mean[zone, w]:
                    continue
                if conditional:
                    value = xlogx[c] - c * log_mean[zone, w] + xlogx[total - c] - (total - c) * rest[zone, w]
                else:
                    whole = xlogx[c] if c < len(xlogx) else c * np.log(c)
                    value = whole - c * log_mean[zone, w] + rest[zone, w] - c
                if value > best:
                    best = value
    return best


def _zones(places: Floats, *, max_radius: float | None, most: int | None) -> _Zones:
    """All distinct circles; of equally far locations all or none, unless `most` cuts between them."""
    count = len(places)
    k = count if most is None else min(most, count)
    order = np.full((count, k), -1, dtype=np.int64)
    sizes, centres, first, seen = [], [], [0], set()
    for centre in range(count):
        distance = np.sqrt(((places - places[centre]) ** 2).sum(axis=1))
        near = np.lexsort((np.arange(count), distance))[:k]
        if max_radius is not None:
            near = near[distance[near] <= max_radius + _SAME_M]
        order[centre, : len(near)] = near
        far = distance[near]
        ends = (
            np.flatnonzero(np.r_[far[1:] - far[:-1] > _SAME_M * (1 + far[:-1]), True]) + 1
            if most is None
            else np.arange(len(near)) + 1
        )
        for end in ends.tolist():
            key = np.sort(near[:end]).tobytes()
            if key not in seen:
                seen.add(key)
                sizes.append(end)
                centres.append(centre)
        first.append(len(sizes))
    widest = max(sizes, default=0)
    return _Zones(
        np.ascontiguousarray(order[:, :widest]), np.array(sizes, dtype=np.int64), np.array(centres, dtype=np.int64),
        np.array(first, dtype=np.int64),
    )  # fmt: skip


def _small_enough(zones: _Zones, share: Floats, most: float) -> _Zones:
    kept = _prefix_sums(share[:, None], zones)[:, 0] <= most + 1e-12
    first = np.r_[0, np.cumsum(kept)][zones.centre_first]
    return _Zones(zones.order, zones.size[kept], zones.centre[kept], first.astype(np.int64))


def _windows(steps: int, longest: int, prospective: bool) -> Ints:
    """(W, 2) first and last step."""
    if longest < 1:
        raise ConfigError(f"windows last at most {longest} steps; fix: at least 1")
    ends = [steps - 1] if prospective else range(steps)
    found = [(start, end) for end in ends for start in range(max(0, end - longest + 1), end + 1)]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _counts(counts: npt.ArrayLike, *, dimensions: tuple[int, ...]) -> Ints:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim not in dimensions:
        shape = "locations x steps" if dimensions == (2,) else "one per location, or locations x steps"
        raise ConfigError(f"counts have shape {table.shape}; fix: give {shape}")
    if not np.isfinite(table).all() or (table < 0).any() or (table != np.round(table)).any():
        raise ConfigError("counts must be whole numbers of 0 or more; fix: leave locations that aren't known out")
    return (table[:, None] if table.ndim == 1 else table).astype(np.int64)


def _places(xy: npt.ArrayLike, count: int) -> Floats:
    places = np.asarray(xy, dtype=np.float64)
    if places.ndim != 2 or len(places) != count or not np.isfinite(places).all():
        raise ConfigError(f"xy has shape {places.shape} for {count} locations; fix: give (L, 2) metres without NaN")
    if places.shape[1] == 2:
        refuse_degrees(places)
    return places
