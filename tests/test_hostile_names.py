"""Hostile names: in every column and configuration text that takes free text, through the real commands.

One tiny district has another text in each of them; wherever the beginning of such a text is found in a file of a run, the
whole text must be there as another program reads it. All other columns are rejected by their readers.
"""

import csv
import json
import re

import pandas as pd
import pytest
from browser import chromium, opened
from commands import patrol
from hostile_district import DAY, FREE, LONG, MARKUP, HostileDistrict
from reading_back import texts_of
from small_district import small_district

from hotspot.areas import COLUMNS as AREA_COLUMNS
from planning.config import INCIDENT_COLUMNS, TRACK_COLUMNS
from planning.event_levels import LEVEL_COLUMNS
from planning.force import POINT_COLUMNS, TEAM_COLUMNS
from planning.jobs.replan import DEMAND_COLUMNS, MORE_DEMAND_COLUMNS
from planning.network.closures import COLUMNS as CLOSURE_COLUMNS
from planning.network.congestion import COLUMNS as CONGESTION_COLUMNS
from planning.operations.events import EVENT_COLUMNS
from planning.operations.outcomes import OUTCOME_COLUMNS
from planning.output.live_page import write_live_page, write_status

TABLES = {  # the readers' own lists, so that a new column is either listed as free text or must be rejected here
    "incidents": INCIDENT_COLUMNS, "areas": AREA_COLUMNS, "closures": CLOSURE_COLUMNS, "points": POINT_COLUMNS,
    "teams": TEAM_COLUMNS, "events": EVENT_COLUMNS, "tracks": TRACK_COLUMNS, "outcomes": OUTCOME_COLUMNS,
    "demands": (*DEMAND_COLUMNS, *MORE_DEMAND_COLUMNS), "levels": LEVEL_COLUMNS, "congestion": CONGESTION_COLUMNS,
}  # fmt: skip
CHECKED = [
    (table, column) for table, columns in TABLES.items() for column in columns if column not in FREE.get(table, ())
]
CLASSES = ("congestion", "highway")  # a class of street that no street has: it holds for nothing and is shown nowhere
TRICKS = {
    "markup": {"after": " " + MARKUP}, "long": {"after": " " + LONG}, "equals": {"before": "=1+1 "},
    "plus": {"before": "+1 "}, "minus": {"before": "-1 "}, "at": {"before": "@x "}, "tab": {"after": "\t-a"},
    "return": {"after": "\r-a"},
}  # fmt: skip
WHOLE = ("markup", "equals")  # through every command; the others through the plan alone
REACHES = {  # at least these; a product that newly shows a text is checked without being listed
    "plan/map.html": {"incidents.category", "areas.name", "points.name", "teams.name", "closures.name", "config.district"},
    "plan/page.json": {"streets.name", "areas.street", "config.emergency", "config.instructions"},
    "plan/sheets/EXAMPLE-T01.html": {"points.name", "teams.name", "config.district", "config.emergency", "config.instructions"},
    "plan/sheets/index.html": {"teams.name", "config.district", "closures.name"},
    "plan/hotspots.geojson": {"incidents.category"},
    "plan/exports/plan.gpkg": {"incidents.category"},
    "plan/exports/plan.xlsx": {"incidents.category", "teams.name", "closures.name", "config.district"},
    "plan/exports/plan.kml": {"incidents.category", "teams.name", "config.district"},
    "plan/exports/EXAMPLE-T01.gpx": {"points.name", "teams.name", "config.district"},
    "plan/exports/EXAMPLE-T01.ics": {"teams.name", "config.instructions"},
    "plan/night/areas.parquet": {"areas.id", "areas.name", "areas.street"},
    "plan/night/closures.parquet": {"closures.id", "closures.name"},
    "plan/manifest.json": {"config.district", "incidents.category"},
}  # fmt: skip
REACHES_MORE = {
    "hotspots/map.html": {"incidents.category", "config.district", "points.name"},
    "event/map.html": {"events.name", "streets.name", "teams.name", "config.district"},
    "event/events.csv": {"events.name"},
    "event/posts.csv": {"streets.name"},
    "event/posts.geojson": {"streets.name"},
    "replan/map.html": {"teams.name", "closures.name", "config.district"},
    "assess/assessment/index.html": {"teams.name", "config.district"},
    "assess/assessment/EXAMPLE-T01.html": {"teams.name", "config.district"},
    "assess/assessment.csv": {"teams.name"},
    "comparison.html": {"teams.name", "config.district"},
    "live.html": {"config.district"},
    "force.xlsx": {"areas.id", "areas.name", "areas.street"},
    "rejected/rejects.csv": {"incidents.source"},
}


def all_runs(root, district, *, whole):
    """Every command on the district, each into its folder below `root`."""
    config, folder = district.config, district.folder
    quick = ("--effort", "quick")
    told = {"plan": ("plan", config, "--date", DAY, *quick)}
    if whole:
        told |= {
            "hotspots": ("hotspots", config, "--as-of", DAY, "--horizon", "7D", *quick),
            "event": ("event", config, "--events", folder / "events.csv", "--date", DAY, *quick),
            "replan": ("replan", root / "plan", "--at", f"{DAY} 20:00", "--closures", folder / "closures.geojson"),
            "assess": ("assess", config, "--runs", root / "plan", "--outcomes", folder / "outcomes.csv"),
        }
    for name, words in told.items():
        done = patrol(*words, "--out", root / name)
        assert done.code in (0, 4), done.err
    if whole:
        assert patrol("map", root / "replan", "--against", root / "plan", "--out", root / "comparison.html").code == 0
        assert patrol("force", config, "--date", DAY, "--xlsx", root / "force.xlsx").code == 0
        (root / "runs").symlink_to(root)
        seen = pd.Timestamp(f"{DAY}T20:10", tz="Asia/Shanghai")
        write_status(root, run="plan", run_id="1", as_of=seen.isoformat(), seen=seen)
        write_live_page(root, language="en", title=district.text("config", "district"))
        district.spoil_one_incident()
        assert (
            patrol("hotspots", config, "--as-of", DAY, "--horizon", "7D", *quick, "--out", root / "rejected").code == 0
        )


@pytest.fixture(scope="module", params=TRICKS)
def products(request, tmp_path_factory):
    """The folder of all runs with one kind of text, the texts, and whether it is every command."""
    root = tmp_path_factory.mktemp(request.param)
    district = HostileDistrict(root / "district", **TRICKS[request.param])
    all_runs(root, district, whole=request.param in WHOLE)
    return root, district.texts(), request.param in WHOLE


def as_kind_holds(text, suffix):
    """What a format can hold of the text: XML and calendars have no carriage return, HTML makes it a line end."""
    other = {".html": "\n", ".kml": "", ".gpx": "", ".ics": ""}.get(suffix, "\r")
    return {text.replace("\r", other)} | ({text} if suffix == ".html" else set())  # a page's data are JSON


def found_in(path, texts):
    """The names of the texts of which the file has the beginning, and of those that it has as they are."""
    read = texts_of(path)
    begun = {name for name in texts if any(re.search(rf"\b{re.escape(name)}\b", each) for each in read)}
    held = {name: as_kind_holds(texts[name], path.suffix) for name in begun}
    return begun, {name for name in begun if any(form in each for each in read for form in held[name])}


def test_wherever_a_text_gets_it_is_read_back_as_it_is(products):
    root, texts, whole = products
    cut = {}
    for path in sorted(
        path for path in root.rglob("*") if path.is_file() and "district" not in path.relative_to(root).parts
    ):
        begun, kept = found_in(path, texts)
        if begun != kept:
            cut[str(path.relative_to(root))] = begun - kept
        missing = (REACHES | REACHES_MORE).get(str(path.relative_to(root)), set()) - kept
        assert missing == set(), (path.name, missing)
    assert cut == {}
    assert {name for name in REACHES | (REACHES_MORE if whole else {}) if not (root / name).is_file()} == set()


def test_every_free_text_reaches_a_product():
    """Else nothing would be shown of it; an incident's id is only ever told of rows that aren't used."""
    reached = set().union(*REACHES.values(), *REACHES_MORE.values())
    assert {f"{table}.{column}" for table, columns in FREE.items() for column in columns} - reached == {"incidents.id"}


def test_positive_control_a_text_that_was_cut_or_run_is_found(tmp_path):
    texts = {"teams.name": "teams.name {{7*7}} x"}
    for name, content in (
        ("cut.csv", "a\nteams.name {{7*7}}\n"),
        ("run.html", "<p>teams.name 49 x</p>"),
        ("well.html", "<p>teams.name {{7*7}} x</p>"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
    told = {path.name: found_in(path, texts) for path in tmp_path.iterdir()}
    assert told == {name: ({"teams.name"}, {"teams.name"} if name == "well.html" else set()) for name in told}
    (tmp_path / "image.html").write_text("<p>teams.name <img src=x></p>", encoding="utf-8")
    with pytest.raises(AssertionError, match="image"):
        found_in(tmp_path / "image.html", texts)


def test_no_page_holds_markup_of_a_name(products):
    root, _, _ = products
    pages = list(root.rglob("*.html"))
    assert len(pages) >= 3
    for path in pages:
        page = path.read_text(encoding="utf-8")
        assert "<img" not in page and "alert(1)</script>" not in page and page.count("<script>alert") == 0, path


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """All runs with markup in every text."""
    root = tmp_path_factory.mktemp("shown")
    district = HostileDistrict(root / "district", after=" " + MARKUP)
    all_runs(root, district, whole=True)
    return root, district.texts()


SHOWN = {  # what a reader sees of the texts on each page, in one view or another
    "plan/map.html": {"config.district", "incidents.category", "teams.name", "points.name", "closures.name"},
    "hotspots/map.html": {"config.district", "incidents.category"},
    "event/map.html": {
        "config.district",
        "incidents.category",
        "teams.name",
        "points.name",
        "events.name",
        "streets.name",
    },
    "replan/map.html": {"config.district", "incidents.category", "teams.name", "points.name", "closures.name"},
    "comparison.html": {"config.district", "incidents.category", "teams.name", "points.name"},
    "plan/sheets/EXAMPLE-T01.html": {
        "config.district",
        "config.emergency",
        "config.instructions",
        "teams.name",
        "points.name",
    },
    "plan/sheets/index.html": {"config.district", "teams.name", "closures.name"},
    "assess/assessment/index.html": {"config.district", "teams.name"},
    "assess/assessment/EXAMPLE-T01.html": {"config.district", "teams.name"},
    "live.html": {"config.district"},
}
SEEN = """() => [document.title, document.documentElement.innerText,
  ...[...document.querySelectorAll("[aria-label], [title]")]
    .flatMap((each) => [each.getAttribute("aria-label") ?? "", each.title])].join("\\n")"""
VIEWS = """() => {
  if (typeof Patrol === "undefined") return [""];
  const first = (list, key) => list?.[0]?.[key] ?? "", { data, tabs } = Patrol, { teams, hotspots: spots, events } = data;
  const chosen = `&team=${first(teams, "id")}&hotspot=${first(spots, "id")}&event=${first(events?.each, "event_id")}`;
  return [...tabs.map((tab) => `tab=${tab}`), "view=table"].map((view) => `lang=en&${view}${chosen}`); }"""
SHOW = """(view) => new Promise((done) => {
  history.replaceState(null, "", "#" + view);
  for (const name of ["hashchange", "beforeprint"]) dispatchEvent(new Event(name));
  for (const each of document.querySelectorAll(".spot")) each.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
  requestAnimationFrame(() => requestAnimationFrame(done)); })"""


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.fault("TEA-03")
def test_a_browser_shows_every_text_as_it_is_and_does_nothing_with_it(browser, marked, name):
    root, texts = marked
    with opened(browser, root / name, ready=name.endswith(("map.html", "comparison.html"))) as (page, account):
        seen = ""
        for view in page.evaluate(VIEWS):
            page.evaluate(SHOW, view)
            seen += page.evaluate(SEEN)
        assert {key for key in SHOWN[name] if texts[key] not in seen} == set()
        assert page.locator("img").count() == 0
        assert account.clean, account


# --- columns that aren't free text --------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A finished plan, for tables that are read when a night is planned again."""
    root = tmp_path_factory.mktemp("planned")
    district = HostileDistrict(root / "district")
    all_runs(root, district, whole=False)
    return root / "plan", district.config


def rows_of(config, table):
    """A valid row of the table, as the templates or its documentation give one."""
    files = {
        name: config.parent / f"{name}.csv" for name in ("incidents", "points", "teams", "events", "tracks", "outcomes")
    }
    if table in files:
        with files[table].open(encoding="utf-8-sig", newline="") as file:
            return next(csv.DictReader(file))
    return {
        "areas": {"id": "A", "name": "A", "street": "S"},
        "closures": {"id": "C", "name": "C", "modes": "car", "start": "2024-11-30", "end": "2024-12-01"},
        "demands": {"id": "D1", "lon": "109.73", "lat": "38.245", "activity": "patrol", "window_start": f"{DAY} 20:30",
                    "window_end": f"{DAY} 22:00", "dwell_min": "10", "value": "1", "required": "no"},
        "levels": {"level": "1", "attendance": "1000", "headcount": "30", "posts": "6"},
        "congestion": {"day": "*", "hour": "18", "highway": "*", "multiplier": "1.5"},
    }[table]  # fmt: skip


@pytest.mark.parametrize(("table", "column"), [each for each in CHECKED if each != CLASSES])
def test_columns_of_numbers_times_codes_and_links_reject_other_texts(tmp_path, planned, table, column):
    config = small_district(tmp_path / "district")
    path = config.parent / f"{table}.csv"
    row = rows_of(config, table) | {column: MARKUP}
    if table == "closures":
        line = {"type": "LineString", "coordinates": [[109.739, 38.245], [109.74, 38.245]]}
        path = path.with_suffix(".geojson")
        path.write_text(
            json.dumps(
                {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": row, "geometry": line}]}
            )
        )
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
    said = rejection(config, path, table, planned, tmp_path)
    assert said.code == 3 and column in said.out + said.err and "fix: " in said.out + said.err, said
    assert "Traceback" not in said.err


def rejection(config, path, table, planned, folder):
    """What the command that reads the table says of it."""
    out = ("--out", folder / "out")
    if table == "events":
        return patrol("event", config, "--events", path, "--date", DAY, *out)
    if table in ("tracks", "outcomes"):
        run, own = planned
        return patrol("assess", own, "--runs", run, f"--{table}", path, *out)
    if table in ("demands", "closures"):
        return patrol("replan", planned[0], "--at", f"{DAY} 20:00", f"--{table}", path, *out)
    if table in ("levels", "congestion"):
        text = config.read_text(encoding="utf-8")
        where = {"levels": ("[events]", "table"), "congestion": ("[streets]", "congestion")}[table]
        config.write_text(text.replace(where[0], f'{where[0]}\n{where[1]} = "{path.name}"', 1), encoding="utf-8")
    if table == "levels":
        return patrol("event", config, "--events", config.parent / "events.csv", "--date", DAY, *out)
    return patrol("check", config)
