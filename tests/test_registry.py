"""The register: counts that add up at every level, and everybody who is missing is named."""

import json
from datetime import date
from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
import shapely
from commands import patrol
from hypothesis import given
from hypothesis import strategies as st
from small_district import small_district

from hotspot.areas import Areas
from planning.force import ROLES, TEAM_KINDS
from planning.operations.registry import FACETS, register, register_lines
from planning.output.force_tables import facet_table
from planning.output.workbooks import write_workbook
from planning.sampledata import sample_folder

CRS = "EPSG:32649"
DAY = date(2024, 11, 29)
ROOT = Path(__file__).parents[1]
SAMPLE = sample_folder() / "patrol.toml"


def three_communities() -> Areas:
    """Squares of 1 km side by side: C1 and C2 of street North, C3 of South."""
    columns = {"id": ["C1", "C2", "C3"], "name": ["One", "Two", "Three"], "street": ["North", "North", "South"]}
    return Areas(gpd.GeoDataFrame(columns, geometry=[shapely.box(x, 0, x + 1, 1) for x in range(3)], crs=CRS))


def points_at(*x: float) -> gpd.GeoDataFrame:
    ids = [f"P{n}" for n in range(1, len(x) + 1)]
    columns = {"id": ids, "name": ids, "kind": "office"}
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(each, 0.5) for each in x], crs=CRS)


def some_teams(*rows: dict) -> pd.DataFrame:
    plain = {
        "point_id": "P1", "kind": "community", "community_id": "C1", "members": 4, "roles": ("mediator",),
        "vetted": True, "trained_until": date(2027, 12, 31),
    }  # fmt: skip
    named = [{"id": f"T{n}", "name": f"Team {n}", **plain, **row} for n, row in enumerate(rows, start=1)]
    return pd.DataFrame(named, columns=["id", "name", *plain])


def table(found, facet, *columns):
    return list(found.facets[facet][list(columns)].itertuples(index=False, name=None))


def test_streets_sum_up_their_communities_and_name_those_without_a_team():
    teams = some_teams({"members": 3}, {"community_id": "C3", "members": 5}, {"community_id": "C1", "point_id": "P2"})
    found = register(teams, points_at(0.5, 1.5), three_communities(), date=DAY)
    assert table(found, "street", "id", "communities", "without_team", "teams", "members", "points") == [
        ("North", 2, ("C2",), 2, 7, 2),
        ("South", 1, (), 1, 5, 0),
    ]
    assert table(found, "community", "id", "teams", "point_ids") == [
        ("C1", 2, ("P1",)),
        ("C2", 0, ("P2",)),
        ("C3", 1, ()),
    ]
    assert table(found, "point", "id", "community_id", "street", "team_ids") == [
        ("P1", "C1", "North", ("T1", "T2")),
        ("P2", "C2", "North", ("T3",)),
    ]
    assert found.without_team == ("C2",)
    assert "communities without a team: C2" in found.summary()


def test_what_belongs_to_no_community_has_a_row_of_its_own():
    teams = some_teams({}, {"community_id": "", "members": 9, "roles": ()})
    found = register(teams, points_at(0.5, 7.0), three_communities(), date=DAY)
    assert table(found, "community", "id", "teams", "members", "points")[-1] == ("", 1, 9, 1)
    assert table(found, "street", "id", "communities", "teams")[-1] == ("", 0, 1)
    assert table(found, "role", "id", "members")[-1] == ("", 9)
    assert (found.streets, found.communities) == (2, 3)


def test_each_percentage_names_who_is_missing_and_why():
    teams = some_teams({"vetted": False}, {"trained_until": None}, {"trained_until": date(2024, 11, 28)}, {"roles": ()})
    found = register(teams, points_at(0.5), three_communities(), date=DAY)
    assert register_lines(found)[2:5] == [
        "registered 50.0 %, missing T2 (trained_until), T4 (roles)",
        "vetted 75.0 %, missing T1",
        "trained 50.0 %, missing T2, T3 (2024-11-28)",
    ]


@pytest.mark.parametrize(
    ("until", "days_left", "trained"),
    [(28, None, False), (29, 0, True), (30, 1, True)],
)
def test_training_holds_through_its_last_day(until, days_left, trained):
    found = register(
        some_teams({"trained_until": date(2024, 11, until)}), points_at(0.5), three_communities(), date=DAY
    )
    assert found.expiring["days_left"].tolist() == ([] if days_left is None else [days_left])
    assert (found.training.share == 1.0) == trained


def test_training_that_ends_within_thirty_days_is_told_soonest_first():
    ends = (date(2024, 12, 30), date(2024, 12, 29), date(2024, 12, 1))
    teams = some_teams(*({"trained_until": end} for end in ends))
    found = register(teams, points_at(0.5), three_communities(), date=DAY)
    assert [line for line in register_lines(found) if "training ends" in line] == [
        "T3: training ends on 2024-12-01, days left: 2",
        "T2: training ends on 2024-12-29, days left: 30",
    ]


def test_every_enterprise_team_is_an_enterprise():
    teams = some_teams({"kind": "enterprise", "community_id": "C3"}, {}, {"kind": "enterprise"})
    found = register(teams, points_at(0.5), three_communities(), date=DAY)
    assert found.enterprises == 2
    assert table(found, "enterprise", "id", "street") == [("T1", "South"), ("T3", "North")]


def test_a_district_without_teams_has_no_percentages():
    found = register(some_teams(), points_at(0.5), three_communities(), date=DAY)
    assert register_lines(found)[0] == "0 teams, 2 streets, 3 communities, 0 enterprises"
    assert register_lines(found)[2] == "registered -"
    assert found.without_team == ("C1", "C2", "C3")


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "community_id": st.sampled_from(["", "C1", "C2", "C3"]),
                "point_id": st.sampled_from(["P1", "P2", "P3"]),
                "kind": st.sampled_from(TEAM_KINDS),
                "members": st.integers(1, 50),
                "roles": st.sets(st.sampled_from(ROLES)).map(lambda roles: tuple(sorted(roles))),
            }
        ),
        max_size=8,
    ),
    st.lists(st.floats(-1, 5), min_size=3, max_size=3),
)
def test_sums_agree_at_every_level(rows, places):
    found = register(some_teams(*rows), points_at(*places), three_communities(), date=DAY)
    for facet in ("kind", "street", "community", "point"):
        counts = found.facets[facet]
        assert counts["teams"].sum() == found.teams == len(rows)
        assert counts["members"].sum() == found.members
        assert sum(map(len, counts["team_ids"])) == found.teams
    for facet in ("street", "community"):
        assert found.facets[facet]["points"].sum() == 3
    assert found.facets["street"]["communities"].sum() == 3


# ---- the command ----


def test_the_sample_district_is_the_one_of_the_practice():
    said = patrol("force", SAMPLE, "--date", "2026-10-30")
    assert said.code == 0
    assert said.out.splitlines()[:5] == [
        "27 支义警队，5 个街道，18 个社区，7 家企业",
        "106 名队员，18 个巡逻支点：警务室 16 个，工作站 2 个",
        "登记完整 100.0 %",
        "已审查 96.3 %，未审查：T14",
        "培训有效 100.0 %",
    ]


def test_the_register_speaks_english_and_json(tmp_path):
    config = small_district(tmp_path)
    said = patrol("force", config, "--by", "street")
    assert said.out.splitlines() == [
        "Street                 Communities  Communities without a team  Teams  Members  Patrol points  Which teams",
        "Example street office  1            -                           1      6        1              EXAMPLE-T01",
    ]
    told = json.loads(patrol("force", config, "--date", "2024-11-29", "--json").out)
    assert (told["date"], told["teams"], told["vetting"]) == ("2024-11-29", 1, {"share": 1.0, "missing": {}})
    assert told["facets"].keys() == set(FACETS)


def test_a_duplicate_id_names_both_rows(tmp_path):
    config = small_district(tmp_path)
    teams = tmp_path / "teams.csv"
    lines = teams.read_text(encoding="utf-8-sig").splitlines()
    teams.write_text("\n".join([*lines, lines[1], ""]), encoding="utf-8")
    said = patrol("force", config)
    assert said.code == 3
    assert "row 3, field id: value 'EXAMPLE-T01': the same id as row 2" in said.err


def test_faults_of_all_tables_are_told_at_once(tmp_path):
    config = small_district(tmp_path)
    for name, old, new in (("points.csv", ",office,", ",flat,"), ("teams.csv", ",walk,", ",tank,")):
        text = (tmp_path / name).read_text(encoding="utf-8-sig")
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
    said = patrol("force", config)
    assert said.code == 3
    assert "value 'flat'" in said.err and "value 'tank'" in said.err


@pytest.mark.parametrize("when", ["2024-11-29T18:00", "soon"])
def test_a_date_that_is_none_is_refused(tmp_path, when):
    said = patrol("force", small_district(tmp_path), "--date", when)
    assert said.code == 2 and "fix:" in said.err


# ---- the workbook ----


def test_the_workbook_has_a_sheet_per_facet_and_the_same_bytes_again(tmp_path):
    for name in ("a.xlsx", "b.xlsx"):
        assert patrol("force", SAMPLE, "--date", "2026-10-30", "--xlsx", tmp_path / name).code == 0
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert len(book.sheetnames) == 1 + len(FACETS)
    rows = list(book["按社区统计的义警队"].iter_rows(values_only=True))
    assert rows[0] == ("编号", "名称", "街道", "队伍数", "人数", "支点数", "队伍", "支点")
    assert rows[1] == ("C01", "云杉社区（合成）", "云杉街道（合成）", 2, 5, 1, "T01, T19", "P01")


def test_a_name_that_looks_like_a_formula_stays_a_text(tmp_path):
    hostile = '=HYPERLINK("http://x")'
    teams = some_teams({"kind": "enterprise", "name": hostile})
    found = register(teams, points_at(0.5), three_communities(), date=DAY)
    write_workbook(tmp_path / "a.xlsx", {"Enterprises": facet_table(found, "enterprise", "en")})
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx")["Enterprises"]["B2"]
    assert (cell.value, cell.data_type) == (hostile, "s")


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "mine.xlsx").write_text("keep")
    said = patrol("force", SAMPLE, "--xlsx", tmp_path / "mine.xlsx")
    assert said.code == 5 and "is there already" in said.err
    assert (tmp_path / "mine.xlsx").read_text() == "keep"
    assert patrol("force", SAMPLE, "--xlsx", tmp_path / "no" / "such.xlsx").code == 5


def test_the_real_table_has_one_team_to_vet_and_one_to_train():
    config = ROOT.parent / "shared" / "data" / "vancouver" / "patrol.toml"
    if not config.is_file():
        pytest.skip("the Vancouver data isn't here")
    said = patrol("force", config, "--date", "2024-11-29")
    assert said.out.splitlines()[0] == "27 teams, 5 streets, 18 communities, 7 enterprises"
    assert "vetted 96.3 %, missing T14" in said.out
    assert "trained 96.3 %, missing T22 (2024-03-31)" in said.out
