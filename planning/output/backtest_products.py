"""What a backtest leaves: a report page, its first line as text, and the tables behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from hotspot.backtesting import Backtest
from hotspot.mapping.backtest_page import backtest_page
from hotspot.tables import write_csv
from planning.config import Config
from planning.inputs import Inputs
from planning.output.products import SYNTHETIC_MARK, input_entries, moved_out, run_id_of, versions
from planning.release import __version__

REPORT = "report.html"


@dataclass(frozen=True, eq=False)
class BacktestFacts:
    """A backtest and what it was made from; `sensitivity`: the same test with other cells."""

    config: Config
    inputs: Inputs
    result: Backtest
    sensitivity: pd.DataFrame
    effort: str

    def manifest(self, *, timings_s: dict[str, float]) -> dict[str, Any]:
        """The manifest's fields but its list of files."""
        parameters = self.result.parameters
        return {
            "status": "complete",
            **self._identity(),
            "run_id": self.run_id,
            "window": {"start": parameters["start"], "end": parameters["end"]},
            "timezone": self.config.district.timezone,
            "versions": versions(),
            "inputs": self._input_entries,
            "plan": None,
            "backtest": {"headline": self.result.summary(), "default": self.result.default, **parameters},
            "notices": self.notices,
            "timings_s": timings_s,
        }

    @cached_property
    def run_id(self) -> str:
        """Eight letters that stand for the inputs, the configuration and the test."""
        told = [self.result.parameters[name] for name in ("start", "end", "step", "horizon")]
        return run_id_of(self._identity(), told, [entry["sha256"] for entry in self._input_entries])

    def _identity(self) -> dict[str, Any]:
        return {
            "command": "backtest", "config": self.config.echo(), "seed": 0, "effort": self.effort,
            "as_of": self.result.parameters["end"],
        }  # fmt: skip

    @cached_property
    def _input_entries(self) -> list[dict[str, Any]]:
        return input_entries(self.config, self.inputs)

    @property
    def notices(self) -> list[str]:
        """What a reader must know about the inputs, default locations among it."""
        counts = self.inputs.incidents.counts
        return [f"incidents: {counts}", *(moved_out(each, self.config.folder) for each in self.inputs.notices)]

    def report(self, out: Path) -> list[str]:
        """The last words of the command; the first of them is the headline."""
        lines = [
            f"{row.model:20} {row.ig:+.3f} [{row.ig_lower:+.3f}, {row.ig_upper:+.3f}]  {row.ig_place:+.3f}"
            for row in self.result.table.itertuples()
        ]
        head = "information gain over long-run counts, nats per incident: place and hour [95 % interval], place"
        return [self.result.summary(self.config.district.language), head, *lines, f"report: {out / REPORT}"]


def write_backtest_products(folder: Path, facts: BacktestFacts) -> None:
    """The page, `report.txt`, and one table each of models, cutoffs, curves, tenths, drift and other cells."""
    result, district = facts.result, facts.config.district
    page = backtest_page(
        result,
        language=district.language,
        title=district.name,
        synthetic=SYNTHETIC_MARK in district.name,
        notices=facts.notices,
        sensitivity=facts.sensitivity,
        timezone=district.timezone,
        run_id=facts.run_id,
        version=__version__,
    )
    (folder / REPORT).write_bytes(page.encode())
    (folder / "report.txt").write_bytes((result.summary(district.language) + "\n").encode())
    tables = {
        "models": result.table, "cutoffs": result.origins, "curve": result.curve, "tenths": result.deciles,
        "drift": result.drift, "other_cells": facts.sensitivity,
    }  # fmt: skip
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
