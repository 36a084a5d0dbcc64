"""A printable page per team: where to be when, what to do there, and the way drawn north up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from hotspot.mapping import words

WIDTH, HEIGHT, MARGIN = 680.0, 380.0, 26.0

HERE = Path(__file__).resolve().parent
STYLE = (HERE / "sheet.css").read_text(encoding="utf-8")
PAGE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
SHEET = PAGE.get_template("sheet.html")
INDEX = PAGE.get_template("sheet_index.html")
SHEET_WORDS = {
    "zh": {
        "arrive": "到达", "leave": "离开", "place": "地点", "task": "勤务", "way": "路程",
        "emergency": "紧急情况请拨打 110。", "signature": "签名",
    },
    "en": {
        "arrive": "arrive", "leave": "leave", "place": "place", "task": "task", "way": "way",
        "emergency": "In an emergency call the police at once.", "signature": "Signature",
    },
}  # fmt: skip


def sheet_html(sheet: Mapping[str, Any], *, language: str) -> str:
    """One team's sheet. `sheet` is the page's data with `team` set. Every text is escaped; nothing is loaded."""
    team = sheet["team"]
    lines, stops = _drawing([leg["line"] for leg in team["legs"]], team["visits"])
    point = next((p["name"] for p in sheet["points"] if p["id"] == team["point_id"]), "")
    return SHEET.render(
        **_common(sheet, language), team=team, lines=lines, stops=stops, point_name=point, run_id=sheet["run_id"],
        s=SHEET_WORDS[language], width=WIDTH, height=HEIGHT,
    )  # fmt: skip


def index_html(payload: Mapping[str, Any], *, language: str) -> str:
    """The list of all teams with links to their sheets."""
    return INDEX.render(**_common(payload, language), teams=payload["teams"])


def _common(payload: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "html_lang": "zh-CN" if language == "zh" else "en",
        "title": payload["title"],
        "synthetic": payload["synthetic"],
        "style": STYLE,
        "w": words(language),
    }


def _drawing(
    legs: Sequence[Sequence[Sequence[float]]], visits: Sequence[Mapping[str, Any]]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Legs and stops in the picture's units: north is up, one scale for both axes."""
    everything = np.array([*(p for leg in legs for p in leg), *((v["lon"], v["lat"]) for v in visits)], dtype=float)
    if not len(everything):
        return [], []
    west, south = everything.min(axis=0)
    east, north = everything.max(axis=0)
    squeeze = np.cos(np.radians((south + north) / 2))
    scale = min(
        (WIDTH - 2 * MARGIN) / max((east - west) * squeeze, 1e-4), (HEIGHT - 2 * MARGIN) / max(north - south, 1e-4)
    )

    def at(lon: float, lat: float) -> tuple[float, float]:
        return round(MARGIN + (lon - west) * squeeze * scale, 1), round(HEIGHT - MARGIN - (lat - south) * scale, 1)

    lines = [" ".join(f"{x},{y}" for x, y in (at(*p) for p in leg)) for leg in legs]
    stops = []
    for visit in visits:
        x, y = at(visit["lon"], visit["lat"])
        stops.append({"x": x, "y": y, "label": visit["sequence"]})
    return lines, stops
