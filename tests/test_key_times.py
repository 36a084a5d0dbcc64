"""Hours of the week, key windows against chance, and the weighted displacement difference."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.statistics.key_times import poisson_interval


def test_the_table_counts_local_hours_with_their_exposure():
    times = pd.DatetimeIndex(["2024-11-01 20:15", "2024-11-01 20:45", "2024-11-08 03:00", None]).tz_localize(
        "America/Vancouver"
    )
    table = hs.hour_of_week_table(times)
    assert len(table) == 168 and table["incidents"].sum() == 3
    friday_evening = table[(table["day"] == "Fri") & (table["clock"] == 20)].iloc[0]
    assert friday_evening["incidents"] == 2 and friday_evening["exposure_h"] == 2 and friday_evening["rate"] == 1
    assert table["exposure_h"].sum() == 8 * 24 + 1  # the clocks go back on 3 November
    sunday = table[(table["day"] == "Sun") & (table["clock"] == 1)].iloc[0]
    assert sunday["exposure_h"] == 2


def test_intervals_are_the_exact_poisson_ones():
    lower, upper = poisson_interval([0, 1, 10, 100])
    assert lower[0] == 0
    for k, low, high in zip([1, 10, 100], lower[1:], upper[1:], strict=True):
        assert stats.poisson.sf(k - 1, low) == pytest.approx(0.05)
        assert stats.poisson.cdf(k, high) == pytest.approx(0.05)
    empty = hs.hour_of_week_table(pd.DatetimeIndex([], tz="Asia/Shanghai"))
    assert (empty["incidents"] == 0).all() and empty["rate"].isna().all()


def test_the_fewest_hours_that_hold_the_share_are_runs():
    counts = np.zeros(168)
    counts[20:24], counts[100:103], counts[50] = 10, 8, 6
    found = hs.key_windows(counts, share=0.9, seed=0)
    assert found.windows == ((20, 24), (100, 103)) and found.share == pytest.approx(64 / 70)
    assert found.p_value == 1 / 1000
    over_the_seam = np.zeros(168)
    over_the_seam[[166, 167, 0, 1]] = 5
    assert hs.key_windows(over_the_seam, share=1, seed=0).windows == ((166, 170),)


def test_on_even_weeks_the_peak_is_no_discovery():
    rng = np.random.default_rng(1)
    p = [hs.key_windows(rng.multinomial(300, np.full(168, 1 / 168)), simulations=59, seed=k).p_value for k in range(40)]
    assert np.mean(np.array(p) <= 0.1) < 0.3
    found = hs.key_windows(rng.multinomial(300, np.full(168, 1 / 168)), simulations=199, seed=1)
    assert found.share == pytest.approx(found.chance, abs=0.05)


def test_no_incidents_have_no_key_times():
    found = hs.key_windows(np.zeros(24))
    assert found.windows == () and found.p_value == 1.0
    with pytest.raises(ConfigError, match="give a share above 0 and up to 1"):
        hs.key_windows([1, 2], share=0)


def test_the_published_displacement_difference():
    found = hs.wdd((100, 80), (100, 90))
    assert found.estimate == -10 and found.error == pytest.approx(19.24, abs=0.005)
    assert found.p_value == pytest.approx(0.603, abs=1e-3)
    assert "incidents (95 % interval" in found.summary()
    wider = hs.wdd((100, 80), (100, 90), displacement=(20, 26), displacement_control=(20, 20))
    assert wider.estimate == -4
    assert np.isnan(hs.wdd((0, 0), (0, 0)).z)
    with pytest.raises(ConfigError):
        hs.wdd((1, -1), (0, 0))
