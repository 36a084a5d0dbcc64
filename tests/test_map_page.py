"""The map page in a browser without a network: nothing fetched, nothing complained of, everything literal."""

import re

import pytest
from tests_browser import chromium, opened

from hotspot.errors import ConfigError
from hotspot.mapping import render_page, words
from planning.output.sheets import index_html, sheet_html

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}{#</script>`${1}"
DAY = "2026-10-30T"


def payload(**changes):
    hours = [f"{DAY}{h:02d}:00:00+08:00" for h in range(18, 23)]
    ring = [[109.70, 38.25], [109.703, 38.25], [109.703, 38.252], [109.70, 38.252], [109.70, 38.25]]
    visit = {
        "visit_id": "V001", "sequence": 1, "hotspot_id": "H01", "activity": "patrol", "lon": 109.701, "lat": 38.251,
        "arrive": hours[1], "start": hours[1], "leave": f"{DAY}19:14:00+08:00", "travel_s": 300, "travel_m": 400.0,
        "value": 0.5, "place": HOSTILE,
    }  # fmt: skip
    team = {
        "id": "T01", "name": HOSTILE, "kind": "community", "mode": "walk", "point_id": "P01", "members": 4, "roles": [],
        "shift": {"start": hours[0], "end": hours[4]}, "status": "planned", "reason": "", "visits": [visit],
        "legs": [{"sequence": 1, "travel_s": 300, "travel_m": 400.0, "line": [[109.699, 38.249], [109.701, 38.251]]}],
    }  # fmt: skip
    spot = {
        "id": "H01", "rank": 1, "rings": [ring], "windows": [{"start": hours[1], "end": hours[3]}], "expected": 1.5,
        "lower": 1.2, "upper": 1.9, "observed": 60, "activity": "patrol", "category_mix": {HOSTILE: 1.0}, "p_value": 0.01,
        "explanation": {"zh": HOSTILE, "en": HOSTILE}, "hourly": [0.1, 0.5, 0.6, 0.2, 0.1], "calendar": [[0.1] * 24] * 7,
    }  # fmt: skip
    return {
        "kind": "plan", "title": HOSTILE, "district": HOSTILE, "synthetic": True, "language": "zh", "timezone": "Asia/Shanghai",
        "window": {"start": hours[0], "end": hours[4]}, "as_of": f"{DAY}00:00:00+08:00", "generated": "", "run_id": "abcd1234",
        "seed": 7, "version": "0", "model": "m", "notices": [HOSTILE], "hours": hours, "attribution": HOSTILE,
        "plan": {"value": 1.0, "bound": 1.0, "gap": 0.0, "certified": True, "demands": 1, "served": 1, "unserved": 0},
        "areas": {"features": [{"id": "C1", "name": HOSTILE, "street": HOSTILE, "rings": [ring]}]},
        "streets": {"lines": [[[109.699, 38.249], [109.705, 38.253]]], "class": [0], "names": [HOSTILE]},
        "cells": {"rings": {}, "risk": {}}, "hotspots": [spot], "teams": [team],
        "points": [{"id": "P01", "name": HOSTILE, "kind": "office", "lon": 109.699, "lat": 38.249, "teams": ["T01"]}],
        "unserved": [{"hotspot_id": "H01", "window_start": hours[1], "window_end": hours[2], "activity": "patrol", "value": 0.1,
                      "reason": "LEG", "detail": HOSTILE, "relaxation": HOSTILE}],
    } | changes  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture
def address(tmp_path):
    page = tmp_path / "map.html"
    page.write_text(render_page(payload(), language="zh", title=HOSTILE), encoding="utf-8")
    return page.as_uri()


@pytest.mark.parametrize("size", [(1920, 1080), (390, 844)])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_opens_without_a_network_and_without_a_complaint(browser, address, size, language):
    page, seen = opened(browser, f"{address}#lang={language}", width=size[0], height=size[1])
    page.wait_for_selector("html[data-ready]", state="attached", timeout=10_000)
    for tab in ("teams", "hotspots", "times", "unserved", "about"):
        page.click(f"[data-tab={tab}]")
    assert (seen.requests, seen.errors) == ([], [])
    assert page.evaluate("document.images.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_that_does_fetch_is_caught(browser, tmp_path):
    (tmp_path / "bad.html").write_text('<script src="https://cdn.example.org/x.js"></script>')
    _, seen = opened(browser, (tmp_path / "bad.html").as_uri())
    assert seen.requests == ["https://cdn.example.org/x.js"] and seen.errors


def test_an_injected_handler_is_stopped_by_the_policy(browser, address):
    page, seen = opened(browser, address)
    page.wait_for_selector("html[data-ready]", state="attached")
    page.evaluate("document.getElementById('panel').innerHTML = '<img src=data:x onerror=\"window.broken = 1\">'")
    page.wait_for_timeout(200)
    assert page.evaluate("window.broken") is None
    assert any("CSP" in error for error in seen.errors)


def test_the_address_restores_the_view_and_follows_it(browser, address):
    page, _ = opened(browser, f"{address}#lang=en&theme=dark&hour=20&team=T01")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.get_attribute("html", "lang") == "en"
    assert page.text_content("#hour") == "Fri 10-30 20:00"
    assert page.get_attribute(".row", "aria-pressed") == "true"
    assert "1 · 19:00" in page.text_content(".pill")
    page.click("#language")
    assert "lang=zh" in page.evaluate("location.hash")


def test_hostile_names_are_shown_as_they_are_written(browser, address):
    page, _ = opened(browser, address)
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.text_content("h1") == HOSTILE
    assert HOSTILE in page.text_content(".row")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sheets_show_hostile_names_as_text(language):
    sheet = payload() | {"team": payload()["teams"][0]}
    for text in (sheet_html(sheet, language=language), index_html(payload(), language=language)):
        assert "<img" not in text and "&lt;img src=x onerror=alert(1)&gt;{{7*7}}{#" in text


def test_an_empty_night_is_still_a_page(browser, tmp_path):
    empty = payload(hotspots=[], teams=[], points=[], unserved=[], hours=[], plan=None, kind="situation")
    (tmp_path / "map.html").write_text(render_page(empty, language="en", title=""), encoding="utf-8")
    page, seen = opened(browser, (tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    assert seen.errors == []


def test_the_same_data_give_the_same_bytes_and_no_markup_of_theirs():
    first = render_page(payload(), language="zh", title=HOSTILE)
    assert first == render_page(payload(), language="zh", title=HOSTILE)
    assert "<img" not in re.sub(r"<script>.*?</script>", "", first, flags=re.S)


def test_both_catalogues_have_the_same_words():
    assert words("zh").keys() == words("en").keys()


def test_another_language_is_refused():
    with pytest.raises(ConfigError, match="zh, en"):
        render_page(payload(), language="fr", title="")
