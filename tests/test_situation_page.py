"""The page of `patrol hotspots`: trend, places from street to cell, categories of hotspots, what changed since."""

import json
import shutil

import pytest
from browser import chromium, opened
from commands import patrol
from every_page import page_of
from page_payload import HOSTILE

import hotspot as hs
from hotspot.mapping import render_page, words
from hotspot.mapping.changes import changed_hotspots
from planning.output.runs import verify
from planning.sampledata import DEMO_DATE, sample_folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def payload():
    return json.loads((page_of("situation").parent / "page.json").read_text(encoding="utf-8"))


def written(tmp_path, payload, **changes):
    path = tmp_path / "map.html"
    path.write_text(render_page(payload | changes, language="en", title="x"), encoding="utf-8")
    return path


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_trend_is_told_with_its_interval_and_what_chance_does(browser, payload, tmp_path, language):
    (row,) = [row for row in payload["trend"]["rows"] if row["part"] == "all"]
    with opened(browser, written(tmp_path, payload), view=f"lang={language}&tab=trend") as (page, account):
        told = page.locator("#panel").inner_text()
        assert (
            f"{row['recent']} / {row['before']} · × {row['ratio']:.2f} ({row['lower']:.2f}–{row['upper']:.2f})" in told
        )
        assert words(language)["within_chance"] in told and "theft" in told
        assert page.locator("#panel svg.trend path").count() == 3
        page.locator("#view").click()
        assert words(language)["trend"] in page.locator("#tables").inner_text()
        assert account.clean, account


def test_a_history_without_a_year_before_says_so_in_the_reader_s_language(browser, payload, tmp_path):
    short = payload["trend"] | {"rows": [], "reason": "the history reaches back 100 days, less than 392"}
    with opened(browser, written(tmp_path, payload, trend=short), view="lang=zh&tab=trend") as (page, account):
        assert "历史只有 100 天" in page.locator("#panel").inner_text()
        assert account.clean, account


def test_from_street_to_community_to_cell_by_keyboard(browser, payload, tmp_path):
    first = payload["areas"]["features"][0]
    with opened(browser, written(tmp_path, payload), view="lang=en&tab=places") as (page, account):
        page.locator(f'[data-key="street {first["street"]}"]').focus()
        page.keyboard.press("Enter")
        page.locator(f'[data-key="area {first["id"]}"]').focus()
        page.keyboard.press("Enter")
        assert f"area={first['id']}" in page.url
        page.locator('[data-key^="cell "]').first.focus()
        page.keyboard.press("Enter")
        cell = page.evaluate("Patrol.state.cell")
        assert cell and f"cell={cell}" in page.url
        page.reload()
        page.wait_for_selector("html[data-ready]", state="attached")
        assert page.evaluate("[Patrol.state.cell, Patrol.state.area]") == [cell, first["id"]]
        page.keyboard.press("Escape")
        assert "cell=" not in page.url
        assert account.clean, account


def test_communities_sum_to_the_district(payload):
    """Every cell's middle lies in one community of the sample; cells beyond the worthiest count too."""
    rows = [row for row in payload["trend"]["rows"] if row["part"] == "area"]
    (all_,) = [row for row in payload["trend"]["rows"] if row["part"] == "all"]
    assert sum(row["recent"] for row in rows) == all_["recent"]
    shown = sum(sum(risk) for risk in payload["cells"]["risk"].values())
    assert sum(area["expected"] for area in payload["areas"]["features"]) >= shown * 0.999


def test_a_hotspot_shows_its_category_and_can_be_searched_by_it(browser, payload, tmp_path):
    kind = next(spot["pattern"].split(" ")[0] for spot in payload["hotspots"] if spot["pattern"])
    with opened(browser, written(tmp_path, payload), view="lang=en&tab=hotspots") as (page, account):
        assert page.locator("#panel .tag").first.is_visible()
        page.keyboard.press("/")
        page.keyboard.type(words("en")["pattern_" + kind])
        found = page.locator("#panel .row").count()
        assert found == sum(spot["pattern"].split(" ")[0] == kind for spot in payload["hotspots"])
        assert account.clean, account


def test_hostile_names_in_trend_and_places_are_text(browser, payload, tmp_path):
    payload = json.loads(json.dumps(payload))
    for row in payload["trend"]["rows"]:
        row["name"] = HOSTILE if row["part"] == "category" else row["name"]
    payload["areas"]["features"][0] |= {"name": HOSTILE, "street": HOSTILE}
    payload["hotspots"][0]["pattern"] = HOSTILE
    path = written(tmp_path, payload, since=changed_hotspots(payload, payload) | {"run_id": HOSTILE})
    with opened(browser, path, view="lang=en") as (page, account):
        for tab in ("hotspots", "trend", "places", "since"):
            page.locator(f"#tab-{tab}").click()
            assert tab == "hotspots" or HOSTILE in page.locator("#panel").inner_text()
        assert account.clean, account


def test_what_changed_since_an_earlier_run(browser, tmp_path):
    """A week later on the same history: the manifest names the earlier run, the page has its own list."""
    earlier, now = page_of("situation").parent, tmp_path / "now"
    config = shutil.copytree(sample_folder(), tmp_path / "district") / "patrol.toml"
    asked = ("hotspots", config, "--as-of", "2026-10-31", "--horizon", "2D", "--effort", "quick")
    done = patrol(*asked, "--out", now, "--previous", earlier)
    assert done.code == 0, done.err
    entry = json.loads((now / "manifest.json").read_text(encoding="utf-8"))["inputs"][-1]
    assert entry["run_id"] == json.loads((earlier / "manifest.json").read_text(encoding="utf-8"))["run_id"]
    assert verify(now) == []
    with opened(browser, now / "map.html", view="lang=en&tab=since") as (page, account):
        assert words("en")["since_same"] in page.locator("#panel").inner_text()
        assert account.clean, account
    back = patrol("hotspots", config, "--as-of", "2026-10-01", "--out", tmp_path / "x", "--previous", earlier)
    assert back.code == 2 and DEMO_DATE in back.err
    assert patrol(*asked, "--out", tmp_path / "y", "--previous", tmp_path / "district").code == 3


def test_a_plan_tells_what_changed_since_the_one_before(tmp_path):
    config = shutil.copytree(sample_folder(), tmp_path / "district") / "patrol.toml"
    asked = ("--effort", "quick", "--date")
    assert patrol("plan", config, *asked, "2026-10-29", "--out", tmp_path / "a").code == 0
    assert patrol("plan", config, *asked, DEMO_DATE, "--out", tmp_path / "b", "--previous", tmp_path / "a").code == 0
    page = json.loads((tmp_path / "b" / "page.json").read_text(encoding="utf-8"))
    assert page["comparison"]["same_night"] is False and page["comparison"]["figures"]["before"]["stops"] > 0


def test_hotspots_have_a_page_without_any_planning(browser, tmp_path):
    folder = sample_folder()
    areas = hs.read_areas(folder / "areas.geojson", crs="EPSG:32649")
    incidents = hs.read_incidents(folder / "incidents.csv.gz", timezone="Asia/Shanghai", crs="EPSG:32649", areas=areas)
    risk = hs.forecast(incidents, hs.make_grid(areas, cell_m=250), as_of=DEMO_DATE, horizon="24h", model="long_run")
    path = hs.save_situation(hs.select_hotspots(risk, area_share=0.05), tmp_path / "s.html", areas=areas, language="en")
    with opened(browser, path, view="lang=en") as (page, account):
        assert page.locator("#panel .row").count() > 0 and page.locator("#tab-teams").count() == 0
        assert account.clean, account
