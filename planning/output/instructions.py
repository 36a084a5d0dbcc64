"""What to do on a visit, by activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotspot.mapping import words


def instruction(payload: Mapping[str, Any], activity: str, language: str) -> str:
    """What to do on such a visit: the district's own text, else the built-in one; '' for an unknown activity."""
    own = payload.get("sheets", {}).get("instructions", {})
    return str(own.get(activity) or words(language, "sheets")["instructions"].get(activity, ""))
