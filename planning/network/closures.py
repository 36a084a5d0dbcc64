"""Streets that are closed: polygons, lines and points of a file, for whom and from when to when."""

from __future__ import annotations

import os
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from hotspot.errors import Fault, InputError
from hotspot.reading.layers import read_layer
from hotspot.reading.source import local_path
from planning.network.modes import SPEEDS
from planning.network.nearest import nearest_segments
from planning.network.splitting import Ints
from planning.network.streets import Streets
from planning.row_faults import RowFaults, local_times

COLUMNS = ("id", "name", "modes", "start", "end")
_INSIDE_M = 1.0  # a street that only touches a closed area stays open
_BESIDE_M = 15.0  # a drawn line is that near to the street it means
_SAMPLE_M = 5.0
_NEAR_M = 30.0  # of a point


@dataclass(frozen=True, eq=False)
class Closures:
    """`frame`: one row per closure: `id`, `name` ('' = none), `modes` (tuple of those it stops), `start`, `end` (half-
    open; NaT = since ever, for ever) and geometry in the district's CRS."""

    frame: gpd.GeoDataFrame

    def __len__(self) -> int:
        return len(self.frame)

    def label(self, row: int) -> str:
        """What people call it."""
        return str(self.frame["name"].iloc[row] or self.frame["id"].iloc[row])

    def active(self, mode: str, start: pd.Timestamp, end: pd.Timestamp) -> Ints:
        """The rows that stop `mode` at any time of `[start, end)`: a team can't tell beforehand when it will pass."""
        stops = self.frame["modes"].map(lambda modes: mode in modes).to_numpy(dtype=bool)
        before_end = (self.frame["start"].isna() | (self.frame["start"] < end)).to_numpy(dtype=bool)
        after_start = (self.frame["end"].isna() | (self.frame["end"] > start)).to_numpy(dtype=bool)
        return np.flatnonzero(stops & before_end & after_start)

    def edges(self, streets: Streets) -> list[Ints]:
        """The edges that each closure closes, by row."""
        return [_closed(streets, shape) for shape in self.frame.geometry.to_crs(streets.crs)]


def read_closures(path: str | os.PathLike[str], *, crs: str, timezone: str) -> Closures:
    """Read a layer (.gpkg, .geojson, .shp, .parquet) of closures.

    A polygon closes every street of which any part lies in it, a line the streets along which it runs, a point the
    nearest street within 30 m. Optional columns: `id`, `name`, `modes` (parted by semicolons; none = all), `start` and
    `end` (a date or a time, local unless it has an offset; none = always).

    Raises InputError with every fault of the file.
    """
    frame = read_layer(local_path(path), os.fspath(path), columns=COLUMNS)
    rows = pd.RangeIndex(2, len(frame) + 2)
    columns = {name: frame[name].str.strip().to_numpy() for name in COLUMNS if name in frame}
    text = pd.DataFrame(columns, index=rows).reindex(columns=COLUMNS, fill_value="").astype("str")
    faults = RowFaults(os.fspath(path))
    shapes = frame.geometry.to_numpy()
    empty = pd.Series(shapely.is_missing(shapes) | shapely.is_empty(shapes), index=rows)
    faults.add(empty, "geometry", None, "missing", "draw what is closed, or delete the row")
    modes = _modes(faults, text["modes"])
    start, end = (local_times(faults, text[name], timezone) for name in ("start", "end"))
    faults.add(end <= start, "end", text["end"], "isn't after the start", "exchange start and end, or correct them")
    faults.raise_any()
    if frame.crs is None:
        raise InputError(Fault(os.fspath(path), "CRS unknown", "save the closures with their CRS"))
    ids = [each or f"closure {n}" for n, each in enumerate(text["id"], start=1)]
    known = pd.DataFrame({"id": ids, "name": text["name"].to_numpy()})
    known = known.assign(modes=modes.to_numpy(), start=start.array, end=end.array)
    return Closures(gpd.GeoDataFrame(known, geometry=shapes, crs=frame.crs).to_crs(crs))


def _modes(faults: RowFaults, text: pd.Series) -> pd.Series:
    split = text.map(lambda several: tuple(part.strip() for part in several.split(";") if part.strip()))
    wrong = split.map(lambda modes: any(mode not in SPEEDS for mode in modes))
    faults.add(wrong, "modes", text, "unknown mode", f"use {', '.join(SPEEDS)}, parted by semicolons")
    return split.map(lambda modes: modes or tuple(SPEEDS))


def _closed(streets: Streets, shape: shapely.Geometry) -> Ints:
    found = [_closed_by_part(streets, part) for part in shapely.get_parts(shapely.force_2d(shape))]
    return np.unique(np.concatenate(found)).astype(np.int64) if found else np.empty(0, dtype=np.int64)


def _closed_by_part(streets: Streets, part: shapely.Geometry) -> Ints:
    lines = streets.edges.geometry.to_numpy()
    every = np.ones(len(lines), dtype=np.uint8)
    if shapely.get_dimensions(part) == 2:
        shapely.prepare(part)
        near = np.flatnonzero(shapely.intersects(part, lines))
        inside = shapely.length(shapely.intersection(lines[near], part)) >= _INSIDE_M
        return np.asarray(near[inside], dtype=np.int64)
    if shapely.get_dimensions(part) == 0:
        edge, _, _ = nearest_segments(streets.segments, shapely.get_coordinates(part), rank=every, max_m=_NEAR_M)
        return edge[edge >= 0].astype(np.int64)
    count = max(1, int(np.ceil(shapely.length(part) / _SAMPLE_M)))
    shares = (np.arange(count) + 0.5) / count
    points = shapely.line_interpolate_point(np.full(count, part, dtype=object), shares, normalized=True)
    xy = shapely.get_coordinates(points)
    edge, _, fraction = nearest_segments(streets.segments, xy, rank=every, max_m=_BESIDE_M)
    beside = pd.Series(fraction[edge >= 0]).groupby(edge[edge >= 0])
    edges = np.array(list(beside.groups), dtype=np.int64)
    length_m = shapely.length(lines[edges])
    along_m = (beside.max() - beside.min()).to_numpy() * length_m  # next to nothing where the line only crosses
    meant = along_m >= np.minimum(_BESIDE_M, length_m / 2)
    return np.asarray(edges[meant], dtype=np.int64)
