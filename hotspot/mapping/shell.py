"""One self-contained page: folium's shell, everything inlined, our data put in afterwards.

Folium renders strings through a template engine a second time, so no string of a file ever reaches it: the shell is made of
constants, and the data go into a JSON block when folium is done.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import folium

from hotspot.errors import ConfigError, OutputError

HERE = Path(__file__).resolve().parent
LANGUAGES = ("zh", "en")
_LEAFLET = {"leaflet.js": "js", "leaflet.css": "css"}


class _Shell(folium.Map):
    """A folium map that asks for Leaflet and nothing else."""

    default_js = [("leaflet", "leaflet.js")]  # noqa: RUF012 - as folium declares them
    default_css = [("leaflet_css", "leaflet.css")]  # noqa: RUF012


def render_page(payload: Mapping[str, Any], *, language: str, title: str) -> str:
    """The page of a plan or a situation, as one string of HTML that asks nothing of any network.

    The same payload gives the same bytes. Raises ConfigError for another language than zh or en, OutputError when
    anything would have to be loaded from outside.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"language {language!r} is unknown; fix: use one of {', '.join(LANGUAGES)}")
    data = dict(payload) | {"streets": _packed(payload["streets"]), "language": language, "title": title}
    blocks = _json_block("data", data) + _json_block("words", {name: words(name) for name in LANGUAGES})
    page = _shell().replace("<!--data-->", blocks, 1)
    return _with_policy(page)


@cache
def words(language: str) -> dict[str, str]:
    """The catalogue of one language."""
    found: dict[str, str] = json.loads((HERE / f"words_{language}.json").read_text(encoding="utf-8"))
    return found


@cache
def _shell() -> str:
    """The page without data: Leaflet, our style, our markup, our script. Made of constants only."""
    shell = _Shell(
        location=[0, 0], zoom_start=12, tiles=None, prefer_canvas=True, zoom_control=True, attributionControl=True,
        fade_animation=False, fadeAnimation=False, zoomSnap=0.25,
    )  # fmt: skip
    shell._id = "hotspotpatrol"
    figure = shell.get_root()
    figure._id = "hotspotpatrolfigure"
    html = figure.render()
    html = re.sub(r'<script src="leaflet\.js"></script>', lambda _: _script(_leaflet("leaflet.js")), html)
    html = re.sub(r'<link rel="stylesheet" href="leaflet\.css"\s*/>', lambda _: _style(_leaflet("leaflet.css")), html)
    html = re.sub(r"<meta http-equiv[^>]*>", "", html)
    markup, legend = ((HERE / name).read_text(encoding="utf-8") for name in ("page.html", "legend.html"))
    style = _style((HERE / "page.css").read_text(encoding="utf-8"))
    script = _script((HERE / "page.js").read_text(encoding="utf-8"))
    html = html.replace("</head>", style + "</head>", 1)
    html = re.sub(
        r"<body>(.*?)</body>", lambda m: f"<body>{markup}<main>{m[1]}{legend}</main></body>", html, count=1, flags=re.S
    )
    html = html.replace("</html>", "<!--data-->" + script + "</html>", 1)
    outside = re.findall(
        r"""(?:src|href)=["'](?!data:)[^"'#]+|url\((?!["']?data:)[^)]*\)|@import""",
        re.sub(r"<script>.*?</script>", "", html, flags=re.S),
    )
    if outside:
        raise OutputError(f"the page would load {outside[0]!r} from outside; fix: inline it in hotspot/mapping")
    return html


def _leaflet(name: str) -> str:
    """A file of Leaflet from its package; pictures of controls that we don't use are taken out of the style."""
    try:
        found = [path for path in files("XStatic-Leaflet") or [] if path.name == name]
    except PackageNotFoundError:
        found = []
    if not found:
        raise OutputError(f"{name} is missing; fix: install the package XStatic-Leaflet again")
    text = Path(str(found[0].locate())).read_text(encoding="utf-8")
    return (
        re.sub(r"url\([^)]*\)", "none", text) if name.endswith(".css") else re.sub(r"//# sourceMappingURL.*", "", text)
    )


def _script(text: str) -> str:
    return "<script>" + text.replace("</script", "<\\/script") + "</script>"


def _style(text: str) -> str:
    return "<style>" + text + "</style>"


def _json_block(name: str, value: object) -> str:
    """Data as text that no parser takes for markup or script."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for risky in "<>&\u2028\u2029":
        text = text.replace(risky, f"\\u{ord(risky):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _with_policy(page: str) -> str:
    """The second wall: only the very scripts of this page may run, and nothing may be fetched."""
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return page.replace(
        "<head>", f'<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">', 1
    )


def _packed(streets: Mapping[str, Any]) -> dict[str, Any]:
    """Lines as steps of 1e-5 degree, each from the place before: a third of the size."""
    lines = []
    for line in streets["lines"]:
        x = y = 0
        steps: list[int] = []
        for lon, lat in line:
            to_x, to_y = round(lon * 1e5), round(lat * 1e5)
            steps += [to_x - x, to_y - y]
            x, y = to_x, to_y
        lines.append(steps)
    return {"lines": lines, "class": streets["class"]}
