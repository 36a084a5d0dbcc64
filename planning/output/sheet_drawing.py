"""The picture of a team's way: streets around it, hotspots, legs and numbered stops, north up, one scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, MARGIN = 720.0, 400.0, 44.0
METRES_PER_DEGREE = 111_320.0
SMALLEST_SPAN_M = 400.0  # a single stop is drawn with its surroundings
MOST_MINOR_STREETS = 1500
Line = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Frame:
    """Where degrees go on the picture: equirectangular about the middle, which is exact enough for a district."""

    lon: float
    lat: float
    px_per_m: float

    def at(self, line: Line | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) picture units of (n, 2) lon/lat degrees; y grows downwards, so north is up."""
        degrees = np.asarray(line, dtype=float).reshape(-1, 2)
        east_m = (degrees[:, 0] - self.lon) * METRES_PER_DEGREE * np.cos(np.radians(self.lat))
        north_m = (degrees[:, 1] - self.lat) * METRES_PER_DEGREE
        x, y = WIDTH / 2 + east_m * self.px_per_m, HEIGHT / 2 - north_m * self.px_per_m
        return np.round(np.column_stack([x, y]), 1)

    def shows(self, boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(n,) whether each of the `boxes_of` lines touches the picture; that of an empty line doesn't."""
        (left, bottom), (right, top) = self.at(boxes[:, :2]).T, self.at(boxes[:, 2:]).T
        seen: npt.NDArray[np.bool_] = (right >= 0) & (left <= WIDTH) & (bottom >= 0) & (top <= HEIGHT)
        return seen


def boxes_of(lines: Sequence[Line]) -> npt.NDArray[np.float64]:
    """(n, 4) west, south, east, north of each line; NaN of an empty one.

    A city's streets are measured once for all sheets: that takes longer than all the rest of a sheet.

    >>> boxes_of([[[109.7, 38.3], [109.8, 38.2]], []]).tolist()
    [[109.7, 38.2, 109.8, 38.3], [nan, nan, nan, nan]]
    """
    sizes = np.array([len(line) for line in lines], dtype=np.int64)
    drawn = np.flatnonzero(sizes)
    boxes = np.full((len(lines), 4), np.nan)
    if len(drawn):
        degrees = np.array([place for line in lines for place in line], dtype=float)
        first = np.r_[0, np.cumsum(sizes[drawn])[:-1]]
        boxes[drawn] = np.hstack([np.minimum.reduceat(degrees, first), np.maximum.reduceat(degrees, first)])
    return boxes


def route_drawing(sheet: Mapping[str, Any], *, boxes: npt.NDArray[np.float64] | None = None) -> dict[str, Any] | None:
    """What the sheet's template draws for `sheet["team"]`; None where the team has no visits.

    `boxes` are those of the sheet's streets where many sheets share them.
    """
    team = sheet["team"]
    if not team["visits"]:
        return None
    home = [[p["lon"], p["lat"]] for p in sheet.get("points", []) if p["id"] == team["point_id"]]
    stops = [[visit["lon"], visit["lat"]] for visit in team["visits"]]
    frame = frame_around([*home, *stops, *(place for leg in team["legs"] for place in leg["line"])])
    streets = sheet.get("streets", {})
    major, minor = streets_of(streets, boxes_of(streets.get("lines", [])) if boxes is None else boxes, frame)
    bar_m = round_length_m(WIDTH / 6 / frame.px_per_m)
    return {
        "width": WIDTH, "height": HEIGHT, "major": major, "streets": minor,
        "hotspots": _hotspots(sheet, frame),
        "legs": [" ".join(f"{x:g},{y:g}" for x, y in frame.at(leg["line"])) for leg in team["legs"]],
        "home": frame.at(home)[0].tolist() if home else None,
        "stops": _stops(team["visits"], frame),
        "bar_m": bar_m, "bar_px": round(bar_m * frame.px_per_m, 1),
    }  # fmt: skip


def frame_around(places: Line) -> Frame:
    """The frame that shows all `places` (lon/lat degrees) inside the margin.

    >>> frame = frame_around([[109.70, 38.25], [109.71, 38.26]])
    >>> south_west, north_east = frame.at([[109.70, 38.25], [109.71, 38.26]]).tolist()
    >>> south_west[0] < north_east[0], south_west[1] > north_east[1]
    (True, True)
    """
    degrees = np.asarray(places, dtype=float)
    low, high = degrees.min(axis=0), degrees.max(axis=0)
    lon, lat = (low + high) / 2
    wide_m = max((high[0] - low[0]) * METRES_PER_DEGREE * np.cos(np.radians(lat)), SMALLEST_SPAN_M)
    high_m = max((high[1] - low[1]) * METRES_PER_DEGREE, SMALLEST_SPAN_M)
    return Frame(float(lon), float(lat), float(min((WIDTH - 2 * MARGIN) / wide_m, (HEIGHT - 2 * MARGIN) / high_m)))


def streets_of(streets: Mapping[str, Any], boxes: npt.NDArray[np.float64], frame: Frame) -> tuple[str, str]:
    """Major and minor streets in sight as two SVG paths; too many minor ones would only be grey."""
    lines, classes = streets.get("lines", []), streets.get("class", [])
    found: tuple[list[Line], list[Line]] = ([], [])
    for i in np.flatnonzero(frame.shows(boxes)).tolist():
        found[1 if i < len(classes) and classes[i] else 0].append(lines[i])
    major, minor = found
    return path_of(major, frame), path_of(minor if len(minor) <= MOST_MINOR_STREETS else [], frame)


def _hotspots(sheet: Mapping[str, Any], frame: Frame) -> list[dict[str, Any]]:
    """The hotspots that the team visits, each named at its north-west corner."""
    visited = {visit["hotspot_id"] for visit in sheet["team"]["visits"]}
    drawn = []
    for spot in sheet.get("hotspots", []):
        if spot["id"] in visited:
            corner = frame.at([place for ring in spot["rings"] for place in ring]).min(axis=0)
            x, y = np.clip(corner + np.array([4, 14]), (4, 14), (WIDTH - 60, HEIGHT - 40))
            drawn.append(
                {"id": spot["id"], "path": path_of(spot["rings"], frame, "Z"), "x": round(x, 1), "y": round(y, 1)}
            )
    return drawn


def _stops(visits: Sequence[Mapping[str, Any]], frame: Frame) -> list[dict[str, Any]]:
    """Numbered marks; visits at one place share one, so that none hides another."""
    numbers: dict[tuple[float, float], list[str]] = {}
    for visit in visits:
        x, y = frame.at([[visit["lon"], visit["lat"]]])[0].tolist()
        numbers.setdefault((x, y), []).append(str(visit["sequence"]))
    labels = {place: "·".join(each) for place, each in numbers.items()}
    return [
        {"x": x, "y": y, "label": label, "half": max(11.0, 4.2 * len(label) + 5)} for (x, y), label in labels.items()
    ]


def path_of(lines: Iterable[Line], frame: Frame, end: str = "") -> str:
    """All lines in one go: a city has thousands, most of two points."""
    drawn = [line for line in lines if len(line)]
    if not drawn:
        return ""
    places = frame.at([place for line in drawn for place in line]).tolist()
    texts = [f"{x:g} {y:g}" for x, y in places]
    ends = np.cumsum([len(line) for line in drawn]).tolist()
    return "".join("M" + "L".join(texts[begin:until]) + end for begin, until in zip([0, *ends[:-1]], ends, strict=True))


def round_length_m(length_m: float) -> int:
    """The largest of 1, 2, 5 times a power of ten that isn't longer.

    >>> [round_length_m(x) for x in (7, 260, 990)]
    [5, 200, 500]
    """
    power: int = 10 ** int(np.floor(np.log10(max(length_m, 1.0))))
    return max(step * power for step in (1, 2, 5) if step * power <= max(length_m, 1.0))
