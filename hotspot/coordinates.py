"""Coordinates as people write them: which numbers they are, what speaks against them, and which datum they look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyproj import CRS

from hotspot.areas import Areas
from hotspot.errors import Fault
from hotspot.geo import DATUMS, WGS84, Floats, datum_crs, to_datum, to_lonlat, to_metric, transformer

FORMS = ("dms", "decimal_comma", "full_width")
NO_PLACE = ("", "nan", "null", "none", "n/a", "na", "-", "\\n", "无", "空", "未知", "不详")
WHOLE_FILE_SHARE = 0.5  # when more located rows than this are swapped or in metres, the file is at fault, not the rows
NEAR_DEGREES = 1.0  # around the district: a row that lies there only with lon and lat exchanged is swapped
NEAR_M = 100_000.0
SWAPPED = "looks swapped: the place fits with lon and lat exchanged"
NOT_DEGREES = "not degrees: the values look like metres"
NOT_METRES = "not metres: the values look like degrees"
NEAREST_M, FARTHEST_M = 5.0, 500.0  # nearer or farther is as near or as far: half a street's width, off the map
LEAST_GAIN = 0.28  # of the logarithm: places lie a quarter nearer to streets on the average
SURE_Z = 6.0
LEAST_PLACES = 30
LEAST_TO_SEE_STEPS = 20
METRES_PER_DEGREE = 111_320.0
MOST_PLACES = 2000

Mask = npt.NDArray[np.bool_]
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DMS = re.compile(
    r"^(?P<sign>-)?(?P<d>\d+(?:\.\d+)?)\s*[°º度]\s*(?:(?P<m>\d+(?:\.\d+)?)\s*[′'’分]\s*)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)\s*(?:[″\"”秒]|''|′′)\s*)?(?P<side>[NSEW东西南北])?$",
    re.IGNORECASE,
)
_COMMA = re.compile(r"^[+-]?\d+,\d+$")


@dataclass
class Span:
    """How many rows, and the ranges of their two numbers."""

    count: int = 0
    lon: tuple[float, float] = (np.inf, -np.inf)
    lat: tuple[float, float] = (np.inf, -np.inf)

    @classmethod
    def of(cls, where: Mask, lon: Floats, lat: Floats) -> Span:
        if not where.any():
            return cls()
        x, y = lon[where], lat[where]
        return cls(int(where.sum()), (float(x.min()), float(x.max())), (float(y.min()), float(y.max())))

    def __add__(self, other: Span) -> Span:
        return Span(
            self.count + other.count,
            (min(self.lon[0], other.lon[0]), max(self.lon[1], other.lon[1])),
            (min(self.lat[0], other.lat[0]), max(self.lat[1], other.lat[1])),
        )


@dataclass
class Seen:
    """What the coordinates of one file looked like: how many rows have any, and those that can't be what was declared."""

    located: int = 0
    doubts: dict[str, Span] = field(default_factory=dict)  # reason -> the rows

    def __add__(self, other: Seen) -> Seen:
        reasons = [*self.doubts, *(reason for reason in other.doubts if reason not in self.doubts)]
        none = Span()
        both = {reason: self.doubts.get(reason, none) + other.doubts.get(reason, none) for reason in reasons}
        return Seen(self.located + other.located, both)


class Doubt(NamedTuple):
    """Rows whose coordinates can't be right, the field to blame and why."""

    where: Mask
    field: str
    reason: str


def numbers_of(
    lon: pa.ChunkedArray, lat: pa.ChunkedArray, *, forms: Sequence[str] = ()
) -> tuple[Floats, Floats, Mask, tuple[Mask, Mask]]:
    """Both numbers (NaN where there is none), which rows have no place, and which texts of each aren't numbers.

    No place is an empty field, a word for nothing, 0,0 or -1,-1. `forms` lists ways of writing that are read besides
    decimal numbers: `dms` (109°42'11"E, 109度42分11秒), `decimal_comma` (109,7), `full_width` (１０９．７).
    """
    x, no_x, bad_x = _numbers(lon, forms)
    y, no_y, bad_y = _numbers(lat, forms)
    missing = no_x | no_y | ((x == 0) & (y == 0)) | ((x == -1) & (y == -1))
    return x, y, missing, (bad_x, bad_y)


def _numbers(text: pa.ChunkedArray, forms: Sequence[str]) -> tuple[Floats, Mask, Mask]:
    """Numbers, which texts are words for nothing, which are neither."""
    whole = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    nothing = pc.is_in(pc.utf8_lower(whole), value_set=pa.array(NO_PLACE))
    none = np.asarray(nothing.to_numpy(zero_copy_only=False), dtype=bool)
    given = pc.if_else(nothing, None, whole)
    try:
        numbers = _floats(pc.cast(given, pa.float64()))
        return numbers, none, ~none & ~np.isfinite(numbers)
    except pa.ArrowInvalid:
        pass
    plain = pc.match_substring_regex(given, _NUMBER)
    stripped = pc.replace_substring_regex(given, r"^\+", "")
    numbers = _floats(pc.cast(pc.if_else(plain, stripped, None), pa.float64()))
    odd = ~none & ~np.isfinite(numbers)
    if forms and odd.any():
        numbers[odd] = [number_in(word, forms) for word in given.filter(pa.array(odd)).to_pylist()]
        odd &= ~np.isfinite(numbers)
    return numbers, none, odd


def _floats(numbers: pa.Array) -> Floats:
    return np.array(pc.fill_null(numbers, np.nan).to_numpy(zero_copy_only=False), dtype=float)


def number_in(text: str, forms: Sequence[str]) -> float:
    """The number that a text gives in one of the `forms`, else NaN.

    >>> [round(number_in(text, FORMS), 5) for text in ("109°42'11\\"E", "38度15分", "109,7", "１０９．７", "12 km")]
    [109.70306, 38.25, 109.7, 109.7, nan]
    """
    plain = unicodedata.normalize("NFKC", text) if "full_width" in forms else text
    if "decimal_comma" in forms and _COMMA.match(plain):
        plain = plain.replace(",", ".")
    found = _DMS.match(plain) if "dms" in forms else None
    if found is not None:
        return _degrees(found)
    return float(plain) if re.match(_NUMBER, plain) and plain.isascii() else np.nan


def _degrees(found: re.Match[str]) -> float:
    minutes, seconds = float(found["m"] or 0), float(found["s"] or 0)
    if minutes >= 60 or seconds >= 60:
        return np.nan
    sign = -1 if found["sign"] or (found["side"] or "").upper() in ("S", "W", "南", "西") else 1
    return sign * (float(found["d"]) + minutes / 60 + seconds / 3600)


def see_places(
    lon: Floats, lat: Floats, located: Mask, *, datum: str, crs: CRS, areas: Areas | None
) -> tuple[list[Doubt], Seen]:
    """What speaks against each row's coordinates in the declared datum, and a summary for the file as a whole."""
    located = located & np.isfinite(lon) & np.isfinite(lat)
    source = datum_crs(datum)
    bounds = _bounds(areas, crs, source)
    if source.is_geographic:
        unit = (np.abs(lon) > 360) | (np.abs(lat) > 360)
        swapped = (np.abs(lat) > 90) & (np.abs(lon) <= 90) & (np.abs(lat) <= 180)
        reason, margin = NOT_DEGREES, NEAR_DEGREES
    else:
        unit = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
        swapped = np.zeros(len(lon), dtype=bool)
        reason, margin = NOT_METRES, NEAR_M
    if bounds is not None:
        swapped |= _near(lat, lon, bounds, margin) & ~_near(lon, lat, bounds, margin)
    off_globe = (np.abs(lon) > 180) | (np.abs(lat) > 90) if source.is_geographic else np.zeros(len(lon), dtype=bool)
    doubts = [
        Doubt(located & unit, "lon", reason),
        Doubt(located & swapped & ~unit, "lon", SWAPPED),
        Doubt(located & off_globe, "lat", "not on the globe"),
    ]
    spans = {doubt.reason: Span.of(doubt.where, lon, lat) for doubt in doubts[:2]}
    return doubts, Seen(int(located.sum()), spans)


def _bounds(areas: Areas | None, crs: CRS, source: CRS) -> tuple[float, float, float, float] | None:
    """Least x, least y, most x, most y, in `source`, of the study area, else of the zone the CRS is made for."""
    if areas is not None and len(areas.frame):
        corners = shapely.get_coordinates(shapely.box(*areas.union.bounds))
        x, y = transformer(crs, source).transform(corners[:, 0], corners[:, 1])
    elif crs.area_of_use is not None:
        west, south, east, north = crs.area_of_use.bounds
        x, y = transformer(WGS84, source).transform([west, east], [south, north])
    else:
        return None
    bounds = (float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y)))
    return bounds if np.isfinite(bounds).all() else None


def _near(x: Floats, y: Floats, bounds: tuple[float, float, float, float], margin: float) -> Mask:
    near: Mask = (x > bounds[0] - margin) & (x < bounds[2] + margin)
    near &= (y > bounds[1] - margin) & (y < bounds[3] + margin)
    return near


def whole_file_faults(seen: Seen, path: str, *, crs: CRS, areas: Areas | None) -> list[Fault]:
    """Faults of a file most of whose places can't be what was declared."""
    faults = []
    for reason, span in seen.doubts.items():
        if span.count <= WHOLE_FILE_SHARE * seen.located or not span.count:
            continue
        ranges = (
            f"{span.count / seen.located:.0%} of lon in {span.lon[0]:.6g}..{span.lon[1]:.6g}, "
            f"lat in {span.lat[0]:.6g}..{span.lat[1]:.6g}"
        )
        if reason == NOT_DEGREES:
            likely = guess_epsg(span, crs=crs, areas=areas)
            codes = " or ".join(f'"EPSG:{code}"' for code in likely) or '"EPSG:..."'
            faults.append(Fault(path, f"values look like metres; declare EPSG: {ranges}", f"set datum = {codes}"))
        elif reason == NOT_METRES:
            faults.append(Fault(path, f"values look like degrees: {ranges}", 'set datum = "wgs84", "gcj02" or "bd09"'))
        else:
            faults.append(Fault(path, f"looks swapped: {ranges}", 'map them: columns = { lon = "lat", lat = "lon" }'))
    return faults


def guess_epsg(span: Span, *, crs: CRS, areas: Areas | None) -> list[int]:
    """The projected systems in which a file's metres lie in the district, best first.

    Tried are the district's own and the CGCS2000 Gauss-Krueger systems: an easting of eight digits begins with its
    zone (13-23: six degrees wide, 25-45: three degrees), one of six digits has a central meridian near the district.

    >>> guess_epsg(Span(9, (37386000., 37386900.), (4234000., 4234900.)), crs=CRS.from_epsg(32649), areas=None)[0]
    4525
    """
    bounds = _bounds(areas, crs, CRS.from_epsg(4326))
    if bounds is None:
        return []
    x, y = float(np.mean(span.lon)), float(np.mean(span.lat))
    found = [code for code in _candidates(x, bounds, crs) if _lands_near(x, y, code, bounds)]
    return found[:2]


def _candidates(x: float, bounds: tuple[float, float, float, float], crs: CRS) -> list[int]:
    zone = int(x // 1_000_000)
    if 25 <= zone <= 45:
        return [4488 + zone]
    if 13 <= zone <= 23:
        return [4478 + zone]
    middle = (bounds[0] + bounds[2]) / 2
    three, six = round((middle - 75) / 3), round((middle - 75) / 6)
    own = [code] if (code := crs.to_epsg()) else []
    return own + [4534 + three] * (0 <= three <= 20) + [4502 + six] * (0 <= six <= 10)


def _lands_near(x: float, y: float, code: int, bounds: tuple[float, float, float, float]) -> bool:
    lon, lat = transformer(CRS.from_epsg(code), WGS84).transform(x, y)
    return bool(_near(np.array([lon]), np.array([lat]), bounds, 0.5)[0])


def resolution_m(lonlat: Floats, *, geographic: bool) -> float:
    """The step, in metres, to which most coordinates are rounded: the coarsest that at least 95 % keep to.

    0 for finer than a metre, and for fewer than 20 different places.

    >>> round(resolution_m(np.column_stack([np.arange(20) / 100 + 109, np.arange(20) / 100 + 38]), geographic=True))
    1113
    """
    places = np.unique(lonlat[np.isfinite(lonlat).all(axis=1)], axis=0)
    if len(places) < LEAST_TO_SEE_STEPS:
        return 0.0
    for digits in range(0, 6) if geographic else range(-4, 0):
        scaled = places * 10.0**digits
        if (np.abs(scaled - np.round(scaled)) < 1e-6).all(axis=1).mean() >= 0.95:
            return float(10.0**-digits * (METRES_PER_DEGREE if geographic else 1.0))
    return 0.0


def likely_datum(
    lonlat: Floats, *, declared: str, crs: object, distance_m: Callable[[Floats], Floats], least: int = LEAST_PLACES
) -> str:
    """The datum in which the places lie clearly nearer to streets than in the declared one; '' when they don't in any.

    Incidents and patrol points lie along streets. In the wrong datum they are off by 300-700 m, all in one direction,
    and no nearer to a street than chance puts them. Compared are the logarithms of the distances, place by place
    (a paired test), which tells up to 50 m of scatter about the streets of a dense district.

    Args:
        lonlat: (n, 2) numbers as the file has them.
        distance_m: metres to the nearest street of (n, 2) metric places.
        least: with fewer different places nothing is said.
    """
    if declared.lower() not in DATUMS:
        return ""
    places = np.unique(lonlat[np.isfinite(lonlat).all(axis=1)], axis=0)
    if len(places) < least:
        return ""
    places = places[:: max(1, len(places) // MOST_PLACES)]
    nearness = {datum: _log_distances(places, datum, crs, distance_m) for datum in DATUMS}
    return _clearly_nearest(nearness, declared.lower())


def likely_datum_of_streets(lonlat: Floats, *, crs: object, distance_m: Callable[[Floats], Floats]) -> str:
    """The datum that the streets seem to be in while places are in WGS-84; '' when nothing speaks against WGS-84.

    That is asked the other way round: are the places clearly nearer to the streets once they are moved into it?

    Args:
        lonlat: (n, 2) WGS-84 degrees of places that lie along streets.
        distance_m: metres to the nearest street, as read, of (n, 2) metric places.
    """
    places = np.unique(lonlat[np.isfinite(lonlat).all(axis=1)], axis=0)
    if len(places) < LEAST_PLACES:
        return ""
    places = places[:: max(1, len(places) // MOST_PLACES)]
    moved = {datum: np.column_stack(to_datum(places[:, 0], places[:, 1], datum)) for datum in DATUMS}
    return _clearly_nearest(
        {datum: _log_distances(moved[datum], "wgs84", crs, distance_m) for datum in DATUMS}, "wgs84"
    )


def _clearly_nearest(nearness: dict[str, Floats], declared: str) -> str:
    """The datum with the least distances, if they are clearly less than the declared one's; else ''."""
    gains = {}
    for datum, logs in nearness.items():
        nearer = nearness[declared] - logs
        error = nearer.std() / np.sqrt(len(nearer))
        gains[datum] = float(nearer.mean()) if nearer.mean() > SURE_Z * error else 0.0
    best = max(gains, key=lambda datum: gains[datum])
    return best if gains[best] > LEAST_GAIN else ""


def _log_distances(places: Floats, datum: str, crs: object, distance_m: Callable[[Floats], Floats]) -> Floats:
    """(n,) the logarithm of the metres to the nearest street, were the places in this datum."""
    metres = distance_m(to_metric(places[:, 0], places[:, 1], datum=datum, crs=crs))
    logs: Floats = np.log(np.minimum(metres, FARTHEST_M) + NEAREST_M)
    return logs


def as_written(xy: Floats, *, crs: object, datum: str) -> Floats:
    """(n, 2) numbers in `datum` that `to_metric` makes (n, 2) metres of: its inverse, for the three named datums."""
    lonlat = to_lonlat(xy, crs)
    return np.column_stack(to_datum(lonlat[:, 0], lonlat[:, 1], datum))
