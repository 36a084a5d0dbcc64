"""Streets from OpenStreetMap's servers: the only place that uses the network, through OSMnx."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely

from hotspot.errors import ConfigError, CrsError, Fault, InputError, OutputError
from hotspot.reading.layers import gdal, read_layer
from hotspot.reading.source import local_path
from planning.network.access import KEYS
from planning.network.streets import TAGS, Streets

FORMATS = (".graphml", ".gpkg", ".geojson", ".parquet")
_AREAS = (".geojson", ".json", ".gpkg", ".shp", ".parquet")
_WAY_TAGS = (
    "access", "area", "bicycle", "bridge", "foot", "highway", "junction", "lanes", "maxspeed", "motor_vehicle", "name",
    "oneway", "oneway:bicycle", "ref", "service", "tunnel", "vehicle", "width",
)  # fmt: skip
_NODE_TAGS = ("access", "barrier", "bicycle", "foot", "highway", "motor_vehicle", "ref", "vehicle")
_APART = sorted({"highway", "maxspeed", "oneway:bicycle", *(key for keys in KEYS.values() for key in keys)})
_MOST_BUFFER_M = 100_000
_MOST_TRIES = 10  # at a busy server; OSMnx waits 55 s before each, and would go on for ever
_CUT_SHORT = re.compile(rb'"remark"\s*:\s*"runtime error')
_NO_AREA, _NAME_AN_AREA = "the place has no area", "name an area, such as a district or a city"


@dataclass(frozen=True)
class Download:
    """What was fetched and where it is."""

    path: Path
    streets: Streets
    area_km2: float

    def summary(self) -> str:
        return f"{self.path}: {len(self.streets.edges):,} street edges of {self.area_km2:,.1f} km2"


def download_streets(
    place: str,
    out: Path,
    *,
    buffer_m: float = 1000.0,
    overpass_url: str | None = None,
    nominatim_url: str | None = None,
    force: bool = False,
) -> Download:
    """Fetch the streets of a place into `out` (.graphml, .gpkg, .geojson or .parquet); whole or not at all.

    Only .graphml keeps what closes single nodes, such as bollards.

    `place` is a name that Nominatim knows, or a file of areas (.geojson, .gpkg, .shp, .parquet) such as the
    configuration's. The area is widened by `buffer_m`, so that ways over its border aren't lost.

    Raises ConfigError for another ending, an existing `out` without `force`, a folder that isn't there, an impossible
    buffer or address; InputError for a place that isn't known or has no area or street; OutputError when a server can't
    be reached, refuses or gives only a part, and when `out` can't be written.
    """
    _check_asked(place, buffer_m, overpass_url, nominatim_url)
    _check_out(out, force)
    with _settings(overpass_url, nominatim_url):
        area = _area(place, buffer_m)
        graph = _graph(area, place)
    streets = Streets.from_networkx(graph, source=place)
    _write(streets, out)
    metres = gpd.GeoSeries([area], crs="EPSG:4326").to_crs(streets.crs)
    return Download(out, streets, float(metres.area.iloc[0]) / 1e6)


def _check_asked(place: str, buffer_m: float, *urls: str | None) -> None:
    if not place.strip():
        raise ConfigError(Fault("PLACE", "missing", _NAME_AN_AREA))
    if not 0 <= buffer_m <= _MOST_BUFFER_M:
        raise ConfigError(f"buffer_m = {buffer_m:g} can't be; fix: give metres from 0 to {_MOST_BUFFER_M}")
    for url in urls:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ConfigError(Fault(url, "not the address of a server", "give one such as https://example.org/api"))


def _check_out(out: Path, force: bool) -> None:
    if out.suffix.lower() not in FORMATS:
        fix = f"use one of {', '.join(FORMATS)}"
        raise ConfigError(Fault(str(out), f"files of type '{out.suffix}' can't be written", fix))
    if not out.parent.is_dir():
        raise ConfigError(Fault(str(out), "its folder isn't there", "make the folder first"))
    if out.exists() and (out.is_dir() or not force):
        fix = "give another name" if out.is_dir() else "give another name, or --force to replace it"
        raise ConfigError(Fault(str(out), "exists already", fix))


@contextmanager
def _settings(overpass_url: str | None, nominatim_url: str | None) -> Iterator[None]:
    """OSMnx's settings are the module's: they are set for the download and then what they were."""
    import osmnx

    wanted: dict[str, Any] = {"use_cache": False}  # else it would write a folder where the user happens to be
    wanted |= {"useful_tags_way": list(_WAY_TAGS), "useful_tags_node": list(_NODE_TAGS)}
    wanted |= {"requests_kwargs": {**osmnx.settings.requests_kwargs, "hooks": {"response": _refusing_bad_answers()}}}
    wanted |= {"doh_url_template": None}  # else it would ask a third server for addresses that aren't found
    if overpass_url is not None:
        wanted |= {"overpass_url": overpass_url.rstrip("/"), "overpass_rate_limit": False}
    if nominatim_url is not None:
        wanted |= {"nominatim_url": nominatim_url.rstrip("/") + "/"}
    before = {name: getattr(osmnx.settings, name) for name in wanted}
    lookup = socket.getaddrinfo  # which it replaces, to stay with one of Overpass's machines
    for name, value in wanted.items():
        setattr(osmnx.settings, name, value)
    try:
        yield
    finally:
        socket.getaddrinfo = lookup
        for name, value in before.items():
            setattr(osmnx.settings, name, value)


def _refusing_bad_answers() -> Callable[..., None]:
    """What looks at each answer before OSMnx, which takes an error's for an empty one and a part for the whole."""
    tries = count(1)

    def look(response: Any, *args: object, **kwargs: object) -> None:
        if response.url.endswith("/status"):
            return
        if response.status_code in (429, 504) and next(tries) < _MOST_TRIES:
            return
        response.raise_for_status()
        if _CUT_SHORT.search(response.content[-2000:]):
            fix = "take a smaller area, another server, or an extract (.osm.pbf)"
            raise OutputError(f"{response.url}: the server gave up before its answer was complete; fix: {fix}")

    return look


@contextmanager
def _failures_told(place: str) -> Iterator[None]:
    """What OSMnx and its connection raise, in our words."""
    import requests
    from osmnx._errors import ResponseStatusCodeError

    fix = "check the network, or try again later; streets can also be an extract (.osm.pbf)"
    try:
        yield
    except (requests.RequestException, ResponseStatusCodeError, ConnectionError, TimeoutError, KeyError) as error:
        answer = getattr(error, "response", None)
        name = type(error).__name__ if answer is None else f"HTTP {answer.status_code}"
        raise OutputError(f"{place}: the server can't be reached or refuses ({name}); fix: {fix}") from error
    except ValueError as error:  # InsufficientResponseError, and one without a name where no node lies in the area
        if isinstance(error.__cause__, requests.JSONDecodeError):  # such as a login page in the way
            name = type(error.__cause__).__name__
            raise OutputError(f"{place}: the server can't be reached or refuses ({name}); fix: {fix}") from error
        raise InputError(_unknown(place)) from error


def _unknown(place: str) -> Fault:
    fix = "write it as OpenStreetMap does, as 'Gaoxin, Xi'an, China', or give a file of areas"
    return Fault(place, "the place isn't known, or no street lies in it", fix)


def _area(place: str, buffer_m: float) -> shapely.Polygon | shapely.MultiPolygon:
    """The area in degrees, widened."""
    is_file = place.lower().endswith(_AREAS) or Path(place).is_file()
    found = _area_of_file(place) if is_file else _area_of_name(place)
    found = found[shapely.get_dimensions(found.to_numpy()) == 2]
    if found.empty or found.is_empty.all():
        raise InputError(Fault(place, _NO_AREA, _NAME_AN_AREA))
    metric = found.to_crs(found.estimate_utm_crs())
    wide = shapely.union_all(shapely.buffer(shapely.make_valid(metric.to_numpy()), buffer_m))
    area: shapely.Polygon | shapely.MultiPolygon = gpd.GeoSeries([wide], crs=metric.crs).to_crs("EPSG:4326").iloc[0]
    return area


def _area_of_file(source: str) -> gpd.GeoSeries:
    frame = read_layer(local_path(source), source, columns=(), geometry="polygon")
    if frame.crs is None:
        raise InputError(Fault(source, "CRS unknown", "save the areas with their CRS"))
    areas = frame.geometry.to_crs("EPSG:4326")
    if not (np.abs(shapely.get_coordinates(areas.to_numpy())) <= [180.0, 90.0]).all():  # infinite ones neither
        fix = "declare the CRS that the coordinates are in, and check that longitude comes first"
        raise CrsError(Fault(source, "coordinates are not longitudes and latitudes", fix))
    return areas


def _area_of_name(place: str) -> gpd.GeoSeries:
    import osmnx  # slow to import, and only this needs it

    try:
        with _failures_told(place):
            return osmnx.geocode_to_gdf(place).geometry
    except TypeError as error:  # what it raises when the place is a point
        raise InputError(Fault(place, _NO_AREA, _NAME_AN_AREA)) from error


def _graph(area: shapely.Polygon | shapely.MultiPolygon, place: str) -> nx.MultiDiGraph[Any]:
    """All streets in the area; edges end where streets meet, at barriers, and where another class or rule begins."""
    import osmnx

    with _failures_told(place):
        graph = osmnx.graph_from_polygon(
            area, network_type="all", retain_all=True, truncate_by_edge=True, simplify=False
        )
    if not graph.number_of_edges():
        raise InputError(_unknown(place))
    simple: nx.MultiDiGraph[Any] = osmnx.simplify_graph(  # a gate amid a street stays a node
        graph, node_attrs_include=["barrier"], edge_attrs_differ=_APART
    )
    return simple


def _write(streets: Streets, out: Path) -> None:
    """Beside `out` first, then in its place."""
    part = out.with_name(f".{os.getpid()}.{out.name}")
    try:
        if out.suffix.lower() == ".graphml":
            import osmnx

            osmnx.save_graphml(streets.to_networkx(), part)
        else:
            _write_lines(streets, part)
        part.replace(out)
    except (OSError, gdal().errors.DataSourceError, gdal().errors.DataLayerError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        fix = "choose a folder that you may write to"
        raise OutputError(f"{out}: can't be written: {reason}; fix: {fix}") from error
    finally:
        part.unlink(missing_ok=True)


def _write_lines(streets: Streets, part: Path) -> None:
    lines = streets.edges.rename(columns={"oneway_bicycle": "oneway:bicycle"})
    tags = [tag if tag != "oneway_bicycle" else "oneway:bicycle" for tag in TAGS]
    frame = lines[[*tags, lines.geometry.name]].to_crs("EPSG:4326")
    frame[tags] = frame[tags].replace("", None)
    if part.suffix.lower() == ".parquet":
        frame.to_parquet(part, index=False)
        return
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON"}[part.suffix.lower()]
    frame.to_file(part, driver=driver, layer="streets", engine="pyogrio")
