"""A tiny district with a text of one's choosing in every column and every configuration text that takes free text.

Each text begins with its table and column, so that one run shows where each of them ends.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from small_district import small_district

MARKUP = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(1)>{{7*7}}{% for x in y %}{#</script><!--${7*7}`'\\&lt"
    "\u202e\u200f😀"
)
LONG = "=" + "长" * 150 + "w" * 149
FREE = {  # what people write as they like; every other column of every table is checked by its reader
    "incidents": ("id", "category", "source"),
    "areas": ("id", "name", "street"),
    "streets": ("name",),
    "closures": ("id", "name"),
    "points": ("name",),
    "teams": ("name",),
    "events": ("name",),
    "config": ("district", "emergency", "instructions"),
}
DAY = "2024-11-30"
CLOSED = [[109.739, 38.245], [109.74, 38.245]]  # the last hundred metres of the only street


class HostileDistrict:
    """`config` is the path of its patrol.toml; `text(table, column)` what stands in that column."""

    def __init__(self, folder: Path, *, before: str = "", after: str = "") -> None:
        self.before, self.after = before, after
        self.config = small_district(folder)
        self.folder = folder
        self._incidents()
        self._settings()
        self._areas()
        self._streets()
        self._closures()
        self._table("points.csv", {"name": self.text("points", "name")})
        team = {"name": self.text("teams", "name"), "community_id": self.text("areas", "id")}
        self._table("teams.csv", team)
        self._table("events.csv", {"name": self.text("events", "name")})

    def text(self, table: str, column: str) -> str:
        return f"{self.before}{table}.{column}{self.after}"

    def texts(self) -> dict[str, str]:
        """All of them: `table.column` -> text."""
        return {f"{table}.{column}": self.text(table, column) for table, columns in FREE.items() for column in columns}

    def spoil_one_incident(self) -> None:
        """One row with a place that can't be: it is set aside with its text."""
        path = self.folder / "incidents.csv"
        head, first, *rest = path.read_bytes().decode("utf-8").split("\r\n")
        path.write_bytes("\r\n".join([head, first, *rest[:-2], rest[-2].replace("38.245", "98.245"), ""]).encode())

    def _incidents(self) -> None:
        """400 of one category at three places of the street, at 19 to 22 o'clock; the first has the hostile id."""
        category, source = (self.text("incidents", column) for column in ("category", "source"))
        with (self.folder / "incidents.csv").open("w", encoding="utf-8", newline="") as file:
            write = csv.writer(file).writerow
            write(["id", "time", "lon", "lat", "category", "source"])
            for k in range(400):
                name = self.text("incidents", "id") if k == 0 else f"A{k:05d}"
                time = f"2024-11-{1 + k % 28:02d} {19 + k % 4}:{k % 60:02d}:00"
                write([name, time, f"109.{722000 + k % 3 * 5000}", "38.245", category, source])

    def _settings(self) -> None:
        told = {key: json.dumps(self.text("config", key), ensure_ascii=False) for key in FREE["config"]}
        category = json.dumps(self.text("incidents", "category"), ensure_ascii=False)
        text = self.config.read_text(encoding="utf-8")
        for old, new in {
            'name = "Example district"': f"name = {told['district']}",
            'theft = "patrol"': f'{category} = "patrol"',
            "[sheets]": f"[sheets]\nemergency = {told['emergency']}\ninstructions = {{ patrol = {told['instructions']} }}",
            'path = "streets.geojson"': 'path = "streets.geojson"\nclosures = "closures.geojson"',
            "# patrol_found_weight = 0": "patrol_found_weight = 1",  # the sources are unknown ones
        }.items():
            assert old in text, old
            text = text.replace(old, new, 1)
        self.config.write_text(text, encoding="utf-8")

    def _areas(self) -> None:
        path = self.folder / "areas.geojson"
        layer = json.loads(path.read_text(encoding="utf-8"))
        layer["features"][0]["properties"] = {column: self.text("areas", column) for column in FREE["areas"]}
        path.write_text(json.dumps(layer), encoding="utf-8")

    def _streets(self) -> None:
        """One street in two pieces."""
        named = {"name": self.text("streets", "name"), "highway": "residential"}
        lines = [[[109.72, 38.245], [109.739, 38.245]], CLOSED]
        write_layer(self.folder / "streets.geojson", [(named, line) for line in lines])

    def _closures(self) -> None:
        closed = {column: self.text("closures", column) for column in FREE["closures"]}
        write_layer(self.folder / "closures.geojson", [(closed, CLOSED)])

    def _table(self, name: str, changed: dict[str, str]) -> None:
        path = self.folder / name
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row | changed for row in csv.DictReader(file)]
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def write_layer(path: Path, lines: list[tuple[dict[str, str], list[list[float]]]]) -> None:
    """GeoJSON of lines with their properties."""
    shapes = [
        {"type": "Feature", "properties": told, "geometry": {"type": "LineString", "coordinates": line}}
        for told, line in lines
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": shapes}), encoding="utf-8")
