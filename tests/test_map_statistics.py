"""Near repeats and key times on the page, in both languages, and pages of runs that have none."""

import pytest
from browser import chromium, opened
from page_payload import district

from hotspot.mapping import render_page


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


def page_of(tmp_path, statistics, language):
    path = tmp_path / "map.html"
    data = district() | {"statistics": statistics, "language": language}
    path.write_text(render_page(data, language=language, title="t"), encoding="utf-8")
    return path


STATISTICS = {
    "near_repeats": {
        "rows": [
            {
                "from_m": 0,
                "to_m": 0,
                "from_t": 0,
                "to_t": 7,
                "observed": 32,
                "expected": 5.2,
                "ratio": 6.1,
                "p_value": 0.01,
            },
            {
                "from_m": 0,
                "to_m": 100,
                "from_t": 0,
                "to_t": 7,
                "observed": 8,
                "expected": 7.6,
                "ratio": None,
                "p_value": 0.44,
            },
        ],
        "days": 91,
        "events": 412,
    },
    "key_times": {"windows": [[15, 21], [166, 169]], "share": 0.51, "chance": 0.39, "p_value": 0.01},
}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ["周一 15:00–21:00 · 周日 22:00–1:00", "集中 51 % · 随机预期 39 %", "原地 0–7 天 32 5.2 0.010"]),
        ("en", ["Mon 15:00–21:00 · Sun 22:00–1:00", "hold 51 % · by chance 39 %", "0–100 m 0–7 days 8 7.6 0.440"]),
    ],
)
def test_near_repeats_and_key_times_are_told(browser, tmp_path, language, said):
    with opened(browser, page_of(tmp_path, STATISTICS, language)) as (page, account):
        page.locator("#tab-times").click()
        text = " ".join(page.locator("#panel").inner_text().split())
        assert [words for words in said if words not in text] == []
        assert account.clean


@pytest.mark.parametrize("statistics", [{}, {"near_repeats": {"rows": [], "days": 0, "events": 0}}])
def test_a_run_without_them_shows_nothing_of_the_kind(browser, tmp_path, statistics):
    with opened(browser, page_of(tmp_path, statistics, "zh")) as (page, account):
        page.locator("#tab-times").click()
        assert page.locator("table.repeats").count() == 0
        assert account.clean
