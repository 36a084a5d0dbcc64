"""One self-contained page: folium's shell, everything inlined, our data put in afterwards.

Folium renders strings through a template engine a second time, so no string of a file ever reaches it: the shell is made of
constants, and the data go into a JSON block when folium is done.
"""

from __future__ import annotations

import html as markup
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import folium
import xstatic.pkg.leaflet

from hotspot.errors import ConfigError, OutputError
from hotspot.mapping.catalogue import HTML_LANG, LANGUAGES, words
from hotspot.mapping.encode import packed_page
from hotspot.mapping.inline import (
    json_element,
    own_file,
    refuse_outside,
    script_element,
    style_element,
    with_policy,
)
from hotspot.wording import in_language

SCRIPTS = (
    "decode.js", "base.js", "streets.js", "drawing.js", "paper.js", "now.js", "panels.js", "panel_teams.js", "panel_hotspots.js",
    "panel_times.js", "panel_unserved.js", "panel_trend.js", "panel_places.js",
    "panel_since.js", "panel_comparison.js", "panel_events.js", "panel_about.js", "closures.js", "where.js",
    "page.js", "wall.js",
)  # fmt: skip # in this order: each uses those before it
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'  # folium's keeps people from zooming
EMPTY: dict[str, Any] = {
    "kind": "situation", "district": "", "synthetic": False, "timezone": "", "window": None, "as_of": "", "generated": "",
    "run_id": "", "seed": None, "version": "", "model": "", "attribution": "", "plan": None, "notices": [], "hours": [],
    "areas": {"features": []}, "streets": {}, "cells": {"rings": {}, "risk": {}}, "hotspots": [], "points": [], "teams": [],
    "unserved": [], "missed": [],
}  # fmt: skip


class Shell(folium.Map):
    """A folium map that asks for Leaflet and nothing else."""

    default_js = [("leaflet", "leaflet.js")]  # noqa: RUF012 - as folium declares them
    default_css = [("leaflet_css", "leaflet.css")]  # noqa: RUF012


def render_page(payload: Mapping[str, Any], *, language: str, title: str) -> str:
    """The page of a plan or a situation as one string of HTML that asks nothing of any network.

    What `payload` doesn't tell is empty; `{}` gives a page that says so. The same payload gives the same bytes. Raises
    ConfigError for another language than zh or en, OutputError when anything would have to be loaded from outside or
    Leaflet's files aren't installed, ValueError for a number that JSON doesn't know (NaN, infinity).
    """
    if language not in LANGUAGES:
        raise ConfigError(f"language {language!r} is unknown; fix: use one of {', '.join(LANGUAGES)}")
    data = EMPTY | dict(payload) | {"language": language, "title": title}
    data = packed_page(data | _in_both_languages(data))
    blocks = json_element("data", data) + json_element("words", {name: words(name) for name in LANGUAGES})
    head = f"<title>{markup.escape(title)}</title>"
    page = shell().replace("<!--title-->", head, 1).replace("<!--data-->", blocks, 1)
    return page.replace("<html>", f'<html lang="{HTML_LANG[language]}">', 1)


def _in_both_languages(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the program says in sentences, in English and Chinese: the page's language changes in place."""
    unserved = [
        row | {name: in_both(row.get(name, "")) for name in ("detail", "relaxation")} for row in data["unserved"]
    ]
    told: dict[str, Any] = {"notices": [in_both(text) for text in data["notices"]], "unserved": unserved}
    told["missed"] = [in_both(text) for text in data["missed"]]
    if "trend" in data:
        told["trend"] = data["trend"] | {"reason": in_both(data["trend"]["reason"])}
    if "events" in data:
        ways = [each | {"changes": [in_both(text) for text in each["changes"]]} for each in data["events"]["binding"]]
        told["events"] = data["events"] | {"binding": ways}
    return told


def in_both(text: str) -> str | dict[str, str]:
    """A sentence of the program in both languages; as it is where the catalogue doesn't know it.

    >>> in_both("T14: in no visit, VETTING")
    {'en': 'T14: in no visit, VETTING', 'zh': 'T14：未安排巡防任务，未通过审查'}
    >>> in_both("")
    ''
    """
    chinese = in_language(text, "zh")
    return text if chinese == text else {"en": text, "zh": chinese}


@cache
def shell() -> str:
    """The page without data: Leaflet, our style, markup and scripts, and the policy that lets only these run."""
    html = _folium_shell()
    html = _swapped(html, r'<script src="leaflet\.js"></script>', script_element(leaflet_file("leaflet.js")))
    html = _swapped(
        html, r'<link rel="stylesheet" href="leaflet\.css"\s*/>', style_element(leaflet_file("leaflet.css"))
    )
    html = re.sub(r"<meta http-equiv[^>]*>", "", html)
    html = _swapped(html, r'<meta name="viewport"[^>]*>', VIEWPORT)
    html = html.replace(
        "</head>", "<!--title-->" + style_element(own_file("tokens.css") + own_file("page.css")) + "</head>", 1
    )
    html = html.replace("<body>", "<body>" + own_file("page.html"), 1)
    html = html.replace(
        "</html>", "<!--data-->" + "".join(script_element(own_file(name)) for name in SCRIPTS) + "</html>", 1
    )
    refuse_outside(html)
    return with_policy(html)


def leaflet_file(name: str, *, folder: str | Path | None = None) -> str:
    """A file of Leaflet from its package, without the pictures of its style and without its source map.

    `folder` is where to look; None is the installed package. Raises OutputError naming the file that isn't there.
    """
    path = Path(folder if folder is not None else xstatic.pkg.leaflet.BASE_DIR) / name
    if not path.is_file():
        raise OutputError(f"{path} is missing; fix: python -m pip install --force-reinstall XStatic-Leaflet")
    text = path.read_text(encoding="utf-8")
    # its style shows pictures of controls and markers that this page draws itself
    return (
        re.sub(r"url\([^)]*\)", "none", text) if name.endswith(".css") else re.sub(r"//# sourceMappingURL.*", "", text)
    )


def _folium_shell() -> str:
    """Folium's page with its ids set, so that it is the same every time."""
    page = Shell(
        location=[0, 0], zoom_start=12, tiles=None, prefer_canvas=True, zoom_control=False, attribution_control=False,
        fade_animation=False, zoom_snap=0.25, zoom_delta=0.5, wheel_px_per_zoom_level=90,
    )  # fmt: skip
    page._id = "patrol"
    figure = page.get_root()
    figure._id = "patrolfigure"
    html: str = figure.render()
    return html


def _swapped(html: str, pattern: str, text: str) -> str:
    changed, count = re.subn(pattern, lambda _: text, html)
    if count != 1:
        raise OutputError(f"folium {version('folium')} no longer asks for {pattern!r}; fix: install folium>=0.19,<0.21")
    return changed
