"""Streets as small numbers: what makes a page of fifty thousand lines two megabytes and not twelve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STEPS_PER_DEGREE = 100_000  # 1e-5 degree: about one metre


def packed_streets(streets: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lines of `streets` as whole steps of 1e-5 degree, and their classes (0 major, 1 minor).

    A line becomes one flat list `[lon, lat, step east, step north, ...]`. A missing class counts as major, so that no
    street is hidden for want of a class. Points that fall on the one before are left out. No lines give empty lists.

    >>> packed_streets({"lines": [[[109.7, 38.25], [109.70001, 38.25003]]], "class": [1]})
    {'lines': [[10970000, 3825000, 1, 3]], 'class': [1]}
    >>> packed_streets({})
    {'lines': [], 'class': []}
    """
    lines = streets.get("lines", [])
    classes = list(streets.get("class", []))
    classes += [0] * (len(lines) - len(classes))
    return {"lines": [packed_line(line) for line in lines], "class": classes[: len(lines)]}


def packed_line(line: Sequence[Sequence[float]]) -> list[int]:
    """One line of lon/lat degrees as its first place and the steps from there.

    Each step leads from the *rounded* place before, so rounding never adds up along the line.

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
