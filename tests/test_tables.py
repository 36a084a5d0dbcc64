"""Reading files as text: nothing is lost, shifted or guessed without a word."""

import gzip

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot.errors import ConfigError, InputError
from hotspot.tables import read_back, read_table, write_csv


@pytest.fixture
def file(tmp_path):
    def write(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def read(path, **more):
    return read_table(path, required=["id", "name"], **more)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_survives_every_encoding(file, encoding):
    table = read(file("id,name\n1,榆林高新区万达广场\n", encoding=encoding))
    assert table.frame["name"].tolist() == ["榆林高新区万达广场"]
    assert table.encoding == encoding


@pytest.mark.parametrize("quote", ["", '"'])  # without quotes the fast reader, with them the careful one
def test_names_that_look_like_nothing_and_ids_that_look_like_numbers_stay_text(file, quote):
    names = ["NA", "null", "None", "无", ""]
    rows = "".join(f"00{i},{quote}{name}{quote}\n" for i, name in enumerate(names))
    frame = read(file("id,name\n" + rows)).frame
    assert frame["name"].tolist() == names
    assert frame["id"].tolist() == ["000", "001", "002", "003", "004"]
    assert frame.index.tolist() == [2, 3, 4, 5, 6]


def test_a_field_too_many_in_every_row_is_not_shifted_but_refused(file):
    with pytest.raises(InputError, match=r"row 2: 3 fields, header has 2 \(2 rows like it\)"):
        read(file("id,name\n1,a,x\n2,b,y\n"))


def test_one_odd_row_is_set_aside_by_its_number_and_the_blank_line_is_no_row(file):
    table = read(file("id,name\n1,a\n\n2,b,c\n3,d\n"))
    assert table.frame["id"].to_dict() == {2: "1", 5: "3"}
    assert table.bad_rows.to_dict("records") == [{"row": 4, "reason": "3 fields, header has 2", "text": "2,b,c"}]


def test_a_quoted_line_break_is_one_row_and_the_physical_line_is_told(file):
    table = read(file('id,name\n1,"a\nb"\n2\n3,c\n'))
    assert table.frame["name"].to_dict() == {2: "a\nb", 4: "c"}
    assert table.bad_rows["reason"].tolist() == ["1 fields, header has 2 (line 4 of the file)"]


def test_an_open_quote_names_the_row_where_it_begins(file):
    with pytest.raises(InputError, match="row 3: unbalanced quote"):
        read(file('id,name\n1,a\n2,"b\n3,c\n4,d\n'))


def test_a_nul_and_a_bad_byte_cost_their_own_row_only(file):
    assert read(file(b"id,name\n1,a\x00\n2,b\n")).bad_rows["reason"].tolist() == ["a NUL byte in it"]
    table = read(file("id,name\n1,广场\n2,XX\n3,学校\n".encode().replace(b"XX", b"\xff")))
    assert table.frame["name"].tolist() == ["广场", "学校"]
    assert table.bad_rows.to_dict("records")[0]["text"] == "2,\\xff"


def test_columns_that_were_not_asked_for_are_named_and_their_values_are_nowhere(file):
    table = read(file("id,phone,name\n1,13800000000,a\n2,13811111111\n3,13822222222,c\n"))
    assert table.dropped_columns == ("phone",)
    assert list(table.frame) == ["id", "name"]
    assert "138" not in table.bad_rows.to_csv() + table.frame.to_csv()


def test_a_renamed_column_is_found_missing_with_its_nearest_match_and_can_be_mapped(file):
    path = file("ID,名称\n1,a\n")
    with pytest.raises(InputError) as caught:
        read(path)
    assert [fault.field for fault in caught.value.faults] == ["id", "name"]
    assert "columns found: ID, 名称" in str(caught.value)
    assert '{ name = "名称" }' in str(caught.value)
    assert read(path, columns={"id": "ID", "name": "名称"}).frame["name"].tolist() == ["a"]
    with pytest.raises(ConfigError, match="colour is not read"):
        read(path, columns={"colour": "ID"})


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "file is empty"), ("id,name\n", "no data rows"), ("id,id,name\n1,2,3\n", "appears 2 times")],
)
def test_a_file_without_rows_or_with_two_columns_of_one_name(file, content, message):
    with pytest.raises(InputError, match=message):
        read(file(content))


@pytest.mark.parametrize(
    "path",
    ["http://x/t.csv", "/vsicurl/http://x/t.csv", "s3://b/t.csv", "~/t.csv", "$HOME/t.csv", r"\\host\t.csv", "PG:x"],
)
def test_addresses_are_refused(path):
    with pytest.raises(InputError, match="not a plain local path"):
        read(path)


def test_missing_damaged_and_unknown_files_are_named(file, tmp_path):
    packed = gzip.compress(b"id,name\n1,a\n" * 50)
    for path, message in (
        (tmp_path / "none.csv", "file not found"),
        (file("x", "t.doc"), "can't be read as a table"),
        (file(packed[:-9], "t.csv.gz"), "damaged gzip"),
        (file("PAR1 nothing", "t.parquet"), "damaged parquet"),
    ):
        with pytest.raises(InputError, match=message):
            read(path)


def test_parquet_values_become_the_text_that_a_csv_would_hold(tmp_path):
    native = pd.DataFrame({"id": [7, 8], "name": [1.5, float("nan")], "at": pd.to_datetime(["2024-01-01 10:00", None])})
    native.to_parquet(tmp_path / "t.parquet")
    frame = read(tmp_path / "t.parquet", optional=["at"]).frame
    assert frame["id"].tolist() == ["7", "8"]
    assert frame["name"].tolist() == ["1.5", ""]
    assert frame["at"].str[:16].tolist() == ["2024-01-01T10:00", ""]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("=+-@'a,\"1无", max_size=5), min_size=1, max_size=5))
def test_written_text_is_no_formula_and_reads_back_equal(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    write_csv(pd.DataFrame({"id": range(len(texts)), "name": texts}), path)
    found = read(path).frame["name"]
    assert not found.str.match(r"[=+\-@]").any()
    assert found.map(read_back).tolist() == texts


def test_numbers_keep_their_sign_and_times_their_offset(tmp_path):
    time = pd.Series(pd.to_datetime(["2024-07-01 10:00", None])).dt.tz_localize("Asia/Shanghai")
    write_csv(pd.DataFrame({"n": [-1.5, 2.0], "t": time, "s": ["\t=1", "-a"]}), tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert text == "n,t,s\n-1.5,2024-07-01T10:00:00+08:00,'\t=1\n2.0,,'-a\n"
