"""Counts by other units than squares: hexagons, street segments, or any polygons and lines."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.areas import Areas
from hotspot.cube import hours_between, step_edges, steps_of
from hotspot.errors import ConfigError
from hotspot.incidents import Incidents


@dataclass(frozen=True, eq=False)
class UnitCube:
    """`counts` (U, T) of incidents by unit and step, `edges` (T + 1,) as in a Cube, the `units`, and `outside`: incidents in
    those steps that belong to no unit."""

    counts: npt.NDArray[np.int32]
    edges: pd.DatetimeIndex
    units: gpd.GeoDataFrame
    outside: int

    @property
    def exposure_h(self) -> npt.NDArray[np.float64]:
        """(T,) hours that each step lasts: 23 or 25 on the days when clocks change."""
        return hours_between(self.edges)


def hexagons(areas: Areas, *, resolution: int = 9) -> gpd.GeoDataFrame:
    """H3's hexagons whose middle lies in the study area: `unit_id`, geometry, in the areas' CRS. Needs the extra [h3].

    Resolution 9 has edges of about 200 m, 8 of 530 m. Raises ConfigError without the extra, or for a resolution beyond 0-15.
    """
    if not 0 <= resolution <= 15:
        raise ConfigError(f"resolution {resolution} doesn't exist; fix: 0 to 15, 9 for about 200 m")
    try:
        h3: Any = importlib.import_module("h3")
    except ImportError as error:
        raise ConfigError("hexagons need h3, which isn't installed; fix: pip install 'hotspot-patrol[h3]'") from error
    shape = gpd.GeoSeries([areas.union], crs=areas.frame.crs).to_crs("EPSG:4326").iloc[0]
    cells = sorted({cell for part in shapely.get_parts(shape) for cell in h3.geo_to_cells(part, resolution)})
    rings = [shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]) for cell in cells]
    return gpd.GeoDataFrame({"unit_id": cells}, geometry=rings, crs="EPSG:4326").to_crs(areas.frame.crs)


def count_by_unit(
    incidents: Incidents,
    units: gpd.GeoDataFrame,
    *,
    step: str = "1D",
    start: str | None = None,
    end: str | None = None,
    max_m: float = 100.0,
) -> UnitCube:
    """Count incidents by polygon, or by the nearest line (a street segment) within `max_m`; steps as in `count_cube`.

    A place on a border that two units share belongs to the first of them, as does one equally near to two lines, so every
    incident is counted once or is `outside`. Raises ConfigError as `count_cube`, and for units without a CRS.
    """
    if units.crs is None:
        raise ConfigError("units have no CRS; fix: set it, as frame.set_crs('EPSG:32649')")
    edges = step_edges(incidents, step=step, start=start, end=end, units=len(units))
    counts = np.zeros((len(units), max(len(edges) - 1, 0)), dtype=np.int32)
    index = steps_of(pd.DatetimeIndex(incidents.table["time"]), edges)
    inside = index >= 0
    unit = _unit_of(incidents.places[inside], units.geometry.to_crs(incidents.crs).to_numpy(), max_m)
    found = unit >= 0
    np.add.at(counts, (unit[found], index[inside][found]), 1)
    return UnitCube(counts, edges, units, int((~found).sum()))


def _unit_of(places: npt.NDArray[np.float64], shapes: npt.NDArray[np.object_], max_m: float) -> npt.NDArray[np.int64]:
    unit = np.full(len(places), -1, dtype=np.int64)
    if not len(places) or not len(shapes):
        return unit
    points, tree = shapely.points(places), shapely.STRtree(shapes)
    if (shapely.get_dimensions(shapes) == 2).all():
        who, where = tree.query(points, predicate="intersects")
    else:
        who, where = tree.query_nearest(points, max_distance=max_m, all_matches=True)
    order = np.lexsort((where, who))
    first = np.unique(who[order], return_index=True)[1]
    unit[who[order][first]] = where[order][first]
    return unit
