"""What changed between the hotspots of two pages: places are matched by where they are, not by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import shapely

LEAST_OVERLAP = 0.5  # of the smaller of two hotspots, from which on they are one place


def changed_hotspots(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The hotspots of the page `after` against those of the page `before`, JSON-able.

    `rows`, in the order of `after` and then those that are gone: `kind` is `new`, `gone`, `grown`, `shrunk` or `same`, with
    `before` and `after` (`id, rank, expected, lower, upper`, None where there is none). Expected incidents are compared per
    hour of key time, since windows differ in length; intervals that overlap are `same`: the difference is within them.
    """
    same = matched(before["hotspots"], after["hotspots"])
    later = {new: old for old, new in same.items()}
    old = {spot["id"]: spot for spot in before["hotspots"]}
    rows = [_row(old.get(later.get(spot["id"], "")), spot) for spot in after["hotspots"]]
    rows += [_row(spot, None) for spot in before["hotspots"] if spot["id"] not in same]
    return {**{name: before[name] for name in ("run_id", "as_of", "window")}, "rows": rows}


def _row(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    told = [None if each is None else {name: each[name] for name in _FIGURES} for each in (before, after)]
    return {"kind": _kind(before, after), "before": told[0], "after": told[1]}


_FIGURES = ("id", "rank", "expected", "lower", "upper", "activity")


def _kind(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "gone"
    (low, high), (low_now, high_now) = (_per_hour(each) for each in (before, after))
    if low_now > high:
        return "grown"
    return "shrunk" if high_now < low else "same"


def _per_hour(spot: Mapping[str, Any]) -> tuple[float, float]:
    spans = [datetime.fromisoformat(each["end"]) - datetime.fromisoformat(each["start"]) for each in spot["windows"]]
    hours = sum(span.total_seconds() for span in spans) / 3600 or 1.0
    return spot["lower"] / hours, spot["upper"] / hours


def matched(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Earlier hotspot -> later one, the greatest overlaps first; each at most once.

    They are one place where they share half of the smaller of the two.
    """
    shapes = [_shape(spot) for spot in after]
    tree = shapely.STRtree(shapes)
    found = []
    for spot in before:
        shape = _shape(spot)
        for k in sorted(tree.query(shape, predicate="intersects").tolist()):
            least = min(shapely.area(shape), shapely.area(shapes[k]))
            share = shapely.area(shapely.intersection(shape, shapes[k])) / least if least else 0.0
            if share >= LEAST_OVERLAP:
                found.append((-share, spot["id"] != after[k]["id"], spot["id"], after[k]["id"]))
    same: dict[str, str] = {}
    for _, _, old, new in sorted(found):
        if old not in same and new not in same.values():
            same[old] = new
    return same


def _shape(spot: Mapping[str, Any]) -> shapely.Geometry:
    """The rings of a page know no holes apart: what is in an odd number of them is in the hotspot."""
    shape: shapely.Geometry = shapely.Polygon()
    for ring in spot["rings"]:
        shape = shapely.symmetric_difference(shape, shapely.make_valid(shapely.Polygon(ring)))
    return shape
