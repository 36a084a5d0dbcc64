"""Streets from OpenStreetMap's servers: the only place that uses the network, through OSMnx."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from hotspot.errors import ConfigError, Fault, InputError, OutputError
from hotspot.reading.layers import read_layer
from planning.network.streets import TAGS, Streets

FORMATS = (".graphml", ".gpkg", ".geojson", ".parquet")
_AREAS = (".geojson", ".json", ".gpkg", ".shp", ".parquet")
_WAY_TAGS = (
    "access", "area", "bicycle", "bridge", "foot", "highway", "junction", "lanes", "maxspeed", "motor_vehicle", "name",
    "oneway", "oneway:bicycle", "ref", "service", "tunnel", "vehicle", "width",
)  # fmt: skip
_NODE_TAGS = ("access", "barrier", "bicycle", "foot", "highway", "motor_vehicle", "ref", "vehicle")


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

    Raises ConfigError for another ending, an existing `out` without `force` or a folder that isn't there; InputError
    for a place that isn't known or has no street; OutputError when a server can't be reached or refuses.
    """
    _check_out(out, force)
    with _settings(overpass_url, nominatim_url), _failures_told(place):
        area = _area(place, buffer_m)
        import osmnx  # slow to import, and only this needs it

        graph = osmnx.graph_from_polygon(
            area, network_type="all", retain_all=True, truncate_by_edge=True, simplify=False
        )
        graph = osmnx.simplify_graph(graph, node_attrs_include=["barrier"])  # a gate amid a street stays a node
    streets = Streets.from_networkx(graph, source=place)
    _write(streets, out)
    metres = gpd.GeoSeries([area], crs="EPSG:4326").to_crs(streets.crs)
    return Download(out, streets, float(metres.area.iloc[0]) / 1e6)


def _check_out(out: Path, force: bool) -> None:
    if out.suffix.lower() not in FORMATS:
        fix = f"use one of {', '.join(FORMATS)}"
        raise ConfigError(Fault(str(out), f"files of type '{out.suffix}' can't be written", fix))
    if not out.parent.is_dir():
        raise ConfigError(Fault(str(out), "its folder isn't there", "make the folder first"))
    if out.exists() and not force:
        raise ConfigError(Fault(str(out), "exists already", "give another name, or --force to replace it"))


@contextmanager
def _settings(overpass_url: str | None, nominatim_url: str | None) -> Iterator[None]:
    """OSMnx's settings are the module's: they are set for the download and then what they were."""
    import osmnx

    wanted: dict[str, Any] = {"use_cache": False}  # else it would write a folder where the user happens to be
    wanted |= {"useful_tags_way": list(_WAY_TAGS), "useful_tags_node": list(_NODE_TAGS)}
    if overpass_url is not None:
        wanted |= {"overpass_url": overpass_url.rstrip("/"), "overpass_rate_limit": False}
    if nominatim_url is not None:
        wanted |= {"nominatim_url": nominatim_url.rstrip("/") + "/"}
    before = {name: getattr(osmnx.settings, name) for name in wanted}
    for name, value in wanted.items():
        setattr(osmnx.settings, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(osmnx.settings, name, value)


@contextmanager
def _failures_told(place: str) -> Iterator[None]:
    """What OSMnx and its connection raise, in our words."""
    import requests
    from osmnx._errors import InsufficientResponseError, ResponseStatusCodeError

    try:
        yield
    except InsufficientResponseError as error:
        fix = "write it as OpenStreetMap does, as 'Gaoxin, Xi'an, China', or give a file of areas"
        raise InputError(Fault(place, "the place isn't known, or no street lies in it", fix)) from error
    except (requests.RequestException, ResponseStatusCodeError, ConnectionError, TimeoutError) as error:
        fix = "check the network, or try again later; streets can also be an extract (.osm.pbf)"
        raise OutputError(
            f"{place}: the server can't be reached or refuses ({type(error).__name__}); fix: {fix}"
        ) from error
    except TypeError as error:  # what it raises when the place is a point
        fix = "name an area, such as a district or a city"
        raise InputError(Fault(place, "the place has no area", fix)) from error


def _area(place: str, buffer_m: float) -> shapely.Polygon | shapely.MultiPolygon:
    """The area in degrees, widened."""
    if place.lower().endswith(_AREAS) and Path(place).exists():
        frame = read_layer(Path(place), place, columns=(), geometry="polygon")
        if frame.crs is None:
            raise InputError(Fault(place, "CRS unknown", "save the areas with their CRS"))
        found = frame.geometry.to_crs("EPSG:4326")
    else:
        import osmnx

        found = osmnx.geocode_to_gdf(place).geometry
    metric = found.to_crs(found.estimate_utm_crs())
    wide = shapely.buffer(shapely.union_all(metric.to_numpy()), buffer_m)
    area: shapely.Polygon | shapely.MultiPolygon = gpd.GeoSeries([wide], crs=metric.crs).to_crs("EPSG:4326").iloc[0]
    return area


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
