"""Typed columns become text without a digit lost, and a parquet file gives each of its rows once."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hotspot.errors import InputError
from hotspot.reading import columnar
from hotspot.reading.columnar import as_text, open_parquet
from hotspot.reading.source import Wanted

WANTED = Wanted(("id", "time"), ("lon",))


@pytest.fixture
def parquet(tmp_path):
    def write(columns, name="i.parquet", **more):
        path = tmp_path / name
        pq.write_table(pa.table(columns), path, **more)
        return path

    return write


def opened(path, wanted=WANTED):
    return open_parquet(path, path.name, wanted)


def all_rows(table):
    """Every column as a list, the row numbers, and the bad rows."""
    batches = list(table.batches())
    columns = pa.concat_tables([batch.columns for batch in batches]).to_pydict()
    return columns, np.concatenate([batch.row for batch in batches]).tolist(), [b for x in batches for b in x.bad]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([7, 2**53 + 1, None]), ["7", "9007199254740993", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([123.0, 109.7030561234567, float("nan"), None]), ["123", "109.7030561234567", None, None]),
        (pa.array([202603150001234.0, 2.0**53]), ["202603150001234", "9.007199254740992e+15"]),
        (pa.array([109.7], pa.float32()), ["109.7"]),
        (pa.array([1.5], pa.float16()), ["1.5"]),
        (pa.array([decimal.Decimal("1.50"), decimal.Decimal("300.00")]), ["1.5", "300"]),
        (pa.array([True, False, None]), ["yes", "no", None]),
        (pa.array(["001", " NA ", ""]), ["001", " NA ", ""]),
        (pa.array(["盗窃", None, "盗窃"]).dictionary_encode(), ["盗窃", None, "盗窃"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array([datetime.date(2026, 3, 15)]), ["2026-03-15"]),
        (pa.array([datetime.time(21, 5)]), ["21:05:00"]),
        (pa.array([datetime.datetime(2026, 3, 15, 21, 5)]), ["2026-03-15T21:05:00"]),
        (pa.array([datetime.datetime(2026, 3, 15, 21, 5, 0, 120000)]), ["2026-03-15T21:05:00.12"]),
        (pa.array([0], pa.timestamp("ns", tz="Asia/Shanghai")), ["1970-01-01T08:00:00+08:00"]),
        (pa.array([0], pa.timestamp("s", tz="UTC")), ["1970-01-01T00:00:00+00:00"]),
        (pa.array([0], pa.timestamp("ms", tz="America/St_Johns")), ["1969-12-31T20:30:00-03:30"]),
        (pa.nulls(2), [None, None]),
    ],
)  # fmt: skip
def test_each_type_has_its_exact_text(values, texts):
    assert as_text(values).to_pylist() == texts


def test_a_float_reads_back_as_the_same_float():
    numbers = np.random.default_rng(1).uniform(-180, 180, 10_000)
    assert [float(text) for text in as_text(pa.array(numbers)).to_pylist()] == numbers.tolist()


def test_rows_are_numbered_from_two_through_all_batches(parquet, monkeypatch):
    monkeypatch.setattr(columnar, "ROWS_AT_ONCE", 3)
    ids = [f"{i:03d}" for i in range(10)]
    table = opened(parquet({"id": ids, "phone": ["138"] * 10, "time": ["2026-03-15"] * 10}, row_group_size=4))
    columns, rows, bad = all_rows(table)
    assert columns == {"id": ids, "time": ["2026-03-15"] * 10}
    assert rows == list(range(2, 12))
    assert bad == []
    assert table.names == ("id", "time")
    assert table.dropped_columns == ("phone",)
    assert all_rows(table)[1] == rows  # and again


def test_missing_values_are_empty_and_blanks_around_text_are_not_kept(parquet):
    columns, _, _ = all_rows(opened(parquet({"id": [" 7 ", None], "time": ["", None], "lon": [np.nan, 1.0]})))
    assert columns == {"id": ["7", ""], "time": ["", ""], "lon": ["", "1"]}


def test_an_empty_table_has_no_rows(parquet):
    table = opened(parquet({"id": pa.array([], pa.string()), "time": pa.array([], pa.string())}))
    assert sum(len(batch.row) for batch in table.batches()) == 0


def test_nested_and_binary_columns_are_refused_by_name_all_at_once(parquet):
    path = parquet({"id": pa.array([[1]]), "time": pa.array([b"x"]), "lon": ["1"]})
    with pytest.raises(InputError) as caught:
        opened(path)
    assert "field id: values of type list<element: int64> can't be read" in str(caught.value)
    assert "field time: values of type binary can't be read" in str(caught.value)


def test_a_nested_column_that_nobody_asked_for_is_left_alone(parquet):
    columns, _, _ = all_rows(opened(parquet({"id": ["1"], "time": ["t"], "more": pa.array([{"id": "secret"}])})))
    assert columns == {"id": ["1"], "time": ["t"]}


def test_a_column_with_a_dot_in_its_name_is_not_taken_for_another(parquet):
    columns, _, _ = all_rows(opened(parquet({"id": ["1"], "id.phone": ["138"], "time": ["t"]})))
    assert columns == {"id": ["1"], "time": ["t"]}


def test_text_that_is_none_sets_its_row_aside(parquet):
    raw = [b"A1", b"A2\xff", "警情".encode(), b"A\x004"]
    offsets = pa.array(np.cumsum([0, *map(len, raw)]), pa.int32()).buffers()[1]
    broken = pa.Array.from_buffers(pa.string(), 4, [None, offsets, pa.py_buffer(b"".join(raw))])
    columns, rows, bad = all_rows(opened(parquet({"id": broken, "time": ["t"] * 4, "phone": ["138"] * 4})))
    assert columns["id"] == ["A1", "警情"]
    assert rows == [2, 4]
    assert [(each.row, each.reason) for each in bad] == [
        (3, "bytes that aren't UTF-8, in id"), (5, "a NUL byte in it, in id"),
    ]  # fmt: skip
    assert bad[0].text == "A2\\xff,t"


def test_a_field_above_the_limit_sets_its_row_aside(parquet):
    _, rows, bad = all_rows(opened(parquet({"id": ["x" * 131_073, "2"], "time": ["t", "t"]})))
    assert rows == [3]
    assert bad[0].reason == "a field has more than 131,072 characters, in id"
    assert len(bad[0].text) == 500


def test_a_dictionary_that_stands_for_gigabytes_is_refused_before_it_is_written_out(parquet):
    bomb = pa.DictionaryArray.from_arrays(np.zeros(60_000, dtype=np.int32), pa.array(["x" * 100_000]))
    path = parquet({"id": bomb, "time": ["t"] * 60_000})
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="field id: 60,000 rows hold 6,000,000,000 bytes of text, the limit is"):
        list(opened(path).batches())


def test_more_rows_or_bytes_than_the_limit_are_refused_by_the_footer(parquet, monkeypatch):
    path = parquet({"id": ["1", "2"], "time": ["t", "t"]})
    with monkeypatch.context() as patched:
        patched.setattr(columnar, "MOST_ROWS", 1)
        with pytest.raises(InputError, match="2 rows, the limit is 1"):
            opened(path)
    monkeypatch.setattr(columnar, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="unpacks to more than 10 bytes"):
        opened(path)


@pytest.mark.parametrize("cut", [1, 4, 60])
def test_a_file_that_was_cut_off_says_where(parquet, cut):
    path = parquet({"id": ["1"], "time": ["t"]})
    path.write_bytes(path.read_bytes()[:-cut])
    size = path.stat().st_size
    with pytest.raises(InputError, match=rf"^i\.parquet: .*its footer is missing, it was cut off after {size} bytes"):
        opened(path)


def test_other_damage_is_told_when_it_is_met(parquet):
    path = parquet({"id": [str(i) for i in range(1000)], "time": ["t"] * 1000}, compression="zstd")
    raw = bytearray(path.read_bytes())
    raw[40:200] = b"\xaa" * 160
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"^i\.parquet: damaged parquet file \("):
        list(opened(path).batches())
    path.write_bytes(b"id,time\n1,t\n")
    with pytest.raises(InputError, match=r"the content is not that of a \.parquet file"):
        opened(path)
