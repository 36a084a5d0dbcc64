"""The page of a night with events: who is needed, who comes, who is short, and what the patrols lose."""

import pytest
from browser import chromium, opened
from page_payload import HOSTILE, SHIFT, district

from hotspot.mapping import render_page, words

START, END = SHIFT.replace(hour=19), SHIFT.replace(hour=22)


def night(name="Lantern fair", short=2):
    duty = {
        "team_id": "T03", "members": 3, "roles": "mediator", "leave_point": SHIFT.replace(hour=18, minute=40).isoformat(),
        "arrive": START.isoformat(), "start": START.isoformat(), "end": END.isoformat(), "back": "",
    }  # fmt: skip
    posts = [
        {"event_id": "E1", "post_id": "E1-1", "lon": 109.68, "lat": 38.24, "place": "路口",
         "place_in": {"zh": "路口", "en": "crossing"}, "walk_m": 10.0, "headcount": 3, "assigned": 3, "short": 0,
         "duties": [duty]},
        {"event_id": "E1", "post_id": "E1-2", "lon": 109.682, "lat": 38.241, "place": "", "walk_m": 0.0, "headcount": 2,
         "assigned": 0, "short": short, "duties": []},
    ]  # fmt: skip
    each = {
        "event_id": "E1", "name": name, "lon": 109.681, "lat": 38.24, "level": 2, "attendance": 8000, "start": START.isoformat(),
        "end": END.isoformat(), "headcount": 5, "assigned": 3, "short": short, "posts": 2, "teams": 1,
        "role_need": "mediator=1", "role_short": "",
    }  # fmt: skip
    lost = {
        "team_id": "T03", "hotspot_id": "H05", "activity": "patrol", "start": START.isoformat(), "leave": END.isoformat(),
        "value": 0.2, "why": "EVENT_DUTY", "event_id": "E1",
    }  # fmt: skip
    return {
        "each": [each], "posts": posts, "lost": [lost], "needed": 5, "assigned": 3, "short": short, "teams": 1,
        "binding": [{"rule": "HEADCOUNT", "changes": ["31 people short: fewer events or a smaller headcount"]}],
        "patrol": {"value_before": 3.0, "value_after": 2.8, "gap_before": 0.0, "gap_after": 0.0, "visits_before": 30,
                   "visits_after": 29, "visits_lost": 1},
        "table": {"source": "示例表", "is_example": True},
    }  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def event_page(tmp_path):
    def written(**changes):
        payload = district() | {"kind": "event", "events": night(**changes)}
        path = tmp_path / "event.html"
        path.write_text(render_page(payload, language="zh", title="x"), encoding="utf-8")
        return path

    return written


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_first_tab_tells_need_posts_and_loss(browser, event_page, language):
    w = words(language)
    with opened(browser, event_page(), view=f"lang={language}") as (page, account):
        told = page.locator("#panel").inner_text()
        assert f"{w['people_needed']} 5 · {w['people_come']} 3 · {w['people_short']} 2" in told
        assert w["staffing_example"] in told
        assert {"zh": "缺 31 人", "en": "31 people short"}[language] in told
        page.locator('[data-key="event E1"]').click()
        told = page.locator("#panel").inner_text()
        assert "T03" in told and {"zh": "路口", "en": "crossing"}[language] in told and "38.24100, 109.68200" in told
        assert w["EVENT_DUTY"] + " E1" in told
        assert page.locator(".mark.event").count() == 1 and page.locator(".mark.post.short").count() == 1
        assert account.clean, account


def test_the_address_keeps_the_event(browser, event_page):
    with opened(browser, event_page(), view="lang=en&event=E1") as (page, account):
        assert page.locator('[data-key="event E1"]').get_attribute("aria-expanded") == "true"
        assert "event=E1" in page.url
        middle = page.evaluate("PatrolMap.map.getBounds().contains([38.24, 109.681]) && PatrolMap.map.getZoom() > 14")
        assert middle
        page.keyboard.press("Escape")
        assert "event=E1" not in page.url
        assert account.clean, account


def test_a_team_tells_its_duty(browser, event_page):
    with opened(browser, event_page(), view="lang=en&team=T03&tab=teams") as (page, account):
        assert "At an event: E1 E1-1 19:00–22:00" in page.locator("#panel").inner_text()
        assert account.clean, account


def test_tables_tell_events_and_posts(browser, event_page):
    with opened(browser, event_page(), view="lang=en&view=table") as (page, account):
        told = page.locator("#tables").inner_text()
        assert "E1 Lantern fair" in told and "E1-2" in told and "T03 · 3 people · 19:00–22:00" in told
        assert account.clean, account


def test_a_hostile_event_is_text(browser, event_page):
    with opened(browser, event_page(name=HOSTILE), view="event=E1") as (page, account):
        assert HOSTILE in page.locator("#panel").inner_text()
        page.locator(".mark.event").hover(force=True)
        assert account.clean, account


def test_no_event_is_an_ordinary_page(browser, tmp_path):
    payload = district() | {
        "kind": "event",
        "events": night() | {"each": [], "posts": [], "lost": [], "binding": [], "short": 0},
    }
    path = tmp_path / "none.html"
    path.write_text(render_page(payload, language="en", title="x"), encoding="utf-8")
    with opened(browser, path, view="lang=en") as (page, account):
        told = page.locator("#panel").inner_text()
        assert words("en")["no_events"] in told and words("en")["none_lost"] in told
        assert account.clean, account
