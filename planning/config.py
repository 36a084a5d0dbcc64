"""The district's configuration: a TOML file becomes typed, checked values; everything wrong with it is said at once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyproj

from hotspot.coordinates import FORMS
from hotspot.errors import ConfigError, Fault
from hotspot.forecasting.models import MODELS
from hotspot.incidents import SAME_ID_RULES
from planning.event_levels import LEVEL_COLUMNS, LevelRow, level_faults
from planning.force import ACTIVITIES, ANY_ROLE, DEFAULT_ROLES, MODES, POINT_COLUMNS, ROLES, TEAM_COLUMNS
from planning.toml_table import TomlTable, nearest, unsafe_path

LANGUAGES = ("zh", "en")
DATUMS = ("wgs84", "gcj02", "bd09")
INCIDENT_COLUMNS = ("id", "time", "time_end", "report_time", "lon", "lat", "category", "source")
TRACK_COLUMNS = ("team_id", "time", "lon", "lat")
DATABASES = ("postgresql://",)


@dataclass(frozen=True)
class DistrictConfig:
    """Where and when: `calendar` is a country code, a file, or None (weekdays only)."""

    name: str
    timezone: str
    crs: str
    language: str
    areas: Path
    calendar: str | Path | None = None


@dataclass(frozen=True)
class IncidentsConfig:
    """The incident history: a file, several, or a database address; `columns`: standard name -> the file's name.

    `sheet` and `header_row` say where the table is, `time_formats` and `coordinate_forms` how values may be written,
    `same_id` what rows with one id are, `first_date` and `last_date` (inclusive) from when data may be.
    """

    path: Path | str | tuple[Path, ...]
    datum: str
    columns: Mapping[str, str]
    max_rejected_share: float = 0.01
    sheet: str | None = None
    header_row: int | None = None
    time_formats: tuple[str, ...] = ()
    coordinate_forms: tuple[str, ...] = ()
    same_id: str = "earliest"
    first_date: dt.date | None = None
    last_date: dt.date | None = None


@dataclass(frozen=True)
class FileConfig:
    """One hand-made table; `columns` maps standard names to the file's names."""

    path: Path
    columns: Mapping[str, str]


@dataclass(frozen=True)
class StreetsConfig:
    """The streets, and what is known about them: `speeds` are km/h by mode and class of street."""

    path: Path
    closures: Path | None = None
    congestion: Path | None = None
    speeds: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class HotspotsConfig:
    """How risk becomes hotspots. `patrol_found_weight` 0: incidents that patrols found don't attract patrols.

    `least_addresses` (8 for publication): places with incidents from fewer addresses are withheld from every product.
    `budget_cell_hours` above 0 takes the place of the two shares: as many cell-hours as the patrols can cover.
    """

    cell_m: float = 250.0
    model: str = "auto"
    area_share: float = 0.05
    key_hours_share: float = 0.5
    max_radius_m: float = 400.0
    patrol_found_weight: float = 0.0
    least_addresses: int = 0
    budget_cell_hours: float = 0.0


@dataclass(frozen=True)
class PlanningConfig:
    """How hotspots become visits. `revisit_gap_min` counts from start to start of two visits to one hotspot.

    `least_per_community`, `least_visits` and `least_work_min` (of a team) are wished for, what is missed is reported;
    the limits hold. `variety_loss` above 0 draws tonight's plan among those that lose at most this share of the best
    one's value.
    """

    dwell_min: tuple[float, float] = (10.0, 16.0)
    max_leg_min: float = 20.0
    revisit_gap_min: float = 30.0
    max_visits: int = 3
    max_snap_m: float = 300.0
    min_members: int = 2
    night_min_members: int = 2
    night_hours: tuple[str, str] = ("22:00", "06:00")
    least_per_community: int = 0
    most_per_community: int = 0  # 0 = no limit
    least_visits: int = 0
    most_visits: int = 0  # 0 = no limit
    least_work_min: float = 0.0  # of a team: travel and service, not waiting
    most_work_min: float = 1440.0
    variety_loss: float = 0.0


@dataclass(frozen=True)
class SheetsConfig:
    """What team sheets say besides the plan: the `emergency` number, and `instructions` by activity in place of the
    built-in ones. `pdf`: a PDF beside each page (extra `[pdf]`), in the font of the file `font` ('' = the system's)."""

    emergency: str = "110"
    instructions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    pdf: bool = False
    font: str = ""  # as written, so that a whole path stays one when the night is planned again from its run


@dataclass(frozen=True)
class OutputConfig:
    """Exports for phones and maps are in WGS-84 always, and once more in every other one of `datums`."""

    datums: tuple[str, ...] = ("wgs84",)


@dataclass(frozen=True)
class EventsConfig:
    """How large events are staffed. `table`: rows, a file of them, or None: the shipped example.

    Events of fewer than `large_from` people get nobody. `role_shares`: share of the headcount that must hold a role.
    `reserve_teams_per_point` None: one of a point's teams stays where it has more than one.
    """

    table: tuple[LevelRow, ...] | Path | None = None
    role_shares: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reserve_teams_per_point: int | None = None
    max_travel_min: float = 30.0
    setup_min: float = 30.0
    large_from: int = 1000


@dataclass(frozen=True)
class WatchConfig:
    """How `patrol watch` hears and tells: `poll_s` between two looks at the inbox; `channel` of a PostGIS database that
    notifies of new incidents ('' = none). New plans are copied to `push_folder` and posted to `push_url`, signed with the
    secret in the environment variable `push_secret_env`; '' = not at all."""

    poll_s: float = 2.0
    channel: str = ""
    push_folder: Path | None = None
    push_url: str = ""
    push_secret_env: str = ""


@dataclass(frozen=True)
class AssessConfig:
    """How patrols are assessed: `ledger` keeps the outcomes; `datum` and `columns` are those of the tracks.

    A team is at a hotspot within `buffer_m` of it. Between two pings farther apart than `max_gap_min` (and three times
    the team's usual interval) nothing is known. Before and after patrols, incidents of `sources` are compared in the
    treated cells, those within `ring_m` around, and cells like them farther away.
    """

    ledger: Path = Path("ledger.jsonl")
    datum: str = "wgs84"
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    buffer_m: float = 50.0
    max_gap_min: float = 10.0
    max_rejected_share: float = 0.01
    ring_m: float = 300.0
    sources: tuple[str, ...] = ("report",)


@dataclass(frozen=True)
class Config:
    """A district's whole configuration; every path is already below `folder`, the folder of the file."""

    folder: Path
    district: DistrictConfig
    incidents: IncidentsConfig
    categories: Mapping[str, str]  # the incident's category -> activity, "" = not used for hotspots
    streets: StreetsConfig
    points: FileConfig
    teams: FileConfig
    roles: Mapping[str, tuple[str, ...]]  # activity -> the roles that may do it
    hotspots: HotspotsConfig
    planning: PlanningConfig
    watch: WatchConfig = WatchConfig()
    events: EventsConfig = EventsConfig()
    sheets: SheetsConfig = SheetsConfig()
    output: OutputConfig = OutputConfig()
    assess: AssessConfig = AssessConfig()

    def echo(self) -> dict[str, Any]:
        """Everything in effect, defaults too, in the shape of the TOML file and ready for JSON.

        Paths are relative to `folder`, so the echo doesn't depend on where the folder lies; a database
        password is masked. `parse_config(config.echo(), folder=config.folder)` gives the same configuration.
        """
        tables = {key: value for key, value in vars(self).items() if key != "folder"}
        echoed: dict[str, Any] = _plain(tables, self.folder)
        return echoed


def read_config(path: str | Path) -> Config:
    """Reads a `patrol.toml`. The files it names aren't opened here.

    Raises:
        ConfigError: the file can't be read, or anything in it can't be used; one line per fault.
    """
    try:
        table = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise ConfigError(Fault(str(path), "not UTF-8 text", "save it with the encoding UTF-8")) from error
    except tomllib.TOMLDecodeError as error:
        fix = "mend that line; texts stand in double quotes, paths use / even on Windows"
        raise ConfigError(Fault(str(path), f"not valid TOML: {error}", fix)) from error
    except OSError as error:
        reason = f"can't be read: {error.strerror}"
        fix = "give the path of a patrol.toml; `patrol init DIR` writes one"
        raise ConfigError(Fault(str(path), reason, fix)) from error
    return parse_config(table, folder=Path(path).parent, path=str(path))


def parse_config(table: Mapping[str, Any], *, folder: Path, path: str = "patrol.toml") -> Config:
    """Checks a configuration that is already a dict (a parsed file, or an echo); messages call it `path`.

    Raises:
        ConfigError: anything in it can't be used; one line per fault.
    """
    root = TomlTable(path, "", table, [])
    config = Config(
        folder=folder,
        district=_district(root.table("district", required=True), folder),
        incidents=_incidents(root.table("incidents", required=True), folder),
        categories=_categories(root.table("categories", required=True)),
        streets=_streets(root.table("streets", required=True), folder),
        points=_file(root.table("points", required=True), folder, columns=POINT_COLUMNS),
        teams=_file(root.table("teams", required=True), folder, columns=TEAM_COLUMNS),
        roles=_roles(root.table("roles")),
        hotspots=_hotspots(root.table("hotspots")),
        planning=_planning(root.table("planning")),
        watch=_watch(root.table("watch"), folder),
        events=_events(root.table("events"), folder),
        sheets=_sheets(root.table("sheets")),
        output=_output(root.table("output")),
        assess=_assess(root.table("assess"), folder),
    )
    root.finish()
    if root.faults:
        raise ConfigError(root.faults)
    return config


def _district(table: TomlTable, folder: Path) -> DistrictConfig:
    name = table.text("name")
    timezone = table.text("timezone")
    if timezone and timezone not in (zones := zoneinfo.available_timezones()):
        fix = nearest(timezone, sorted(zones)) if re.search("/", timezone) else 'use an IANA name as "Asia/Shanghai"'
        table.fault("timezone", "unknown time zone", fix, timezone)
    crs = table.text("crs")
    if crs and (why := _unusable_crs(crs)):
        fix = 'use a projected system in metres: UTM as "EPSG:32649", or a CGCS2000 zone as "EPSG:4546"'
        table.fault("crs", why, fix, crs)
    language = table.text("language", choices=LANGUAGES)
    areas = table.file("areas", folder)
    calendar: str | Path | None = None
    if "calendar" in table.values and not re.fullmatch("[A-Z]{2}", calendar := table.text("calendar")):
        calendar = table.file("calendar", folder)
    table.asked.append("calendar")
    table.finish()
    return DistrictConfig(name, timezone, crs, language, areas, calendar)


def _unusable_crs(written: str) -> str:
    try:
        crs = pyproj.CRS.from_user_input(written)
    except pyproj.exceptions.CRSError:
        return "unknown coordinate reference system"
    if crs.is_geographic:
        return "geographic (degrees): distances can't be measured in it"
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info[:2]):
        return "not projected in metres"
    if crs.to_epsg() == 3857:
        return "web Mercator: its metres are stretched away from the equator"
    return ""


def _incidents(table: TomlTable, folder: Path) -> IncidentsConfig:
    path = _incident_path(table, folder)
    datum = str(table.values.get("datum", "wgs84"))
    datum = f"EPSG:{datum}" if datum.isdecimal() else datum
    if datum not in DATUMS and not re.fullmatch(r"EPSG:\d+", datum):
        table.fault("datum", "unknown datum", f'use one of: {", ".join(DATUMS)}, or an EPSG code as "EPSG:4490"', datum)
    table.asked.append("datum")
    columns = table.renamed(INCIDENT_COLUMNS)
    found = IncidentsConfig(
        path, datum, columns,
        max_rejected_share=table.number("max_rejected_share", IncidentsConfig.max_rejected_share, least=0, most=1),
        sheet=table.text("sheet", "") or None,
        header_row=table.whole("header_row", 1, least=1) if "header_row" in table.values else None,
        time_formats=table.texts("time_formats"),
        coordinate_forms=table.texts("coordinate_forms", choices=FORMS),
        same_id=table.text("same_id", "earliest", choices=SAME_ID_RULES),
        first_date=table.date("first_date"),
        last_date=table.date("last_date"),
    )  # fmt: skip
    table.asked.append("header_row")
    if found.first_date and found.last_date and found.last_date < found.first_date:
        table.fault("last_date", f"lies before first_date = {found.first_date}", "exchange the two", found.last_date)
    table.finish()
    return found


def _incident_path(table: TomlTable, folder: Path) -> Path | str | tuple[Path, ...]:
    written = table.values.get("path")
    if not isinstance(written, list):
        if isinstance(written, str) and written.startswith(DATABASES):
            table.asked.append("path")
            return written
        return table.file("path", folder)
    table.asked.append("path")
    if not written:
        table.fault("path", "an empty list", "name at least one file", written)
    # one small table per entry, so that each file's faults carry its own name: incidents.path[2]
    entries = {f"path[{n}]": value for n, value in enumerate(written)}
    one_each = TomlTable(table.path, table.name, entries, table.faults)
    return tuple(one_each.file(key, folder) for key in entries)


def _categories(table: TomlTable) -> dict[str, str]:
    for key, value in table.values.items():
        if not isinstance(value, str) or value not in ("", *ACTIVITIES):
            fix = nearest(str(value), ACTIVITIES) + ' ("" = not used for hotspots)'
            table.fault(key, "unknown activity", fix, value)
    return {key: str(value) for key, value in table.values.items()}


def _file(table: TomlTable, folder: Path, *, columns: tuple[str, ...]) -> FileConfig:
    path = table.file("path", folder)
    renamed = table.renamed(columns)
    table.finish()
    return FileConfig(path, renamed)


def _streets(table: TomlTable, folder: Path) -> StreetsConfig:
    path = table.file("path", folder)
    closures, congestion = (
        table.file(key, folder) if key in table.values else None for key in ("closures", "congestion")
    )
    by_mode = table.table("speeds")
    speeds = {mode: by_mode.table(mode).numbers(least=0, most=200) for mode in MODES if mode in by_mode.values}
    by_mode.asked.extend(MODES)
    by_mode.finish()
    table.asked.extend(["closures", "congestion"])
    table.finish()
    return StreetsConfig(path, closures, congestion, speeds)


def _roles(table: TomlTable) -> dict[str, tuple[str, ...]]:
    roles = {activity: DEFAULT_ROLES[activity] for activity in ACTIVITIES}
    known = (*ROLES, ANY_ROLE)
    for activity in [key for key in ACTIVITIES if key in table.values]:
        written = table.values[activity]
        if not isinstance(written, list) or not written or not all(isinstance(role, str) for role in written):
            fix = f'write {activity} = ["mediator"], or ["{ANY_ROLE}"] when no role is needed'
            table.fault(activity, "must be a list of roles that isn't empty", fix, written)
            continue
        for role in [role for role in written if role not in known]:
            table.fault(activity, "unknown role", nearest(role, known), role)
        roles[activity] = tuple(written)
    table.asked.extend(ACTIVITIES)
    table.finish()
    return roles


def _hotspots(table: TomlTable) -> HotspotsConfig:
    default = HotspotsConfig()
    found = HotspotsConfig(
        cell_m=table.number("cell_m", default.cell_m, least=10, most=10_000),
        model=table.text("model", default.model, choices=("auto", *MODELS)),
        area_share=table.number("area_share", default.area_share, above=0, most=1),
        key_hours_share=table.number("key_hours_share", default.key_hours_share, above=0, most=1),
        max_radius_m=table.number("max_radius_m", default.max_radius_m, above=0),
        patrol_found_weight=table.number("patrol_found_weight", default.patrol_found_weight, least=0, most=1),
        least_addresses=table.whole("least_addresses", default.least_addresses, least=0),
        budget_cell_hours=table.number("budget_cell_hours", default.budget_cell_hours, least=0),
    )
    table.finish()
    return found


def _watch(table: TomlTable, folder: Path) -> WatchConfig:
    channel = table.text("channel", "")
    if channel and not re.fullmatch("[a-z_][a-z0-9_]{0,62}", channel):
        table.fault("channel", "not a name of a channel", "use small letters, digits and _", channel)
    url = table.text("push_url", "")
    if url and not re.match("https?://[^/]", url):
        table.fault("push_url", "not an address", "write http:// or https:// and a host", url)
    secret = table.text("push_secret_env", "")
    if url and not secret:
        table.fault("push_secret_env", "missing", "name the environment variable that holds the secret of push_url")
    return WatchConfig(
        poll_s=table.number("poll_s", WatchConfig.poll_s, above=0),
        channel=channel,
        push_folder=Path(os.path.normpath(folder / text)) if (text := table.text("push_folder", "")) else None,
        push_url=url,
        push_secret_env=secret,
    )


def _events(table: TomlTable, folder: Path) -> EventsConfig:
    default = EventsConfig()
    by_role = table.table("role_shares")
    known = (*ROLES, ANY_ROLE)
    shares = {role: by_role.number(role, 0.0, least=0, most=1) for role in known if role in by_role.values}
    by_role.asked.extend(known)
    by_role.finish()
    if (total := sum(shares.values())) > 1 + 1e-9:
        table.fault("role_shares", f"add up to {total:g}", "give shares that add up to 1 at most")
    reserve = "reserve_teams_per_point" in table.values
    found = EventsConfig(
        table=_levels(table, folder),
        role_shares=shares,
        reserve_teams_per_point=table.whole("reserve_teams_per_point", 1, least=0) if reserve else None,
        max_travel_min=table.number("max_travel_min", default.max_travel_min, above=0),
        setup_min=table.number("setup_min", default.setup_min, least=0),
        large_from=table.whole("large_from", default.large_from, least=0),
    )
    table.asked.append("reserve_teams_per_point")
    table.finish()
    return found


def _levels(table: TomlTable, folder: Path) -> tuple[LevelRow, ...] | Path | None:
    """The staffing table: rows in place, or a file that its reader opens."""
    written = table.values.get("table")
    if isinstance(written, str):
        return table.file("table", folder)
    table.asked.append("table")
    if written is None:
        return None
    if not isinstance(written, list) or not written or not all(isinstance(row, dict) for row in written):
        fix = "write table = [{ level = 1, attendance = 1000, headcount = 30, posts = 6 }], or the name of a file"
        table.fault("table", "must be a list of rows, or a file", fix, written)
        return None
    rows, before = [], len(table.faults)
    for n, values in enumerate(written):
        row = TomlTable(table.path, f"{table.name}.table[{n}]", values, table.faults)
        for name in [name for name in LEVEL_COLUMNS if name not in values]:
            row.fault(name, "missing", f"write {name} = 1")
        rows.append(LevelRow(*(row.whole(name, 1, least=name != "attendance") for name in LEVEL_COLUMNS)))
        row.finish()
    if len(table.faults) == before:
        for n, column, value, reason, fix in level_faults(rows):
            table.fault(f"table[{n}].{column}", reason, fix, value)
    return tuple(rows)


def _sheets(table: TomlTable) -> SheetsConfig:
    by_activity = table.table("instructions")
    instructions = {activity: by_activity.text(activity) for activity in ACTIVITIES if activity in by_activity.values}
    by_activity.asked.extend(ACTIVITIES)
    by_activity.finish()
    font = table.text("font", "")
    if font and (why := unsafe_path(font)):
        table.fault("font", why, "give a file on this machine, relative to the configuration's folder", font)
    pdf = table.flag("pdf", False)
    if pdf and importlib.util.find_spec("weasyprint") is None:
        table.fault("pdf", "WeasyPrint isn't installed", "pip install 'hotspot-patrol[pdf]'")
    emergency = table.text("emergency", SheetsConfig.emergency)
    table.finish()
    return SheetsConfig(emergency, instructions, pdf, font)


def _output(table: TomlTable) -> OutputConfig:
    datums = table.texts("datums", choices=DATUMS)
    table.finish()
    return OutputConfig(datums or OutputConfig.datums)


def _assess(table: TomlTable, folder: Path) -> AssessConfig:
    default = AssessConfig()
    written = table.text("ledger", default.ledger.as_posix())
    if why := unsafe_path(written):
        table.fault("ledger", why, "give a file on this machine, relative to the configuration's folder", written)
    found = AssessConfig(
        ledger=Path(os.path.normpath(folder / written)),
        datum=table.text("datum", default.datum, choices=DATUMS),
        columns=table.renamed(TRACK_COLUMNS),
        buffer_m=table.number("buffer_m", default.buffer_m, least=0, most=1000),
        max_gap_min=table.number("max_gap_min", default.max_gap_min, above=0),
        max_rejected_share=table.number("max_rejected_share", default.max_rejected_share, least=0, most=1),
        ring_m=table.number("ring_m", default.ring_m, least=0),
        sources=table.texts("sources") or default.sources,
    )
    table.finish()
    return found


def _planning(table: TomlTable) -> PlanningConfig:
    default = PlanningConfig()
    found = PlanningConfig(
        dwell_min=table.pair("dwell_min", default.dwell_min),
        max_leg_min=table.number("max_leg_min", default.max_leg_min, above=0),
        revisit_gap_min=table.number("revisit_gap_min", default.revisit_gap_min, least=0),
        max_visits=table.whole("max_visits", default.max_visits, least=1),
        max_snap_m=table.number("max_snap_m", default.max_snap_m, above=0),
        min_members=table.whole("min_members", default.min_members, least=1),
        night_min_members=table.whole("night_min_members", default.night_min_members, least=1),
        night_hours=table.clocks("night_hours", default.night_hours),
        least_per_community=table.whole("least_per_community", default.least_per_community, least=0),
        most_per_community=table.whole("most_per_community", default.most_per_community, least=0),
        least_visits=table.whole("least_visits", default.least_visits, least=0),
        most_visits=table.whole("most_visits", default.most_visits, least=0),
        least_work_min=table.number("least_work_min", default.least_work_min, least=0),
        most_work_min=table.number("most_work_min", default.most_work_min, above=0),
        variety_loss=table.number("variety_loss", default.variety_loss, least=0, most=0.5),
    )
    for name in ("per_community", "visits", "work_min"):
        lower, upper = getattr(found, f"least_{name}"), getattr(found, f"most_{name}")
        if 0 < upper < lower:
            table.fault(
                f"least_{name}", f"contradicts planning.most_{name} = {upper:g}", f"at most {upper:g}", f"{lower:g}"
            )
    if found.max_visits > 1 and found.revisit_gap_min < found.dwell_min[0]:
        least, gap = found.dwell_min[0], found.revisit_gap_min
        reason = f"contradicts planning.dwell_min[0] = {least:g}: the next visit would start before the last one ends"
        table.fault("revisit_gap_min", reason, f"at least {least:g}, or max_visits = 1", f"{gap:g}")
    table.finish()
    return found


def _plain(value: Any, folder: Path) -> Any:
    """The value as TOML and JSON would have it; what isn't set is left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(inner, folder) for key, inner in vars(value).items() if inner not in (None, {}, (), "")}
    if isinstance(value, Path):
        return Path(os.path.relpath(value, folder)).as_posix()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, folder) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner, folder) for inner in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(DATABASES):
        return re.sub(r"://([^:/@]*):[^@]*@", r"://\1:***@", value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
