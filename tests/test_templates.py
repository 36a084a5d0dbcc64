"""What `patrol init` writes: a tiny district that reads as it is; and where the sample district lies."""

import re
from pathlib import Path

import pytest

from hotspot.areas import read_areas
from hotspot.errors import ConfigError, OutputError
from planning import sampledata
from planning.config import read_config
from planning.force import read_points, read_teams
from planning.templates import write_templates


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_examples_are_a_valid_district(tmp_path, language):
    paths = write_templates(tmp_path / "new", language=language)
    assert sorted(path.name for path in paths) == names(tmp_path / "new")
    config = read_config(tmp_path / "new" / "patrol.toml")
    assert config.district.language == language
    areas = read_areas(config.district.areas, crs=config.district.crs)
    points = read_points(config.points.path, crs=config.district.crs, areas=areas)
    teams = read_teams(config.teams.path, points=points, areas=areas)
    assert teams["id"].str.startswith("EXAMPLE").all()
    assert config.streets.path.exists()
    assert config.incidents.path.exists()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_defaults_in_the_comments_are_the_defaults(tmp_path, language):
    (path, *_) = write_templates(tmp_path, language=language)
    before = read_config(path)
    text = path.read_text(encoding="utf-8")
    opened = re.sub(r"(?m)^# (\w+ = )(?!\"CN\"|\{)", r"\1", text)
    assert opened.count("\ncell_m = 250") == 1
    path.write_text(opened, encoding="utf-8")
    assert read_config(path) == before


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "teams.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"already there: teams\.csv"):
        write_templates(tmp_path, language="en")
    assert names(tmp_path) == ["teams.csv"]
    with pytest.raises(ConfigError, match="use one of: zh, en"):
        write_templates(tmp_path / "new", language="tr")


def test_the_sample_is_taken_from_the_package_first_and_then_from_the_checkout(tmp_path, monkeypatch):
    places = (tmp_path / "package", tmp_path / "checkout")
    monkeypatch.setattr(sampledata, "PLACES", places)
    with pytest.raises(OutputError, match="isn't here"):
        sampledata.sample_folder()
    for place in reversed(places):
        place.mkdir()
        (place / "patrol.toml").write_text("")
        assert sampledata.sample_folder() == place
