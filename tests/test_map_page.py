"""The map page in a browser without a network, and what can be said of it without a browser."""

import itertools
import json
import re

import pytest
from browser import chromium, opened
from page_payload import HOSTILE, district, hostile

from hotspot.errors import ConfigError, OutputError
from hotspot.mapping import render_page, words
from hotspot.mapping.encode import packed_line, packed_streets
from hotspot.mapping.inline import HERE, refuse_outside
from hotspot.mapping.shell import SCRIPTS, leaflet_file


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """Writes the page of a payload; returns its path."""
    folder, numbers = tmp_path_factory.mktemp("pages"), itertools.count()

    def write(payload, *, language="zh"):
        path = folder / f"{next(numbers)}.html"
        path.write_text(render_page(payload, language=language, title=payload.get("title", "")), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def plan_page(page_of):
    return page_of(district())


def text_of(page, selector):
    return page.locator(selector).inner_text()


def painted(page, selector):
    """How many pixels of the canvases under `selector` have any ink."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].reduce((sum, canvas) => {
        if (!canvas.width || !canvas.height) return sum;
        const ink = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 3; i < ink.length; i += 4) if (ink[i]) sum++;
        return sum; }, 0)""",
        selector,
    )


# --- without a browser ---------------------------------------------------------------------------


def test_both_catalogues_have_the_same_words_and_none_is_empty():
    assert words("zh").keys() == words("en").keys()
    assert [key for name in ("zh", "en") for key, text in words(name).items() if not text.strip()] == []


def test_every_word_that_page_and_sheets_ask_for_is_in_the_catalogue():
    scripts = "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    asked = set(re.findall(r"""\bt\("(\w+)"\)""", scripts)) | set(
        re.findall(r'data-(?:word|label)="(\w+)"', (HERE / "page.html").read_text())
    )
    asked |= set(re.findall(r'"(about_\w+)"', scripts)) | set(re.findall(r'PatrolPanels.add\("(\w+)"', scripts))
    assert len(asked) > 60
    assert asked - words("en").keys() == set()


def test_every_word_of_the_domain_has_its_words():
    domain = "patrol anti_fraud_publicity dispute_mediation hazard_inspection information_collection"
    ways = "walk ebike car office workstation"
    people = "community enterprise school unit grid parking propagandist mediator collector grid_worker"
    reasons = "VETTING TRAINING SAFETY_PAIR ROLE UNREACHABLE LEG WINDOW SHIFT NO_TEAM OUTCOMPETED"
    assert set(f"{domain} {ways} {people} {reasons}".split()) - words("zh").keys() == set()


def test_the_scripts_never_turn_text_into_markup():
    for name in SCRIPTS:
        script = (HERE / name).read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script), (
            name
        )


def test_same_payload_same_bytes():
    assert render_page(district(), language="zh", title="a") == render_page(district(), language="zh", title="a")
    assert render_page(district(), language="zh", title="a") != render_page(district(8), language="zh", title="a")


def test_payload_is_left_as_it_was():
    payload = district()
    render_page(payload, language="en", title="")
    assert payload == district()


def test_no_text_of_a_payload_is_markup_in_the_file():
    nasty = HOSTILE + "</script><script>alert(2)</script><!--`${alert(3)}`\u2028"
    page = render_page(hostile(nasty), language="en", title=nasty)
    assert "<img src=x" not in page and "alert(2)</script>" not in page
    found = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert found["teams"][0]["name"] == nasty


def test_unknown_language_is_named_with_the_fix():
    with pytest.raises(ConfigError, match=r"language 'fr' is unknown; fix: use one of zh, en"):
        render_page({}, language="fr", title="")


def test_a_number_that_json_does_not_know_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        render_page({"seed": float("nan")}, language="en", title="")


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        "<style>b{background:url(http://cdn.example/x.png)}</style>",
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<b style="background:url(x.png)"></b>',
        '<img srcset="https://cdn.example/x.png 2x">',
    ],
)
def test_whatever_would_be_loaded_is_refused(html):
    with pytest.raises(OutputError, match="from outside; fix:"):
        refuse_outside(html)


def test_what_is_inside_the_page_is_not_refused():
    refuse_outside('<img src="data:,x"><a href="https://example.org">x</a><script>const a = "url(https://x)"</script>')


def test_missing_leaflet_file_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"leaflet\.js is missing; fix: .*XStatic-Leaflet"):
        leaflet_file("leaflet.js", folder=tmp_path)


def test_steps_add_up_to_the_rounded_places_without_drift():
    line = [[109.7 + k * 0.0000149, 38.25 - k * 0.0000149] for k in range(500)]
    steps = packed_line(line)
    xs, ys = list(itertools.accumulate(steps[::2])), list(itertools.accumulate(steps[1::2]))
    wanted = [key for key, _ in itertools.groupby((round(x * 1e5), round(y * 1e5)) for x, y in line)]
    assert list(zip(xs, ys, strict=True)) == wanted


def test_streets_without_a_class_are_major():
    assert packed_streets({"lines": [[[0, 0], [1, 1]]]})["class"] == [0]


# --- in a browser --------------------------------------------------------------------------------


def test_positive_control_a_page_that_calls_out_is_caught(browser, tmp_path):
    path = tmp_path / "cdn.html"
    path.write_text('<!DOCTYPE html><script src="https://cdn.example/leaflet.js"></script>', encoding="utf-8")
    with opened(browser, path, ready=False) as (_, account):
        assert account.requests == ["https://cdn.example/leaflet.js"] and account.errors


def test_positive_control_a_script_put_into_the_page_is_stopped(browser, page_of, plan_page):
    path = page_of({})
    path.write_text(
        plan_page.read_text(encoding="utf-8").replace("<body>", "<body><img src=x onerror=alert(1)>", 1),
        encoding="utf-8",
    )
    with opened(browser, path) as (page, account):
        page.wait_for_timeout(100)
        assert any("script-src" in violation for violation in account.violations)
        assert not any(error.startswith("ALERT") for error in account.errors)


@pytest.mark.parametrize("size", [(1920, 1080), (390, 844)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.fault("OUT-06")
def test_page_is_drawn_without_a_request_or_an_error(browser, plan_page, size, language):
    with opened(browser, plan_page, view=f"lang={language}&theme=dark&hour=20&team=T01", size=size) as (page, account):
        for tab in ("hotspots", "times", "unserved", "about", "teams"):
            page.locator(f"#tab-{tab}").click()
        assert painted(page, ".leaflet-tile-pane canvas") > 2000
        assert painted(page, ".leaflet-overlay-pane canvas") > 2000
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator("#paper svg path").count() > 20
        assert account.clean, account


def test_the_address_restores_the_view_and_follows_it(browser, plan_page):
    with opened(browser, plan_page, view="lang=en&theme=dark&hour=20&team=T02") as (page, _):
        assert page.evaluate("[document.documentElement.lang, document.documentElement.dataset.theme]") == [
            "en",
            "dark",
        ]
        assert text_of(page, "#hour") == "Fri 11-27 20:00"
        assert text_of(page, "#panel .row[aria-pressed=true] b") == "T02"
        assert page.locator(".pill .eta i").all_inner_texts() == ["1\n18:12", "2\n18:36", "3\n19:00", "4\n19:24"]
        page.locator("#theme").click()
        page.locator("#slider").press("ArrowRight")
        assert page.evaluate("location.hash") == "#lang=en&theme=light&hour=21&team=T02"


def test_an_address_of_another_page_does_no_harm(browser, plan_page):
    with opened(browser, plan_page, view="lang=xx&theme=<b>&hour=99&team=T99&tab=__proto__") as (page, account):
        assert page.evaluate("location.hash").startswith("#lang=zh&theme=light&hour=")
        assert page.locator("#panel .row").count() == 27
        assert account.clean, account


def test_language_changes_in_place(browser, plan_page):
    with opened(browser, plan_page, view="lang=zh&team=T01") as (page, account):
        assert text_of(page, "#tab-hotspots").startswith("高发区域")
        page.locator("#language").click()
        assert text_of(page, "#tab-hotspots").startswith("Hotspots")
        assert text_of(page, "#panel .row[aria-pressed=true] b") == "T01"
        chinese = re.compile(r"[\u4e00-\u9fff]")
        page.locator("#tab-about").click()
        assert not chinese.search(text_of(page, "#panel"))
        assert account.clean, account


def test_facts_are_always_in_sight(browser, plan_page):
    with opened(browser, plan_page, view="lang=en") as (page, _):
        told = text_of(page, "header")
        for fact in (
            "Synthetic data",
            "2026-11-27 18:00 – 11-28 00:00 (UTC+8)",
            "7f3a19c2",
            "Seed 7",
            "88/90",
            "1.67 %",
        ):
            assert fact in told.replace("\n", " "), fact


def test_search_with_slash_and_escape(browser, plan_page):
    with opened(browser, plan_page) as (page, _):
        page.keyboard.press("/")
        page.keyboard.type("T14")
        assert page.locator("#panel .row").count() == 1
        assert words("zh")["VETTING"] in text_of(page, "#panel .row")
        page.keyboard.press("Escape")
        assert page.locator("#panel .row").count() == 27


def test_all_by_keyboard_team_tabs_and_calendar(browser, plan_page):
    with opened(browser, plan_page, view="lang=en&hour=18") as (page, _):
        page.locator("#panel .row").first.focus()
        page.keyboard.press("Enter")
        assert (
            page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        )  # focus outlives the redraw
        page.locator("#tab-teams").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator("#tab-times").get_attribute("aria-selected") == "true"
        page.locator("table.week button").last.focus()  # Saturday is not in the window: Friday's last hour
        page.keyboard.press("Enter")
        assert text_of(page, "#hour") == "Fri 11-27 23:00"


def test_a_patrol_point_leads_to_its_teams(browser, plan_page):
    with opened(browser, plan_page) as (page, _):
        page.locator('[aria-label*="P03"]').dispatch_event("click")
        assert page.locator("#panel .row b").all_inner_texts() == ["T03", "T21"]


def test_playing_moves_the_hour_and_stops(browser, plan_page):
    with opened(browser, plan_page, view="hour=18") as (page, _):
        page.locator("#play").click()
        assert page.locator("#play").get_attribute("aria-pressed") == "true"
        page.wait_for_url("**#*hour=19*")
        page.locator("#play").click()
        assert page.locator("#play").get_attribute("aria-pressed") == "false"


def test_tables_tell_the_plan_without_the_map(browser, plan_page):
    with opened(browser, plan_page, view="lang=en&view=table") as (page, _):
        visits = sum(len(team["visits"]) for team in district()["teams"])
        assert page.locator("#tables table").first.locator("tbody tr").count() == visits
        assert "drop V001" in text_of(page, "#tables")


@pytest.mark.fault("TEA-03")
def test_hostile_names_are_shown_as_they_are(browser, page_of):
    nasty = HOSTILE + "</script>`${alert(3)}`"
    path = page_of(hostile(nasty), language="en")
    with opened(browser, path, view="lang=en&team=T01") as (page, account):
        assert text_of(page, "h1") == nasty and page.title() == nasty
        assert nasty in text_of(page, "#panel .row[aria-pressed=true]")
        page.locator('[aria-label*="P01"]').dispatch_event("mouseover")
        assert nasty in text_of(page, ".leaflet-tooltip")
        for tab in ("hotspots", "unserved", "about"):
            page.locator(f"#tab-{tab}").click()
            if tab == "hotspots":
                page.locator("#panel .row").first.click()
            assert nasty in text_of(page, "#panel"), tab
        page.locator("#view").click()
        assert nasty in text_of(page, "#tables")
        assert page.locator("img").count() == 0
        assert account.clean, account


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {
            "kind": "plan",
            "plan": {
                "value": 0.0,
                "bound": 0.0,
                "gap": 0.0,
                "certified": True,
                "demands": 0,
                "served": 0,
                "unserved": 0,
            },
        },
    ],
)
def test_nothing_to_show_is_an_ordinary_page(browser, page_of, payload):
    with opened(browser, page_of(payload, language="en"), view="lang=en") as (page, account):
        tabs = page.locator("[role=tab]")
        assert tabs.count() == (5 if payload else 3)  # without a plan there are no teams and no demands to list
        for tab in tabs.all():
            tab.click()
        assert text_of(page, "#hint") == "Nothing to show on the map"
        page.locator("#view").click()
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert account.clean, account


def test_minor_streets_are_hidden_from_afar(browser, page_of):
    streets = {"lines": [[[109.70, 38.25], [109.72, 38.25]]], "class": [1]}
    points = [
        {"id": f"P{k}", "name": "", "kind": "office", "lon": 109.7 + k * 0.02, "lat": 38.25, "teams": []}
        for k in range(2)
    ]
    with opened(browser, page_of({"streets": streets, "points": points})) as (page, _):
        assert painted(page, ".leaflet-tile-pane canvas") > 100
        page.evaluate("PatrolMap.map.setZoom(12, { animate: false })")
        assert painted(page, ".leaflet-tile-pane canvas") == 0


def test_closed_streets_are_drawn_and_named(browser, page_of):
    closed = {"line": [[109.66, 38.24], [109.68, 38.24]], "reason": "大桥维修 <b>", "modes": ["walk", "car"]}
    closed |= {"start": "", "end": ""}
    with opened(browser, page_of(district() | {"closures": [closed]}), view="lang=en") as (page, account):
        assert page.locator("[data-layer=closures]").is_checked()
        assert "closed street" in page.locator("#signs").inner_text()
        page.locator("#view").click()
        told = page.locator("#tables").inner_text()
        assert "大桥维修 <b>" in told and "until further notice" in told and "on foot · car" in told
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert account.clean, account


def test_without_closures_there_is_no_such_layer(browser, plan_page):
    with opened(browser, plan_page) as (page, _):
        assert page.locator("[data-layer=closures]").count() == 0
