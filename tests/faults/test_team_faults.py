"""Faults of teams, each by its id; those of single functions are marked where these are tested."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pa_parquet
import pytest
from commands import patrol
from small_district import small_district
from solving_cases import line

from hotspot.tables import read_back, write_csv
from planning.checking import check
from planning.plan import make_plan

PERSONAL = {"id_card": "610802199001011234", "phone": "13891234567", "victim_name": "张三丰"}


def team_rows(config, *rows):
    """Replaces the teams of the small district; `{}` in a row stands for its only team's usual fields."""
    path = config.parent / "teams.csv"
    header, _ = path.read_text(encoding="utf-8-sig").splitlines()
    usual = "EXAMPLE-P01,community,EXAMPLE-C01,6,propagandist;mediator,walk,19:00,23:00,yes,2099-12-31"
    path.write_text("\n".join([header, *(row.replace("{}", usual) for row in rows), ""]), encoding="utf-8")
    return path


def plan(config, out, *more):
    return patrol("plan", config, "--date", "2024-12-01", "--out", out, "--effort", "quick", *more)


def files_of(run):
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


@pytest.mark.fault("TEA-02")
def test_a_name_is_never_a_path(tmp_path):
    names = ["../../evil", "/etc/cron.d/x", "CON", "dot.", "x" * 300, "🚔🚨", "\u202egnp.exe", "C:\\x"]
    config = small_district(tmp_path / "district")
    team_rows(config, *(f"T{i},{name},{{}}" for i, name in enumerate(names)))
    said = plan(config, tmp_path / "run")
    assert said.code == 0, said.err
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    listed = {each["path"] for each in manifest["files"]}
    assert {*listed, "manifest.json"} == set(files_of(tmp_path / "run"))
    sheets = [name for name in files_of(tmp_path / "run") if name.startswith("sheets/")]
    assert set(sheets) <= {"sheets/index.html", *(f"sheets/T{i}.html" for i in range(len(names)))}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["district", "run"]


@pytest.mark.fault("TEA-02")
@pytest.mark.parametrize("ident", ["../x", "/etc/x", "CON", "nul.txt", "dot.", "x" * 65, "a b", "\u202eT1"])
def test_an_id_that_a_file_system_could_misread_is_refused(tmp_path, ident):
    config = small_district(tmp_path)
    team_rows(config, f"{ident},name,{{}}")
    said = patrol("check", config)
    assert said.code == 3
    assert "row 2, field id" in said.err
    assert "not usable as an id" in said.err


@pytest.mark.fault("TEA-03")
@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a`b", "</script>", "{{7*7}}", "{# x #}"])
def test_markup_in_a_name_is_text_in_every_page(tmp_path, name):
    config = small_district(tmp_path / "district")
    team_rows(config, f"T1,{name},{{}}")
    assert plan(config, tmp_path / "run").code == 0
    for path in (tmp_path / "run").rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert "<script>alert" not in page
        assert "Content-Security-Policy" in page
        assert page.count("</script>") == page.count("<script")


@pytest.mark.fault("TEA-04")
@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(1)", "'=1"])
def test_a_name_that_a_spreadsheet_would_run_is_neutralised_and_read_back_equal(tmp_path, name):
    write_csv(pd.DataFrame({"name": [name]}), tmp_path / "t.csv")
    raw = (tmp_path / "t.csv").read_text(encoding="utf-8-sig").splitlines()[1].strip('"')
    assert raw.startswith("'")
    assert read_back(pd.read_csv(tmp_path / "t.csv", encoding="utf-8-sig")["name"][0]) == name


@pytest.mark.fault("TEA-06")
@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("22:00", "02:00", None),
        ("20:00", "19:00", "ends before it starts, or lasts more than 12 hours"),
        ("08:00", "21:00", "lasts more than 12 hours"),
        ("20:00", "20:00", "the shift ends when it starts"),
    ],
)
def test_a_shift_over_midnight_is_written_as_one_and_others_are_rejected_by_row(tmp_path, start, end, words):
    config = small_district(tmp_path)
    path = team_rows(config, "T1,name,{}")
    path.write_text(path.read_text().replace("19:00,23:00", f"{start},{end}"))
    said = patrol("check", config)
    assert said.code == (0 if words is None else 3)
    assert words is None or ("row 2, field shift_end" in said.err and words in said.err)


@pytest.mark.fault("TEA-07")
@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (",6,", ",1,", "SAFETY_PAIR"),
        ("yes,2099", "no,2099", "VETTING"),
        ("2099-12-31", "2024-11-30", "TRAINING"),
    ],
)
def test_a_team_that_may_not_serve_is_in_no_visit_and_the_reason_is_told(tmp_path, old, new, code):
    config = small_district(tmp_path / "district")
    path = team_rows(config, "T1,name,{}")
    path.write_text(path.read_text().replace(old, new))
    said = plan(config, tmp_path / "run")
    assert said.code == 4
    assert f"T1: in no visit, {code}" in said.out
    assert len(pd.read_csv(tmp_path / "run" / "visits.csv")) == 0
    assert set(pd.read_csv(tmp_path / "run" / "unserved.csv")["reason"]) == {code}


@pytest.mark.fault("TEA-08")
def test_two_visits_of_one_team_that_overlap_by_hand_are_both_named():
    problem = line()
    good = make_plan(problem, [[0, 1, 2]], bound=7.0, certified=True)
    arrive, start, leave = (getattr(good.schedule, name).copy() for name in ("arrive_s", "start_s", "leave_s"))
    arrive[1], start[1], leave[1] = start[0], start[0], leave[0]
    edited = replace(good, schedule=replace(good.schedule, arrive_s=arrive, start_s=start, leave_s=leave))
    assert check(good, problem) == []
    assert any(
        "team 0, demand 1: begins at" in fault and "while demand 0 lasts" in fault for fault in check(edited, problem)
    )


@pytest.mark.fault("TEA-09")
def test_without_teams_every_demand_is_listed_as_unserved(tmp_path):
    config = small_district(tmp_path / "district")
    team_rows(config)
    said = plan(config, tmp_path / "run")
    assert said.code == 4, said.err
    unserved = pd.read_csv(tmp_path / "run" / "unserved.csv")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "infeasible"
    assert len(unserved) == manifest["plan"]["demands"] > 0
    assert set(unserved["reason"]) == {"NO_TEAM"}
    assert patrol("verify", tmp_path / "run").code == 0


@pytest.mark.fault("TEA-09")
def test_ten_thousand_teams_are_refused_with_the_limit(tmp_path):
    config = small_district(tmp_path)
    team_rows(config, *(f"T{i},name,{{}}" for i in range(10_000)))
    said = patrol("check", config)
    assert said.code == 3
    assert "teams.csv: 10,000 teams, the limit of one plan is 2,000; fix:" in said.err


@pytest.mark.fault("TEA-11")
def test_personal_columns_are_reported_and_in_no_file_of_the_run(tmp_path):
    config = small_district(tmp_path / "district")
    folder = config.parent
    for name in ("incidents.csv", "teams.csv", "points.csv"):
        lines = (folder / name).read_text(encoding="utf-8-sig").splitlines()
        more = [",".join(PERSONAL), *([",".join(PERSONAL.values())] * (len(lines) - 1))]
        joined = [f"{line},{extra}" for line, extra in zip(lines, more, strict=True)]
        (folder / name).write_text(
            "\n".join([*joined, *(["broken,row," + ",".join(PERSONAL.values())] * (name == "incidents.csv"))]),
            encoding="utf-8",
        )
    for name in ("areas.geojson", "streets.geojson"):
        layer = json.loads((folder / name).read_text(encoding="utf-8"))
        for feature in layer["features"]:
            feature["properties"] |= PERSONAL
        (folder / name).write_text(json.dumps(layer, ensure_ascii=False), encoding="utf-8")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("# max_rejected_share = 0.01", "max_rejected_share = 0.9"), encoding="utf-8")
    said = plan(config, tmp_path / "run")
    assert said.code == 0, said.err
    for name in ("incidents.csv", "teams.csv", "points.csv", "areas.geojson"):
        assert f"{name}: columns not read: id_card, phone, victim_name" in said.out
    parts = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    parts += [str(pa_parquet.read_table(path).to_pylist()).encode() for path in (tmp_path / "run").glob("*.parquet")]
    everything = b"".join(parts) + (said.out + said.err).encode()
    for value in PERSONAL.values():
        assert value.encode() not in everything
        assert value.encode("utf-16-le") not in everything
        assert json.dumps(value)[1:-1].encode() not in everything
