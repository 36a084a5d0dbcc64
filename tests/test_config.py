"""The configuration: what is right is typed, what is wrong is said at once, in the message form."""

import json
from pathlib import Path

import pytest

from hotspot.errors import ConfigError
from planning.config import HotspotsConfig, PlanningConfig, parse_config, read_config

GOOD = """
[district]
name = "Tiny"
timezone = "Asia/Shanghai"
crs = "EPSG:32649"
language = "zh"
areas = "areas.geojson"
[incidents]
path = "incidents.csv"
[categories]
theft = "patrol"
traffic = ""
[streets]
path = "../streets.parquet"
[points]
path = "points.csv"
[teams]
path = "teams.csv"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "patrol.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaints(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(written(folder, text))
    return [line.replace(str(folder), "").lstrip("/") for line in str(caught.value).splitlines()]


def test_a_small_file_is_read_with_the_documented_defaults(tmp_path):
    config = read_config(written(tmp_path, GOOD))
    assert config.district.timezone == "Asia/Shanghai"
    assert config.incidents.path == tmp_path / "incidents.csv"
    assert config.streets.path == tmp_path / "../streets.parquet"
    assert config.incidents.datum == "wgs84"
    assert config.hotspots == HotspotsConfig()
    assert config.planning == PlanningConfig()
    assert config.planning.dwell_min == (10, 16)
    assert config.roles["patrol"] == ("any",)


def test_an_unknown_key_names_the_nearest_one(tmp_path):
    assert complaints(tmp_path, GOOD + "[hotspots]\ncell_mm = 100") == [
        "patrol.toml: field hotspots.cell_mm: unknown key; fix: did you mean cell_m?"
    ]


def test_an_unknown_table_and_a_missing_one_are_both_named(tmp_path):
    lines = complaints(tmp_path, GOOD.replace("[teams]", "[team]"))
    assert any("field teams: missing" in line for line in lines)
    assert any("field team: unknown key; fix: did you mean teams?" in line for line in lines)


def test_everything_wrong_is_said_at_once(tmp_path):
    text = GOOD.replace("Asia/Shanghai", "Asia/Shangai").replace("32649", "4326").replace('"zh"', '"cn"')
    lines = complaints(tmp_path, text.replace('theft = "patrol"', 'theft = "patrl"') + '[hotspots]\ncell_m = "250"')
    fields = [line.split("field ")[1].split(":")[0] for line in lines]
    assert fields == ["district.timezone", "district.crs", "district.language", "categories.theft", "hotspots.cell_m"]
    assert "did you mean Asia/Shanghai?" in lines[0]
    assert "geographic" in lines[1]
    assert "did you mean patrol?" in lines[3]
    assert all("; fix: " in line for line in lines)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dwell_min = [16, 10]", ("dwell_min[0] = 16", "dwell_min[1] = 10")),
        ("dwell_min = [16, 20]\nrevisit_gap_min = 12", ("planning.dwell_min[0] = 16", "revisit_gap_min: value '12'")),
    ],
)
def test_a_contradiction_names_both_keys(tmp_path, line, words):
    (message,) = complaints(tmp_path, GOOD + "[planning]\n" + line)
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    "line",
    [
        "max_visits = 0",
        "max_visits = 2.5",
        "max_visits = true",
        "max_leg_min = nan",
        "max_leg_min = inf",
        "max_leg_min = -1",
        "dwell_min = 10",
        "dwell_min = [10]",
        'night_hours = ["22:00", "25:00"]',
        'night_hours = ["22:00", "22:00"]',
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(tmp_path, line):
    (message,) = complaints(tmp_path, GOOD + "[planning]\n" + line)
    assert f"field planning.{line.split(' ')[0]}" in message


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/teams.csv",
        "/vsicurl/https://example.org/teams.csv",
        "/VSIZIP/teams.zip",
        "s3://bucket/teams.csv",
        "PG:host=db",
        "~/teams.csv",
        "$HOME/teams.csv",
        "%USERPROFILE%/teams.csv",
        "//server/teams.csv",
        "postgresql://db/teams",
        "teams\\u0000.csv",
        "",
    ],
)
def test_a_path_that_is_no_local_file_is_refused(tmp_path, path):
    (message,) = complaints(tmp_path, GOOD.replace('"teams.csv"', f'"{path}"'))
    assert "field teams.path" in message


def test_incidents_may_be_several_files_or_a_database(tmp_path):
    several = read_config(written(tmp_path, GOOD.replace('"incidents.csv"', '["a.csv", "b.csv"]')))
    assert several.incidents.path == (tmp_path / "a.csv", tmp_path / "b.csv")
    address = "postgresql://reader:secret@db/incidents"
    database = read_config(written(tmp_path, GOOD.replace("incidents.csv", address)))
    assert database.incidents.path == address
    assert "secret" not in json.dumps(database.echo())
    (message,) = complaints(tmp_path, GOOD.replace('"incidents.csv"', '["a.csv", "https://x/b.csv"]'))
    assert "field incidents.path[1]" in message


def test_a_personal_column_can_not_be_asked_for(tmp_path):
    (message,) = complaints(tmp_path, GOOD + 'columns = { phone = "mobile" }')
    assert "field teams.columns.phone: unknown key" in message


def test_one_column_can_not_be_two_fields(tmp_path):
    (message,) = complaints(tmp_path, GOOD + 'columns = { id = "nr", name = "nr" }')
    assert "columns.id" in message
    assert "columns.name" in message


def test_roles_override_the_default_table(tmp_path):
    config = read_config(written(tmp_path, GOOD + '[roles]\npatrol = ["grid_worker"]'))
    assert config.roles["patrol"] == ("grid_worker",)
    assert config.roles["dispute_mediation"] == ("mediator",)
    lines = complaints(tmp_path, GOOD + '[roles]\npatrol = ["gridworker"]\nhazard_inspection = []')
    assert "did you mean grid_worker?" in lines[0]
    assert "field roles.hazard_inspection" in lines[1]


def test_the_echo_has_every_default_and_reads_back_as_the_same_configuration(tmp_path):
    config = read_config(written(tmp_path, GOOD))
    echo = json.loads(json.dumps(config.echo()))
    assert echo["hotspots"]["cell_m"] == 250
    assert echo["streets"]["path"] == "../streets.parquet"
    assert str(tmp_path) not in json.dumps(echo)
    assert parse_config(echo, folder=tmp_path) == config


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:2225", "EPSG:99999", "metres"])
def test_a_crs_without_true_metres_is_refused(tmp_path, crs):
    (message,) = complaints(tmp_path, GOOD.replace("EPSG:32649", crs))
    assert f"field district.crs: value '{crs}'" in message


def test_a_file_that_is_no_toml_says_what_to_do(tmp_path):
    (message,) = complaints(tmp_path, GOOD + "cell_m 250")
    assert "not valid TOML" in message
    (tmp_path / "patrol.toml").write_bytes(GOOD.replace("Tiny", "高新").encode("gbk"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_config(tmp_path / "patrol.toml")
    with pytest.raises(ConfigError, match="can't be read"):
        read_config(tmp_path / "absent.toml")


def test_a_file_saved_by_notepad_is_read(tmp_path):
    path = tmp_path / "patrol.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_config(path).district.name == "Tiny"
