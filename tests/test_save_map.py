"""`save_map` from the library, without any run folder: the same page, and every tab of it opens."""

import pytest
from browser import chromium, opened

import hotspot as hs
import planning as pl
from planning.output.products import _credit
from planning.sampledata import DEMO_DATE, sample_folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
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
    return pl.save_map(plan, tmp_path_factory.mktemp("map") / "plan.html", language="en")


def test_the_about_tab_of_a_page_without_notices_opens(saved):
    with chromium() as browser, opened(browser, saved) as (page, account):
        for tab in page.query_selector_all("[role=tab]"):
            tab.click()
            assert page.text_content("#panel").strip()
        assert account.clean, account
        assert "undefined" not in page.text_content("header")


def test_openstreetmap_is_credited_where_the_streets_are_its(tmp_path):
    assert "OpenStreetMap" in _credit(tmp_path / "city.osm.pbf")
    assert _credit(tmp_path / "streets.geojson") == ""
