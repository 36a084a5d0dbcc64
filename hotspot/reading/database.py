"""A PostGIS (or plain PostgreSQL) table or view: read once, in one read-only snapshot, only the columns on the list."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from hotspot.errors import Fault, InputError
from hotspot.reading.address import Address, parse_address
from hotspot.reading.columnar import float_text
from hotspot.reading.source import (
    BATCH_ROWS,
    MOST_FIELD_CHARS,
    BadRow,
    Batch,
    Layout,
    OpenTable,
    Wanted,
    choose,
    text_table,
)

try:
    import psycopg
    import sqlalchemy as sa

    from hotspot.reading.points import PointColumn, Systems, may_hold_points, places_of, point_parts
except ImportError:  # the extra isn't installed, or the driver doesn't find its libpq: `open_database` says so
    IS_INSTALLED = False
else:
    IS_INSTALLED = True

DEFAULT_TABLE = "incidents"
MOST_DATABASE_ROWS = 5_000_000  # they stay in memory until the load ends, some 100 bytes each
ROWS_AT_ONCE = 50_000
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 300
LOCK_TIMEOUT_S = 30
PLACE = ("lon", "lat")

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char", "citext"), "text"),
    **dict.fromkeys(("int2", "int4", "int8", "oid", "uuid", "date"), "plain"),
    **dict.fromkeys(("float4", "float8"), "float"),
    "numeric": "numeric", "bool": "bool", "timestamp": "wall", "timestamptz": "instant",
}  # fmt: skip
_REFUSALS = {
    "25006": ("reading it would write to the database, which is never done", "name a table or a view that only reads"),
    "42501": ("permission denied", "ask the owner for SELECT on the table and USAGE on its schema"),
    "55P03": ("the table is locked by another session", "try again later"),
    "57014": (f"the query took longer than {STATEMENT_TIMEOUT_S} s", "read a view of the last years, or add an index"),
    "22021": ("the text isn't UTF-8 and its encoding is not known", "give the database its encoding, or a view"),
    "28000": ("the database refuses this user", "check the user's name and the server's pg_hba.conf"),
    "28P01": ("the database refuses this password", "check user and password; PGPASSWORD and ~/.pgpass are used too"),
}
_SAID_BY_THE_SERVER = re.compile(r"^\S+:  ")  # "FATAL:  ", in the server's language
_SESSION = """
    SELECT pg_catalog.set_config('DateStyle', 'ISO', true), pg_catalog.set_config('extra_float_digits', '3', true),
           pg_catalog.set_config('statement_timeout', :statement_ms, true),
           pg_catalog.set_config('lock_timeout', :lock_ms, true)"""
_TABLES = """
    SELECT c.oid::int8, n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid),
           pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 4 DESC, n.nspname, c.relname"""
_COLUMNS = """
    SELECT a.attname, t.typname, t.typtype::text, n.nspname, pg_catalog.format_type(a.atttypid, a.atttypmod),
           pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
           pg_catalog.array_position(i.indkey::int2[], a.attnum)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type own ON own.oid = a.atttypid
    JOIN pg_catalog.pg_type t ON t.oid = CASE WHEN own.typtype = 'd' THEN own.typbasetype ELSE own.oid END
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = CAST(:oid AS oid) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum"""


class _Column(NamedTuple):
    """`kind` tells how it becomes text, '' when it doesn't; `key` is its place in the primary key."""

    name: str
    kind: str
    type: str
    type_schema: str
    readable: bool
    key: int | None


@dataclass(frozen=True)
class _Table:
    schema: str
    name: str
    columns: tuple[_Column, ...]

    @property
    def shown(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, eq=False)
class _Reading:
    """What is read of a table: its columns by standard name, and the geometry that lon and lat come from, if any."""

    path: str
    table: _Table
    columns: Mapping[str, _Column]
    geometry: PointColumn | None
    dropped: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.columns, *PLACE) if self.geometry else tuple(self.columns)


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """All rows as they were at one moment, in parts of ROWS_AT_ONCE."""

    reading: _Reading
    parts: Sequence[Batch]
    sha256: str
    notices: list[str]


def open_database(address: str, wanted: Wanted, layout: Layout) -> OpenTable:
    """Read a table or view at `postgresql://user@host:port/database`, up to MOST_DATABASE_ROWS rows, and hold its text.

    `layout.sheet` is `table` in the search path or `schema.table`, by default `incidents`. One transaction, read-only
    and repeatable, selects the wanted columns and nothing else: values of other columns don't leave the server, and a
    role that may read only those columns suffices. Where there are no columns lon and lat they are the WGS-84 degrees
    of the one geometry or geography column of points, '' for a null or empty one; a row with another shape is bad.

    Rows are in the order of the primary key, else of `id`, then of all columns read; the first is row 2. A database has
    no file to hash: `sha256` is of the rows read, as csv with every field quoted, and then of the bad rows.

    The password is in the address, PGPASSWORD or ~/.pgpass, and in nothing that this gives or raises.

    Raises InputError when the extra `db` is missing, the server can't be reached or refuses, table, columns or rights
    are missing, a wanted column isn't text, number, time, truth or uuid, there are several geometries to choose from;
    CrsError when the geometry's SRID is 0 or unknown.
    """
    where = parse_address(address)
    if not IS_INSTALLED:
        fix = "pip install 'hotspot-patrol[db]'"
        raise InputError(Fault(where.shown, "reading a database needs SQLAlchemy and psycopg", fix))
    found = _snapshot_of(where, wanted, layout)
    if isinstance(found, Fault):  # not chained to the driver's error: that one holds the password and may quote values
        raise InputError(found)
    reading = found.reading
    return OpenTable(
        reading.path, reading.names, reading.dropped, lambda: _joined(found.parts), "utf-8", found.sha256,
        notices=found.notices, from_geometry=reading.geometry is not None,
    )  # fmt: skip


def _snapshot_of(where: Address, wanted: Wanted, layout: Layout) -> _Snapshot | Fault:
    """The rows, or why the server doesn't give them."""
    try:
        with _read_only(where) as connection:
            table = _find_table(connection, layout.sheet or DEFAULT_TABLE, where)
            reading = _reading_of(table, wanted, where.shown)
            return _read(connection, reading)
    except sa.exc.DBAPIError as error:
        return _fault_of(error, where.shown)


@contextmanager
def _read_only(where: Address) -> Iterator[sa.Connection]:
    """A connection in one transaction that can't write and sees one moment."""
    url = sa.URL.create(
        "postgresql+psycopg", where.user, where.password, where.host, where.port, where.database or "", {}
    )
    alive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    settings = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "hotspot-patrol", "client_encoding": "utf8"}
    engine = sa.create_engine(
        url,
        poolclass=sa.pool.NullPool,
        connect_args=settings | alive | dict(where.query),
        use_native_hstore=False,
        hide_parameters=True,
    )
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        limits = {"statement_ms": f"{STATEMENT_TIMEOUT_S}s", "lock_ms": f"{LOCK_TIMEOUT_S}s"}
        connection.execute(sa.text(_SESSION), limits)
        yield connection


def _fault_of(error: sa.exc.DBAPIError, path: str) -> Fault:
    """What the server's refusal means. Its own words are told only about connecting: later ones may quote values."""
    state = getattr(error.orig, "sqlstate", None)
    if state in _REFUSALS:
        reason, fix = _REFUSALS[state]
        return Fault(path, reason, fix)
    if state is None:
        return _no_connection(error.orig, path)
    reason = f"the database doesn't give the rows: {type(error.orig).__name__} ({state})"
    return Fault(path, reason, "run a SELECT of the same columns with psql and mend what it names")


def _no_connection(error: BaseException | None, path: str) -> Fault:
    lines = [line for line in str(error).splitlines() if "failed: " in line] or str(error).splitlines()[:1]
    why = lines[-1].rpartition("failed: ")[2].strip() if lines else ""
    connection = error.pgconn if isinstance(error, psycopg.OperationalError) else None
    if "authentication failed" in why or (connection is not None and connection.needs_password):
        reason, fix = _REFUSALS["28P01"]
        return Fault(path, reason, fix)
    if _SAID_BY_THE_SERVER.match(why):
        reason = f"the database refuses the connection: {_SAID_BY_THE_SERVER.sub('', why)}"
        return Fault(path, reason, "check user and database, and the server's pg_hba.conf")
    fix = "check host and port, and that the server runs and lets this machine in"
    return Fault(path, f"the database can't be reached: {why}", fix)


def _find_table(connection: sa.Connection, name: str, where: Address) -> _Table:
    """The table or view of that name. Names are compared as they are, never made part of a statement."""
    found = connection.execute(sa.text(_TABLES)).all()
    shown = [table if visible else f"{schema}.{table}" for _, schema, table, visible, _ in found]
    at = next((i for i, row in enumerate(found) if name in (shown[i], f"{row[1]}.{row[2]}")), None)
    if at is None:
        raise InputError(_unknown_table(name, [shown[i] for i, row in enumerate(found) if row[4]], where.shown))
    oid, schema, table, _, readable = found[at]
    if not readable:
        fix = f"ask its owner: GRANT SELECT ON {shown[at]} TO {where.user or 'this user'}"
        raise InputError(Fault(where.shown, f"permission denied for table '{shown[at]}'", fix))
    columns = [_column_of(*row) for row in connection.execute(sa.text(_COLUMNS), {"oid": oid})]
    return _Table(schema, table, tuple(columns))


def _unknown_table(name: str, tables: Sequence[str], path: str) -> Fault:
    same = [table for table in tables if table.rpartition(".")[2].casefold() == name.rpartition(".")[2].casefold()]
    near = same or difflib.get_close_matches(name, tables, n=1, cutoff=0.6)
    listed = ", ".join(tables[:30]) + (", ..." if len(tables) > 30 else "") if tables else "none"
    fix = f'set sheet = "{near[0]}"' if near else 'set sheet = "its name" or "schema.name"'
    return Fault(path, f"table not found; tables that may be read: {listed}", fix, field="sheet", value=name)


def _column_of(
    name: str, base: str, base_kind: str, schema: str, written: str, readable: bool, key: int | None
) -> _Column:
    if base in ("geometry", "geography"):
        kind = "point" if may_hold_points(written) else ""
    elif base_kind == "e":
        kind = "plain"
    else:
        kind = _KINDS.get(base, "") if schema == "pg_catalog" or base == "citext" else ""
    return _Column(name, kind, written, schema, readable, key)


def _reading_of(table: _Table, wanted: Wanted, path: str) -> _Reading:
    """Which columns are read. Raises InputError for those that are missing, forbidden or of a type that isn't text."""
    geometry = _place_column(table, wanted, path)
    asked = wanted if geometry is None else _without_place(wanted)
    choice = choose([column.name for column in table.columns], asked, path)
    chosen = {name: table.columns[i] for name, i in zip(choice.names, choice.positions, strict=True)}
    dropped = tuple(name for name in choice.dropped if geometry is None or name != geometry.name)
    faults = [fault for name, column in chosen.items() if (fault := _column_fault(name, column, table, path))]
    if geometry is not None and not geometry.readable:
        faults.append(_forbidden("lon", geometry, table, path))
    if faults:
        raise InputError(faults)
    point = PointColumn(geometry.name, geometry.type, geometry.type_schema) if geometry is not None else None
    return _Reading(path, table, chosen, point, dropped)


def _place_column(table: _Table, wanted: Wanted, path: str) -> _Column | None:
    """The geometry that lon and lat come from; None where they are columns of their own, mapped or not asked for.

    Both mapped to the same geometry column choose it.
    """
    if not set(PLACE) <= set(wanted.named):
        return None
    own = {wanted.named[name] for name in PLACE}
    points = [column for column in table.columns if column.kind == "point"]
    if len(own) == 1:
        return next((column for column in points if column.name in own), None)
    if own <= {column.name for column in table.columns} or set(PLACE) & set(wanted.columns) or not points:
        return None
    if len(points) > 1:
        names = ", ".join(column.name for column in points)
        fix = f'name one: columns = {{ lon = "{points[0].name}", lat = "{points[0].name}" }}'
        raise InputError(Fault(path, f"several geometry columns: {names}", fix, field="lon"))
    return points[0]


def _without_place(wanted: Wanted) -> Wanted:
    required, optional = ([name for name in names if name not in PLACE] for names in (wanted.required, wanted.optional))
    columns = {name: own for name, own in wanted.columns.items() if name not in PLACE}
    return Wanted(tuple(required), tuple(optional), columns)


def _column_fault(name: str, column: _Column, table: _Table, path: str) -> Fault | None:
    if not column.readable:
        return _forbidden(name, column, table, path)
    if column.kind in ("", "point"):
        reason = f"column '{column.name}' of type {column.type} can't be read as text"
        return Fault(path, reason, "make a view that gives it as text", field=name)
    return None


def _forbidden(name: str, column: _Column, table: _Table, path: str) -> Fault:
    fix = f"ask the owner of {table.shown} for SELECT on it"
    return Fault(path, f"permission denied for column '{column.name}'", fix, field=name)


def _statement(reading: _Reading) -> sa.Select[Any]:
    """SELECT the wanted columns as text and the parts of the geometry, in an order that two runs share.

    A text key is ordered by its bytes: the server's own collation may change with its system's libraries.
    """
    quoted = sa.sql.quoted_name
    own: dict[str, sa.ColumnClause[Any]] = {
        column.name: sa.column(quoted(column.name, True)) for column in reading.table.columns
    }
    source = sa.table(quoted(reading.table.name, True), *own.values(), schema=quoted(reading.table.schema, True))
    selected = [_as_text(column.kind, own[column.name]) for column in reading.columns.values()]
    keys = sorted(
        (column for column in reading.table.columns if column.key is not None), key=lambda each: each.key or 0
    )
    if not all(column.readable for column in keys):
        keys = []
    by_id = sorted(reading.columns, key=lambda name: name != "id")
    ordered = dict.fromkeys([*keys, *(reading.columns[name] for name in by_id)])
    order = [_sortable(column.kind, own[column.name]) for column in ordered]
    if reading.geometry is not None:
        place = point_parts(reading.geometry, own[reading.geometry.name])
        selected += place
        order += place
    labelled = [part.label(f"c{i}") for i, part in enumerate(selected)]
    return sa.select(*labelled).select_from(source).order_by(*order).limit(MOST_DATABASE_ROWS + 1)


def _as_text(kind: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if kind == "float":
        return column
    if kind == "bool":
        return sa.case((column.is_(True), "yes"), (column.is_(False), "no"))
    if kind == "instant":  # the session's own zone stays as it is: a view may depend on it
        return sa.cast(sa.func.pg_catalog.timezone("UTC", column), sa.Text) + "+00:00"
    text = sa.cast(column, sa.Text)
    return sa.func.pg_catalog.left(text, MOST_FIELD_CHARS + 1, type_=sa.Text) if kind == "text" else text


def _sortable(kind: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.Text).collate("C") if kind == "text" else column


def _read(connection: sa.Connection, reading: _Reading) -> _Snapshot:
    systems = Systems(connection, reading.geometry, reading.path) if reading.geometry is not None else None
    parts: list[Batch] = []
    first = 2
    with connection.execution_options(yield_per=ROWS_AT_ONCE).execute(_statement(reading)) as streamed:
        for rows in streamed.partitions():
            parts.append(_batch(list(zip(*rows, strict=True)), first, reading, systems))
            first += len(rows)
            if first - 2 > MOST_DATABASE_ROWS:
                reason = f"more than {MOST_DATABASE_ROWS:,} rows, the limit for a database"
                raise InputError(Fault(reading.path, reason, "read a view of the last years, or export it to a file"))
    return _Snapshot(reading, parts, _hash(reading.names, parts), _notices(systems))


def _hash(names: Sequence[str], parts: Sequence[Batch]) -> str:
    digest = hashlib.sha256(_csv(pa.table({name: [name] for name in names})))
    for part in parts:
        digest.update(_csv(part.columns))
    for part in parts:
        for bad in part.bad:
            digest.update(repr(tuple(bad)).encode())
    return digest.hexdigest()


def _notices(systems: Systems | None) -> list[str]:
    if systems is None:
        return []
    told = ", ".join(system.name for system in systems.known.values())
    return [f"lon and lat come from the geometry column '{systems.geometry.name}'" + (f" ({told})" if told else "")]


def _csv(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(table, sink, pa_csv.WriteOptions(include_header=False, quoting_style="all_valid"))
    return sink.getvalue()


def _joined(parts: Sequence[Batch]) -> Iterator[Batch]:
    """Batches of up to BATCH_ROWS rows."""
    at_once = max(1, BATCH_ROWS // ROWS_AT_ONCE)
    for i in range(0, len(parts), at_once):
        some = parts[i : i + at_once]
        columns = pa.concat_tables([part.columns for part in some]).combine_chunks()
        bad = [row for part in some for row in part.bad]
        yield Batch(columns, np.concatenate([part.row for part in some]), bad)


def _batch(values: Sequence[Sequence[Any]], first: int, reading: _Reading, systems: Systems | None) -> Batch:
    """The rows from row `first` on, given as columns; the last four are the geometry's if one is read."""
    own = zip(reading.columns.items(), values, strict=False)
    found = {name: _texts(column.kind, of_column) for (name, column), of_column in own}
    row = first + np.arange(len(values[0]), dtype=np.int64)
    _check_lengths(found, row, reading.path)
    if systems is None:
        return Batch(text_table(found), row)
    lonlat, reasons = places_of(values[-4:], row, systems)
    found |= {name: float_text(pa.array(lonlat[:, i])) for i, name in enumerate(PLACE)}
    table = text_table(found)
    odd = np.flatnonzero(reasons != "")
    shown = table.take(pa.array(odd)).to_pylist()
    bad = [BadRow(int(row[i]), reasons[i], ",".join(each.values())) for i, each in zip(odd, shown, strict=True)]
    return Batch(table.filter(pa.array(reasons == "")), row[reasons == ""], bad)


def _texts(kind: str, values: Sequence[Any]) -> pa.Array:
    """One column as text, null where there is none.

    >>> _texts("numeric", ["120.50", "3.00", "-7", "1000", "NaN", None]).to_pylist()
    ['120.5', '3', '-7', '1000', '', None]
    >>> _texts("wall", ["2026-03-15 21:05:00.5"]).to_pylist()
    ['2026-03-15T21:05:00.5']
    """
    if kind == "float":
        return float_text(pa.array(np.array(values, dtype=float)))
    text = pa.array(values, pa.string())
    if kind in ("wall", "instant"):
        return pc.replace_substring(text, " ", "T", max_replacements=1)
    if kind == "numeric":
        return pc.replace_substring_regex(text, r"^(-?\d+)\.0+$|^(-?\d+\.\d*[1-9])0+$|^NaN$", r"\1\2")
    return text


def _check_lengths(columns: Mapping[str, pa.Array], row: npt.NDArray[np.int64], path: str) -> None:
    for name, texts in columns.items():
        lengths = pc.utf8_length(texts)
        if (pc.max(lengths).as_py() or 0) > MOST_FIELD_CHARS:
            at = int(row[pc.index(pc.greater(lengths, MOST_FIELD_CHARS), True).as_py()])
            reason = f"a field has more than {MOST_FIELD_CHARS:,} characters"
            raise InputError(Fault(path, reason, "shorten it in a view", row=at, field=name))
