"""ST-DBSCAN: clusters of events that are near in place and in time; and HDBSCAN for a first look.

Birant, D., Kut, A. (2007). ST-DBSCAN: an algorithm for clustering spatial-temporal data. Data & Knowledge Engineering
60(1), 208-221, doi:10.1016/j.datak.2006.01.013. Ester, M. et al. (1996). A density-based algorithm for discovering
clusters. KDD-96, 226-231.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from hotspot.errors import ConfigError
from hotspot.statistics.events import Floats, Ints, events_of

NOISE = -1
Stacks = tuple[Ints, Ints, Ints]
_MARGIN = 1e-9  # cells are smaller by that share, so that rounding puts no two of one cell too far apart
_SIDE = (1 - _MARGIN) / np.sqrt(2.0)  # of a cell in units of eps: two events of one cell are near each other
_MOST_TABLE = 4_000_000
_REACH = 2  # cells of that side in which a near event can lie
_MOST_NEAR = 5 * (2 * _REACH + 1) ** 2 + 1


def st_dbscan(
    xy: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    eps_m: float,
    eps_t: float,
    min_samples: int,
    max_share: float | None = None,
    max_radius_m: float | None = None,
) -> npt.NDArray[np.int64]:
    """(n,) cluster of each event at `xy` (n, 2) metres and time `t` (n,), in the unit of `eps_t`; -1 is noise.

    Two events are near if they are within `eps_m` and within `eps_t` of each other, both bounds included. An event with at
    least `min_samples` near ones, itself among them, is a core; near cores are in one cluster. An event that is no core but
    near one goes with the nearest core (of equally near ones the earliest). Clusters are numbered by their earliest core:
    labels depend on no order of rows. Events with NaN are noise. Memory is linear, however dense the events are.

    `max_share` and `max_radius_m` refuse what isn't a cluster any more: more than that share of all events in one, or one
    that reaches farther than that from its middle. Fixed bounds join everything as data grow.

    Raises ConfigError for bounds that aren't positive (`eps_t` may be 0) and for a refused result, with what to change.

    >>> st_dbscan([[0, 0], [3, 4], [3, 4], [90, 0]], [0, 1, 1, 0], eps_m=5, eps_t=1, min_samples=3).tolist()
    [0, 0, 0, -1]
    """
    if not (eps_m > 0 and eps_t >= 0 and np.isfinite(eps_m) and np.isfinite(eps_t)) or min_samples < 1:
        raise ConfigError(
            f"eps_m = {eps_m}, eps_t = {eps_t}, min_samples = {min_samples} can't be; fix: give positive numbers"
        )
    places, times, rows = events_of(xy, t)
    labels = np.full(len(np.asarray(t)), NOISE, dtype=np.int64)
    if len(rows):
        found = _clusters(places, times, float(eps_m), float(eps_t), int(min_samples))
        labels[rows] = found
        _refuse_degenerate(places, found, max_share, max_radius_m)
    return labels


def hdbscan(xy: npt.ArrayLike, t: npt.ArrayLike, *, metres_per_t: float, min_cluster_size: int = 10) -> Ints:
    """(n,) HDBSCAN's clusters of events whose time counts as `metres_per_t` metres per unit, for exploration: it needs no
    bounds but has no inclusive ones either. -1 is noise; NaN is noise. Campello, Moulavi, Sander (2013), by scikit-learn.

    >>> near = [[0, 0], [1, 0], [0, 1], [500, 0], [501, 0], [500, 1]]
    >>> hdbscan(near, [0, 0, 0, 0, 0, 0], metres_per_t=10, min_cluster_size=3).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    from sklearn.cluster import HDBSCAN

    places, times, rows = events_of(xy, t)
    labels = np.full(len(np.asarray(t)), NOISE, dtype=np.int64)
    if len(rows) < max(min_cluster_size, 2):
        return labels
    model = HDBSCAN(min_cluster_size=min_cluster_size, copy=True)
    found = model.fit_predict(np.column_stack([places, times * metres_per_t]))
    kinds, first = np.unique(found[found >= 0], return_index=True)
    new = np.empty(len(kinds), dtype=np.int64)
    new[np.argsort(first)] = np.arange(len(kinds))  # by their earliest event
    labels[rows] = np.where(found >= 0, new[found.clip(0)] if len(new) else NOISE, NOISE)
    return labels


def _refuse_degenerate(places: Floats, labels: Ints, max_share: float | None, max_radius_m: float | None) -> None:
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    biggest = int(np.argmax(sizes))
    if max_share is not None and sizes[biggest] > max_share * len(labels):
        share = sizes[biggest] / len(labels)
        raise ConfigError(
            f"one cluster holds {share:.0%} of {len(labels):,} events: that is no cluster; "
            "fix: smaller eps_m or eps_t, larger min_samples, or a shorter time"
        )
    if max_radius_m is not None:
        for k in np.flatnonzero(sizes):
            own = places[labels == k]
            radius_m = float(np.hypot(*(own - own.mean(axis=0)).T).max())
            if radius_m > max_radius_m:
                raise ConfigError(
                    f"cluster {k} reaches {radius_m:,.0f} m from its middle, more than {max_radius_m:,.0f}; "
                    "fix: smaller eps_m or larger min_samples"
                )


def _clusters(places: Floats, times: Floats, eps_m: float, eps_t: float, min_samples: int) -> Ints:
    """Labels of events that are sorted by time and place. Events of one cell are all near each other."""
    low = places.min(axis=0)
    column, row = np.floor((places - low) / (eps_m * _SIDE)).astype(np.int32).T
    if eps_t > 0:
        slot = np.floor((times - times[0]) / (eps_t * (1 - _MARGIN))).astype(np.int32)
    else:
        slot = 2 * np.unique(times, return_inverse=True)[1].astype(np.int32)
    order = np.lexsort((slot, row, column))
    keys = np.column_stack([column[order], row[order], slot[order]])
    del column, row, slot
    new = np.r_[True, (keys[1:] != keys[:-1]).any(axis=1)]
    first = np.r_[np.flatnonzero(new), len(order)].astype(np.int64)
    cells = np.ascontiguousarray(keys[new])
    del keys, new
    at, when = places[order], times[order]
    stacks = _stacks(cells)
    core = _cores(at, when, cells, first, stacks, eps_m, eps_t, min_samples)
    parent = _joined(at, when, cells, first, stacks, core, eps_m, eps_t, order)
    found = _named(at, when, cells, first, stacks, core, parent, eps_m, eps_t, order)
    labels = np.empty(len(order), dtype=np.int64)
    labels[order] = found
    return labels


@numba.njit(cache=True)
def _near(at: Floats, when: Floats, i: int, j: int, eps2: float, eps_t: float) -> bool:
    dx, dy = at[i, 0] - at[j, 0], at[i, 1] - at[j, 1]
    return bool(dx * dx + dy * dy <= eps2 and abs(when[i] - when[j]) <= eps_t)


def _stacks(cells: Ints) -> Stacks:
    """Cells of one column and row are a stack of slots: where each stack begins, a table of stacks by column and row (empty
    where that would be too large), and the stacks' keys, in order."""
    high = int(cells[:, 1].max()) + 1
    keys = cells[:, 0].astype(np.int64) * high + cells[:, 1]
    begin = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    stack_keys = keys[begin]
    table = np.full(0, -1, dtype=np.int64)
    if int(stack_keys[-1]) < _MOST_TABLE + 8 * len(stack_keys):
        table = np.full(int(stack_keys[-1]) + 1, -1, dtype=np.int64)
        table[stack_keys] = np.arange(len(begin))
    return np.r_[begin, len(cells)].astype(np.int64), table, np.r_[high, stack_keys].astype(np.int64)


@numba.njit(cache=True)
def _stack(column: int, row: int, table: Ints, keys: Ints) -> int:
    """The stack at a column and row, -1 for none; keys[0] is the number of rows."""
    if column < 0 or row < 0 or row >= keys[0]:
        return -1
    key = column * keys[0] + row
    if len(table):
        return int(table[key]) if key < len(table) else -1
    at = np.searchsorted(keys[1:], key)
    return int(at) if at + 1 < len(keys) and keys[at + 1] == key else -1


@numba.njit(cache=True)
def _around(cells: Ints, k: int, stacks: Stacks, out: Ints) -> int:
    """The cells that may hold events near those of cell k, itself first: written to `out`, their number returned."""
    begin, table, keys = stacks
    out[0] = k
    count = 1
    slot = cells[k, 2]
    for dc in range(-_REACH, _REACH + 1):
        for dr in range(-_REACH, _REACH + 1):
            stack = _stack(cells[k, 0] + dc, cells[k, 1] + dr, table, keys)
            if stack < 0:
                continue
            low, high = begin[stack], begin[stack + 1]
            while high - low > 4:
                middle = (low + high) // 2
                if cells[middle, 2] < slot - 2:  # the margin makes two slots next to each other too short
                    low = middle + 1
                else:
                    high = middle
            m = low
            while m < begin[stack + 1] and cells[m, 2] <= slot + 2:
                if cells[m, 2] >= slot - 2 and m != k:
                    out[count] = m
                    count += 1
                m += 1
    return count


@numba.njit(cache=True)
def _cores(
    at: Floats, when: Floats, cells: Ints, first: Ints, stacks: Stacks, eps_m: float, eps_t: float, min_samples: int
) -> npt.NDArray[np.bool_]:
    core = np.zeros(len(at), dtype=np.bool_)
    near = np.empty(_MOST_NEAR, dtype=np.int64)
    eps2 = eps_m * eps_m
    for k in range(len(cells)):
        own = first[k + 1] - first[k]
        if own >= min_samples:
            core[first[k] : first[k + 1]] = True
            continue
        count = _around(cells, k, stacks, near)
        for i in range(first[k], first[k + 1]):
            seen = own
            for n in range(1, count):
                for j in range(first[near[n]], first[near[n] + 1]):
                    if _near(at, when, i, j, eps2, eps_t):
                        seen += 1
                        if seen >= min_samples:
                            break
                if seen >= min_samples:
                    break
            core[i] = seen >= min_samples
    return core


@numba.njit(cache=True)
def _root(parent: Ints, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@numba.njit(cache=True)
def _join(parent: Ints, rank: Ints, i: int, j: int) -> None:
    """Joins two clusters under the event that comes first in `rank`."""
    a, b = _root(parent, i), _root(parent, j)
    if a != b:
        if rank[a] < rank[b]:
            parent[b] = a
        else:
            parent[a] = b


@numba.njit(cache=True)
def _joined(
    at: Floats,
    when: Floats,
    cells: Ints,
    first: Ints,
    stacks: Stacks,
    core: npt.NDArray[np.bool_],
    eps_m: float,
    eps_t: float,
    rank: Ints,
) -> Ints:
    """The cores of a cell are one cluster; two cells join at the first pair of near cores."""
    parent = np.arange(len(at))
    near = np.empty(_MOST_NEAR, dtype=np.int64)
    head = np.full(len(cells), -1, dtype=np.int64)
    for k in range(len(cells)):
        for i in range(first[k], first[k + 1]):
            if core[i]:
                if head[k] < 0:
                    head[k] = i
                else:
                    _join(parent, rank, head[k], i)
    for k in range(len(cells)):
        if head[k] < 0:
            continue
        count = _around(cells, k, stacks, near)
        for n in range(1, count):
            m = near[n]
            if m > k and head[m] >= 0 and _root(parent, head[k]) != _root(parent, head[m]):
                i, j = _first_near(at, when, first[k], first[k + 1], first[m], first[m + 1], core, eps_m, eps_t)
                if i >= 0:
                    _join(parent, rank, i, j)
    return parent


@numba.njit(cache=True)
def _first_near(
    at: Floats, when: Floats, a: int, b: int, c: int, d: int, core: npt.NDArray[np.bool_], eps_m: float, eps_t: float
) -> tuple[int, int]:
    """A pair of near cores of rows a..b and c..d, or -1: only rows near the others' bounding box are compared."""
    x0, x1, y0, y1 = np.inf, -np.inf, np.inf, -np.inf
    for j in range(c, d):
        if core[j]:
            x0, x1 = min(x0, at[j, 0]), max(x1, at[j, 0])
            y0, y1 = min(y0, at[j, 1]), max(y1, at[j, 1])
    eps2 = eps_m * eps_m
    for i in range(a, b):
        if not core[i]:
            continue
        dx, dy = max(x0 - at[i, 0], 0.0, at[i, 0] - x1), max(y0 - at[i, 1], 0.0, at[i, 1] - y1)
        if dx * dx + dy * dy > eps2:
            continue
        for j in range(c, d):
            if core[j] and _near(at, when, i, j, eps2, eps_t):
                return i, j
    return -1, -1


@numba.njit(cache=True)
def _named(
    at: Floats, when: Floats, cells: Ints, first: Ints, stacks: Stacks, core: npt.NDArray[np.bool_], parent: Ints,
    eps_m: float, eps_t: float, rank: Ints,
) -> Ints:  # fmt: skip
    """Numbers by the rank of the earliest core; events that are no core go with the nearest one."""
    n = len(at)
    root = np.full(n, -1, dtype=np.int64)
    near = np.empty(_MOST_NEAR, dtype=np.int64)
    eps2 = eps_m * eps_m
    for k in range(len(cells)):
        count = -1
        for i in range(first[k], first[k + 1]):
            if core[i]:
                root[i] = _root(parent, i)
                continue
            if count < 0:
                count = _around(cells, k, stacks, near)
            best, best_t, best_rank = np.inf, np.inf, n
            for m in range(count):
                for j in range(first[near[m]], first[near[m] + 1]):
                    if core[j] and _near(at, when, i, j, eps2, eps_t):
                        d2 = (at[i, 0] - at[j, 0]) ** 2 + (at[i, 1] - at[j, 1]) ** 2
                        dt = abs(when[i] - when[j])
                        if d2 < best or (d2 == best and (dt < best_t or (dt == best_t and rank[j] < best_rank))):
                            best, best_t, best_rank = d2, dt, rank[j]
                            root[i] = _root(parent, j)
    place = np.empty(n, dtype=np.int64)
    for i in range(n):
        place[rank[i]] = i
    number = np.full(n, -1, dtype=np.int64)
    found = 0
    for r in range(n):
        i = place[r]
        if core[i] and number[root[i]] < 0:
            number[root[i]] = found
            found += 1
    labels = np.full(n, -1, dtype=np.int64)
    for i in range(n):
        if root[i] >= 0:
            labels[i] = number[root[i]]
    return labels
