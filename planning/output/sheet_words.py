"""What sheets and exports say besides the page's words: instructions by activity, places, and what columns mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).with_name("sheet_words.json")


@cache
def sheet_words(language: str) -> dict[str, Any]:
    """The catalogue of one language, zh or en."""
    found: dict[str, Any] = json.loads(CATALOGUE.read_text(encoding="utf-8"))[language]
    return found


def instruction(payload: Mapping[str, Any], activity: str, language: str) -> str:
    """What to do on such a visit: the district's own text, else the built-in one; '' for an unknown activity."""
    own = payload.get("sheets", {}).get("instructions", {})
    return str(own.get(activity) or sheet_words(language)["instructions"].get(activity, ""))
