"""Kernel density in space, and in space and time: exact sums over near events, or sums over a fine grid with a known error.

Silverman, B. W. (1986). Density estimation for statistics and data analysis. Brunsdon, C., Corcoran, J., Higgs, G. (2007).
Visualising space and time in crime patterns. Computers, Environment and Urban Systems 31(1), 52-75. Jones, M. C. (1993).
Simple boundary correction for kernel density estimation. Statistics and Computing 3, 135-146. Wand, M. P. (1994). Fast
computation of multivariate kernel estimators. Journal of Computational and Graphical Statistics 3(4), 433-445: linear binning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from scipy import sparse
from scipy.spatial import cKDTree

from hotspot.errors import ConfigError
from hotspot.statistics.events import Floats, events_of, refuse_degrees

KERNELS = ("quartic", "gaussian", "epanechnikov")
_TAIL = 5.0  # standard deviations of a Gaussian that count
_BLOCK = 200_000


def kernel_weight(share: npt.ArrayLike, kernel: str = "quartic") -> Floats:
    """The kernel at distances given as shares of the bandwidth, 1 in the middle; a Gaussian's bandwidth is its deviation.

    >>> kernel_weight([0.0, 0.5, 1.0, 2.0]).tolist()
    [1.0, 0.5625, 0.0, 0.0]
    """
    u2 = np.square(np.asarray(share, dtype=np.float64))
    if kernel == "gaussian":
        return np.asarray(np.exp(-0.5 * u2), dtype=np.float64)
    if kernel not in KERNELS:
        raise ConfigError(f"kernel '{kernel}' is unknown; fix: use one of: {', '.join(KERNELS)}")
    inside = np.maximum(1.0 - u2, 0.0)
    return np.asarray(inside**2 if kernel == "quartic" else inside, dtype=np.float64)


def _mass(kernel: str) -> float:
    """The kernel's integral over the plane, in squared bandwidths."""
    return {"quartic": np.pi / 3, "gaussian": 2 * np.pi, "epanechnikov": np.pi / 2}[kernel]


def kernel_density(
    xy: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    bandwidth_m: float,
    kernel: str = "quartic",
    weights: npt.ArrayLike | None = None,
    within: shapely.Geometry | None = None,
) -> Floats:
    """(m,) events per square metre at places `at` (m, 2), of events `xy` (n, 2), each `weights` (n,) times (1).

    Exact sums. `within` (the study area): each event's mass that falls outside is given back to the places inside, so that
    the density over the area sums to the events in it; places outside are NaN. No events give 0.

    Raises ConfigError for a bandwidth that isn't positive, an unknown kernel, or degrees.
    """
    _check_bandwidth(bandwidth_m)
    places, goals = points_of(xy), points_of(at)
    refuse_degrees(places)
    mass = np.ones(len(places)) if weights is None else np.asarray(weights, dtype=np.float64)
    if mass.shape != (len(places),):
        raise ConfigError(f"weights are {mass.shape} for {len(places)} events; fix: give one per event")
    known = np.isfinite(places).all(axis=1) & np.isfinite(mass)
    places, mass = places[known], mass[known]
    if within is not None and len(places):
        mass = mass / np.maximum(inside_share(places, within, bandwidth_m=bandwidth_m, kernel=kernel), 1e-3)
    density = _sums(places, mass, goals, bandwidth_m, kernel) / (_mass(kernel) * bandwidth_m**2)
    if within is not None:
        shapely.prepare(within)
        density[~shapely.contains_xy(within, *goals.T)] = np.nan
    return density


def _sums(places: Floats, mass: Floats, goals: Floats, bandwidth_m: float, kernel: str) -> Floats:
    total = np.zeros(len(goals))
    if not len(places) or not len(goals):
        return total
    radius = bandwidth_m * (_TAIL if kernel == "gaussian" else 1.0)
    tree = cKDTree(places)
    for low in range(0, len(goals), _BLOCK):
        some = goals[low : low + _BLOCK]
        known = np.isfinite(some).all(axis=1)
        near = cKDTree(some[known]).sparse_distance_matrix(tree, radius, output_type="coo_matrix")
        values = kernel_weight(near.data / bandwidth_m, kernel) * mass[near.col]
        total[low : low + _BLOCK][known] = np.bincount(near.row, weights=values, minlength=int(known.sum()))
    return total


def inside_share(xy: Floats, within: shapely.Geometry, *, bandwidth_m: float, kernel: str = "quartic") -> Floats:
    """(n,) the share of the kernel around each event that lies in the study area, on a lattice of 200 nodes per kernel."""
    reach = 3.0 if kernel == "gaussian" else 1.0
    steps = np.linspace(-reach, reach, 16)
    offset = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    weight = kernel_weight(np.hypot(*offset.T), kernel)
    offset, weight = offset[weight > 0] * bandwidth_m, weight[weight > 0] / weight.sum()
    share = np.ones(len(xy))
    near_border = shapely.distance(shapely.points(xy), shapely.boundary(within)) < reach * bandwidth_m
    shapely.prepare(within)
    rows = np.flatnonzero(near_border | ~shapely.contains_xy(within, *xy.T))
    for low in range(0, len(rows), 2000):
        some = rows[low : low + 2000]
        nodes = xy[some][:, None] + offset[None]
        share[some] = shapely.contains_xy(within, nodes[..., 0], nodes[..., 1]) @ weight
    return share


def likely_bandwidth(
    xy: npt.ArrayLike, *, candidates_m: Sequence[float], kernel: str = "quartic", floor: float = 1e-3
) -> float:
    """The candidate under which each event is likeliest, given the others (leave-one-out likelihood cross-validation).

    Events at one place (coordinates rounded to an address) would ask for a bandwidth of nothing: pairs at distance 0 don't
    count. `floor` is the share of a uniform density that every event has, so that no lonely one decides alone. Needs at
    least two events; raises ConfigError otherwise.
    """
    places = points_of(xy)
    places = places[np.isfinite(places).all(axis=1)]
    if len(places) < 2 or not len(candidates_m):
        raise ConfigError("a bandwidth needs at least two events and one candidate; fix: give more")
    area = max(float(np.prod(np.maximum(np.ptp(places, axis=0), 1.0))), 1.0)
    reach = max(candidates_m) * (_TAIL if kernel == "gaussian" else 1.0)
    tree = cKDTree(places)
    near = tree.sparse_distance_matrix(tree, reach, output_type="coo_matrix")
    apart = near.data > 0
    row, metres = near.row[apart], near.data[apart]
    scores = []
    for bandwidth_m in candidates_m:
        _check_bandwidth(bandwidth_m)
        sums = np.bincount(row, weights=kernel_weight(metres / bandwidth_m, kernel), minlength=len(places))
        density = sums / ((len(places) - 1) * _mass(kernel) * bandwidth_m**2)
        scores.append(float(np.log((1 - floor) * density + floor / area).sum()))
    return float(candidates_m[int(np.argmax(scores))])


@dataclass(frozen=True, eq=False)
class SpaceTimeDensity:
    """`density` (X, Y, T): events per square metre and unit of time at the middles `x`, `y`, `t`; `error`: the median
    relative error of the grid against exact sums at a sample of places where there is any density."""

    density: npt.NDArray[np.float32]
    x: Floats
    y: Floats
    t: Floats
    error: float


def space_time_density(
    xy: npt.ArrayLike,
    t: npt.ArrayLike,
    *,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    times: npt.ArrayLike,
    bandwidth_m: float,
    bandwidth_t: float,
    finer: int = 2,
) -> SpaceTimeDensity:
    """Gaussian kernel density in space and time at a regular lattice: middles `x` (X,), `y` (Y,), `times` (T,).

    Events are spread linearly over the nodes of a lattice `finer` times as fine, whose own spread is taken off the kernel;
    then each axis is smoothed on its own by one matrix product. Costs what the lattice has, whatever the number of events.
    The stated error is measured on 400 places. Raises ConfigError for uneven axes and bandwidths that aren't positive.
    """
    axes = [_axis(values, name) for values, name in ((x, "x"), (y, "y"), (times, "times"))]
    for bandwidth in (bandwidth_m, bandwidth_t):
        _check_bandwidth(bandwidth)
    places, when, _ = events_of(xy, t)
    events, widths = np.column_stack([places, when]), (bandwidth_m, bandwidth_m, bandwidth_t)
    fine = [_fine_axis(axis, width, finer) for axis, width in zip(axes, widths, strict=True)]
    grid = _linear_bins(events, fine)
    for k, (axis, width) in enumerate(zip(axes, widths, strict=True)):
        smooth = _smoother(axis, fine[k], width).astype(np.float32)
        grid = np.moveaxis(np.tensordot(smooth, grid, axes=(1, k)), 0, k)
    density = np.ascontiguousarray(grid)
    error = _measured_error(density, axes, events, widths)
    return SpaceTimeDensity(density, axes[0], axes[1], axes[2], error)


def _axis(values: npt.ArrayLike, name: str) -> Floats:
    axis = np.asarray(values, dtype=np.float64)
    steps = np.diff(axis)
    if axis.ndim != 1 or len(axis) < 2 or not np.allclose(steps, steps[0], rtol=1e-9) or steps[0] <= 0:
        raise ConfigError(f"axis {name} must be evenly spaced and rise; fix: use numpy.arange")
    return axis


def _fine_axis(axis: Floats, width: float, finer: int) -> Floats:
    """Nodes at most half a bandwidth apart, out to where events still count."""
    step = (axis[1] - axis[0]) / finer
    step /= max(1, int(np.ceil(step / (width / 2.0))))
    margin = int(np.ceil(_TAIL * width / step))
    count = round((axis[-1] - axis[0]) / step)
    nodes: Floats = axis[0] + step * np.arange(-margin, count + margin + 1)
    return nodes


def _linear_bins(events: Floats, axes: Sequence[Floats]) -> npt.NDArray[np.float32]:
    """Each event's mass over the eight nodes around it."""
    shape = tuple(len(axis) for axis in axes)
    position = np.column_stack([(events[:, k] - axis[0]) / (axis[1] - axis[0]) for k, axis in enumerate(axes)])
    inside = ((position >= 0) & (position < np.array(shape) - 1)).all(axis=1)
    low = np.floor(position[inside]).astype(np.int64)
    part = position[inside] - low
    total = np.zeros(int(np.prod(shape)))
    for corner in range(8):
        step = np.array([(corner >> k) & 1 for k in range(3)])
        weight = np.prod(np.where(step, part, 1 - part), axis=1)
        total += np.bincount(np.ravel_multi_index(tuple((low + step).T), shape), weights=weight, minlength=len(total))
    return total.reshape(shape).astype(np.float32)


def _smoother(axis: Floats, fine: Floats, width: float) -> Floats:
    """(A, F) Gaussian of the wanted width, less the spread that linear bins already have (step squared / 6)."""
    step = fine[1] - fine[0]
    variance = max(width**2 - step**2 / 6.0, (0.25 * width) ** 2)
    u2 = (axis[:, None] - fine[None, :]) ** 2
    weights: Floats = np.exp(-0.5 * u2 / variance) / np.sqrt(2 * np.pi * variance)
    return weights


def _measured_error(
    density: npt.NDArray[np.float32], axes: Sequence[Floats], events: Floats, widths: Sequence[float]
) -> float:
    if not len(events) or not density.any():
        return 0.0
    rng = np.random.default_rng(0)
    filled = np.flatnonzero(density.ravel() > density.max() * 1e-3)
    picked = np.unravel_index(rng.choice(filled, min(400, len(filled)), replace=False), density.shape)
    at = np.column_stack([axis[index] for axis, index in zip(axes, picked, strict=True)])
    exact = space_time_sums(events, at, widths)
    return float(np.median(np.abs(density[picked] - exact) / exact))


def space_time_sums(events: Floats, at: Floats, widths: Sequence[float]) -> Floats:
    """(m,) the exact Gaussian density at places and times `at` (m, 3)."""
    scale = np.asarray(widths, dtype=np.float64)
    near = cKDTree(at / scale).sparse_distance_matrix(
        cKDTree(events / scale), _TAIL * np.sqrt(3), output_type="coo_matrix"
    )
    weights = np.exp(-0.5 * near.data**2)
    total = np.asarray(sparse.coo_array((weights, (near.row, near.col)), shape=(len(at), len(events))).sum(axis=1))
    found: Floats = total.ravel() / (np.prod(scale) * (2 * np.pi) ** 1.5)
    return found


def points_of(xy: npt.ArrayLike) -> Floats:
    places = np.asarray(xy, dtype=np.float64)
    places = places.reshape(-1, 2) if places.size == 0 else places
    if places.ndim != 2 or places.shape[1] != 2:
        raise ConfigError(f"places have shape {places.shape}; fix: give (n, 2) metres")
    return places


def _check_bandwidth(bandwidth: float) -> None:
    if not (bandwidth > 0 and np.isfinite(bandwidth)):
        raise ConfigError(f"bandwidth {bandwidth} can't be; fix: give a positive number")
