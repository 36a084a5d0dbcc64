"""The register of a district's force, from its configuration."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd

from hotspot.errors import ConfigError
from hotspot.times import parse_instant
from planning.config import Config, read_config
from planning.operations.registry import Register, register
from planning.operations.tables import read_force


def run_force(config_path: Path, *, date: str | None = None) -> tuple[Register, Config]:
    """Counts the force of a district as of a local `date`, today where it is None.

    Raises ConfigError (configuration or date), InputError with every fault of the communities, points and teams.
    """
    config = read_config(config_path)
    day = _day(date, config.district.timezone)
    areas, points, teams = read_force(config)
    return register(teams, points, areas, date=day), config


def _day(date: str | None, timezone: str) -> dt.date:
    if date is None:
        return pd.Timestamp.now(tz=timezone).date()
    day = parse_instant(date, timezone)
    if day != day.normalize():
        raise ConfigError(f"--date {date}: has a time of day; fix: give the date alone, YYYY-MM-DD")
    return day.date()
