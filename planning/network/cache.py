"""Streets as they were read, kept beside the district so that the next start needn't read the source again.

A folder of ours holds, for each source, GeoParquet, arrays of nodes and JSON. Nothing in it can run code.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa

from hotspot.private_cache import is_private
from planning.network.graphs import GraphMarks
from planning.network.streets import Streets
from planning.release import __version__

SCHEMA = 2
_PARTS = ("edges.parquet", "nodes.npy", "more")
_LOG = logging.getLogger(__name__)


def cache_key(source: Path, **options: object) -> dict[str, object]:
    """What cached streets must have been made from: the source's bytes, the options, the version."""
    with source.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    told = {name: str(value) for name, value in sorted(options.items())}
    return {"schema": SCHEMA, "version": __version__, "sha256": digest, "options": told}


def load(folder: Path, key: dict[str, object]) -> Streets | None:
    """The streets that were saved under `key`; None where there are none, or none that can be trusted, with a notice."""
    name = _name(key)
    header = folder / f"{name}.json"
    if not header.exists() or not is_private(folder):
        return None
    try:
        told = json.loads(header.read_text(encoding="utf-8"))
        if told["key"] != key:
            raise ValueError("made from something else")
        for part in _PARTS:
            if hashlib.sha256((folder / f"{name}.{part}").read_bytes()).hexdigest() != told["parts"][part]:
                raise ValueError(f"{part} isn't what was written")
        return read_parts(folder, name, dropped=told["dropped"])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        _LOG.warning("%s: cached streets can't be used (%s): they are read again", header, error)
        return None


def save(folder: Path, key: dict[str, object], streets: Streets) -> None:
    """Keeps the streets under `key`; the header comes last, so that half a cache is none. Two processes may do it."""
    if not is_private(folder, make=True):
        return
    name, own = _name(key), f".{os.getpid()}"
    parts = write_parts(folder, own, streets)
    hashes = {part: hashlib.sha256(path.read_bytes()).hexdigest() for part, path in parts.items()}
    header = folder / f"{own}.header"
    told = {"key": key, "parts": hashes, "dropped": dict(streets.dropped)}
    header.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    for part, path in [*parts.items(), ("json", header)]:
        path.replace(folder / f"{name}.{part}")


def write_parts(folder: Path, name: str, streets: Streets) -> dict[str, Path]:
    """Writes `NAME.edges.parquet`, `NAME.nodes.npy` and `NAME.more`; the path of each part."""
    parts = {part: folder / f"{name}.{part}" for part in _PARTS}
    streets.edges.to_parquet(parts["edges.parquet"], index=False)
    with parts["nodes.npy"].open("wb") as opened:
        np.save(opened, streets.nodes_xy, allow_pickle=False)
    barred = {mode: nodes.tolist() for mode, nodes in streets.barred.items()}
    marks = streets.marks.to_json() if streets.marks is not None else None
    more = {"barred": barred, "source_crs": streets.source_crs, "marks": marks}
    parts["more"].write_text(json.dumps(more, ensure_ascii=False), encoding="utf-8")
    return parts


def read_parts(folder: Path, name: str, *, dropped: Mapping[str, int]) -> Streets:
    """The streets of `write_parts`. What was changed since shows as an error of the readers, if at all."""
    edges = gpd.read_parquet(folder / f"{name}.edges.parquet")
    nodes_xy = np.load(folder / f"{name}.nodes.npy", allow_pickle=False)
    more = json.loads((folder / f"{name}.more").read_text(encoding="utf-8"))
    barred = {mode: np.array(nodes, dtype=np.int64) for mode, nodes in more["barred"].items()}
    marks = GraphMarks.from_json(more["marks"]) if more["marks"] else None
    return Streets(edges, nodes_xy, dropped, barred, more["source_crs"], marks)


def _name(key: dict[str, object]) -> str:
    """One name for each source and its options, whatever its version: a newer one takes its place."""
    return hashlib.sha256(json.dumps([key["sha256"], key["options"]]).encode()).hexdigest()[:16]
