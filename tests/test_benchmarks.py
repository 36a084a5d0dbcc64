"""Every study starts, from its folder as a user would, whatever the names of the files beside it."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = [
    "forecast.py", "intake.py", "orienteering.py", "page.py", "patrol_scale.py", "pipeline.py", "statistics.py", "streets.py",
]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_says_what_it_does(script):
    done = subprocess.run([sys.executable, FOLDER / script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
