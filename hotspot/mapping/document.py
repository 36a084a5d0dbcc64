"""Reports as pages: one shell around a body in each language, which works, reads and prints without script too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from hotspot.errors import ConfigError
from hotspot.mapping.catalogue import HTML_LANG, LANGUAGES, words
from hotspot.mapping.inline import HERE, own_file, refuse_outside, script_element, style_element, with_policy

Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class DocumentFacts:
    """Where a report comes from; what isn't known is ''. `as_of` and the ends of `window` are ISO 8601 texts or dates."""

    title: str
    kind: str  # its name in the section "document" of the catalogue
    synthetic: bool = False
    window: tuple[str, str] = ("", "")
    as_of: str = ""
    generated: str = ""
    timezone: str = ""
    run_id: str = ""
    version: str = ""

    def told(self, language: str) -> Facts:
        """What is known, each with its name in that language."""
        w = {**words(language), "window": words(language, "document")["window"]}
        span = " – ".join(dict.fromkeys(moment(end) for end in self.window if end))
        known = {
            "window": span, "as_of": moment(self.as_of), "generated": moment(self.generated), "timezone": self.timezone,
            "run": self.run_id, "version": self.version,
        }  # fmt: skip
        return [(w[name], value) for name, value in known.items() if value]


def document_page(
    body: Callable[[str], str], *, facts: DocumentFacts, language: str, style: str = "", shared: str = ""
) -> str:
    """One self-contained page with `body(language)` in every language, that of `language` first and shown.

    Bodies and `shared` (drawings that bodies in all languages refer to) are finished markup: whoever makes them escapes
    the texts of files. `style` is a sheet of ours. The same input gives the same bytes. Raises ConfigError for an unknown
    language, OutputError when anything would be loaded from outside.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"language {language!r} is unknown; fix: use one of {', '.join(LANGUAGES)}")
    order = [language, *(other for other in LANGUAGES if other != language)]
    parts = [_part(name, body(name), facts) for name in order]
    html = document_templates().get_template("document.html").render(
        html_lang=HTML_LANG[language], head_title=parts[0]["head_title"], parts=parts, shared=Markup(shared),  # noqa: S704
        style=Markup(style_element(own_file("tokens.css") + own_file("document.css") + style)),  # noqa: S704 - our own files
        script=Markup(script_element(own_file("document.js"))),  # noqa: S704
    )  # fmt: skip
    refuse_outside(html)
    return with_policy(html)


@cache
def document_templates() -> jinja2.Environment:
    """The templates beside this file: every text is escaped, a name that isn't filled in is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def moment(instant: str) -> str:
    """Date and local clock of an ISO 8601 text; midnight is the date alone, another text stays.

    >>> moment("2026-10-30T18:05:40+08:00"), moment("2026-10-30T00:00:00+08:00"), moment("2026-10-30")
    ('2026-10-30 18:05', '2026-10-30', '2026-10-30')
    """
    day, clock = instant[:10], instant[11:16]
    return f"{day} {clock}" if clock and instant[11:19] != "00:00:00" else day


def _part(language: str, body: str, facts: DocumentFacts) -> dict[str, Any]:
    d, w = words(language, "document"), words(language)
    kind = d[facts.kind]
    return {
        "language": language, "html_lang": HTML_LANG[language], "d": d, "w": w, "kind": kind, "title": facts.title,
        "other_lang": HTML_LANG["en" if language == "zh" else "zh"], "synthetic": facts.synthetic,
        "head_title": f"{facts.title} · {kind}", "facts": facts.told(language), "body": Markup(body),  # noqa: S704
    }  # fmt: skip
