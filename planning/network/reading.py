"""Street files of any usual kind become Streets, or are refused with what to do about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import geopandas as gpd
import numpy as np
from pyproj import CRS

from hotspot.errors import Fault, InputError
from hotspot.reading.layers import read_layer
from hotspot.reading.source import local_path
from planning.network.cache import cache_key, load, save
from planning.network.modes import class_speeds, require_modes
from planning.network.osm import HEAD_BYTES, osm_layers, refuse_entities
from planning.network.streets import TAGS, Streets, from_lines

if TYPE_CHECKING:
    import networkx as nx

_COLUMNS = (*TAGS, "fclass", "oneway:bicycle", "osm_id")
_XML = (b"<?xml", b"<osm", b"<graphml", b"<!--")
_LAYERS = (".parquet", ".gpkg", ".geojson", ".json", ".shp")
_BEGINS: dict[str, tuple[bytes, ...]] = {  # GDAL picks its driver by content; a file must be what its name says
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
    cache: Path | None = None,
) -> Streets:
    """Read .parquet (GeoParquet), .gpkg, .geojson, .shp, .graphml (OSMnx's), .osm.pbf, .osm or .osm.gz.

    `crs` must be metric; None keeps the file's own if it is, else takes the UTM zone. Streets of classes that none of
    `modes` may use are left out and counted. Columns used where present: name, highway, oneway, maxspeed, access, foot,
    bicycle and a few more of OpenStreetMap's; a street without highway counts as residential. OpenStreetMap files also
    tell barriers: bollards stop cars, closed gates whom they close to. Turn restrictions aren't modelled.

    `cache` is a folder in which finished streets are kept for the next start; it must be private, else it isn't used.

    Raises InputError for what can't be read or holds no street, CrsError for a CRS that is unknown or not metric.
    """
    require_modes(modes)
    file, source = local_path(path), str(path)
    if cache is None:
        return _read(file, source, crs, modes)
    key = cache_key(file, crs=crs, modes=",".join(modes))
    streets = load(cache, key)
    if streets is None:
        streets = _read(file, source, crs, modes)
        save(cache, key, streets)
    return streets


def _read(file: Path, source: str, crs: str | CRS | None, modes: Sequence[str]) -> Streets:
    kind = _kind(file, source)
    if kind in _BEGINS:
        _check_content(file, kind, source)
    if kind == ".graphml":
        return Streets.from_networkx(_graph(file, source), crs=crs, source=source)
    if kind in (".pbf", ".osm", ".osm.gz"):
        lines, barriers = osm_layers(file, source=source)
    else:
        lines, barriers = read_layer(file, source, columns=_COLUMNS, geometry="line"), None
    lines, unused = _usable(lines, modes)
    streets = from_lines(lines, crs=crs, source=source, osm=barriers is not None, barriers=barriers)
    return replace(streets, dropped={**streets.dropped, "of a class no mode may use": unused})


def _kind(file: Path, source: str) -> str:
    name = file.name.lower()
    found = [kind for kind in (*_LAYERS, *_BEGINS) if name.endswith(kind)]
    if not found:
        known = ", ".join(sorted([*_LAYERS, *_BEGINS]))
        raise InputError(
            Fault(source, f"files of type '{file.suffix}' can't be read as streets", f"use one of {known}")
        )
    return found[-1]


def _check_content(file: Path, kind: str, source: str) -> None:
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    if not head.strip():
        raise InputError(Fault(source, "file is empty", "export or download it again"))
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(_BEGINS[kind]):
        raise InputError(Fault(source, f"the content is not that of a {kind} file", "export or download it again"))
    if _BEGINS[kind] is _XML:
        refuse_entities(file, source)


def _graph(file: Path, source: str) -> nx.MultiDiGraph[Any]:
    import networkx as nx
    import osmnx  # both slow to import, and only this kind of file needs them

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
