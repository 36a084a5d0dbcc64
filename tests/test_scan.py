"""Scan statistics: New Mexico as published, the definition as a slow twin, chance as it should be."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.statistics.scan import _zones

DATA = Path(__file__).parents[2] / "shared" / "data" / "validation"


@pytest.fixture(scope="module")
def new_mexico():
    """Counts and populations of 32 counties in 1973-91, and their seats on the globe: chords sort as great circles do."""
    if not DATA.exists():
        pytest.skip("shared/data/validation is absent")
    cases = pd.read_csv(DATA / "NM_popcas.csv").query("county != 'cibola'")
    seats = pd.read_csv(DATA / "NM_geo.csv").set_index("county")
    counts, people = (
        cases.pivot_table(index="county", columns="year", values=name, aggfunc="sum")
        for name in ("count", "population")
    )
    lon, lat = np.radians(seats.loc[counts.index, ["seat_long", "seat_lat"]].to_numpy().T)
    xyz = 6371.0 * np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return counts, people, xyz


def trend(counts, people, before):
    """Cases per head and year as a log-linear Poisson regression on the years before, by Newton's method."""
    early = [year for year in counts.columns if year < before]
    y, population = counts[early].to_numpy().ravel(), people[early].to_numpy().ravel()
    x = np.column_stack([np.ones(len(y)), np.tile(np.array(early) - (before - 1.0), len(counts))])
    beta = np.array([np.log(y.sum() / population.sum()), 0.0])
    for _ in range(50):
        mean = population * np.exp(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (mean[:, None] * x), x.T @ (y - mean))
    return beta


def test_new_mexico_as_published(new_mexico):
    counts, people, xyz = new_mexico
    assert len(_zones(xyz, max_radius=None, most=15).size) == 415
    years = [1986, 1987, 1988, 1989]
    level, slope = trend(counts, people, 1986)
    baselines = people[years] * np.exp(level + slope * (np.array(years) - 1985.0))
    found = hs.scan_poisson(
        counts[years], baselines, xy=xyz, kind="expectation", neighbours_k=15, permutations=199, seed=1
    )
    names = [[counts.index[i] for i in cluster.locations] for cluster in found]
    assert names[0] == ["losalamos", "santafe"] and names[1] == ["chaves"]
    assert [cluster.end - cluster.start + 1 for cluster in found[:2]] == [4, 2]
    published = [9.1806711, 6.819655, 3.53779, 3.40720, 0.83727]
    assert [cluster.llr for cluster in found[:5]] == pytest.approx(published, abs=1e-4)
    assert found[0].p_value < 0.02 < found[2].p_value


def slow_permutation_scan(cases, xy, max_radius, max_days, min_cases):
    """Every circle, every window that ends on the last day."""
    total, best = cases.sum(), {}
    for centre in range(len(xy)):
        distance = np.hypot(*(xy - xy[centre]).T)
        for radius in sorted(set(distance[distance <= max_radius])):
            zone = tuple(np.flatnonzero(distance <= radius))
            for days in range(1, max_days + 1):
                window = slice(cases.shape[1] - days, None)
                c = cases[list(zone), window].sum()
                m = cases[list(zone)].sum() * cases[:, window].sum() / total
                if c >= min_cases and c > m:
                    value = c * np.log(c / m) + (total - c) * (np.log((total - c) / (total - m)) if total > c else 0)
                    best[zone, days] = value
    return max(best.items(), key=lambda item: item[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_best_cylinder_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 1000, (15, 2))
    cases = rng.poisson(0.6, (15, 20))
    cases[:3, -4:] += 2
    found = hs.scan_permutation(cases, xy=xy, max_radius=500, max_days=6, permutations=9, seed=seed)[0]
    (zone, days), llr = slow_permutation_scan(cases, xy, 500, 6, 2)
    assert (found.locations, found.end - found.start + 1) == (zone, days)
    assert found.llr == pytest.approx(llr)
    assert found.observed == cases[list(zone), -days:].sum()


def test_a_planted_outbreak_is_found_first_and_others_do_not_overlap():
    rng = np.random.default_rng(3)
    xy = np.array(list(product(range(12), range(12))), dtype=float) * 250
    cases = rng.poisson(0.15, (144, 60))
    cases[[40, 41, 52], -5:] += 3
    found = hs.scan_permutation(cases, xy=xy, max_radius=600, max_days=14, permutations=199, seed=2)
    assert {40, 41, 52} <= set(found[0].locations) and found[0].p_value == 1 / 200
    assert (found[0].start, found[0].end) == (55, 59)
    members = [place for cluster in found for place in cluster.locations]
    assert len(members) == len(set(members))
    assert [cluster.llr for cluster in found] == sorted((cluster.llr for cluster in found), reverse=True)
    again = hs.scan_permutation(cases, xy=xy, max_radius=600, max_days=14, permutations=199, seed=2)
    assert again == found
    ended = np.roll(cases, -10, axis=1)
    past = hs.scan_permutation(ended, xy=xy, max_radius=600, max_days=14, prospective=False, permutations=19, seed=2)
    assert {40, 41, 52} <= set(past[0].locations) and past[0].end == 49


def test_stopping_early_gives_a_like_p():
    rng = np.random.default_rng(4)
    cases, xy = rng.poisson(0.5, (20, 15)), rng.uniform(0, 1000, (20, 2))
    whole = hs.scan_permutation(cases, xy=xy, max_radius=400, max_days=5, permutations=999, seed=1)[0]
    early = hs.scan_permutation(cases, xy=xy, max_radius=400, max_days=5, permutations=999, seed=1, stop_after=20)[0]
    assert early.llr == whole.llr and early.p_value == pytest.approx(whole.p_value, abs=0.15)


def test_on_noise_p_is_uniform():
    rng = np.random.default_rng(8)
    xy = rng.uniform(0, 1000, (25, 2))
    p = []
    for k in range(60):
        cases = rng.poisson(0.8, (25, 12))
        p.append(hs.scan_permutation(cases, xy=xy, max_radius=300, max_days=4, permutations=59, seed=k)[0].p_value)
    assert stats.kstest(np.array(p) - rng.random(60) / 60, "uniform").pvalue > 0.01


def test_population_zones_hold_at_most_half_and_all_cases_are_expected():
    rng = np.random.default_rng(5)
    xy, people = rng.uniform(0, 1000, (30, 2)), rng.integers(100, 1000, 30).astype(float)
    counts = rng.poisson(people / 50)
    counts[:2] += 25
    for cluster in hs.scan_poisson(counts, people, xy=xy, permutations=49, seed=0):
        assert people[list(cluster.locations)].sum() <= 0.5 * people.sum() + 1e-9
        assert cluster.expected == pytest.approx(people[list(cluster.locations)].sum() * counts.sum() / people.sum())
        assert (cluster.start, cluster.end) == (0, 0)


@pytest.mark.parametrize("cases", [np.zeros((3, 4)), np.eye(3)[:1].repeat(3, axis=0) * 0, np.zeros((0, 5))])
def test_no_cases_are_no_cluster(cases):
    xy = np.arange(2.0 * len(cases)).reshape(-1, 2)
    assert hs.scan_permutation(cases, xy=xy, max_radius=10, max_days=3, permutations=9) == []


def test_what_cannot_be_scanned_is_refused():
    xy = np.zeros((2, 2))
    for cases, places in (([[1, -1], [0, 0]], xy), ([[1.5], [0]], xy), ([[1], [1]], np.zeros((3, 2))), ([1, 2], xy)):
        with pytest.raises(ConfigError):
            hs.scan_permutation(cases, xy=places, max_radius=10, max_days=1)
    with pytest.raises(ConfigError, match="kind 'people' is unknown"):
        hs.scan_poisson([1, 2], [1, 2], xy=xy, kind="people")


def test_the_number_of_threads_changes_nothing(monkeypatch):
    rng = np.random.default_rng(6)
    cases, xy = rng.poisson(0.4, (30, 15)), rng.uniform(0, 1000, (30, 2))
    found = []
    for cores in (1, 2, 7):
        monkeypatch.setattr("hotspot.statistics.threads.os.cpu_count", lambda cores=cores: cores)
        found.append(hs.scan_permutation(cases, xy=xy, max_radius=400, max_days=5, permutations=99, seed=3))
    assert found[0] == found[1] == found[2]
