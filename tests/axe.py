"""axe-core in an opened page: what it finds against WCAG 2.0, 2.1 and 2.2 (A, AA) and its own best practices.

The page's policy forbids added scripts. `evaluate` speaks to the browser's debugger, which no policy of the page governs, so
axe runs beside the page without weakening what is tested: the policy stays on, and its violations are still counted.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest

AXE = Path(__file__).resolve().parent / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]  # WCAG 2.2 adds no A rule to axe
RUN = """(tags) => axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"], iframes: false })
.then((found) => JSON.stringify(found.violations.flatMap((rule) => rule.nodes.map((node) =>
  `${rule.id}: ${node.target.join(" ")}: ${node.any.concat(node.all, node.none).map((check) => check.message).join("; ")}`))))"""


@cache
def axe_script() -> str:
    """The text of axe; without it the test is skipped with the reason, but fails where `CI=true` promises it."""
    if not AXE.is_file():
        reason = f"{AXE} is missing: bash .ci/test-packages"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")


def violations(page) -> list[str]:
    """One line for each element at fault, as the page is now; [] where axe finds nothing. Frames are pages of their own."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe_script())
    return json.loads(page.evaluate(RUN, TAGS))
