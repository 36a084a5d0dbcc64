"""Local G and local Moran: published numbers, the peers where they are right, exact chances by enumeration."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.statistics.chance import discoveries, sum_distribution

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    import libpysal

PLACES = [(10, 10), (20, 10), (40, 10), (15, 20), (30, 20), (30, 30)]
VALUES = [2, 3, 3.2, 5, 8, 7]


def near_15():
    """Neighbours within 15, by hand from the six places of esda's example."""
    gaps = np.hypot(*(np.array(PLACES)[:, None] - np.array(PLACES)[None]).transpose(2, 0, 1))
    return [np.flatnonzero((row <= 15) & (row > 0)) for row in gaps]


def lattice(side):
    """Queen neighbours of a square of cells."""
    cells = np.arange(side * side).reshape(side, side)
    steps = [step for step in itertools.product((-1, 0, 1), repeat=2) if any(step)]
    return [
        [cells[r + a, c + b] for a, b in steps if 0 <= r + a < side and 0 <= c + b < side]
        for r in range(side) for c in range(side)
    ]  # fmt: skip


def test_the_published_example_of_getis_and_ord_in_esda():
    assert hs.general_g(VALUES, near_15()) == pytest.approx(0.55709779, abs=1e-8)
    assert hs.local_g(VALUES, near_15()).z[0] == pytest.approx(-1.39727626, abs=1e-8)
    row_standardised = hs.local_g(VALUES, near_15(), star=False, row_standardised=True)
    assert row_standardised.z[0] == pytest.approx(-0.62074534, abs=1e-8)


@pytest.mark.parametrize("star", [True, False])
@pytest.mark.parametrize("mean", [0.2, 5.0])
def test_z_and_i_agree_with_esda(star, mean):
    w = libpysal.weights.lat2W(12, 12, rook=False)
    values = np.random.default_rng(3).poisson(mean, 144).astype(float)
    ours, moran = hs.local_g(values, w, star=star), hs.local_moran(values, w)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = esda.G_Local(values, w, transform="B", star=star, permutations=0)
        lisa = esda.Moran_Local(values, w, permutations=0)
    np.testing.assert_allclose(ours.z, theirs.Zs, atol=1e-10)
    np.testing.assert_allclose(ours.statistic, theirs.Gs, atol=1e-12)
    np.testing.assert_allclose(moran.statistic * 143 / 144, lisa.Is, atol=1e-10)  # esda divides by n - 1
    assert moran.quadrant.tolist() == lisa.q.tolist()


def test_exact_chances_equal_enumeration():
    values = np.array([0, 0, 0, 1, 1, 3, 5])
    neighbours = [[1, 2], [0, 2], [1, 3, 4], [2, 4], [5, 6], [4, 6], [4, 5]]
    found = hs.local_g(values, neighbours)
    moran = hs.local_moran(values, neighbours)
    for cell, near in enumerate(neighbours):
        observed = values[near].sum() + values[cell]
        sums = np.array([sum(draw) for draw in itertools.combinations(values, len(near) + 1)])
        assert found.tails.upper[cell] == pytest.approx((sums >= observed).mean())
        assert found.tails.lower[cell] == pytest.approx((sums <= observed).mean())
        share = {s: (sums == s).mean() for s in set(sums.tolist())}
        unlikely = sum(p for p in share.values() if p <= share[observed] + 1e-12)
        assert found.p_value[cell] == pytest.approx(unlikely)
        others = np.delete(values, cell)
        sums = np.array([sum(draw) for draw in itertools.combinations(others, len(near))])
        assert moran.tails.upper[cell] == pytest.approx((sums >= values[near].sum()).mean())


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_the_distribution_of_sums_is_that_of_all_draws(values, data):
    size = data.draw(st.integers(1, min(len(values), 5)))
    ordered = np.sort(np.array(values, dtype=float))
    pmf = sum_distribution(ordered, size)
    sums = [sum(draw) for draw in itertools.combinations(values, size)]
    counts = np.bincount(np.array(sums) - size * min(values), minlength=len(pmf))
    np.testing.assert_allclose(pmf, counts / len(sums), atol=1e-12)


def test_values_that_are_not_whole_are_simulated_and_near_the_normal_answer():
    rng = np.random.default_rng(0)
    values = rng.normal(10, 2, 400)
    found = hs.local_g(values, lattice(20), seed=1)
    assert found.method == "1,000,000 shared draws"
    assert np.abs(found.p_value - 2 * stats.norm.sf(np.abs(found.z))).max() < 0.03
    assert np.array_equal(found.p_value, hs.local_g(values, lattice(20), seed=1).p_value)
    few = hs.local_g(values, lattice(20), permutations=99, seed=1)
    assert few.p_value.min() >= 2 / 100 and few.method == "99 permutations"


def test_unequal_weights_have_normal_or_permuted_p_and_the_right_moments():
    rng = np.random.default_rng(4)
    values = rng.poisson(3, 30).astype(float)
    weights = sparse.csr_array(np.triu(rng.random((30, 30)), 1) * (rng.random((30, 30)) < 0.3))
    weights = weights + weights.T
    plain = hs.local_g(values, weights, star=False)
    assert plain.method == "normal approximation"
    dealt = np.array([rng.permutation(np.delete(values, 0)) for _ in range(20_000)])
    sums = dealt @ np.delete(weights.toarray()[0], 0)
    observed = float(weights.toarray()[0] @ values)
    assert plain.z[0] == pytest.approx((observed - sums.mean()) / sums.std(), abs=0.03)
    permuted = hs.local_g(values, weights, star=False, permutations=4999, seed=2)
    assert permuted.tails.upper[0] == pytest.approx((sums >= observed - 1e-9).mean(), abs=0.03)


def test_missing_cells_and_islands_are_left_out_by_name():
    values = np.array([1, 2, np.nan, 4, 0, 9.0])
    found = hs.local_g(values, [[1, 2], [0, 2], [0, 1, 3], [2], [5], [4]])
    assert found.excluded["missing"].tolist() == [2] and found.excluded["island"].tolist() == [3]
    assert np.isnan(found.p_value[[2, 3]]).all() and not found.significant[[2, 3]].any()
    known = hs.local_g(values[[0, 1, 4, 5, 3]], [[1], [0], [3], [2], []])
    np.testing.assert_allclose(found.z[[0, 1, 4, 5]], known.z[:4])
    np.testing.assert_allclose(hs.local_moran(values, [[1], [0], [], [4], [3], [4]]).p_value[2], np.nan)


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0, 2.0], [np.nan, np.nan]])
def test_nothing_to_tell_is_an_ordinary_answer(values):
    neighbours = [[j for j in range(len(values)) if j != i] for i in range(len(values))]
    for found in (hs.local_g(values, neighbours), hs.local_moran(values, neighbours)):
        assert found.p_value.shape == (len(values),) and not found.significant.any()
        assert "significant" in found.summary()


@given(st.lists(st.integers(0, 9), min_size=9, max_size=9), st.permutations(range(9)))
@settings(max_examples=40, deadline=None)
def test_the_order_of_cells_changes_nothing(values, order):
    neighbours = lattice(3)
    place = {old: new for new, old in enumerate(order)}
    moved = [[place[j] for j in neighbours[old]] for old in order]
    for statistic in (hs.local_g, hs.local_moran):
        one, other = statistic(values, neighbours), statistic([values[old] for old in order], moved)
        np.testing.assert_allclose(other.p_value, one.p_value[list(order)], rtol=1e-12)


@pytest.mark.parametrize("mean", [0.05, 0.2, 1.0, 5.0])
def test_on_noise_no_more_than_one_in_twenty_cells_is_flagged(mean):
    rng = np.random.default_rng(11)
    shares = []
    for _ in range(4):
        noise = rng.poisson(mean, 1600)
        shares.append([(test(noise, lattice(40)).p_value <= 0.05).mean() for test in (hs.local_g, hs.local_moran)])
    assert np.mean(shares, axis=0).max() <= 0.06


def test_a_planted_hotspot_survives_the_correction_for_many_tests():
    noise = np.random.default_rng(2).poisson(0.2, 400).reshape(20, 20)
    noise[9:11, 9:11] += 4
    found = hs.local_g(noise.ravel(), lattice(20), fdr=0.05)
    assert found.significant.reshape(20, 20)[9:11, 9:11].all()
    assert found.significant.sum() < 40


def test_discoveries_of_benjamini_and_hochberg():
    # their own example: fifteen p-values, the first four hold at .05
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert discoveries(np.array(p), 0.05).tolist() == [True] * 4 + [False] * 11


@pytest.mark.parametrize(
    ("neighbours", "why"),
    [([[1]], "given for 1 of 2 cells"), ([[1], [7]], "cells that don't exist"), (np.eye(3), "given for 3 of 2 cells")],
)
def test_neighbours_that_do_not_fit_are_refused(neighbours, why):
    with pytest.raises(ConfigError, match=why):
        hs.local_g([1, 2], neighbours)
    with pytest.raises(ConfigError, match="finite"):
        hs.local_g([1, np.inf], [[1], [0]])
