"""A page on a wall: it goes round by itself, says what hour it is, and says when its night is over."""

import pytest
from browser import chromium, opened
from page_payload import SHIFT, district

from hotspot.mapping import render_page, words


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def page_path(tmp_path):
    path = tmp_path / "map.html"
    path.write_text(render_page(district(), language="zh", title="x"), encoding="utf-8")
    return path


def seen_at(browser, path, moment, view):
    """The page as it opens at that moment of the reader's clock."""
    return opened(browser, path, view=view, now=moment)


def test_the_wall_goes_through_hours_and_teams_by_itself(browser, page_path):
    with seen_at(browser, page_path, SHIFT, "lang=zh&wall=1") as (page, account):
        first = page.locator("#board h2").inner_text()
        assert page.locator("#board").is_visible() and not page.locator("aside").is_visible()
        assert page.locator("#wall").get_attribute("aria-pressed") == "true"
        page.clock.run_for(10_000)
        assert page.locator("#board h2").inner_text() != first
        page.clock.run_for(30_000)  # after now and the three busiest hours come the teams
        team = page.evaluate("Patrol.state.team")
        assert team and page.locator("#board h2").inner_text().startswith(team)
        assert page.locator(".pill").count() > 0
        assert account.clean, account


def test_the_wall_can_be_led_and_left_by_keys(browser, page_path):
    with seen_at(browser, page_path, SHIFT, "lang=en&wall=1") as (page, account):
        first = page.locator("#board").inner_text()
        page.keyboard.press("ArrowRight")
        assert page.locator("#board").inner_text() != first
        page.keyboard.press("ArrowLeft")
        assert page.locator("#board").inner_text() == first
        page.keyboard.press("Escape")
        assert not page.locator("#board").is_visible() and page.locator("aside").is_visible()
        assert "wall=1" not in page.url
        page.clock.run_for(30_000)
        assert page.evaluate("Patrol.state.team") == ""  # it stands still now
        assert account.clean, account


def test_an_address_without_wall_ends_it(browser, page_path):
    with seen_at(browser, page_path, SHIFT, "lang=en&wall=1") as (page, account):
        page.evaluate("location.hash = 'lang=en'")
        page.wait_for_function("document.getElementById('board').hidden")
        page.clock.run_for(30_000)
        assert page.evaluate("Patrol.state.team") == ""
        assert account.clean, account


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_plan_that_is_over_says_so_even_when_it_ends_while_it_hangs_there(browser, page_path, language):
    just_before = SHIFT.replace(hour=23, minute=59)
    with seen_at(browser, page_path, just_before, f"lang={language}") as (page, account):
        assert page.locator("#stale").is_hidden()
        page.clock.run_for(90_000)
        assert page.locator("#stale").inner_text() == words(language)["plan_over"].replace("{end}", "2026-11-28 00:00")
        assert account.clean, account


def test_tonight_the_page_opens_at_this_hour_and_on_other_days_at_the_busiest(browser, page_path):
    with seen_at(browser, page_path, SHIFT.replace(hour=22, minute=30), "lang=en") as (page, _):
        assert page.locator("#hour").inner_text().endswith("22:00")
    with seen_at(browser, page_path, SHIFT.replace(day=20), "lang=en") as (page, _):
        busiest = page.evaluate("Patrol.hourly.indexOf(Math.max(...Patrol.hourly))")
        assert page.evaluate("Patrol.state.hour") == busiest


def test_sentences_of_the_program_are_in_the_language_of_the_reader(browser, page_path):
    with opened(browser, page_path, view="lang=zh&tab=about") as (page, account):
        assert "读取 100 行" in page.locator("#panel").inner_text()
        page.locator("#language").click()
        assert "100 rows read" in page.locator("#panel").inner_text()
        assert account.clean, account


def at(clock, day=0):
    return f"2026-11-{27 + day}T{clock}:00+08:00"


@pytest.fixture
def one_team(tmp_path):
    """T01 leaves at 19:50, is at H01 20:00-20:15, at H02 20:30-20:40 from 20:20 on, and is back at 21:00."""
    page = district()
    visits = [
        {"visit_id": "V1", "sequence": 1, "hotspot_id": "H01", "activity": "patrol", "place": "", "lon": 109.7, "lat": 38.24,
         "arrive": at("20:00"), "start": at("20:00"), "leave": at("20:15"), "travel_s": 600, "travel_m": 900.0, "value": 1.0},
        {"visit_id": "V2", "sequence": 2, "hotspot_id": "H02", "activity": "patrol", "place": "", "lon": 109.7, "lat": 38.24,
         "arrive": at("20:25"), "start": at("20:30"), "leave": at("20:40"), "travel_s": 300, "travel_m": 400.0, "value": 1.0},
    ]  # fmt: skip
    legs = [
        {"sequence": k, "travel_s": s, "travel_m": 1.0, "line": [[109.7, 38.24], [109.71, 38.24]]}
        for k, s in ((1, 600), (2, 300), (3, 1200))
    ]
    page["teams"] = [page["teams"][0] | {"id": "T01", "point_id": "P01", "visits": visits, "legs": legs}]
    path = tmp_path / "one.html"
    path.write_text(render_page(page, language="en", title="x"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ("19:49", "next H01, there 20:00"),
        ("19:50", "on the way to H01, there 20:00"),
        ("20:00", "at H01 until 20:15"),
        ("20:15", "next H02, there 20:25"),
        ("20:20", "on the way to H02, there 20:25"),
        ("20:25", "at H02, begins 20:30"),
        ("20:30", "at H02 until 20:40"),
        ("20:40", "on the way back to P01, there 21:00"),
        ("21:00", "finished for tonight"),
    ],
)
def test_tonight_a_team_s_row_says_what_it_does_now(browser, one_team, clock, told):
    with seen_at(browser, one_team, at(clock), "lang=en&tab=teams") as (page, account):
        assert page.locator("#panel .now").inner_text() == told
        assert account.clean, account


def test_on_another_night_there_is_no_now(browser, one_team):
    with seen_at(browser, one_team, at("20:05", day=1), "lang=en&tab=teams") as (page, _):
        assert page.locator("#panel .now").count() == 0


def test_the_wall_begins_with_what_happens_now_in_the_district_s_clock(browser, one_team):
    with seen_at(browser, one_team, at("20:05"), "lang=en&wall=1") as (page, account):
        assert "20:05" in page.locator("#board").inner_text()
        assert (
            "T01" in page.locator("#board").inner_text() and "at H01 until 20:15" in page.locator("#board").inner_text()
        )
        page.clock.run_for(60_000)
        assert account.clean, account


def test_the_row_follows_the_clock(browser, one_team):
    with seen_at(browser, one_team, at("20:14"), "lang=en&tab=teams") as (page, _):
        page.clock.run_for(90_000)
        assert page.locator("#panel .now").inner_text() == "next H02, there 20:25"


PLACES = """() => Object.values(PatrolMap.map._layers).filter((l) => l.options?.icon?.options.html?.className === "mark where")
  .map((l) => [l.options.icon.options.html.textContent, l.getLatLng().lng, l.getLatLng().lat])"""


@pytest.mark.parametrize(("clock", "lon"), [("19:55", 109.705), ("20:05", 109.7), ("20:45", 109.7025), ("21:05", None)])
def test_the_map_shows_where_a_team_is_by_the_plan(browser, one_team, clock, lon):
    """Halfway out, at its stop, a quarter of its way back; then it is home and no longer shown."""
    with seen_at(browser, one_team, at(clock), "lang=en") as (page, account):
        found = page.evaluate(PLACES)
        assert found == ([["T01", pytest.approx(lon), pytest.approx(38.24)]] if lon else [])
        assert account.clean, account


def test_a_sign_moves_on_with_the_clock_and_leads_to_its_team(browser, one_team):
    with seen_at(browser, one_team, at("19:55"), "lang=en") as (page, account):
        page.clock.run_for(4 * 60_000)
        ((_, lon, _),) = page.evaluate(PLACES)
        assert lon == pytest.approx(109.709)
        page.locator(".mark.where:not(.key *)").first.click()
        assert page.evaluate("Patrol.state.team") == "T01"
        assert account.clean, account


def test_a_page_of_a_night_that_is_over_has_no_such_layer(browser, one_team):
    with seen_at(browser, one_team, at("20:05", day=1), "lang=en") as (page, _):
        assert page.locator("[data-layer=where]").count() == 0 and page.evaluate(PLACES) == []
