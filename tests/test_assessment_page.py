"""The page of an assessment: what it says and never says, its places, and every kind of night that lacks something."""

from __future__ import annotations

import itertools
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from assess_pages import assessed, called, many_teams, no_visits
from browser import chromium, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from test_assess import CRS, HISTORY, TEAM, instant

from hotspot.mapping import words
from planning.operations.dosage import PlannedNight
from planning.output.assessment_page import delivered_told, most_missed
from planning.output.delivery_map import UNKNOWN, delivery_drawing, delivery_places

ALL = (
    "<script>alert(1)</script> {{7*7}} {# </script><img src=x onerror=alert(1)> ${7*7} `x` \u202e\u200f 😀 "
    + "长" * 300
)
CLAIMS = ("prevent", "reduc", "effective", "thanks to", "减少", "下降", "见效", "成效")
TEXT = "() => document.documentElement.innerText"


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def one_night(tmp_path_factory):
    """The text of the page of a night with tracks, outcomes and a comparison."""
    return assessed(tmp_path_factory.mktemp("night")).read_text(encoding="utf-8")


# ---- what it says ----


def sums(**figures):
    none = {"planned_min": 0.0, "planned_tracked_min": 0.0, "delivered_min": None, "delivered_lower_min": None}
    return none | {"delivered_upper_min": None} | figures


def test_the_headline_says_what_is_known_and_what_is_not():
    a = words("en", "assessment")
    assert delivered_told(sums(planned_min=None), a) == ["No visits were planned."]
    (unknown,) = delivered_told(sums(planned_min=30.0), a)
    assert unknown.startswith("30 minutes at hotspots were planned. What was delivered isn't known")
    bounds = {"delivered_min": 14.0, "delivered_lower_min": 13.0, "delivered_upper_min": 15.0}
    first, rest = delivered_told(sums(planned_min=30.0, planned_tracked_min=20.0, **bounds), a)
    assert first.startswith("Delivered: 14 of 20 planned minutes, 70% (between 13 and 15 minutes, 65% to 75%)")
    assert rest.startswith("Of 10 more planned minutes nothing is known")


def test_of_many_teams_those_that_missed_the_most_are_drawn_in_their_order():
    teams = pd.DataFrame({
        "team_id": ["T1", "T2", "T3", "T4"], "planned_tracked_min": [10.0, 0.0, 30.0, 20.0],
        "delivered_min": [9.0, np.nan, 10.0, 5.0],
    })  # fmt: skip
    assert most_missed(teams, 2)["team_id"].tolist() == ["T3", "T4"]
    assert most_missed(teams, 3)["team_id"].tolist() == ["T1", "T3", "T4"]
    assert most_missed(teams, 9)["team_id"].tolist() == ["T1", "T2", "T3", "T4"]


def test_the_assessment_tells_what_was_delivered_and_claims_nothing(one_night):
    page = one_night
    assert "Delivered: 14 of 14 planned minutes, 100% (between 13 and 15 minutes, 93% to 107%)" in page
    assert page.index("Before and after: no change that can be told from chance:") < page.index("<h2>")
    assert ">300+<" in page and "A + marks a lower bound" in page
    text = re.sub("<(script|style)>.*?</", "", page, flags=re.DOTALL).lower()
    assert [claim for claim in CLAIMS if claim in text] == []
    assert f'href="./{TEAM}.html"' in page


def test_the_comparison_is_told_with_the_counts_that_it_comes_from(one_night):
    """40 of 48 incidents before the night lie at each end of the street, one of them on it: by hand from HISTORY."""
    page = one_night
    table = re.search(r"Counts before and after.*?</table>", page, re.DOTALL)[0]
    counts = {row[0]: tuple(map(int, row[1:])) for row in re.findall(
        r'<th scope="row">([^<]+)</th><td>\d+</td><td>(\d+)</td><td>(\d+)</td>', table)}  # fmt: skip
    change = {name: after - before for name, (before, after) in counts.items()}
    total = change["treated"] - change["control"] + change["ring around treated"] - change["ring around control"]
    told = re.search(r"WDD = [^:]+: ([^=]+) = ([+-]\d+)", page)
    assert int(told[2]) == total
    assert counts["treated"][1] == 5  # every other one of the ten of that evening; what patrols found doesn't count


# ---- places ----


boxes = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 4))
spots_of_nights = st.tuples(boxes, st.integers(1, 20), st.one_of(st.none(), st.integers(0, 20)))


def night_with(shapes, label):
    """A night whose hotspots are H1, H2 ... of those shapes."""
    ids = [f"H{k + 1}" for k in range(len(shapes))]
    places = gpd.GeoDataFrame({"hotspot_id": ids}, geometry=list(shapes), crs=CRS)
    return PlannedNight(label, instant("19:00"), instant("23:00"), pd.DataFrame(), places)


def minutes(label, name, planned, delivered):
    """A row of `hotspot_dosage`; None delivered: nothing is known."""
    known = {"planned_tracked_min": 0.0 if delivered is None else planned, "delivered_min": delivered}
    return {"run": label, "hotspot_id": name, "visits_planned": 1, **known}


@settings(max_examples=40, deadline=None)
@given(st.lists(spots_of_nights, min_size=1, max_size=6))
def test_places_sum_the_hotspots_that_hold_them(spots):
    """Against the slow obvious way: each square of 100 m asks the hotspot of every night whether it lies in it."""
    shapes = [shapely.box(100 * x, 100 * y, 100 * (x + w), 100 * (y + h)) for (x, y, w, h), _, _ in spots]
    nights = [night_with([shape], f"n{k}") for k, shape in enumerate(shapes)]
    rows = [minutes(f"n{k}", "H1", planned, got) for k, (_, planned, got) in enumerate(spots)]
    found = delivery_places(nights, pd.DataFrame(rows).astype({"delivered_min": float})).places
    for x, y in itertools.product(range(10), range(10)):
        at = shapely.Point(100 * x + 50, 100 * y + 50)
        inside = [(planned, got) for shape, (_, planned, got) in zip(shapes, spots, strict=True) if shape.contains(at)]
        piece = found[found.geometry.contains(at)]
        assert len(piece) == bool(inside)
        if inside:
            known = [pair for pair in inside if pair[1] is not None]
            row = piece.iloc[0]
            assert (row["share_class"] == UNKNOWN) == (not known) == np.isnan(row["delivered_min"])
            told = np.nan_to_num(row[["planned_min", "delivered_min"]].astype(float)).tolist()
            assert told == [sum(pair[0] for pair in known), sum(pair[1] for pair in known)]


def test_hotspots_without_a_visit_and_visits_at_no_hotspot_are_told_apart():
    night = night_with([shapely.box(0, 0, 100, 100), shapely.box(50, 0, 300, 100), shapely.Point(900, 900)], "n")
    found = delivery_places([night], pd.DataFrame([minutes("n", "H1", 10.0, 5.0), minutes("n", "H3", 10.0, 5.0)]))
    assert sorted(found.places.geom_type) == ["Point", "Polygon"] and found.places["share_class"].tolist() == [2, 2]
    assert found.unvisited.area.tolist() == [pytest.approx(200 * 100)]  # without the half that H1 holds as well


def test_no_hotspots_at_all_are_no_map():
    assert delivery_drawing([night_with([], "n")], pd.DataFrame([minutes("n", "H1", 1.0, 1.0)]), edges=None) is None


# ---- nights that lack something ----


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"with_tracks": False}, "No tracks were given: what was delivered is not known."),
        ({"with_outcomes": False}, "No outcomes were reported for these dates. That is not the same as none."),
        ({"history": HISTORY[:40]}, "No comparison before and after: the incidents end at"),
    ],
)
def test_what_is_missing_is_said_and_the_page_stands(browser, tmp_path, missing, told):
    path = assessed(tmp_path, **missing)
    with opened(browser, path, view="lang=en&theme=light") as (page, account):
        assert told in page.evaluate(TEXT)
        assert account.clean, account


def test_a_night_without_visits_is_a_page(browser, tmp_path):
    path = assessed(tmp_path, with_tracks=False, prepare=no_visits)
    with opened(browser, path) as (page, account):
        assert "No visits were planned." in page.evaluate(TEXT)
        assert page.locator("svg.map:visible").count() == 1  # its hotspot, to which nobody was sent
        assert account.clean, account


def test_five_hundred_teams_are_one_table_and_a_chart_of_some(browser, tmp_path):
    path = assessed(tmp_path, prepare=many_teams)
    assert path.stat().st_size < 1_500_000
    with opened(browser, path, view="lang=en&theme=light") as (page, account):
        assert "The chart shows 30 of 500 teams" in page.evaluate(TEXT)
        assert page.locator("a[href$='.html']:visible").count() == 500
        assert "499 shifts with 6986 planned minutes have no tracks." in page.evaluate(TEXT)
        assert account.clean, account


def test_hostile_teams_and_districts_are_shown_as_they_are(browser, tmp_path):
    path = assessed(tmp_path, prepare=called(ALL))
    with opened(browser, path, view="lang=en&theme=light") as (page, account):
        assert ALL in page.locator("td.free:visible").all_text_contents()
        assert page.evaluate("document.querySelector('h1 bdi').textContent") == ALL
        assert page.locator("img").count() == 0 and page.evaluate("document.scripts.length") == 1
        assert account.clean, account


def test_the_same_night_gives_the_same_bytes(tmp_path):
    first, second = (assessed(tmp_path / name).read_bytes() for name in "ab")
    assert first == second
