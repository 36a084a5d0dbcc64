"""One quick plan of the sample district, made once for all tests that plan its night again; nobody may change it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from planning.pipeline import run_plan
from planning.sampledata import DEMO_DATE, sample_folder

BURST = (109.7105, 38.2445)  # a quiet place on a street
HEADER = "id,time,lon,lat,category,source"


@cache
def sample_night() -> Path:
    """The run's folder."""
    out = Path(tempfile.mkdtemp(prefix="night-")) / "plan"
    run_plan(sample_folder() / "patrol.toml", date=DEMO_DATE, out=out, effort="quick")
    return out


def incidents_file(path: Path, times: list[str], *, at: tuple[float, float] = BURST, source: str = "report") -> Path:
    """New thefts at one place, one for each time of the demo's date."""
    rows = [f"N{i:03d},{DEMO_DATE} {time},{at[0]},{at[1]},theft,{source}" for i, time in enumerate(times)]
    path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    return path


def rows_of(run: Path) -> dict[str, str]:
    """The lines of `visits.csv` as they are, by visit id."""
    lines = (run / "visits.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    return {line.split(",", 1)[0]: line for line in lines}
