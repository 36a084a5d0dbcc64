"""The communities of a district: a hand-made layer, so any fault in it rejects it, with all faults told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import shapely
from pyogrio.errors import DataSourceError
from shapely.geometry.base import BaseGeometry

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from hotspot.tables import local_path

COLUMNS = ("id", "name", "street")
MOST_OVERLAP_M2 = 1.0
_VECTOR_FILES = (".geojson", ".json", ".gpkg", ".shp")


@dataclass(frozen=True, eq=False)
class Areas:
    """Communities: `frame` has id, name, street and the polygon in the district's metric CRS, in the file's order."""

    frame: gpd.GeoDataFrame

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
    """Read geojson, gpkg, shp or GeoParquet polygons and bring them into `crs`.

    `columns` maps a standard name (id, name, street) to the file's own. Communities may touch, not overlap by more than
    1 m2.

    Raises InputError with every fault of the layer, CrsError when `crs` isn't metric or the file doesn't tell its own.
    """
    metric = check_metric(crs)
    found = _layer(local_path(path), str(path))
    own = {name: (columns or {}).get(name, name) for name in COLUMNS}
    missing = [name for name in COLUMNS if own[name] not in found.columns]
    if missing:
        shown = ", ".join(str(name) for name in found.columns if name != found.geometry.name)
        raise InputError(
            Fault(str(path), f"required column '{own[name]}' is missing; columns found: {shown}",
                  f'add it, or map it: columns = {{ {name} = "its name in the file" }}', field=name)
            for name in missing
        )  # fmt: skip
    if not len(found):
        raise InputError(Fault(str(path), "no data rows", "draw at least one community"))
    text = {name: found[own[name]].astype("str").fillna("").str.strip() for name in COLUMNS}
    faults = _id_faults(list(text["id"]), str(path)) + _shape_faults(found.geometry, list(text["id"]), str(path))
    if faults:
        raise InputError(faults)
    frame = gpd.GeoDataFrame(text, geometry=found.geometry.to_numpy(), crs=found.crs).to_crs(metric)
    faults = _overlap_faults(frame, str(path))
    if faults:
        raise InputError(faults)
    return Areas(frame.reset_index(drop=True))


def _layer(file: Path, path: str) -> gpd.GeoDataFrame:
    """The file as it is, in its own CRS."""
    suffix = file.suffix.lower()
    fix = "save the layer again as GeoJSON or GeoPackage"
    try:
        if suffix == ".parquet":
            found = gpd.read_parquet(file)
        elif suffix in _VECTOR_FILES:
            found = gpd.read_file(file, engine="pyogrio")
        else:
            raise InputError(Fault(path, f"files of type '{suffix}' can't be read as areas", fix))
    except (DataSourceError, pa.ArrowInvalid, ValueError, json.JSONDecodeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault(path, f"can't be read ({error})", fix)) from error
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(Fault(path, "has no geometry", "save the layer with its polygons"))
    if found.crs is None:
        raise CrsError(Fault(path, "CRS unknown", "save the layer with its CRS (a shapefile needs its .prj)"))
    return found


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


def _shape_faults(shapes: gpd.GeoSeries, ids: list[str], path: str) -> list[Fault]:
    fix = "draw the polygon again, without crossing itself"
    faults = []
    for i, shape in enumerate(shapes):
        if shape is None or shape.is_empty:
            reason = "no polygon" if shape is None else "empty polygon"
        elif shape.geom_type not in ("Polygon", "MultiPolygon"):
            reason = f"{shape.geom_type} instead of a polygon"
        elif not shape.is_valid:
            reason = f"invalid polygon: {shapely.is_valid_reason(shape)}"
        else:
            continue
        faults.append(Fault(path, reason, fix, row=i + 2, field="geometry", value=ids[i]))
    return faults


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
