"""Messages in the district's language: the program speaks English, and a catalogue says the same in Chinese."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

LANGUAGES = ("zh", "en")
_HOLE = re.compile(r"\{(\w+)\}")
_SAID, _EACH = "said", "each"  # holes of these names (or said_2 ...) hold words that are translated themselves
_KEY = "key"  # holes of this name hold no blank
_CATALOGUE = Path(__file__).with_name("messages_zh.json")


class Entry(NamedTuple):
    """A sentence with holes in both languages; `must` is the longest text of its own, `own` how much it has in all."""

    english: str
    chinese: str
    pattern: re.Pattern[str]
    must: str
    own: int


class Match(NamedTuple):
    """The entry that a text is, and what stands in its holes."""

    entry: Entry
    parts: dict[str, str]

    @property
    def own(self) -> int:
        """How much of the text is the catalogue's, that of the words in holes included."""
        inner = (matching(each) for hole, part in self.parts.items() for each in words_in(hole, part))
        return self.entry.own + sum(match.own for match in inner if match is not None)


def in_language(text: str, language: str) -> str:
    """The message in `language`; one that the catalogue doesn't have stays as it is.

    An entry of the catalogue is a sentence with holes such as `{n} fields, header has {m}`. What stands in a hole is
    carried over as it is, but for holes called `said`, which hold an entry, and `each`, which hold several with commas
    between them; one called `key` has no blanks. A path in front (`PATH: sentence`) stays.

    >>> in_language("9 fields, header has 8", "zh")
    '有 9 个字段，表头有 8 个'
    >>> in_language("a.csv: columns not read: name, phone", "zh")
    'a.csv: 未读取的列：name, phone'
    >>> in_language("no such sentence", "zh")
    'no such sentence'
    """
    if language == "en" or not text:
        return text
    path, colon, rest = text.partition(": ")
    whole, behind = matching(text), matching(rest) if colon else None
    if behind is not None and (whole is None or behind.own >= whole.own):
        return f"{path}: {_told(behind)}"
    return text if whole is None else _told(whole)


def matching(text: str) -> Match | None:
    """The entry with the most text of its own that this text is; None where the catalogue has none."""
    if (plain := _plain().get(text)) is not None:
        return Match(plain, {})
    for entry in _with_holes():
        if entry.must in text and (found := entry.pattern.fullmatch(text)):
            return Match(entry, found.groupdict())
    return None


def words_in(hole: str, part: str) -> list[str]:
    """What is translated by itself of the text in a hole of that name."""
    kind = hole.partition("_")[0]
    return [part] if kind == _SAID else part.split(", ") if kind == _EACH else []


def _told(match: Match) -> str:
    parts = {name: _part_told(name, part) for name, part in match.parts.items()}
    return _HOLE.sub(lambda hole: parts[hole[1]], match.entry.chinese)


def _part_told(hole: str, part: str) -> str:
    words = words_in(hole, part)
    return "，".join(in_language(each, "zh") for each in words) if words else part


@cache
def entries() -> tuple[Entry, ...]:
    """The whole catalogue, entries with more words of their own first."""
    found: dict[str, str] = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return tuple(sorted((_entry(*each) for each in found.items()), key=lambda entry: -entry.own))


@cache
def _plain() -> dict[str, Entry]:
    return {entry.english: entry for entry in entries() if not _HOLE.search(entry.english)}


@cache
def _with_holes() -> tuple[Entry, ...]:
    return tuple(entry for entry in entries() if _HOLE.search(entry.english))


def _entry(english: str, chinese: str) -> Entry:
    pieces = _HOLE.split(english)  # text, hole, text, hole, ..., text
    regex = "".join(re.escape(piece) if i % 2 == 0 else _any(piece) for i, piece in enumerate(pieces))
    texts = pieces[::2]
    return Entry(english, chinese, re.compile(regex, re.DOTALL), max(texts, key=len), sum(map(len, texts)))


def _any(hole: str) -> str:
    return f"(?P<{hole}>{'[^ ]+?' if hole.partition('_')[0] == _KEY else '.*?'})"
