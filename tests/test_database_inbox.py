"""A database that notifies of new incidents: its rows become files of the inbox, once for each state of the table."""

import time
from contextlib import ExitStack, closing

import pandas as pd
import pytest
from night_runs import HEADER
from postgis import postgis
from small_district import change, small_district

from hotspot.errors import ConfigError
from planning.config import read_config
from planning.operations.database_inbox import notified

SINCE = pd.Timestamp("2026-03-16", tz="Asia/Shanghai")
TABLE = """CREATE TABLE incidents (id text PRIMARY KEY, time timestamp, category text, source text, lon float8, lat float8)"""
OLD = "INSERT INTO incidents VALUES ('A1', '2026-03-15 21:05', 'theft', 'report', 109.73, 38.24)"
NEW = "INSERT INTO incidents VALUES ('A2', '2026-03-16 20:05', 'theft', 'report', 109.72, 38.24)"


@pytest.fixture(scope="module")
def server():
    with postgis() as running:
        yield running


@pytest.fixture
def watching():
    """Closes what it was given at the end of the test."""
    with ExitStack() as stack:
        yield lambda steps: stack.enter_context(closing(steps))


def configured(tmp_path, path, channel="new_incidents"):
    config = small_district(tmp_path / "district")
    if path:
        change(config, 'path = "incidents.csv"', f'path = "{path}"')
    with config.open("a", encoding="utf-8") as text:
        text.write(f'\n[watch]\nchannel = "{channel}"\n')
    return read_config(config)


def heard(steps, *, within_s=5.0):
    """The first files that the channel brings."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if files := next(steps):
            return files
        time.sleep(0.05)
    return []


def test_rows_since_the_plan_arrive_at_first_and_when_the_channel_speaks(server, watching, tmp_path):
    name = server.new_database()
    server.run(name, TABLE, OLD, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    steps = watching(notified(configured(tmp_path, server.address(name)), inbox, since=SINCE))
    assert next(steps) == []  # what the plan has seen is no news
    server.run(name, NEW)
    assert next(steps) == []
    server.run(name, "NOTIFY new_incidents")
    (file,) = heard(steps)
    assert file.read_text(encoding="utf-8").splitlines() == [
        HEADER, "A2,2026-03-16T20:05:00+08:00,109.72,38.24,theft,report",
    ]  # fmt: skip
    server.run(name, "NOTIFY new_incidents")
    assert heard(steps) == [file]  # the same rows are the same file


def test_a_database_that_goes_away_is_tried_again(server, watching, tmp_path):
    name = server.new_database()
    server.run(name, TABLE, NEW, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    steps = watching(notified(configured(tmp_path, server.address(name)), inbox, since=SINCE))
    assert len(next(steps)) == 1
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND usename = 'reader'"
    server.run("postgres", end)
    assert len(heard(steps)) == 1


def test_a_channel_without_a_database_is_refused(tmp_path):
    steps = notified(configured(tmp_path, None), tmp_path, since=SINCE)
    with pytest.raises(ConfigError, match="the incidents are in files"):
        next(steps)


def test_without_a_channel_nothing_arrives(tmp_path):
    config = read_config(small_district(tmp_path / "district"))
    steps = notified(config, tmp_path, since=SINCE)
    assert [next(steps), next(steps)] == [[], []]
