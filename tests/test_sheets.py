"""Team sheets: what a crew carries on paper."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import chromium, opened
from page_payload import ACTIVITIES, HOSTILE, district, hostile
from small_district import change, small_district

from hotspot.errors import ConfigError
from hotspot.mapping import words
from hotspot.mapping.inline import refuse_outside
from planning.config import read_config
from planning.output.qr_codes import code_svg, route_texts
from planning.output.sheet_drawing import HEIGHT, WIDTH, boxes_of, frame_around, route_drawing
from planning.output.sheets import index_html, sheet_html, write_sheets


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
    nasty = HOSTILE + "</script>`${alert(3)}`\u202e=1+1😀\x01" + "x" * 300
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


def eight_stops():
    """A long evening: eight stops with all five activities and long ways of saying where they are."""
    data = district()
    team = data["teams"][0]
    place = "unnamed street, 300 m south-east of Chuangye Road × Kechuang Road"
    team["visits"] = [
        team["visits"][k % 3] | {"sequence": k + 1, "activity": ACTIVITIES[k % 5], "place": place} for k in range(8)
    ]
    team["legs"][-1]["sequence"] = 9
    return data


def test_eight_stops_print_on_one_page(tmp_path):
    with chromium() as browser:
        page = browser.new_page()
        for language in ("zh", "en"):
            path = tmp_path / f"{language}.html"
            path.write_text(sheet_html(sheet_of(eight_stops()), language=language), encoding="utf-8")
            page.goto(path.as_uri())
            printed = page.pdf(prefer_css_page_size=True)
            assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, language


def test_what_to_do_is_told_once_for_each_activity():
    html = sheet_html(sheet_of(eight_stops()), language="en")
    assert html.count("Hear both sides apart") == 1
    told = re.findall(r"<dt>([^<]*)</dt><dd>[^<]{20,}</dd>", html)
    assert told[-5:] == [words("en")[activity] for activity in ACTIVITIES]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_activity_has_its_instructions(language):
    assert set(words(language, "sheets")["instructions"]) == set(ACTIVITIES)
    assert words("zh", "sheets").keys() == words("en", "sheets").keys()
    assert words("zh", "sheets")["columns"].keys() == words("en", "sheets")["columns"].keys()


def test_the_district_s_own_words_and_number_take_the_place_of_ours():
    data = eight_stops() | {"sheets": {"emergency": "<112>", "instructions": {"patrol": "{{7*7}} <b>doors</b>"}}}
    text = "".join(Reader(sheet_html(sheet_of(data), language="en")).texts)
    assert "Emergency: call <112> at once." in text
    assert "{{7*7}} <b>doors</b>" in text
    assert "Hear both sides apart" in text


def test_the_emergency_number_is_110_where_none_is_set():
    assert "立即拨打 110" in sheet_html(sheet_of(district()), language="zh")


def test_a_stop_without_named_streets_has_its_coordinates():
    data = district()
    visit = data["teams"][0]["visits"][0] | {"place": ""}
    data["teams"][0]["visits"][0] = visit
    place = cells_of(sheet_html(sheet_of(data), language="en"))[0][5]
    assert place == f"{visit['hotspot_id']} unnamed street {visit['lat']:.5f}, {visit['lon']:.5f}"


def test_the_code_holds_all_stops_in_its_datum():
    team = district()["teams"][0]
    (text,) = route_texts(team, datum="wgs84")
    head, *stops = text.split("\n")
    assert head == "T01 2026-11-27 WGS-84"
    assert len(stops) == 3
    first = team["visits"][0]
    assert stops[0] == f"1 18:12-18:24 {first['hotspot_id']} {first['lat']:.5f},{first['lon']:.5f}"
    assert route_texts(team, datum="gcj02")[0].startswith("T01 2026-11-27 GCJ-02\n")
    html = sheet_html(sheet_of(district() | {"sheets": {"datum": "gcj02"}}), language="en")
    assert "Latitude, longitude: GCJ-02" in html
    assert code_svg(route_texts(team, datum="gcj02")[0]) in html


def test_many_stops_are_several_codes_and_none_is_lost():
    team = district()["teams"][0]
    team["visits"] = [team["visits"][0] | {"sequence": n} for n in range(1, 31)]
    texts = route_texts(team, datum="wgs84")
    assert [text.count("\n") for text in texts] == [12, 12, 6]
    assert [line.split()[0] for text in texts for line in text.split("\n")[1:]] == [str(n) for n in range(1, 31)]
    assert route_texts(team | {"visits": []}, datum="wgs84") == []


def test_sheets_of_a_whole_plan(tmp_path):
    data = district()
    write_sheets(tmp_path / "sheets", data)
    names = {path.stem for path in (tmp_path / "sheets").iterdir()}
    assert names == {"index"} | {team["id"] for team in data["teams"] if team["visits"]}
    alone = sheet_html(sheet_of(data), language="zh")
    assert (tmp_path / "sheets" / "T01.html").read_text("utf-8") == alone


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
    assert frame.shows(boxes_of(lines)).tolist() == seen
    assert 20 < sum(seen) < 180
    assert frame.shows(boxes_of([])).tolist() == []


def test_all_that_is_wrong_with_the_sheets_settings_is_said_at_once(tmp_path):
    config = small_district(tmp_path)
    change(
        config, '# emergency = "110"', "emergency = 110\ninstructions = { patrl = 'x' }\npdf = 'yes'\nfont = '~/x.ttf'"
    )
    change(config, '# datums = ["wgs84"]', 'datums = ["gcj2"]')
    with pytest.raises(ConfigError) as told:
        read_config(config)
    fields = {fault.field: fault.fix for fault in told.value.faults}
    assert fields["sheets.instructions.patrl"] == "did you mean patrol?"
    assert fields["output.datums"] == "did you mean gcj02?"
    assert fields.keys() == {
        "sheets.emergency", "sheets.instructions.patrl", "sheets.pdf", "sheets.font", "output.datums",
    }  # fmt: skip
