"""The communities of a district: a hand-made layer, so any fault in it rejects it, with all faults told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from hotspot.reading.layers import frame_of, layer_of
from hotspot.reading.source import Wanted, choose, local_path
from hotspot.reading.wkb import to_degrees_of

COLUMNS = ("id", "name", "street")
MOST_OVERLAP_M2 = 1.0
LEAST_GAP_M2 = 1.0
NEAR_DEGREES = 3.0  # of the region that a CRS is made for
_FIX = "draw the polygon again, without crossing itself"


@dataclass(frozen=True, eq=False)
class Areas:
    """Communities: `frame` has id, name, street and the polygon in the district's metric CRS, in the file's order.

    `notices` tells what a reader must know of the layer: gaps, columns that weren't read, how its text was read.
    """

    frame: gpd.GeoDataFrame
    notices: tuple[str, ...] = ()

    @cached_property
    def union(self) -> BaseGeometry:
        """The study area."""
        return shapely.union_all(np.asarray(self.frame.geometry))

    @property
    def area_m2(self) -> float:
        return float(self.union.area)

    def summary(self) -> str:
        streets = self.frame["street"].nunique()
        return f"{len(self.frame)} communities in {streets} streets, {self.area_m2 / 1e6:.1f} km2"


def read_areas(path: str | os.PathLike[str], *, crs: object, columns: Mapping[str, str] | None = None) -> Areas:
    """Read .geojson, .gpkg, .shp or .parquet (GeoParquet) polygons and bring them into `crs`.

    `columns` maps a standard name (id, name, street) to the file's own; other columns aren't read. Texts are exact: 001
    stays 001. Heights are dropped. Communities may touch, not overlap by more than 1 m2; gaps that they enclose are
    told in `notices`.

    Raises InputError with every fault of the layer; CrsError when `crs` isn't metric, the file doesn't tell its own, or
    its coordinates make no sense in that (exchanged axes, metres as degrees).
    """
    metric = check_metric(crs)
    told = os.fspath(path)
    opened = layer_of(local_path(path), told, geometry="polygon")
    choice = choose(opened.header, Wanted(COLUMNS, columns=dict(columns or {})), told)
    found = frame_of(opened, dict(zip(choice.names, choice.positions, strict=True)))
    if not len(found):
        raise InputError(Fault(told, "no data rows", "draw at least one community"))
    faults = _id_faults(list(found["id"]), told) + _shape_faults(found, told)
    if faults:
        raise InputError(faults)
    _check_axes(found, metric, told)
    frame = gpd.GeoDataFrame(found[list(COLUMNS)], geometry=found.geometry, crs=found.crs).to_crs(metric)
    faults = _place_faults(frame, told) or _overlap_faults(frame, told)
    if faults:
        raise InputError(faults)
    areas = Areas(frame)
    return Areas(frame, (*opened.notices, *_dropped(choice.dropped), *gap_notices(areas.union)))


def gap_notices(union: BaseGeometry) -> list[str]:
    """How many holes of at least 1 m2 the study area encloses, and how large they are in all.

    >>> gap_notices(shapely.box(0, 0, 9, 9) - shapely.box(3, 3, 6, 6))
    ['1 gap between communities, 9 m2 in all: what happens there is outside of the study area']
    >>> gap_notices(shapely.box(0, 0, 9, 9))
    []
    """
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in part.interiors]
    holes_m2 = np.array([hole.area for hole in holes if hole.area >= LEAST_GAP_M2])
    if not len(holes_m2):
        return []
    gaps = f"{len(holes_m2)} gap{'s' if len(holes_m2) > 1 else ''} between communities"
    return [f"{gaps}, {holes_m2.sum():,.0f} m2 in all: what happens there is outside of the study area"]


def _dropped(columns: Sequence[str]) -> list[str]:
    return [f"columns not read: {', '.join(columns)}"] if columns else []


def _id_faults(ids: list[str], path: str) -> list[Fault]:
    faults = [
        Fault(path, "empty id", "give every community an id", row=i + 2) for i, each in enumerate(ids) if not each
    ]
    first: dict[str, int] = {}
    for i, each in enumerate(ids):
        if each and first.setdefault(each, i) != i:
            reason = f"the same id as row {first[each] + 2}"
            faults.append(Fault(path, reason, "give every community its own id", row=i + 2, field="id", value=each))
    return faults


def _shape_faults(found: gpd.GeoDataFrame, path: str) -> list[Fault]:
    rows = zip(found.geometry, found["geometry_type"], found["id"], strict=True)
    told = [(i, _shape_fault(shape, kind), name) for i, (shape, kind, name) in enumerate(rows)]
    return [Fault(path, reason, _FIX, row=i + 2, field="geometry", value=name) for i, reason, name in told if reason]


def _shape_fault(shape: BaseGeometry | None, kind: str) -> str:
    """Why it is no polygon that can be used, '' if it is one. `kind` is what the file calls it."""
    if not kind:
        return "no polygon"
    if kind not in ("Polygon", "MultiPolygon"):
        return f"{kind} instead of a polygon"
    if shape is None:
        return "damaged polygon"
    if shape.is_empty:
        return "empty polygon"
    return "" if shape.is_valid else f"invalid polygon: {shapely.is_valid_reason(shape)}"


def _check_axes(found: gpd.GeoDataFrame, metric: CRS, path: str) -> None:
    """Raises CrsError for coordinates that can't be what the layer's CRS says, or could only with x and y exchanged."""
    west, south, east, north = (float(each) for each in found.total_bounds)
    shown = f"x in {west:.6g}..{east:.6g}, y in {south:.6g}..{north:.6g}"
    is_off = found.crs.is_geographic and (max(abs(west), abs(east)) > 360 or max(abs(south), abs(north)) > 90)
    exchanged_fits = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 360
    if is_off and not exchanged_fits:
        fix = "save the layer with the CRS that its coordinates are in"
        raise CrsError(Fault(path, f"the CRS is in degrees but the values look like metres: {shown}", fix))
    centre = ((west + east) / 2, (south + north) / 2)
    if is_off or (not _is_near(centre, found.crs, metric, path) and _is_near(centre[::-1], found.crs, metric, path)):
        fix = "exchange x and y: longitude or easting comes first"
        raise CrsError(Fault(path, f"looks swapped: {shown}", fix))


def _is_near(xy: tuple[float, float], crs: CRS, metric: CRS, path: str) -> bool:
    """Whether a place lies in the region that `metric` is made for, or near it."""
    if metric.area_of_use is None:
        return True
    west, south, east, north = metric.area_of_use.bounds
    to_degrees = to_degrees_of(crs, path)
    lon, lat = to_degrees.transform(*xy) if to_degrees else xy
    return bool(west - NEAR_DEGREES < lon < east + NEAR_DEGREES and south - NEAR_DEGREES < lat < north + NEAR_DEGREES)


def _place_faults(frame: gpd.GeoDataFrame, path: str) -> list[Fault]:
    lost = np.flatnonzero(~np.isfinite(shapely.bounds(np.asarray(frame.geometry))).all(axis=1))
    reason, fix = "the district's projection can't show this place", "check the layer's CRS and the district's crs"
    return [Fault(path, reason, fix, row=int(i) + 2, field="geometry", value=frame["id"].iloc[i]) for i in lost]


def _overlap_faults(frame: gpd.GeoDataFrame, path: str) -> list[Fault]:
    shapes = np.asarray(frame.geometry)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = sorted((int(a), int(b)) for a, b in zip(left, right, strict=True) if a < b)
    faults = []
    for a, b in pairs:
        shared_m2 = float(shapely.intersection(shapes[a], shapes[b]).area)
        if shared_m2 > MOST_OVERLAP_M2:
            reason = f"overlaps '{frame['id'].iloc[a]}' (row {a + 2}) by {shared_m2:,.0f} m2"
            faults.append(
                Fault(path, reason, "move the border", row=b + 2, field="geometry", value=frame["id"].iloc[b])
            )
    return faults
