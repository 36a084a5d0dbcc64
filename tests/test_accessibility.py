"""Every page for every reader: what axe finds, a walk by keyboard alone, sizes of targets, narrow windows, large text.

Each page is opened once for each width; its views (language, theme, tab, choice, tables) are gone through by its address.
"""

import itertools

import pytest
from axe import violations
from browser import chromium, opened
from every_page import APPLICATIONS, MAKERS, page_of

DESK, PHONE, NARROW = (1280, 800), (390, 844), (320, 640)
LOOKS = ("lang=zh&theme=dark", "lang=en&theme=light")
SWAPPED = ("lang=en&theme=dark", "lang=zh&theme=light")
ENOUGH_PX = 24  # WCAG 2.2, success criterion 2.5.8
CONTROLS = "button, input, summary, a[href], select, [tabindex='0']"

SHOW = """(view) => new Promise((done) => {
  history.replaceState(null, "", "#" + view); dispatchEvent(new HashChangeEvent("hashchange"));
  requestAnimationFrame(() => requestAnimationFrame(done)); })"""
CHOICES = """() => window.Patrol === undefined && typeof Patrol === "undefined" ? null : ({ tabs: Patrol.tabs,
  team: Patrol.data.teams.find((team) => team.legs.length)?.id ?? "", hotspot: Patrol.data.hotspots[0]?.id ?? "",
  event: Patrol.data.events?.each[0]?.event_id ?? "" })"""
REACHABLE = "((each) => each.checkVisibility() && each.tabIndex >= 0)"
FOCUSED = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  if (at === document.body || at === document.documentElement) return null;
  at.dataset.walked = "yes";
  const ring = parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none" && !/, 0\\)$/.test(style.outlineColor);
  const points = [.1, .5, .9].flatMap((x) => [.1, .5, .9].map((y) => [box.left + x * box.width, box.top + y * box.height]));
  const seen = points.map(([x, y]) => document.elementFromPoint(x, y))
    .some((top) => at.contains(top) || (top && top === at.closest("label")));
  return { name: at.id || at.getAttribute("aria-label") || at.textContent.trim().slice(0, 40), ring, seen };
}"""
SMALL = """([controls, enough]) => [...document.querySelectorAll(controls)].filter((each) => each.checkVisibility()
  && each.tagName !== "A" && (each.tagName !== "INPUT" || !each.closest("label")))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < enough)
  .map(([each, box]) => `${each.id || each.textContent.slice(0, 30)} ${box.width.toFixed(1)} x ${box.height.toFixed(1)}`)"""
OUTSIDE = """(controls) => [...document.querySelectorAll(controls)].filter((each) => {
  if (!each.checkVisibility() || each.closest(".leaflet-container, .scroll, figure")) return false;
  const box = each.getBoundingClientRect();
  return box.left < -1 || box.right > innerWidth + 1 || (each.tagName === "BUTTON" && each.scrollWidth > each.clientWidth + 1);
}).map((each) => each.id || each.textContent.slice(0, 40))"""
ADDED_SCRIPT = (
    """() => { const it = document.createElement("script"); it.textContent = "alert(1)"; document.body.append(it); }"""
)
LARGER = """(times) => { const root = document.documentElement; root.style.fontSize = "";
  root.style.fontSize = `${times * parseFloat(getComputedStyle(root).fontSize)}px`; }"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def opens(browser):
    """Opens a page by its name in `every_page.MAKERS`."""
    return lambda name, **how: opened(browser, page_of(name), ready=name in APPLICATIONS, **how)


def views_of(page, *, phone):
    """Addresses: the tabs in one look and the other by turns with something chosen, the tables, the first tab swapped."""
    found = page.evaluate(CHOICES)
    if found is None:
        return [*LOOKS, *SWAPPED]
    chosen = "&".join(f"{key}={found[key]}" for key in ("team", "hotspot", "event") if found[key])
    tabs = found["tabs"][:1] if phone else found["tabs"]
    one, other = LOOKS
    return [
        *(f"{(one, other)[k % 2]}&tab={tab}&{chosen}" for k, tab in enumerate(tabs)),
        f"{one}&view=table",
        *(SWAPPED[:1] if phone else SWAPPED),
    ]


@pytest.mark.parametrize("name", MAKERS)
def test_axe_finds_nothing_on_any_page_in_any_view(opens, name):
    for size in (DESK, PHONE):
        with opens(name, size=size) as (page, account):
            found = {}
            for view in views_of(page, phone=size == PHONE):
                page.evaluate(SHOW, view)
                found |= {view: told} if (told := violations(page)) else {}
            assert found == {} and account.violations == [], (size, found)


def test_positive_control_known_faults_are_caught(browser, tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        '<!doctype html><html><head><title>x</title></head><body><main><h1>x</h1><p style="color:#999;background:#fff">'
        'faint</p><img src="data:,"><button></button></main></body></html>', encoding="utf-8",
    )  # fmt: skip
    with opened(browser, path, ready=False) as (page, _):
        told = {line.split(":")[0] for line in violations(page)}
    assert told == {"color-contrast", "image-alt", "button-name", "html-has-lang"}


def test_axe_leaves_the_policy_of_a_page_in_force(opens):
    with opens("plan", size=DESK) as (page, account):
        violations(page)
        page.evaluate(ADDED_SCRIPT)
        page.wait_for_timeout(100)
        assert any("script-src" in each for each in account.violations)
        assert not any(each.startswith("ALERT") for each in account.errors)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_walk_by_keyboard_reaches_every_control_with_its_focus_in_sight(opens, name):
    with opens(name, size=DESK, view="lang=en&theme=dark") as (page, account):
        controls = page.locator(CONTROLS)
        expected = controls.evaluate_all(f"all => all.filter({REACHABLE}).length")
        faults, steps = [], 0
        while steps <= expected + 1:
            page.keyboard.press("Tab")
            where = page.evaluate(FOCUSED)
            if where is None:
                break
            steps += 1
            faults += [where] if not (where["ring"] and where["seen"]) else []
        missed = controls.evaluate_all(
            f"all => all.filter({REACHABLE}).filter((each) => !each.dataset.walked).map((each) => each.id || each.className)"
        )
        assert faults == [] and missed == [] and account.clean, (faults, missed, account)
        assert steps > 15


def test_the_tabs_are_one_stop_and_arrows_go_through_all_of_them(opens):
    with opens("plan", size=DESK) as (page, _):
        tabs = page.locator("[role=tab]")
        page.locator("[role=tab][aria-selected=true]").focus()
        seen = []
        for _ in range(tabs.count()):
            page.keyboard.press("ArrowRight")
            seen.append(page.evaluate("document.activeElement.id"))
            assert page.locator("[role=tab][tabindex='0']").count() == 1
        assert sorted(seen) == sorted(tabs.evaluate_all("all => all.map((each) => each.id)"))


def cut_off(page):
    """Pixels of sideways scrolling, and the controls that stick out or cut their own text."""
    return page.evaluate(SIDEWAYS), page.evaluate(OUTSIDE, CONTROLS)


@pytest.mark.parametrize("name", MAKERS)
def test_at_320_pixels_nothing_scrolls_sideways_but_tables_in_their_own_frame(opens, name):
    """WCAG 2.2, 1.4.10; maps and tables are its exceptions, and scroll in their own frame. And 2.5.8: targets of 24 px."""
    with opens(name, size=NARROW) as (page, _):
        found = page.evaluate(CHOICES)
        for language, tab in itertools.product(("zh", "en"), found["tabs"] if found else [""]):
            page.evaluate(SHOW, f"lang={language}&tab={tab}" + (f"&hotspot={found['hotspot']}" if found else ""))
            assert cut_off(page) == (0, []), (language, tab)
            assert page.evaluate(SMALL, [CONTROLS, ENOUGH_PX]) == [], (language, tab)


@pytest.mark.parametrize("name", MAKERS)
def test_text_of_twice_the_size_is_cut_nowhere(opens, name):
    """WCAG 2.2, 1.4.4: by the browser's zoom (half as many CSS pixels) and by letters alone."""
    with opens(name, size=DESK) as (page, _):
        assert page.evaluate(SMALL, [CONTROLS, ENOUGH_PX]) == []
        for size, letters in (((640, 400), 1), (DESK, 2)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.evaluate(LARGER, letters)
            for language in ("zh", "en"):
                page.evaluate(SHOW, f"lang={language}")
                assert cut_off(page) == (0, []), (size, letters, language)


def test_positive_control_what_sticks_out_and_what_is_small_is_found(browser, tmp_path):
    path = tmp_path / "wide.html"
    path.write_text('<!doctype html><button id="far" style="margin-left:400px">x</button><button id="cut" style="width:30px">'
                    '<span style="white-space:nowrap">much longer</span></button>', encoding="utf-8")  # fmt: skip
    with opened(browser, path, size=NARROW, ready=False) as (page, _):
        sideways, outside = cut_off(page)
        assert sideways > 0 and set(outside) == {"far", "cut"}
        assert [each.split()[0] for each in page.evaluate(SMALL, [CONTROLS, ENOUGH_PX])] == ["far", "cut"]
