"""What can go wrong, each with what to do next.

One root, few leaves; each leaf is also the builtin that a caller would expect, so `except ValueError` works.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


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
        where = [f"row {self.row}"] if self.row is not None else []
        where += [f"field {self.field}"] if self.field is not None else []
        parts = [self.path, ", ".join(where), f"value '{_shown(self.value)}'" if self.value is not None else ""]
        like_it = f" ({self.count} rows like it)" if self.count > 1 else ""
        return ": ".join([part for part in parts if part] + [self.reason + like_it]) + f"; fix: {self.fix}"


def _shown(value: str, most: int = 60) -> str:
    plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


class HotspotError(Exception):
    """The root of every error that this project raises on purpose."""


class InputError(HotspotError, ValueError):
    """An input can't be used. `faults` lists everything that is wrong with it, not only the first."""

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class CrsError(InputError):
    """Coordinates are in another system than the one that was declared or is needed."""


class ConfigError(HotspotError, ValueError):
    """The configuration or an argument contradicts itself or isn't known."""


class PlanError(HotspotError, RuntimeError):
    """A plan can't be made or doesn't hold."""


class OutputError(HotspotError, OSError):
    """A result can't be written or read back."""
