"""Metric coordinate systems, and the three datums of Chinese maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from pyproj.exceptions import CRSError

from hotspot.errors import CrsError, Fault

Floats = npt.NDArray[np.float64]
_A, _EE = 6378245.0, 0.00669342162296594323  # Krasovsky 1940, the ellipsoid that the offset was made on


def check_metric(crs: str | CRS, *, near: tuple[float, float] | None = None) -> CRS:
    """The CRS, if it is projected in metres. Raises CrsError with the UTM zone at `near` (lon, lat), where given."""
    try:
        found = CRS.from_user_input(crs)
    except CRSError as error:
        raise CrsError(Fault("crs", f"unknown: {error}", "give an EPSG code, as EPSG:32649", value=str(crs))) from error
    if not found.is_projected or found.axis_info[0].unit_name not in ("metre", "meter"):
        advice = utm_zone(*near) if near else "a projected one in metres, as EPSG:32649"
        raise CrsError(Fault("crs", "not metric: distances would be in degrees", f"use {advice}", value=str(crs)))
    return found


def utm_zone(lon: float, lat: float) -> str:
    """The UTM zone of a place.

    >>> utm_zone(109.7, 38.25)
    'EPSG:32649'
    """
    zones = query_utm_crs_info(datum_name="WGS 84", area_of_interest=AreaOfInterest(lon, lat, lon, lat))
    return f"EPSG:{zones[0].code}"


def to_metric(lon: npt.ArrayLike, lat: npt.ArrayLike, *, datum: str, crs: str | CRS) -> Floats:
    """(n, 2) metres in `crs` from coordinates in `datum`: wgs84, gcj02, bd09 or an EPSG code. NaN stays NaN."""
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    source = "EPSG:4326"
    if datum == "gcj02":
        x, y = gcj02_to_wgs84(x, y)
    elif datum == "bd09":
        x, y = gcj02_to_wgs84(*bd09_to_gcj02(x, y))
    elif datum != "wgs84":
        source = datum
    out = np.column_stack(Transformer.from_crs(source, crs, always_xy=True).transform(x, y)).astype(float)
    out[~np.isfinite(out).all(axis=1)] = np.nan
    return out


def to_lonlat(xy: Floats, crs: str | CRS) -> Floats:
    """(n, 2) longitude and latitude, WGS-84, of metric coordinates."""
    back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(xy[:, 0], xy[:, 1])
    return np.column_stack(back).astype(float)


def wgs84_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The offset of Chinese public maps; places outside China's box are left alone."""
    x, y = lon - 105.0, lat - 35.0
    root, pi = np.sqrt(np.abs(x)), np.pi
    fine = 20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root
    north += (fine + 20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi) + 160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root
    east += (fine + 20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi) + 150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _EE * np.sin(phi) ** 2
    dlat = np.degrees(north / (_A * (1 - _EE) / magic**1.5))
    dlon = np.degrees(east / (_A / np.sqrt(magic) * np.cos(phi)))
    inside = (lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271)
    return np.where(inside, lon + dlon, lon), np.where(inside, lat + dlat, lat)


def gcj02_to_wgs84(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The inverse by fixed point: three steps leave well below a millimetre."""
    x, y = lon, lat
    for _ in range(3):
        there = wgs84_to_gcj02(x, y)
        x, y = x + lon - there[0], y + lat - there[1]
    return x, y


def gcj02_to_bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Baidu's second offset on top of GCJ-02."""
    turn = np.pi * 3000.0 / 180.0
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * turn)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * turn)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The inverse by fixed point, five steps: the first guess is only good to 100 m."""
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(5):
        there = gcj02_to_bd09(x, y)
        x, y = x + lon - there[0], y + lat - there[1]
    return x, y
