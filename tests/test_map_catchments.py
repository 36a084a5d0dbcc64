"""The layer of catchments: who is first where, drawn only when asked for."""

import pytest
from browser import chromium, opened
from page_payload import HOSTILE, district

from hotspot.mapping import render_page


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def with_catchments(**changes):
    """Two neighbours that share a border, and one with a hole."""
    data = district()
    west, south = 109.66, 38.23
    box = [[west, south], [west + 0.03, south], [west + 0.03, south + 0.05], [west, south + 0.05], [west, south]]
    east = [[x + 0.03, y] for x, y in box]
    hole = [[x, y] for x, y in ((109.70, 38.24), (109.705, 38.24), (109.705, 38.245), (109.70, 38.24))]
    figures = {"half_min": 6.2, "most_min": 17.5}
    data["catchments"] = {
        "mode": "walk",
        "points": [
            {"point_id": "P01", "rings": [box], **figures},
            {"point_id": "P02", "rings": [east, hole], **figures},
        ],
    }
    data["points"][0] |= changes
    data["hotspots"], data["teams"] = [], []
    return data


def page_of(tmp_path, data, language="zh"):
    path = tmp_path / "map.html"
    path.write_text(render_page(data, language=language, title="t"), encoding="utf-8")
    return path


def colours_at(page, fractions, height=0.5):
    """Red, green, blue and alpha of the drawing canvas at shares of its visible width, in one reading."""
    return page.evaluate(
        """([fractions, height]) => { const box = document.querySelector("#stage").getBoundingClientRect();
        const canvas = document.querySelector(".leaflet-overlay-pane canvas"), own = canvas.getBoundingClientRect();
        const y = Math.round((box.top + height * box.height - own.top) * canvas.height / own.height);
        const row = canvas.getContext("2d").getImageData(0, y, canvas.width, 1).data;
        return fractions.map((f) => { const x = Math.round((box.left + f * box.width - own.left) * canvas.width / own.width);
          return [...row.slice(4 * x, 4 * x + 4)]; }); }""",
        [fractions, height],
    )


def test_without_catchments_there_is_no_switch(browser, tmp_path):
    for data in (district(), district() | {"catchments": {"mode": "walk", "points": []}}):
        with opened(browser, page_of(tmp_path, data)) as (page, account):
            assert page.locator("[data-layer=catchments]").count() == 0
            assert account.clean


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "P01 第1警务室 最先到达 · 步行 一半街道 7 分钟 · 最远 18 分钟"),
        ("en", "P01 第1警务室 first to arrive · on foot half of the streets within 7 min · all within 18 min"),
    ],
)
def test_a_zone_says_who_is_first_and_how_far_it_is(browser, tmp_path, language, said):
    with opened(browser, page_of(tmp_path, with_catchments(), language)) as (page, account):
        if language == "en":
            page.evaluate("location.hash = 'lang=en'")
        switch = page.locator("[data-layer=catchments]")
        assert not switch.is_checked()
        switch.check()
        page.wait_for_timeout(300)
        left, right = colours_at(page, [0.25, 0.4])
        assert left[3] > 0 and right[3] > 0 and left[:3] != right[:3]
        box = page.locator("#stage").bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
        assert " ".join(page.locator(".leaflet-tooltip").first.inner_text().split()) == said
        switch.uncheck()
        page.wait_for_timeout(300)
        assert account.clean  # before the browser is told to read its canvas again, which it complains of
        assert colours_at(page, [0.25])[0][3] == 0


def test_the_name_of_a_point_is_text(browser, tmp_path):
    with opened(browser, page_of(tmp_path, with_catchments(name=HOSTILE))) as (page, account):
        page.locator("[data-layer=catchments]").check()
        box = page.locator("#stage").bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
        assert HOSTILE in page.locator(".leaflet-tooltip").first.inner_text()
        assert account.clean
