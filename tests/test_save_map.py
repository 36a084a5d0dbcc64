"""`save_map` from the library, without any run folder: the same page, and every tab of it opens."""

import pytest
from browser import chromium, opened

import hotspot as hs
import planning as pl
from planning.output.products import credit
from planning.sampledata import DEMO_DATE, sample_folder


@pytest.fixture(scope="module")
def plan():
    folder, crs, zone = sample_folder(), "EPSG:32649", "Asia/Shanghai"
    areas = hs.read_areas(folder / "areas.geojson", crs=crs)
    incidents = hs.read_incidents(folder / "incidents.csv.gz", timezone=zone, crs=crs, areas=areas)
    risk = hs.forecast(incidents, hs.make_grid(areas), as_of=DEMO_DATE, horizon="30h")
    points = pl.read_points(folder / "points.csv", crs=crs)
    teams = pl.read_teams(folder / "teams.csv", points=points)
    streets = pl.read_streets(folder / "streets.geojson", crs=crs)
    problem = pl.build_problem(hs.select_hotspots(risk), points, teams, streets, date=DEMO_DATE)
    plan = pl.solve(problem, effort="quick")
    assert pl.check(plan, problem) == []
    return plan


@pytest.fixture(scope="module")
def saved(plan, tmp_path_factory):
    return pl.save_map(plan, tmp_path_factory.mktemp("map") / "plan.html", language="en")


def test_the_about_tab_of_a_page_without_notices_opens(saved):
    with chromium() as browser, opened(browser, saved) as (page, account):
        for tab in page.query_selector_all("[role=tab]"):
            tab.click()
            assert page.text_content("#panel").strip()
        assert account.clean, account
        assert "undefined" not in page.text_content("header")


def test_openstreetmap_is_credited_where_the_streets_are_its(tmp_path):
    assert "OpenStreetMap" in credit(tmp_path / "city.osm.pbf")
    assert credit(tmp_path / "streets.geojson") == ""


def test_results_show_themselves_in_a_notebook(plan, tmp_path):
    spots = plan.problem.world.hotspots
    for shown in (plan, spots, spots.risk):
        assert shown.summary().split(";")[0] in shown._repr_html_()
        assert "<table" in shown._repr_html_()


def test_the_page_in_a_notebook_draws_itself_and_loads_nothing(plan, tmp_path):
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!doctype html><title>n</title>{plan.explore(language='en')._repr_html_()}", encoding="utf-8")
    with chromium() as browser, opened(browser, notebook, ready=False) as (page, account):
        page.frame_locator("iframe").locator("html[data-ready]").wait_for(state="attached", timeout=20_000)
        assert account.clean, account


def test_maps_for_papers(plan):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    axes = plan.plot()
    assert len(axes.lines) == sum(1 for route in plan.routes if route)
    assert "demands served" in axes.get_title()
    drawn = plan.problem.world.hotspots.risk.plot(hours=slice(0, 3))
    assert drawn.get_title().startswith(plan.problem.world.hotspots.risk.model)
    pyplot.close("all")
