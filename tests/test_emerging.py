"""Emerging hotspots: the trend against scipy, the bins against a slow twin, the categories one by one."""

import numpy as np
import pytest
from scipy import stats
from test_local_statistics import lattice

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.statistics.emerging import CATEGORIES, classify, hot_and_cold, mann_kendall
from hotspot.statistics.neighbours import weights_of


@pytest.mark.parametrize("seed", range(4))
def test_kendall_equals_scipy_with_ties(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, [3, 10, 50, 1000][seed], (30, 17)).astype(float)
    tau, _, p = mann_kendall(rows)
    for k, row in enumerate(rows):
        assert tau[k] == pytest.approx(stats.kendalltau(np.arange(17), row).statistic)
        s = sum(np.sign(row[j] - row[i]) for i in range(17) for j in range(i + 1, 17))
        ties = sum(c * (c - 1) * (2 * c + 5) for c in np.unique(row, return_counts=True)[1])
        z = (s - np.sign(s)) / np.sqrt((17 * 16 * 39 - ties) / 18)
        assert p[k] == pytest.approx(2 * stats.norm.sf(abs(z)))


def test_kendall_of_short_constant_and_missing_rows_is_nan():
    tau, z, p = mann_kendall([[1, 1, 1, 1], [1, np.nan, 2, 3]])
    assert np.isnan(tau).all() and np.isnan(z).all() and np.isnan(p).all()
    assert np.isnan(mann_kendall([[1, 2]])[2]).all()


def test_bins_sum_their_neighbours_in_this_step_and_the_one_before():
    rng = np.random.default_rng(1)
    cube = rng.poisson(1.0, (16, 5))
    neighbours = lattice(4)
    z, _, _ = hot_and_cold(cube, weights_of(neighbours, 16), alpha=0.05, fdr=False, time_steps=1)
    mean, sd, n = cube.mean(), cube.std(), cube.size
    for cell in range(16):
        for step in range(5):
            group = [cell, *neighbours[cell]]
            bins = cube[group, max(step - 1, 0) : step + 1]
            m = bins.size
            expected = (bins.sum() - mean * m) / (sd * np.sqrt((n * m - m**2) / (n - 1)))
            assert z[cell, step] == pytest.approx(expected, rel=1e-5)


H, C, _ = "h", "c", "."
CASES = {
    "new": ". . . . . . . . . h",
    "new after cold": ". c . . . . . . . h",
    "consecutive": ". . . . . . . h h h",
    "intensifying": "h h h h h h h h h h",
    "persistent": "h h h h . h h h h h",
    "diminishing": "h h h h h h h h h h",
    "sporadic": ". h . h . . h . . h",
    "oscillating": ". h c . . . h . . h",
    "historical": "h h h h h h h h h .",
    "nothing at the end": ". . h h h . . . . .",
    "nothing": ". . . . . . . . . .",
}


@pytest.mark.parametrize("side", ["hot", "cold"])
def test_every_category_by_its_definition(side):
    words = {name: np.array(steps.split()) for name, steps in CASES.items()}
    mine = np.array([row == "h" for row in words.values()])
    against = np.array([row == "c" for row in words.values()])
    hot, cold = (mine, against) if side == "hot" else (against, mine)
    up = {"intensifying": 3.0, "diminishing": -3.0}
    sign = 1.0 if side == "hot" else -1.0
    trend = np.array([sign * up.get(name, 0.0) for name in words])
    p = np.where(trend == 0, 0.5, 0.001)
    found = dict(zip(words, classify(hot, cold, trend, p), strict=True))
    expected = {name: f"{name.split()[0]} {side} spot" for name in words if not name.startswith("nothing")}
    expected |= {"nothing at the end": "no pattern", "nothing": "no pattern"}
    assert found == expected
    assert set(found.values()) <= set(CATEGORIES) and len(CATEGORIES) == 17
    strict = dict(zip(words, classify(hot, cold, trend, p, reading="sfdep"), strict=True))
    expected |= {
        "new after cold": f"oscillating {side} spot",
        "historical": f"persistent {side} spot",
        "nothing at the end": f"sporadic {side} spot",
    }
    assert strict == expected


def test_a_planted_corner_emerges_and_noise_has_no_pattern():
    rng = np.random.default_rng(5)
    cube = rng.poisson(1.0, (100, 24))
    cube[:2, -4:] += 9
    found = hs.emerging_hotspots(cube, lattice(10))
    assert found["category"][0] == "consecutive hot spot"
    assert (found["category"] == "no pattern").sum() > 90
    assert found.columns.tolist() == ["category", "tau", "p", "hot", "cold", "last_z"]


def test_the_order_of_cells_changes_nothing():
    rng = np.random.default_rng(6)
    cube = rng.poisson(0.5, (25, 12))
    cube[7, -3:] += 12
    order = rng.permutation(25)
    place = np.argsort(order)
    neighbours = lattice(5)
    moved = [[place[j] for j in neighbours[old]] for old in order]
    one, other = hs.emerging_hotspots(cube, neighbours), hs.emerging_hotspots(cube[order], moved)
    assert other["category"].tolist() == one["category"].iloc[order].tolist()


@pytest.mark.parametrize("cube", [np.zeros((3, 0)), np.zeros((3, 5)), np.full((3, 4), 2), np.zeros((3, 1))])
def test_cubes_without_variation_have_no_pattern(cube):
    found = hs.emerging_hotspots(cube, [[1], [0], []])
    assert found["category"].tolist() == ["no pattern"] * 3 and (found["hot"] == 0).all()


@pytest.mark.parametrize("bad", [[1, 2, 3], [[1, -1], [0, 0]], [[1, np.nan], [0, 0]]])
def test_counts_that_cannot_be_are_refused(bad):
    with pytest.raises(ConfigError):
        hs.emerging_hotspots(bad, [[1], [0]])
