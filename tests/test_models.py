"""The ladder of risk models: each stays in the past, sums to what is expected, and takes what a history can be like."""

import tomllib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from risk_world import AS_OF, CRS, SIDE, ZONE, frame_of, made, square_grid

import hotspot as hs
from hotspot.errors import ConfigError
from hotspot.forecasting.choosing import choose
from hotspot.forecasting.history import past_of
from hotspot.forecasting.level import expected_level, smooth
from hotspot.forecasting.memory import faded, likely_half_life
from hotspot.forecasting.models import CANDIDATES, MODELS
from hotspot.forecasting.profile import cell_hours, coarse_to_fine
from hotspot.forecasting.self_exciting import background
from hotspot.forecasting.stacking import likeliest_shares
from planning.config import parse_config
from planning.sampledata import sample_folder


@pytest.fixture(scope="module")
def grid():
    return square_grid()


@pytest.fixture(scope="module")
def past():
    return made()


def forecast_bytes(incidents, grid, model, effort="normal"):
    risk = hs.forecast(incidents, grid, as_of=AS_OF, horizon="2D", model=model, effort=effort)
    return [getattr(risk, name).tobytes() for name in ("expected", "lower", "upper")], risk.parameters


@pytest.mark.parametrize("model", [*MODELS, "auto"])
def test_nothing_at_or_after_as_of_changes_a_byte(model, grid, past):
    late = made(400, days=60, seed=9, until=AS_OF + pd.Timedelta(days=60), category="new kind")
    at_the_cutoff = frame_of(pd.DatetimeIndex([AS_OF]), [[10.0, 10.0]], np.array(["cut"]))
    later = pd.concat([past.frame, late.frame, at_the_cutoff.frame], ignore_index=True)
    assert forecast_bytes(past, grid, model) == forecast_bytes(
        hs.Incidents.from_frame(later, timezone=ZONE), grid, model
    )


def test_what_was_reported_after_as_of_changes_nothing(grid, past):
    known = past.frame.assign(report_time=past.frame["time"])
    told_later = known.iloc[-300:].assign(report_time=AS_OF + pd.Timedelta(hours=1), id=lambda f: "L" + f["id"])
    both = hs.Incidents.from_frame(pd.concat([known, told_later], ignore_index=True), timezone=ZONE)
    alone = hs.Incidents.from_frame(known, timezone=ZONE)
    assert forecast_bytes(alone, grid, "auto", "quick") == forecast_bytes(both, grid, "auto", "quick")


@pytest.mark.parametrize("model", [*MODELS, "auto"])
@pytest.mark.parametrize("rows", [0, 1, 10, 500])
def test_short_histories_give_risk_that_sums_to_their_level(model, rows, grid):
    risk = hs.forecast(made(rows, days=100), grid, as_of=AS_OF, horizon="7D", model=model)
    assert np.isfinite(risk.expected).all() and (risk.lower <= risk.upper).all()
    assert risk.expected.sum() == pytest.approx(rows / 100 * 7, rel=0.4, abs=1.0)


@pytest.mark.parametrize("model", MODELS)
def test_all_incidents_in_one_cell(model, grid):
    risk = hs.forecast(made(xy=np.full((2500, 2), 130.0)), grid, as_of=AS_OF, horizon="7D", model=model)
    place = risk.expected.sum(axis=1)
    assert np.argmax(place) == grid.locate(np.array([[130.0, 130.0]]))[0]
    assert place.max() > 0.4 * place.sum()


@pytest.mark.parametrize("model", ["long_run", "last_year", "recency", "empirical_bayes", "self_exciting", "boosting"])
def test_a_year_without_data_is_no_year_without_incidents(model, grid, past):
    age = (AS_OF - past.frame["time"]) / pd.Timedelta(days=1)
    with_gap = past.frame.assign(time=past.frame["time"].where(age < 200, past.frame["time"] - pd.Timedelta(days=364)))
    whole, torn = (
        hs.forecast(each, grid, as_of=AS_OF, horizon="7D", model=model).expected.sum()
        for each in (past, hs.Incidents.from_frame(with_gap, timezone=ZONE))
    )
    assert torn == pytest.approx(whole, rel=0.1)


def test_the_gap_is_told(grid, past):
    age = (AS_OF - past.frame["time"]) / pd.Timedelta(days=1)
    with_gap = past.frame.assign(time=past.frame["time"].where(age < 200, past.frame["time"] - pd.Timedelta(days=364)))
    risk = hs.forecast(
        hs.Incidents.from_frame(with_gap, timezone=ZONE), grid, as_of=AS_OF, horizon="1D", effort="quick"
    )
    assert any(notice.startswith("no incidents at all for 5") for notice in risk.notices), risk.notices


def test_before_the_first_and_long_after_the_last_incident(grid, past):
    early = hs.forecast(past, grid, as_of="2020-01-01", horizon="1D")
    assert early.expected.sum() == 0
    assert early.notices == ["no incident lies before 2020-01-01 00:00: no risk"]
    late = hs.forecast(past, grid, as_of="2028-06-01", horizon="7D", effort="quick")
    assert late.expected.sum() == pytest.approx(2500 / 800 * 7, rel=0.3)
    assert any(notice.startswith("no incidents at all for 10") for notice in late.notices)


def test_one_category_and_a_new_one_last_month(grid, past):
    new = made(60, days=25, seed=4, category="scam", xy=np.full((60, 2), 1900.0))
    both = hs.Incidents.from_frame(pd.concat([past.frame, new.frame], ignore_index=True), timezone=ZONE)
    corner = grid.locate(np.array([[1900.0, 1900.0]]))[0]
    for model in ("empirical_bayes", "self_exciting", "boosting"):
        risk = hs.forecast(both, grid, as_of=AS_OF, horizon="7D", model=model)
        alone = hs.forecast(past, grid, as_of=AS_OF, horizon="7D", model=model)
        assert risk.expected[corner].sum() > 5 * alone.expected[corner].sum()


def test_categories_sum_to_the_whole_and_a_sparse_one_borrows(grid, past):
    new = made(12, days=300, seed=4, category="scam", xy=np.full((12, 2), 1900.0))
    both = hs.Incidents.from_frame(pd.concat([past.frame, new.frame], ignore_index=True), timezone=ZONE)
    risk = hs.forecast(both, grid, as_of=AS_OF, horizon="7D", model="empirical_bayes")
    parts = {name: risk.of_category(name) for name in ("scam", "theft")}
    assert sum(part.expected for part in parts.values()) == pytest.approx(risk.expected)
    assert (parts["scam"].expected > 0).all()
    assert (parts["scam"].lower <= parts["scam"].expected).all()
    with pytest.raises(ConfigError, match="'fraud' isn't in the history; fix: use one of scam, theft"):
        risk.of_category("fraud")


def test_the_hours_of_a_change_of_clocks(grid):
    """A horizon over 2025-03-09 in Vancouver has 167 hours, one over 2025-11-02 has 169."""
    zone = "America/Vancouver"
    frame = made(800, until=pd.Timestamp("2025-03-01", tz=ZONE)).frame
    incidents = hs.Incidents.from_frame(frame.assign(time=frame["time"].dt.tz_convert(zone)), timezone=zone)
    for day, hours in (("2025-03-06", 167), ("2025-10-30", 169)):
        start = pd.Timestamp(day, tz=zone)
        risk = hs.forecast(
            incidents, grid, as_of=start, horizon=start + pd.DateOffset(days=7) - start, model="empirical_bayes"
        )
        assert len(risk.starts) == hours
        assert risk.expected.sum() == pytest.approx(risk.estimate.per_week.sum() * hours / 168, rel=0.02)


def test_holidays_keep_sundays_hours_and_worked_saturdays_wednesdays(grid):
    """CN 2026: 2026-10-01 (Thursday) is a holiday, 2026-10-10 (Saturday) is worked."""
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2025-01-01", tz=ZONE) + pd.to_timedelta(np.arange(630), unit="D")
    calendar = hs.read_calendar("CN")
    free = calendar.day_kind(day) != "workday"
    each = np.repeat(np.arange(630), 6)
    hour = np.where(free[each], rng.integers(9, 12, len(each)), rng.integers(18, 21, len(each)))
    time = pd.DatetimeIndex(day[each] + pd.to_timedelta(hour, unit="h"))
    incidents = frame_of(time, rng.uniform(0, SIDE, (len(each), 2)), np.full(len(each), "theft"))
    risk = hs.forecast(incidents, grid, as_of="2026-09-20", horizon="21D", model="empirical_bayes", calendar=calendar)
    by_hour = pd.Series(risk.expected.sum(axis=0), index=risk.starts)
    assert by_hour["2026-10-01"].between_time("09:00", "11:59").sum() > 0.9 * by_hour["2026-10-01"].sum()
    assert by_hour["2026-10-10"].between_time("18:00", "20:59").sum() > 0.9 * by_hour["2026-10-10"].sum()


def test_a_model_of_ones_own(grid, past):
    def last_quarter(history, grid):
        return hs.estimate_of(history.weeks(len(grid)).counts[:, -13:].sum(axis=1), history, grid)

    risk = hs.forecast(past, grid, as_of=AS_OF, horizon="7D", model=last_quarter)
    assert risk.model == "last_quarter"
    assert risk.expected.sum() == pytest.approx(2500 / 800 * 7, rel=0.3)


def test_the_choice_is_kept_and_found_again(grid, past, tmp_path):
    history = past_of(past, grid, as_of=AS_OF)
    first = choose(history, grid, effort="quick", cache=tmp_path)
    (kept,) = tmp_path.iterdir()
    assert set(first.gains) == set(CANDIDATES["quick"])
    assert first.gains[first.model] == max(first.gains.values())
    assert choose(past_of(past, grid, as_of=AS_OF), grid, effort="quick", cache=tmp_path) == first
    kept.write_text("not JSON")
    assert choose(history, grid, effort="quick", cache=tmp_path) == first
    fewer = past_of(hs.Incidents.from_frame(past.frame.iloc[1:], timezone=ZONE), grid, as_of=AS_OF)
    choose(fewer, grid, effort="quick", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_short_history_is_not_compared(grid):
    choice = choose(past_of(made(100, days=120), grid, as_of=AS_OF), grid)
    assert (choice.model, choice.gains) == ("empirical_bayes", {})
    assert choice.reason == "the history is too short to compare models"


def test_fading_is_the_sum_over_all_earlier_weeks():
    counts = np.random.default_rng(1).poisson(1.0, (3, 9)).astype(float)
    found = faded(counts, 2.5)
    for week in range(10):
        age = week - np.arange(week) - 0.5
        assert found[:, week] == pytest.approx(counts[:, :week] @ 0.5 ** (age / 2.5))


def test_the_half_life_is_long_where_nothing_changes_and_short_where_places_move(grid, past):
    moving = past.frame.copy()
    week = ((AS_OF - moving["time"]) / pd.Timedelta(days=7)).to_numpy() // 12
    moving = moving.set_geometry(gpd.points_from_xy((week * 330.0) % SIDE, moving.geometry.y), crs=CRS)
    stays, moves = (
        likely_half_life(past_of(each, grid, as_of=AS_OF), grid)
        for each in (past, hs.Incidents.from_frame(moving, timezone=ZONE))
    )
    assert stays >= 52 and moves <= 8


def test_the_level_follows_a_season():
    weeks = np.arange(208)
    totals = 100 + 60 * np.sin(2 * np.pi * weeks / 52)
    level = expected_level(totals, np.ones(208))
    assert level.season_share == 1.0
    assert level.per_week == pytest.approx(100, rel=0.1)  # sin(0) comes next, and rises
    assert smooth(np.full(30, 7.0), np.ones(30), 4.0) == pytest.approx(7.0)


def test_stacking_finds_the_mixture_that_made_the_counts():
    rng = np.random.default_rng(2)
    parts = rng.dirichlet(np.ones(400), 3)
    share = likeliest_shares(parts, 1e6 * (np.array([0.7, 0.3, 0.0]) @ parts))
    assert share == pytest.approx([0.7, 0.3, 0.0], abs=0.01)


def test_shares_by_hour_stay_shares_and_follow_many_counts():
    rng = np.random.default_rng(3)
    true = rng.dirichlet(np.ones(168), 2)
    counts = np.stack([200_000 * true[0], np.zeros(168)])
    profile, spread = coarse_to_fine(counts, np.full((2, 168), 1 / 168))
    assert profile.sum(axis=1) == pytest.approx(1.0)
    assert profile[0] == pytest.approx(true[0], abs=2e-3)
    assert profile[1] == pytest.approx(1 / 168)
    assert np.median(spread[0]) < 0.02 and (spread >= 0).all()


def test_a_market_with_hours_of_its_own_does_not_give_them_to_its_neighbours(grid):
    rng = np.random.default_rng(5)
    market = pd.Timestamp("2024-06-07 20:00", tz=ZONE) + pd.to_timedelta(rng.integers(0, 100, 3000) * 7, unit="D")
    others = AS_OF - pd.to_timedelta(rng.uniform(0.01, 700, 3000), unit="D")
    places = np.concatenate([np.full((3000, 2), 130.0), rng.uniform(300, SIDE, (3000, 2))])
    incidents = frame_of(pd.DatetimeIndex(market).append(pd.DatetimeIndex(others)), places, np.full(6000, "theft"))
    profile = cell_hours(past_of(incidents, grid, as_of=AS_OF), grid).profile
    friday_20 = 4 * 24 + 20
    mine = grid.locate(np.array([[130.0, 130.0]]))[0]
    assert profile[mine, friday_20] > 0.9
    assert np.median(np.delete(profile[:, friday_20], mine)) < 3 / 168


def test_near_repeats_are_let_in_where_the_test_finds_them(grid, past):
    rng = np.random.default_rng(6)
    parent = past.frame.sample(1200, random_state=1)
    child = parent.assign(
        time=(parent["time"] + pd.to_timedelta(rng.uniform(0.5, 4, 1200), unit="D")).clip(upper=AS_OF - pd.Timedelta("1s")),
        id=lambda f: "N" + f["id"], geometry=parent.translate(60, 60),
    )  # fmt: skip
    child = child[child.within(shapely.box(0, 0, SIDE, SIDE))]
    repeating = hs.Incidents.from_frame(pd.concat([past.frame, child], ignore_index=True), timezone=ZONE)
    assert background(past_of(repeating, grid, as_of=AS_OF), grid).repeats
    assert not background(past_of(past, grid, as_of=AS_OF), grid).repeats


def test_an_unknown_model_in_a_configuration_is_refused_with_the_nearest_name():
    folder = sample_folder()
    table = tomllib.loads((folder / "patrol.toml").read_text(encoding="utf-8"))
    table["hotspots"]["model"] = "empiricalbayes"
    with pytest.raises(ConfigError, match="value 'empiricalbayes': unknown value; fix: did you mean empirical_bayes"):
        parse_config(table, folder=folder)
