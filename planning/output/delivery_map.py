"""The still map of an assessment: where planned minutes were delivered, north up, one scale.

Hotspots of different nights overlap. So the map shows places, not hotspots: every place's planned and delivered minutes are
those of all hotspots that hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.mapping.situation_page import rings_of, streets_payload
from planning.operations.dosage import PlannedNight
from planning.output.sheet_drawing import (
    HEIGHT,
    WIDTH,
    Frame,
    Line,
    boxes_of,
    frame_around,
    path_of,
    round_length_m,
    streets_of,
)

CLASSES = 5  # of the share delivered, a fifth each; the last holds all that is more
UNKNOWN = -1
PRECISION_M = 0.01  # edges that cells of two nights share are the same line

Ints = npt.NDArray[np.int64]
Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class DeliveryPlaces:
    """`places`: shapes (metric) that don't overlap, with `planned_min` and `delivered_min` of all nights with tracks
    (NaN: of none) and their `share_class` (0 to 4; -1 unknown). `unvisited`: hotspots to which no visit was planned."""

    places: gpd.GeoDataFrame
    unvisited: gpd.GeoSeries


def delivery_places(nights: Sequence[PlannedNight], minutes: pd.DataFrame) -> DeliveryPlaces:
    """Cut the hotspots of all nights into places. `minutes` are rows of `hotspot_dosage`; places without any are unvisited."""
    every = pd.concat([night.places.assign(run=night.label) for night in nights], ignore_index=True)
    rows = every.merge(minutes[minutes["visits_planned"] > 0], on=["run", "hotspot_id"], how="left")
    crs, visited = nights[0].places.crs, rows["visits_planned"].notna()
    shapes = np.asarray(shapely.set_precision(rows.geometry[visited].to_numpy(), PRECISION_M), dtype=object)
    figures = rows.loc[visited, ["planned_tracked_min", "delivered_min"]].to_numpy(dtype=float)
    pieces, sums = _pieces(shapes, figures)
    table = pd.DataFrame(sums, columns=["planned_min", "delivered_min"]).assign(share_class=share_classes(sums))
    treated = shapely.union_all(shapes)
    others = shapely.difference(rows.geometry[~visited].to_numpy(), treated)
    return DeliveryPlaces(
        gpd.GeoDataFrame(table, geometry=pieces, crs=crs),
        gpd.GeoSeries(others[~shapely.is_empty(others)], crs=crs),
    )


def share_classes(sums: npt.NDArray[np.float64]) -> Ints:
    """(n,) 0 to 4 for each fifth of planned (first column) that was delivered (second), -1 where nothing is known.

    >>> share_classes(np.array([[10.0, 1.9], [10.0, 2.0], [10.0, 10.0], [10.0, 30.0], [0.0, np.nan]])).tolist()
    [0, 1, 4, 4, -1]
    """
    known = (sums[:, 0] > 0) & np.isfinite(sums[:, 1])
    share = np.divide(sums[:, 1], sums[:, 0], out=np.zeros(len(sums)), where=known)
    fifth = np.clip(np.floor(share * CLASSES + 1e-9), 0, CLASSES - 1).astype(np.int64)
    return np.where(known, fifth, UNKNOWN)


def _pieces(shapes: Shapes, figures: npt.NDArray[np.float64]) -> tuple[Shapes, npt.NDArray[np.float64]]:
    """What the borders of all shapes cut out, with the sums of those that hold it; points stay as they are."""
    flat = shapely.area(shapes) > 0
    borders = shapely.union_all(shapely.boundary(shapes[flat])) if flat.any() else shapely.LineString()
    found = np.asarray(shapely.get_parts(shapely.polygonize(shapely.get_parts(borders))), dtype=object)
    found = np.concatenate([found, np.unique(shapes[~flat])]) if (~flat).any() else found
    if not len(found):
        return found, np.empty((0, 2))
    shape, piece = shapely.STRtree(shapely.point_on_surface(found)).query(shapes, predicate="intersects")
    known = np.isfinite(figures[shape, 1])
    sums = [np.bincount(piece[known], weights=figures[shape[known], k], minlength=len(found)) for k in range(2)]
    held = np.bincount(piece, minlength=len(found)) > 0
    of_known = np.bincount(piece[known], minlength=len(found)) > 0
    planned, delivered = sums[0], np.where(of_known, sums[1], np.nan)
    return found[held], np.column_stack([planned, delivered])[held]


def delivery_drawing(
    nights: Sequence[PlannedNight], minutes: pd.DataFrame, *, edges: gpd.GeoDataFrame | None
) -> dict[str, Any] | None:
    """What the page's template draws; None where no hotspot is known.

    `classes`: (class, path) of the places, `dots` the places of visits that were asked for at no hotspot, `outlines` and
    `names` those of the hotspots if there is one night (of several they would lie on one another), `unvisited` a path.
    """
    found = delivery_places(nights, minutes)
    shapes = found.places.to_crs("EPSG:4326")
    others = found.unvisited.to_crs("EPSG:4326")
    corners = np.vstack([shapes.total_bounds.reshape(2, 2), others.total_bounds.reshape(2, 2)])
    corners = corners[np.isfinite(corners).all(axis=1)]
    if not len(corners):
        return None
    frame = frame_around(corners.tolist())
    streets = streets_payload(edges)
    major, minor = streets_of(streets, boxes_of(streets["lines"]), frame)
    bar_m = round_length_m(WIDTH / 6 / frame.px_per_m)
    return {
        "width": WIDTH, "height": HEIGHT, "major": major, "minor": minor, "classes": _classes(shapes, frame),
        "dots": _dots(shapes, frame), "unvisited": path_of(_rings(others), frame, "Z"), "names": _names(nights, frame),
        "bar_m": bar_m, "bar_px": round(bar_m * frame.px_per_m, 1),
    }  # fmt: skip


def _classes(shapes: gpd.GeoDataFrame, frame: Frame) -> list[tuple[int, str]]:
    flat = shapes[shapes.geom_type != "Point"]
    return [(int(number), path_of(_rings(rows.geometry), frame, "Z")) for number, rows in flat.groupby("share_class")]


def _dots(shapes: gpd.GeoDataFrame, frame: Frame) -> list[dict[str, Any]]:
    points = shapes[shapes.geom_type == "Point"]
    places = frame.at(np.column_stack([points.geometry.x, points.geometry.y])).tolist()
    return [{"x": x, "y": y, "number": number} for (x, y), number in zip(places, points["share_class"], strict=True)]


def _names(nights: Sequence[PlannedNight], frame: Frame) -> list[dict[str, Any]]:
    """The hotspots of a single night, each named at its north-west corner."""
    if len(nights) > 1:
        return []
    places = nights[0].places.to_crs("EPSG:4326")
    bounds = places.geometry.bounds.to_numpy()
    spots = frame.at(bounds[:, [0, 3]]) + np.array([3, 13])
    at = np.clip(spots, (4, 14), (WIDTH - 60, HEIGHT - 40)).round(1).tolist()
    return [{"x": x, "y": y, "name": name} for (x, y), name in zip(at, places["hotspot_id"], strict=True)]


def _rings(shapes: gpd.GeoSeries) -> list[Line]:
    return [ring for shape in shapes if shape.geom_type != "Point" for ring in rings_of(shape)]
