"""The ends of what a district may be: nothing to show, one team, five hundred, a night over midnight, no names."""

import csv
import itertools
from datetime import timedelta

import pytest
from browser import chromium, opened
from commands import patrol
from page_payload import SHIFT, district
from small_district import good_rows, incidents, small_district

from hotspot.mapping import render_page, words
from planning.output.runs import verify

DAY = "2024-11-30"
QUICK = ("--date", DAY, "--effort", "quick")
LEFTOVERS = ("undefined", "null", "NaN", "[object")


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page_of(tmp_path):
    """Writes the page of a payload; returns its path."""
    numbers = itertools.count()

    def write(payload):
        path = tmp_path / f"{next(numbers)}.html"
        path.write_text(render_page(payload, language="en", title=payload["title"]), encoding="utf-8")
        return path

    return write


def all_told(page):
    """What all tabs, tables and the printed sheet say."""
    told = []
    for tab in page.locator("[role=tab]").all():
        tab.click()
        told.append(page.locator("#panel").inner_text())
    page.locator("#view").click()
    told.append(page.locator("#tables").inner_text())
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    told.append(page.locator("#paper").text_content())
    return "\n".join(told)


def without(**changes):
    return district() | changes


def at_rest(count):
    """The first teams, none of which has a visit."""
    return [team | {"visits": [], "legs": []} for team in district()["teams"][:count]]


# --- the page ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        without(hotspots=[], teams=at_rest(27), cells={"rings": {}, "risk": {}}, unserved=[]),
        without(teams=at_rest(27)),
        without(teams=district()["teams"][:1]),
        without(areas={"features": []}),
        without(points=[], teams=[], unserved=[]),
        without(hours=[], window=None),
        without(streets={}),
    ],
    ids=["no hotspot", "no visit", "one team", "no community", "no force", "no hour", "no street"],
)
def test_the_page_of_little_says_so_in_plain_words(browser, page_of, payload):
    with opened(browser, page_of(payload), view="lang=en") as (page, account):
        told = all_told(page)
        assert [word for word in LEFTOVERS if word in told] == []
        assert page.locator("#hour").is_visible() == bool(payload["hours"])
        assert account.clean, account


def many_teams(count=500):
    """The district with its teams again and again, each with an id of its own."""
    data = district()
    teams = [data["teams"][k % 27] | {"id": f"T{k + 1:03d}", "name": f"队{k + 1}"} for k in range(count)]
    return data | {"teams": teams}


def test_500_teams_open_scroll_and_are_found(browser, page_of):
    with opened(browser, page_of(many_teams()), view="lang=en") as (page, account):
        rows = page.locator("#panel .row")
        assert rows.count() == 500
        page.locator("#panel").evaluate("panel => panel.scrollTo(0, panel.scrollHeight)")
        last = rows.nth(499).bounding_box()
        assert 0 <= last["y"] < 800
        page.keyboard.press("/")
        page.keyboard.type("队487")
        assert rows.count() == 1 and rows.locator("b").first.inner_text() == "T487"
        rows.first.click()
        assert "team=T487" in page.url
        assert account.clean, account
    with opened(browser, page_of(many_teams()), view="lang=en&team=T450") as (page, _):
        chosen = page.locator("#panel .row[aria-pressed=true]").bounding_box()
        assert 0 <= chosen["y"] < 800  # the address brings the row into sight


def over_midnight():
    """20:00 on Friday to 04:00 on Saturday; hotspots are worst at 02:00."""
    data = district()
    start = SHIFT.replace(hour=20)
    hours = [(start + timedelta(hours=h)).isoformat() for h in range(8)]
    spots = [spot | {"hourly": [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 0.1]} for spot in data["hotspots"]]
    return data | {
        "hours": hours,
        "hotspots": spots,
        "window": {"start": hours[0], "end": (start + timedelta(hours=8)).isoformat()},
    }


def test_a_night_over_midnight_names_the_day_of_each_hour(browser, page_of):
    path = page_of(over_midnight())
    with opened(browser, path, view="lang=en&tab=times&hour=23") as (page, account):
        assert page.locator("#hour").inner_text() == "Fri 11-27 23:00"
        page.locator("#slider").press("ArrowRight")
        assert page.locator("#hour").inner_text() == "Sat 11-28 00:00"
        assert page.locator("#slider").get_attribute("aria-valuetext") == "Sat 11-28 00:00"
        assert "11-27 20:00 – 11-28 04:00" in page.locator("#facts").inner_text()
        buttons = page.locator("table.week button")
        assert buttons.count() == 8
        page.locator("[data-key='hour 5 3']").click()  # Saturday
        assert page.locator("#hour").inner_text() == "Sat 11-28 03:00"
        assert "hour=3" in page.url
        assert account.clean, account
    with opened(browser, path, view="lang=en&hour=2") as (page, _):
        assert page.locator("#hour").inner_text() == "Sat 11-28 02:00"
    with opened(browser, path, view="lang=zh") as (page, _):
        assert page.locator("#hour").inner_text() == f"{words('zh')['weekdays'].split(' ')[5]} 11-28 02:00"  # the worst


def test_streets_without_names_leave_no_gap_in_what_is_said(browser, page_of):
    data = district()
    data["teams"] = [team | {"visits": [visit | {"place": ""} for visit in team["visits"]]} for team in data["teams"]]
    with opened(browser, page_of(data), view="lang=en&team=T01") as (page, account):
        told = all_told(page)
        assert [word for word in (*LEFTOVERS, "· ·", "·  ·") if word in told] == []
        assert account.clean, account


# --- the jobs ------------------------------------------------------------------------------------------


def set_column(path, column, value):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row | {column: value} for row in csv.DictReader(file)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(params=["no visit", "one incident"])
def poor_district(request, tmp_path):
    """A district whose only team may not serve, or with next to no history."""
    config = small_district(tmp_path / "district")
    rows = [row.replace("2024-05-01 10:", f"2024-11-{1 + k % 28:02d} 20:") for k, row in enumerate(good_rows(400))]
    incidents(config, rows[:1] if request.param == "one incident" else rows)
    if request.param == "no visit":
        set_column(config.parent / "teams.csv", "vetted", "no")
    return config


def test_plan_replan_and_event_of_next_to_nothing_are_whole_runs(browser, poor_district, tmp_path):
    runs = {name: tmp_path / name for name in ("plan", "event", "replan")}
    said = {
        "plan": patrol("plan", poor_district, *QUICK, "--out", runs["plan"]),
        "event": patrol(
            "event", poor_district, "--events", poor_district.parent / "events.csv", *QUICK, "--out", runs["event"]
        ),
        "replan": patrol("replan", runs["plan"], "--at", f"{DAY} 20:00", "--out", runs["replan"]),
    }
    assert {name: done.err for name, done in said.items() if done.code not in (0, 4)} == {}
    visits, wanted = (
        len((runs["plan"] / name).read_text().splitlines()) - 1 for name in ("visits.csv", "unserved.csv")
    )
    assert visits == 0 and (wanted > 0) == (poor_district.parent / "teams.csv").read_text(encoding="utf-8-sig").count(
        ",no,"
    )
    for name, run in runs.items():
        assert verify(run) == [], name
        with opened(browser, run / "map.html", view="lang=en") as (page, account):
            told = all_told(page)
            assert [word for word in LEFTOVERS if word in told] == [], (name, told)
            assert account.clean, account
        with opened(browser, run / "sheets" / "index.html", ready=False) as (page, account):
            assert "EXAMPLE-T01" in page.locator("body").inner_text() and account.clean


def test_the_situation_of_next_to_nothing_is_a_page(browser, poor_district, tmp_path):
    told = ("--as-of", DAY, "--horizon", "7D", "--effort", "quick")
    done = patrol("hotspots", poor_district, *told, "--out", tmp_path / "situation")
    assert done.code == 0, done.err
    with opened(browser, tmp_path / "situation" / "map.html", view="lang=en") as (page, account):
        told = all_told(page)
        assert [word for word in LEFTOVERS if word in told] == [], told
        assert account.clean, account
