"""Files for other programs: GeoPackage, GeoJSON and GeoParquet, the same bytes for the same content.

Tables for spreadsheets go through `hotspot.tables.write_csv`, which keeps a text that looks like a formula a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot.errors import CrsError, Fault
from hotspot.reading.layers import gdal
from planning.output.plain import plain

DECIMALS = 7  # of a degree: about 1 cm
_FIXED_TIME = "2000-01-01T00:00:00.000Z"


def write_gpkg(path: str | Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Writes a GeoPackage with one layer per entry, in their order; an existing file is replaced.

    Lists and dicts become JSON texts, times with a zone ISO 8601 texts (the format itself knows only UTC). The
    format's own time of writing is fixed at 2000-01-01, so that equal content gives equal bytes. An empty layer keeps
    its columns.

    Raises:
        CrsError: a layer has no coordinate reference system.
    """
    for name, layer in layers.items():
        _require_crs(layer, f"{Path(path).name}, layer {name}")
    Path(path).unlink(missing_ok=True)
    with _gdal_clock_stopped():
        for number, (name, layer) in enumerate(layers.items()):
            kind = None if len(layer) else "Unknown"
            gdal().write_dataframe(
                _flat(layer),
                path,
                layer=name,
                driver="GPKG",
                append=number > 0,
                geometry_type=kind,
                promote_to_multi=False,
            )


@contextmanager
def _gdal_clock_stopped() -> Iterator[None]:
    before = gdal().get_gdal_config_option("OGR_CURRENT_DATE")
    gdal().set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_TIME})
    try:
        yield
    finally:
        gdal().set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _flat(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The layer with what the format can't hold as texts: lists and dicts as JSON, local times as ISO 8601."""
    columns = layer.columns.drop(layer.geometry.name)
    local = [name for name in columns if isinstance(layer[name].dtype, pd.DatetimeTZDtype)]
    nested = [
        name for name in columns if any(isinstance(cell, list | tuple | dict | np.ndarray) for cell in layer[name])
    ]
    texts = {name: [json.dumps(plain(cell), ensure_ascii=False) for cell in layer[name]] for name in nested}
    times = {name: pd.Series(layer[name].map(plain), index=layer.index, dtype=object) for name in local}
    return layer.assign(**texts, **times).reset_index(drop=True)


def write_geojson(frame: gpd.GeoDataFrame, path: str | Path) -> None:
    """Writes RFC 7946 GeoJSON: longitude and latitude (EPSG:4326), 7 decimals, outer rings counter-clockwise.

    One feature per line, properties in the order of the columns, UTF-8. NaN and NaT become null, times ISO 8601 with
    their offset; lists and dicts stay what they are. An empty frame gives a collection without features.

    Raises:
        CrsError: the frame has no coordinate reference system.
    """
    _require_crs(frame, Path(path).name)
    Path(path).write_bytes(collection(feature_lines(frame)).encode())


def feature_lines(frame: gpd.GeoDataFrame) -> list[str]:
    """The GeoJSON feature of each row, as one line of text."""
    shapes = _rounded(frame.geometry.to_crs(4326))
    columns = {str(name): frame[name].tolist() for name in frame.columns.drop(frame.geometry.name)}
    features = []
    for row, shape in enumerate(shapes):
        properties = {name: plain(cells[row]) for name, cells in columns.items()}
        feature = {"type": "Feature", "properties": properties, "geometry": shape}
        features.append(json.dumps(feature, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    return features


def collection(features: Sequence[str]) -> str:
    """GeoJSON of features that are text already."""
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + ("\n" if features else "") + "]}\n"


def _rounded(places: gpd.GeoSeries) -> list[dict[str, Any] | None]:
    """GeoJSON geometries; None for a missing or empty one."""
    flat = shapely.force_2d(shapely.orient_polygons(np.asarray(places.array), exterior_cw=False))
    # + 0.0: a rounded -0.0 would be written as another text than 0.0
    near = shapely.transform(flat, lambda xy: np.round(xy, DECIMALS) + 0.0)
    return [None if g is None or g.is_empty else shapely.geometry.mapping(g) for g in near]


def write_geoparquet(frame: gpd.GeoDataFrame, path: str | Path) -> None:
    """Writes GeoParquet 1.1 in the frame's own CRS, without its index.

    Raises:
        CrsError: the frame has no coordinate reference system.
    """
    _require_crs(frame, Path(path).name)
    frame.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0")


def _require_crs(frame: gpd.GeoDataFrame, name: str) -> None:
    if frame.crs is None:
        raise CrsError(Fault(name, "has no coordinate reference system", "set it before writing: frame.set_crs(...)"))
