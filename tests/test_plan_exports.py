"""Workbook, tracks, calendars and KML of a plan: another reader finds what was written, and the same bytes twice."""

from __future__ import annotations

import re
import warnings
import zipfile
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import gpxpy
import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from night_runs import sample_night
from page_payload import district, hostile

from hotspot.geo import from_datum
from hotspot.reading.source import Layout
from hotspot.tables import read_table
from planning.output.plan_exports import in_datum, write_plan_exports
from planning.output.workbooks import excel_text

HOSTILE = [
    "<script>alert(1)</script>", "{{7*7}}", "{#", "</script>", "${x}", "`x`", "\u202eright to left\u202c", "x" * 300,
    "😀", "=1+1", "@x", " -2 ", "_x0041_", "line\nbreak", "a&amp;b", '"\'', "]]>", "a\tb", "a;b,c\\d",
]  # fmt: skip
CONTROL = "a\x01b\x0bc\x1fd"


def printable(text):
    """The text without control characters; tabs and line ends stay."""
    return re.sub("[\x00-\x08\x0b-\x1f]", "", text)


def as_excel_reads(text):
    return re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), text)


def written(tmp_path, payload, name="out", **options):
    folder = tmp_path / name
    folder.mkdir()
    write_plan_exports(folder, payload, **options)
    return folder


def one_team():
    data = district()
    return data | {"teams": data["teams"][:1]}


def layer(path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL has words about unusual values that are just what is tested
        return pyogrio.read_dataframe(path, layer=name)


def over_midnight():
    data = district()
    first, last = data["teams"][0]["visits"][0], data["teams"][0]["visits"][-1]
    first["start"] = first["arrive"] = "2026-11-27T23:50:00+08:00"
    last |= {"arrive": "2026-11-27T23:55:00+08:00", "start": "2026-11-27T23:58:00+08:00"}
    last |= {"leave": "2026-11-28T00:10:00+08:00"}
    return data


def events_of(path):
    """The events of a calendar by the letter of RFC 5545: unfolded lines, escapes undone."""
    text = path.read_bytes().decode("utf-8")
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    events: list[dict[str, str]] = []
    for line in text.replace("\r\n ", "").split("\r\n"):
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif line == "END:VEVENT":
            events[-1]["ended"] = "yes"
        elif events and "ended" not in events[-1]:
            told = re.sub(r"\\(.)", lambda found: {"n": "\n", "N": "\n"}.get(found[1], found[1]), value)
            events[-1][name.partition(";")[0]] = told
    return events


# --- which files ------------------------------------------------------------------------------------


def test_a_track_and_a_calendar_for_each_team_with_visits(tmp_path):
    data = district()
    names = {path.name for path in written(tmp_path, data).iterdir()}
    busy = [team["id"] for team in data["teams"] if team["visits"]]
    assert names == {"plan.xlsx", "plan.kml"} | {f"{team}.{kind}" for team in busy for kind in ("gpx", "ics")}
    assert len(busy) == 25


def test_same_plan_same_bytes(tmp_path):
    one, two = (written(tmp_path, district(), name, datums=["gcj02"]) for name in ("one", "two"))
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_a_workbook_does_not_tell_when_it_was_written(tmp_path):
    with zipfile.ZipFile(written(tmp_path, district()) / "plan.xlsx") as book:
        assert {entry.date_time for entry in book.infolist()} == {(2000, 1, 1, 0, 0, 0)}
        properties = book.read("docProps/core.xml").decode()
    assert re.findall(r"\d{4}-\d\d-\d\dT[^<]*", properties) == ["2000-01-01T00:00:00Z"] * 2


@pytest.mark.parametrize("teams", ["no team", "no visits"])
def test_a_plan_without_visits_is_ordinary_files(tmp_path, teams):
    data = district()
    data["teams"] = [] if teams == "no team" else [team | {"visits": [], "legs": []} for team in data["teams"]]
    data["unserved"], data["hotspots"], data["notices"] = [], [], []
    folder = written(tmp_path, data)
    assert {path.name for path in folder.iterdir()} == {"plan.xlsx", "plan.kml"}
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    assert book["visits"].max_row == 1
    assert book["visits"]["A1"].value == "visit_id"
    assert b"<Placemark>" not in (folder / "plan.kml").read_bytes()


# --- datums ------------------------------------------------------------------------------------------


def test_the_chinese_datum_comes_besides_and_is_named_inside_and_outside(tmp_path):
    folder = written(tmp_path, district(), datums=["wgs84", "gcj02"])
    for name in ("T01.gpx", "T01.ics", "plan.kml"):
        stem, _, kind = name.partition(".")
        assert "WGS-84" in (folder / name).read_text("utf-8")
        there = (folder / f"{stem}.gcj02.{kind}").read_text("utf-8")
        assert "GCJ-02" in there
        assert "WGS-84" not in there
    notices = openpyxl.load_workbook(folder / "plan.gcj02.xlsx")["notices"]
    assert any("GCJ-02" in row[0].value for row in notices.iter_rows())


def test_places_in_the_chinese_datum_lead_back_to_where_they_were():
    data = district()
    before, after = (each["teams"][0] for each in (data, in_datum(data, "gcj02")))
    for old, new in zip(before["legs"], after["legs"], strict=True):
        lon, lat = from_datum(*np.array(new["line"]).T, "gcj02")
        assert np.abs(np.column_stack([lon, lat]) - old["line"]).max() < 2e-6
    moved_m = (after["visits"][0]["lon"] - before["visits"][0]["lon"]) * 87_000
    assert 300 < abs(moved_m) < 700
    assert data == district()


# --- workbook ----------------------------------------------------------------------------------------


def test_the_workbook_has_its_sheets_and_real_times(tmp_path):
    data = over_midnight()
    book = openpyxl.load_workbook(written(tmp_path, data) / "plan.xlsx")
    assert book.sheetnames == ["visits", "teams", "hotspots", "unserved", "notices", "words"]
    header, first, *rest = book["visits"].iter_rows(values_only=True)
    row = dict(zip(header, first, strict=True))
    assert book["visits"].freeze_panes == "A2"
    assert row["start (Asia/Shanghai)"] == datetime(2026, 11, 27, 23, 50)
    assert dict(zip(header, rest[1], strict=True))["leave (Asia/Shanghai)"] == datetime(2026, 11, 28, 0, 10)
    visit = data["teams"][0]["visits"][0]
    assert [row[name] for name in ("team_id", "lon", "lat", "travel_s")] == ["T01", visit["lon"], visit["lat"], 720]
    assert 1 + len(rest) == sum(len(team["visits"]) for team in data["teams"])
    assert book["teams"].max_row == 1 + 27
    assert book["hotspots"].max_row == 1 + 20
    assert [row[5] for row in book["unserved"].iter_rows(min_row=2, values_only=True)] == ["OUTCOMPETED", "ROLE"]


def test_every_column_and_code_of_the_workbook_is_explained(tmp_path):
    book = openpyxl.load_workbook(written(tmp_path, district()) / "plan.xlsx")
    explained = {word for word, meaning in book["words"].iter_rows(min_row=2, values_only=True) if meaning}
    used = {cell.value.partition(" (")[0] for sheet in book.worksheets[:5] for cell in next(sheet.iter_rows(max_row=1))}
    assert used <= explained
    assert {"patrol", "OUTCOMPETED", "ebike"} <= explained


@pytest.mark.parametrize("text", [*HOSTILE, "_x000D_"])
def test_a_workbook_gives_texts_back_as_they_were(tmp_path, text):
    data = one_team()
    data["teams"][0]["name"] = data["notices"][0] = text
    path = written(tmp_path, data) / "plan.xlsx"
    book = openpyxl.load_workbook(path)
    assert as_excel_reads(book["teams"]["B2"].value) == text
    assert book["teams"]["B2"].data_type == "s"
    ours = read_table(path, required=["name"], layout=Layout(sheet="teams")).frame["name"]
    if "\n" not in text and "_x0041_" not in text:
        assert ours.iloc[0] == text.strip()
    gdal = layer(path, "teams")
    assert str(gdal.iloc[0, 1]).strip() in (text.strip(), text.strip().replace("_x", "_x005F_x"))


def test_a_workbook_keeps_control_characters_as_excel_writes_them(tmp_path):
    data = one_team()
    data["teams"][0]["name"] = CONTROL
    book = openpyxl.load_workbook(written(tmp_path, data) / "plan.xlsx")
    assert book["teams"]["B2"].value == "a_x0001_b_x000B_c_x001F_d"


@given(st.text())
def test_whatever_a_text_is_excel_reads_it_as_it_was(text):
    assert as_excel_reads(excel_text(text)) == text


# --- tracks ------------------------------------------------------------------------------------------


def test_a_track_has_stops_with_times_and_the_way_along_streets(tmp_path):
    data = over_midnight()
    team = data["teams"][0]
    path = written(tmp_path, data) / "T01.gpx"
    stops, ways = layer(path, "waypoints"), layer(path, "tracks")
    assert stops["name"].tolist()[1:] == [f"{v['sequence']} {v['hotspot_id']}" for v in team["visits"]]
    assert [(p.x, p.y) for p in stops.geometry[1:]] == [(v["lon"], v["lat"]) for v in team["visits"]]
    assert stops["time"].iloc[1] == datetime(2026, 11, 27, 15, 50, tzinfo=UTC)  # 23:50 in Shanghai
    lines = [part for way in ways.geometry for part in way.geoms]
    assert [shapely.get_coordinates(line).tolist() for line in lines] == [leg["line"] for leg in team["legs"]]
    assert gpxpy.parse(path.read_text("utf-8")).time == datetime(2026, 11, 26, 16, tzinfo=UTC)


@pytest.mark.parametrize("text", [*HOSTILE, CONTROL])
def test_a_track_gives_names_back_as_they_were(tmp_path, text):
    data = one_team()
    data["teams"][0]["name"] = text
    path = written(tmp_path, data) / "T01.gpx"
    expected = f"T01 {printable(text)}"
    assert layer(path, "tracks")["name"].tolist() == [expected]
    assert gpxpy.parse(path.read_text("utf-8")).name.strip() == expected.strip()


# --- calendars ---------------------------------------------------------------------------------------


def test_a_calendar_has_one_event_per_visit(tmp_path):
    data = over_midnight()
    team = data["teams"][0]
    path = written(tmp_path, data) / "T01.ics"
    events = events_of(path)
    assert [event["DTSTART"] for event in events] == ["20261127T235000", "20261127T183600", "20261127T235800"]
    assert events[-1]["DTEND"] == "20261128T001000"
    assert {event["DTSTAMP"] for event in events} == {"20261126T160000Z"}
    assert len({event["UID"] for event in events}) == 3
    visit = team["visits"][0]
    assert events[0]["GEO"] == f"{visit['lat']};{visit['lon']}"
    calendar = Calendar.from_ical(path.read_bytes())
    assert [zone.tz_name for zone in calendar.timezones] == ["Asia/Shanghai"]
    assert calendar.events[0].start == datetime(2026, 11, 27, 23, 50, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_an_event_keeps_its_number_when_the_night_is_planned_again(tmp_path):
    data = district()
    before = events_of(written(tmp_path, data, "one") / "T01.ics")
    data |= {"run_id": "another", "as_of": "2026-11-27T20:00:00+08:00"}
    after = events_of(written(tmp_path, data, "two") / "T01.ics")
    assert [event["UID"] for event in before] == [event["UID"] for event in after]
    assert {event["DTSTAMP"] for event in after} == {"20261127T120000Z"}


def test_what_to_do_there_is_in_the_event_in_the_district_s_own_words(tmp_path):
    data = one_team() | {"sheets": {"instructions": dict.fromkeys(["patrol"], "看车棚；别追人")}}
    data["teams"][0]["visits"][0]["activity"] = "patrol"
    assert events_of(written(tmp_path, data) / "T01.ics")[0]["DESCRIPTION"].startswith("看车棚；别追人\n")


def test_the_hour_that_the_clock_shows_twice_is_told_apart(tmp_path):
    data = district()
    data |= {"timezone": "Europe/Berlin", "window": {"start": "2026-10-24T20:00:00+02:00", "end": ""}}
    first, second = data["teams"][0]["visits"][:2]
    first |= {"start": "2026-10-25T02:30:00+02:00", "leave": "2026-10-25T02:40:00+02:00"}
    second |= {"start": "2026-10-25T02:30:00+01:00", "leave": "2026-10-25T03:40:00+01:00"}
    starts = [event["DTSTART"] for event in events_of(written(tmp_path, data) / "T01.ics")]
    assert starts[:2] == ["20261025T003000Z", "20261025T013000Z"]


@pytest.mark.parametrize("text", [*HOSTILE, CONTROL])
def test_a_calendar_gives_texts_back_as_they_were(tmp_path, text):
    data = one_team()
    data["teams"][0]["visits"][0]["place"] = text
    path = written(tmp_path, data) / "T01.ics"
    visit = data["teams"][0]["visits"][0]
    expected = f"{printable(text)} {visit['lat']:.6f},{visit['lon']:.6f}".strip()
    assert events_of(path)[0]["LOCATION"] == expected
    assert str(Calendar.from_ical(path.read_bytes()).events[0]["LOCATION"]) == expected


# --- KML -----------------------------------------------------------------------------------------------


def test_a_globe_finds_hotspots_ways_and_stops(tmp_path):
    data = district()
    path = written(tmp_path, data) / "plan.kml"
    names = pyogrio.list_layers(path)[:, 0].tolist()
    assert names[0] == "高发区域"
    assert len(names) == 1 + 25
    spots = layer(path, names[0])
    assert spots["Name"].tolist() == [spot["id"] for spot in data["hotspots"]]
    assert shapely.get_coordinates(spots.geometry[0])[0].tolist() in data["hotspots"][0]["rings"][0]
    first = layer(path, "T01 志愿巡逻1队")
    assert first["Name"].tolist()[1:] == [f"{v['sequence']} {v['hotspot_id']}" for v in data["teams"][0]["visits"]]


def test_a_hotspot_with_a_hole_keeps_it(tmp_path):
    data = district()
    (outer,) = data["hotspots"][0]["rings"]
    (west, south), (east, north) = outer[0], outer[2]
    hole = [[west + 0.001, south + 0.001], [east - 0.001, south + 0.001], [east - 0.001, north - 0.001]]
    data["hotspots"][0]["rings"] = [outer, [*hole, hole[0]]]
    shape = layer(written(tmp_path, data) / "plan.kml", "高发区域").geometry[0]
    assert shape.area == pytest.approx(shapely.Polygon(outer, [hole]).area, rel=1e-3)


@pytest.mark.parametrize("text", [*HOSTILE, CONTROL])
def test_kml_gives_texts_back_as_they_were(tmp_path, text):
    data = one_team()
    data["hotspots"][0]["explanation"] = {"zh": text, "en": text}
    found = layer(written(tmp_path, data) / "plan.kml", "高发区域")["description"].iloc[0]
    assert found.strip() == printable(text).strip()


def test_every_field_may_be_hostile_at_once(tmp_path):
    data = hostile("".join(HOSTILE) + CONTROL)
    folder = written(tmp_path, data, datums=["gcj02"])
    assert len(list(folder.iterdir())) == 2 * (2 + 2 * 25)


def test_a_run_has_all_its_exports_and_they_agree():
    run = sample_night()
    names = {path.name for path in (run / "exports").iterdir()}
    assert {"plan.gpkg", "plan.xlsx", "plan.kml"} <= names
    rows = read_table(run / "visits.csv", required=["visit_id", "team_id", "lon", "lat", "arrive"]).frame
    assert {f"{team}.{kind}" for team in rows["team_id"] for kind in ("gpx", "ics")} <= names
    points = pyogrio.read_dataframe(run / "visits.geojson")
    assert points["visit_id"].tolist() == rows["visit_id"].tolist()
    assert np.allclose(shapely.get_coordinates(points.geometry), rows[["lon", "lat"]].astype(float), atol=1e-6)
    book = openpyxl.load_workbook(run / "exports" / "plan.xlsx")
    assert sorted(cell.value for cell in book["visits"]["A"][1:]) == sorted(rows["visit_id"])
    told = (run / "sheets" / f"{rows['team_id'].iloc[0]}.html").read_text("utf-8")
    assert "示范" in told
    assert "路口" in told
