"""Whistle and report: the nearest teams that may come, in order, or what is missing and why.

The tiny district is one street of 3 km along x. On foot it is 75 m a minute, by e-bike 250.
"""

import json
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from commands import patrol
from hypothesis import given, settings
from hypothesis import strategies as st
from night_runs import sample_night
from small_district import change, small_district

from hotspot.errors import ConfigError
from hotspot.geo import to_lonlat
from planning.network import Closures, Conditions, from_lines
from planning.operations.requests import Outing, callup, callup_lines
from planning.sampledata import DEMO_DATE, sample_folder

CRS, ZONE = "EPSG:32649", "Asia/Shanghai"
EAST, NORTH = 500_000.0, 4_230_000.0
WAYS = [shapely.LineString([(EAST + a, NORTH), (EAST + b, NORTH)]) for a, b in ((0, 700), (700, 750), (750, 3000))]
STREETS = from_lines(gpd.GeoDataFrame(geometry=WAYS, crs=CRS))
SAMPLE = sample_folder() / "patrol.toml"


def instant(clock: str) -> pd.Timestamp:
    return pd.Timestamp(f"2024-11-29 {clock}", tz=ZONE)


def points_at(*metres: float) -> gpd.GeoDataFrame:
    places = [shapely.Point(EAST + x, NORTH) for x in metres]
    ids = [f"P{n}" for n in range(1, len(metres) + 1)]
    return gpd.GeoDataFrame({"id": ids, "name": ids, "kind": "office"}, geometry=places, crs=CRS)


def some_teams(*rows: dict) -> pd.DataFrame:
    plain = {
        "kind": "community", "community_id": "", "members": 4, "roles": ("mediator",), "mode": "walk",
        "shift_start": 19 * 60, "shift_end": 23 * 60, "vetted": True, "trained_until": date(2027, 12, 31),
    }  # fmt: skip
    named = [
        {"id": f"T{n}", "name": f"Team {n}", "point_id": f"P{n}", **plain, **row} for n, row in enumerate(rows, start=1)
    ]
    return pd.DataFrame(named, columns=["id", "name", "point_id", *plain])


POINTS = points_at(0, 900, 1800)
TEAMS = some_teams({"members": 4}, {"members": 3}, {"members": 2, "mode": "ebike"})


def asked(*, teams=TEAMS, points=POINTS, at_m=600.0, clock="20:10", need=6, within_min=15.0, **options):
    """A request `at_m` along the street."""
    lon, lat = to_lonlat([EAST + at_m, NORTH], CRS)[0]
    return callup(
        teams, points, STREETS, lon=lon, lat=lat, at=instant(clock), need=need, within_min=within_min, **options
    )  # fmt: skip


def test_six_people_within_fifteen_minutes():
    found = asked()
    assert callup_lines(found) == [
        "6 people within 15 min: met; teams that go: 3, members: 9",
        "T2 Team 2: 3 members, there at 20:14:00, in 4.0 min; from its point P2",
        "T3 Team 3: 2 members, there at 20:14:48, in 4.8 min; from its point P3",
        "T1 Team 1: 4 members, there at 20:18:00, in 8.0 min; from its point P1",
    ]


def test_the_shortfall_is_told_with_the_next_teams_and_the_least_change():
    found = asked(within_min=5.0)
    assert (found.members_in_time, found.shortfall, found.enough_after_min) == (5, 1, 8)
    assert callup_lines(found) == [
        "6 people within 5 min: 1 missing; teams in time: 2, members: 5",
        "T2 Team 2: 3 members, there at 20:14:00, in 4.0 min; from its point P2",
        "T3 Team 3: 2 members, there at 20:14:48, in 4.8 min; from its point P3",
        "too late: T1 (4; 8.0 min)",
        "within 8 min the need is met",
    ]


def test_teams_that_are_not_needed_are_named_but_stay():
    found = asked(need=3)
    assert found.candidates["sent"].tolist() == [True, False, False]
    assert callup_lines(found)[-1] == "also in time: T3 (2; 4.8 min), T1 (4; 8.0 min)"


def test_a_need_beyond_everybody_is_told_with_what_there_is():
    found = asked(need=10)
    assert (found.shortfall, found.enough_after_min) == (1, None)
    assert callup_lines(found)[-1] == "all teams that can come have 9 members"


def test_a_team_that_is_there_at_the_limit_is_in_time_and_equal_ones_come_by_id():
    teams = some_teams({}, {})
    found = asked(teams=teams, points=points_at(300, 900), within_min=4.0, need=8)
    assert found.candidates["arrive_s"].tolist() == [240.0, 240.0]
    assert found.candidates["team_id"].tolist() == ["T1", "T2"]
    assert found.shortfall == 0
    assert asked(teams=teams, points=points_at(299, 900), within_min=4.0, need=8).shortfall == 4


@pytest.mark.parametrize(
    ("changed", "options", "code"),
    [
        ({"shift_start": 20 * 60 + 11}, {}, "OFF_SHIFT"),
        ({"shift_end": 20 * 60 + 14}, {}, "OFF_SHIFT"),  # it would be there at the very end
        ({"shift_end": 20 * 60 + 15}, {}, None),
        ({"vetted": False}, {}, "VETTING"),
        ({"trained_until": date(2024, 11, 28)}, {}, "TRAINING"),
        ({"members": 1}, {}, "SAFETY_PAIR"),
        ({"members": 2}, {"clock": "21:50", "night_min_members": 3}, "SAFETY_PAIR"),
        ({"members": 2}, {"clock": "21:45", "night_min_members": 3}, None),  # until 22:00, which isn't part of it
        ({}, {"roles": ("collector",)}, "ROLE"),
        ({"roles": ("mediator", "collector")}, {"roles": ("collector", "grid_worker")}, None),
    ],
)
def test_who_may_not_come_is_told_with_the_reason(changed, options, code):
    found = asked(teams=some_teams(changed), points=points_at(900), need=1, **options)
    assert found.excluded == ({} if code is None else {"T1": code})
    assert len(found.candidates) == (code is None)
    if code is not None:
        assert callup_lines(found)[1] == "no team can come"
        assert callup_lines(found)[2].startswith(f"not sent ({code}, ") and callup_lines(found)[2].endswith("): T1")


def test_a_shift_of_yesterday_lasts_past_midnight():
    teams = some_teams({"shift_start": 22 * 60, "shift_end": 26 * 60, "trained_until": date(2024, 11, 29)})
    found = asked(teams=teams, points=points_at(900), clock="01:00", need=1)
    assert found.candidates["team_id"].tolist() == ["T1"]
    assert asked(teams=teams, points=points_at(900), clock="02:00", need=1).excluded == {"T1": "OFF_SHIFT"}


@pytest.mark.parametrize(("opens", "excluded"), [("20:11", {"T2": "UNREACHABLE"}), ("20:10", {})])
def test_from_behind_a_closed_street_nobody_comes(opens, excluded):
    works = {"id": ["B"], "name": ["Works"], "modes": [("walk",)], "start": [instant("08:00")], "end": [instant(opens)]}
    closed = Closures(gpd.GeoDataFrame(works, geometry=[WAYS[1].buffer(5, cap_style="flat")], crs=CRS))
    found = asked(conditions=Conditions(closures=closed))
    assert found.excluded == excluded
    assert {"T1": 480.0, "T3": 288.0}.items() <= dict(found.candidates[["team_id", "arrive_s"]].to_numpy()).items()


def test_without_teams_nobody_comes():
    assert callup_lines(asked(teams=some_teams(), need=2)) == [
        "2 people within 15 min: 2 missing; teams in time: 0, members: 0",
        "no team can come",
    ]


@settings(max_examples=30)
@given(st.integers(1, 12), st.floats(0.5, 30), st.floats(0, 3000))
def test_no_team_is_sent_that_is_not_needed_and_more_time_never_harms(need, within_min, at_m):
    found, later = (asked(need=need, within_min=limit, at_m=at_m) for limit in (within_min, within_min + 5))
    sent = found.candidates[found.candidates["sent"]]
    assert found.candidates["arrive_s"].is_monotonic_increasing
    assert sent["members"].iloc[:-1].sum() < need
    assert later.shortfall <= found.shortfall == max(0, need - found.members_in_time)
    assert found.shortfall or sent["members"].sum() >= need
    if found.shortfall and found.enough_after_min is not None:
        assert asked(need=need, within_min=found.enough_after_min, at_m=at_m).shortfall == 0


# ---- what the teams are doing ----


def night_of_two_stops(**options) -> Outing:
    """T1 of P1 (at 0 m): 10 min to H1 at 750 m, there 19:10-19:20, 10 min to H2 at 1500 m, there 19:30-19:40; home 20:00."""
    rows = [("T1", "V1", "H1", "19:00", "19:10", "19:20"), ("T1", "V2", "H2", "19:20", "19:30", "19:40")]
    stops = pd.DataFrame(rows, columns=["team_id", "visit_id", "hotspot_id", "set_out", "arrive", "leave"])
    for name in ("set_out", "arrive", "leave"):
        stops[name] = pd.DatetimeIndex([instant(clock) for clock in stops[name]])
    places = [shapely.Point(EAST + x, NORTH) for x in (750, 1500)]
    return Outing(
        **{
            "date": date(2024, 11, 29),
            "until": instant("23:59"),
            "stops": gpd.GeoDataFrame(stops, geometry=places, crs=CRS),
            "home": {"T1": instant("20:00")},
            "absent": {},
            **options,
        }
    )


@pytest.mark.parametrize(
    ("clock", "minutes", "doing", "lost"),
    [
        ("19:05", 5 + 2, "by way of its next stop H1, where it is at 19:10:00", "V1, V2"),
        ("19:10", 2, "from its stop H1", "V1, V2"),  # it has just come, and goes again
        ("19:19", 2, "from its stop H1", "V1, V2"),
        ("19:20", 10 + 12, "by way of its next stop H2, where it is at 19:30:00", "V2"),
        ("19:40", 20 + 8, "from its point P1, where it is back at 20:00:00", ""),
        ("19:50", 10 + 8, "from its point P1, where it is back at 20:00:00", ""),
        ("20:00", 8, "from its point P1", ""),
    ],
)
def test_a_team_comes_from_where_it_is_at_that_moment(clock, minutes, doing, lost):
    found = asked(
        teams=some_teams({}), points=points_at(0), clock=clock, need=1, within_min=60, outing=night_of_two_stops()
    )
    line = callup_lines(found)[1]
    assert found.candidates["arrive_s"].tolist() == [minutes * 60.0]
    assert f"in {minutes:.1f} min; {doing}" in line
    assert (f"visits lost: {lost}" in line) if lost else ("lost" not in line)


def test_a_team_that_waits_for_its_first_stop_is_at_its_point():
    outing = night_of_two_stops()
    outing.stops.loc[0, "set_out"] = instant("19:04")
    found = asked(teams=some_teams({}), points=points_at(0), clock="19:03", need=1, outing=outing)
    assert found.candidates[["arrive_s", "doing", "lost"]].to_numpy().tolist() == [[480.0, "at_point", ("V1", "V2")]]


def test_a_team_that_has_left_is_not_sent():
    outing = night_of_two_stops(absent={"T1": instant("19:30")})
    ask = {"teams": some_teams({}), "points": points_at(0), "need": 1, "within_min": 60, "outing": outing}
    assert asked(clock="19:29", **ask).excluded == {}
    assert asked(clock="19:30", **ask).excluded == {"T1": "ABSENT"}


def test_a_moment_outside_of_the_night_is_refused():
    outing = night_of_two_stops(date=date(2024, 11, 28), until=instant("01:00"))
    with pytest.raises(ConfigError, match=r"outside of the run, which is of 2024-11-28 until .*; fix: "):
        asked(outing=outing)


# ---- the command ----


def test_the_command_answers_in_both_languages(tmp_path):
    ask = ("--lon", 109.73, "--lat", 38.245, "--time", "2024-11-29T20:10", "--within", 15)
    en = patrol("callup", small_district(tmp_path / "en"), *ask, "--need", 6)
    assert (en.code, en.out.splitlines()) == (
        0,
        [
            "6 people within 15 min: met; teams that go: 1, members: 6",
            "EXAMPLE-T01 Example team: 6 members, there at 20:10:00, in 0.0 min; from its point EXAMPLE-P01",
        ],
    )
    zh = patrol("callup", small_district(tmp_path / "zh", language="zh"), *ask, "--need", 7)
    assert (zh.code, zh.out.splitlines()) == (
        4,
        [
            "15 分钟内需要 7 人：还缺 1 人；能按时到达的队伍 1 支，共 6 人",
            "EXAMPLE-T01 示例义警队：6 人，20:10:00 到达（0.0 分钟后）；从巡逻支点 EXAMPLE-P01 出发",
            "能来的所有队伍共 6 人",
        ],
    )


def test_an_activity_asks_for_the_roles_that_the_district_gives_it(tmp_path):
    config = small_district(tmp_path)
    ask = (
        "callup",
        config,
        "--lon",
        109.73,
        "--lat",
        38.245,
        "--time",
        "2024-11-29T20:10",
        "--need",
        6,
        "--within",
        15,
    )
    assert patrol(*ask, "--activity", "dispute_mediation").code == 0
    assert (
        patrol(*ask, "--role", "collector").out.splitlines()[-1]
        == "not sent (ROLE, doesn't have the role): EXAMPLE-T01"
    )
    change(config, '# dispute_mediation = ["mediator"]', 'dispute_mediation = ["grid_worker"]')
    assert patrol(*ask, "--activity", "dispute_mediation").code == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"--lat": 38.5}, "the nearest street is"),
        ({"--lon": 38.245, "--lat": 89.73}, "--lon 38.245 --lat 89.73: "),
        ({"--lat": 109.73}, "no such place"),
        ({"--lon": "nan"}, "no such place"),
        ({"--need": 0}, "nobody is asked for"),
        ({"--within": 0}, "not a time to wait"),
        ({"--time": "soon"}, "time 'soon'"),
        ({"--role": "judge"}, "use one of: propagandist"),
        ({"--activity": "chess"}, "use one of: patrol"),
        ({"--role": "mediator", "--activity": "patrol"}, "only one of them"),
    ],
)
def test_what_is_asked_wrongly_is_told(tmp_path, words, says):
    asks = {"--lon": 109.73, "--lat": 38.245, "--time": "2024-11-29T20:10", "--need": 6, "--within": 15} | words
    said = patrol("callup", small_district(tmp_path), *(word for pair in asks.items() for word in pair))
    assert said.code == 2
    assert says in said.err and "; fix: " in said.err and "Traceback" not in said.err


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    ask = ("--lon", 109.73, "--lat", 38.245, "--time", "2024-11-29T20:10", "--need", 6, "--within", 15)
    said = patrol("callup", small_district(tmp_path), *ask, "--run", tmp_path)
    assert said.code == 3 and "not a whole run" in said.err


REQUEST = ("--lon", 109.71, "--lat", 38.2445, "--time", f"{DEMO_DATE}T20:10")


def test_six_people_within_fifteen_minutes_in_the_sample_district():
    said = patrol("callup", SAMPLE, *REQUEST, "--need", 6, "--within", 15)
    assert said.code == 0
    assert said.out.splitlines()[:3] == [
        "15 分钟内需要 6 人：可以满足；出动 2 支队伍，共 9 人",
        "T10 银杏社区义警队（合成）：5 人，20:13:45 到达（3.8 分钟后）；从巡逻支点 P10 出发",
        "T27 停车管理义警队（合成）：4 人，20:13:54 到达（3.9 分钟后）；从巡逻支点 P05 出发",
    ]
    assert said.out.splitlines()[-2:] == [
        "不出动（OFF_SHIFT，到达前不在班次内）：T20",
        "不出动（VETTING，未审查）：T14",
    ]


def test_in_a_planned_night_teams_come_from_their_stops():
    run = sample_night()
    visits = pd.read_csv(run / "visits.csv", encoding="utf-8-sig", parse_dates=["arrive", "leave"])
    visit = visits[visits["sequence"] == 1].iloc[0]
    own = visits[visits["team_id"] == visit["team_id"]]
    there = ("--lon", visit["lon"], "--lat", visit["lat"], "--need", 2, "--within", 15, "--run", run, "--json")
    half_s = int(visit["travel_s"]) // 2
    for at, doing, free_s in (
        (visit["arrive"] + pd.Timedelta(minutes=1), "at_stop", 0),
        (visit["arrive"] - pd.Timedelta(seconds=half_s), "under_way", half_s),
    ):
        said = patrol("callup", SAMPLE, *there, "--time", at.isoformat())
        (row,) = [each for each in json.loads(said.out)["candidates"] if each["team_id"] == visit["team_id"]]
        assert (row["doing"], row["free_s"], row["from_id"]) == (doing, free_s, visit["hotspot_id"])
        assert row["lost"] == own["visit_id"].tolist()
        assert row["arrive_s"] - free_s < 60  # to the street and back: six decimals aren't the same place to the bit


def test_a_run_tells_nothing_of_another_night():
    ask = (*REQUEST[:4], "--time", "2024-01-01T20:00", "--need", 2, "--within", 9)
    said = patrol("callup", SAMPLE, *ask, "--run", sample_night())
    assert said.code == 2 and "outside of the run" in said.err
