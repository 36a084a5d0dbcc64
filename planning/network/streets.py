"""Streets from files: lines split where they meet, as edges between numbered nodes."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS

from hotspot.errors import CrsError, Fault, InputError
from hotspot.geo import check_metric
from hotspot.tables import local_path

TAGS = ("name", "highway", "oneway", "maxspeed", "access", "foot", "bicycle")
MEET_M = 0.1  # vertices closer than this are one place
_OSM = (".pbf", ".osm", ".osm.gz")


@dataclass(frozen=True, eq=False)
class Streets:
    """Street edges between nodes.

    `edges`: `edge_id, u, v, length_m, name, highway, oneway, maxspeed, access, foot, bicycle, geometry` in a metric
    CRS, '' where a tag is unknown; the line runs from node u to node v. `nodes_xy` (N, 2). `dropped` counts what the
    file held that is no street.
    """

    edges: gpd.GeoDataFrame
    nodes_xy: npt.NDArray[np.float64]
    dropped: Mapping[str, int]

    @property
    def crs(self) -> CRS:
        return CRS.from_user_input(self.edges.crs)

    def to_crs(self, crs: str | CRS) -> Streets:
        """The same streets in another metric CRS; lengths are measured anew."""
        if CRS.from_user_input(crs) == self.crs:
            return self
        return from_lines(self.edges.drop(columns=["edge_id", "u", "v", "length_m"]).to_crs(crs), dropped=self.dropped)

    def to_networkx(self) -> nx.MultiDiGraph[int]:
        """OSMnx's graph type: x, y on nodes, length and geometry on edges, both directions unless one-way."""
        graph: nx.MultiDiGraph[int] = nx.MultiDiGraph(crs=self.crs)
        graph.add_nodes_from((n, {"x": x, "y": y}) for n, (x, y) in enumerate(self.nodes_xy.tolist()))
        ahead, back = directions(self.edges["oneway"])
        for row, one, other in zip(self.edges.itertuples(), ahead, back, strict=True):
            tags = {name: getattr(row, name) for name in TAGS} | {"length": row.length_m, "edge_id": row.edge_id}
            if one:
                graph.add_edge(row.u, row.v, geometry=row.geometry, **tags)
            if other:
                graph.add_edge(row.v, row.u, geometry=shapely.reverse(row.geometry), **tags)
        return graph

    def summary(self) -> str:
        km = self.edges["length_m"].sum() / 1000
        return f"{len(self.edges):,} street edges, {len(self.nodes_xy):,} nodes, {km:,.0f} km"


def directions(oneway: pd.Series) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(E,) whether an edge may be driven along its line, and against it."""
    text = oneway.astype(str).str.strip().str.lower()
    against = text.isin(["-1", "reverse"]).to_numpy(dtype=bool)
    along = text.isin(["yes", "true", "1"]).to_numpy(dtype=bool)
    return ~against, ~along


def read_streets(path: str | Path, *, crs: str | None = None) -> Streets:
    """Read .parquet, .gpkg, .geojson, .shp, OSMnx's .graphml, .osm.pbf or .osm(.gz).

    `crs` None takes the UTM zone of the streets. Raises InputError for what can't be read or holds no line, CrsError for
    a CRS that isn't metric.
    """
    name = str(path).lower()
    if name.endswith(_OSM):
        lines = _from_osm(path)
    elif name.endswith(".graphml"):
        lines = _from_graphml(path)
    else:
        lines = _from_vector(path)
    metric = check_metric(crs) if crs else lines.estimate_utm_crs()
    streets = from_lines(lines.to_crs(metric))
    if not len(streets.edges):
        raise InputError(Fault(str(path), "no street lines in it", "export the streets as lines"))
    return streets


def from_lines(lines: gpd.GeoDataFrame, *, dropped: Mapping[str, int] | None = None) -> Streets:
    """Edges from lines in a metric CRS, split at every vertex that two lines share and at their ends."""
    tags = pd.DataFrame(
        {tag: lines[tag].map(_tag) if tag in lines else "" for tag in TAGS}, index=lines.index
    ).reset_index(drop=True)
    shapes = shapely.force_2d(lines.geometry.to_numpy())
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    parts, row = shapely.get_parts(shapes, return_index=True)
    is_line = shapely.get_type_id(parts) == 1
    parts, row = parts[is_line], row[is_line]
    edges, source, u, v, nodes = _split(parts)
    long = shapely.length(edges) > 0
    frame = gpd.GeoDataFrame(
        {"edge_id": np.arange(long.sum()), "u": u[long], "v": v[long], "length_m": shapely.length(edges[long])},
        geometry=edges[long],
        crs=lines.crs,
    ).join(tags.iloc[row[source[long]]].reset_index(drop=True))
    counts = {"empty": int(empty.sum()), "not a line": int((~is_line).sum()), "zero length": int((~long).sum())}
    return Streets(frame, nodes, dropped or counts)


def _tag(value: object) -> str:
    first = value[0] if isinstance(value, list | tuple | np.ndarray) and len(value) else value
    return "" if first is None or first != first else str(first)


def _split(
    lines: npt.NDArray[np.object_],
) -> tuple[
    npt.NDArray[np.object_],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float64],
]:
    """Edges, the line each comes from, their end nodes, and the nodes' places."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    grid = np.round(xy / MEET_M).astype(np.int64)
    _, first, vertex = np.unique(grid[:, 0] * (1 << 32) + grid[:, 1], return_index=True, return_inverse=True)
    starts = np.r_[True, line[1:] != line[:-1]] if len(line) else np.empty(0, dtype=bool)
    ends = np.r_[starts[1:], True] if len(line) else starts
    on_line = np.unique(np.column_stack([vertex, line]), axis=0)[:, 0]  # a dense curve's own vertices don't meet
    shared = np.bincount(on_line, minlength=len(first)) > 1
    inner = shared[vertex] & ~starts & ~ends
    joined = inner | starts | ends
    xy[joined] = xy[first[vertex[joined]]]  # lines that meet within MEET_M meet exactly
    twice = np.repeat(np.arange(len(xy)), 1 + inner)
    first_copy = np.r_[True, twice[1:] != twice[:-1]] if len(twice) else np.empty(0, dtype=bool)
    edge = np.cumsum(starts[twice] | ~first_copy) - 1
    shapes = shapely.linestrings(xy[twice], indices=edge) if len(edge) else np.empty(0, dtype=object)
    begins = np.flatnonzero(np.r_[True, edge[1:] != edge[:-1]]) if len(edge) else np.empty(0, dtype=np.int64)
    closes = np.r_[begins[1:], len(edge)] - 1 if len(edge) else begins
    used, node = np.unique(np.r_[vertex[twice[begins]], vertex[twice[closes]]], return_inverse=True)
    u, v = np.split(node.ravel(), 2)
    return np.asarray(shapes, dtype=object), line[twice[begins]], u, v, xy[first[used]]


def _from_vector(path: str | Path) -> gpd.GeoDataFrame:
    file = local_path(path)
    try:
        lines = gpd.read_parquet(file) if file.suffix.lower() == ".parquet" else pyogrio.read_dataframe(file)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        raise InputError(Fault(str(path), f"can't be read: {error}", "export it again")) from error
    if lines.crs is None:
        raise CrsError(Fault(str(path), "CRS unknown", "write it with its CRS (a .prj file beside a shapefile)"))
    return lines


def _from_graphml(path: str | Path) -> gpd.GeoDataFrame:
    import osmnx  # it takes a second to import, and only this format needs it

    try:
        graph = osmnx.load_graphml(local_path(path))
    except (ValueError, KeyError, SyntaxError, nx.NetworkXError) as error:
        raise InputError(
            Fault(str(path), f"not a graph of OSMnx: {error}", "save it with osmnx.save_graphml")
        ) from error
    return from_networkx_lines(graph)


def from_networkx_lines(graph: nx.MultiDiGraph[int]) -> gpd.GeoDataFrame:
    """One line per street of an OSMnx graph: of two opposite arcs the first stands for both, a lone one is one-way."""
    rows: list[dict[str, object]] = []
    seen: dict[tuple[int, int, float], tuple[tuple[int, int], int]] = {}
    for u, v, data in graph.edges(data=True):
        ends = [(graph.nodes[n]["x"], graph.nodes[n]["y"]) for n in (u, v)]
        line = data.get("geometry") or shapely.LineString(ends)
        key = (min(u, v), max(u, v), round(line.length, 9))
        if key in seen and seen[key][0] == (v, u):
            rows[seen[key][1]]["oneway"] = ""
            continue
        seen[key] = ((u, v), len(rows))
        rows.append({tag: data.get(tag, "") for tag in TAGS} | {"oneway": "yes", "geometry": line})
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=graph.graph["crs"])


def _from_osm(path: str | Path) -> gpd.GeoDataFrame:
    file = local_path(path)
    try:
        with _osm_settings(), _plain_file(file) as plain:
            lines = pyogrio.read_dataframe(plain, layer="lines", columns=list(TAGS), where="highway IS NOT NULL")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(Fault(str(path), f"not an OpenStreetMap file: {error}", "fetch the extract again")) from error
    return lines


@contextmanager
def _plain_file(file: Path) -> Iterator[Path]:
    """The file itself, or for .osm.gz a decompressed copy that vanishes: the driver knows no gzip."""
    if file.suffix != ".gz":
        yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "extract.osm"
        with gzip.open(file) as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out)
        yield plain


@contextmanager
def _osm_settings() -> Iterator[None]:
    """Our own list of tags for the OSM driver, and its slower index, which also takes unsorted files."""
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "osmconf.ini"
        tags = "name,highway,oneway,maxspeed,access,foot,bicycle"
        conf.write_text(f"attribute_name_laundering=no\n[lines]\nosm_id=yes\nattributes={tags}\nother_tags=no\n")
        before = {name: os.environ.get(name) for name in ("OSM_CONFIG_FILE", "OSM_USE_CUSTOM_INDEXING")}
        pyogrio.set_gdal_config_options({"OSM_CONFIG_FILE": str(conf), "OSM_USE_CUSTOM_INDEXING": "NO"})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options(before)
