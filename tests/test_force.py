"""The force: hand-made tables are refused with every fault, and everybody blocked has a reason."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from hotspot.areas import read_areas
from hotspot.errors import ConfigError, InputError
from planning.force import (
    may_serve,
    read_points,
    read_teams,
    require_shifts_fit,
    shift_interval,
    team_blocked,
    touches_night,
)

CRS = "EPSG:32649"
POINTS = """id,name,kind,lon,lat
P01,First,office,109.73,38.25
P02,Second,workstation,109.74,38.26
"""
HEAD = "id,name,point_id,kind,community_id,members,roles,mode,shift_start,shift_end,vetted,trained_until\n"
T01 = "T01,First team,P01,community,C01,6,propagandist;mediator,walk,18:00,22:00,yes,2027-12-31\n"
T02 = "T02,Second team,P02,grid,C01,2,,car,22:00,02:00,no,\n"


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def areas(tmp_path):
    squares = [shapely.box(109.72, 38.24, 109.76, 38.27), shapely.box(109.76, 38.24, 109.80, 38.27)]
    columns = {"id": ["C01", "C02"], "name": ["One", "Two"], "street": ["S1", "S2"]}
    gpd.GeoDataFrame(columns, geometry=squares, crs=4326).to_file(tmp_path / "areas.geojson", driver="GeoJSON")
    return read_areas(tmp_path / "areas.geojson", crs=CRS)


@pytest.fixture
def points(tmp_path):
    return read_points(saved(tmp_path, "points.csv", POINTS), crs=CRS)


def team_faults(folder: Path, points: gpd.GeoDataFrame, *rows: str, areas=None) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_teams(saved(folder, "teams.csv", HEAD + "".join(rows)), points=points, areas=areas)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


def test_points_lie_where_their_coordinates_say(points):
    back = points.to_crs(4326).geometry
    assert points["id"].tolist() == ["P01", "P02"]
    assert points.crs == CRS
    np.testing.assert_allclose(back.x, [109.73, 109.74])
    np.testing.assert_allclose(back.y, [38.25, 38.26])


def test_swapped_points_look_swapped(tmp_path, areas):
    swapped = "id,name,kind,lon,lat\nP01,First,office,38.25,109.73\n"
    for known in (None, areas):
        with pytest.raises(InputError, match=r"row 2, field lat: value '109.73': looks swapped"):
            read_points(saved(tmp_path, "points.csv", swapped), crs=CRS, areas=known)


def test_swapped_points_are_found_where_both_numbers_could_be_latitudes(tmp_path):
    square = gpd.GeoDataFrame(
        {"id": ["C01"], "name": ["One"], "street": ["S1"]}, geometry=[shapely.box(60.0, 30.0, 60.2, 30.2)], crs=4326
    )
    square.to_file(tmp_path / "areas.geojson", driver="GeoJSON")
    areas = read_areas(tmp_path / "areas.geojson", crs="EPSG:32641")
    path = saved(tmp_path, "points.csv", "id,name,kind,lon,lat\nP01,A,office,30.1,60.1\nP02,B,office,30.1,60.12\n")
    with pytest.raises(InputError, match=r"looks swapped.*2 rows like it"):
        read_points(path, crs="EPSG:32641", areas=areas)


def test_a_point_in_another_city_is_refused(tmp_path, areas):
    path = saved(tmp_path, "points.csv", POINTS + "P03,Third,office,108.95,34.27\n")
    with pytest.raises(InputError, match=r"row 4, .*more than 10 km outside every community"):
        read_points(path, crs=CRS, areas=areas)


def test_every_fault_of_the_points_is_named(tmp_path):
    rows = "P01,Again,office,109.7,38.2\n1.1E+05,Short,office,109.7,38.2\n../x,Path,office,109.7,38.2\n"
    rows += "P05,,flat,east,38.2\n"
    with pytest.raises(InputError) as caught:
        read_points(saved(tmp_path, "points.csv", POINTS + rows), crs=CRS)
    text = str(caught.value)
    assert "row 4, field id: value 'P01': the same id as row 2" in text
    assert "row 5, field id: value '1.1E+05': a number that a spreadsheet shortened" in text
    assert "row 6, field id: value '../x': not usable as an id" in text
    assert "row 7, field name: missing" in text
    assert "row 7, field kind: value 'flat': unknown value; fix: use one of: office, workstation" in text
    assert "row 7, field lon: value 'east': not a coordinate" in text


def test_teams_come_out_typed(tmp_path, points, areas):
    teams = read_teams(saved(tmp_path, "teams.csv", HEAD + T01 + T02), points=points, areas=areas)
    assert teams["members"].tolist() == [6, 2]
    assert teams["roles"].tolist() == [("propagandist", "mediator"), ()]
    assert teams["vetted"].tolist() == [True, False]
    assert teams["trained_until"].tolist() == [date(2027, 12, 31), None]
    assert teams["shift_start"].tolist() == [18 * 60, 22 * 60]
    assert teams["shift_end"].tolist() == [22 * 60, 26 * 60]


def test_without_teams_nobody_is_blocked_and_nobody_may(tmp_path, points):
    teams = read_teams(saved(tmp_path, "teams.csv", HEAD + T01), points=points).iloc[:0]
    assert team_blocked(teams, date="2024-11-29") == {}
    assert may_serve(teams, ["patrol"], date="2024-11-29").shape == (0, 1)


@pytest.mark.fault("TEA-10")
def test_a_team_at_an_unknown_point_names_the_known_ones(tmp_path, points):
    assert team_faults(tmp_path, points, T01.replace("P01", "P99")) == [
        "teams.csv: row 2, field point_id: value 'P99': unknown patrol point; fix: use one of: P01, P02"
    ]


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("community,C01", "club,C01", "kind", "enterprise, school"),
        ("C01", "C09", "community_id", "C01, C02"),
        (",6,", ",0,", "members", "positive"),
        (",6,", ",2.5,", "members", "positive"),
        (",6,", ",,", "members", "positive"),
        ("propagandist;mediator", "judge", "roles", "propagandist, mediator, collector, grid_worker"),
        ("walk", "tank", "mode", "walk, ebike, car"),
        ("18:00", "25:00", "shift_start", "HH:MM"),
        ("22:00", "24:00", "shift_end", "00:00"),
        ("22:00", "18:00", "shift_end", "ends when it starts"),
        ("22:00", "17:00", "shift_end", "more than 12 hours"),
        ("yes", "maybe", "vetted", "yes, no"),
        ("2027-12-31", "2027-02-30", "trained_until", "YYYY-MM-DD"),
    ],
)
@pytest.mark.fault("TEA-05")
def test_a_wrong_value_is_named_with_the_allowed_ones(tmp_path, points, areas, old, new, field, words):
    (message,) = team_faults(tmp_path, points, T01.replace(old, new, 1), areas=areas)
    assert f"row 2, field {field}: " in message
    assert words in message


def test_a_row_that_is_too_short_is_named_beside_the_others(tmp_path, points):
    said = team_faults(tmp_path, points, T01.replace("walk", "tank"), "T02,short\n")
    assert "row 2, field mode" in said[0]
    assert "row 3: 2 fields, header has 12" in said[1]


def test_equal_faults_are_one_line_with_a_count(tmp_path, points):
    rows = [T01.replace("T01", f"T{n:02}").replace("walk", "tank") for n in range(1, 6)]
    (message,) = team_faults(tmp_path, points, *rows)
    assert "row 2, field mode" in message
    assert "(5 rows like it)" in message


@pytest.mark.fault("TEA-11")
def test_personal_columns_do_not_come_along(tmp_path, points):
    head, row = HEAD.replace("\n", ",phone\n"), T01.replace("\n", ",13800000000\n")
    teams = read_teams(saved(tmp_path, "teams.csv", head + row), points=points)
    assert "phone" not in teams
    assert "13800000000" not in teams.to_csv()


def test_a_shift_keeps_its_clock_times_when_clocks_change():
    night = pd.Series({"shift_start": 22 * 60, "shift_end": 28 * 60})
    lengths = {
        day: (np.subtract(*shift_interval(night, day, "America/Vancouver")[::-1]) / pd.Timedelta(hours=1))
        for day in ("2024-03-09", "2024-06-01", "2024-11-02")
    }
    assert lengths == {"2024-03-09": 5.0, "2024-06-01": 6.0, "2024-11-02": 7.0}


def some_teams(**columns) -> pd.DataFrame:
    plain = {
        "id": ["T1"],
        "members": [4],
        "roles": [("mediator",)],
        "vetted": [True],
        "trained_until": [date(2027, 12, 31)],
        "shift_start": [1200],
        "shift_end": [1560],
    }
    rows = max((len(values) for values in columns.values()), default=1)
    frame = {key: values * rows for key, values in plain.items()} | columns
    return pd.DataFrame(frame | {"id": [f"T{n}" for n in range(1, rows + 1)]})


@pytest.mark.fault("TEA-07")
def test_each_reason_for_not_serving():
    teams = some_teams(
        vetted=[True, False, True, True, True],
        trained_until=[date(2024, 11, 30), None, date(2024, 11, 29), date(2027, 1, 1), None],
        members=[4, 4, 4, 1, 4],
    )
    codes = may_serve(teams, ["patrol", "dispute_mediation", "anti_fraud_publicity"], date="2024-11-29")
    assert codes.tolist() == [
        ["", "", "ROLE"],
        ["VETTING"] * 3,
        ["TRAINING"] * 3,  # the shift ends on the 30th, at 02:00
        ["SAFETY_PAIR"] * 3,
        ["TRAINING"] * 3,
    ]
    assert team_blocked(teams, date="2024-11-29") == {
        "T2": "VETTING",
        "T3": "TRAINING",
        "T4": "SAFETY_PAIR",
        "T5": "TRAINING",
    }


def test_a_shift_that_ends_at_midnight_does_not_need_training_on_the_next_day():
    teams = some_teams(trained_until=[date(2024, 11, 29)] * 2, shift_end=[1440, 1441])
    assert team_blocked(teams, date="2024-11-29") == {"T2": "TRAINING"}


@pytest.mark.fault("TEA-07")
def test_small_teams_serve_by_day_but_not_at_night():
    teams = some_teams(members=[2, 3])
    codes = may_serve(teams, ["patrol"] * 2, date="2024-11-29", at_night=[False, True], night_min_members=3)
    assert codes.tolist() == [["", "SAFETY_PAIR"], ["", ""]]


def test_the_night_is_half_open_on_both_sides():
    start = pd.DatetimeIndex([f"2024-11-{at}" for at in ("29 20:00", "29 20:01", "30 05:59", "30 06:00", "29 23:30")])
    night = touches_night(
        start.tz_localize("Asia/Shanghai"), (start + pd.Timedelta(hours=2)).tz_localize("Asia/Shanghai")
    )
    assert night.tolist() == [False, True, True, False, True]


def test_a_dwell_longer_than_every_shift_names_both_keys():
    require_shifts_fit(some_teams(shift_end=[1210, 1216]), dwell_min=(16, 20))
    with pytest.raises(ConfigError, match=r"dwell_min.*shift_start/shift_end"):
        require_shifts_fit(some_teams(shift_end=[1210, 1215]), dwell_min=(16, 20))


def test_the_real_table_is_read(tmp_path):
    folder = Path(__file__).parents[2] / "shared" / "data" / "vancouver"
    if not folder.is_dir():
        pytest.skip("the Vancouver data isn't here")
    areas = read_areas(folder / "areas.geojson", crs="EPSG:32610")
    points = read_points(folder / "points.csv", crs="EPSG:32610", areas=areas)
    teams = read_teams(folder / "teams.csv", points=points, areas=areas)
    assert len(teams) == 27
    assert team_blocked(teams, date="2024-11-29") == {"T14": "VETTING", "T22": "TRAINING"}
