"""Team sheets: what a crew carries on paper."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import chromium, opened
from page_payload import HOSTILE, district, hostile

from hotspot.mapping.shell import refuse_outside
from planning.output.sheet_drawing import HEIGHT, WIDTH, frame_around, route_drawing
from planning.output.sheets import index_html, sheet_html


class Reader(HTMLParser):
    """The tags and the texts of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def sheet_of(data, index=0):
    return data | {"team": data["teams"][index]}


def cells_of(html):
    body = re.search(r"<tbody>(.*)</tbody>", html, re.DOTALL)[1]
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in body.split("</tr>")[:-1]
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sheet_tells_each_stop_and_the_way_back(language):
    rows = cells_of(sheet_html(sheet_of(district()), language=language))
    assert [row[0] for row in rows] == ["1", "2", "3", "⌂"]
    assert rows[0][1:4] == ["18:12", "18:12", "18:24"]
    assert rows[0][4].startswith("12 ") and rows[0][7].endswith("2.4 km")
    assert rows[-1][1] == "19:22"  # the last leave 19:12 and 600 s back


def test_stop_after_midnight_keeps_its_dwell():
    data = district()
    data["teams"][0]["visits"][-1] |= {"start": "2026-11-27T23:55:00+08:00", "leave": "2026-11-28T00:07:00+08:00"}
    row = cells_of(sheet_html(sheet_of(data), language="en"))[2]
    assert row[2:5] == ["23:55", "00:07", "12 min"]


def test_north_is_up_and_east_is_right():
    frame = frame_around([[109.7, 38.25], [109.71, 38.26]])
    (west, _), (east, _) = frame.at([[109.7, 38.25], [109.71, 38.25]])
    (_, south), (_, north) = frame.at([[109.7, 38.25], [109.7, 38.26]])
    assert west < east and north < south


def test_one_metre_is_as_long_to_the_east_as_to_the_north():
    frame = frame_around([[109.7, 60.0], [109.8, 60.05]])
    (west, _), (east, _) = frame.at([[109.7, 60.0], [109.72, 60.0]])  # at 60 N a degree of longitude is half as long
    (_, south), (_, north) = frame.at([[109.7, 60.0], [109.7, 60.01]])
    assert abs((east - west) - (south - north)) < 0.3


def test_every_stop_is_inside_the_picture():
    for index in (0, 1, 2):
        drawing = route_drawing(sheet_of(district(), index))
        for stop in drawing["stops"]:
            assert 0 < stop["x"] < WIDTH and 0 < stop["y"] < HEIGHT


def test_two_visits_at_one_place_share_a_mark():
    data = district()
    first, second = data["teams"][0]["visits"][:2]
    second |= {"lon": first["lon"], "lat": first["lat"]}
    assert [stop["label"] for stop in route_drawing(sheet_of(data))["stops"]] == ["1·2", "3"]


def test_team_without_visits_says_why():
    html = sheet_html(sheet_of(district(), 13), language="en")
    assert "Not in the plan: not vetted" in html and "<svg" not in html


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.fault("TEA-03")
def test_hostile_names_are_text(language):
    nasty = HOSTILE + "</script>`${alert(3)}`"
    data = hostile(nasty)
    for html in (sheet_html(sheet_of(data), language=language), index_html(data, language=language)):
        reader = Reader(html)
        assert {"img", "script"} & set(reader.tags) == set()
        assert nasty in "".join(reader.texts)


@pytest.mark.fault("TEA-02")
def test_team_id_cannot_lead_elsewhere():
    data = district()
    data["teams"][0]["id"] = 'javascript:alert(1)"x'
    assert 'href="./javascript%3Aalert%281%29%22x.html"' in index_html(data, language="en")


def test_index_lists_all_teams_and_links_those_with_visits():
    html = index_html(district(), language="en")
    assert html.count("<tr") == 1 + 27
    assert html.count("href=") == 25 and './T01.html"' in html and "T14.html" not in html


def test_index_without_teams_is_an_ordinary_page():
    assert "This page has no teams." in index_html({"title": "x"}, language="en")


def test_same_sheet_same_bytes_and_nothing_from_outside():
    html = sheet_html(sheet_of(district()), language="zh")
    assert html == sheet_html(sheet_of(district()), language="zh")
    refuse_outside(html)


def test_sheet_in_a_browser_fits_one_page_and_asks_for_nothing(tmp_path):
    path = tmp_path / "T02.html"
    path.write_text(sheet_html(sheet_of(district(), 1), language="zh"), encoding="utf-8")
    with (
        chromium() as browser,
        opened(browser, path, size=(703, 1032), ready=False) as (page, account),
    ):  # A4 less its margins
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollHeight") <= 1032
        assert page.evaluate("document.documentElement.scrollWidth") <= 703
        assert account.clean, account


def test_lines_in_sight_are_found_together_as_one_by_one():
    rng = np.random.default_rng(3)
    frame = frame_around([[109.7, 38.25], [109.71, 38.26]])
    lines = [rng.normal((109.705, 38.255), 0.02, (n, 2)).tolist() for n in [0, *rng.integers(1, 6, 200), 0]]
    seen = []
    for line in lines:
        xy = frame.at(line)
        seen.append(bool(len(xy) and (xy.max(axis=0) >= 0).all() and (xy.min(axis=0) <= (WIDTH, HEIGHT)).all()))
    assert frame.shows(lines).tolist() == seen
    assert 20 < sum(seen) < 180
    assert frame.shows([]).tolist() == []
