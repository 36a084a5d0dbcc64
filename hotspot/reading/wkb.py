"""Geometries as files hold them, well-known binary: their types, their shapes, and the places of points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from hotspot.errors import CrsError, Fault
from hotspot.reading.columnar import Reasons

_SHAPES = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
_CURVES = ("CircularString", "CompoundCurve", "CurvePolygon", "MultiCurve", "MultiSurface", "Curve", "Surface")
_OTHERS = ("PolyhedralSurface", "TIN", "Triangle")
UNKNOWN = "unknown type"
_TYPES = np.array([UNKNOWN, *_SHAPES, *_CURVES, *_OTHERS], dtype=object)


def shapes_of(wkb: pa.Array) -> npt.NDArray[np.object_]:
    """Geometries in two dimensions; None for null, for curves and for what can't be read."""
    known = np.array([*wkb.to_pylist(), None], dtype=object)[:-1]  # never taken for an array of fixed width
    known[~np.isin(types_of(wkb), _SHAPES)] = None
    try:
        shapes = shapely.from_wkb(known, on_invalid="ignore")
    except NotImplementedError:  # a curve inside of a collection
        shapes = np.array([_shape(each) for each in known], dtype=object)
    flat: npt.NDArray[np.object_] = shapely.force_2d(shapes)
    return flat


def _shape(wkb: bytes | None) -> BaseGeometry | None:
    try:
        return shapely.from_wkb(wkb, on_invalid="ignore")
    except NotImplementedError:
        return None


def types_of(wkb: pa.Array) -> npt.NDArray[np.object_]:
    """The type that each WKB says it has, '' for null.

    >>> types_of(pa.array([shapely.Point(1, 2, 3).wkb, None, bytes.fromhex("010a000000"), b"point"])).tolist()
    ['Point', '', 'CurvePolygon', 'unknown type']
    """
    none = pa.scalar(b"\x01\0\0\0\0", pa.binary())
    whole = pc.fill_null(pc.greater_equal(pc.binary_length(wkb), 5), False)
    heads = pc.if_else(whole, pc.binary_slice(wkb.cast(pa.binary()), 0, 5), none).to_pylist()
    octets = np.frombuffer(b"".join(heads), dtype=np.uint8).reshape(-1, 5)
    little, big = octets[:, 1:].copy().view("<u4")[:, 0], octets[:, 1:].copy().view(">u4")[:, 0]
    code = (np.where(octets[:, 0] == 1, little, big) & 0x0FFFFFFF) % 1000  # flags and thousands tell of Z and M
    types: npt.NDArray[np.object_] = _TYPES[np.where(code < len(_TYPES), code, 0)]
    types[np.asarray(wkb.is_null())] = ""
    return types


def to_degrees_of(crs: CRS, path: str) -> Transformer | None:
    """What brings coordinates to WGS-84; None if they are. Raises CrsError where there is no way, as from the moon."""
    wgs84 = CRS.from_epsg(4326)
    if crs.equals(wgs84, ignore_axis_order=True):
        return None
    try:
        return Transformer.from_crs(crs, wgs84, always_xy=True)
    except ProjError as error:
        reason = f"coordinates in '{crs.name}' can't be brought to WGS-84"
        raise CrsError(Fault(path, reason, "save the layer in WGS-84")) from error


def lonlat_of(wkb: pa.Array, to_degrees: Transformer | None) -> tuple[npt.NDArray[np.float64], Reasons]:
    """(n, 2) degrees, NaN where there is no place, and why a geometry is none ('' where it is one or is missing)."""
    shapes, types = shapes_of(wkb), types_of(wkb)
    damaged = shapely.is_missing(shapes) & np.isin(types, _SHAPES)
    single = (types == "MultiPoint") & (shapely.get_num_geometries(shapes) == 1)
    shapes = np.where(single, shapely.get_geometry(shapes, 0), shapes)
    is_point = shapely.get_type_id(shapes) == 0
    places = shapes.copy()
    places[shapely.is_empty(shapes)] = None
    lonlat = np.column_stack([shapely.get_x(places), shapely.get_y(places)]).astype(np.float64)
    located = is_point & ~np.isnan(lonlat).any(axis=1)
    if to_degrees is not None:
        lonlat[located] = np.column_stack(to_degrees.transform(lonlat[located, 0], lonlat[located, 1]))
    reasons = np.full(len(shapes), "", dtype=object)
    is_empty = shapely.is_empty(shapes)
    odd = ~is_point & ~is_empty & (types != "")
    reasons[odd] = "the geometry is no point: " + types[odd]
    reasons[damaged] = "the geometry is damaged"
    reasons[located & ~np.isfinite(lonlat).all(axis=1)] = "the geometry can't be shown in WGS-84"
    lonlat[~located | ~np.isfinite(lonlat).all(axis=1)] = np.nan
    return lonlat, reasons
