"""A messy export of a spreadsheet and its clean twin load to the same incidents."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from hotspot.geo import to_datum
from hotspot.incidents import read_incidents

COLUMNS = {"id": "接警编号", "time": "发生时间", "lon": "经度", "lat": "纬度", "category": "警情类别", "source": "来源"}
FORMATS = ["%d/%m/%Y %H:%M", "%Y年%m月%d日 %H时%M分"]
ROWS = 400


@pytest.fixture
def clean():
    rng = np.random.default_rng(11)
    time = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 500_000, ROWS), unit="min")
    return pd.DataFrame(
        {"id": [f"0061{i:016d}" for i in range(ROWS)], "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        | {"lon": rng.uniform(109.6, 109.8, ROWS), "lat": rng.uniform(38.2, 38.3, ROWS)}
        | {"category": rng.choice(["盗窃", "诈骗"], ROWS), "source": rng.choice(["report", "patrol"], ROWS)}
    )


def messy(clean):
    """GCJ-02, Chinese names, three ways of writing a time, a column of names between, as rows of cells."""
    lon, lat = to_datum(clean["lon"].to_numpy(), clean["lat"].to_numpy(), "gcj02")
    time = pd.to_datetime(clean["time"])
    written = [at.strftime([*FORMATS, "%Y-%m-%d %H:%M:%S"][i % 3]) for i, at in enumerate(time)]
    head = ["序号", *COLUMNS.values(), "报警人"]
    body = zip(range(1, ROWS + 1), clean["id"], written, lon, lat, clean["category"], clean["source"], strict=True)
    return [
        ["榆林高新区2025年警情统计表"],
        ["制表单位：指挥中心"],
        head,
        *([*row, "张三"] for row in body),
        ["合计", ROWS],
    ]


def workbook(rows, path):
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.active.merge_cells("A1:H1")
    book.save(path)


def in_gbk(path):
    """The same workbook with its sheets in GBK, as some exporters write them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            if name.startswith("xl/worksheets/") or name == "xl/sharedStrings.xml":
                plain = re.sub(r"^<\?xml[^>]*\?>", "", text.decode("utf-8"))
                text = b'<?xml version="1.0" encoding="GBK"?>' + plain.encode("gbk")
            new.writestr(name, text)
    path.write_bytes(packed.getvalue())


@pytest.mark.parametrize("kind", ["xlsx", "xlsx in gbk", "csv in gbk", "csv in gbk called xls"])
def test_the_messy_export_is_its_clean_twin(clean, tmp_path, kind):
    clean.to_csv(tmp_path / "clean.csv", index=False)
    path = tmp_path / ("export.xlsx" if kind.startswith("xlsx") else "export.xls" if "xls" in kind else "export.csv")
    if kind.startswith("xlsx"):
        workbook(messy(clean), path)
        if "gbk" in kind:
            in_gbk(path)
    else:
        lines = ["\t".join(str(cell) for cell in row) for row in messy(clean)]
        path.write_bytes("\r\n".join(lines).encode("gbk"))
    options = {"timezone": "Asia/Shanghai", "crs": "EPSG:32649", "strict": True}
    twin = read_incidents(tmp_path / "clean.csv", **options)
    found = read_incidents(path, columns=COLUMNS, datum="gcj02", time_formats=FORMATS, **options)
    assert found.counts == twin.counts
    assert found.counts.used == ROWS
    assert np.abs(found.places - twin.places).max() < 1e-3
    columns = ["id", "time", "date_only", "category", "source"]
    pd.testing.assert_frame_equal(found.table[columns], twin.table[columns])
    assert "张三" not in found.set_aside.to_csv() + str(found.notices) + found.table.to_csv()
    assert any("columns not read: 序号, 报警人" in notice for notice in found.notices)
