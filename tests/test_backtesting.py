"""The backtest: hit rates that can be counted by hand, a headline that says when we lose, and nothing of the future."""

import json

import numpy as np
import pandas as pd
import pytest
import shapely
from commands import patrol
from risk_world import AS_OF, SIDE, ZONE, made, square_grid

import hotspot as hs
from hotspot.backtesting import cell_size_sensitivity
from hotspot.errors import ConfigError
from hotspot.forecasting.models import MODELS
from hotspot.mapping.backtest_page import backtest_page
from hotspot.mapping.charts import Bar, bar_chart
from hotspot.scoring import block_interval
from planning.sampledata import sample_folder

FIRST, LAST = AS_OF - pd.DateOffset(days=84), AS_OF - pd.DateOffset(days=14)


@pytest.fixture(scope="module")
def grid():
    return square_grid()


@pytest.fixture(scope="module")
def past():
    return made()


@pytest.fixture(scope="module")
def tested(past, grid):
    return hs.backtest(
        past, grid, start=FIRST, end=LAST, models=["empirical_bayes"], default="empirical_bayes",
        budget=hs.Budget(10, (18, 22)),
    )  # fmt: skip


def backwards(history, grid):
    """The worst places first."""
    counts = history.weeks(len(grid)).counts.sum(axis=1)
    return hs.estimate_of(1.0 / (1.0 + counts), history, grid)


def test_hit_rate_pai_and_pei_by_hand():
    """Four cells; a quarter of the area held 5 of 10 incidents, the best quarter too: 50 %, 2.0, 1.0."""
    risk, events = [3.0, 1.0, 0.5, 0.1], [5, 2, 2, 1]
    assert hs.hit_rate(risk, events, area_share=0.25) == 0.5
    assert hs.pai(risk, events, area_share=0.25) == 2.0
    assert hs.pei(risk, events, area_share=0.25) == 1.0
    assert hs.pei([1.0, 3.0, 0.5, 0.1], events, area_share=0.25) == pytest.approx(0.4)
    assert hs.pai(risk, events, area_share=0.6, area_m2=[2, 1, 1, 1]) == pytest.approx(0.7 / 0.6)
    assert hs.hit_rate(risk, events, area_share=1.0) == hs.pei(risk, events, area_share=1.0) == 1.0


@pytest.mark.parametrize("metric", [hs.hit_rate, hs.pai, hs.pei])
def test_metrics_without_events_are_nan_and_refuse_what_does_not_fit(metric):
    assert np.isnan(metric([1.0, 2.0], [0, 0], area_share=0.5))
    with pytest.raises(ConfigError, match="area_share is 0"):
        metric([1.0], [1], area_share=0)
    with pytest.raises(ConfigError, match="give one number for each cell"):
        metric([1.0, 2.0], [1], area_share=0.5)


def test_metrics_of_a_risk_count_the_incidents_inside_its_hours(past, grid):
    risk = hs.forecast(past, grid, as_of=FIRST, horizon="7D", model="long_run")
    inside = (past.table["time"] >= FIRST) & (past.table["time"] < FIRST + pd.Timedelta(days=7))
    counts = np.bincount(grid.locate(past.places[inside.to_numpy()]), minlength=len(grid))
    expected = hs.pai(risk.expected.sum(axis=1), counts, area_share=0.1)
    assert hs.pai(risk, past, area_share=0.1) == pytest.approx(expected)
    assert 0 < hs.pei(risk, past, area_share=0.1) <= 1


def test_every_incident_after_a_cutoff_counts_once(tested, past):
    inside = (past.table["time"] >= FIRST) & (past.table["time"] < LAST + pd.Timedelta(days=7))
    of_one = tested.origins[tested.origins["model"] == "empirical_bayes"]
    assert of_one["incidents"].sum() == inside.sum()
    assert len(of_one) == tested.parameters["origins"] == 11
    tenths = tested.deciles[tested.deciles["model"] == "empirical_bayes"]
    assert tenths["observed"].sum() == inside.sum()
    assert tenths["expected"].sum() == pytest.approx(of_one["expected"].sum())


def test_the_yardstick_gains_nothing_over_itself_and_curves_rise_to_the_best(tested):
    table = tested.table.set_index("model")
    assert table.loc["long_run", ["ig", "ig_place", "ig_upper"]].tolist() == [0, 0, 0]
    assert (tested.curve["hit_rate"] <= tested.curve["best_hit_rate"] + 1e-12).all()
    assert tested.curve.groupby("model")["hit_rate"].apply(lambda rates: rates.is_monotonic_increasing).all()
    assert ((table["pei_0.02"] > 0) & (table["pei_0.02"] <= 1)).all()
    assert ((table["budget_hit_rate"] > 0) & (table["budget_pei"] <= 1)).all()


def test_curves_and_tenths_have_the_intervals_of_the_table(tested):
    """The same cutoffs drawn again in the same blocks: at 2 % of the area the curve is the table's hit rate."""
    at = tested.curve[tested.curve["area_share"] == 0.02].set_index("model")
    table = tested.table.set_index("model")
    for end in ("", "_lower", "_upper"):
        assert at[f"hit_rate{end}"].tolist() == table.loc[at.index, f"hit_rate_0.02{end}"].tolist()
    tenths = tested.deciles
    assert tenths["ratio"].to_numpy() == pytest.approx((tenths["observed"] / tenths["expected"]).to_numpy())
    assert ((tenths["ratio_lower"] <= tenths["ratio"]) & (tenths["ratio"] <= tenths["ratio_upper"])).all()


def test_one_cutoff_has_no_intervals_and_its_page_says_so(past, grid):
    alone = hs.backtest(past, grid, start=FIRST, end=FIRST, models=["empirical_bayes"], default="empirical_bayes")
    assert alone.curve["hit_rate_lower"].isna().all() and alone.deciles["ratio_upper"].isna().all()
    page = backtest_page(alone, language="en", title="x")
    assert "One cutoff alone gives no interval" in page and "no interval." in page


def test_nothing_after_a_cutoff_changes_its_forecast(past, grid, tested):
    """Other incidents after the last cutoff change what came of that one alone."""
    more = made(900, days=13, seed=8, until=AS_OF)
    other = hs.Incidents.from_frame(
        pd.concat([past.frame, more.frame.assign(id="M" + more.frame["id"])]), timezone=ZONE
    )
    again = hs.backtest(other, grid, start=FIRST, end=LAST, models=["empirical_bayes"], default="empirical_bayes")
    first, second = (each.origins[each.origins["origin"] < LAST] for each in (tested, again))
    for name in ("expected", "log_hour", "hits_0.05", "incidents"):
        assert first[name].tolist() == second[name].tolist()


def test_the_headline_says_when_we_lose(past, grid):
    lost = hs.backtest(past, grid, start=FIRST, end=LAST, models={"backwards": backwards}, default="backwards")
    assert lost.summary().startswith("The default model (backwards) is WORSE than the same places as last year: -")
    assert lost.summary("zh").startswith("默认模型（backwards）不如“去年的同样地点”：每起警情 -")
    page = backtest_page(lost, language="en", title="<b>Here</b>")
    assert "&lt;b&gt;Here" in page and "<b>Here" not in page
    body = page[page.index("<main") :]
    assert body.index("is WORSE than the same places as last year") < body.index("<h2>")
    even = hs.backtest(past, grid, start=FIRST, end=LAST, models=[], default="last_year")
    assert "no different, within chance, from the same places as last year: +0.000" in even.summary()


def test_an_interrupted_test_goes_on_where_it_was(past, grid, tmp_path, monkeypatch):
    options = {"start": FIRST, "end": LAST, "models": ["recency"], "default": "recency", "cache": tmp_path}
    seen = []

    def stop_at_the_fourth(stage):
        seen.append(stage)
        if len(seen) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hs.backtest(past, grid, progress=stop_at_the_fourth, **options)
    assert len(list(tmp_path.rglob("*.json"))) == 4
    done = []
    monkeypatch.setattr("hotspot.backtesting.forecast", lambda *a, **k: done.append(k["as_of"]) or hs.forecast(*a, **k))
    resumed = hs.backtest(past, grid, **options)
    assert len({str(at) for at in done}) == 11 - 4
    whole = hs.backtest(past, grid, **{**options, "cache": None})
    pd.testing.assert_frame_equal(resumed.table.drop(columns="seconds"), whole.table.drop(columns="seconds"))


def test_two_processes_give_what_one_gives(past, grid):
    one, two = (
        hs.backtest(past, grid, start=FIRST, end=FIRST + pd.DateOffset(days=14), models=["recency"], default="recency", jobs=jobs)
        for jobs in (1, 2)
    )  # fmt: skip
    pd.testing.assert_frame_equal(one.table.drop(columns="seconds"), two.table.drop(columns="seconds"))


def test_other_cells_are_tried(past):
    found = cell_size_sensitivity(
        past, shapely.box(0, 0, SIDE, SIDE), cell_m=250, origins=[FIRST, LAST], area_share=0.1
    )
    assert found["cell_m"].tolist() == [250, 250, 125, 500]
    assert found["cells"].tolist() == [64, 81, 256, 16]
    assert found["pai"].between(0.5, 5).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"end": FIRST - pd.Timedelta(days=1)}, "before it starts; fix: give an end from"),
        ({"models": ["oracle", "seer"]}, "models 'oracle', 'seer' are unknown; fix: use one of auto, long_run"),
        ({"step": "36h"}, "isn't whole days; fix: give a step such as 7D"),
        ({"start": "2031-01-01", "end": "2031-02-01"}, "no incident lies after any of the cutoffs"),
    ],
)
def test_what_cannot_be_tested_is_refused(change, told, past, grid):
    with pytest.raises(ConfigError, match=told):
        hs.backtest(past, grid, **{"start": FIRST, "end": LAST, "models": ["recency"], "default": "recency"} | change)


def test_block_intervals_hold_the_mean_and_widen_when_neighbours_hang_together():
    rng = np.random.default_rng(0)
    rough = rng.normal(0.5, 1.0, 60)
    steady = np.repeat(rng.normal(0.5, 1.0, 15), 4)
    for values in (rough, steady):
        low, high = block_interval(values, np.ones(60))
        assert low < values.mean() < high
    single = block_interval(steady, np.ones(60), block=1)
    blocks = block_interval(steady, np.ones(60), block=4)
    assert blocks[1] - blocks[0] > 1.3 * (single[1] - single[0])
    assert all(np.isnan(block_interval(np.ones(1), np.ones(1))))


def test_the_pages_are_the_same_bytes_and_ask_for_nothing(tested):
    once, again = (backtest_page(tested, language="zh", title="示范") for _ in range(2))
    assert once == again
    assert once.count("<script>") == 1 and "default-src 'none'" in once and "style-src 'unsafe-inline'" in once
    assert bar_chart([Bar("<x>", 1.0, 0.5, 1.5)], title="t").count("&lt;x&gt;") == 1
    assert bar_chart([], title="t") == ""


def test_the_command_writes_a_verified_report(tmp_path, past):
    out = tmp_path / "report"
    words = [
        "backtest",
        sample_folder() / "patrol.toml",
        "--from",
        "2026-10-02",
        "--to",
        "2026-10-16",
        "--effort",
        "quick",
    ]
    done = patrol(*words, "--out", out)
    assert done.code == 0, done.err
    headline = done.out.splitlines()[0]
    assert headline.startswith("默认模型（auto）")
    assert (out / "report.txt").read_text(encoding="utf-8").strip() == headline
    assert headline in (out / "report.html").read_text(encoding="utf-8")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["command"] == "backtest" and manifest["backtest"]["origins"] == 3
    assert set(pd.read_csv(out / "models.csv")["model"]) == {*MODELS, "auto"}
    assert patrol("verify", out).code == 0
