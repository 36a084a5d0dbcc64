"""The page of a big city is small, opens, and reaches everything; what is packed in it comes back as it was."""

import json
import re

import pytest
from big_city import big_city
from browser import chromium, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from night_runs import sample_night
from page_payload import district

from hotspot.mapping import render_page
from hotspot.mapping.encode import CHARACTERS, LEVELS, folded, packed_lines, packed_numbers

DEGREES = st.floats(-180, 180).map(lambda x: round(x, 5))
LINES = st.lists(st.lists(st.tuples(DEGREES, DEGREES).map(list), max_size=6), max_size=6)
NUMBERS = st.lists(st.floats(0, 1e6), max_size=30)
TEXTS = st.lists(st.text(st.sampled_from("ab 0123456789.%\x01，"), max_size=20), max_size=8)


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    path = tmp_path_factory.mktemp("city") / "map.html"
    path.write_text(render_page(big_city(), language="en", title="Big city"), encoding="utf-8")
    return path


def test_the_page_of_a_big_city_stays_below_six_megabytes(city):
    assert city.stat().st_size <= 6e6


def test_the_page_of_the_sample_district_stays_below_700_kilobytes():
    assert (sample_night() / "map.html").stat().st_size <= 700e3


def test_the_last_team_of_500_is_found_and_its_route_is_shown(browser, city):
    with opened(browser, city, view="lang=en&theme=light&hour=20", size=(1920, 1080)) as (page, account):
        assert page.locator("#panel .row").count() == 500
        page.keyboard.press("/")
        page.keyboard.type("Team 500")
        page.locator('[data-key="team T500"]').click()
        assert page.locator(".pill").count() > 0 and "team=T500" in page.url
        assert painted(page) > 0.02
        assert account.clean, account


def painted(page):
    """The share of the map's pixels that the canvases of hotspots and routes have painted."""
    return page.evaluate("""() => Math.max(...[...document.querySelectorAll("#stage .leaflet-pane > canvas")].map((canvas) => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let filled = 0;
      for (let i = 3; i < pixels.length; i += 4) filled += pixels[i] > 0;
      return 4 * filled / pixels.length; }))""")


@settings(deadline=None, max_examples=60)
@given(LINES, NUMBERS, TEXTS)
def test_what_is_packed_comes_back_in_the_browser(unpacking, lines, numbers, texts):
    templates = {}
    packed = [packed_lines(lines), packed_numbers(numbers), [folded(text, templates) for text in texts]]
    places, values, told = unpacking(packed, list(templates))
    assert places == [without_repeats(line) for line in lines]
    assert values == pytest.approx(numbers, abs=max(numbers, default=0) / (2 * LEVELS) * 1.001)
    assert told == texts


def without_repeats(line):
    return [place for k, place in enumerate(line) if k == 0 or place != line[k - 1]]


@pytest.fixture(scope="module")
def unpacking(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "map.html"
    path.write_text(render_page(district(), language="en", title="x"), encoding="utf-8")
    with opened(browser, path) as (page, _):
        yield lambda packed, templates: page.evaluate(
            """([[lines, numbers, texts], templates]) => { PatrolData.data.texts = templates;
               return [PatrolData.lines(lines), PatrolData.numbers(numbers), texts.map(PatrolData.text)]; }""",
            [packed, templates],
        )


def test_the_page_has_what_the_payload_had(browser, tmp_path):
    payload = district()
    path = tmp_path / "map.html"
    path.write_text(render_page(payload, language="en", title="x"), encoding="utf-8")
    with opened(browser, path) as (page, _):
        shown = page.evaluate("Patrol.data")
        spots = page.evaluate("Patrol.data.hotspots.map((spot) => Patrol.said(spot.explanation))")
    for name in ("points", "unserved", "hours", "window", "plan", "areas"):
        assert shown[name] == payload[name], name
    for mine, given_ in zip(shown["hotspots"], payload["hotspots"], strict=True):
        assert mine["rings"] == given_["rings"]
        assert mine["hourly"] == pytest.approx(given_["hourly"], abs=2e-4)
        assert mine["calendar"][3] == pytest.approx(given_["calendar"][3], abs=2e-4)
    assert spots == [spot["explanation"]["en"] for spot in payload["hotspots"]]
    for mine, given_ in zip(shown["teams"], payload["teams"], strict=True):
        for leg, wanted in zip(mine["legs"], given_["legs"], strict=True):
            assert leg["line"] == [pytest.approx(place, abs=5.1e-6) for place in without_repeats(wanted["line"])]


@pytest.mark.parametrize("bad", [[-1.0], [float("nan")], [float("inf")], [1.0, float("nan")]])
def test_numbers_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        packed_numbers(bad)


def test_the_characters_are_the_same_in_both_languages():
    script = (sample_night() / "map.html").read_text(encoding="utf-8")
    assert json.loads(re.search(r'const CHARACTERS = ("[^"]+")', script)[1]) == CHARACTERS
