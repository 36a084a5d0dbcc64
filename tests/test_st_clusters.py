"""ST-DBSCAN against the definition, row orders, dense heaps and degenerate bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotspot as hs
from hotspot.errors import ConfigError


def slow(xy, t, eps_m, eps_t, min_samples):
    """By the definition: cores, their connected parts in order of their earliest event; which are near whom."""
    near = ((xy[:, None] - xy[None]) ** 2).sum(axis=2) <= eps_m**2
    near &= np.abs(t[:, None] - t[None]) <= eps_t
    core = near.sum(axis=1) >= min_samples
    labels, found = np.full(len(t), -1), 0
    for i in np.lexsort((xy[:, 1], xy[:, 0], t)):
        if core[i] and labels[i] < 0:
            open_, labels[i] = [i], found
            while open_:
                for k in np.flatnonzero(near[open_.pop()] & core & (labels < 0)):
                    labels[k] = found
                    open_.append(k)
            found += 1
    return labels, core, near


EVENTS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14), st.integers(0, 9)), min_size=1, max_size=60)


@given(EVENTS, st.sampled_from([1.0, 2.0, 5.0]), st.sampled_from([0.0, 1.0, 2.5]), st.integers(1, 5))
@settings(max_examples=150, deadline=None)
def test_labels_are_those_of_the_definition(events, eps_m, eps_t, min_samples):
    table = np.array(events, dtype=float)
    xy, t = table[:, :2], table[:, 2]
    labels = hs.st_dbscan(xy, t, eps_m=eps_m, eps_t=eps_t, min_samples=min_samples)
    expected, core, near = slow(xy, t, eps_m, eps_t, min_samples)
    assert labels[core].tolist() == expected[core].tolist()
    for i in np.flatnonzero(~core):
        around = near[i] & core
        if not around.any():
            assert labels[i] == -1
            continue
        gaps = np.where(around, ((xy - xy[i]) ** 2).sum(axis=1), np.inf)
        assert labels[i] in expected[gaps == gaps.min()]


@given(EVENTS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_and_the_place_of_the_origin_change_nothing(events, dice):
    table = np.array(events, dtype=float)
    order = list(range(len(table)))
    dice.shuffle(order)
    bounds = {"eps_m": 2.0, "eps_t": 1.0, "min_samples": 3}
    labels = hs.st_dbscan(table[:, :2], table[:, 2], **bounds)
    moved = table[order] + [4096.0, -1024.0, 512.0]
    assert hs.st_dbscan(moved[:, :2], moved[:, 2], **bounds).tolist() == labels[order].tolist()


def test_same_places_and_same_times_are_near_at_any_number_of_rows():
    """st_dbscan drops pairs at distance 0, and pairs with equal times above 20,000 rows."""
    for n in (5, 25_000):
        xy = np.column_stack([np.repeat(np.arange(n // 5) * 1000.0, 5), np.zeros(n)])
        labels = hs.st_dbscan(xy, np.zeros(n), eps_m=100, eps_t=1, min_samples=5)
        assert labels.tolist() == np.repeat(np.arange(n // 5), 5).tolist()


def test_both_bounds_are_inclusive():
    assert hs.st_dbscan([[0, 0], [3, 4]], [0, 7], eps_m=5, eps_t=7, min_samples=2).tolist() == [0, 0]
    assert hs.st_dbscan([[0, 0], [3, 4]], [0, 7.001], eps_m=5, eps_t=7, min_samples=2).tolist() == [-1, -1]
    assert hs.st_dbscan([[0, 0], [3, 4.001]], [0, 7], eps_m=5, eps_t=7, min_samples=2).tolist() == [-1, -1]


@pytest.mark.fault("HOT-04")
def test_a_heap_of_events_within_one_radius_is_one_cluster_and_takes_no_neighbour_lists():
    rng = np.random.default_rng(0)
    xy, t = rng.uniform(0, 300, (300_000, 2)), rng.uniform(0, 10, 300_000)
    labels = hs.st_dbscan(xy, t, eps_m=200, eps_t=7, min_samples=5)
    assert (labels == 0).all()


@pytest.mark.fault("HOT-02")
def test_a_degenerate_result_is_refused_with_advice():
    rng = np.random.default_rng(1)
    xy, t = rng.uniform(0, 2000, (2000, 2)), rng.uniform(0, 30, 2000)
    bounds = {"eps_m": 500.0, "eps_t": 10.0, "min_samples": 5}
    assert (hs.st_dbscan(xy, t, **bounds) == 0).all()
    with pytest.raises(ConfigError, match=r"one cluster holds 100% of 2,000 events.*fix: smaller eps_m"):
        hs.st_dbscan(xy, t, **bounds, max_share=0.5)
    with pytest.raises(ConfigError, match="cluster 0 reaches"):
        hs.st_dbscan(xy, t, **bounds, max_radius_m=400)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_events_and_missing_ones_are_noise(n):
    xy = np.zeros((n, 2))
    assert hs.st_dbscan(xy, np.zeros(n), eps_m=10, eps_t=1, min_samples=3).tolist() == [-1] * n
    lost = hs.st_dbscan([[0, 0], [np.nan, 0], [0, 0], [0, 0]], [0, 0, np.nan, 0], eps_m=1, eps_t=1, min_samples=2)
    assert lost.tolist() == [0, -1, -1, 0]


def test_instants_are_days_and_degrees_are_refused_with_the_zone_that_suits():
    days = np.array(["2024-01-01T00:00", "2024-01-07T12:00", "NaT"], dtype="datetime64[ns]")
    assert hs.st_dbscan(np.zeros((3, 2)), days, eps_m=1, eps_t=7, min_samples=2).tolist() == [0, 0, -1]
    lonlat = np.random.default_rng(0).uniform([109.70, 38.20], [109.80, 38.30], (50, 2))
    with pytest.raises(ConfigError, match="fix: project them, to EPSG:32649"):
        hs.st_dbscan(lonlat, np.zeros(50), eps_m=200, eps_t=7, min_samples=5)


@pytest.mark.parametrize("bad", [{"eps_m": 0}, {"eps_t": -1}, {"min_samples": 0}, {"eps_m": np.nan}])
def test_bounds_that_cannot_be_are_refused(bad):
    with pytest.raises(ConfigError, match="fix: give positive numbers"):
        hs.st_dbscan([[0, 0]], [0], **({"eps_m": 1, "eps_t": 1, "min_samples": 1} | bad))
