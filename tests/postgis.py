"""A PostGIS server for tests: a throwaway cluster in a temporary folder, on a free loopback port, gone afterwards.

The binaries are Debian's; where there are none a test is skipped with the reason, but fails where `CI=true` promises them.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

BINARIES = Path(os.environ.get("POSTGRES_BINARIES", "/usr/lib/postgresql/15/bin"))
EXTENSION = Path("/usr/share/postgresql/15/extension/postgis.control")
START_S = 30
PASSWORD = "s3cret-horse"
TEMPLATE = "with_postgis"


@dataclass(frozen=True)
class Server:
    """A running server. Its owner gets in through the socket, the role `reader` by PASSWORD over the network."""

    port: int
    folder: Path
    number: Iterator[int]

    @property
    def log(self) -> str:
        """Every statement that the server was given."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def run(self, database: str, *statements: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement, as the owner."""
        import psycopg

        with psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, autocommit=True
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = TEMPLATE, more: str = "") -> str:
        """An empty database with PostGIS, unless it is made from another template."""
        name = f"city{next(self.number)}"
        self.run("postgres", f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        return name

    def address(self, database: str, *, user: str = "reader", password: str | None = PASSWORD) -> str:
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"


def missing_server() -> str:
    """Why there is no server to start here; "" where there is one."""
    try:
        import psycopg  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed: pip install '.[db]'"
    if not (BINARIES / "initdb").is_file():
        return f"{BINARIES}/initdb is missing: apt-get install postgresql-15, or set POSTGRES_BINARIES"
    return "" if EXTENSION.is_file() else f"{EXTENSION} is missing: apt-get install postgresql-15-postgis-3"


@contextmanager
def postgis() -> Iterator[Server]:
    """One server for many databases."""
    reason = missing_server()
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="hotspot-postgis-"))
    try:
        yield from _served(folder)
    finally:
        shutil.rmtree(folder)


def _served(folder: Path) -> Iterator[Server]:
    user = _user()
    if user:
        shutil.chown(folder, user, user)
    initdb = [BINARIES / "initdb", "-D", folder / "data", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
    _run([*initdb, "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256"], user)
    port = _free_port()
    settings = {
        "port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off",
        "log_statement": "all", "autovacuum": "off", "max_connections": 20,
    }  # fmt: skip
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [BINARIES / "postgres", "-D", folder / "data", *options],
            stdout=log, stderr=log, cwd=folder, user=user, group=user, extra_groups=[] if user else None,
        )  # fmt: skip
    try:
        server = Server(port, folder, count(1))
        _wait(server, process)
        server.run("postgres", f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'", f"CREATE DATABASE {TEMPLATE}")
        server.run(TEMPLATE, "CREATE EXTENSION postgis")
        yield server
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: clients are sent away
        process.wait(START_S)


def _user() -> str | None:
    """The server refuses to run as root; Debian's package makes a user for it."""
    return "postgres" if os.geteuid() == 0 else None


def _run(command: Sequence[object], user: str | None) -> None:
    groups: list[str] | None = [] if user else None
    subprocess.run(
        [str(word) for word in command], check=True, capture_output=True, cwd="/", user=user, group=user,
        extra_groups=groups,
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(server: Server, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            server.run("postgres", "SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server didn't start:\n{server.log}")
