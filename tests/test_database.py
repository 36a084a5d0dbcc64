"""Incidents from PostGIS: the same rows as from a file, nothing written, nobody's data fetched, no password told."""

import json
import os
import subprocess
import sys
import traceback

import numpy as np
import pyarrow as pa
import pytest
from commands import patrol
from postgis import PASSWORD, postgis
from small_district import change, small_district

from hotspot.errors import CrsError, InputError
from hotspot.reading import database
from hotspot.reading.address import masked_address
from hotspot.reading.source import Layout, Wanted
from hotspot.tables import open_table

WANTED = Wanted(("id", "time", "lon", "lat", "category"), ("source",))
SCHEMA = """CREATE TABLE incidents (id int PRIMARY KEY, time timestamp, category text, phone text,
                                    lon float8, lat float8)"""
ROWS = """INSERT INTO incidents VALUES
    (12, '2026-03-15 21:05:00', '盗窃', '13800138000', 109.71, 38.25), (7, '2026-03-16 08:00:00', 'NA', NULL, 109.7, 38),
    (30, NULL, ' fraud, "phone" ', '13900139000', NULL, NULL)"""


@pytest.fixture(scope="session")
def server():
    with postgis() as running:
        yield running


@pytest.fixture
def city(server):
    """A new database, made by the statements it is given; gives its address for the reader, who may SELECT."""

    def made(*statements, grant="GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", **more):
        name = server.new_database(**more)
        server.run(name, *statements, grant)
        return server.address(name)

    return made


def opened(address, wanted=WANTED, **layout):
    return database.open_database(address, wanted, Layout(**layout))


def all_rows(table):
    """Every column as a list, the row numbers, and the bad rows."""
    batches = list(table.batches())
    columns = pa.concat_tables([batch.columns for batch in batches]).to_pydict()
    return columns, np.concatenate([batch.row for batch in batches]).tolist(), [b for x in batches for b in x.bad]


def geometries(city, kind, *values):
    """A table of places, ids from 1."""
    rows = ", ".join(f"({i}, '2026-03-15', 'theft', {value})" for i, value in enumerate(values, 1))
    table = f"CREATE TABLE incidents (id int PRIMARY KEY, time timestamp, category text, place {kind})"
    return city(table, f"INSERT INTO incidents VALUES {rows}")


def test_the_same_rows_from_a_table_and_from_csv_are_the_same_batches(city, tmp_path):
    file = tmp_path / "incidents.csv"
    file.write_text(
        "id,time,category,phone,lon,lat\n7,2026-03-16T08:00:00,NA,,109.7,38\n"
        "12,2026-03-15T21:05:00,盗窃,13800138000,109.71,38.25\n"
        '30,,"fraud, ""phone""",13900139000,,\n',
        encoding="utf-8",
    )
    asked = {"required": WANTED.required, "optional": WANTED.optional}
    ours, theirs = open_table(city(SCHEMA, ROWS), **asked), open_table(file, **asked)
    (columns, rows, bad), (csv_columns, csv_rows, _) = all_rows(ours), all_rows(theirs)
    assert {name: columns[name] for name in csv_columns} == csv_columns
    assert rows == csv_rows == [2, 3, 4]
    assert bad == []
    assert ours.dropped_columns == theirs.dropped_columns == ("phone",)
    assert not ours.from_geometry


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        # zone 49's central meridian is 111 degrees east, where x is 500 km; y is 0 on the equator
        ("geometry(Point,32649)", "ST_SetSRID(ST_Point(500000, 0), 32649)"),
        ("geometry(Point,4326)", "ST_SetSRID(ST_Point(111, 0), 4326)"),
        ("geography(Point,4326)", "ST_SetSRID(ST_Point(111, 0), 4326)::geography"),
        ("geography", "ST_SetSRID(ST_Point(111, 0), 4326)::geography"),
        ("geometry", "ST_SetSRID(ST_Point(111, 0), 4326)"),
        ("geometry(PointZ,32649)", "ST_SetSRID(ST_MakePoint(500000, 0, 12), 32649)"),
        ("geometry(MultiPoint,4326)", "ST_SetSRID(ST_Multi(ST_Point(111, 0)), 4326)"),
    ],
)
def test_lon_and_lat_come_from_the_points(city, kind, point):
    empty = "'SRID=32649;POINT Z EMPTY'" if "Z" in kind else f"ST_GeomFromText('{_empty(kind)}', {_srid(kind)})"
    table = opened(geometries(city, kind, point, "NULL", empty))
    columns, rows, bad = all_rows(table)
    assert [float(columns[name][0]) for name in ("lon", "lat")] == pytest.approx([111, 0], abs=1e-9)
    assert (columns["lon"][1:], columns["lat"][1:]) == (["", ""], ["", ""])
    assert (rows, bad, table.from_geometry, table.dropped_columns) == ([2, 3, 4], [], True, ())
    assert table.notices == [f"lon and lat come from the geometry column 'place' (EPSG:{_srid(kind)})"]


def _empty(kind):
    return "MULTIPOINT EMPTY" if "Multi" in kind else "POINT EMPTY"


def _srid(kind):
    return 32649 if "32649" in kind else 4326


def test_a_place_in_chinese_gauss_krueger_metres_is_where_postgis_says(city, server):
    point = "ST_SetSRID(ST_Point(37386000, 4234000), 4525)"
    address = geometries(city, "geometry(Point,4525)", point)
    expected = server.run(address.rpartition("/")[2], f"SELECT ST_X(p), ST_Y(p) FROM ST_Transform({point}, 4326) AS p")
    columns, _, _ = all_rows(opened(address))
    assert [float(columns["lon"][0]), float(columns["lat"][0])] == pytest.approx(expected[0], abs=1e-9)


def test_a_local_system_that_only_the_database_knows_is_read_by_its_definition(city):
    local = """INSERT INTO spatial_ref_sys SELECT 910001, 'city', 1, srtext, proj4text FROM spatial_ref_sys
               WHERE srid = 32649"""
    rows = "INSERT INTO incidents VALUES (1, '2026-03-15', 'theft', ST_SetSRID(ST_Point(500000, 0), 910001))"
    table = "CREATE TABLE incidents (id int, time timestamp, category text, place geometry)"
    columns, _, _ = all_rows(opened(city(local, table, rows)))
    assert float(columns["lon"][0]) == pytest.approx(111, abs=1e-9)


def test_points_without_a_crs_are_refused(city):
    with pytest.raises(CrsError, match=r"row 3, field place: CRS unknown: the geometry's SRID is 0 \(2 rows like it\)"):
        opened(geometries(city, "geometry(Point)", "NULL", "ST_Point(1, 2)", "ST_Point(3, 4)"))


def test_a_crs_that_nobody_defined_is_refused(city):
    with pytest.raises(CrsError, match="SRID 910002 is not a coordinate system that the database defines"):
        opened(geometries(city, "geometry", "ST_SetSRID(ST_Point(1, 2), 910002)"))


def test_a_line_and_a_place_off_the_projection_are_set_aside_and_the_rest_is_kept(city):
    line = "ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)"
    far, good = "ST_SetSRID(ST_Point(1e30, 1e30), 32649)", "ST_SetSRID(ST_Point(500000, 0), 32649)"
    columns, rows, bad = all_rows(opened(geometries(city, "geometry", good, line, far, good)))
    assert columns["id"] == ["1", "4"]
    assert rows == [2, 5]
    assert [tuple(each) for each in bad] == [
        (3, "the geometry is no point: ST_LineString", "2,2026-03-15T00:00:00,theft,,"),
        (4, "the geometry can't be shown in WGS-84", "3,2026-03-15T00:00:00,theft,,"),
    ]


def test_of_several_geometries_one_has_to_be_named(city):
    address = city(
        "CREATE TABLE incidents (id int, time date, category text, seen geometry(Point,4326), told geometry(Point,4326))",
        "INSERT INTO incidents VALUES (1, '2026-03-15', 'theft', 'SRID=4326;POINT(1 2)', 'SRID=4326;POINT(3 4)')",
    )
    with pytest.raises(InputError, match=r'several geometry columns: seen, told; fix: .*lon = "seen", lat = "seen"'):
        opened(address)
    table = opened(address, Wanted(WANTED.required, columns={"lon": "told", "lat": "told"}))
    columns, _, _ = all_rows(table)
    assert (columns["lon"], columns["lat"], table.dropped_columns) == (["3"], ["4"], ("seen",))


def test_columns_lon_and_lat_come_before_a_geometry(city):
    address = city(
        SCHEMA, ROWS, "ALTER TABLE incidents ADD place geometry(Point,32649), ADD district geometry(Polygon,32649)"
    )
    table = opened(address)
    assert (table.from_geometry, table.dropped_columns) == (False, ("phone", "place", "district"))
    assert all_rows(table)[0]["lon"] == ["109.7", "109.71", ""]


def test_points_are_read_where_postgis_lies_outside_of_the_search_path(city):
    address = city(
        'CREATE SCHEMA "Geo tools"', 'CREATE EXTENSION postgis SCHEMA "Geo tools"',
        'GRANT USAGE ON SCHEMA "Geo tools" TO reader',
        'CREATE TABLE incidents (id int, time date, category text, place "Geo tools".geometry)',
        """INSERT INTO incidents VALUES (1, '2026-03-15', 'theft', "Geo tools".ST_SetSRID("Geo tools".ST_Point(5, 6), 4326))""",
        template="template0",
    )  # fmt: skip
    columns, _, _ = all_rows(opened(address))
    assert (columns["lon"], columns["lat"]) == (["5"], ["6"])


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("text", "' 无 '", "无"), ("varchar(9)", "'a''b'", "a'b"), ("char(5)", "'ab'", "ab"),
        ("bigint", "9007199254740993", "9007199254740993"), ("smallint", "-3", "-3"),
        ("numeric", "123456789012345678.10", "123456789012345678.1"), ("numeric(9,3)", "120", "120"),
        ("numeric", "100", "100"), ("numeric", "'NaN'", ""),
        ("float8", "0.1", "0.1"), ("float8", "0.1::float8 + 0.2::float8", "0.30000000000000004"),
        ("float8", "123", "123"), ("float8", "13800138000", "13800138000"),
        ("float8", "'NaN'", ""), ("float4", "0.1", "0.1"), ("float8", "-0.0", "0"),
        ("timestamp", "'2026-03-15 21:05:00.5'", "2026-03-15T21:05:00.5"),
        ("timestamptz", "'2026-03-15 21:05:00+08'", "2026-03-15T13:05:00+00:00"),
        ("date", "'2026-03-15'", "2026-03-15"), ("bool", "true", "yes"), ("bool", "false", "no"),
        ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("mood", "'calm'", "calm"), ("code", "'x1'", "x1"), ("text", "NULL", ""), ("bool", "NULL", ""),
        ("timestamptz", "NULL", ""),
    ],
)  # fmt: skip
def test_values_become_text_without_loss(shared_city, kind, value, text):
    run, address = shared_city
    run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id {kind})", f"INSERT INTO t VALUES ({value})")
    run("GRANT SELECT ON t TO reader")
    columns, _, _ = all_rows(opened(address, Wanted(("id",)), sheet="t"))
    assert columns["id"] == [text]


@pytest.fixture(scope="module")
def shared_city(server):
    name = server.new_database()
    settings = "SET datestyle = 'SQL, DMY'; ALTER DATABASE {0} SET timezone = 'Asia/Shanghai'"
    server.run(name, f"ALTER DATABASE {name} {settings.format(name)}", "CREATE TYPE mood AS ENUM ('calm', 'angry')")
    server.run(name, f"ALTER DATABASE {name} SET extra_float_digits = 0", "CREATE DOMAIN code AS varchar(5)")
    return lambda *statements: server.run(name, *statements), server.address(name)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("text[]", r"text\[\]"), ("jsonb", "jsonb"), ("bytea", "bytea"), ("interval", "interval"), ("point", "point")],
)
def test_types_that_are_no_text_are_refused_by_name(shared_city, kind, told):
    run, address = shared_city
    run("DROP TABLE IF EXISTS t", f"CREATE TABLE t (id int, source {kind})", "GRANT SELECT ON t TO reader")
    with pytest.raises(InputError, match=f"field source: column 'source' of type {told} can't be read as text; fix: "):
        opened(address, Wanted(("id",), ("source",)), sheet="t")
    assert opened(address, Wanted(("id",)), sheet="t").dropped_columns == ("source",)


def test_rows_come_in_the_order_of_the_primary_key_whatever_the_columns_are_called(city):
    address = city(
        "CREATE TABLE incidents (day date, n int, id text, PRIMARY KEY (n, day))",
        "INSERT INTO incidents VALUES ('2026-03-02', 2, 'a'), ('2026-03-01', 10, 'b'), ('2026-03-01', 2, 'c')",
    )
    columns, rows, _ = all_rows(opened(address, Wanted(("id",))))
    assert (columns["id"], rows) == (["c", "a", "b"], [2, 3, 4])


def test_without_a_key_two_databases_that_hold_the_same_rows_give_the_same_rows_and_hash(city):
    table = 'CREATE TABLE incidents (id int, category text COLLATE "und-x-icu", phone text)'
    rows = ["(2, 'b', '1')", "(10, 'a', '2')", "(2, 'A', '3')", "(2, 'b', '4')", "(2, 'B', '5')"]
    one = opened(city(table, f"INSERT INTO incidents VALUES {', '.join(rows)}"), Wanted(("id", "category")))
    other = opened(city(table, f"INSERT INTO incidents VALUES {', '.join(rows[::-1])}"), Wanted(("id", "category")))
    changed = opened(
        city(table, f"INSERT INTO incidents VALUES {', '.join(rows[:3])}, (2, 'c', '4')"), Wanted(("id", "category"))
    )
    assert all_rows(one) == all_rows(other)
    assert all_rows(one)[0] == {"id": ["2", "2", "2", "2", "10"], "category": ["A", "B", "b", "b", "a"]}
    assert one.sha256 == other.sha256 != changed.sha256


def test_the_hash_is_of_the_rows_as_quoted_csv(city):
    import hashlib

    table = opened(city("CREATE TABLE incidents (id int)", "INSERT INTO incidents VALUES (1), (2)"), Wanted(("id",)))
    assert table.sha256 == hashlib.sha256(b'"id"\n"1"\n"2"\n').hexdigest()


def test_large_tables_come_in_batches_with_every_row_once(city, monkeypatch):
    monkeypatch.setattr(database, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(database, "BATCH_ROWS", 4)
    address = city("CREATE TABLE incidents (id int)", "INSERT INTO incidents SELECT * FROM generate_series(1, 11)")
    table = opened(address, Wanted(("id",)))
    assert [len(batch.row) for batch in table.batches()] == [4, 4, 3]
    columns, rows, _ = all_rows(table)
    assert columns["id"] == [str(i) for i in range(1, 12)]
    assert rows == list(range(2, 13))
    monkeypatch.setattr(database, "MOST_DATABASE_ROWS", 10)
    with pytest.raises(InputError, match="more than 10 rows, the limit for a database"):
        opened(address, Wanted(("id",)))
    monkeypatch.setattr(database, "MOST_DATABASE_ROWS", 11)
    assert len(all_rows(opened(address, Wanted(("id",))))[1]) == 11


def test_a_table_without_rows_has_no_batches(city):
    assert list(opened(city(SCHEMA)).batches()) == []


def test_the_transaction_is_read_only_and_sees_one_moment(city):
    view = """CREATE VIEW incidents AS SELECT current_setting('transaction_read_only') AS id,
                                              current_setting('transaction_isolation') AS category"""
    columns, _, _ = all_rows(opened(city(view), Wanted(("id", "category"))))
    assert columns == {"id": ["on"], "category": ["repeatable read"]}


@pytest.mark.parametrize(
    "function",
    [
        "INSERT INTO visitors VALUES (1) RETURNING 1",
        "SELECT setval('numbers', 99)::int",
        "SELECT set_config('transaction_read_only', 'off', false)::text::bool::int; "
        "INSERT INTO visitors VALUES (1) RETURNING 1",
    ],
)
def test_a_view_that_writes_is_refused_and_nothing_is_written(city, server, function):
    address = city(
        "CREATE TABLE visitors (n int)", "CREATE SEQUENCE numbers",
        f"CREATE FUNCTION sneaky() RETURNS int VOLATILE SECURITY DEFINER LANGUAGE sql AS $${function}$$",
        "CREATE VIEW incidents AS SELECT sneaky() AS id",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"doesn't give the rows|reading it would write to the database"):
        opened(address, Wanted(("id",)))
    assert server.run(
        address.rpartition("/")[2], "SELECT (SELECT count(*) FROM visitors), last_value FROM numbers"
    ) == [(0, 1)]


def test_columns_that_are_not_on_the_list_are_never_selected(city, server):
    address = city(SCHEMA, ROWS)
    before = len(server.log)
    assert opened(address).dropped_columns == ("phone",)
    asked = server.log[before:]
    assert "DECLARE" in asked
    assert 'CAST("public"."incidents"."id" AS TEXT)' in asked
    assert "phone" not in asked
    assert "*" not in asked.partition("DECLARE")[2]


def test_a_role_that_may_read_only_the_wanted_columns_suffices(city):
    grant = "GRANT SELECT (id, time, category, lon, lat) ON incidents TO reader"
    assert len(all_rows(opened(city(SCHEMA, ROWS, grant=grant)))[1]) == 3


def test_a_key_that_may_not_be_read_does_not_order_the_rows(city):
    table = "CREATE TABLE incidents (person text PRIMARY KEY, id int)"
    rows, grant = "INSERT INTO incidents VALUES ('a', 2), ('b', 1)", "GRANT SELECT (id) ON incidents TO reader"
    assert all_rows(opened(city(table, rows, grant=grant), Wanted(("id",))))[0] == {"id": ["1", "2"]}


def test_rights_that_are_missing_are_named(city):
    with pytest.raises(InputError, match="permission denied for table 'incidents'; fix: ask its owner: GRANT SELECT"):
        opened(city(SCHEMA, grant="SELECT 1"))
    with pytest.raises(InputError, match="field category: permission denied for column 'category'; fix: "):
        opened(city(SCHEMA, grant="GRANT SELECT (id, time, lon, lat) ON incidents TO reader"))
    hidden = (
        "CREATE SCHEMA hidden",
        "CREATE TABLE hidden.incidents (id int)",
        "GRANT SELECT ON hidden.incidents TO reader",
    )
    with pytest.raises(InputError, match=r"permission denied for table 'hidden\.incidents'"):
        opened(city(*hidden), Wanted(("id",)), sheet="hidden.incidents")


def test_a_view_whose_value_is_broken_is_refused_without_telling_the_value(city):
    address = city(SCHEMA, ROWS, "CREATE VIEW v AS SELECT id, ('x' || phone)::int AS category FROM incidents")
    with pytest.raises(InputError, match=r"doesn't give the rows: InvalidTextRepresentation \(22P02\)") as caught:
        opened(address, Wanted(("id", "category")), sheet="v")
    assert "13800138000" not in everything_told(caught.value)


def everything_told(error):
    """The message, its parts, and those of the errors it came from, with their traceback."""
    chain, each = [], error
    while each is not None:
        chain.append(each)
        each = each.__cause__ or each.__context__
    texts = [repr(each) + repr(each.args) + repr(vars(each)) for each in chain]
    return "".join([*texts, *traceback.format_exception(error)])


def test_the_password_is_in_nothing_that_is_told(city, server, caplog):
    caplog.set_level("DEBUG")
    address = city(SCHEMA, ROWS)
    table = opened(address)
    assert table.path == address.replace(PASSWORD, "***")
    assert PASSWORD not in repr(table)
    wrong = address.replace(PASSWORD, "wr0ng-horse")
    with pytest.raises(InputError, match=r"reader:\*\*\*@.*: the database refuses this password; fix: ") as caught:
        opened(wrong)
    assert "wr0ng-horse" not in everything_told(caught.value)
    with pytest.raises(InputError) as missing:
        opened(address, sheet="nowhere")
    assert PASSWORD not in everything_told(missing.value)
    assert PASSWORD not in caplog.text
    assert PASSWORD not in server.log[server.log.index("CREATE DATABASE city") :]


def test_the_password_may_come_from_the_environment(city, server, monkeypatch):
    name = city(SCHEMA, ROWS).rpartition("/")[2]
    address = server.address(name, password=None)
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    with pytest.raises(InputError, match="the database refuses this password"):
        opened(address)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert opened(address).path == address


def test_the_local_socket_is_an_address_too(server, city):
    name = city(SCHEMA, ROWS).rpartition("/")[2]
    socket = str(server.folder).replace("/", "%2F")
    assert len(all_rows(opened(f"postgres://reader@{socket}:{server.port}/{name}"))[1]) == 3


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://amy:s3cret@db.lan:5433/city?sslmode=require", "postgresql://amy:***@db.lan:5433/city"),
        ("postgresql://amy:s3@cret@db.lan/city", "postgresql://amy:***@db.lan/city"),
        ("postgresql://amy:s3/cret@db.lan/city", "postgresql://..."),
        ("postgresql://amy:12/s3cret@db.lan/city", "postgresql://..."),
        ("postgresql://amy:12?s3cret@db.lan/city", "postgresql://..."),
        ("postgresql://amy:12#s3cret@db.lan/city", "postgresql://..."),
        ("postgresql://amy:s3cret", "postgresql://..."),
        ("postgresql://amy@db.lan/city?password=s3cret", "postgresql://amy@db.lan/city"),
        ("mysql://amy:s3cret@db.lan/city", "..."),
    ],
)
def test_an_address_is_shown_without_its_password_however_it_is_written(address, shown):
    assert masked_address(address) == shown


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("mysql://u:pw@h/db", "not a postgresql:// address"),
        ("postgresql+psycopg2://u:pw@h/db", "not a postgresql:// address"),
        ("postgresql://u:pw@h1,h2/db", "the address names several hosts"),
        ("postgresql://u:pw@h1:1,h2:2/db", "the address can't be read"),
        ("postgresql://u:pw@h/host=evil%20user=x", "the address can't be read"),
        ("postgresql://u:pw@h/db%0A", "the address can't be read"),
        (
            "postgresql://u:pw@h/db?options=-c%20default_transaction_read_only=off",
            "field options: 'options' can't be set",
        ),
        ("postgresql://u:pw@h/db?passfile=/etc/passwd", "field passfile: 'passfile' can't be set"),
        ("postgresql://u:pw@h/db?service=x&sslkey=y", "field sslkey: 'sslkey' can't be set"),
        ("postgresql://u:pw@h/db?host=/tmp", "field host: 'host' can't be set"),
        (
            "postgresql://u:pw@h/db?sslmode=none",
            "field sslmode: value 'none': not a value that it can have; fix: use one",
        ),
        ("postgresql://u:pw@h/db?connect_timeout=0", "field connect_timeout: value '0': not a value"),
        ("postgresql://u:pw@h/db?sslmode=require&sslmode=disable", "appears twice"),
    ],
)
def test_addresses_that_could_reach_elsewhere_are_refused(address, reason):
    with pytest.raises(InputError) as caught:
        opened(address)
    assert reason in str(caught.value)
    assert "pw" not in str(caught.value).replace("passwd", "")


def test_a_server_that_is_not_there_is_told_with_its_masked_address(server):
    with pytest.raises(
        InputError, match=r"postgresql://u:\*\*\*@127.0.0.1:1/db: the database can't be reached: "
    ) as told:
        opened(f"postgresql://u:{PASSWORD}@127.0.0.1:1/db?connect_timeout=3&sslmode=disable")
    assert PASSWORD not in everything_told(told.value)
    with pytest.raises(InputError, match='the database refuses the connection: database "nowhere" does not exist'):
        opened(server.address("nowhere"))


def test_a_table_that_is_not_there_is_answered_with_those_that_are(city):
    address = city(SCHEMA, 'CREATE TABLE "Calls" (id int)', "CREATE SCHEMA old", "CREATE TABLE old.calls (id int)")
    with pytest.raises(InputError) as caught:
        opened(address, sheet="incident")
    assert str(caught.value).partition(": field ")[2] == (
        "sheet: value 'incident': table not found; tables that may be read: Calls, incidents; "
        'fix: set sheet = "incidents"'
    )
    with pytest.raises(InputError, match='fix: set sheet = "Calls"'):
        opened(address, sheet="calls")


def test_a_missing_column_is_answered_like_in_a_file(city):
    address = city("CREATE TABLE incidents (id int, time date, kind text, longitude float8, lat float8)")
    with pytest.raises(InputError, match=r"row 1, field lon: required column 'lon' is missing.*longitude") as caught:
        opened(address)
    assert len(caught.value.faults) == 2


def test_views_and_other_schemas_are_tables_too(city):
    address = city(
        "CREATE SCHEMA old", "CREATE TABLE old.calls (id int)", "INSERT INTO old.calls VALUES (7)",
        "CREATE VIEW recent AS SELECT id FROM old.calls", "CREATE MATERIALIZED VIEW kept AS SELECT id FROM old.calls",
        "GRANT USAGE ON SCHEMA old TO reader", "GRANT SELECT ON old.calls TO reader",
    )  # fmt: skip
    for name in ("old.calls", "recent", "public.recent", "kept"):
        assert all_rows(opened(address, Wanted(("id",)), sheet=name))[0] == {"id": ["7"]}


@pytest.mark.parametrize("name", ['incidents"; DROP TABLE incidents; --', "incidents; DROP TABLE incidents", "'; --"])
def test_a_hostile_table_name_is_just_unknown(city, server, name):
    address = city(SCHEMA, ROWS)
    with pytest.raises(InputError, match="table not found"):
        opened(address, sheet=name)
    assert server.run(address.rpartition("/")[2], "SELECT count(*) FROM incidents") == [(3,)]


@pytest.mark.parametrize("name", ['lon"; DROP TABLE x; --', "100%", "%(a)s", ":b", "经度", "SELECT", "a b"])
def test_a_hostile_column_name_is_just_a_name(city, server, name):
    quoted = '"' + name.replace('"', '""') + '"'
    address = city(
        "CREATE TABLE x (n int)",
        f"CREATE TABLE {quoted} (id int, {quoted} float8, other int, PRIMARY KEY (id))",
        f"INSERT INTO {quoted} VALUES (1, 0.5, 2)",
    )
    columns, _, _ = all_rows(opened(address, Wanted(("id", "lon"), columns={"lon": name}), sheet=name))
    assert columns == {"id": ["1"], "lon": ["0.5"]}
    assert server.run(address.rpartition("/")[2], "SELECT count(*) FROM x") == [(0,)]


def test_a_database_in_a_chinese_encoding_gives_the_same_text(city):
    address = city(
        "CREATE TABLE incidents (id text)", "INSERT INTO incidents VALUES ('盗窃')",
        template="template0", more="ENCODING 'EUC_CN' LOCALE 'C'",
    )  # fmt: skip
    assert all_rows(opened(address, Wanted(("id",))))[0] == {"id": ["盗窃"]}


def test_bytes_in_no_encoding_are_refused(city):
    address = city(
        "CREATE TABLE incidents (id text)", r"INSERT INTO incidents VALUES (E'\xb5\xc1')",
        template="template0", more="ENCODING 'SQL_ASCII' LOCALE 'C'",
    )  # fmt: skip
    with pytest.raises(InputError, match="the text isn't UTF-8 and its encoding is not known"):
        opened(address, Wanted(("id",)))


def test_a_field_above_the_limit_is_named(city):
    address = city("CREATE TABLE incidents (id int, category text)", "INSERT INTO incidents VALUES (1, 'a')",
                   "INSERT INTO incidents VALUES (2, repeat('x', 200000))")  # fmt: skip
    with pytest.raises(InputError, match="row 3, field category: a field has more than 131,072 characters"):
        opened(address, Wanted(("id", "category")))


def test_a_locked_table_is_not_waited_for_forever(city, server, monkeypatch):
    import psycopg

    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 1)
    address = city(SCHEMA, ROWS)
    with psycopg.connect(
        host=str(server.folder), port=server.port, user="postgres", dbname=address.rpartition("/")[2]
    ) as other:
        other.execute("LOCK TABLE incidents")
        with pytest.raises(InputError, match="the table is locked by another session"):
            opened(address)


def test_without_the_extra_the_message_tells_what_to_install():
    script = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from hotspot.reading.database import open_database\n"
        "from hotspot.reading.source import Layout, Wanted\n"
        "open_database('postgresql://u:s3cret@h/db', Wanted(('id',)), Layout())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "postgresql://u:***@h/db: reading a database needs SQLAlchemy and psycopg; fix: pip install" in done.stderr
    assert "'hotspot-patrol[db]'" in done.stderr
    assert "s3cret" not in done.stderr.replace(script, "")


def test_a_district_whose_incidents_lie_in_the_database_is_checked_and_the_password_told_nowhere(city, tmp_path):
    address = city(
        "CREATE TABLE incidents (id text PRIMARY KEY, time timestamptz, category text, source text, victim text, "
        "geom geometry(Point, 32649))",
        "INSERT INTO incidents SELECT 'A' || i, timestamptz '2024-05-01 02:00+00' + i * interval '1 hour', 'theft', "
        "'report', '张三', ST_Transform(ST_SetSRID(ST_MakePoint(109.721 + i * 0.0001, 38.245), 4326), 32649) "
        "FROM generate_series(1, 60) AS i",
    )
    config = small_district(tmp_path)
    change(config, 'path = "incidents.csv"', f'path = "{address}"')
    said = patrol("check", config, "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["incidents"]["used"] == 60
    assert any("columns not read: victim" in notice for notice in told["notices"])
    assert "张三" not in said.out
    assert PASSWORD not in said.out + said.err
