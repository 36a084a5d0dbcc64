"""Points of a PostGIS column: what is selected of each, and the WGS-84 degrees that it becomes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from sqlalchemy.sql.functions import Function

from hotspot.errors import CrsError, Fault

_POINTS = re.compile(r"geo(?:metry|graphy)(?:$|\((?:multi)?point|\(geometry)", re.IGNORECASE)
_GEOGRAPHY = re.compile(r"geography(?:$|\()", re.IGNORECASE)


class PointColumn(NamedTuple):
    """A geometry column: `type` as PostgreSQL writes it, `schema` is where PostGIS and its functions are."""

    name: str
    type: str
    schema: str


def may_hold_points(written: str) -> bool:
    """Whether a geometry column of that type can have points, by its declaration.

    >>> [may_hold_points(each) for each in ("geometry", "geography(PointZ,4326)", "gis.geometry(Polygon,32649)")]
    [True, True, False]
    """
    return bool(_POINTS.search(written))


def point_parts(geometry: PointColumn, column: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """Its shape ('' is none), SRID, x and y. They are transformed here and not there: one point outside of the
    projection's domain would end the server's whole SELECT. A collection of one point is that point."""

    def postgis(name: str, *arguments: Any) -> Function[Any]:
        package = (sa.sql.quoted_name(geometry.schema, True),)
        return Function(sa.sql.quoted_name(name, True), *arguments, packagenames=package)

    plain = postgis("geometry", column) if _GEOGRAPHY.search(geometry.type) else column
    single = sa.case((postgis("st_numgeometries", plain) == 1, postgis("st_geometryn", plain, 1)), else_=plain)
    shape = sa.case((column.is_(None) | postgis("st_isempty", plain), ""), else_=postgis("st_geometrytype", single))
    x, y = (sa.case((shape == "ST_Point", postgis(name, single))) for name in ("st_x", "st_y"))
    return [shape, postgis("st_srid", plain), x, y]


class _System(NamedTuple):
    name: str
    to_degrees: Transformer | None  # None: it is WGS-84


class Systems:
    """The coordinate systems of the geometries read so far, by SRID: EPSG's own, or the database's definition."""

    def __init__(self, connection: sa.Connection, geometry: PointColumn, path: str) -> None:
        self.known: dict[int, _System] = {}
        self.geometry, self.path = geometry, path
        self._connection = connection

    def __getitem__(self, srid: int) -> _System:
        if srid not in self.known:
            crs = self._crs(srid)
            wgs84 = CRS.from_epsg(4326)
            transformer = None if crs == wgs84 else Transformer.from_crs(crs, wgs84, always_xy=True)
            name = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else f"SRID {srid}"
            self.known[srid] = _System(name, transformer)
        return self.known[srid]

    def _crs(self, srid: int) -> CRS:
        """Raises CrsError where the database doesn't define it or the definition can't be read."""
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in ("srid", "auth_name", "auth_srid", "srtext")]
        schema = sa.sql.quoted_name(self.geometry.schema, True)
        listed = sa.table("spatial_ref_sys", *columns, schema=schema)
        found = self._connection.execute(sa.select(*columns[1:]).select_from(listed).where(columns[0] == srid)).first()
        try:
            if found is not None:
                authority, code, definition = found
                return CRS.from_epsg(code) if (authority or "").upper() == "EPSG" else CRS.from_wkt(definition or "")
        except CRSError:
            pass
        reason = f"the geometry's SRID {srid} is not a coordinate system that the database defines"
        fix = "define it in spatial_ref_sys, or give the column its right SRID"
        raise CrsError(Fault(self.path, reason, fix, field=self.geometry.name))


def places_of(
    parts: Sequence[Sequence[Any]], row: npt.NDArray[np.int64], systems: Systems
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.object_]]:
    """(n, 2) degrees, NaN where there is no geometry, and why one is no place ('' where it is).

    `parts` are shape, SRID, x and y. Raises CrsError for SRID 0.
    """
    shape = np.array(parts[0], dtype=object)
    srid = np.array([each or 0 for each in parts[1]], dtype=np.int64)
    lonlat = np.array([parts[2], parts[3]], dtype=float).T
    located = ~np.isnan(lonlat).any(axis=1)
    if (unknown := located & (srid == 0)).any():
        fix = "give the column its SRID: SELECT UpdateGeometrySRID('table', 'column', srid)"
        reason, first, count = "CRS unknown: the geometry's SRID is 0", int(row[unknown][0]), int(unknown.sum())
        raise CrsError(Fault(systems.path, reason, fix, row=first, field=systems.geometry.name, count=count))
    for code in np.unique(srid[located]):
        if (transformer := systems[int(code)].to_degrees) is not None:
            here = located & (srid == code)
            lonlat[here] = np.column_stack(transformer.transform(lonlat[here, 0], lonlat[here, 1]))
    odd = (shape != "") & (shape != "ST_Point")
    reasons = np.where(odd, "the geometry is no point: " + shape, "")
    reasons[located & ~np.isfinite(lonlat).all(axis=1)] = "the geometry can't be shown in WGS-84"
    lonlat[~np.isfinite(lonlat).all(axis=1)] = np.nan
    return lonlat, reasons
