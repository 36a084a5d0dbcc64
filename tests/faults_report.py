"""Run the fault tests and print, by id, which hold: `python tests/faults_report.py [pytest arguments]`."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


class ById:
    """The outcomes of all tests of each fault."""

    def __init__(self) -> None:
        self.ids: dict[str, list[str]] = {}
        self.outcomes: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.ids[item.nodeid] = [mark.args[0] for mark in item.iter_markers("fault")]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            for fault in self.ids.get(report.nodeid, []):
                self.outcomes[fault].append(report.outcome)

    def lines(self) -> list[str]:
        told = []
        for fault, outcomes in sorted(self.outcomes.items()):
            word = "passed" if set(outcomes) == {"passed"} else "FAILED" if "failed" in outcomes else "SKIPPED"
            told.append(f"{fault}  {word}  ({len(outcomes)} tests)")
        return told


def main() -> int:
    by_id = ById()
    code = pytest.main([str(FOLDER), "-m", "fault", "-q", "--no-header", *sys.argv[1:]], plugins=[by_id])
    lines = by_id.lines()
    passed = sum("  passed  " in line for line in lines)
    print("\n".join([*lines, f"{passed} of {len(lines)} faults passed"]))
    return int(code) or int(passed < len(lines))


if __name__ == "__main__":
    sys.exit(main())
