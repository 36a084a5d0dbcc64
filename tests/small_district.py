"""A tiny district for tests of the command: the templates of `patrol init`, with a file or two changed."""

from __future__ import annotations

from pathlib import Path

from planning.templates import write_templates

HEADER = "id,time,lon,lat,category,source"
GOOD = "{},2024-05-01 10:{:02d}:00,109.{:06d},38.245,theft,report"


def small_district(folder: Path, *, language: str = "en") -> Path:
    """Writes the district and gives the path of its patrol.toml."""
    write_templates(folder, language=language)
    return folder / "patrol.toml"


def good_rows(n: int) -> list[str]:
    """Rows of incidents along the district's only street, each with an id, a minute and a place of its own."""
    return [GOOD.format(f"A{i:06d}", i % 60, 721000 + i * 7 % 18000) for i in range(n)]


def incidents(config: Path, rows: list[str] | bytes, *, header: str = HEADER) -> Path:
    """Replaces the incidents of the district."""
    path = config.parent / "incidents.csv"
    text = rows if isinstance(rows, bytes) else "\n".join([header, *rows, ""]).encode()
    path.write_bytes(text)
    return path


def change(config: Path, old: str, new: str) -> None:
    """Replaces a text in the configuration, which must be there."""
    text = config.read_text(encoding="utf-8")
    assert old in text, old
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
