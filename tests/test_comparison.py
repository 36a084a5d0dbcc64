"""Two plans side by side: what is the same place, what happened to each visit, and the page that tells it."""

import copy
import json
import shutil

import pytest
from browser import chromium, opened
from commands import patrol
from hypothesis import given, settings
from hypothesis import strategies as st
from night_runs import sample_night
from page_payload import district, hostile

from hotspot.errors import ConfigError, OutputError
from hotspot.mapping import render_page, words
from planning.output.mapping.comparison import compare_pages, plan_page_of, write_comparison
from planning.output.runs import verify, write_manifest

HOUR = "2026-11-27T{:02d}:{:02d}:00+08:00"


def visit(spot, start, leave, activity="patrol"):
    return {
        "hotspot_id": spot, "activity": activity, "start": HOUR.format(*start), "leave": HOUR.format(*leave),
    }  # fmt: skip


def leg(sequence, travel_s=300, travel_m=1500.0):
    return {"sequence": sequence, "travel_s": travel_s, "travel_m": travel_m, "line": [[0.0, 0.0], [0.01, 0.0]]}


def square(name, x, side=1.0):
    return {"id": name, "rings": [[[x, 0], [x + side, 0], [x + side, side], [x, side], [x, 0]]]}


def page(teams, spots=(("H1", 0), ("H2", 5)), start=18, end=22):
    return {
        "run_id": "a", "as_of": HOUR.format(0, 0), "seed": 0,
        "window": {"start": HOUR.format(start, 0), "end": HOUR.format(end, 0)},
        "plan": {"value": 2.0, "bound": 2.0, "gap": 0.0, "demands": 2, "served": 2},
        "hotspots": [square(name, x) for name, x in spots],
        "teams": [{"id": name, "visits": visits, "legs": [leg(1), leg(2)] if visits else []} for name, visits in teams.items()],
    }  # fmt: skip


def kinds(found):
    return [(row["kind"], (row["after"] or row["before"])["hotspot_id"]) for row in found["visits"]]


FIRST = visit("H1", (18, 30), (18, 40))
SECOND = visit("H2", (19, 0), (19, 12))


def test_figures_are_the_sums_of_the_teams():
    found = compare_pages(page({"T1": [FIRST, SECOND], "T2": []}), page({"T1": [FIRST], "T2": []}))
    assert found["figures"]["before"] == {
        "value": 2.0, "bound": 2.0, "gap": 0.0, "demands": 2, "served": 2, "stops": 2, "stay_min": 22.0,
        "travel_min": 10.0, "km": 3.0,
    }  # fmt: skip
    assert found["figures"]["after"]["stops"] == 1 and found["figures"]["after"]["stay_min"] == 10.0
    assert found["teams"][1] == {
        "team_id": "T2",
        "before": found["teams"][1]["after"],
        "after": found["teams"][1]["after"],
    }


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        ({"T1": [FIRST], "T2": []}, "kept"),
        ({"T1": [visit("H1", (18, 31), (18, 41))], "T2": []}, "moved"),
        ({"T1": [], "T2": [FIRST]}, "handed"),
        ({"T1": [], "T2": []}, "dropped"),
    ],
)
def test_what_became_of_a_visit(after, kind):
    found = compare_pages(page({"T1": [FIRST], "T2": []}), page(after))
    assert kinds(found) == [(kind, "H1")]


def test_a_visit_that_was_not_there_is_added():
    assert kinds(compare_pages(page({"T1": []}), page({"T1": [SECOND]}))) == [("added", "H2")]


def test_a_team_keeps_its_own_visit_before_times_are_compared():
    """T1's 18:30 stays T1's though T2's new visit at 18:31 is nearer in time than T1's at 18:50."""
    before, after = {"T1": [FIRST]}, {"T1": [visit("H1", (18, 50), (19, 0))], "T2": [visit("H1", (18, 31), (18, 41))]}
    assert sorted(kinds(compare_pages(page(before), page(after)))) == [("added", "H1"), ("moved", "H1")]


def test_another_activity_at_the_same_place_is_another_visit():
    after = {"T1": [visit("H1", (18, 30), (18, 40), "hazard_inspection")]}
    assert sorted(kinds(compare_pages(page({"T1": [FIRST]}), page(after)))) == [("added", "H1"), ("dropped", "H1")]


def test_hotspots_are_the_same_by_place_not_by_name():
    """H1 and H2 changed their names; H3 is elsewhere, and overlaps nothing by half."""
    after = page({"T1": [visit("H2", (18, 30), (18, 40))]}, spots=(("H2", 0.1), ("H3", 5.6)))
    found = compare_pages(page({"T1": [FIRST]}), after)
    assert kinds(found) == [("kept", "H2")]
    assert found["hotspots"] == {"new": ["H3"], "gone": ["H2"]}


def test_plans_of_different_nights_are_not_compared_visit_by_visit():
    found = compare_pages(page({"T1": [FIRST]}), page({"T1": [FIRST]}, start=22, end=23))
    assert found["same_night"] is False and found["visits"] == []


@settings(deadline=None)
@given(st.permutations(range(27)))
def test_equal_plans_keep_everything_in_any_order_of_teams(order):
    plan = district()
    again = plan | {"teams": [plan["teams"][k] for k in order]}
    found = compare_pages(plan, again)
    assert {row["kind"] for row in found["visits"]} <= {"kept"}
    assert len(found["visits"]) == sum(len(team["visits"]) for team in plan["teams"])
    assert found["hotspots"] == {"new": [], "gone": []}


@settings(deadline=None)
@given(st.sets(st.integers(0, 26)), st.sets(st.integers(0, 26)))
def test_every_visit_of_both_plans_is_told_once(first, second):
    """Conservation: kept, moved and handed visits are in both plans, dropped ones in the first, added ones in the second."""
    plan = district()
    before, after = (
        plan
        | {"teams": [team | {"visits": [], "legs": []} if k in idle else team for k, team in enumerate(plan["teams"])]}
        for idle in (first, second)
    )
    told = compare_pages(before, after)["visits"]
    for side, payload in (("before", before), ("after", after)):
        assert sum(row[side] is not None for row in told) == sum(len(team["visits"]) for team in payload["teams"])


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def compared_page(tmp_path, before, after, kind="comparison"):
    payload = after | {"kind": kind, "comparison": compare_pages(before, after)}
    path = tmp_path / "comparison.html"
    path.write_text(render_page(payload, language="en", title=after["title"]), encoding="utf-8")
    return path


def changed_district():
    plan = district()
    after = copy.deepcopy(plan)
    gone = after["teams"][1]
    gone["visits"], gone["legs"] = gone["visits"][:-1], gone["legs"][:-1]
    return plan, after


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_lists_what_changed_and_shows_the_earlier_routes(browser, tmp_path, language):
    before, after = changed_district()
    lost = before["teams"][1]["visits"][-1]
    with opened(browser, compared_page(tmp_path, before, after), view=f"lang={language}") as (page, account):
        assert page.locator("[role=tab]").first.inner_text().startswith(words(language)["comparison"])
        told = page.locator("#panel").inner_text()
        assert words(language)["dropped"] + " 1" in told and lost["hotspot_id"] in told
        assert page.locator("[data-layer=earlier]").is_checked()
        page.locator("#panel button.row").first.click()
        assert page.evaluate("Patrol.state.spot") == lost["hotspot_id"]
        page.locator("#view").click()
        assert words(language)["changed_visits"] in page.locator("#tables").inner_text()
        assert account.clean, account


def test_on_a_plan_page_the_earlier_routes_wait_to_be_asked_for(browser, tmp_path):
    before, after = changed_district()
    with opened(browser, compared_page(tmp_path, before, after, kind="plan")) as (page, account):
        assert page.locator("[role=tab]").first.inner_text().startswith(words("en")["teams"])
        assert not page.locator("[data-layer=earlier]").is_checked()
        assert words("en")["sign_earlier"] not in page.locator("#signs").inner_text()
        page.locator("[data-layer=earlier]").check()
        assert words("en")["sign_earlier"] in page.locator("#signs").inner_text()
        assert account.clean, account


def test_hostile_names_in_an_earlier_plan_are_text(browser, tmp_path):
    with opened(browser, compared_page(tmp_path, hostile(), district())) as (page, account):
        page.locator("#view").click()
        assert account.clean, account
        assert hostile()["run_id"] in page.locator("#tables").inner_text()


def test_the_command_writes_a_page_beside_the_run_and_leaves_both_runs_as_they_were(tmp_path):
    run = tmp_path / "tonight"
    shutil.copytree(sample_night(), run)
    done = patrol("map", run, "--against", sample_night())
    page = tmp_path / "tonight-against-plan.html"
    assert done.code == 0 and done.out.strip() == str(page)
    assert '"kind":"comparison"' in page.read_text(encoding="utf-8")
    assert verify(run) == [] and verify(sample_night()) == []


def test_what_cannot_be_compared_is_said(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert patrol("map", sample_night(), "--against", empty).code == 3
    done = patrol("map", sample_night(), "--out", tmp_path / "x.html")
    assert done.code == 2 and "--against" in done.err
    with pytest.raises(OutputError, match="can't be written"):
        write_comparison(sample_night(), sample_night(), out=tmp_path / "nowhere" / "x.html")


def test_a_run_without_a_plan_is_refused(tmp_path):
    (tmp_path / "page.json").write_text(json.dumps({"plan": None}), encoding="utf-8")
    write_manifest(tmp_path, {})
    with pytest.raises(ConfigError, match="no plan in it"):
        plan_page_of(tmp_path)
