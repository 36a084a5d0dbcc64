"""Reports in a browser without a network: the backtest and the assessment on one shell, whatever is missing or hostile."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from assess_pages import assessed
from browser import chromium, opened
from risk_world import AS_OF, made, square_grid
from test_assess import TEAM

import hotspot as hs
from hotspot.errors import ConfigError, OutputError
from hotspot.mapping import words
from hotspot.mapping.backtest_page import backtest_page
from hotspot.mapping.charts import Delivery, Line, delivery_chart, legend, line_chart
from hotspot.mapping.document import DocumentFacts, document_page

HOSTILE = [
    "<script>alert(1)</script>", "{{7*7}}", "{# x", "{% raw %}", "</script><img src=x onerror=alert(1)>", "${7*7}", "`x`",
    "\u202eright\u200f", "长" * 300, "😀", "'\"><svg onload=alert(1)>",
]  # fmt: skip
ALL = " ".join(HOSTILE)


def backwards(history, grid):
    """The worst places first."""
    counts = history.weeks(len(grid)).counts.sum(axis=1)
    return hs.estimate_of(1.0 / (1.0 + counts), history, grid)


@pytest.fixture(scope="module")
def tested():
    """A backtest whose default model has a hostile name and loses."""
    first, last = AS_OF - pd.DateOffset(days=56), AS_OF - pd.DateOffset(days=14)
    return hs.backtest(
        made(),
        square_grid(),
        start=first,
        end=last,
        models={ALL: backwards},
        default=ALL,
        budget=hs.Budget(10, (18, 22)),
    )


@pytest.fixture(scope="module")
def pages(tested, tmp_path_factory):
    """Both kinds of report, by name."""
    folder = tmp_path_factory.mktemp("pages")
    told = {"title": ALL, "synthetic": True, "notices": ["T14: in no visit, VETTING", ALL], "run_id": "7f3a19c2"}
    (folder / "report.html").write_text(backtest_page(tested, language="en", **told), encoding="utf-8")
    return {"backtest": folder / "report.html", "assessment": assessed(folder)}


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


REPORTS = ("backtest", "assessment")
SIZES = ((1920, 1080), (1280, 800), (390, 844))


# ---- the shell ----


def document(body="<h2>x</h2>", **facts):
    return document_page(lambda language: body, facts=DocumentFacts("District", "backtest", **facts), language="en")


def test_both_languages_are_in_the_page_and_the_first_is_shown():
    page = document()
    shown = re.findall(r'<div class="part" lang="([\w-]+)" data-language="\w+" data-title="[^"]*"( hidden)?>', page)
    assert shown == [("en", ""), ("zh-CN", " hidden")]
    assert page.count("<h1>") == 2 and page.index("<h1>") < page.index("<h2>")


def test_what_is_known_is_told_and_nothing_else():
    page = document(
        run_id="7f3a19c2", as_of="2026-10-30T00:00:00+08:00", window=("2026-10-30", "2026-10-30"), synthetic=True
    )
    told = re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page[: page.index('lang="zh-CN" data')])
    assert told == [("Period", "2026-10-30"), ("Data as of", "2026-10-30"), ("Run", "7f3a19c2")]
    assert page.count('class="badge"') == 2 and 'class="badge"' not in document()


def test_an_unknown_language_and_a_page_that_would_load_something_are_refused():
    with pytest.raises(ConfigError, match="language 'fr' is unknown; fix"):
        document_page(str, facts=DocumentFacts("x", "backtest"), language="fr")
    with pytest.raises(OutputError, match=r"https://cdn\.example/x\.png"):
        document('<img src="https://cdn.example/x.png">')


def test_the_policy_lets_only_the_scripts_of_the_page_run():
    assert document().count("'sha256-") == 1 and "default-src 'none'" in document()


@pytest.mark.parametrize("section", ["document", "backtest", "assessment"])
def test_both_catalogues_have_the_same_words_with_the_same_holes(section):
    chinese, english = words("zh", section), words("en", section)
    assert chinese.keys() == english.keys()
    holes = [{key: set(re.findall(r"\{(\w+)", str(text))) for key, text in each.items()} for each in (chinese, english)]
    assert holes[0] == holes[1]
    assert not any("’" in str(text) or "“" in str(text) for text in english.values())  # a Chinese font makes them wide


# ---- charts ----


def test_a_band_is_drawn_where_there_is_an_interval_and_is_in_the_legend():
    points = [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0)]
    banded = Line("a<b", points, band=[(1.0, 0.4, 0.6), (2.0, 0.9, 1.1)], strong=True)
    alone = Line("a<b", points, band=[(1.0, float("nan"), float("nan"))])
    told = {"title": "t", "x_title": "x", "y_title": "y"}
    drawn = line_chart([banded], **told)
    assert drawn.count("<polygon") == 1 and drawn.count("<circle") == 3
    assert "<polygon" not in line_chart([alone], **told)
    assert "a&lt;b" in legend([banded], band="interval") and "interval" in legend([banded], band="interval")
    assert line_chart([], **told) == legend([]) == ""


def test_what_is_not_known_is_a_dashed_frame_without_a_bar():
    rows = [Delivery("T01", 14.0, 7.0, 6.0, 8.0), Delivery("T02", 14.0, float("nan"), float("nan"), float("nan"))]
    drawn = delivery_chart(rows, title="t", x_title="min", told=lambda row: "x")
    assert [drawn.count(f'class="{kind}"') for kind in ("planned", "unknown", "bar strong", "whisker")] == [1, 1, 1, 1]
    widths = {
        kind: float(re.search(f'class="{kind}"[^>]*width="([^"]+)"', drawn)[1]) for kind in ("planned", "bar strong")
    }
    assert widths["planned"] == pytest.approx(2 * widths["bar strong"], abs=0.11)


# ---- what a backtest says ----


def test_a_backtest_that_loses_says_so_first(tested):
    page = backtest_page(tested, language="en", title="x")
    body = page[page.index("<main") :]
    assert body.index("is WORSE than the same places as last year") < body.index("<h2>")
    assert "fewer." in body or "no difference that can be told from chance" in body
    assert body.count('class="band s0"') >= 3  # the curve, the calibration, and the legends' keys


# ---- in the browser ----


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_asks_for_nothing_and_fits_its_window(browser, pages, name, size):
    for view in ("lang=zh&theme=dark", "lang=en&theme=light"):
        with opened(browser, pages[name], view=view, size=size) as (page, account):
            assert account.clean, account
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.mark.parametrize("name", REPORTS)
def test_the_language_changes_in_place_and_the_focus_stays_on_its_button(browser, pages, name):
    with opened(browser, pages[name], view="lang=en&theme=light") as (page, account):
        button = page.locator("[data-does=language]:visible")
        assert (button.inner_text(), page.evaluate("document.documentElement.lang")) == ("中文", "en")
        button.focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.lang") == "zh-CN" and page.title().endswith(
            words("zh", "document")[name]
        )
        assert page.evaluate("document.activeElement.textContent") == "EN"
        assert page.url.endswith("#lang=zh&theme=light") and page.locator("h1:visible").count() == 1
        assert account.clean, account


@pytest.mark.parametrize("name", REPORTS)
def test_the_theme_changes_and_a_copied_address_opens_the_same_view(browser, pages, name):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, pages[name], view="lang=zh&theme=light") as (page, _):
        before = page.evaluate(ground)
        page.locator("[data-does=theme]:visible").click()
        dark, address = page.evaluate(ground), page.url
        assert dark != before
    with opened(browser, pages[name], view=address.split("#")[1]) as (page, _):
        assert page.evaluate(ground) == dark and page.evaluate("document.documentElement.lang") == "zh-CN"
        page.evaluate("location.hash = 'lang=en&theme=light'")
        page.wait_for_function("document.documentElement.lang === 'en'")
        assert page.evaluate(ground) == before


@pytest.mark.parametrize("name", REPORTS)
def test_an_address_that_says_nothing_opens_the_first_language_and_the_readers_theme(browser, pages, name):
    with opened(browser, pages[name], view="lang=fr&theme=pink") as (page, account):
        assert page.url.endswith("#lang=en&theme=light")
        assert account.clean, account


def test_print_is_asked_for_once_and_paper_has_no_buttons_and_is_light(browser, pages):
    init = "window.print = () => { window.printed = (window.printed ?? 0) + 1; };"
    with opened(browser, pages["assessment"], view="lang=en&theme=dark", init=init) as (page, _):
        page.locator("[data-does=print]:visible").click()
        assert page.evaluate("window.printed") == 1
        page.emulate_media(media="print")
        assert page.locator("button:visible").count() == 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", REPORTS)
def test_by_keyboard_the_content_is_one_step_away_and_every_frame_is_reached_and_named(browser, pages, name):
    with opened(browser, pages[name], view="lang=en&theme=light", size=(390, 844)) as (page, account):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == words("en", "document")["skip"]
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main-en" and "lang=en" in page.url
        seen, frames = set(), page.locator(".scroll:visible, figure:visible").count()
        for _ in range(200):
            page.keyboard.press("Tab")
            tag, label = page.evaluate(
                "[document.activeElement.tagName, document.activeElement.getAttribute('aria-label')]"
            )
            if tag == "BODY":
                break
            if tag in ("DIV", "FIGURE"):
                assert label
                seen.add((tag, label, page.evaluate("document.activeElement.offsetTop")))
        assert len(seen) == frames
        assert account.clean, account


@pytest.mark.parametrize("name", REPORTS)
def test_without_script_a_report_is_read_in_the_districts_language(browser, pages, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages[name].as_uri())
    assert page.locator("h1:visible").count() == 1 and page.locator("[lang=en] h2:visible").count() > 4
    assert page.locator("[lang=zh-CN] h2:visible").count() == page.locator("button:visible").count() == 0
    context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_names_are_shown_as_they_are(browser, pages, language):
    with opened(browser, pages["backtest"], view=f"lang={language}&theme=light") as (page, account):
        seen = page.evaluate("document.body.textContent") + page.title()
        assert [text for text in HOSTILE if text not in seen] == []
        assert page.evaluate("document.querySelector('h1 bdi').textContent") == ALL
        assert page.locator("img").count() == 0 and page.evaluate("document.scripts.length") == 1
        assert account.clean, account


def test_the_same_result_gives_the_same_bytes(tested):
    once, again = (backtest_page(tested, language="zh", title=ALL, notices=[ALL]) for _ in range(2))
    assert once == again


def test_sheets_and_the_page_of_a_watch_say_when_they_are_ready(browser, pages):
    with opened(browser, pages["assessment"].parent / f"{TEAM}.html") as (_, account):
        assert account.clean, account
