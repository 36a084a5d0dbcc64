"""Knox, Mantel and Jacquez: Burkitt's lymphoma as published, moments and permutations against each other."""

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

import hotspot as hs
from hotspot.errors import ConfigError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import libpysal
    import pointpats


@pytest.fixture(scope="module")
def burkitt():
    frame = gpd.read_file(Path(libpysal.examples.get_path("burkitt.shp")))
    return np.column_stack([frame.geometry.x, frame.geometry.y]), frame["T"].to_numpy(dtype=float)


def test_burkitt_as_published(burkitt):
    found = hs.knox(*burkitt, max_m=20, max_t=5, permutations=4999, seed=1)
    assert found.observed == 13 and found.table.tolist() == [[13, 3416], [39, 14110]]
    assert found.expected == pytest.approx(10.1438161, abs=1e-7)
    assert found.p_value == pytest.approx(0.1996, abs=0.02)  # 20,000 permutations; P(X > observed) would be .11
    assert found.sd == pytest.approx(2.898, abs=5e-4)
    assert hs.mantel(*burkitt, permutations=9)[0] == pytest.approx(0.014154, abs=5e-7)
    assert hs.mantel(*burkitt, permutations=9, metres=1, time=1, power=-1)[0] == pytest.approx(0.048368, abs=5e-7)
    assert hs.jacquez(*burkitt, k=3, permutations=9)[0] == 12


def test_the_closed_form_has_the_moments_of_the_permutations(burkitt):
    closed = hs.knox(*burkitt, max_m=20, max_t=5, permutations=0)
    assert closed.method == "normal" and closed.p_value == pytest.approx(0.1996, abs=0.02)
    rng = np.random.default_rng(3)
    xy, t = burkitt
    counts = []
    near = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) <= 20
    for _ in range(3000):
        dealt = rng.permutation(t)
        together = near & (np.abs(dealt[:, None] - dealt[None]) <= 5)
        counts.append((together.sum() - len(t)) // 2)
    assert closed.expected == pytest.approx(np.mean(counts), abs=0.2)
    assert closed.sd == pytest.approx(np.std(counts), rel=0.04)


def test_the_table_has_the_counts_of_the_bands_and_parts_same_places(burkitt):
    xy, t = burkitt
    table = hs.knox_table(xy, t, metres=[10, 20], times=[5, 30], permutations=99, seed=2)
    assert len(table) == 6
    gap = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))[np.triu_indices(len(t), 1)]
    lag = np.abs(t[:, None] - t[None])[np.triu_indices(len(t), 1)]
    for row in table.itertuples():
        place = gap == 0 if row.to_m == 0 else (gap > row.from_m) & (gap <= row.to_m)
        when = (lag <= row.to_t) & ((lag > row.from_t) | (row.from_t == 0))
        assert row.observed == (place & when).sum()
        assert row.expected == pytest.approx(place.sum() * when.sum() / len(gap))
    whole = hs.knox(xy, t, max_m=20, max_t=5, permutations=0)
    near = table[table["to_t"] == 5]
    assert near["observed"].sum() == whole.observed
    assert near.loc[near["to_m"] == 0, "observed"].sum() == whole.same_place


def test_planted_near_repeats_are_found_and_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(7)
    xy, t = rng.uniform(0, 5000, (400, 2)), rng.uniform(0, 365, 400)
    xy = np.concatenate([xy, xy[:60] + rng.normal(0, 30, (60, 2))])
    t = np.concatenate([t, t[:60] + rng.uniform(0, 5, 60)])
    found = hs.knox(xy, t, max_m=150, max_t=7, permutations=199, seed=5)
    assert found.p_value == 1 / 200 and found.observed > 2 * found.expected
    order = rng.permutation(460)
    assert hs.knox(xy[order], t[order], max_m=150, max_t=7, permutations=199, seed=5) == found
    assert hs.jacquez(xy[order], t[order], permutations=49, seed=1) == hs.jacquez(xy, t, permutations=49, seed=1)
    assert hs.jacquez(xy, t, permutations=49, seed=1)[1] == 1 / 50


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_events_are_no_evidence(n):
    found = hs.knox(np.zeros((n, 2)), np.zeros(n), max_m=10, max_t=1, permutations=9, seed=0)
    assert found.p_value == 1.0 and found.pairs == n * (n - 1) // 2
    assert hs.jacquez(np.zeros((n, 2)), np.zeros(n)) == (0, 1.0)
    assert np.isnan(hs.mantel(np.zeros((n, 2)), np.zeros(n))[0])


def test_all_at_one_place_or_one_time_is_no_interaction():
    t = np.arange(30.0)
    assert hs.knox(np.zeros((30, 2)), t, max_m=5, max_t=2, permutations=49, seed=0).p_value == 1.0
    xy = np.random.default_rng(0).uniform(0, 100, (30, 2))
    assert hs.knox(xy, np.zeros(30), max_m=5, max_t=2, permutations=49, seed=0).p_value == 1.0


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr("hotspot.statistics.near_repeat.MOST_PAIRS", 100)
    with pytest.raises(ConfigError, match="435 pairs lie within 5 m; fix: a smaller max_m"):
        hs.knox(np.zeros((30, 2)), np.arange(30.0), max_m=5, max_t=2)


def test_counts_agree_with_pointpats_on_dense_data():
    rng = np.random.default_rng(9)
    xy, t = rng.uniform(0, 1000, (500, 2)), rng.uniform(0, 60, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pointpats.Knox(xy, t[:, None], delta=100, tau=7, permutations=9)
    ours = hs.knox(xy, t, max_m=100, max_t=7, permutations=9, seed=1)
    assert ours.table.tolist() == theirs.observed.tolist()
    assert ours.expected == pytest.approx(float(theirs.expected[0, 0]), abs=1e-10)
