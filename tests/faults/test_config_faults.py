"""Paths in a configuration that could reach a network or depend on who runs it: refused, and no packet is sent."""

from __future__ import annotations

import socket
import threading

import pytest
from commands import patrol
from small_district import change, small_district

FIELDS = {
    "areas": ('areas = "areas.geojson"', "areas"),
    "incidents": ('path = "incidents.csv"', "path"),
    "streets": ('path = "streets.geojson"', "path"),
    "points": ('path = "points.csv"', "path"),
    "teams": ('path = "teams.csv"', "path"),
}
PATHS = [
    "~/x.csv", "$HOME/x.csv", "%USERPROFILE%/x.csv", "//server/share/x.csv", "http://127.0.0.1:{port}/x.csv",
    "https://127.0.0.1:{port}/x.geojson", "/vsicurl/http://127.0.0.1:{port}/x.geojson", "/vsizip/x.zip/x.csv",
    "s3://bucket/x.parquet", "PG:host=127.0.0.1 port={port}", "ftp://127.0.0.1:{port}/x.csv", "file:///etc/passwd",
    "GeoJSON:http://127.0.0.1:{port}/x.geojson", "memory://x", ".", "/dev/null",
]  # fmt: skip


@pytest.fixture
def listener():
    """A server on loopback that counts who calls."""
    calls = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    done = threading.Event()

    def listen():
        while not done.is_set():
            try:
                calls.append(server.accept()[0])
            except TimeoutError:
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    yield server.getsockname()[1], calls
    done.set()
    thread.join()
    server.close()
    for call in calls:
        call.close()


@pytest.mark.fault("CFG-03")
@pytest.mark.parametrize("field", FIELDS)
def test_what_is_no_plain_file_is_refused_in_one_message_and_nobody_is_called(tmp_path, listener, field):
    port, calls = listener
    for i, path in enumerate(PATHS):
        config = small_district(tmp_path / f"{i}")
        old, key = FIELDS[field]
        change(config, old, f'{key} = "{path.format(port=port)}"')
        said = patrol("check", config)
        assert said.code in (2, 3), (path, said)
        assert "; fix: " in said.err, (path, said)
        assert "Traceback" not in said.err
    assert calls == []


def test_the_listener_would_have_noticed(listener):
    port, calls = listener
    with socket.create_connection(("127.0.0.1", port)):
        pass
    for _ in range(50):
        if calls:
            break
        threading.Event().wait(0.02)
    assert len(calls) == 1
