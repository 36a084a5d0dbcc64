"""The study area as square cells, and the one cell that each place belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from scipy.spatial import cKDTree

from hotspot.areas import Areas
from hotspot.errors import ConfigError, Fault, InputError

MOST_CELLS = 2_000_000


@dataclass(frozen=True, eq=False)
class Grid:
    """Square cells, clipped to the study area. Rows run from south to north, within a row from west to east.

    `cells` has `cell_id, area_m2, geometry`; `column` and `row` count whole cells from `origin_xy` (a multiple of
    `cell_m`, so two grids of one district agree cell by cell whatever their outline).
    """

    cells: gpd.GeoDataFrame
    cell_m: float
    origin_xy: tuple[float, float]
    column: npt.NDArray[np.int64] = field(repr=False)
    row: npt.NDArray[np.int64] = field(repr=False)

    @property
    def crs(self) -> CRS:
        return CRS.from_user_input(self.cells.crs)

    @property
    def area_m2(self) -> float:
        return float(self.cells["area_m2"].sum())

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def centres_xy(self) -> npt.NDArray[np.float64]:
        """(C, 2) middle of each full square, also where the study area clips it."""
        steps = np.column_stack([self.column, self.row]) + 0.5
        centres: npt.NDArray[np.float64] = np.asarray(self.origin_xy) + steps * self.cell_m
        return centres

    def locate(self, xy: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The index of the cell of each place.

        Cells are half-open `[west, east) x [south, north)`, so a place on a shared edge belongs to one cell only. A place
        whose square is not in the grid (the square holds no street, or the border clips it away) belongs to the cell
        with the nearest centre: incidents of the study area are never lost by the tiling. NaN gives -1.

        Parameters: `xy` (n, 2) metres in the grid's CRS. Returns (n,) int. An empty `xy` gives an empty array.
        """
        found = np.full(len(xy), -1, dtype=np.int64)
        if len(xy) == 0 or len(self) == 0:
            return found
        known = np.isfinite(xy).all(axis=1)
        steps = np.floor((xy[known] - np.asarray(self.origin_xy)) / self.cell_m).astype(np.int64)
        width, height = int(self.column.max()) + 1, int(self.row.max()) + 1
        table = np.full((width, height), -1, dtype=np.int64)
        table[self.column, self.row] = np.arange(len(self))
        inside = ((steps >= 0) & (steps < [width, height])).all(axis=1)
        cell = np.full(len(steps), -1, dtype=np.int64)
        cell[inside] = table[steps[inside, 0], steps[inside, 1]]
        lost = cell < 0
        if lost.any():
            cell[lost] = cKDTree(self.centres_xy).query(xy[known][lost])[1]
        found[known] = cell
        return found

    def neighbours(self) -> list[npt.NDArray[np.int64]]:
        """For each cell the indices of the up to eight cells that touch it (queen contiguity), itself not among them."""
        return self._touching

    @cached_property
    def _touching(self) -> list[npt.NDArray[np.int64]]:
        if not len(self):
            return []
        number = np.full((int(self.column.max()) + 3, int(self.row.max()) + 3), -1, dtype=np.int64)  # a rim of none
        number[self.column + 1, self.row + 1] = np.arange(len(self))
        around = [(dc, dr) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if (dc, dr) != (0, 0)]
        near = np.stack([number[self.column + 1 + dc, self.row + 1 + dr] for dc, dr in around], axis=1)
        return [each[each >= 0] for each in near]


def make_grid(areas: Areas, *, cell_m: float = 250.0, streets: gpd.GeoDataFrame | None = None) -> Grid:
    """Square cells of `cell_m` metres over the union of the communities.

    With `streets` (lines in any CRS) only cells that a street touches are kept: lakes, fields and runways would
    otherwise flatter every "share of the area" figure.

    Raises ConfigError when `cell_m` is not positive or would make more than 2,000,000 squares, InputError when no
    street lies in the study area.

    >>> import geopandas as gpd, shapely
    >>> frame = gpd.GeoDataFrame({"id": ["C1"], "name": ["One"], "street": ["S"]},
    ...                          geometry=[shapely.box(0, 0, 500, 250)], crs="EPSG:32649")
    >>> grid = make_grid(Areas(frame), cell_m=250)
    >>> list(grid.cells["cell_id"]), grid.area_m2
    (['c00000r00000', 'c00001r00000'], 125000.0)
    >>> grid.locate(np.array([[250.0, 10.0], [np.nan, 0.0]])).tolist()     # on the shared edge: the eastern cell
    [1, -1]
    """
    grid = grid_over(areas.union, cell_m=cell_m, crs=areas.frame.crs)
    if streets is None:
        return grid
    kept = _touches_a_street(grid.cells.geometry.to_numpy(), streets.to_crs(areas.frame.crs))
    return Grid(grid.cells[kept].reset_index(drop=True), grid.cell_m, grid.origin_xy, grid.column[kept], grid.row[kept])


def grid_over(
    area: shapely.Geometry, *, cell_m: float, crs: object = None, shift: tuple[float, float] = (0.0, 0.0)
) -> Grid:
    """The cells of `make_grid` over any area, without streets. `shift`: by how much of a cell the origin lies off a whole
    multiple of `cell_m`. Raises ConfigError as `make_grid`.
    """
    if not np.isfinite(cell_m) or cell_m <= 0:
        raise ConfigError(f"cell_m is {cell_m}; fix: give a positive cell size in metres, for example 250")
    west, south, east, north = shapely.bounds(area)
    origin = tuple(
        float((np.floor(low / cell_m - part) + part) * cell_m) for low, part in zip((west, south), shift, strict=True)
    )
    width = int(np.ceil((east - origin[0]) / cell_m))
    height = int(np.ceil((north - origin[1]) / cell_m))
    if width * height > MOST_CELLS:
        raise ConfigError(
            f"cell_m = {cell_m} makes {width * height:,} squares; fix: at most {MOST_CELLS:,}, use larger cells"
        )
    row, column = (part.ravel() for part in np.mgrid[0:height, 0:width])
    left, low = origin[0] + column * cell_m, origin[1] + row * cell_m
    clipped = shapely.intersection(shapely.box(left, low, left + cell_m, low + cell_m), area)
    kept = shapely.area(clipped) > 0
    clipped, row, column = clipped[kept], row[kept], column[kept]
    names = [f"c{c:05d}r{r:05d}" for c, r in zip(column, row, strict=True)]
    cells = gpd.GeoDataFrame({"cell_id": names, "area_m2": shapely.area(clipped)}, geometry=clipped, crs=crs)
    return Grid(cells, float(cell_m), (origin[0], origin[1]), column.astype(np.int64), row.astype(np.int64))


def _touches_a_street(squares: npt.NDArray[np.object_], streets: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    touched = np.zeros(len(squares), dtype=bool)
    pairs = shapely.STRtree(squares).query(np.asarray(streets.geometry), predicate="intersects")
    touched[np.unique(pairs[1])] = True
    if not touched.any():
        raise InputError(
            Fault("streets", "no street lies in the study area", "check that areas and streets show the same district")
        )
    return touched
