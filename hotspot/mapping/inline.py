"""What every page is put together from: our own files inlined, data as text, and a policy that lets only these run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

from hotspot.errors import OutputError

HERE = Path(__file__).resolve().parent


def own_file(name: str) -> str:
    """The text of a file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def script_element(text: str) -> str:
    """
    >>> script_element('"</script>"')
    '<script>"<\\\\/script>"</script>'
    """
    return "<script>" + text.replace("</script", "<\\/script") + "</script>"


def style_element(text: str) -> str:
    """A style sheet of ours; texts of files are never part of one."""
    return "<style>" + text + "</style>"


def json_element(name: str, value: object) -> str:
    """Data as text that no parser takes for markup or script. Raises ValueError for NaN and infinity.

    >>> json_element("data", {"name": "</script>"})
    '<script type="application/json" id="data">{"name":"\\\\u003c/script\\\\u003e"}</script>'
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for risky in "<>&\u2028\u2029":
        text = text.replace(risky, f"\\u{ord(risky):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def with_policy(html: str) -> str:
    """The second wall: only the very scripts of this page may run, and nothing may be fetched."""
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    first = f'<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    return html.replace("<head>", first, 1)


def refuse_outside(html: str) -> None:
    """Raise OutputError, with the list, when a page would load anything from outside itself.

    >>> refuse_outside('<img src="data:image/png;base64,AA"><a href="https://example.org">a link loads nothing</a>')
    >>> refuse_outside('<link rel="stylesheet" href="https://cdn.example/x.css">')
    Traceback (most recent call last):
    hotspot.errors.OutputError: the page would load 'https://cdn.example/x.css' from outside; fix: ...
    """
    reader = _Resources()
    reader.feed(html)
    if reader.outside:
        found = ", ".join(repr(each) for each in reader.outside)
        raise OutputError(f"the page would load {found} from outside; fix: inline it in hotspot/mapping")


class _Resources(HTMLParser):
    """Collects what a browser would fetch for a page; `outside` is everything that isn't `data:` or in the page."""

    LOADING = frozenset({"src", "srcset", "poster", "data", "background"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outside: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        for name, value in attrs:
            if name in self.LOADING or (name == "href" and tag in ("link", "image", "use", "base")):
                self._note(value or "")
            if name == "style":
                self.handle_style(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.handle_style(data)

    def handle_style(self, css: str) -> None:
        for address in re.findall(r"url\(\s*[\"']?([^)\"']*)|@import\s+[\"']([^\"']*)", css):
            self._note("".join(address))

    def _note(self, address: str) -> None:
        if address and not address.startswith(("data:", "#")):
            self.outside.append(address)
