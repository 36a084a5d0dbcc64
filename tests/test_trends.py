"""The latest weeks against the year before: counted by hand, exact, blind to the future, and fair to chance."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from scipy import stats
from shapely.geometry import box

from hotspot.areas import Areas
from hotspot.incidents import Incidents, RowCounts
from hotspot.trends import dispersion_of, rate_ratio, trend_of

ZONE = "Asia/Shanghai"
AS_OF = pd.Timestamp("2026-10-30", tz=ZONE)
SHAPES = gpd.GeoDataFrame(
    {"id": ["C1", "C2"], "name": ["一", "二"], "street": ["南", "北"]},
    geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)],
    crs="EPSG:32649",
)
AREAS = Areas(SHAPES)


def incidents(*rows):
    """Rows of (days ago, hour, category, x[, source])."""
    told = [
        (AS_OF - pd.Timedelta(days=d) + pd.Timedelta(hours=h), c, x, (s or ["report"])[0]) for d, h, c, x, *s in rows
    ]
    table = pd.DataFrame(told, columns=["time", "category", "x", "source"])
    table["time"] = pd.DatetimeIndex(table["time"]).tz_convert(ZONE) if len(table) else pd.DatetimeIndex([], tz=ZONE)
    table = table.assign(y=50.0, date_only=False, id=[f"I{k}" for k in range(len(table))])
    return Incidents(
        table.sort_values(["time", "id"], ignore_index=True), CRS(32649), ZONE, RowCounts(len(table), len(table))
    )


def counts(trend, part):
    rows = trend.frame[trend.frame["part"] == part]
    return {row["name"]: (row["recent"], row["before"]) for row in rows.to_dict("records")}


OLD = (364 + 364, 0, "theft", 10)  # so that the history reaches back far enough


def test_recent_weeks_are_set_against_the_same_weekdays_a_year_ago():
    trend = trend_of(
        incidents(OLD, (1, 20, "theft", 10), (28, 8, "fraud", 150), (365, 20, "theft", 10)), as_of=AS_OF, areas=AREAS
    )
    assert counts(trend, "all") == {"": (2, 1)}
    assert counts(trend, "category") == {"fraud": (1, 0), "theft": (1, 1)}
    assert counts(trend, "hour") == {"8": (1, 0), "20": (1, 1)}
    assert counts(trend, "area") == {"C1": (1, 1), "C2": (1, 0)}
    assert counts(trend, "street") == {"南": (1, 1), "北": (1, 0)}


@pytest.mark.parametrize(("days", "hour", "counted"), [(28, 0, True), (29, 23, False), (1, 0, True), (0, 0, False)])
def test_the_weeks_are_half_open_at_the_cutoff(days, hour, counted):
    """[as_of - 28 days, as_of): the first instant counts, the cutoff itself doesn't."""
    trend = trend_of(incidents(OLD, (days, hour, "theft", 10)), as_of=AS_OF)
    assert counts(trend, "all")[""] == (int(counted), 0)


def test_the_future_is_invisible():
    past = [OLD, (3, 20, "theft", 10), (366, 20, "theft", 10)]
    later = [(-k, 12, "theft", 10) for k in range(0, 40)]
    one, other = (trend_of(incidents(*rows), as_of=AS_OF, areas=AREAS).as_dict() for rows in (past, past + later))
    assert one == other


def test_a_history_that_is_too_short_says_so_and_compares_nothing():
    trend = trend_of(incidents((100, 0, "theft", 10)), as_of=AS_OF)
    assert trend.frame.empty and "reaches back 100 days" in trend.reason and "no trend" in trend.summary()
    assert trend_of(incidents(), as_of=AS_OF).reason


def test_what_patrols_found_and_unused_categories_do_not_count():
    rows = [OLD, (3, 20, "theft", 10, "patrol"), (3, 20, "noise", 10), (3, 20, "theft", 10)]
    assert counts(trend_of(incidents(*rows), as_of=AS_OF, categories=["theft"]), "all") == {"": (1, 0)}


def test_the_ratio_is_that_of_r_s_poisson_test():
    """R: poisson.test(c(11, 6+8+7), c(800, 1083+1050+878)): 1.971488, 95 % interval 0.8584264 to 4.2772659."""
    ratio, lower, upper, _ = rate_ratio(11, 21, exposure=800, other_exposure=3011)
    assert [ratio, lower, upper] == pytest.approx([1.971488, 0.8584264, 4.2772659], rel=1e-6)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_p_value_is_twice_the_smaller_binomial_tail(a, b):
    p = float(rate_ratio(a, b)[3])
    tails = stats.binom.sf(a - 1, a + b, 0.5), stats.binom.cdf(a, a + b, 0.5)
    assert p == pytest.approx(min(1.0, 2 * min(tails)))


def test_nothing_against_nothing_tells_nothing():
    ratio, lower, upper, p = (float(each) for each in rate_ratio(0, 0))
    assert np.isnan(ratio) and (lower, upper, p) == (0.0, np.inf, 1.0)


def test_scatter_widens_the_interval():
    narrow, wide = (rate_ratio(40, 20, dispersion=phi) for phi in (1.0, 4.0))
    assert wide[1] < narrow[1] and wide[2] > narrow[2] and wide[3] > narrow[3]


def test_poisson_weeks_scatter_as_poisson_and_clustered_ones_more():
    rng = np.random.default_rng(1)
    weeks = rng.poisson(30, (4000, 2)).astype(float)
    assert dispersion_of(weeks) == pytest.approx(1.0, abs=0.06)
    assert dispersion_of(3 * weeks) == pytest.approx(3.0, abs=0.15)


def test_chance_alone_is_called_chance():
    """Two years of the same rate: the share of parts called beyond chance stays small."""
    rng = np.random.default_rng(7)
    days = np.repeat(np.arange(1, 800), 20)
    rows = [(int(d), int(rng.integers(24)), f"k{rng.integers(6)}", float(rng.uniform(0, 200))) for d in days]
    frame = trend_of(incidents(*rows), as_of=AS_OF, areas=AREAS).frame
    assert frame["within_chance"].mean() > 0.9


ROWS = st.lists(
    st.tuples(st.integers(1, 420), st.integers(0, 23), st.sampled_from(["a", "b"]), st.sampled_from([10, 150])),
    max_size=40,
)


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_parts_sum_to_all_and_the_order_of_rows_is_nothing(rows, dice):
    shuffled = list(rows)
    dice.shuffle(shuffled)
    trend, again = (trend_of(incidents(OLD, *each), as_of=AS_OF, areas=AREAS) for each in (rows, shuffled))
    pd.testing.assert_frame_equal(trend.frame, again.frame)
    (total,) = counts(trend, "all").values()
    for part in ("category", "hour", "area", "street"):
        assert tuple(np.sum([*counts(trend, part).values(), (0, 0)], axis=0)) == total
