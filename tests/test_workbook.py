"""Workbooks: the stored values of one sheet, every row once and by its number, and nothing else of the file."""

import datetime as dt
import random
import re
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest

from hotspot.errors import InputError
from hotspot.reading import workbook
from hotspot.reading.source import MOST_FIELD_CHARS, Layout, Wanted
from hotspot.reading.workbook import is_plain_text, is_zip, open_workbook
from hotspot.tables import read_table

WANTED = Wanted(("id", "time"))
SHEET, TEXTS, RELATIONS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/_rels/workbook.xml.rels"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DECLARED_UTF8 = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.fixture
def book(tmp_path):
    """A file with one sheet of these rows, or with several sheets by their names; `change` gets the workbook."""

    def write(rows, change=lambda made: None, name="t.xlsx"):
        made = openpyxl.Workbook()
        made.remove(made.active)
        for title, cells in (rows if isinstance(rows, dict) else {"Sheet1": rows}).items():
            sheet = made.create_sheet(title)
            for at, row in enumerate(cells, 1):
                for column, value in enumerate(row, 1):
                    sheet.cell(at, column, value)
        change(made)
        made.save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def raw(book):
    """A file whose sheet has these rows as XML, under the header id, time."""
    header = "".join(f'<c t="str"><v>{name}</v></c>' for name in ("id", "time"))

    def write(rows, texts=None, namespace=MAIN):
        sheet = f'<worksheet xmlns="{namespace}"><sheetData><row r="1">{header}</row>{rows}</sheetData></worksheet>'
        file = rewrite(book([["x"]]), {SHEET: sheet})
        return with_texts(file, texts) if texts else file

    return write


def rewrite(file, parts):
    """The file with other contents of some parts: a text or bytes, a function of the old ones, or None to drop it."""
    with zipfile.ZipFile(file) as packed:
        old = {name: packed.read(name) for name in packed.namelist()}
    for name, new in parts.items():
        old[name] = new(old[name].decode()) if callable(new) else new
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in old.items():
            if content is not None:
                packed.writestr(name, content)
    return file


def with_texts(file, texts):
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"

    def refer(text):
        added = f'<Relationship Type="{relation}" Target="sharedStrings.xml" Id="rIdTexts"/></Relationships>'
        return text.replace("</Relationships>", added)

    return rewrite(file, {TEXTS: f'<sst xmlns="{MAIN}">{texts}</sst>', RELATIONS: refer})


def shared(file):
    """The file with its texts in a part of their own, as Excel writes them."""
    texts = []

    def number(cell):
        texts.append(cell[1])
        return f't="s"><v>{len(texts) - 1}</v></c>'

    rewrite(file, {SHEET: lambda text: re.sub(r't="inlineStr"><is>(.*?)</is></c>', number, text)})
    return with_texts(file, "".join(f"<si>{text}</si>" for text in texts))


def encoded(name, declared=None):
    """A change that says and does another encoding."""
    declaration = f'<?xml version="1.0" encoding="{declared or name}"?>'

    def change(text):
        return (declaration + re.sub(r"^<\?xml[^>]*\?>", "", text)).encode(name)

    return change


def opened(file, wanted=WANTED, **layout):
    return open_workbook(file, "t.xlsx", wanted, Layout(**layout))


def read(file, wanted=WANTED, **layout):
    """(the good rows by their numbers, the bad ones likewise with their reasons, the opened table)."""
    table = opened(file, wanted, **layout)
    good, bad = {}, {}
    for batch in table.batches():
        assert tuple(batch.columns.column_names) == table.names
        rows = zip(*(column.to_pylist() for column in batch.columns.columns), strict=True)
        good |= dict(zip(batch.row.tolist(), rows, strict=True))
        bad |= {row.row: row.reason for row in batch.bad}
    return good, bad, table


def times(file, **layout):
    """The texts of the time column."""
    return [time for _, time in read(file, **layout)[0].values()]


# ---- which rows there are ----


def test_rows_have_their_numbers_in_the_sheet_and_blank_ones_are_none(book):
    rows = [["id", "time"], ["1", "a"], [None, "  "], [], ["2", "b"]]
    assert read(book(rows))[0] == {2: ("1", "a"), 5: ("2", "b")}


def test_the_first_rows_and_columns_may_be_missing(book):
    def fill(made):
        sheet = made["Sheet1"]
        sheet["C5"], sheet["D5"], sheet["C9"], sheet["D9"] = "id", "time", "1", "a"

    good, bad, table = read(book([], fill))
    assert (good, bad) == ({9: ("1", "a")}, {})
    assert table.notices == ["the header is row 5; the rows above it are not data"]


def test_a_lie_about_the_size_of_the_sheet_costs_no_row(book):
    file = rewrite(
        book([["id", "time"], ["1", "a"], ["2", "b"]]),
        {SHEET: lambda text: re.sub(r'<dimension ref="[^"]*"', '<dimension ref="A1:A2"', text)},
    )
    assert list(read(file)[0]) == [2, 3]


def test_cells_and_rows_without_references_are_counted_on(raw):
    cells = "<c><v>{}</v></c><c><v>{}</v></c>"
    good, _, _ = read(raw(f"<row>{cells.format(1, 2)}</row><row r='7'>{cells.format(3, 4)}</row>"))
    assert good == {2: ("1", "2"), 7: ("3", "4")}


@pytest.mark.parametrize("second", [3, 2, 1_048_577])  # the same again, back, beyond the last row of any sheet
def test_rows_whose_numbers_do_not_go_up_are_refused_and_not_passed_over(raw, second):
    cell = "<c><v>1</v></c>"
    with pytest.raises(InputError, match=rf"row {second} comes after row 3"):
        read(raw(f'<row r="3">{cell}</row><row r="{second}">{cell}</row>'))


def test_a_column_that_is_in_a_row_twice_is_refused(raw):
    with pytest.raises(InputError, match="damaged workbook"):
        read(raw('<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'))


def test_cells_out_of_order_keep_their_columns(raw):
    row = '<row r="2"><c r="B2" t="str"><v>b</v></c><c r="A2" t="str"><v>a</v></c></row>'
    assert read(raw(row))[0] == {2: ("a", "b")}


def test_batches_may_be_read_again_and_are_no_longer_than_they_may_be(book, monkeypatch):
    monkeypatch.setattr(workbook, "ROWS_AT_ONCE", 4)
    table = opened(book([["id", "time", "x"], *([str(i), "a", "b"] for i in range(25)), ["合计", None, 25]]))
    for _ in range(2):
        assert [len(batch.row) for batch in table.batches()] == [4, 4, 4, 4, 4, 4, 1]
    assert table.notices == ["row 27: totals, not data"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed there")
def test_who_stops_reading_leaves_no_file_open(book, monkeypatch):
    monkeypatch.setattr(workbook, "ROWS_AT_ONCE", 1)
    file = book([["id", "time"], *([str(i), "a"] for i in range(50))])
    batches = opened(file).batches()
    assert next(batches).row.tolist() == [2]
    batches.close()
    assert not any(link.resolve() == file for link in Path("/proc/self/fd").iterdir())


def test_a_sheet_with_a_header_only_gives_no_rows(book):
    assert read(book([["id", "time"]]))[:2] == ({}, {})


def test_rows_that_are_hidden_are_data(book):
    def hide(made):
        made["Sheet1"].row_dimensions[2].hidden = True

    assert list(read(book([["id", "time"], ["1", "a"], ["2", "b"]], hide))[0]) == [2, 3]


# ---- titles, totals, notes ----


def test_merged_titles_above_the_header_and_totals_and_notes_below_are_told_and_not_data(book):
    rows = [
        ["2026年3月警情", None, None], ["制表：指挥中心", None, None], ["id", "time", "x"],
        ["1", "a", None], ["2", "b", "7"],
        ["合计：2", None, "7"], [], ["注：王某 13800000000", None, None],
    ]  # fmt: skip
    good, bad, table = read(book(rows, lambda made: made["Sheet1"].merge_cells("A1:C1")))
    assert (list(good), bad) == ([4, 5], {})
    assert table.notices == [
        "the header is row 3; the rows above it are not data",
        "row 6: totals, not data",
        "row 8: a single cell below the table, not data",
    ]


def test_totals_above_more_notes_than_rows_may_be_totals_are_still_totals(book):
    rows = [["id", "time", "x"], ["1", "a", "b"], ["total", None, 1], ["n1"], ["n2"], ["n3"], ["n4"]]
    good, _, table = read(book(rows))
    assert list(good) == [2]
    assert table.notices == ["row 3: totals, not data", "rows 4, 5, 6, 7: a single cell below the table, not data"]


def test_a_lone_cell_is_data_in_a_narrow_table_and_above_other_rows(book):
    assert list(read(book([["id", "time"], ["1", "a"], ["2"]]))[0]) == [2, 3]
    assert list(read(book([["id", "time", "x"], ["1"], ["2", "a", "b"]]))[0]) == [2, 3]


def test_a_row_that_only_begins_like_a_sum_is_data(book):
    file = book([["id", "time", "x"], ["Summer-1", "a", "b"]])
    assert list(read(file)[0]) == [2]
    assert list(read(file, Wanted(("id",)))[0]) == [2]


def test_totals_with_formulas_that_have_no_value_are_totals_and_not_a_bad_row(book):
    good, bad, table = read(book([["id", "time", "x"], ["1", "a", 3], ["合计", "=COUNT(C2:C2)", "=SUM(C2:C2)"]]))
    assert (list(good), bad, table.notices) == ([2], {}, ["row 3: totals, not data"])


def test_line_breaks_in_names_stand_for_a_blank_or_in_chinese_for_nothing(book):
    wanted = Wanted(("id", "time"), columns={"id": "call id", "time": "发生时间"})
    good, _, table = read(book([[" call\nid ", "发生\n时间", None, "电话"], ["1", "a"]]), wanted)
    assert good == {2: ("1", "a")}
    assert table.dropped_columns == ("电话",)


def test_the_header_row_can_be_given(book):
    rows = [["id", "time"], ["old", "old"], ["time", "id"], ["a", "1"]]
    assert read(book(rows), header_row=3)[0] == {4: ("1", "a")}
    deep = [["x"]] * 40 + [["id", "time"], ["1", "a"]]
    assert read(book(deep), header_row=41)[0] == {42: ("1", "a")}
    with pytest.raises(InputError, match="header_row is 9, the sheet 'Sheet1' has 4 rows"):
        read(book(rows), header_row=9)
    with pytest.raises(InputError, match="required column 'id' is missing"):
        read(book(deep))  # below the first 30 rows nothing is looked for


# ---- which sheet ----


def test_the_only_sheet_with_the_columns_is_read_and_the_others_are_named(book):
    def hide(made):
        made["draft"].sheet_state = "hidden"

    rows = [["id", "time"], ["1", "a"]]
    file = book({"说明": [["hello"]], "data": rows, "draft": [["id", "time"], ["2", "b"]]}, hide)
    good, _, table = read(file)
    assert good == {2: ("1", "a")}
    assert table.notices == ["hidden sheets are not read: draft", "sheet 'data' is read, others are not: 说明"]
    assert read(file, sheet="draft")[0] == {2: ("2", "b")}


def test_sheets_that_can_not_be_told_apart_are_named(book):
    rows = [["id", "time"], ["1", "a"]]
    file = book({"1月": rows, "2月": rows})
    with pytest.raises(InputError, match=r"several sheets have all required columns: 1月, 2月; fix: .*sheet = \"1月\""):
        opened(file)
    with pytest.raises(InputError, match="no sheet is named '3月'; sheets: 1月, 2月"):
        opened(file, sheet="3月")


def test_without_any_complete_header_the_best_one_is_told(book):
    with pytest.raises(InputError, match=r"row 2, field time: required column 'time' is missing.* id, when"):
        opened(book({"a": [["x"]], "b": [["title"], ["id", "when"]]}))


def test_chart_sheets_are_ignored(book):
    good, _, table = read(book([["id", "time"], ["1", "a"]], lambda made: made.create_chartsheet("chart")))
    assert (good, table.notices) == ({2: ("1", "a")}, [])


def test_a_workbook_of_hidden_sheets_needs_a_name(raw):
    def hide(text):
        return text.replace('state="visible"', 'state="veryHidden"')

    with pytest.raises(InputError, match=r"no sheet with cells is visible; sheets: Sheet1 \(hidden\)"):
        opened(rewrite(raw(""), {"xl/workbook.xml": hide}))


# ---- cells ----


def test_ids_keep_their_zeros_and_numbers_are_their_shortest_text(book):
    values = ["007", 7, 123.0, 109.734, -5, True, False, " x ", 999_999_999_999_999]
    shown = ["007", "7", "123", "109.734", "-5", "yes", "no", "x", "999999999999999"]
    assert times(book([["id", "time"], *(["1", value] for value in values)])) == shown


def test_a_number_whose_digits_are_lost_looks_as_excel_shows_it(book):
    rows = [["id", "time"], [61_089_000_123_456_789_012, "a"], [6_101_000_000_000_000, "b"]]
    assert [row[0] for row in read(book(rows))[0].values()] == ["6.1089E+19", "6.101E+15"]


def test_percentages_and_money_are_numbers(book):
    def form(made):
        made["Sheet1"]["B2"].number_format = "0.00%"
        made["Sheet1"]["B3"].number_format = '"¥"#,##0.00_);[Red]("¥"#,##0.00)'

    assert times(book([["id", "time"], ["1", 0.125], ["2", 1234.5]], form)) == ["0.125", "1234.5"]


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (dt.datetime(2026, 3, 15), "yyyy-mm-dd", "2026-03-15"),
        (dt.datetime(2026, 3, 15), "yyyy-mm-dd h:mm", "2026-03-15 00:00:00"),
        (dt.datetime(2026, 3, 15, 21, 5), "yyyy-mm-dd", "2026-03-15 21:05:00"),  # what is stored counts
        (dt.datetime(2026, 3, 15, 21, 5, 2, 400_000), "yyyy-mm-dd h:mm", "2026-03-15 21:05:02.400"),
        (dt.datetime(2026, 3, 15), "[$-zh-CN]yyyy/m/d", "2026-03-15"),  # the h is of the language, not of a time
        (dt.datetime(2026, 3, 15), 'yyyy"年"m"月"d"日" h"时"', "2026-03-15 00:00:00"),
        (dt.time(21, 5), "h:mm", "21:05:00"),
        (1.125, "[h]:mm", "27:00:00"),
        (46096.5, "General", "46096.5"),
        (-3, "yyyy-mm-dd", "-3"),  # Excel shows #### for it, and for what follows
        (99_999_999, "yyyy-mm-dd", "99999999"),
        (-0.5, "[h]:mm", "-0.5"),
    ],
)
def test_dates_are_iso_and_have_a_time_where_the_format_shows_one(book, value, form, shown):
    def set_form(made):
        made["Sheet1"]["B2"].number_format = form

    assert times(book([["id", "time"], ["1", value]], set_form)) == [shown]


def test_the_formats_of_a_chinese_excel_are_dates_by_their_number_alone(raw):
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf/><xf numFmtId="31"/><xf numFmtId="32"/></cellXfs></styleSheet>'
    cell = '<row r="{}"><c/><c s="{}"><v>46096</v></c></row>'  # 2026-03-15 is day 46,096
    file = rewrite(raw("".join(cell.format(i + 2, i) for i in range(3))), {"xl/styles.xml": styles})
    assert times(file) == ["46096", "2026-03-15", "2026-03-15 00:00:00"]


def test_days_may_count_from_1904(book):
    def since_1904(made):
        made.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    file = book([["id", "time"], ["1", dt.datetime(2026, 3, 15, 9)], ["2", 44634.375]], since_1904)
    good, _, table = read(file)
    assert [time for _, time in good.values()] == ["2026-03-15 09:00:00", "44634.375"]
    assert table.notices == [workbook.SYSTEM_1904]


def test_iso_dates_stay_as_they_are(raw):
    values = ("2026-03-15T21:05:00", "2026-03-15T21:05:00+08:00")
    rows = "".join(f'<row r="{i}"><c/><c t="d"><v>{value}</v></c></row>' for i, value in enumerate(values, 2))
    assert times(raw(rows)) == ["2026-03-15 21:05:00", "2026-03-15 21:05:00+08:00"]


def test_texts_lose_formatting_reading_aids_and_codes(raw):
    rich = "<si><r><t>万达</t></r><r><rPr><b/></rPr><t>广场</t></r><rPh sb='0' eb='1'><t>wanda</t></rPh></si>"
    plain, coded = "<si><t>a</t></si>", "<si><t>a_x000D_\nb_x005F_x000D_</t></si>"
    cells = '<row r="2"><c t="s"><v>0</v></c><c t="s"><v>2</v></c></row><row r="3"><c t="s"><v>1</v></c></row>'
    assert read(raw(cells, rich + plain + coded))[0] == {2: ("万达广场", "a\r\nb_x000D_"), 3: ("a", "")}


@pytest.mark.parametrize("number", ["3", "-1", "x", "99999999999"])
def test_a_text_that_is_not_there_is_damage_and_not_another_text(raw, number):
    with pytest.raises(InputError, match="damaged workbook"):
        cells = f'<c t="s"><v>0</v></c><c t="s"><v>{number}</v></c>'
        read(raw(f'<row r="2">{cells}</row>', "<si><t>a</t></si>"))


def test_the_strict_kind_of_file_is_read_too(raw):
    row = '<row r="2"><c><v>1</v></c><c t="inlineStr"><is><t>a</t></is></c></row>'
    assert read(raw(row, namespace="http://purl.oclc.org/ooxml/spreadsheetml/main"))[0] == {2: ("1", "a")}


def test_prefixed_tags_are_read_too(raw):
    def prefix(text):
        return re.sub(r"<(/?)(?=\w)", r"<\1x:", text).replace("xmlns=", "xmlns:x=")

    file = rewrite(raw('<row r="2"><c><v>1</v></c><c><v>2</v></c></row>'), {SHEET: prefix})
    assert read(file)[0] == {2: ("1", "2")}


def test_an_error_costs_its_row_where_it_is_read_and_nothing_elsewhere(book):
    wanted = Wanted(("id", "time"), columns={"time": "时间"})
    rows = [["id", "时间", "x"], ["1", "#REF!", "secret"], ["2", "a", "#DIV/0!"], ["#N/A", "b", None]]
    good, bad, table = read(book(rows), wanted)
    assert good == {3: ("2", "a")}
    assert bad == {2: "error cell #REF! in column '时间'", 4: "error cell #N/A in column 'id'"}
    texts = [row.text for batch in table.batches() for row in batch.bad]
    assert texts == ["1,#REF!", "#N/A,b"]


def test_formulas_give_the_stored_value_and_are_never_evaluated(raw):
    cells = [
        "<c><f>1+1</f><v>5</v></c>",  # stale, and yet what is stored
        '<c t="str"><f>A1&amp;B1</f><v>text</v></c>',
        '<c t="str"><f>""</f><v></v></c>',  # an empty text is a result
        "<c><f>1+1</f></c>",
        "<c><f>1+1</f><v/></c>",
        '<c><f t="shared" si="0"/></c>',
    ]
    rows = "".join(f'<row r="{i}"><c><v>{i}</v></c>{cell}</row>' for i, cell in enumerate(cells, 2))
    good, bad, _ = read(raw(rows))
    assert good == {2: ("2", "5"), 3: ("3", "text"), 4: ("4", "")}
    assert bad == dict.fromkeys((5, 6, 7), "a formula without a stored value")


def test_a_formula_without_a_value_does_not_matter_where_it_is_not_read(book):
    good, bad, _ = read(book([["id", "time", "x"], ["1", "a", "=NOW()"], ["2", "=NOW()", "b"]]))
    assert (good, bad) == ({2: ("1", "a")}, {3: "a formula without a stored value"})


def test_a_text_above_the_limit_costs_its_row(raw):
    long = "y" * (MOST_FIELD_CHARS + 1)
    good, bad, _ = read(raw(f'<row r="2"><c><v>1</v></c><c t="str"><v>{long}</v></c></row><row><c><v>2</v></c></row>'))
    assert (good, bad) == ({3: ("2", "")}, {2: "a field has more than 131,072 characters"})


def test_more_columns_than_any_table_has_are_refused(book):
    with pytest.raises(InputError, match="1001 columns, the limit is 1000"):
        opened(book([["id", "time", *(f"c{i}" for i in range(999))]]))


# ---- the file ----


def test_other_files_are_told_apart(tmp_path):
    def held(content):
        (tmp_path / "t.xlsx").write_bytes(content)
        return tmp_path / "t.xlsx"

    for content, reason in (
        (b"", "file is empty"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + bytes(600), "encrypted or an old .xls workbook"),
        (b"<html><table>", "a web page or XML, not a workbook"),
        (b"\x89PNG\0", "not a workbook"),
    ):
        with pytest.raises(InputError, match=reason):
            opened(held(content))
        assert not is_plain_text(held(content))
        assert not is_zip(held(content))
    assert is_plain_text(held("id,time\n1,时间\n".encode("gb18030")))
    assert is_plain_text(held("id,time\n".encode("utf-16")))


def test_a_packed_file_that_is_no_workbook_is_told(tmp_path, book):
    file = tmp_path / "t.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("t.csv", "id,time\n")
    assert is_zip(file)
    with pytest.raises(InputError, match="a packed file, but not a workbook"):
        opened(file)
    binary = rewrite(book([["id"]]), {"_rels/.rels": lambda text: text.replace("workbook.xml", "workbook.bin")})
    with pytest.raises(InputError, match=r"a binary workbook \(.xlsb\)"):
        opened(binary)


def test_a_missing_openpyxl_is_told_with_the_way_to_get_it(book, monkeypatch):
    file = book([["id", "time"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=re.escape("pip install openpyxl")):
        opened(file)


@pytest.mark.parametrize(
    ("name", "declared", "told"),
    [
        ("gbk", "GBK", "xlsx (gb18030)"),
        ("gb2312", "gb2312", "xlsx (gb18030)"),
        ("gb18030", "UTF-8", "xlsx (gb18030)"),  # declared as what it is not
        ("utf-16", "UTF-16", "xlsx (utf-16)"),
        ("utf-8", "utf-16", "xlsx"),  # .NET
        ("utf-8-sig", "utf-8", "xlsx"),
    ],
)
def test_sheets_in_other_encodings_are_read(book, name, declared, told):
    file = shared(book([["编号", "时间"], ["甲1", "昨天"]]))
    parts = dict.fromkeys((SHEET, TEXTS, "xl/workbook.xml"), encoded(name, declared))
    good, _, table = read(rewrite(file, parts), Wanted(("id", "time"), columns={"id": "编号", "time": "时间"}))
    assert (good, table.encoding) == ({2: ("甲1", "昨天")}, told)
    assert table.notices == ([workbook.READ_AS_GB18030] if "gb" in told else [])


def test_encodings_that_are_unknown_or_wrong_are_refused(book):
    file = book([["id", "time"], ["1", "甲"]])
    with pytest.raises(InputError, match="encoded as utf-7, which isn't read"):
        opened(rewrite(file, {SHEET: encoded("utf-8", "utf-7")}))
    broken = f'{DECLARED_UTF8}<worksheet xmlns="{MAIN}"/>'.encode() + b"\xff\xff"
    with pytest.raises(InputError, match="its XML isn't utf-8, as it declares"):
        opened(rewrite(file, {SHEET: broken}))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", [SHEET, TEXTS, "xl/workbook.xml", "xl/styles.xml", "_rels/.rels"])
def test_document_types_and_entities_are_refused_in_every_part_that_is_read(book, part, encoding):
    def declare(text):
        entity = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        return encoded(encoding)(entity + re.sub(r"^<\?xml[^>]*\?>", "", text))

    with pytest.raises(InputError, match="its XML declares a document type or entities"):
        opened(rewrite(shared(book([["id", "time"], ["1", "a"]])), {part: declare}))


def test_a_document_type_behind_a_long_comment_is_found_too(raw):
    def declare(text):
        return "<!--" + "x" * (workbook._BLOCK_BYTES - 9) + "-->" + "<!DOCTYPE x>" + text

    with pytest.raises(InputError, match="document type"):
        opened(rewrite(raw(""), {SHEET: declare}))


def test_what_is_not_read_is_not_opened(book):
    """Macros, links and properties may hold anything; names of parts are never paths."""
    junk = b"<!DOCTYPE junk"
    names = ("xl/vbaProject.bin", "xl/externalLinks/externalLink1.xml", "docProps/core.xml", "xl/theme/theme1.xml")
    parts = dict.fromkeys((*names, "../../escaped.xml", "/etc/passwd"), junk)
    file = rewrite(book([["id", "time"], ["1", "a"]]), parts)
    assert read(file)[0] == {2: ("1", "a")}
    assert not (file.parent.parent.parent / "escaped.xml").exists()


def test_nothing_outside_the_file_is_referred_to(book):
    def move_away(text):
        return text.replace('Target="styles.xml"', 'Target="styles.xml" TargetMode="External"')

    file = book([["id", "time"], ["1", dt.datetime(2026, 3, 15)]])
    assert times(rewrite(file, {RELATIONS: move_away})) == ["46096"]  # a number as long as no style says what it is


def test_names_of_parts_may_differ_in_case_and_slashes(book):
    file = shared(book([["id", "time"], ["1", "a"]]))
    with zipfile.ZipFile(file) as packed:
        texts = packed.read(TEXTS)
    assert read(rewrite(file, {TEXTS: None, "xl\\SharedStrings.xml": texts}))[0] == {2: ("1", "a")}


def test_styles_that_others_stumble_over_do_not_matter(book):
    def odd(text):
        return text.replace("<fills", '<fills odd="1"><fill><nothing/></fill></fills><fills', 1)

    assert read(rewrite(book([["id", "time"], ["1", "a"]]), {"xl/styles.xml": odd}))[0] == {2: ("1", "a")}


def test_a_part_that_unpacks_to_far_more_than_it_is_is_refused(raw):
    with pytest.raises(InputError, match="unpacks to more than 200 times its size"):
        opened(rewrite(raw(""), {"xl/media/image1.png": bytes(17 * 1024**2)}))


def test_a_workbook_above_the_limit_is_refused(book, monkeypatch):
    file = book([["id", "time"], ["1", "a"]])
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 1000)
    with pytest.raises(InputError, match="or 1,000 bytes"):
        opened(file)


def test_a_size_that_is_a_lie_ends_the_part_there(book):
    file = book([["id", "time"], *(["1", "a"] for _ in range(1000))])
    packed = bytearray(file.read_bytes())
    entry = packed.rindex(SHEET.encode()) - 46
    assert packed[entry : entry + 4] == b"PK\x01\x02"
    packed[entry + 24 : entry + 28] = struct.pack("<I", 500)
    file.write_bytes(packed)
    with pytest.raises(InputError, match="damaged workbook"):
        opened(file)


def test_encrypted_and_repeated_and_too_many_parts_are_refused(book, monkeypatch):
    file = book([["id", "time"]])
    whole = file.read_bytes()
    packed = bytearray(whole)
    entry = packed.rindex(SHEET.encode()) - 46
    packed[entry + 8] |= 1
    file.write_bytes(packed)
    with pytest.raises(InputError, match="is encrypted"):
        opened(file)
    file.write_bytes(whole)
    with pytest.raises(InputError, match="a part is there twice"):
        opened(rewrite(file, {SHEET.upper(): b""}))
    monkeypatch.setattr(workbook, "MOST_PARTS", 3)
    with pytest.raises(InputError, match="parts, the limit is 3"):
        opened(file)


def test_rows_and_tags_without_end_are_refused(raw, monkeypatch):
    endless = "x" * (16 * MOST_FIELD_CHARS + workbook._BLOCK_BYTES)
    with pytest.raises(InputError, match="more than 131,072 characters"):
        opened(raw(f'<row r="2" note="{endless}"/>'))
    monkeypatch.setattr(workbook, "MOST_ELEMENTS", 50)
    with pytest.raises(InputError, match="a row has too many cells"):
        read(raw(f'<row r="2">{"<c/>" * 120}</row>'))
    assert len(read(raw("<row><c><v>1</v></c><c><v>2</v></c></row>" * 100))[0]) == 100  # the limit is one row's


def test_memory_does_not_grow_with_the_rows(raw, monkeypatch):
    monkeypatch.setattr(workbook, "ROWS_AT_ONCE", 100)

    def peak(rows):
        table = opened(raw('<row ht="15"><c><v>1</v></c><c><v>2</v></c></row>' * rows))
        tracemalloc.start()
        for _ in table.batches():
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)  # imports
    assert peak(10_000) < peak(1_000) + 200_000


def test_a_damaged_file_names_no_value_of_a_cell(raw):
    with pytest.raises(InputError, match="damaged workbook") as caught:
        read(raw('<row r="2"><c><v>13800000000x</v></c></row>'))
    assert "13800000000" not in str(caught.value)


def test_whatever_bits_are_flipped_there_is_a_result_or_an_input_error(book):
    rows = [["id", "time"], *([str(i), dt.datetime(2026, 3, 15, i)] for i in range(20))]
    whole = book(rows)
    flips, ended = random.Random(3), {"read": 0, "refused": 0}
    for turn in range(300):
        changed = bytearray(whole.read_bytes())
        for _ in range(flips.choice((1, 1, 4))):
            changed[flips.randrange(len(changed))] ^= 1 << flips.randrange(8)
        file = whole.with_name(f"{turn}.xlsx")
        file.write_bytes(changed)
        ended[outcome(file)] += 1
        file.unlink()
    assert min(ended.values()) > 10  # both ends are met


def test_whatever_is_changed_inside_the_parts_there_is_a_result_or_an_input_error(book):
    whole = shared(book([["id", "time"], *([str(i), dt.datetime(2026, 3, 15, i)] for i in range(5))]))
    flips, ended = random.Random(4), {"read": 0, "refused": 0}
    names = (SHEET, TEXTS, RELATIONS, "xl/workbook.xml", "xl/styles.xml", "_rels/.rels")
    original = whole.read_bytes()
    for _ in range(300):
        whole.write_bytes(original)
        change = flips.choice((shuffled, flipped))
        rewrite(whole, {flips.choice(names): lambda text, change=change: change(text, flips)})
        ended[outcome(whole)] += 1
    assert min(ended.values()) > 10


def shuffled(text, flips):
    """One tag, number or attribute is replaced, repeated or dropped."""
    pieces = re.split(r'(<[^>]*>|"[^"]*"|\d+)', text)
    at = flips.randrange(1, len(pieces), 2)
    pieces[at] = flips.choice(["", pieces[at] * 2, pieces[at][:-1], '"', "-1", "9" * 30, "<c/>", "1e400", "NaN"])
    return "".join(pieces)


def flipped(text, flips):
    changed = bytearray(text.encode())
    changed[flips.randrange(len(changed))] ^= 1 << flips.randrange(8)
    return bytes(changed)


def outcome(file):
    try:
        read(file)
    except InputError:
        return "refused"
    return "read"


def test_the_whole_table_is_read_through_the_common_door(book):
    file = book([["id", "time", "phone"], ["1", dt.datetime(2026, 3, 15, 9), "13800000000"]])
    table = read_table(file, required=["id", "time"])
    assert table.frame.to_dict("records") == [{"id": "1", "time": "2026-03-15 09:00:00"}]
    assert (table.dropped_columns, table.encoding, table.frame.index.tolist()) == (("phone",), "xlsx", [2])
