"""The doorway to GDAL and GeoParquet: layers of points, lines or polygons, from formats that are told before they open.

GDAL takes any text for the name of something to open, asks the network, and picks its driver by content. So what it may
see is a local file whose suffix says its format and whose content begins like it; drivers that follow names to other
places are gone before anything is opened.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyproj import CRS
from pyproj.exceptions import CRSError

from hotspot.errors import ConfigError, CrsError, Fault, InputError
from hotspot.reading import geopackage, geoparquet, shapefile
from hotspot.reading.columnar import Reasons, as_text, batch_of, can_be_text, check_types, float_text, usable_text
from hotspot.reading.encoding import sha256_of
from hotspot.reading.geojson import look_through
from hotspot.reading.source import MOST_BYTES, Batch, Layout, OpenTable, Wanted, choose
from hotspot.reading.wkb import lonlat_of, shapes_of, to_degrees_of, types_of

PLACE = ("lon", "lat")
BEGINS: Mapping[str, bytes] = {  # of the content, by suffix; GeoJSON is looked through as a whole
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\x00\x00\x27\x0a",
    ".parquet": b"PAR1",
    ".geojson": b"",
    ".json": b"",
}
UNSAFE_DRIVERS = (  # that fetch from the network, run a program or follow a name in the file to another source
    "ADBC", "AmigoCloud", "CSW", "Carto", "EEDA", "Elasticsearch", "GDALG", "GPSBabel", "HTTP", "NGW", "OAPIF", "OGCAPI",
    "OGR_VRT", "PLSCENES", "Selafin", "WFS",
)  # fmt: skip
_UNSAFE_ELSEWHERE = (  # that other builds of GDAL have; it would complain of names that it doesn't know
    "CouchDB", "Cloudant", "DB2ODBC", "DODS", "GMLAS", "HANA", "IDB", "MSSQLSpatial", "MongoDBv3", "MySQL", "OCI",
    "ODBC", "PGeo", "PostgreSQL", "SOSI", "Walk",
)  # fmt: skip
_SETTINGS = {
    "ALLOW_OGR_SQL_FUNCTIONS_FROM_TRIGGER_AND_VIEW": "NO",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # of all addresses
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",  # no look at neighbours that aren't asked for
    "GDAL_HTTP_PROXY": "127.0.0.1:9",  # nobody there: should a file get past the looks, it still reaches no network
    "GDAL_HTTPS_PROXY": "127.0.0.1:9",
    "GDAL_PAM_ENABLED": "NO",  # no .aux.xml
    "OGR_GEOJSON_MAX_OBJ_SIZE": "100",  # MB
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "SHAPE_RESTORE_SHX": "NO",  # it would be written
}
_PREFIX = {".gpkg": "GPKG:", ".geojson": "GeoJSON:", ".json": "GeoJSON:"}  # which fix the driver
_ODD = {".shp": "!;", ".gpkg": "%"}  # pyogrio parts paths at ! and ;, GDAL makes an address of those it may not write
_DRIVER = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".shp": "ESRI Shapefile"}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    ".gpkg": {"IMMUTABLE": "YES", "PRELUDE_STATEMENTS": "PRAGMA trusted_schema=OFF"},
    ".geojson": {"DATE_AS_STRING": "YES"},
    ".json": {"DATE_AS_STRING": "YES"},
}
_TYPES_WITHOUT_TEXT = {"OFTBinary": pa.binary()} | {
    f"OFT{each}List": pa.list_(pa.string()) for each in ("String", "Integer", "Integer64", "Real")
}
_KINDS: Mapping[str, tuple[str, ...]] = {
    "point": ("POINT", "MULTIPOINT"),
    "line": ("LINESTRING", "MULTILINESTRING", "COMPOUNDCURVE", "CIRCULARSTRING", "MULTICURVE", "CURVE"),
    "polygon": ("POLYGON", "MULTIPOLYGON", "CURVEPOLYGON", "MULTISURFACE", "SURFACE"),
}
_MOST_WARNINGS = 5
_FIX = "save the layer again as GeoJSON or GeoPackage"


class Part(NamedTuple):
    """Some rows: the columns asked for, the geometries as WKB (None: the layer has none), why a row is bad (None: none is)."""

    columns: list[pa.Array]
    wkb: pa.Array | None
    reasons: Reasons | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer whose columns and CRS are known and whose rows are still to be read.

    `types` are those of `header`'s columns, texts standing for all that have one; `kind` is the geometries' type in
    capitals, '' where there is only a table. `crs` is None where the file doesn't tell it. `parts` gives the rows of the
    columns at these positions.
    """

    path: str
    name: str
    header: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    kind: str
    crs: CRS | None
    parts: Callable[[Sequence[int]], Iterator[Part]]
    encoding: str = "utf-8"
    notices: list[str] = field(default_factory=list)

    @property
    def has_geometry(self) -> bool:
        return bool(self.kind)

    def known_crs(self) -> CRS:
        """Raises CrsError where the file doesn't tell it."""
        if self.crs is None:
            raise CrsError(Fault(self.path, "CRS unknown", "save the layer with its CRS (a shapefile needs its .prj)"))
        return self.crs


@cache
def gdal() -> ModuleType:
    """pyogrio, without the drivers and settings that a file could turn against its reader.

    Whoever needs GDAL gets it here. The process keeps this GDAL: other code in it that imports pyogrio has it too, and
    one that was imported before loses the drivers now.
    """
    with _environment("GDAL_SKIP", ",".join([*os.environ.get("GDAL_SKIP", "").split(","), *UNSAFE_DRIVERS]).strip(",")):
        import pyogrio
        import pyogrio.core
    pyogrio.set_gdal_config_options(_SETTINGS)
    left = sorted({*UNSAFE_DRIVERS, *_UNSAFE_ELSEWHERE} & set(pyogrio.list_drivers()))
    if left:
        pyogrio.set_gdal_config_options({"GDAL_SKIP": ",".join(left)})
        pyogrio.core._register_drivers()  # which heeds what is to be skipped; there is no public way
    module: ModuleType = pyogrio
    return module


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def list_layers(file: Path, path: str) -> list[tuple[str, str]]:
    """(name, geometry type in capitals, '' for a plain table) of each layer. Raises InputError as `open_layer` does."""
    if file.suffix.lower() == ".gpkg":
        _check_content(file, path)
        return geopackage.layer_kinds(file, path)
    only = layer_of(file, path)
    return [(only.name, only.kind)]


def layer_of(file: Path, path: str, *, layer: str | None = None, geometry: str | None = None) -> Layer:
    """A layer of .gpkg, .geojson, .json, .shp or .parquet (GeoParquet): the named one, else the only one of the kind.

    `geometry` is point, line, polygon or None for any. Raises InputError for what isn't such a file, is damaged or too
    large, and where there are several layers to choose from.
    """
    if geometry is not None and geometry not in _KINDS:
        raise ConfigError(f"geometry: {geometry!r} is no kind of geometry; fix: use one of {', '.join(_KINDS)}")
    _check_content(file, path)
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        found = geoparquet.open_geoparquet(file, path)
        return Layer(
            path, file.stem, found.header, found.types, "GEOMETRY", found.crs, lambda at: _of_parquet(found, at)
        )
    if suffix == ".gpkg":
        layer = _pick(geopackage.layer_kinds(file, path), layer, geometry, path)
    opened = _open_gdal(file, path, layer)
    if layer is not None and layer != opened.name:
        raise InputError(_unknown_layer(layer, [opened.name], path))
    return opened


def read_layer(
    file: Path,
    path: str,
    *,
    layer: str | None = None,
    columns: Sequence[str] | None = None,
    geometry: str | None = None,
) -> gpd.GeoDataFrame:
    """A whole layer in its own CRS, with a text column for each of `columns` that it has (None: for all it has).

    Texts are exact (see `as_text`), '' is missing; several values in one field are parted by semicolons. Geometries
    have two dimensions. `geometry_type` is the file's own word, '' for none; what has a type but no geometry is curved
    or damaged. Row i of the frame is row i + 2 of the file.

    Raises InputError as `layer_of`, for a file without geometry and for text that isn't UTF-8; CrsError for an unknown
    CRS.
    """
    opened = layer_of(file, path, layer=layer, geometry=geometry)
    at = [
        i
        for i, (name, kind) in enumerate(zip(opened.header, opened.types, strict=True))
        if (_is_readable(kind) if columns is None else name in columns)
    ]
    return frame_of(opened, {opened.header[i]: i for i in at})


def frame_of(opened: Layer, columns: Mapping[str, int]) -> gpd.GeoDataFrame:
    """The whole layer with these columns, by name and position in its header: see `read_layer`."""
    if not opened.has_geometry:
        raise InputError(Fault(opened.path, "has no geometry", "save the layer with its geometry"))
    crs = opened.known_crs()
    texts: dict[str, list[pa.Array]] = {name: [] for name in columns}
    shapes, types, row = [np.empty(0, dtype=object)], [np.empty(0, dtype=object)], 2
    for part in opened.parts(list(columns.values())):
        _refuse_reasons(part.reasons, row, opened.path)
        for name, column in zip(columns, part.columns, strict=True):
            text, reasons = _texts(column, name, opened.path)
            _refuse_reasons(reasons, row, opened.path)
            texts[name].append(text)
        assert part.wkb is not None
        shapes.append(shapes_of(part.wkb))
        types.append(types_of(part.wkb))
        row += len(part.wkb)
    told = {name: _column(parts) for name, parts in texts.items()} | {"geometry_type": np.concatenate(types)}
    frame = gpd.GeoDataFrame(told, geometry=np.concatenate(shapes), crs=crs)
    return frame.astype(dict.fromkeys(told, "str"))


def open_layer(file: Path, path: str, wanted: Wanted, layout: Layout) -> OpenTable:
    """Open a layer of points: .gpkg, .geojson, .json, .shp or .parquet (GeoParquet). The first feature is row 2.

    lon and lat, where they are wanted, are WGS-84 degrees of the points, written so that nothing is lost; columns of
    these names are used instead when they were mapped by hand, or when the layer has no geometry. No point, an empty
    one and NaN give ''. A row whose geometry is no point is bad. `layout.sheet` names the layer.

    Raises InputError for what isn't such a file, is damaged or too large, for missing columns and where there are
    several layers of points; CrsError when the file doesn't tell its CRS.
    """
    opened = layer_of(file, path, layer=layout.sheet, geometry="point")
    places = opened.has_geometry and set(PLACE) <= set(wanted.named) and not set(PLACE) & set(wanted.columns)
    choice = choose(opened.header, _without_place(wanted) if places else wanted, path)
    check_types(opened.types, choice, path)
    notices = list(opened.notices)
    to_degrees = to_degrees_of(opened.known_crs(), path) if places else None
    if to_degrees is not None:
        notices.append(f"reprojected from {_crs_name(opened.known_crs())}")

    def batches() -> Iterator[Batch]:
        row = 2
        for part in opened.parts(choice.positions):
            columns = dict(zip(choice.names, part.columns, strict=True))
            reasons = part.reasons
            if places:
                assert part.wkb is not None
                lonlat, odd = lonlat_of(part.wkb, to_degrees)
                columns |= {name: float_text(pa.array(lonlat[:, i])) for i, name in enumerate(PLACE)}
                reasons = odd if reasons is None else np.where(reasons == "", odd, reasons)
            batch = batch_of(columns, row, path, reasons)
            row += len(batch.row) + len(batch.bad)
            notices.extend(told for told in opened.notices if told not in notices)
            yield batch

    names = (*choice.names, *PLACE) if places else choice.names
    return OpenTable(
        path, names, choice.dropped, batches, opened.encoding, sha256_of(file), notices=notices, from_geometry=places
    )


def _crs_name(crs: CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def _without_place(wanted: Wanted) -> Wanted:
    required, optional = ([name for name in names if name not in PLACE] for names in (wanted.required, wanted.optional))
    return Wanted(tuple(required), tuple(optional), wanted.columns)


# ---- what may be opened ----


def _check_content(file: Path, path: str) -> None:
    """The suffix is known and the content begins as it says."""
    suffix = file.suffix.lower()
    if suffix not in BEGINS:
        reason = f"files of type '{file.suffix}' can't be read as a layer"
        raise InputError(Fault(path, reason, f"save it as one of {', '.join(BEGINS)}"))
    size = file.stat().st_size
    if not size:
        raise InputError(Fault(path, "file is empty", "export it again"))
    if size > MOST_BYTES:
        raise InputError(Fault(path, f"{size:,} bytes, the limit is {MOST_BYTES:,}", "split it by year"))
    with file.open("rb") as opened:
        if not opened.read(16).startswith(BEGINS[suffix]):
            raise InputError(Fault(path, f"the content is not that of a {suffix} file", "copy or export it again"))
    if suffix == ".gpkg":
        geopackage.check_file(file, path)
    if suffix == ".shp":
        shapefile.check_parts(file, path)


def _pick(layers: Sequence[tuple[str, str]], name: str | None, geometry: str | None, path: str) -> str:
    """The layer of that name; without one the only layer of that kind, else the only one with a geometry, else the only
    one."""
    names = [each for each, _ in layers]
    if name is not None:
        if name not in names:
            raise InputError(_unknown_layer(name, names, path))
        return name
    with_geometry = [each for each, kind in layers if kind]
    of_kind = [each for each, kind in layers if geometry is not None and kind in _KINDS[geometry]]
    candidates = next((some for some in (of_kind, with_geometry, names) if some), [])
    if len(candidates) != 1:
        reason = f"{len(candidates)} layers to choose from: {', '.join(candidates[:30])}"
        raise InputError(
            Fault(path, reason if candidates else "no layer in it", 'name one: sheet = "..."', field="sheet")
        )
    return candidates[0]


def _unknown_layer(name: str, names: Sequence[str], path: str) -> Fault:
    reason = f"layer not found; layers found: {', '.join(names[:30]) or 'none'}"
    return Fault(path, reason, "name one of them", field="sheet", value=name)


# ---- GDAL ----


def _address(file: Path, path: str) -> str:
    """What GDAL is given: an absolute path, with the driver where that can be told."""
    absolute, suffix = str(file.absolute()), file.suffix.lower()
    if odd := sorted(set(_ODD.get(suffix, "")) & set(absolute)):
        raise InputError(Fault(path, f"a path with {odd[0]} can't be read", "rename the file or its folder"))
    return _PREFIX.get(suffix, "") + absolute


def _info(file: Path, path: str, layer: str | None) -> dict[str, Any]:
    """What pyogrio tells of a layer. Raises InputError also when another driver than the suffix's took it."""
    suffix = file.suffix.lower()
    with _damage_told(file, path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matters is told again when rows are read
        try:
            info: dict[str, Any] = gdal().read_info(
                _address(file, path), layer=layer, encoding=_raw(suffix), **_OPTIONS.get(suffix, {})
            )
        except (UnboundLocalError, gdal().errors.CRSError) as error:  # the first is a mistake of pyogrio 0.13
            raise CrsError(Fault(path, "CRS unknown: its definition can't be read", _FIX)) from error
    if info["driver"] != _DRIVER[suffix]:
        raise InputError(Fault(path, f"the content is not that of a {suffix} file", "copy or export it again"))
    return info


def _raw(suffix: str) -> str | None:
    return shapefile.RAW if suffix == ".shp" else None


@contextmanager
def _damage_told(file: Path, path: str) -> Iterator[None]:
    """What GDAL can't read becomes an InputError with its first words, without the machine's folders."""
    try:
        yield
    except (RuntimeError, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = str(error).replace(str(file.absolute()), path).splitlines()
        raise InputError(
            Fault(path, f"can't be read ({said[0][:200] if said else 'GDAL gives no reason'})", _FIX)
        ) from error


def _open_gdal(file: Path, path: str, layer: str | None) -> Layer:
    suffix = file.suffix.lower()
    look = look_through(file, path) if _DRIVER[suffix] == "GeoJSON" else None
    info = _info(file, path, layer)
    encoding, notices = shapefile.encoding_of_table(file, path) if suffix == ".shp" else ("utf-8", [])
    own = tuple(str(name) for name in info["fields"])
    key = str(info["fid_column"] or "") if suffix == ".gpkg" else ""
    reading = _Reading(file, path, info["layer_name"], (*own, key) if key else own, key, encoding, notices)
    types = [_TYPES_WITHOUT_TEXT.get(each, pa.string()) for each in info["ogr_types"]]
    return Layer(
        path, info["layer_name"], reading.shown_names(), (*types, *([pa.int64()] if key else [])),
        (info["geometry_type"] or "").upper(), look.crs if look else _crs(info["crs"]),
        lambda at: _parts(reading, at, look.features if look else None), encoding, notices,
    )  # fmt: skip


def _crs(told: str | None) -> CRS | None:
    try:
        return CRS.from_user_input(told) if told else None
    except CRSError:
        return None


@dataclass(frozen=True)
class _Reading:
    """What is needed to read one layer again: its columns as GDAL calls them, and its key where that is one of them."""

    file: Path
    path: str
    layer: str
    names: tuple[str, ...]
    key: str
    encoding: str
    notices: list[str]

    @property
    def is_raw(self) -> bool:
        return self.file.suffix.lower() == ".shp"

    def shown_names(self) -> tuple[str, ...]:
        if not self.is_raw:
            return self.names
        told = shapefile.decoded(pa.array(self.names, pa.string()), self.encoding).cast(pa.binary()).to_pylist()
        return tuple(name.decode("utf-8", "backslashreplace") for name in told)


@contextmanager
def _stream(reading: _Reading, columns: Sequence[str]) -> Iterator[tuple[Any, pa.RecordBatchReader]]:
    """pyogrio's stream of key, columns and geometry."""
    suffix = reading.file.suffix.lower()
    with gdal().open_arrow(
        _address(reading.file, reading.path),
        layer=reading.layer,
        encoding=_raw(suffix),
        columns=list(columns),
        return_fids=True,
        use_pyarrow=True,
        datetime_as_string=True,
        **_OPTIONS.get(suffix, {}),
    ) as stream:
        yield stream


def _parts(reading: _Reading, at: Sequence[int], features: int | None) -> Iterator[Part]:
    """The rows. Raises InputError when there are fewer than `features`: GDAL leaves out what is no feature."""
    asked = [reading.names[i] for i in at if reading.names[i] != reading.key]
    strange: dict[str, npt.NDArray[np.int64]] = {}
    if reading.key:
        strange = geopackage.strange_rows(reading.file, reading.path, reading.layer, reading.key, asked)
    count = 0
    with _damage_told(reading.file, reading.path), _stream(reading, asked) as (meta, stream):
        has_geometry = bool(meta["geometry_type"])
        while (rows := _next(stream, reading)) is not None:
            count += rows.num_rows
            by_name = dict(zip(rows.schema.names, rows.columns, strict=True))
            key = rows.column(0)
            columns = [key if reading.names[i] == reading.key else by_name[reading.names[i]] for i in at]
            if reading.is_raw:
                columns = [
                    shapefile.decoded(each, reading.encoding) if pa.types.is_string(each.type) else each
                    for each in columns
                ]
            wkb = rows.column(rows.num_columns - 1) if has_geometry else None
            yield Part(columns, wkb, _strange_reasons(key, strange))
    if features is not None and count < features:
        reason = f"{features - count:,} of {features:,} elements of 'features' are no features"
        raise InputError(Fault(reading.path, reason, "export it again"))


def _next(stream: pa.RecordBatchReader, reading: _Reading) -> pa.RecordBatch | None:
    """The next rows; GDAL's warnings become notices."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            rows = stream.read_next_batch()
        except StopIteration:
            rows = None
    for each in told:
        notice = f"GDAL warns: {str(each.message).splitlines()[0][:200]}"
        if notice not in reading.notices and len(reading.notices) < _MOST_WARNINGS:
            reading.notices.append(notice)
    return rows


def _strange_reasons(key: pa.Array, strange: Mapping[str, npt.NDArray[np.int64]]) -> Reasons | None:
    if not any(len(keys) for keys in strange.values()):
        return None
    reasons = np.full(len(key), "", dtype=object)
    for name, keys in strange.items():
        reasons[np.isin(key.to_numpy(), keys)] = f"text in '{name}', a column of numbers"
    return reasons


def _of_parquet(found: geoparquet.GeoParquet, at: Sequence[int]) -> Iterator[Part]:
    for columns, wkb in found.parts(at):
        yield Part(columns, wkb)


# ---- attributes of a whole layer ----


def _is_readable(kind: pa.DataType) -> bool:
    return can_be_text(kind) or (pa.types.is_list(kind) and can_be_text(kind.value_type))


def _texts(column: pa.Array, name: str, path: str) -> tuple[pa.Array, Reasons | None]:
    """Text of a column, several values in a field parted by semicolons."""
    if not _is_readable(column.type):
        reason = f"values of type {column.type} can't be read"
        raise InputError(Fault(path, reason, "store it as text, number or time", field=name))
    if pa.types.is_list(column.type):
        values = pc.fill_null(as_text(column.values), "")
        lists = pa.ListArray.from_arrays(column.offsets, values)
        return pc.if_else(column.is_null(), None, pc.binary_join(lists, ";")), None
    return usable_text(as_text(column), name)


def _column(parts: Sequence[pa.Array]) -> npt.NDArray[np.object_]:
    whole = pa.chunked_array(parts, pa.string())
    column: npt.NDArray[np.object_] = pc.utf8_trim_whitespace(pc.fill_null(whole, "")).to_numpy(zero_copy_only=False)
    return column


def _refuse_reasons(reasons: Reasons | None, row: int, path: str) -> None:
    if reasons is not None and (reasons != "").any():
        raise InputError(
            Fault(path, str(reasons[i]), _FIX, row=row + int(i)) for i in np.flatnonzero(reasons != "")[:100]
        )
