"""A call-up in a district: from its configuration, and from a plan's folder what the teams are doing."""

from __future__ import annotations

from pathlib import Path

from hotspot.errors import ConfigError
from hotspot.times import parse_instant
from planning.config import Config, read_config
from planning.force import ACTIVITIES, ANY_ROLE, ROLES
from planning.inputs import read_force, read_roads
from planning.network import Conditions, Streets
from planning.operations.night import load_night
from planning.operations.requests import Callup, Outing, callup, outing_of
from planning.output.runs import require_whole
from planning.pipeline import CACHE, Progress


def run_callup(
    config_path: Path,
    *,
    lon: float,
    lat: float,
    time: str,
    need: int,
    within_min: float,
    role: str | None = None,
    activity: str | None = None,
    run: Path | None = None,
    progress: Progress = lambda stage: None,
) -> tuple[Callup, Config]:
    """Who can be at a place soonest: see `planning.operations.requests.callup`.

    The teams are those of the configuration; with a `run` its streets and closures hold, and its teams are where they
    are sent. A team needs the `role`, or one that may do the `activity`.

    Raises ConfigError (configuration, or what is asked), InputError (a table or the run can't be used).
    """
    config = read_config(config_path)
    roles = _roles(config, role, activity)
    at = parse_instant(time, config.district.timezone)
    progress("read")
    _, points, teams = read_force(config)
    streets, conditions, outing = _streets(config) if run is None else _of_run(run)
    progress("travel times")
    rules = config.planning
    found = callup(
        teams, points, streets, lon=lon, lat=lat, at=at, need=need, within_min=within_min, roles=roles,
        conditions=conditions, outing=outing, max_snap_m=rules.max_snap_m, min_members=rules.min_members,
        night_min_members=rules.night_min_members, night_hours=rules.night_hours,
    )  # fmt: skip
    return found, config


def _roles(config: Config, role: str | None, activity: str | None) -> tuple[str, ...]:
    if role is not None and activity is not None:
        raise ConfigError("--role and --activity: only one of them can be asked for; fix: leave one out")
    if role is not None and role not in ROLES:
        raise ConfigError(f"--role {role}: unknown role; fix: use one of: {', '.join(ROLES)}")
    if activity is not None and activity not in ACTIVITIES:
        raise ConfigError(f"--activity {activity}: unknown activity; fix: use one of: {', '.join(ACTIVITIES)}")
    if role is not None:
        return (role,)
    return config.roles[activity] if activity is not None else (ANY_ROLE,)


def _streets(config: Config) -> tuple[Streets, Conditions, None]:
    """The district's streets, out of the cache of a run beside the configuration where there is one."""
    cache = config.folder / CACHE
    return *read_roads(config, cache=cache if cache.is_dir() else None), None


def _of_run(run: Path) -> tuple[Streets, Conditions, Outing]:
    require_whole(run)
    night = load_night(run)
    return night.streets, night.conditions, outing_of(night)
