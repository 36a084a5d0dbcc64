"""Kernel densities: published weights, integrals, borders, bandwidths, and the lattice against exact sums."""

import numpy as np
import pytest
import shapely
from sklearn.neighbors import KernelDensity

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.statistics.kernel import inside_share, kernel_weight, space_time_sums


def test_the_quartic_weight_at_half_the_bandwidth():
    assert kernel_weight(0.5) == (1 - 0.25) ** 2


@pytest.mark.parametrize("kernel", ["quartic", "gaussian", "epanechnikov"])
def test_the_density_of_one_event_sums_to_one(kernel):
    step = 5.0
    axis = np.arange(-600, 600, step)
    at = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = hs.kernel_density([[1.0, 2.0]], at, bandwidth_m=100, kernel=kernel)
    assert density.sum() * step**2 == pytest.approx(1, abs=2e-3)
    assert density.max() == pytest.approx(density[np.argmin(np.hypot(at[:, 0] - 1, at[:, 1] - 2))])


def test_two_events_by_hand_and_weights():
    found = hs.kernel_density([[0, 0], [100, 0]], [[50, 0], [500, 0]], bandwidth_m=100, weights=[1, 3])
    assert found.tolist() == pytest.approx([4 * 0.5625 / (np.pi / 3 * 100**2), 0.0])


def test_a_gaussian_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    xy, at = rng.uniform(0, 1000, (300, 2)), rng.uniform(0, 1000, (50, 2))
    theirs = 300 * np.exp(KernelDensity(bandwidth=120).fit(xy).score_samples(at))
    np.testing.assert_allclose(hs.kernel_density(xy, at, bandwidth_m=120, kernel="gaussian"), theirs, rtol=1e-4)


def test_mass_over_the_border_is_given_back():
    area = shapely.box(0, 0, 1000, 1000)
    assert inside_share(np.array([[500.0, 500.0], [0.0, 500.0]]), area, bandwidth_m=200).tolist() == pytest.approx(
        [1.0, 0.5], abs=0.02
    )
    axis = np.arange(5, 1000, 10.0)
    at = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    events = np.random.default_rng(1).uniform(0, 1000, (200, 2))
    plain = hs.kernel_density(events, at, bandwidth_m=200)
    corrected = hs.kernel_density(events, at, bandwidth_m=200, within=area)
    assert plain.sum() * 100 < 185
    assert corrected.sum() * 100 == pytest.approx(200, rel=0.01)
    assert np.isnan(hs.kernel_density(events, [[-5.0, 0.0]], bandwidth_m=200, within=area)).all()


def test_the_likely_bandwidth_is_that_of_the_clusters_and_heaps_do_not_draw_it_to_nothing():
    rng = np.random.default_rng(2)
    centres = rng.uniform(0, 20_000, (40, 2))
    xy = np.repeat(centres, 25, axis=0) + rng.normal(0, 150, (1000, 2))
    candidates = [25, 50, 100, 200, 400, 800, 1600]
    found = hs.likely_bandwidth(xy, candidates_m=candidates, kernel="gaussian")
    assert found in (100, 200)
    assert hs.likely_bandwidth(np.repeat(xy, 2, axis=0), candidates_m=candidates, kernel="gaussian") == found
    with pytest.raises(ConfigError, match="at least two events"):
        hs.likely_bandwidth([[0, 0]], candidates_m=[100])


def test_the_space_time_lattice_is_near_exact_sums_and_says_how_near():
    rng = np.random.default_rng(3)
    centres = rng.uniform(2000, 8000, (30, 2))
    xy = np.repeat(centres, 100, axis=0) + rng.normal(0, 400, (3000, 2))
    t = rng.uniform(0, 364, 3000)
    x = np.arange(0, 10_000, 250.0)
    found = hs.space_time_density(xy, t, x=x, y=x, times=np.arange(3.5, 364, 7), bandwidth_m=400, bandwidth_t=14)
    at = np.stack(np.meshgrid(x, x, found.t, indexing="ij"), axis=-1).reshape(-1, 3)
    dense = found.density.ravel() > found.density.max() / 100
    exact = space_time_sums(np.column_stack([xy, t]), at[dense], (400.0, 400.0, 14.0))
    error = np.abs(found.density.ravel()[dense] - exact) / exact
    assert np.median(error) < 0.02 and found.error < 0.02
    assert found.density.sum() * 250**2 * 7 == pytest.approx(3000, rel=0.05)


def test_row_order_and_nothing():
    rng = np.random.default_rng(4)
    xy, t, order = rng.uniform(0, 1000, (50, 2)), rng.uniform(0, 30, 50), rng.permutation(50)
    axes = {"x": np.arange(0, 1000, 100.0), "y": np.arange(0, 1000, 100.0), "times": np.arange(0, 30, 1.0)}
    one = hs.space_time_density(xy, t, **axes, bandwidth_m=150, bandwidth_t=3)
    other = hs.space_time_density(xy[order], t[order], **axes, bandwidth_m=150, bandwidth_t=3)
    assert np.array_equal(one.density, other.density)
    empty = hs.space_time_density(np.empty((0, 2)), np.empty(0), **axes, bandwidth_m=150, bandwidth_t=3)
    assert (empty.density == 0).all() and empty.error == 0
    assert hs.kernel_density(np.empty((0, 2)), [[0, 0]], bandwidth_m=5).tolist() == [0]


@pytest.mark.parametrize("bandwidth", [0, -1, np.nan, np.inf])
def test_bandwidths_that_cannot_be_are_refused(bandwidth):
    with pytest.raises(ConfigError, match="give a positive number"):
        hs.kernel_density([[0, 0]], [[0, 0]], bandwidth_m=bandwidth)
    with pytest.raises(ConfigError, match="kernel 'flat' is unknown"):
        hs.kernel_density([[0, 0]], [[0, 0]], bandwidth_m=1, kernel="flat")
