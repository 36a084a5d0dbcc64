"""Streets and barriers of OpenStreetMap files, through GDAL's driver: 30 times faster and far leaner than an XML tree."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd

from hotspot.errors import Fault, InputError
from hotspot.reading.layers import gdal

MOST_BYTES = 8 * 1024**3
HEAD_BYTES = 65_536
_PIECE_BYTES = 1024**2
_KEYS = (
    "name", "highway", "oneway", "oneway:bicycle", "maxspeed", "access", "foot", "bicycle", "vehicle", "motor_vehicle",
    "junction", "area", "bridge", "tunnel",
)  # fmt: skip
_BARRIER_KEYS = ("barrier", "access", "foot", "bicycle", "vehicle", "motor_vehicle")
# without the first line closed ways that are also an amenity or a place would turn into areas and be lost as streets
_SETTINGS = f"""[general]
closed_ways_are_polygons=none
attribute_name_laundering=no
[lines]
osm_id=yes
attributes={",".join(_KEYS)}
other_tags=no
[points]
osm_id=no
attributes={",".join(_BARRIER_KEYS)}
other_tags=no
"""


def osm_layers(file: Path, *, source: str) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Every way with a `highway` tag and every node with a `barrier` tag, in EPSG:4326. Raises InputError.

    Ways drawn as areas are left out.
    """
    fix = "download the extract again"
    with tempfile.TemporaryDirectory() as folder:
        plain = _unpacked(file, Path(folder), source) if file.suffix.lower() == ".gz" else file
        if plain is not file:
            refuse_entities(plain, source)
        try:
            with _driver_settings(Path(folder)):
                ways = _layer(plain, "lines", ("osm_id", *_KEYS), "highway IS NOT NULL")
                barriers = _layer(plain, "points", _BARRIER_KEYS, "barrier IS NOT NULL")
        except (gdal().errors.DataSourceError, gdal().errors.DataLayerError, RuntimeError) as error:
            raise InputError(Fault(source, f"damaged OpenStreetMap file ({error})", fix)) from error
    ways = ways[(ways["area"] != "yes").to_numpy()].reset_index(drop=True)
    return ways.assign(oneway=_implied_oneway(ways)), barriers


def _layer(file: Path, layer: str, columns: tuple[str, ...], where: str) -> gpd.GeoDataFrame:
    found: gpd.GeoDataFrame = gdal().read_dataframe(file, layer=layer, columns=list(columns), where=where)
    return found


def refuse_entities(file: Path, source: str) -> None:
    """Raises InputError for XML that declares entities before its root, or whose root isn't near its beginning."""
    with file.open("rb") as opened:
        head = opened.read(HEAD_BYTES)
    root = max(head.find(b"<osm"), head.find(b"<graphml"))
    if root < 0 or b"<!DOCTYPE" in head[:root] or b"<!ENTITY" in head[:root]:
        reason = "it declares entities, or doesn't begin as such a file does"
        raise InputError(Fault(source, reason, "export it again, without a DOCTYPE"))


def _implied_oneway(ways: gpd.GeoDataFrame) -> pd.Series:
    """Roundabouts are one-way whether they say so or not, as OSMnx reads them."""
    told = ways["oneway"].fillna("").astype("str")
    implied = ways["junction"].eq("roundabout") & told.isin(["", "no", "false", "0"])
    found: pd.Series = told.mask(implied, "yes").astype("str")
    return found


def _unpacked(file: Path, folder: Path, source: str) -> Path:
    """A decompressed copy: the driver knows no gzip."""
    plain = folder / "extract.osm"
    try:
        with gzip.open(file) as packed, plain.open("wb") as out:
            left = MOST_BYTES
            while piece := packed.read(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    reason = f"unpacks to more than {MOST_BYTES:,} bytes"
                    raise InputError(Fault(source, reason, "cut the extract to the district"))
                out.write(piece)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(Fault(source, f"damaged gzip file ({error})", "download the extract again")) from error
    return plain


@contextmanager
def _driver_settings(folder: Path) -> Iterator[None]:
    """Our own list of tags, and the index that also takes unsorted files; what was set before is set again."""
    conf = folder / "osmconf.ini"
    conf.write_text(_SETTINGS, encoding="utf-8")
    wanted = {"OSM_CONFIG_FILE": os.fspath(conf), "OSM_USE_CUSTOM_INDEXING": "NO"}
    before = {name: gdal().get_gdal_config_option(name) for name in wanted}
    gdal().set_gdal_config_options(wanted)
    try:
        yield
    finally:
        gdal().set_gdal_config_options(before)
