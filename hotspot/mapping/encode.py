"""A page's data as short as they can be said: what makes a page of fifty thousand streets a few megabytes and not a dozen.

decode.js reads what is packed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

STEPS_PER_DEGREE = 100_000  # 1e-5 degree: about one metre
LEVELS = 4095  # two characters a number: within an eighth of a thousandth of the greatest
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HOLE = "\x01"
_FIGURE = re.compile(r"\d[\d.]*")


def packed_page(data: Mapping[str, Any]) -> dict[str, Any]:
    """A page's data with its lines, its numbers by the hour and its explanations packed; all else as it is.

    Places are whole steps of 1e-5 degree, as they are given; numbers by the hour are within 1/8190 of the greatest of their
    row; texts come back letter by letter. Nothing given is changed.
    """
    templates: dict[str, int] = {}
    packed = dict(data)
    packed["streets"] = packed_streets(data["streets"])
    packed["hotspots"] = [_packed_spot(spot, templates) for spot in data["hotspots"]]
    packed["teams"] = [_packed_team(team) for team in data["teams"]]
    cells = data["cells"]
    packed["cells"] = cells | {
        "rings": {name: packed_line(ring) for name, ring in cells["rings"].items()},
        "risk": {name: packed_numbers(risk) for name, risk in cells["risk"].items()},
    }
    packed["areas"] = data["areas"] | {"features": _with_rings(data["areas"]["features"])}
    if "catchments" in data:
        packed["catchments"] = data["catchments"] | {"points": _with_rings(data["catchments"]["points"])}
    return packed | {"texts": list(templates)}


def _packed_spot(spot: Mapping[str, Any], templates: dict[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"rings": packed_lines(spot["rings"]), "hourly": packed_numbers(spot["hourly"])}
    if "calendar" in spot:
        told["calendar"] = packed_numbers([value for day in spot["calendar"] for value in day])
    if "explanation" in spot:
        told["explanation"] = {name: folded(text, templates) for name, text in spot["explanation"].items()}
    return {**spot, **told}


def _packed_team(team: Mapping[str, Any]) -> dict[str, Any]:
    visits = [
        {name: value for name, value in visit.items() if name != "place" or "place_in" not in visit}
        for visit in team["visits"]
    ]
    return {**team, "legs": [leg | {"line": packed_line(leg["line"])} for leg in team["legs"]], "visits": visits}


def _with_rings(shapes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**shape, "rings": packed_lines(shape["rings"])} for shape in shapes]


def packed_streets(streets: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lines of `streets` as whole steps of 1e-5 degree, and their classes (0 major, 1 minor).

    A line becomes one flat list `[step east, step north, ...]`, its first step from where the line before began: near
    lines are short numbers. A missing class counts as major, so that no street is hidden for want of a class.

    >>> packed_streets({"lines": [[[109.7, 38.25], [109.70001, 38.25003]], [[109.70002, 38.25], [109.7, 38.25]]]})
    {'lines': [[10970000, 3825000, 1, 3], [2, 0, -2, 0]], 'class': [0, 0]}
    >>> packed_streets({})
    {'lines': [], 'class': []}
    """
    lines = packed_lines(streets.get("lines", []))
    classes = list(streets.get("class", []))
    classes += [0] * (len(lines) - len(classes))
    return {"lines": lines, "class": classes[: len(lines)]}


def packed_lines(lines: Iterable[Sequence[Sequence[float]]]) -> list[list[int]]:
    """Lines in lon/lat degrees as steps, each from where the one before began. Empty lines stay empty.

    >>> packed_lines([[[1.0, 2.0], [1.00001, 2.0]], [], [[1.0, 2.00001]]])
    [[100000, 200000, 1, 0], [], [0, 1]]
    """
    x = y = 0
    found = []
    for line in lines:
        steps = packed_line(line)
        if steps:
            begin = steps[0], steps[1]
            steps[0], steps[1] = begin[0] - x, begin[1] - y
            x, y = begin
        found.append(steps)
    return found


def packed_line(line: Sequence[Sequence[float]]) -> list[int]:
    """One line of lon/lat degrees as its first place and the steps from there.

    Each step leads from the *rounded* place before, so rounding never adds up along the line. Points that fall on the one
    before are left out.

    >>> packed_line([[1.0, 2.0], [1.0, 2.0], [0.99999, 2.00001]])
    [100000, 200000, -1, 1]
    >>> packed_line([])
    []
    """
    x = y = 0
    steps: list[int] = []
    for lon, lat in line:
        to_x, to_y = round(lon * STEPS_PER_DEGREE), round(lat * STEPS_PER_DEGREE)
        if not steps or (to_x, to_y) != (x, y):
            steps += [to_x - x, to_y - y]
        x, y = to_x, to_y
    return steps


def packed_numbers(values: Sequence[float]) -> list[Any]:
    """Numbers from 0 on as `[greatest, two characters each]`: shares of the greatest in 4,095 steps.

    Raises ValueError for a negative number or none (NaN, infinity).

    >>> packed_numbers([0.0, 0.5, 1.0]), packed_numbers([]), packed_numbers([0.0])
    ([1.0, 'AAgA__'], [0.0, ''], [0.0, 'AA'])
    """
    most = max(values, default=0.0)
    if not all(0.0 <= value <= most < float("inf") for value in values):
        raise ValueError("numbers by the hour are finite and not negative")
    levels = [round(LEVELS * value / most) if most else 0 for value in values]
    return [most, "".join(CHARACTERS[level >> 6] + CHARACTERS[level & 63] for level in levels)]


def folded(text: str, templates: dict[str, int]) -> str | list[Any]:
    """A text as the number of its template and the figures in it; new templates are entered. Decoding gives it back.

    >>> templates = {}
    >>> folded("3.5 a week, 2 here", templates), folded("1 a week, 12 here", templates), len(templates)
    ([0, '3.5', '2'], [0, '1', '12'], 1)
    """
    if HOLE in text:
        return text
    template = _FIGURE.sub(HOLE, text)
    return [templates.setdefault(template, len(templates)), *_FIGURE.findall(text)]
