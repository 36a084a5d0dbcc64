"""Every text in a file of a run, as another program reads it: for tests that what went in comes out."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import icalendar
import openpyxl
import pandas as pd
import pyogrio

from hotspot.tables import read_table

JSON_BLOCK = re.compile(r'<script type="application/json"[^>]*>(.*?)</script>', re.DOTALL)


def texts_of(path: Path) -> list[str]:
    """All texts of the file, keys of JSON objects as well; [] for a kind that holds none (pictures, arrays)."""
    reader = READERS.get(path.suffix)
    return list(reader(path)) if reader else []


def _csv(path: Path) -> Iterator[str]:
    header = path.read_text(encoding="utf-8-sig").splitlines()[0].split(",")
    table = read_table(path, required=header, allow_empty=True).frame
    yield from (str(cell) for cell in table.to_numpy().ravel())


def _json(path: Path) -> Iterator[str]:
    yield from _walked(json.loads(path.read_text(encoding="utf-8")))


def _walked(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _walked(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walked(inner)


def _parquet(path: Path) -> Iterator[str]:
    frame = pd.read_parquet(path)
    yield from _cells(frame[[name for name in frame if name != "geometry"]])


def _cells(frame: pd.DataFrame) -> Iterator[str]:
    for cell in frame.to_numpy(dtype=object).ravel():
        if isinstance(cell, str):
            yield cell
            if cell[:1] in "[{":  # a list or a table of a layer is JSON in a GeoPackage
                try:
                    yield from _walked(json.loads(cell))
                except ValueError:
                    continue


def _gpkg(path: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # GDAL has words about unusual values that are just what is tested
        for layer, _ in pyogrio.list_layers(path):
            yield from _cells(pyogrio.read_dataframe(path, layer=layer, read_geometry=False))


def _xlsx(path: Path) -> Iterator[str]:
    for sheet in openpyxl.load_workbook(path):
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f", (path, cell.coordinate, cell.value)
                if isinstance(cell.value, str):
                    yield re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), cell.value)


def _xml(path: Path) -> Iterator[str]:
    yield from (element.text or "" for element in ET.fromstring(path.read_bytes()).iter())


def _ics(path: Path) -> Iterator[str]:
    for part in icalendar.Calendar.from_ical(path.read_bytes()).walk():
        for name, value in part.property_items():
            # the library leaves texts of names that it doesn't know as they are written (RFC 5545, 3.3.11)
            yield re.sub(r"\\(.)", r"\1", str(value)) if name.startswith("X-") else str(value)


class _Html(HTMLParser):
    """Texts and attributes of a page; `script` and `style` elements apart."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def _html(path: Path) -> Iterator[str]:
    page = path.read_text(encoding="utf-8")
    for block in JSON_BLOCK.findall(page):
        yield from _walked(json.loads(block))
    reader = _Html()
    reader.feed(JSON_BLOCK.sub("", page))
    reader.close()
    assert not reader.tags & {"img", "iframe"} or path.name == "live.html", path
    yield from reader.found


READERS = {
    ".csv": _csv, ".json": _json, ".geojson": _json, ".parquet": _parquet, ".gpkg": _gpkg, ".xlsx": _xlsx,
    ".kml": _xml, ".gpx": _xml, ".ics": _ics, ".html": _html,
    ".txt": lambda path: iter([path.read_text(encoding="utf-8")]),
}  # fmt: skip
