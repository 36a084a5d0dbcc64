"""The communities: polygons with an id, a name and the street they belong to; their union is the study area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from hotspot.tables import local_file

COLUMNS = ("id", "name", "street")


@dataclass(frozen=True, eq=False)
class Areas:
    """Communities: `frame` has `id, name, street, geometry` in a metric CRS."""

    frame: gpd.GeoDataFrame

    @cached_property
    def union(self) -> shapely.Polygon | shapely.MultiPolygon:
        """The study area."""
        return shapely.union_all(self.frame.geometry.to_numpy())

    @property
    def area_m2(self) -> float:
        return float(self.union.area)


def read_areas(path: str | Path, *, crs: str, columns: Mapping[str, str] | None = None) -> Areas:
    """Read geojson, gpkg, shp or GeoParquet. Raises InputError with every fault of the file, CrsError without a CRS."""
    check_metric(crs)
    frame = read_geo(path)
    names = {name: (columns or {}).get(name, name) for name in COLUMNS}
    missing = [column for column in names.values() if column not in frame.columns]
    if missing:
        found = ", ".join(map(str, frame.columns.drop(frame.geometry.name)))
        raise InputError(Fault(str(path), f"missing; found: {found}", "add it", field=name) for name in missing)
    kept = gpd.GeoDataFrame(
        {name: frame[column].astype(str) for name, column in names.items()}, geometry=frame.geometry.to_numpy(), crs=frame.crs
    ).to_crs(crs)
    faults = _faults(str(path), kept)
    if faults:
        raise InputError(faults)
    return Areas(kept)


def read_geo(path: str | Path) -> gpd.GeoDataFrame:
    """A vector file with its CRS. Raises InputError for what can't be read, CrsError where the CRS is unknown."""
    file = local_file(path)
    try:
        frame = gpd.read_parquet(file) if file.suffix.lower() == ".parquet" else gpd.read_file(file, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        raise InputError(Fault(str(path), f"can't be read: {error}", "export it again")) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        raise InputError(Fault(str(path), "no shapes in it", "export it again, with its shapes"))
    if frame.crs is None:
        raise CrsError(Fault(str(path), "CRS unknown", "write it with its CRS (a .prj file beside a shapefile)"))
    return frame


def _faults(path: str, frame: gpd.GeoDataFrame) -> list[Fault]:
    faults = []
    shapes = frame.geometry.to_numpy()
    for row, (area_id, shape) in enumerate(zip(frame["id"], shapes, strict=True), start=1):
        if shape is None or shape.is_empty or shapely.get_dimensions(shape) != 2:
            faults.append(Fault(path, "no polygon", "draw it, or remove the row", row=row, field="geometry", value=area_id))
        elif not shape.is_valid:
            reason = f"invalid polygon: {shapely.is_valid_reason(shape)}"
            faults.append(Fault(path, reason, "mend it in a GIS", row=row, field="geometry", value=area_id))
    first: dict[str, int] = {}
    for row, area_id in enumerate(frame["id"], start=1):
        if area_id in first:
            reason = f"the same id as row {first[area_id]}"
            faults.append(Fault(path, reason, "give each community its own id", row=row, field="id", value=area_id))
        first.setdefault(area_id, row)
    return faults or _overlaps(path, frame, shapes)


def _overlaps(path: str, frame: gpd.GeoDataFrame, shapes: np.ndarray) -> list[Fault]:
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = left < right
    left, right = left[pairs], right[pairs]
    shared = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    ids = frame["id"].to_numpy()
    return [
        Fault(path, f"overlaps {ids[b]} by {m2:,.0f} m2", "let each place belong to one community", row=int(a) + 1, value=ids[a])
        for a, b, m2 in zip(left, right, shared, strict=True)
        if m2 > 1.0
    ]
