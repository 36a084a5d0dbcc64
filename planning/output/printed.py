"""What all printed pages share: templates that escape every text, one style, and a policy that lets nothing be loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from hotspot.mapping import words

HERE = Path(__file__).resolve().parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def printed_templates(**filters: Callable[..., Any]) -> jinja2.Environment:
    """The templates beside this file; a name that isn't filled in is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= filters
    return environment


def printed_facts(language: str) -> dict[str, Any]:
    """What every page of a language is filled with: `html_lang, policy, style, w` (its words)."""
    return {
        "html_lang": "zh-CN" if language == "zh" else "en",
        "policy": POLICY,
        "style": Markup((HERE / "sheet.css").read_text(encoding="utf-8")),  # noqa: S704 # our own file, no data in it
        "w": words(language),
    }
