"""Faults of input files, each by its id: one clear message, nothing lost, nothing shifted."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from commands import patrol
from small_district import HEADER, good_rows, incidents, small_district

import hotspot.loading
import hotspot.reading.delimited as delimited
from hotspot.errors import InputError
from hotspot.incidents import RowCounts, read_incidents
from hotspot.tables import open_table, read_table
from planning.force import read_teams


@pytest.fixture
def district(tmp_path):
    return small_district(tmp_path / "district")


def read(path, **more):
    options = {"timezone": "Asia/Shanghai", "crs": "EPSG:32649"} | more
    return read_incidents(path, **options)


@pytest.mark.fault("INP-01")
def test_a_missing_file_is_named_and_nothing_is_written(district, tmp_path):
    (district.parent / "incidents.csv").unlink()
    said = patrol("plan", district, "--date", "2024-12-01", "--out", tmp_path / "run")
    assert said.code == 3
    assert "incidents.csv: file not found; fix:" in said.err
    assert not list(tmp_path.glob("*run*"))


@pytest.mark.fault("INP-02")
@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "file is empty"), (b"\xef\xbb\xbf\n", "file is empty"), ((HEADER + "\n").encode(), "no data rows")],
)
def test_an_empty_file_is_never_an_all_quiet_plan(district, tmp_path, content, reason):
    incidents(district, content)
    said = patrol("plan", district, "--date", "2024-12-01", "--out", tmp_path / "run")
    assert said.code == 3
    assert f"incidents.csv: {reason}" in said.err
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("INP-03")
@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
def test_a_chinese_export_in_gbk_is_read_and_its_encoding_recorded(tmp_path, encoding):
    rows = [row.replace("theft", "盗窃").replace("report", "群众报警") for row in good_rows(30)]
    path = tmp_path / "警情.csv"
    header = "编号,时间,经度,纬度,类别,来源"
    path.write_bytes("\n".join([header, *rows]).encode(encoding))
    names = dict(zip(HEADER.split(","), header.split(","), strict=True))
    found = read(path, columns=names)
    assert found.counts.used == 30
    assert set(found.frame["category"]) == {"盗窃"}
    assert found.inputs[0]["encoding"] == "gb18030"
    teams = tmp_path / "teams.csv"
    teams.write_bytes("id,name\nT1,榆林高新区万达广场\n".encode(encoding))
    assert read_table(teams, required=["id", "name"]).frame["name"].tolist() == ["榆林高新区万达广场"]


@pytest.mark.fault("INP-04")
def test_utf8_that_is_also_valid_gb18030_is_read_as_utf8(tmp_path):
    path = tmp_path / "t.csv"
    raw = "id,name\n1,中文\n".encode()
    assert raw.decode("gb18030") != raw.decode("utf-8")  # the trap: both readings succeed
    path.write_bytes(raw)
    table = read_table(path, required=["id", "name"])
    assert (table.encoding, table.frame["name"].tolist()) == ("utf-8", ["中文"])


@pytest.mark.fault("INP-05")
def test_one_bad_byte_is_named_by_offset_and_row_and_the_other_rows_are_kept(district):
    rows = [row + ",商场" for row in good_rows(1500)]
    raw = "\n".join([HEADER + ",place", *rows, ""]).encode()
    at = raw.index(b"A001202") + 3  # the record of row 1204: the header is row 1
    path = incidents(district, raw[:at] + b"\xff" + raw[at + 1 :])
    said = patrol("check", district)
    assert said.code == 3
    assert f"row 1204: bytes that are neither UTF-8 nor GB18030: byte 0xFF at offset {at:,}; fix:" in said.err
    kept = read(path)
    assert (kept.counts.used, kept.counts.rejected) == (1499, 1)
    assert kept.rejects["row"].tolist() == [1204]
    with pytest.raises(InputError, match="row 1204"):
        read(path, strict=True)


@pytest.mark.fault("INP-05")
def test_one_bad_byte_in_a_gbk_file_spoils_one_row_only(tmp_path):
    path = tmp_path / "i.csv"
    raw = "\n".join([HEADER, *(row.replace("theft", "盗窃") for row in good_rows(200))]).encode("gb18030")
    at = raw.index("盗窃".encode("gb18030"), raw.index(b"A000100")) + 1
    path.write_bytes(raw[:at] + b"\xff" + raw[at + 1 :])
    found = read(path)
    assert (found.counts.used, found.counts.rejected) == (199, 1)
    assert found.rejects["row"].tolist() == [102]


@pytest.mark.fault("INP-06")
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_of_excel_are_handled(tmp_path, encoding):
    path = tmp_path / "i.txt"
    path.write_bytes("\n".join([HEADER, *good_rows(5)]).replace(",", "\t").encode(encoding))
    found = read(path)
    assert (found.counts.used, found.inputs[0]["encoding"]) == (5, encoding)


@pytest.mark.fault("INP-07")
def test_a_field_too_many_in_every_row_shifts_nothing(district):
    incidents(district, [row + "," for row in good_rows(50)])
    said = patrol("check", district)
    assert said.code == 3
    assert "incidents.csv: row 2: 7 fields, header has 6 (50 rows like it); fix:" in said.err


@pytest.mark.fault("INP-09")
def test_a_quote_that_never_ends_is_named_by_its_row(district):
    rows = good_rows(40)
    rows[1] = rows[1].replace("theft", '"theft')
    incidents(district, rows)
    said = patrol("check", district)
    assert said.code == 3
    assert "incidents.csv: row 3: unbalanced quote: the row begins on line 3" in said.err


@pytest.mark.fault("INP-11")
@pytest.mark.parametrize(("found", "near"), [("经度", "经度"), ("Lon", "Lon"), ("longitude", "longitude")])
def test_a_renamed_column_is_missed_with_the_nearest_match_and_can_be_mapped(district, found, near):
    path = incidents(district, good_rows(20), header=HEADER.replace("lon", found))
    said = patrol("check", district)
    assert said.code == 3
    assert f"field lon: required column 'lon' is missing; columns found: id, time, {found}, lat" in said.err
    assert f'columns = {{ lon = "{near}" }}' in said.err
    assert read(path, columns={"lon": found}).counts.used == 20


@pytest.mark.fault("INP-11")
def test_all_missing_columns_are_listed_at_once(district):
    incidents(district, ["1,2"], header="Id,Time")
    said = patrol("check", district)
    assert [name for name in HEADER.split(",") if f"field {name}: required column" in said.err] == HEADER.split(",")


@pytest.mark.fault("INP-15")
def test_a_nul_byte_is_rejected_by_number_and_a_quoted_line_break_is_one_row(tmp_path):
    rows = [row + ",road" for row in good_rows(10)]
    rows[2] = rows[2].replace("road", '"road\nhouse 7"')
    rows[5] = rows[5].replace("theft", "the\0ft")
    path = tmp_path / "i.csv"
    path.write_text("\n".join([HEADER + ",address", *rows]), encoding="utf-8")
    found = read(path, max_rejected_share=0.2)
    assert (found.counts.read, found.counts.used) == (10, 9)
    assert found.rejects["row"].tolist() == [7]
    assert found.rejects["reason"].tolist() == ["a NUL byte in it (line 8 of the file)"]


@pytest.mark.fault("INP-20")
def test_the_same_export_and_overlapping_exports_add_nothing_twice(tmp_path):
    rows = good_rows(90)
    january, february = tmp_path / "1.csv", tmp_path / "2.csv"
    january.write_text("\n".join([HEADER, *rows[:60]]))
    february.write_text("\n".join([HEADER, *rows[40:]]))
    once, again = read(january), read([january, january])
    assert (again.counts.used, again.counts.duplicate) == (60, 60)
    assert once.frame.equals(again.frame)
    both = read([january, february])
    assert (both.counts.used, both.counts.duplicate) == (90, 20)
    assert both.duplicates["row"].tolist() == list(range(2, 22))
    assert both.duplicates["text"].tolist() == rows[40:60]


@pytest.mark.fault("INP-20")
def test_several_callers_about_one_incident_are_kept_once_by_the_declared_rule(tmp_path):
    path = tmp_path / "i.csv"
    calls = [
        "C7,2024-05-01 10:05,109.731,38.245,theft,report",
        "C7,2024-05-01 10:02,109.732,38.245,theft,report",
        "C7,2024-05-01 10:01,,,theft,report",
        "C7,2024-05-01 10:03,109.733,38.245,theft,patrol",
    ]
    path.write_text("\n".join([HEADER, *calls]))
    found = read(path)
    assert found.counts == RowCounts(read=4, used=2, duplicate=2)
    kept = found.frame[found.frame["source"] == "report"]
    assert kept["time"].dt.strftime("%H:%M").tolist() == ["10:02"]  # the earliest that has a place
    assert set(found.duplicates["text"]) == {calls[0], calls[2]}
    refused = read(path, same_id="refuse", max_rejected_share=1.0)
    assert (refused.counts.used, refused.counts.rejected) == (2, 2)


@pytest.mark.fault("INP-22")
def test_ids_are_text_and_a_shortened_one_is_rejected(tmp_path):
    path = tmp_path / "i.csv"
    ids = ["61080220260315000123", "61080220260315000124", "001", "1", "6.1089E+19"]
    path.write_text("\n".join([HEADER, *(row.replace(row[:7], i) for row, i in zip(good_rows(5), ids, strict=True))]))
    found = read(path, max_rejected_share=0.2)
    assert set(found.frame["id"]) == set(ids[:4])
    assert found.rejects["reason"].tolist() == ["precision already lost in the spreadsheet"]
    assert found.rejects["row"].tolist() == [6]


@pytest.mark.fault("INP-23")
def test_a_team_named_na_or_none_keeps_its_name(tmp_path):
    small_district(tmp_path)
    path = tmp_path / "teams.csv"
    header, row = path.read_text(encoding="utf-8-sig").splitlines()
    names = ["NA", "null", "None", "无"]
    rows = [
        row.replace("EXAMPLE-T01", f"T{i}").replace("Example team", name, 1) for i, name in enumerate(names, start=1)
    ]
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    assert read_teams(path, points=None)["name"].tolist() == names


@pytest.mark.fault("INP-24")
def test_a_large_file_streams_in_bounded_memory(tmp_path, monkeypatch):
    """Half a million rows in blocks of 256 KiB: the reader holds blocks, not the file."""
    monkeypatch.setattr("hotspot.reading.encoding.BLOCK_BYTES", 256 * 1024)
    path = tmp_path / "i.csv"
    row = "A{:07d},2024-05-01 10:00:00,109.73,38.245,theft,report\n"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for i in range(500_000):
            file.write(row.format(i))
    assert path.stat().st_size > 25_000_000
    opened = open_table(path, required=HEADER.split(","))
    tracemalloc.start()
    rows = sum(len(batch.row) for batch in opened.batches())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 500_000
    assert peak < 5_000_000


@pytest.mark.fault("INP-24")
def test_more_rows_than_one_load_may_have_are_refused_with_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(hotspot.loading, "MOST_ROWS", 100)
    path = tmp_path / "i.csv"
    path.write_text("\n".join([HEADER, *good_rows(101)]))
    with pytest.raises(InputError, match="more than 100 rows in all, the limit of one load"):
        read(path)


@pytest.mark.fault("INP-25")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "\n1,2024-05-01,109.7,38.2,\"" + "x" * 300_000 + '",report\n', "row 2: a field has more than 131,072"),
        (HEADER + "\n" + "x" * 5_000_000, "row 2: a line has more than 2,097,152 bytes"),
        ("x" * 5_000_000, "row 1: a line has more than 2,097,152 bytes"),
        (",".join(f"c{i}" for i in range(10_000)) + "\n" + "1," * 9_999 + "1\n", "row 1: 10000 columns, the limit is 1000"),
    ],
    ids=["field", "line", "no line break", "columns"],
)  # fmt: skip
def test_what_is_too_large_is_refused_with_row_and_limit(district, content, message):
    incidents(district, content.encode())
    said = patrol("check", district)
    assert said.code == 3
    assert message in said.err


def test_title_rows_totals_and_semicolons_of_an_export_are_understood(tmp_path):
    path = tmp_path / "i.csv"
    lines = ["2024年5月警情统计表", "制表：指挥中心", HEADER, *good_rows(12), "合计,12,,,,"]
    path.write_text("\n".join(lines).replace(",", ";"), encoding="utf-8")
    found = read(path, strict=True)
    assert (found.counts.read, found.counts.used) == (12, 12)
    assert found.frame["id"].iloc[0] == "A000000"
    told = "\n".join(found.notices)
    assert "the header is row 3; the rows above it are not data" in told
    assert "a totals row at the end of the file is not data" in told


def test_the_fast_way_and_the_careful_way_read_the_same(tmp_path, monkeypatch):
    """Quotes, doubled quotes, blank lines, odd widths and carriage returns in one file; then the compiled parser off."""
    rows = [row + f',"a ""quoted"", {i}"' for i, row in enumerate(good_rows(300))]
    rows[10], rows[20], rows[30] = rows[10] + ",9", "", "x,y"
    path = tmp_path / "i.csv"
    path.write_bytes("\r\n".join([HEADER + ",note", *rows]).encode())
    fast = read(path, max_rejected_share=1.0)
    monkeypatch.setattr(delimited, "_fast_batch", lambda block, reader, tally: None)
    careful = read(path, max_rejected_share=1.0)
    assert fast.counts == careful.counts
    assert fast.frame.equals(careful.frame)
    assert fast.set_aside.equals(careful.set_aside)
    assert fast.rejects["row"].tolist() == [12, 32]


def test_check_as_json_has_every_fault_grouped_and_counted(district):
    rows = good_rows(40)
    rows[3], rows[4], rows[7] = (
        rows[3].replace("10:", "25:"),
        rows[4].replace("10:", "25:"),
        rows[7].replace(",report", ","),
    )
    incidents(district, rows)
    said = patrol("check", district, "--json")
    told = json.loads(said.out)
    assert said.code == 3
    assert [(fault["field"], fault["row"], fault["count"]) for fault in told["faults"]] == [
        ("time", 5, 2),
        ("source", 9, 1),
    ]
    assert told["incidents"] == {"read": 40, "used": 37, "rejected": 3, "duplicate": 0, "unlocated": 0, "outside": 0}


def test_a_chinese_district_is_told_in_chinese_first(tmp_path):
    config = small_district(tmp_path, language="zh")
    incidents(config, [row + "," for row in good_rows(5)])
    said = patrol("check", config)
    chinese, english = said.err.splitlines()
    assert "第 2 行: 有 7 个字段，表头有 6 个（共 5 行）; 处理: " in chinese
    assert chinese.endswith("含逗号的值请加引号")
    assert "row 2: 7 fields, header has 6 (5 rows like it); fix: give every row" in english
