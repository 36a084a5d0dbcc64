"""Messages in the district's language: the program speaks English, and a catalogue says the same in Chinese."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
_HOLE = re.compile(r"\{(\w+)\}")
_CATALOGUE = Path(__file__).with_name("messages_zh.json")


def in_language(text: str, language: str) -> str:
    """The message in `language`; one that the catalogue doesn't have stays as it is.

    An entry of the catalogue is a sentence with holes such as `{n} fields, header has {m}`; what stands in a hole is
    carried over as it is, unless it is an entry itself.

    >>> in_language("9 fields, header has 8", "zh")
    '有 9 个字段，表头有 8 个'
    >>> in_language("no such sentence", "zh")
    'no such sentence'
    """
    if language == "en" or not text:
        return text
    told = _plain().get(text)
    if told is not None:
        return told
    for pattern, words in _with_holes():
        if found := pattern.fullmatch(text):
            parts = {name: _plain().get(part, part) for name, part in found.groupdict().items()}
            return words.format(**parts)
    return text


@cache
def _plain() -> dict[str, str]:
    return {english: chinese for english, chinese in _entries() if not _HOLE.search(english)}


@cache
def _with_holes() -> list[tuple[re.Pattern[str], str]]:
    """The sentences with holes, those with more words of their own first."""
    entries = [entry for entry in _entries() if _HOLE.search(entry[0])]
    entries.sort(key=lambda entry: -len(_HOLE.sub("", entry[0])))
    return [(_pattern(english), chinese) for english, chinese in entries]


def _pattern(sentence: str) -> re.Pattern[str]:
    pieces = _HOLE.split(sentence)  # text, hole, text, hole, ..., text
    regex = "".join(re.escape(piece) if i % 2 == 0 else f"(?P<{piece}>.+?)" for i, piece in enumerate(pieces))
    return re.compile(regex, re.DOTALL)


@cache
def _entries() -> list[tuple[str, str]]:
    found: dict[str, str] = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return list(found.items())
