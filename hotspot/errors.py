"""What can go wrong, each with what to do next.

One root, few leaves; each leaf is also the builtin that a caller would expect, so `except ValueError` works.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hotspot.wording import in_language


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input: where, what was found, why it can't be used, and the remedy.

    >>> print(Fault("teams.csv", "unknown patrol point", "use one of: P01, P02", row=7, field="point_id", value="P99"))
    teams.csv: row 7, field point_id: value 'P99': unknown patrol point; fix: use one of: P01, P02
    """

    path: str
    reason: str
    fix: str
    row: int | None = None  # line of the file as a text editor or spreadsheet counts it: the header is row 1
    field: str | None = None
    value: str | None = None
    count: int = 1  # how many rows have the same fault; `row` is the first

    def __str__(self) -> str:
        return self.told("en")

    def told(self, language: str) -> str:
        """The message in zh or en; a reason that has no translation stays as it is.

        >>> print(Fault("teams.csv", "missing", "give every row its name", row=7, field="name").told("zh"))
        teams.csv: 第 7 行，字段 name: 缺失; 处理: 请给每一行填写 name
        """
        frame = _FRAMES[language]
        where = [frame["row"].format(self.row)] if self.row is not None else []
        where += [frame["field"].format(self.field)] if self.field is not None else []
        parts = [self.path, frame["and"].join(where)]
        parts.append(frame["value"].format(_shown(self.value)) if self.value is not None else "")
        like_it = frame["like it"].format(self.count) if self.count > 1 else ""
        reason, fix = in_language(self.reason, language), in_language(self.fix, language)
        return ": ".join([part for part in parts if part] + [reason + like_it]) + frame["fix"].format(fix)

    def as_dict(self, language: str = "en") -> dict[str, str | int | None]:
        """For programs: path, row, field, value, reason, fix, count, and the `message` for people in `language`."""
        value = _shown(self.value) if self.value is not None else None
        return {"path": self.path, "row": self.row, "field": self.field, "value": value} | {
            "reason": self.reason, "fix": self.fix, "count": self.count, "message": self.told(language),
        }  # fmt: skip


_FRAMES = {
    "en": {
        "row": "row {}", "field": "field {}", "and": ", ", "value": "value '{}'", "like it": " ({} rows like it)",
        "fix": "; fix: {}",
    },
    "zh": {
        "row": "第 {} 行", "field": "字段 {}", "and": "，", "value": "值 '{}'", "like it": "（共 {} 行）",
        "fix": "; 处理: {}",
    },
}  # fmt: skip


def _shown(value: str, most: int = 60) -> str:
    plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


class HotspotError(Exception):
    """The root of every error that this project raises on purpose."""

    def told(self, language: str) -> str:
        """The message for people. In zh each line stands there in Chinese first; the English lines, whose form is a
        promise to scripts, follow."""
        if language == "en":
            return str(self)
        return "\n".join([*self._lines_in(language), str(self)])

    def _lines_in(self, language: str) -> list[str]:
        return [_line_told(line, language) for line in str(self).split("\n")]


def _line_told(line: str, language: str) -> str:
    reason, found, fix = line.partition("; fix: ")
    told = in_language(reason, language)
    return told + _FRAMES[language]["fix"].format(in_language(fix, language)) if found else told


class _FaultsError(HotspotError):
    """An error that lists faults, all of them and not only the first."""

    def __init__(self, faults: str | Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = ()
        if isinstance(faults, str):
            super().__init__(faults)
            return
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def _lines_in(self, language: str) -> list[str]:
        return [fault.told(language) for fault in self.faults] or super()._lines_in(language)


class InputError(_FaultsError, ValueError):
    """An input can't be used. `faults` lists everything that is wrong with it."""


class CrsError(InputError):
    """Coordinates are in another system than the one that was declared or is needed."""


class ConfigError(_FaultsError, ValueError):
    """The configuration or an argument contradicts itself or isn't known; `faults` where it is a file's."""


class PlanError(HotspotError, RuntimeError):
    """A plan can't be made or doesn't hold."""


class OutputError(HotspotError, OSError):
    """A result can't be written or read back."""
