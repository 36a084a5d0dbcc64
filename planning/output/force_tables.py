"""The register of the force in the district's language: tables for the terminal, and a workbook."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.mapping import words
from hotspot.wording import in_language
from planning.operations.registry import FACETS, NOWHERE, Register, register_lines
from planning.output.workbooks import write_workbook

OVERVIEW = ("kind", "role", "street")  # the facets that are shown where none is asked for


def facet_table(found: Register, by: str, language: str) -> pd.DataFrame:
    """One facet as people read it: headers and values in their language, lists with commas, '-' for none."""
    return _told(found.facets[by].rename(columns={"id": by if by in ("kind", "street", "role") else "id"}), language)


def force_report(found: Register, language: str, *, by: str | None = None) -> list[str]:
    """Lines for a terminal: the table of one facet, or everything that has to be known, with the tables of `OVERVIEW`."""
    if by is not None:
        return table_lines(facet_table(found, by, language))
    told = words(language, "force")
    lines = [in_language(line, language) for line in register_lines(found)]
    for facet in OVERVIEW:
        lines += ["", told["titles"][facet], *table_lines(facet_table(found, facet, language))]
    return lines


def write_force_workbook(path: Path, found: Register, language: str) -> None:
    """A sheet for the counts and one per facet. Raises OutputError when the file exists or can't be written."""
    told = words(language, "force")
    lines = pd.DataFrame({"line": [in_language(line, language) for line in register_lines(found)]})
    sheets = {told["titles"]["summary"]: _told(lines, language)}
    for facet in FACETS:
        sheets[told["titles"][facet]] = facet_table(found, facet, language)
    write_workbook(path, sheets)


def table_lines(table: pd.DataFrame) -> list[str]:
    """Columns of texts side by side, each as wide as its widest cell; a Chinese character is two wide.

    >>> table_lines(pd.DataFrame({"类别": ["学校", "a"], "n": ["12", "3"]}))
    ['类别  n', '学校  12', 'a     3']
    """
    rows = [
        [str(name) for name in table.columns],
        *([str(cell) for cell in row] for row in table.itertuples(index=False)),
    ]
    widths = [max(_width(row[c]) for row in rows) for c in range(len(table.columns))]
    padded = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
    return [line.rstrip() for line in padded]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _told(table: pd.DataFrame, language: str) -> pd.DataFrame:
    columns = {name: [_cell(value, str(name), language) for value in table[name]] for name in table.columns}
    headers = [words(language, "force")["headers"][str(name)] for name in table.columns]
    return pd.DataFrame(columns, index=table.index, dtype=object).set_axis(headers, axis=1)


def _cell(value: Any, column: str, language: str) -> Any:
    if column in ("kind", "role") and value:
        return words(language)[value]
    if isinstance(value, bool):
        return words(language, "force")["answers"]["yes" if value else "no"]
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    return "-" if value is None or value == NOWHERE else value
