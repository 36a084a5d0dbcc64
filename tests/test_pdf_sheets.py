"""Sheets as PDF: one page, the same bytes twice, and never an empty box in place of a letter."""

from __future__ import annotations

import re
import sys

import pytest
from page_payload import district
from small_district import change, small_district

from hotspot.errors import ConfigError
from planning.config import read_config
from planning.output.pdf_sheets import require_pdf, write_pdfs
from planning.output.sheets import write_sheets

weasyprint = pytest.importorskip(
    "weasyprint", reason="the extra [pdf] is not installed", exc_type=(ImportError, OSError)
)


def asked(tmp_path, *lines):
    """A district that wants PDFs."""
    config = small_district(tmp_path / "district", language="zh")
    change(config, "# pdf = false", "\n".join(["pdf = true", *lines]))
    return read_config(config)


def sheets(tmp_path, *, name="\u5fd7\u613f\u961f", teams=1, called="sheets"):
    data = district()
    data["teams"] = data["teams"][:teams]
    data["teams"][0]["name"] = name
    write_sheets(tmp_path / called, data)
    return tmp_path / called


def test_each_sheet_becomes_one_page_with_the_same_bytes_twice(tmp_path):
    config = asked(tmp_path)
    require_pdf(config)
    one, two = (sheets(tmp_path, called=name) for name in ("one", "two"))
    assert [path.name for path in write_pdfs(one, config)] == ["T01.pdf"]
    write_pdfs(two, config)
    printed = (one / "T01.pdf").read_bytes()
    assert printed == (two / "T01.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert not re.search(rb"/(Creation|Mod)Date", printed)
    assert len(weasyprint.HTML(filename=str(one / "T01.html")).render().pages) == 1


def test_nobody_gets_a_pdf_who_did_not_ask(tmp_path):
    config = read_config(small_district(tmp_path / "district"))
    require_pdf(config)
    assert write_pdfs(sheets(tmp_path), config) == []


def test_a_letter_that_no_font_has_is_an_error_and_no_empty_box(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no glyphs for \U00012345; fix: install a font with them .*or name its file"
    ):
        write_pdfs(sheets(tmp_path, name="\U00012345"), asked(tmp_path))


def test_a_font_that_is_not_there_is_named_before_anything_is_computed(tmp_path):
    with pytest.raises(ConfigError, match=r"sheets\.font: .*none\.ttf: no such file; fix: give the path"):
        require_pdf(asked(tmp_path, 'font = "none.ttf"'))


def test_without_weasyprint_the_remedy_is_told(tmp_path, monkeypatch):
    config = asked(tmp_path)
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ConfigError, match=r"WeasyPrint isn't installed; fix: pip install 'hotspot-patrol\[pdf\]'"):
        require_pdf(config)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"field sheets\.pdf: WeasyPrint isn't installed; fix: pip install"):
        read_config(config.folder / "patrol.toml")
