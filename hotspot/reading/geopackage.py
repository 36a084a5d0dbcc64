"""A look at a GeoPackage before GDAL opens it: what GDAL would pass over in silence.

SQLite lets any value stand in any column, and GDAL reads a text in a column of numbers as 0; changes that are still in
a journal beside the file aren't seen by a reader that must not write; a view runs whatever statement the file brought.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from hotspot.errors import Fault, InputError

JOURNALS = ("-wal", "-journal")
_NUMBERS = ("BOOLEAN", "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "FLOAT", "DOUBLE", "REAL")
_FIX = "save the layer again as GeoPackage"


def check_file(file: Path, path: str) -> None:
    """Raises InputError for what isn't a GeoPackage, is damaged, or has changes that aren't written into it yet."""
    for suffix in JOURNALS:
        journal = Path(f"{file}{suffix}")
        if journal.is_file() and journal.stat().st_size:
            reason = f"the last changes are still in {journal.name} beside it"
            raise InputError(Fault(path, reason, "close the program that has it open, then load it again"))
    with opened(file, path) as database:
        found = {name for (name,) in database.execute("SELECT lower(name) FROM sqlite_master")}
        if not {"gpkg_contents", "gpkg_spatial_ref_sys"} <= found:
            raise InputError(Fault(path, "a SQLite file that isn't a GeoPackage", _FIX))
        pages, page = (database.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    if file.stat().st_size < pages * page:
        reason = f"damaged: it was cut off after {file.stat().st_size:,} of {pages * page:,} bytes"
        raise InputError(Fault(path, reason, "copy or export it again"))


@contextmanager
def opened(file: Path, path: str) -> Iterator[sqlite3.Connection]:
    """The database, which isn't written to and beside which nothing is made. Raises InputError when it is damaged."""
    address = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            yield database
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise InputError(Fault(path, f"damaged GeoPackage ({error})", "copy or export it again")) from error


def layer_kinds(file: Path, path: str) -> list[tuple[str, str]]:
    """(name, geometry type in capitals or '') of its layers and plain tables, as it lists them."""
    with opened(file, path) as database:
        statement = """SELECT c.table_name, coalesce(upper(g.geometry_type_name), '') FROM gpkg_contents c
                       LEFT JOIN gpkg_geometry_columns g ON lower(g.table_name) = lower(c.table_name)
                       WHERE c.data_type IN ('features', 'attributes') ORDER BY c.rowid"""
        tables = {name for (name,) in database.execute("SELECT lower(name) FROM sqlite_master")}
        if "gpkg_geometry_columns" not in tables:
            raise InputError(Fault(path, "has no geometry", _FIX))
        return [(str(name), str(kind)) for name, kind in database.execute(statement)]


def strange_rows(
    file: Path, path: str, table: str, key: str, columns: Sequence[str]
) -> dict[str, npt.NDArray[np.int64]]:
    """For each of the columns, the keys of the rows where a text or bytes stand in a column of numbers.

    Raises InputError for a view.
    """
    with opened(file, path) as database:
        kind = database.execute("SELECT type FROM sqlite_master WHERE lower(name) = lower(?)", (table,)).fetchone()
        if kind != ("table",):
            raise InputError(Fault(path, f"layer '{table}' is a view", "save it as a layer of its own", field="sheet"))
        declared = database.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
        numbers = [name for name, kind in declared if kind.upper().split("(")[0].strip() in _NUMBERS]
        found = {}
        for name in columns:
            if name in numbers:
                statement = "SELECT {} FROM {} WHERE typeof({}) IN ('text', 'blob')"
                rows = database.execute(statement.format(*map(_quoted, (key, table, name)))).fetchall()
                found[name] = np.array([row[0] for row in rows], dtype=np.int64)
        return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
