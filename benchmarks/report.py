"""What the studies of this folder print and write: one row per task and tool."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Row:
    task: str
    tool: str
    seconds: float | None
    ratio: float | None = None  # of the peer's time to ours
    peak_mb: float | None = None
    agreement: str = ""


def report(rows: Iterable[Row], file: Path | None) -> list[Row]:
    """Prints each row as it comes; writes all of them as JSON."""
    done = []
    for row in rows:
        done.append(row)
        print(_told(row), flush=True)
    if file:
        file.write_text(json.dumps([asdict(row) for row in done], indent=1), encoding="utf-8")
    return done


def _told(row: Row) -> str:
    seconds = f"{row.seconds:10.3f} s" if row.seconds is not None else f"{'-':>12}"
    ratio = "" if row.ratio is None else f"{row.ratio:,.0f}x" if row.ratio >= 100 else f"{row.ratio:.3g}x"
    peak = f"{row.peak_mb:7,.0f} MB" if row.peak_mb is not None else " " * 10
    return f"{row.task:36} {row.tool:26} {seconds} {ratio:>8} {peak}  {row.agreement}"
