"""Closures, congestion, own speeds and barriers: what they do to times, to plans, and to the words of a plan."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import patrol
from small_district import change, small_district

from hotspot.errors import ConfigError, InputError
from planning.network import (
    Closures,
    Conditions,
    from_lines,
    read_closures,
    read_congestion,
    read_streets,
    routable,
    snap,
    travel,
    ways_of_moving,
)

CRS = "EPSG:32649"
ZONE = "Asia/Shanghai"
EVENING = (pd.Timestamp("2024-12-02 18:00", tz=ZONE), pd.Timestamp("2024-12-02 22:00", tz=ZONE))


def streets_of(*lines, **tags):
    return from_lines(gpd.GeoDataFrame(tags, geometry=[shapely.LineString(line) for line in lines], crs=CRS))


def two_banks():
    """South bank, north bank, a bridge in the middle and one far to the east."""
    return streets_of(
        [(0, 0), (500, 0), (4000, 0)], [(500, 0), (500, 200)], [(4000, 0), (4000, 200)],
        [(0, 200), (500, 200), (4000, 200)],
        name=["南岸", "中桥", "东桥", "北岸"], highway=["primary", "secondary", "secondary", "residential"],
    )  # fmt: skip


def closures_of(tmp_path, *shapes, **columns):
    path = tmp_path / "closures.geojson"
    gpd.GeoDataFrame(columns, geometry=list(shapes), crs=CRS).to_crs("EPSG:4326").to_file(path)
    return path


def closed_names(streets, closures: Closures):
    return [sorted(set(streets.edges["name"].iloc[edges])) for edges in closures.edges(streets)]


BRIDGE = shapely.box(490, 50, 510, 150)


def shifted(shape):
    """Into UTM's usual numbers: the streets' made-up origin isn't on any map."""
    return shapely.transform(shape, lambda xy: np.add(xy, (500_000, 4_200_000)))


def moved(streets):
    frame = gpd.GeoDataFrame(
        {tag: streets.edges[tag] for tag in ("name", "highway", "oneway")},
        geometry=[shifted(line) for line in streets.edges.geometry],
        crs=CRS,
    )
    return from_lines(frame)


def test_an_area_a_line_and_a_point_close_the_streets_they_mean(tmp_path):
    streets = moved(two_banks())
    path = closures_of(
        tmp_path,
        shifted(BRIDGE),
        shifted(shapely.LineString([(100, 3), (400, 4)])),
        shifted(shapely.Point(4003, 100)),
        shifted(shapely.LineString([(250, -80), (250, 80)])),
        shifted(shapely.box(9000, 9000, 9100, 9100)),
    )
    closures = read_closures(path, crs=CRS, timezone=ZONE)
    assert closed_names(streets, closures) == [["中桥"], ["南岸"], ["东桥"], [], []]


def test_a_closed_bridge_makes_the_way_longer_and_both_make_it_endless():
    network = routable(two_banks(), "walk")
    ends = snap(network, [(500.0, 0.0), (500.0, 200.0)])
    bridge, far = (np.flatnonzero(network.streets.edges["name"] == name) for name in ("中桥", "东桥"))
    assert travel(network, ends, ends).travel_m[0, 1] == pytest.approx(200)
    assert travel(network.reweighted(closed=bridge), ends, ends).travel_m[0, 1] == pytest.approx(7200)
    neither = network.reweighted(closed=np.r_[bridge, far])
    assert np.isinf(travel(neither, ends, ends).travel_s[0, 1])
    assert neither.core.sum() == 2
    assert travel(neither.reweighted(), ends, ends).travel_m[0, 1] == pytest.approx(200)


def test_reweighting_equals_building_anew():
    rng = np.random.default_rng(3)
    spots = rng.uniform(0, 2000, (40, 2))
    ends = [pair for pair in rng.integers(0, 40, (130, 2)) if pair[0] != pair[1]]
    streets = streets_of(*[spots[pair] for pair in ends], oneway=rng.choice(["", "yes"], len(ends)))
    slow = routable(streets, "car", speeds={"*": 10.0, "residential": 10.0})
    again = routable(streets, "car").reweighted(multipliers=2.5)
    for name in ("head", "tail", "edge"):
        assert getattr(again.arcs, name).tolist() == getattr(slow.arcs, name).tolist()
    np.testing.assert_allclose(again.arcs.seconds, slow.arcs.seconds)
    assert again.core.tolist() == slow.core.tolist()


@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf, [1.0, 2.0]])
def test_multipliers_that_cannot_be_are_refused(bad):
    network = routable(two_banks(), "car")
    with pytest.raises((ConfigError, ValueError)):
        network.reweighted(multipliers=bad)


@pytest.mark.parametrize("bad", [[99], [-1], [0.5]])
def test_closed_edges_that_do_not_exist_are_refused(bad):
    with pytest.raises(ConfigError, match="closed edges"):
        routable(two_banks(), "walk").reweighted(closed=bad)


def test_a_closure_holds_for_its_modes_and_in_its_hours(tmp_path):
    path = closures_of(
        tmp_path, *[shifted(BRIDGE)] * 4,
        id=["a", "b", "c", "d"], name=["", "施工", "", ""], modes=["", "car; ebike", "", ""],
        start=["", "2024-12-02T21:30", "2024-12-02 22:00", "2024-12-01"], end=["", "", "", "2024-12-02T18:00"],
    )  # fmt: skip
    closures = read_closures(path, crs=CRS, timezone=ZONE)
    assert closures.active("walk", *EVENING).tolist() == [0]
    assert closures.active("car", *EVENING).tolist() == [0, 1]
    assert [closures.label(row) for row in (0, 1)] == ["a", "施工"]


def test_everything_wrong_with_closures_is_said_at_once(tmp_path):
    path = closures_of(
        tmp_path, shifted(BRIDGE), shifted(BRIDGE), None, shifted(BRIDGE),
        modes=["boat", "", "", ""], start=["", "soon", "", "2024-12-02"], end=["", "", "", "2024-12-01"],
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        read_closures(path, crs=CRS, timezone=ZONE)
    told = [(fault.row, fault.field, fault.value) for fault in caught.value.faults]
    assert told == [(2, "modes", "boat"), (3, "start", "soon"), (4, "geometry", None), (5, "end", "2024-12-01")]


def congestion(tmp_path, *rows):
    path = tmp_path / "congestion.csv"
    path.write_text("\n".join(["day,hour,highway,multiplier", *rows, ""]), encoding="utf-8")
    return path


def test_the_worst_hour_of_the_shift_slows_cars_and_nobody_else(tmp_path):
    table = read_congestion(congestion(tmp_path, "*,18,*,1.5", "workday,18,primary,3", "weekend,19,*,9", "*,22,*,4"))
    conditions = Conditions(congestion=table)
    streets = two_banks()
    moving = ways_of_moving(streets, ["car", "walk", "car"], [EVENING, EVENING, (EVENING[1], EVENING[1])], conditions)
    assert moving.names == ("car", "walk", "car 22:00-22:00") and moving.of.tolist() == [0, 1, 2]
    factor = moving.networks["car"].cost_s / moving.networks["car"].free_s
    assert dict(zip(streets.edges["highway"], factor.round(6), strict=True)) == {
        "primary": 3.0, "secondary": 1.5, "residential": 1.5,
    }  # fmt: skip
    assert (moving.networks["walk"].cost_s == moving.networks["walk"].free_s).all()


def test_everything_wrong_with_a_congestion_table_is_said_at_once(tmp_path):
    path = congestion(tmp_path, "monday,18,*,1.5", "*,24,*,1.5", "*,7,*,0.8", "*,8,,2", "*,9,*,2", "*,9,*,3")
    with pytest.raises(InputError) as caught:
        read_congestion(path)
    assert [(fault.row, fault.field) for fault in caught.value.faults] == [
        (2, "day"), (3, "hour"), (4, "multiplier"), (5, "highway"), (7, "hour"),
    ]  # fmt: skip


OSM = """<?xml version='1.0'?><osm version='0.6'>
<node id='1' lat='38.2000' lon='109.7000'/><node id='2' lat='38.2000' lon='109.7010'><tag k='barrier' v='bollard'/></node>
<node id='3' lat='38.2000' lon='109.7020'/><node id='4' lat='38.2010' lon='109.7020'/><node id='5' lat='38.2010' lon='109.7000'/>
<node id='6' lat='38.2010' lon='109.7010'><tag k='barrier' v='gate'/><tag k='access' v='private'/><tag k='foot' v='yes'/></node>
<node id='7' lat='38.2020' lon='109.7020'><tag k='barrier' v='gate'/></node>
<way id='1'><nd ref='1'/><nd ref='2'/><nd ref='3'/><tag k='highway' v='residential'/></way>
<way id='2'><nd ref='5'/><nd ref='6'/><nd ref='4'/><tag k='highway' v='residential'/></way>
<way id='3'><nd ref='3'/><nd ref='4'/><nd ref='7'/><tag k='highway' v='residential'/></way>
<way id='4'><nd ref='1'/><nd ref='5'/><tag k='highway' v='footway'/></way></osm>"""


def test_bollards_stop_cars_and_private_gates_whom_they_say(tmp_path):
    (tmp_path / "place.osm").write_text(OSM)
    streets = read_streets(tmp_path / "place.osm", crs=CRS)
    ends = gpd.GeoSeries.from_xy([109.7005, 109.7015, 109.7005], [38.2, 38.2, 38.201], crs="EPSG:4326").to_crs(CRS)
    xy = np.column_stack([ends.x, ends.y])
    reachable = {}
    for mode in ("walk", "ebike", "car"):
        network = routable(streets, mode)
        places = snap(network, xy)
        reachable[mode] = np.isfinite(travel(network, places, places).travel_s[0, 1:]).tolist()
        west = np.flatnonzero(streets.edges["osmid"] == "1")[0]
        assert network.core[west] == (mode != "car")
    assert reachable == {"walk": [True, True], "ebike": [True, True], "car": [True, True]}
    car = routable(streets, "car")
    beyond = snap(car, xy[:1])
    assert beyond.moved.tolist() == [True]  # behind the bollard a car would be on an island: the next street is taken
    assert len(streets.barred["car"]) == 2 and len(streets.barred["walk"]) == 0


def test_footways_have_no_imputed_speeds():
    ways = streets_of([(0, 0), (90, 0)], [(90, 0), (180, 0)], highway=["footway", "residential"], maxspeed=["50", "30"])
    assert routable(ways, "walk").cost_s.tolist() == pytest.approx([72, 72])
    assert np.isinf(routable(ways, "car").cost_s[0])


def district_with_a_river(tmp_path):
    """The small district with its hotspot on the north bank, which only a bridge joins to the patrol point's bank."""
    config = small_district(tmp_path / "district")
    path = config.parent / "streets.geojson"
    layer = json.loads(path.read_text(encoding="utf-8"))
    south, north = 38.245, 38.2485
    ways = {
        "南岸": [[109.72, south], [109.735, south], [109.74, south]],
        "大桥": [[109.735, south], [109.735, north]],
        "北岸": [[109.72, north], [109.735, north], [109.74, north]],
    }
    layer["features"] = [
        {"type": "Feature", "properties": {"highway": "residential", "name": name},
         "geometry": {"type": "LineString", "coordinates": line}}
        for name, line in ways.items()
    ]  # fmt: skip
    path.write_text(json.dumps(layer, ensure_ascii=False), encoding="utf-8")
    incidents = config.parent / "incidents.csv"
    head = incidents.read_text(encoding="utf-8-sig").splitlines()[0]
    rows = [f"I{i},2024-11-{i % 28 + 1:02d} 20:15,109.7355,{north},theft,report" for i in range(60)]
    incidents.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return config


def run(config, out):
    said = patrol("plan", config, "--date", "2024-12-01", "--out", out, "--effort", "quick")
    assert said.code in (0, 4), said.err
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return manifest, pd.read_csv(out / "unserved.csv", encoding="utf-8-sig"), said


def page_of(run):
    return json.loads((run / "page.json").read_text(encoding="utf-8"))


def test_a_closure_on_a_bridge_changes_the_plan_and_says_so(tmp_path):
    config = district_with_a_river(tmp_path)
    manifest, unserved, _ = run(config, tmp_path / "open")
    assert manifest["plan"]["served"] > 0 and "CLOSURE" not in set(unserved["reason"])
    closure = gpd.GeoDataFrame(
        {"name": ["大桥维修"]}, geometry=[shapely.box(109.7345, 38.246, 109.7355, 38.2475)], crs="EPSG:4326"
    )
    closure.to_file(config.parent / "closures.geojson")
    change(config, "[streets]", '[streets]\nclosures = "closures.geojson"')
    manifest, unserved, said = run(config, tmp_path / "closed")
    assert manifest["plan"]["served"] == 0
    assert set(unserved["reason"]) == {"CLOSURE"}
    assert unserved["detail"].str.contains("closed: 大桥维修; the way of .*, when open, doesn't exist").all() or (
        unserved["detail"].str.contains("closed: 大桥维修; the way of").all()
    )
    assert set(unserved["relaxation"]) == {"open 大桥维修"}
    assert "closed for walk: 大桥维修, 1 street edges of" in said.out
    assert any(entry["path"] == "closures.geojson" for entry in manifest["inputs"])
    (closed,) = page_of(tmp_path / "closed")["closures"]
    assert closed["reason"] == "大桥维修" and closed["line"] == [[109.735, 38.245], [109.735, 38.2485]]
    assert patrol("verify", tmp_path / "closed").code == 0


def test_a_closure_in_other_hours_changes_nothing(tmp_path):
    config = district_with_a_river(tmp_path)
    served = run(config, tmp_path / "open")[0]["plan"]["served"]
    closure = gpd.GeoDataFrame(
        {"end": ["2024-12-01T05:00"]}, geometry=[shapely.box(109.7345, 38.246, 109.7355, 38.2475)], crs="EPSG:4326"
    )
    closure.to_file(config.parent / "closures.geojson")
    change(config, "[streets]", '[streets]\nclosures = "closures.geojson"')
    assert run(config, tmp_path / "closed")[0]["plan"]["served"] == served
    assert page_of(tmp_path / "closed")["closures"] == []


def test_own_speeds_in_the_configuration_are_used_and_checked(tmp_path):
    config = district_with_a_river(tmp_path)
    change(config, "[streets]", '[streets]\nspeeds = { walk = { "*" = 0.5, residential = 0.5 } }')
    _, unserved, _ = run(config, tmp_path / "slow")
    assert set(unserved["reason"]) <= {"LEG", "SHIFT", "WINDOW"} and len(unserved)
    change(config, "speeds = { walk", "speeds = { wlak")
    said = patrol("check", config)
    assert said.code == 2 and "streets.speeds.wlak: unknown key; fix: did you mean walk?" in said.err
