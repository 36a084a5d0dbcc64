"""Texts that are equal, found among millions without holding a dictionary of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

LARGE = 200_000
_OFFSET_BASIS, _PRIME = 0xCBF29CE484222325, 0x100000001B3


def group_numbers(texts: pa.ChunkedArray, within: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(n,) a number for each text that another one equals, with the same number in `within`; -1 where it is alone.

    Texts are told apart by their hash (FNV-1a, 64 bits: Fowler, Noll and Vo 1991) and those of one hash compared.

    >>> group_numbers(pa.chunked_array([["a", "b"], ["a", "b", "a"]]), np.array([0, 0, 0, 1, 0])).tolist()
    [0, -1, 0, -1, 0]
    """
    if len(texts) < LARGE:
        return _by_pairs(texts, within)
    hashes = hash_texts(texts)
    hashes *= np.uint64(31)
    hashes += within.astype(np.uint64)
    ranked = np.sort(hashes)
    often = np.unique(ranked[1:][ranked[1:] == ranked[:-1]])
    del ranked
    groups = np.full(len(texts), -1, dtype=np.int64)
    if not len(often):
        return groups
    nearest = np.minimum(np.searchsorted(often, hashes), len(often) - 1)
    candidates = np.flatnonzero(often[nearest] == hashes)
    candidates = candidates[np.argsort(nearest[candidates], kind="stable")]
    groups[candidates] = _by_text(texts.take(pa.array(candidates)), within[candidates], nearest[candidates])
    return groups


def _by_text(texts: pa.ChunkedArray, within: npt.NDArray[np.integer], of_hash: npt.NDArray[np.int64]) -> Any:
    """The groups by hash, unless two different texts share one: then by the texts themselves."""
    same_hash = of_hash[1:] == of_hash[:-1]
    same_text = np.asarray(pc.equal(texts.slice(1), texts.slice(0, len(texts) - 1)), dtype=bool)
    if (same_text & (within[1:] == within[:-1]))[same_hash].all():
        return of_hash
    return _by_pairs(texts, within)


def _by_pairs(texts: pa.ChunkedArray, within: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """The same by a dictionary: the obvious way, quick enough for a few rows and without a compiler."""
    if not len(texts):
        return np.empty(0, dtype=np.int64)
    pairs = list(zip(texts.to_pylist(), within.tolist(), strict=True))
    number = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
    found = np.array([number[pair] for pair in pairs], dtype=np.int64)
    return np.where(np.bincount(found)[found] > 1, found, -1)


def hash_texts(texts: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """(n,) FNV-1a hash of each text's UTF-8 bytes.

    >>> [hex(each) for each in hash_texts(pa.chunked_array([["", "a"]]))]     # from the authors' table of test vectors
    ['0xcbf29ce484222325', '0xaf63dc4c8601ec8c']
    """
    parts = [_hash_chunk(chunk) for chunk in texts.chunks if len(chunk)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def _hash_chunk(chunk: pa.Array) -> npt.NDArray[np.uint64]:
    wide = pa.types.is_large_string(chunk.type)
    _, offsets, data = chunk.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    octets = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    hashes = np.empty(len(chunk), dtype=np.uint64)
    _kernel()(bounds.astype(np.int64), octets, hashes)
    return hashes


@cache
def _kernel() -> Any:
    from numba import njit  # slow to import, and only large loads of rows need it

    @njit(cache=True, nogil=True)
    def fnv1a(bounds: Any, octets: Any, hashes: Any) -> None:
        for i in range(len(hashes)):
            value = np.uint64(_OFFSET_BASIS)
            for k in range(bounds[i], bounds[i + 1]):
                value = (value ^ np.uint64(octets[k])) * np.uint64(_PRIME)
            hashes[i] = value

    return fnv1a
