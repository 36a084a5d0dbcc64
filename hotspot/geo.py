"""Metric coordinate systems, and the datums that Chinese maps come in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from hotspot.errors import CrsError, Fault

Floats = npt.NDArray[np.float64]
DATUMS = ("wgs84", "gcj02", "bd09")
WGS84 = CRS.from_epsg(4326)

_AXIS_M = 6_378_245.0  # Krasovsky ellipsoid, on which GCJ-02 is computed
_ECCENTRICITY2 = 0.006_693_421_622_965_943
_CHINA = (72.004, 137.8347, 0.8293, 55.8271)  # west, east, south, north: outside of it the published shift is zero
_EPSG = re.compile(r"^(?:EPSG:)?(\d{4,6})$", re.IGNORECASE)
_STEPS = (
    4  # each step shrinks the error some hundred times: three leave up to 1 mm of BD-09's 1.2 km, four a micrometre
)


def check_metric(crs: object, *, near: tuple[float, float] | None = None) -> CRS:
    """The CRS, if it is projected and in metres.

    `near` (lon, lat) of the district makes the suggestion in the message exact.

    Raises CrsError.

    >>> check_metric("EPSG:32649").to_epsg()
    32649
    >>> check_metric("EPSG:4326", near=(109.7, 38.2))
    Traceback (most recent call last):
    hotspot.errors.CrsError: crs: value 'EPSG:4326': in degrees, distances need metres; fix: use EPSG:32649
    """
    fix = f"use {utm_of(*near)}" if near else "use the projected CRS of the district, such as EPSG:32649 (UTM 49N)"
    try:
        found = CRS.from_user_input(crs)
    except CRSError as error:
        raise CrsError(Fault("crs", "isn't a known coordinate system", fix, value=str(crs))) from error
    if found.is_geographic:
        raise CrsError(Fault("crs", "in degrees, distances need metres", fix, value=str(crs)))
    if not found.is_projected or any(axis.unit_name != "metre" for axis in found.axis_info[:2]):
        raise CrsError(Fault("crs", "isn't projected in metres", fix, value=str(crs)))
    return found


def utm_of(lon: float, lat: float) -> str:
    """The UTM zone of a place.

    >>> utm_of(-123.1, 49.25), utm_of(151.2, -33.9)
    ('EPSG:32610', 'EPSG:32756')
    """
    zone = min(math.floor((lon + 180.0) / 6.0) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def to_metric(lon: npt.ArrayLike, lat: npt.ArrayLike, *, datum: str, crs: object) -> Floats:
    """(n, 2) metres in `crs`. `datum` is wgs84, gcj02, bd09 or any EPSG code (then x and y are given as lon and lat).

    NaN gives NaN; a place that the projection can't show gives NaN too. Raises CrsError for an unknown datum.
    """
    target = check_metric(crs)
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    if datum.lower() in DATUMS:
        x, y = from_datum(x, y, datum)
    east, north = transformer(datum_crs(datum), target).transform(x, y)
    xy = np.column_stack([east, north]).astype(float)
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy


@lru_cache(maxsize=64)
def transformer(source: CRS, target: CRS) -> Transformer:
    """From x, y of `source` to x, y of `target`, longitude before latitude; made once, since that takes longer than use.

    It may be used by several threads.
    """
    return Transformer.from_crs(source, target, always_xy=True)


@lru_cache(maxsize=64)
def datum_crs(datum: str) -> CRS:
    """The CRS that coordinates in this datum have once the Chinese shifts are taken away. Raises CrsError.

    >>> datum_crs("gcj02").to_epsg(), datum_crs("EPSG:4526").is_projected
    (4326, True)
    """
    if datum.lower() in DATUMS:
        return WGS84
    fix = f"use one of {', '.join(DATUMS)} or an EPSG code"
    code = _EPSG.match(datum)  # only codes: the library also guesses at names, and finds planets
    if code is None:
        raise CrsError(Fault("datum", "isn't a known datum", fix, value=datum))
    try:
        return CRS.from_epsg(int(code[1]))
    except CRSError as error:
        raise CrsError(Fault("datum", "isn't a known datum", fix, value=datum)) from error


def to_lonlat(xy: npt.ArrayLike, crs: object) -> Floats:
    """(n, 2) WGS-84 longitude and latitude of (n, 2) metres in `crs`."""
    given = np.asarray(xy, dtype=float).reshape(-1, 2)
    lon, lat = transformer(CRS.from_user_input(crs), WGS84).transform(given[:, 0], given[:, 1])
    lonlat = np.column_stack([lon, lat]).astype(float)
    lonlat[~np.isfinite(lonlat).all(axis=1)] = np.nan
    return lonlat


def to_datum(lon: Floats, lat: Floats, datum: str) -> tuple[Floats, Floats]:
    """WGS-84 degrees in `datum` (wgs84, gcj02, bd09). Outside China nothing changes."""
    if datum.lower() == "wgs84":
        return lon, lat
    shifted = _gcj02(lon, lat)
    if datum.lower() == "bd09":
        shifted = _bd09(*shifted)
    inside = _in_china(lon, lat)
    return np.where(inside, shifted[0], lon), np.where(inside, shifted[1], lat)


def from_datum(lon: Floats, lat: Floats, datum: str) -> tuple[Floats, Floats]:
    """Degrees in `datum` as WGS-84, the inverse of `to_datum` to below a millimetre, by fixed-point steps.

    >>> lon, lat = to_datum(np.array([109.7]), np.array([38.25]), "gcj02")
    >>> back = from_datum(lon, lat, "gcj02")
    >>> bool(abs(lon[0] - 109.7) > 1e-3), bool(abs(back[0][0] - 109.7) < 1e-8)
    (True, True)
    """
    if datum.lower() == "wgs84":
        return lon, lat
    inside = _in_china(lon, lat)
    x, y = lon, lat
    if datum.lower() == "bd09":
        x, y = _undone(_bd09, x, y)
    x, y = _undone(_gcj02, x, y)
    return np.where(inside, x, lon), np.where(inside, y, lat)


def _undone(
    shift: Callable[[Floats, Floats], tuple[Floats, Floats]], lon: Floats, lat: Floats
) -> tuple[Floats, Floats]:
    """The place that `shift` moves to (lon, lat)."""
    x, y = lon, lat
    for _ in range(_STEPS):
        at_x, at_y = shift(x, y)
        x, y = x + (lon - at_x), y + (lat - at_y)
    return x, y


def _in_china(lon: Floats, lat: Floats) -> npt.NDArray[np.bool_]:
    west, east, south, north = _CHINA
    inside: npt.NDArray[np.bool_] = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    return inside


def _gcj02(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """The shift as it became known in 2010: two polynomials with sine waves, scaled by the ellipsoid's radii."""
    x, y = lon - 105.0, lat - 35.0
    root, product = np.sqrt(np.abs(x)), 0.1 * x * y
    ripple = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + product + 0.2 * root
    north += (ripple + _waves(y, (20, 1), (40, 3)) + _waves(y, (160, 12), (320, 30))) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + product + 0.1 * root
    east += (ripple + _waves(x, (20, 1), (40, 3)) + _waves(x, (150, 12), (300, 30))) * 2 / 3
    phi = np.radians(lat)
    flat = 1 - _ECCENTRICITY2 * np.sin(phi) ** 2
    per_north = np.radians(_AXIS_M * (1 - _ECCENTRICITY2) / flat**1.5)
    per_east = np.radians(_AXIS_M / np.sqrt(flat) * np.cos(phi))
    return lon + east / per_east, lat + north / per_north


def _waves(t: Floats, *waves: tuple[float, float]) -> Floats:
    """Sum of `height * sin(pi t / length)`."""
    total: Floats = np.sum([height * np.sin(np.pi * t / length) for height, length in waves], axis=0)
    return total


def _bd09(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """GCJ-02 to BD-09: a ripple of the polar coordinates and a fixed offset."""
    ripple = np.pi * 3000.0 / 180.0
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * ripple)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * ripple)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006
