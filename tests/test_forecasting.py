"""Risk: sums that agree with the counts, intervals that hold the mean, and no look at the future."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from hotspot.areas import Areas
from hotspot.errors import ConfigError, InputError
from hotspot.forecasting.estimate import gamma_interval
from hotspot.forecasting.history import past_of
from hotspot.forecasting.models import MODELS
from hotspot.forecasting.profile import cell_hours, district_profile
from hotspot.forecasting.risk import forecast
from hotspot.grid import make_grid
from hotspot.hotspots import select_hotspots
from hotspot.incidents import Incidents

CRS, ZONE = "EPSG:32649", "Asia/Shanghai"
AS_OF = pd.Timestamp("2026-06-01", tz=ZONE)


def district() -> Areas:
    box = [shapely.box(0, 0, 2500, 2500)]
    return Areas(gpd.GeoDataFrame({"id": ["C1"], "name": ["One"], "street": ["S"]}, geometry=box, crs=CRS))


def incidents(seed: int = 0, rows: int = 3000, planted: int = 400) -> Incidents:
    """Two years of background noise, and a cluster at (1300, 1300) on Fridays 20-22."""
    rng = np.random.default_rng(seed)
    noise = AS_OF - pd.to_timedelta(rng.uniform(0, 728 * 24, rows), unit="h")
    friday = pd.Timestamp("2024-06-07 20:00", tz=ZONE)
    weeks = pd.to_timedelta(rng.integers(0, 103, planted) * 7 * 24 + rng.uniform(0, 2, planted), unit="h")
    time = noise.append(friday + weeks).floor("s")
    xy = np.concatenate([rng.uniform(0, 2500, (rows, 2)), rng.normal(1375, 30, (planted, 2))])
    total = rows + planted
    frame = gpd.GeoDataFrame(
        {
            "id": [f"I{k}" for k in range(total)],
            "time": time,
            "date_only": np.zeros(total, dtype=bool),
            "category": ["theft"] * rows + ["fraud"] * planted,
            "source": ["report"] * total,
        },
        geometry=gpd.points_from_xy(*xy.T),
        crs=CRS,
    )
    return Incidents.from_frame(frame, timezone=ZONE)


@pytest.fixture(scope="module")
def grid():
    return make_grid(district(), cell_m=250)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_week_of_risk_sums_to_a_week_of_incidents(model, grid):
    risk = forecast(incidents(), grid, as_of=AS_OF, horizon="7D", model=model)
    assert risk.expected.shape == (100, 168)
    assert risk.expected.sum() == pytest.approx(3400 / 104, rel=0.05)
    assert (risk.lower <= risk.upper).all() and (risk.expected >= 0).all()


@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_happens_at_or_after_as_of_changes_nothing(model, grid):
    past = incidents()
    later = past.frame.assign(time=past.frame["time"] + pd.Timedelta(days=728), id=["L" + i for i in past.frame["id"]])
    both = Incidents.from_frame(pd.concat([past.frame, later], ignore_index=True), timezone=ZONE)
    first, second = (forecast(source, grid, as_of=AS_OF, horizon="2D", model=model) for source in (past, both))
    for name in ("expected", "lower", "upper"):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_the_hotspot_is_the_planted_place_and_its_windows_the_planted_hours(grid):
    risk = forecast(
        incidents(), grid, as_of=AS_OF, horizon="7D", categories={"theft": "patrol", "fraud": "anti_fraud_publicity"}
    )
    best = select_hotspots(risk, area_share=0.05, key_hours_share=0.05).frame.iloc[0]
    assert best.geometry.contains(shapely.Point(1375, 1375))
    friday = pd.Timestamp("2026-06-05 20:00", tz=ZONE)
    assert any(start <= friday and friday + pd.Timedelta(hours=2) <= end for start, end in best["windows"])
    assert best["activity"] == "anti_fraud_publicity"
    assert best["p_value"] < 0.01


def test_the_explanation_recomputes_to_the_number_shown(grid):
    spots = select_hotspots(forecast(incidents(), grid, as_of=AS_OF, horizon="7D"), area_share=0.1)
    for spot in spots.frame.itertuples():
        why = spot.explanation
        shown = (why["own_per_week"] + why["borrowed_per_week"]) * why["windows_share_of_week"]
        assert shown == pytest.approx(spot.expected)
        assert spot.lower < spot.expected < spot.upper
    hours = [
        spots.risk.starts.isin(pd.DatetimeIndex(pd.date_range(a, b, freq="h", inclusive="left")))
        for a, b in spots.frame["windows"].iloc[0]
    ]
    inside = np.any(hours, axis=0)
    assert spots.hourly[0][inside].sum() == pytest.approx(spots.frame["expected"].iloc[0])


def test_row_order_does_not_matter(grid):
    past = incidents()
    shuffled = Incidents.from_frame(past.frame.sample(frac=1, random_state=3), timezone=ZONE)
    one, two = (
        select_hotspots(forecast(i, grid, as_of=AS_OF, horizon="2D"), area_share=0.05) for i in (past, shuffled)
    )
    pd.testing.assert_frame_equal(pd.DataFrame(one.frame), pd.DataFrame(two.frame), rtol=1e-9)


def test_incidents_found_by_patrols_do_not_feed_the_risk(grid):
    past = incidents()
    found = Incidents.from_frame(past.frame.assign(source="patrol"), timezone=ZONE)
    assert forecast(found, grid, as_of=AS_OF, horizon="1D").expected.sum() == 0


@pytest.mark.parametrize("model", sorted(MODELS))
def test_no_history_gives_no_risk_and_no_hotspots(model, grid):
    none = Incidents.from_frame(incidents().frame.iloc[:0], timezone=ZONE)
    risk = forecast(none, grid, as_of=AS_OF, horizon="1D", model=model)
    assert risk.expected.sum() == 0
    assert len(select_hotspots(risk)) == 0


def history_of(grid, rows, as_of=AS_OF):
    """The history of incidents in the first cell, given as (time, time_end, date_only)."""
    start, end, date_only = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame(
        {"time": pd.DatetimeIndex(start).tz_localize(ZONE), "time_end": pd.DatetimeIndex(end).tz_localize(ZONE)}
        | {"date_only": list(date_only)},
        geometry=[shapely.Point(100, 100)] * len(rows),
        crs=CRS,
    )
    return past_of(Incidents.from_frame(frame, timezone=ZONE), grid, as_of=as_of)


def test_dates_alone_make_no_midnight_peak(grid):
    """TIM-05: 300 Tuesdays without a time of day beside 300 incidents at Tuesday noon."""
    history = history_of(grid, [("2026-03-17", None, True)] * 300 + [("2026-03-17 12:30", None, False)] * 300)
    profile = district_profile(history, history.weight, prior_rows=0)
    tuesday = profile[24:48]
    assert profile.sum() == pytest.approx(1.0)
    assert tuesday[0] == pytest.approx(300 / 24 / 600)
    assert tuesday[12] == pytest.approx((300 + 300 / 24) / 600)


def test_intervals_count_in_their_hours_and_over_long_ones_only_at_their_place(grid):
    """TIM-04: 09:00 to 17:00 on a Monday; a year."""
    history = history_of(grid, [("2026-03-16 09:00", "2026-03-16 17:00", False), ("2025-03-16", "2026-03-16", False)])
    hours = cell_hours(history, grid)
    profile, cell = hours.profile, history.cell[0]
    assert len(history) == 2
    assert np.bincount(history.cell)[cell] == 2
    assert hours.profile.sum(axis=1) == pytest.approx(1.0)
    first = history.hours.row == history.hours.row[0]
    assert history.hours.weight[first] == pytest.approx(1 / 8)
    assert profile[cell, 9:17].min() > profile[cell, 8]
    assert history.hour.tolist() == [-1, -1]
    assert history.share_in(np.arange(9, 13)).tolist() == [0.0, 0.5]  # by time: the year began first


def test_an_interval_does_not_tell_what_comes_after_as_of(grid):
    as_of = pd.Timestamp("2026-03-16 12:00", tz=ZONE)
    short, long = (
        history_of(grid, [("2026-03-16 10:00", end, False)], as_of) for end in ("2026-03-16 13:00", "2099-01-01")
    )
    for history in (short, long):
        assert dict(zip(history.hours.bin.tolist(), history.hours.weight.tolist(), strict=True)) == {10: 0.5, 11: 0.5}


def test_a_category_that_leads_nowhere_is_named_with_its_count(grid):
    with pytest.raises(InputError, match=r"'fraud': category without an activity \(400 rows\)"):
        forecast(incidents(), grid, as_of=AS_OF, horizon="1D", categories={"theft": "patrol"})


def test_an_unknown_model_names_the_known_ones(grid):
    with pytest.raises(ConfigError, match="boosting, consistency_recency, empirical_bayes"):
        forecast(incidents(), grid, as_of=AS_OF, horizon="1D", model="crystal_ball")


def test_the_quantile_table_agrees_with_the_gamma_distribution():
    shape = np.array([0.02, 0.3, 1.0, 7.5, 400.0])
    lower, upper = gamma_interval(np.full(5, 3.0), 1 / shape)
    assert lower == pytest.approx(stats.gamma.ppf(0.05, shape, scale=3 / shape), rel=1e-3, abs=1e-9)
    assert upper == pytest.approx(stats.gamma.ppf(0.95, shape, scale=3 / shape), rel=1e-3)


def test_a_planted_hotspot_stays_one_when_rates_are_redrawn_and_tells_both_years(grid):
    spots = select_hotspots(
        forecast(incidents(), grid, as_of=AS_OF, horizon="7D", model="empirical_bayes"), area_share=0.1
    )
    best = spots.frame["explanation"].iloc[0]
    assert best["stability"] > min(each["stability"] for each in spots.frame["explanation"])
    assert 0.6 < best["stability"] <= 1.0
    # about 400 planted incidents in 103 weeks, every week alike
    assert best["observed_before"] == pytest.approx(best["observed"], rel=0.3)
    assert spots.frame.iloc[0]["observed"] == best["observed"]


def test_a_budget_takes_the_cell_hours_that_expect_most(grid):
    risk = forecast(incidents(), grid, as_of=AS_OF, horizon="7D", model="empirical_bayes")
    spots = select_hotspots(risk, budget_cell_hours=60, max_radius_m=1)  # every cell is a place of its own
    spent = sum(
        len(cells) * sum((end - start) / pd.Timedelta(hours=1) for start, end in windows)
        for cells, windows in zip(spots.cells, spots.frame["windows"], strict=True)
    )
    assert spent <= 60
    assert spots.frame["expected"].sum() == pytest.approx(np.sort(risk.expected, axis=None)[-60:].sum())
    grown = select_hotspots(risk, budget_cell_hours=60)
    assert grown.frame["expected"].sum() <= spots.frame["expected"].sum() + 1e-9
    assert len(select_hotspots(risk, budget_cell_hours=1)) == 1
    with pytest.raises(ConfigError, match="budget_cell_hours is -1"):
        select_hotspots(risk, budget_cell_hours=-1)
