"""Street files of any usual kind become Streets, or are refused with what to do about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import geopandas as gpd
import networkx as nx
import numpy as np
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from hotspot.errors import Fault, InputError
from hotspot.tables import local_path
from planning.network.modes import class_speeds, require_modes
from planning.network.osm import osm_lines
from planning.network.streets import Streets, from_lines, from_networkx

_HEAD_BYTES = 65_536
_XML = (b"<?xml", b"<osm", b"<graphml", b"<!--")
_BEGINS: dict[str, tuple[bytes, ...]] = {  # GDAL picks its driver by content; a file must be what its name says
    ".parquet": (b"PAR1",),
    ".gpkg": (b"SQLite format 3",),
    ".geojson": (b"{",),
    ".json": (b"{",),
    ".shp": (b"\x00\x00\x27\x0a",),
    ".graphml": _XML,
    ".osm": _XML,
    ".osm.gz": (b"\x1f\x8b",),
    ".pbf": (b"\x00\x00",),
}


def read_streets(
    path: str | os.PathLike[str],
    *,
    crs: str | CRS | None = None,
    modes: Sequence[str] = ("walk", "ebike", "car"),
) -> Streets:
    """Read .parquet (GeoParquet), .gpkg, .geojson, .shp, .graphml (OSMnx's), .osm.pbf, .osm or .osm.gz.

    `crs` must be metric; None keeps the file's own if it is, else takes the UTM zone. Streets of classes that none of
    `modes` may use are left out and counted. Columns used where present: name, highway, oneway, maxspeed, access, foot,
    bicycle and a few more of OpenStreetMap's; a street without highway counts as residential. Turn restrictions and
    barriers at nodes aren't modelled.

    Raises InputError for what can't be read or holds no street, CrsError for a CRS that is unknown or not metric.
    """
    require_modes(modes)
    file, source = local_path(path), str(path)
    kind = _kind(file, source)
    _check_content(file, kind, source)
    if kind == ".graphml":
        return from_networkx(_graph(file, source), crs=crs, source=source)
    osm = kind in (".pbf", ".osm", ".osm.gz")
    lines = osm_lines(file, source=source) if osm else _layer(file, kind, source)
    lines, barred = _usable(lines, modes)
    streets = from_lines(lines, crs=crs, source=source, osm=osm)
    return Streets(streets.edges, streets.nodes_xy, {**streets.dropped, "of a class no mode may use": barred})


def _kind(file: Path, source: str) -> str:
    name = file.name.lower()
    found = [kind for kind in _BEGINS if name.endswith(kind)]
    if not found:
        known = ", ".join(sorted(_BEGINS))
        raise InputError(
            Fault(source, f"files of type '{file.suffix}' can't be read as streets", f"use one of {known}")
        )
    return found[-1]


def _check_content(file: Path, kind: str, source: str) -> None:
    with file.open("rb") as opened:
        head = opened.read(_HEAD_BYTES)
    if not head.strip():
        raise InputError(Fault(source, "file is empty", "export or download it again"))
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(_BEGINS[kind]):
        raise InputError(Fault(source, f"the content is not that of a {kind} file", "export or download it again"))
    if _BEGINS[kind] is _XML:
        root = max(head.find(b"<osm"), head.find(b"<graphml"))
        if root < 0 or b"<!DOCTYPE" in head[:root] or b"<!ENTITY" in head[:root]:
            reason = "it declares entities, or doesn't begin as such a file does"
            raise InputError(Fault(source, reason, "export it again, without a DOCTYPE"))


def _layer(file: Path, kind: str, source: str) -> gpd.GeoDataFrame:
    fix = "save the streets again as GeoParquet or GeoPackage"
    try:
        found = (
            gpd.read_parquet(file)
            if kind == ".parquet"
            else pyogrio.read_dataframe(file, layer=_line_layer(file, source))
        )
    except (DataSourceError, DataLayerError, pa.ArrowException, OSError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault(source, f"can't be read as street lines ({error})", fix)) from error
    if not isinstance(found, gpd.GeoDataFrame):
        raise InputError(Fault(source, "has no geometry", fix))
    return found


def _line_layer(file: Path, source: str) -> str:
    """The file's only layer, or the only one that holds lines."""
    layers = [(str(name), str(kind)) for name, kind in pyogrio.list_layers(file)]
    lines = [name for name, kind in layers if "LineString" in kind] if len(layers) > 1 else [n for n, _ in layers]
    if len(lines) != 1:
        shown = ", ".join(name for name, _ in layers) or "none"
        reason = f"{len(lines)} layers with lines in it; layers found: {shown}"
        raise InputError(Fault(source, reason, "save the streets alone in a file"))
    return lines[0]


def _graph(file: Path, source: str) -> nx.MultiDiGraph[Any]:
    import osmnx  # slow to import, and only this kind of file needs it

    try:
        graph: nx.MultiDiGraph[Any] = osmnx.load_graphml(file)
    except (ParseError, nx.NetworkXError, ValueError, KeyError, TypeError) as error:
        fix = "save it with osmnx.save_graphml"
        raise InputError(Fault(source, f"not a graph of OSMnx ({type(error).__name__}: {error})", fix)) from error
    return graph


def _usable(lines: gpd.GeoDataFrame, modes: Sequence[str]) -> tuple[gpd.GeoDataFrame, int]:
    """The lines of classes that any of `modes` may use at its default speeds, and how many others there are."""
    column = next((name for name in ("highway", "fclass") if name in lines.columns), None)
    if column is None:
        return lines, 0
    allowed = np.any([class_speeds(lines[column], mode) > 0 for mode in modes], axis=0)
    return lines[allowed].reset_index(drop=True), int((~allowed).sum())
