"""One table of a TOML file while it is being read: hands out checked values and notes every fault it meets."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotspot.errors import Fault

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@dataclass
class TomlTable:
    """A table's values, the faults found so far (shared by all tables of a file), and the keys that were asked for.

    A value that can't be used gives its default (or an empty stand-in), so that the next ones are checked as well.

    >>> faults = []
    >>> table = TomlTable("patrol.toml", "hotspots", {"cell_mm": 100}, faults)
    >>> table.number("cell_m", 250.0, above=0)
    250.0
    >>> table.finish()
    >>> print(faults[0])
    patrol.toml: field hotspots.cell_mm: unknown key; fix: did you mean cell_m?
    """

    path: str
    name: str
    values: Mapping[str, Any]
    faults: list[Fault]
    asked: list[str] = field(default_factory=list)

    def fault(self, key: str, reason: str, fix: str, value: object = None) -> None:
        """Notes that `key` of this table can't be used; `value` None shows no value."""
        shown = None if value is None else str(value)
        name = f"{self.name}.{key}" if self.name else key
        self.faults.append(Fault(self.path, reason, fix, field=name, value=shown))

    def finish(self) -> None:
        """Notes every key that nobody asked for, with the nearest one that exists."""
        for key in self.values:
            if key not in self.asked:
                self.fault(key, "unknown key", nearest(key, self.asked))

    def table(self, key: str, *, required: bool = False) -> TomlTable:
        """The table below `key`; empty when absent."""
        value = self._take(key, {}, required=required, fix=f"add a table [{key}]; `patrol init` writes a filled-in one")
        if not isinstance(value, dict):
            self.fault(key, "must be a table", f"write [{key}] on a line of its own, its keys below it", value)
            value = {}
        return TomlTable(self.path, f"{self.name}.{key}" if self.name else key, value, self.faults)

    def text(self, key: str, default: str | None = None, *, choices: Collection[str] | None = None) -> str:
        """A non-empty text, one of `choices` when given; `default` None makes the key required."""
        value = self._take(key, default or "", required=default is None, fix=f'write {key} = "..."')
        if key not in self.values:
            return default or ""
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "must be a text that isn't empty", f'write {key} = "..."', value)
        elif choices is not None and value not in choices:
            self.fault(key, "unknown value", nearest(value, choices), value)
        else:
            return value
        return default or ""

    def texts(self, key: str, *, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts that aren't empty, each one of `choices` when given; a single text counts as a list."""
        value = self._take(key, [])
        each = [value] if isinstance(value, str) else value
        if not isinstance(each, list) or not all(isinstance(text, str) and text.strip() for text in each):
            self.fault(key, "must be a list of texts that aren't empty", f'write {key} = ["..."]', value)
            return ()
        for text in each:
            if choices is not None and text not in choices:
                self.fault(key, "unknown value", nearest(text, choices), text)
        return tuple(each)

    def date(self, key: str) -> dt.date | None:
        """A date, as TOML writes it or as a text; None when absent."""
        value = self._take(key, None)
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return value
        try:
            return None if value is None else dt.date.fromisoformat(value)
        except (ValueError, TypeError):
            self.fault(key, "must be a date", f"write {key} = 2024-01-31", value)
            return None

    def number(
        self, key: str, default: float, *, above: float | None = None, least: float = -math.inf, most: float = math.inf
    ) -> float:
        """A finite number, more than `above`, from `least` to `most` (inclusive)."""
        value = self._take(key, default)
        if above is not None:
            rule = f"a number above {above:g}" + (f" and up to {most:g}" if most < math.inf else "")
        else:
            rule = f"a number from {least:g} to {most:g}" if most < math.inf else f"a number of at least {least:g}"
        if not is_number(value) or not least <= value <= most or (above is not None and value <= above):
            self.fault(key, f"must be {rule}", f"write {key} = {default:g} or leave the line out", value)
            return default
        return float(value)

    def numbers(self, *, least: float, most: float) -> dict[str, float]:
        """Every key of the table with its number, from `least` to `most`."""
        for key, value in self.values.items():
            if not is_number(value) or not least <= value <= most:
                self.fault(key, f"must be a number from {least:g} to {most:g}", f"write {key} = 5", value)
        return {key: float(value) for key, value in self.values.items() if is_number(value)}

    def whole(self, key: str, default: int, *, least: int) -> int:
        """A whole number of at least `least`."""
        value = self._take(key, default)
        if type(value) is not int or value < least:
            fix = f"write {key} = {default} or leave the line out"
            self.fault(key, f"must be a whole number of at least {least}", fix, value)
            return default
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.fault(key, "must be true or false", f"write {key} = true, or leave the line out", value)
            return default
        return value

    def pair(self, key: str, default: tuple[float, float]) -> tuple[float, float]:
        """Two positive numbers, the first no more than the second."""
        value = self._take(key, list(default))
        fix = f"write {key} = [{default[0]:g}, {default[1]:g}] or leave the line out"
        if not isinstance(value, list) or len(value) != 2 or not all(is_number(x) and x > 0 for x in value):
            self.fault(key, "must be two positive numbers, [least, most]", fix, value)
        elif value[0] > value[1]:
            self.fault(
                key, f"{key}[0] = {value[0]:g} contradicts {key}[1] = {value[1]:g}: the least is above the most", fix
            )
        else:
            return float(value[0]), float(value[1])
        return default

    def clocks(self, key: str, default: tuple[str, str]) -> tuple[str, str]:
        """Two different times of day, HH:MM; the second may lie after midnight."""
        value = self._take(key, list(default))
        good = isinstance(value, list) and len(value) == 2 and all(isinstance(x, str) for x in value)
        if not good or not all(CLOCK.fullmatch(x) for x in value) or value[0] == value[1]:
            fix = f'write {key} = ["{default[0]}", "{default[1]}"] or leave the line out'
            self.fault(key, 'must be two different times of day, ["HH:MM", "HH:MM"]', fix, value)
            return default
        return value[0], value[1]

    def renamed(self, known: Collection[str]) -> dict[str, str]:
        """The table below `columns`: standard column name -> the file's name for it; only `known` ones, each once."""
        self.asked.append("columns")
        table = TomlTable(self.path, self.name, self.values, self.faults).table("columns")
        names = {key: table.text(key) for key in known if key in table.values}
        table.asked.extend(known)
        table.finish()
        first: dict[str, str] = {}
        for key, name in names.items():
            if name and name in first:
                fix = "give each field a column of its own"
                table.fault(key, f"columns.{first[name]} and columns.{key} name the same column", fix, name)
            first.setdefault(name, key)
        return names

    def file(self, key: str, folder: Path) -> Path:
        """A local file, relative to `folder`. Whether it exists is for its reader to say."""
        written = self.text(key)
        if written and (why := unsafe_path(written)):
            self.fault(key, why, "give a file on this machine, relative to the configuration's folder", written)
        return folder / written

    def _take(self, key: str, default: Any, *, required: bool = False, fix: str = "") -> Any:
        self.asked.append(key)
        if required and key not in self.values:
            self.fault(key, "missing", fix)
        return self.values.get(key, default)


def is_number(value: object) -> bool:
    """Whether it's a finite number; True and False are none.

    >>> is_number(3), is_number(2.5), is_number(float("nan")), is_number(True), is_number("3")
    (True, True, False, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def nearest(word: str, known: Collection[str]) -> str:
    """The remedy for an unknown word: the one that was probably meant, or all that exist.

    >>> nearest("cell_mm", ["cell_m", "model"]), nearest("zzz", ["zh", "en"])
    ('did you mean cell_m?', 'use one of: zh, en')
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"use one of: {', '.join(known)}" if known else "remove it"


def unsafe_path(written: str) -> str:
    """Why a written path is refused, or ''. Refused is all that could reach a network or depends on who runs it.

    >>> unsafe_path("data/teams.csv"), unsafe_path("https://example.org/teams.csv")
    ('', 'an address, not a file')
    """
    if "://" in written or re.match(r"[A-Za-z]\w+:", written):
        return "an address, not a file"
    if written.lower().startswith("/vsi") or "/vsi" in written.lower():
        return "a virtual file system, not a file"
    if written.startswith(("\\\\", "//")):
        return "a network share, not a file of this machine"
    if written.startswith("~") or "$" in written or re.search(r"%\w+%", written):
        return "depends on the user's environment"
    if any(ord(c) < 32 for c in written):
        return "contains control characters"
    return ""
