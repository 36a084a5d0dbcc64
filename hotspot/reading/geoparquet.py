"""GeoParquet: the columns of a parquet file of which one is the geometry, and the CRS that its metadata tell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyproj import CRS
from pyproj.exceptions import CRSError

from hotspot.errors import CrsError, Fault, InputError
from hotspot.reading.columnar import parquet_parts, schema_of

_FIX = "save the layer again as GeoParquet with its geometry as WKB"


@dataclass(frozen=True, eq=False)
class GeoParquet:
    """Its columns without the geometries, which are in `geometry`; `crs` None is one that the file declares unknown."""

    file: Path
    path: str
    header: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    geometry: str
    crs: CRS | None

    def parts(self, at: Sequence[int]) -> Iterator[tuple[list[pa.Array], pa.Array]]:
        """The columns at these positions, and the geometries as WKB."""
        names = [self.header[i] for i in at]
        for part in parquet_parts(self.file, self.path, [*names, self.geometry]):
            yield part.columns[:-1], part.columns[-1]


def open_geoparquet(file: Path, path: str) -> GeoParquet:
    """Its header and CRS. Raises InputError when it is damaged, has no geometry or not as WKB; CrsError for a bad CRS."""
    schema = schema_of(file, path)
    geo = _geo(schema, path)
    columns = geo["columns"]
    geometry = str(geo.get("primary_column"))
    described = columns.get(geometry)
    if not isinstance(described, dict) or geometry not in schema.names:
        raise InputError(Fault(path, "its geometry column isn't described", _FIX))
    kind = schema.field(geometry).type
    if described.get("encoding") != "WKB" or not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        reason = f"its geometry is encoded as {described.get('encoding')}, not as WKB"
        raise InputError(Fault(path, reason, _FIX, field=geometry))
    names = [name for name in schema.names if name not in columns]
    types = tuple(schema.field(i).type for i, name in enumerate(schema.names) if name not in columns)
    return GeoParquet(file, path, tuple(names), types, geometry, _crs(described, path))


def _geo(schema: pa.Schema, path: str) -> dict[str, Any]:
    """What the metadata `geo` say. The pandas metadata beside them aren't looked at."""
    text = (schema.metadata or {}).get(b"geo")
    if text is None:
        raise InputError(Fault(path, "has no geometry", "save the layer as GeoParquet"))
    try:
        geo = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(Fault(path, "its geo metadata aren't JSON", _FIX)) from error
    if not isinstance(geo, dict) or not isinstance(geo.get("columns"), dict):
        raise InputError(Fault(path, "its geo metadata describe no columns", _FIX))
    return geo


def _crs(described: dict[str, Any], path: str) -> CRS | None:
    """WGS-84 where none is told, as the format says."""
    crs = described.get("crs", "OGC:CRS84")
    if crs is None:
        return None
    try:
        return CRS.from_user_input(crs)
    except (CRSError, TypeError) as error:
        raise CrsError(Fault(path, "CRS unknown: its definition can't be read", _FIX)) from error
