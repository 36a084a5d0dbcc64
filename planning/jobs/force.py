"""The register of a district's force, from its configuration."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from hotspot.times import parse_day
from planning.config import Config, read_config
from planning.inputs import read_force
from planning.operations.registry import Register, register


def run_force(config_path: Path, *, date: str | None = None) -> tuple[Register, Config]:
    """Counts the force of a district as of a local `date`, today where it is None.

    Raises ConfigError (configuration or date), InputError with every fault of the communities, points and teams.
    """
    config = read_config(config_path)
    zone = config.district.timezone
    day = pd.Timestamp.now(tz=zone) if date is None else parse_day(date, zone, option="--date")
    areas, points, teams = read_force(config)
    return register(teams, points, areas, date=day.date()), config
