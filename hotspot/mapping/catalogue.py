"""What pages, sheets and exports say: one catalogue per language, with a section for each kind of product."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LANGUAGES = ("zh", "en")
HTML_LANG = {"zh": "zh-CN", "en": "en"}


def words(language: str, section: str = "page") -> dict[str, Any]:
    """What one section says in a language, zh or en: key -> text, or a table of texts.

    >>> words("zh")["team"], words("en", "sheets")["instructions"]["patrol"][:4]
    ('义警队', ...)
    """
    found: dict[str, Any] = _catalogue(language)[section]
    return found


@cache
def _catalogue(language: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((HERE / f"words_{language}.json").read_text(encoding="utf-8"))
    return found
