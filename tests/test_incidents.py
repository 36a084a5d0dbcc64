"""Incident histories: each row in one state, and the same incidents whatever the order of the rows."""

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.areas import Areas
from hotspot.errors import CrsError, InputError
from hotspot.incidents import Incidents, RowCounts, read_incidents

VANCOUVER = Path(__file__).parents[2] / "shared/data/vancouver/incidents.csv.gz"
HEADER = "id,time,lon,lat,category,source"
GOOD = "{},2024-05-01 10:00:00,109.7,38.25,theft,report"
FAULTY = {
    "bad time": "x1,2024-02-30 10:00:00,109.7,38.25,theft,report",
    "ancient": "x2,0026-02-03 10:00:00,109.7,38.25,theft,report",
    "no id": ",2024-05-01 10:00:00,109.7,38.25,theft,report",
    "short id": "6.1089E+19,2024-05-01 10:00:00,109.7,38.25,theft,report",
    "no source": "x3,2024-05-01 10:00:00,109.7,38.25,theft,",
    "minutes": "x4,2024-05-01 10:00:00,109°42'11E,38.25,theft,report",
    "full width": "x5,2024-05-01 10:00:00,１０９．７,38.25,theft,report",
    "swapped": "x6,2024-05-01 10:00:00,38.25,109.7,theft,report",
    "a field more": "x7,2024-05-01 10:00:00,109.7,38.25,theft,report,9",
}
UNLOCATED = [
    f"u{i},2024-05-01 10:00:00,{place},theft,report" for i, place in enumerate(["0,0", ",", "NaN,38", "null,null"])
]


@pytest.fixture
def export(tmp_path):
    def write(*rows, name="i.csv", header=HEADER):
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write


def read(path, **more):
    options = {"timezone": "Asia/Shanghai", "crs": "EPSG:32649", "max_rejected_share": 1.0} | more
    return read_incidents(path, **options)


def good(n):
    return [GOOD.format(i) for i in range(n)]


@pytest.mark.parametrize("fault", FAULTY)
def test_a_faulty_row_is_set_aside_with_its_number_and_text(export, fault):
    found = read(export(*good(3), FAULTY[fault]))
    assert found.counts == RowCounts(read=4, used=3, rejected=1)
    assert found.rejects["row"].tolist() == [5]
    assert found.rejects["text"].tolist() == [FAULTY[fault]]
    with pytest.raises(InputError, match="row 5"):
        read(export(*good(3), FAULTY[fault]), strict=True)


def test_rows_without_a_place_are_counted_and_no_fault(export):
    found = read(export(*good(2), *UNLOCATED), strict=True)
    assert found.counts == RowCounts(read=6, used=2, unlocated=4)


def test_the_same_export_twice_adds_nothing(export):
    path = export(*good(3))
    once, twice = read(path), read([path, path])
    assert twice.counts == RowCounts(read=6, used=3, duplicate=3)
    pd.testing.assert_frame_equal(once.frame, twice.frame)
    assert twice.duplicates["reason"][0] == f"the same incident again: row 2 of {path}"
    assert [entry["rows_duplicate"] for entry in twice.inputs] == [0, 3]


def test_an_id_with_other_content_is_rejected_and_the_earlier_kept(export):
    found = read(export("a,2024-05-02 10:00:00,109.7,38.25,theft,report", GOOD.format("a")))
    assert found.counts == RowCounts(read=2, used=1, rejected=1)
    assert found.frame["time"][0] == pd.Timestamp("2024-05-01 10:00", tz="Asia/Shanghai")
    assert "another incident has this id: row 3" in found.rejects["reason"][0]


def test_outside_of_the_study_area_is_a_state_of_its_own(export):
    box = gpd.GeoSeries([shapely.box(109.6, 38.2, 109.8, 38.3)], crs="EPSG:4326").to_crs("EPSG:32649")
    areas = Areas(gpd.GeoDataFrame({"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=box))
    found = read(export(*good(2), "z,2024-05-01 10:00:00,109.9,38.25,theft,report"), areas=areas)
    assert found.counts == RowCounts(read=3, used=2, outside=1)


def test_a_whole_file_with_lon_and_lat_exchanged_is_refused(export):
    rows = [f"{i},2024-05-01 10:00:00,38.2,109.7,theft,report" for i in range(3)]
    with pytest.raises(CrsError, match=r"looks swapped: 100% of lon in 38\.2"):
        read(export(*rows))


def test_metres_in_degree_columns_are_refused_and_read_once_declared(export):
    path = export("1,2024-05-01 10:00:00,386000,4234000,theft,report")
    with pytest.raises(CrsError, match="values look like metres; declare EPSG"):
        read(path)
    point = read(path, datum="EPSG:32649").frame.geometry[0]
    assert (point.x, point.y) == pytest.approx((386000, 4234000))


def test_without_a_source_column_there_is_no_reading(export):
    with pytest.raises(InputError, match="required column 'source' is missing"):
        read(export("1,2024-05-01,109.7,38.2,theft", header="id,time,lon,lat,category"))


def test_unknown_categories_are_all_named_with_their_counts(export):
    path = export(*good(2), "x,2024-05-01,109.7,38.2,fraud,report")
    with pytest.raises(InputError, match=r"value 'theft': category without an activity \(2 rows\)"):
        read(path, categories={"fraud"})


def test_above_the_share_like_faults_are_told_once_with_first_row_and_count(export):
    rows = [*good(2), *(f"b{i},never,109.7,38.2,theft,report" for i in range(3))]
    with pytest.raises(InputError, match=r"row 4, field time: value 'never': .*\(3 rows like it\)"):
        read(export(*rows), max_rejected_share=0.5)
    assert read(export(*rows), max_rejected_share=0.6).counts.rejected == 3


def test_personal_columns_reach_no_part_of_the_result(export):
    rows = [f"{i},2024-05-01,109.7,38.2,theft,report,610800199001011234" for i in range(3)] + ["9,never,1"]
    found = read(export(*rows, header=HEADER + ",id_card"))
    told = found.frame.to_csv() + found.rejects.to_csv() + found.duplicates.to_csv() + str(found.inputs)
    assert "6108001990" not in told
    assert any("id_card" in notice for notice in found.notices)


def test_dates_alone_are_marked_and_a_crowded_point_is_named(export):
    rows = [f"{i},2024-05-01,109.7,38.25,theft,report" for i in range(100)]
    found = read(export(*rows))
    assert found.frame["date_only"].all()
    assert any("one point (109.70000, 38.25000) holds 100.0%" in notice for notice in found.notices)


def test_native_parquet_gives_the_same_incidents_as_csv(export, tmp_path):
    path = export(*good(3))
    native = pd.read_csv(path).assign(time=lambda frame: pd.to_datetime(frame["time"]))
    native.to_parquet(tmp_path / "i.parquet")
    pd.testing.assert_frame_equal(read(path).frame, read(tmp_path / "i.parquet").frame)


def test_before_is_half_open():
    frame = gpd.GeoDataFrame(
        {"time": pd.to_datetime(["2024-05-01 11:00", "2024-05-01 10:00"])}, geometry=gpd.points_from_xy([0, 1], [0, 1]),
        crs="EPSG:32649",
    )  # fmt: skip
    both = Incidents.from_frame(frame, timezone="Asia/Shanghai")
    past = both.before(pd.Timestamp("2024-05-01 11:00", tz="Asia/Shanghai"))
    assert both.frame["id"].tolist() == ["2", "1"]
    assert past.frame["id"].tolist() == ["2"]


any_row = st.sampled_from(
    [
        *good(4),
        *FAULTY.values(),
        *UNLOCATED,
        "1,2024-05-03 10:00:00,109.7,38.25,fraud,report",
        "2,2024-05-01 10:00:00,0,0,theft,report",
    ]
)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(any_row, min_size=3, max_size=12), data=st.data())
def test_every_row_has_one_state_and_the_order_of_rows_does_not_matter(tmp_path_factory, rows, data):
    rows = [*good(14), *rows]  # enough good rows that no fault counts as the whole file's
    folder = tmp_path_factory.mktemp("i")
    results = []
    for name, ordered in (("a.csv", rows), ("b.csv", data.draw(st.permutations(rows)))):
        (folder / name).write_text("\n".join([HEADER, *ordered]) + "\n", encoding="utf-8")
        results.append(read(folder / name))
    one, two = results
    assert one.counts == two.counts
    assert one.counts.read == len(rows)
    assert len(one.frame) == one.counts.used
    assert len(one.rejects) == one.counts.rejected
    assert len(one.duplicates) == one.counts.duplicate
    assert one.frame["id"].is_unique
    pd.testing.assert_frame_equal(one.frame, two.frame)


@pytest.mark.skipif(not VANCOUVER.exists(), reason="the Vancouver data isn't here")
def test_all_rows_of_vancouver_are_accounted_for():
    found = read(VANCOUVER, timezone="America/Vancouver", crs="EPSG:32610", columns={"time": "timestamp"})
    assert found.counts.read == 174_447
    assert found.counts.rejected == 6  # wall-clock times in the hour that the spring clock change leaves out
    assert found.counts.used == len(found.frame)
