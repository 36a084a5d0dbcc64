"""New incidents of a database that notifies of them: its rows become files of the inbox, and are applied like any other."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator
from pathlib import Path

import pandas as pd

from hotspot.coordinates import as_written
from hotspot.errors import ConfigError, InputError
from hotspot.incidents import read_incidents
from hotspot.reading.address import parse_address
from planning.config import DATABASES, Config

_LOG = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 10


def notified(config: Config, inbox: Path, *, since: pd.Timestamp) -> Generator[list[Path]]:
    """At each step: the files that were made of rows since `since`, where the channel has spoken (and at first).

    Without `watch.channel` nothing, for ever. A database that can't be reached is tried again at the next step. Raises
    ConfigError when there is a channel but the incidents aren't in a database, or the extra `db` isn't installed.
    """
    if not config.watch.channel:
        while True:
            yield []
    address = str(config.incidents.path)
    if not address.startswith(DATABASES):
        raise ConfigError(
            "watch.channel: the incidents are in files; fix: take it out, or name a database as their path"
        )
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError("watch.channel: needs psycopg; fix: pip install 'hotspot-patrol[db]'") from error
    where = parse_address(address)
    settings = {
        "host": where.host, "port": where.port, "dbname": where.database, "user": where.user, "password": where.password,
        "connect_timeout": CONNECT_TIMEOUT_S, **where.query,
    }  # fmt: skip
    settings = {name: value for name, value in settings.items() if value}
    connection: psycopg.Connection | None = None
    try:
        while True:
            try:
                if connection is None:  # what came while nobody listened is read at once
                    connection = psycopg.connect(autocommit=True, **settings)  # type: ignore[arg-type] # checked by the address
                    connection.execute(f'LISTEN "{config.watch.channel}"')
                    spoken = True
                else:
                    spoken = bool(list(connection.notifies(timeout=0.0)))
                written = _rows(config, inbox, since) if spoken else None
            except (psycopg.Error, InputError) as error:
                _LOG.warning("%s: %s; it is tried again", where.shown, type(error).__name__)
                if connection is not None:
                    connection.close()
                connection = written = None
            yield [] if written is None else [written]
    finally:
        if connection is not None:
            connection.close()


def _rows(config: Config, inbox: Path, since: pd.Timestamp) -> Path | None:
    """The rows since then as a file in the form that the configuration tells; None where there are none."""
    asked = config.incidents
    table = read_incidents(
        str(asked.path), timezone=config.district.timezone, crs=config.district.crs, columns=asked.columns,
        datum=asked.datum, max_rejected_share=1.0, same_id=asked.same_id,
    ).table  # fmt: skip
    new = table[table["time"] >= since]
    if new.empty:
        return None
    lonlat = as_written(new[["x", "y"]].to_numpy(), crs=config.district.crs, datum=asked.datum)
    frame = pd.DataFrame(
        {
            "id": new["id"], "time": [time.isoformat() for time in new["time"]], "lon": lonlat[:, 0].round(7),
            "lat": lonlat[:, 1].round(7), "category": new["category"], "source": new["source"],
        }
    ).rename(columns=dict(asked.columns))  # fmt: skip
    text = frame.to_csv(index=False, lineterminator="\n").encode()
    target = inbox / f"database-{hashlib.sha256(text).hexdigest()[:12]}.csv"
    part = target.with_suffix(".part")
    part.write_bytes(text)
    part.replace(target)
    return target
