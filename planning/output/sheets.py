"""A printable page per team: where to be when, what to do there, and the way drawn north up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from hotspot.mapping import words

WIDTH, HEIGHT, MARGIN = 680.0, 380.0, 26.0

STYLE = """
@page { size: A4; margin: 14mm } body { font: 14px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #14202b; max-width: 46rem; margin: 1rem auto }
h1 { font-size: 1.4rem; margin: 0 } table { border-collapse: collapse; width: 100%; margin: .8rem 0 } td, th { border: 1px solid #9aa7b3; padding: .3rem .5rem; text-align: left; overflow-wrap: anywhere }
svg { width: 100%; height: auto; border: 1px solid #9aa7b3 } .soft { color: #51606e } .sign { margin-top: 1.6rem }
"""
PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
SHEET = PAGE.from_string("""<!DOCTYPE html>
<html lang="{{ html_lang }}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{{ team.id }} {{ team.name }}</title><style>{{ style|safe }}</style></head><body>
<h1>{{ team.id }} {{ team.name }}</h1>
<p class="soft">{{ title }}{% if synthetic %} · {{ w.synthetic }}{% endif %} · {{ team.shift.start[:10] }} {{ team.shift.start[11:16] }}–{{ team.shift.end[11:16] }} · {{ w[team.mode] }} · {{ team.point_id }} {{ point_name }} · {{ w.run }} {{ run_id }}</p>
<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ w.map }}">
{% for line in lines %}<polyline points="{{ line }}" fill="none" stroke="#0b62a8" stroke-width="3" stroke-linejoin="round"/>{% endfor %}
{% for stop in stops %}<circle cx="{{ stop.x }}" cy="{{ stop.y }}" r="11" fill="#fff" stroke="#0b62a8" stroke-width="3"/><text x="{{ stop.x }}" y="{{ stop.y + 4 }}" font-size="12" text-anchor="middle">{{ stop.label }}</text>{% endfor %}
<path d="M650 46 l8 -26 8 26 -8 -6 z" fill="#14202b"/><text x="658" y="14" font-size="12" text-anchor="middle">N</text></svg>
<table><tr><th>#</th><th>{{ s.arrive }}</th><th>{{ s.leave }}</th><th>{{ s.place }}</th><th>{{ s.task }}</th><th>{{ s.way }}</th></tr>
{% for v in team.visits %}<tr><td>{{ v.sequence }}</td><td>{{ v.arrive[11:16] }}</td><td>{{ v.leave[11:16] }}</td><td>{{ v.hotspot_id }} {{ v.place }} <span class="soft">{{ "%.5f, %.5f"|format(v.lat, v.lon) }} WGS-84</span></td><td>{{ w[v.activity] }}</td><td>{{ (v.travel_s / 60)|round|int }} min · {{ v.travel_m|round|int }} m</td></tr>
{% endfor %}</table>
<p class="sign">{{ s.emergency }}</p><p class="sign">{{ s.signature }} ______________________</p></body></html>
""")
INDEX = PAGE.from_string("""<!DOCTYPE html>
<html lang="{{ html_lang }}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{{ title }}</title><style>{{ style|safe }}</style></head><body>
<h1>{{ title }}{% if synthetic %} · {{ w.synthetic }}{% endif %}</h1>
<table>{% for team in teams %}<tr><td>{% if team.visits %}<a href="{{ team.id }}.html">{{ team.id }}</a>{% else %}{{ team.id }}{% endif %}</td><td>{{ team.name }}</td><td>{{ team.visits|length }} {{ w.stops }}</td><td>{% if team.reason %}{{ w.not_in_plan }}: {{ w.get(team.reason, team.reason) }}{% endif %}</td></tr>
{% endfor %}</table></body></html>
""")
SHEET_WORDS = {
    "zh": {"arrive": "到达", "leave": "离开", "place": "地点", "task": "勤务", "way": "路程", "emergency": "紧急情况请拨打 110。", "signature": "签名"},
    "en": {"arrive": "arrive", "leave": "leave", "place": "place", "task": "task", "way": "way", "emergency": "In an emergency call the police at once.", "signature": "Signature"},
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
    scale = min((WIDTH - 2 * MARGIN) / max((east - west) * squeeze, 1e-4), (HEIGHT - 2 * MARGIN) / max(north - south, 1e-4))

    def at(lon: float, lat: float) -> tuple[float, float]:
        return round(MARGIN + (lon - west) * squeeze * scale, 1), round(HEIGHT - MARGIN - (lat - south) * scale, 1)

    lines = [" ".join(f"{x},{y}" for x, y in (at(*p) for p in leg)) for leg in legs]
    stops = []
    for visit in visits:
        x, y = at(visit["lon"], visit["lat"])
        stops.append({"x": x, "y": y, "label": visit["sequence"]})
    return lines, stops
