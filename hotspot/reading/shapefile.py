"""What a shapefile is beside its .shp: the files that belong to it, and the encoding that its table doesn't tell."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotspot.errors import Fault, InputError

NEEDED = (".shx", ".dbf")
RAW = "ISO-8859-1"  # each byte is one character: what GDAL reads as this can be decoded here, strictly
_FIX = "copy or export it again"
_CODE_PAGES = {"65001": "utf-8", "936": "gb18030", "950": "big5", "1252": "cp1252", "88591": "iso-8859-1"}
_AS_GB18030 = ("gbk", "gb2312", "cp936")
_ROWS_AT_ONCE = 10_000


def sidecar(file: Path, suffix: str) -> Path | None:
    """The file beside it that has this suffix in small letters or capitals; None where there is none."""
    near = (file.with_suffix(suffix), file.with_suffix(suffix.upper()))
    return next((each for each in near if each.is_file()), None)


def check_parts(file: Path, path: str) -> None:
    """Raises InputError that names every file which a shapefile can't be read without, and those that were cut off."""
    missing = [file.with_suffix(suffix).name for suffix in NEEDED if sidecar(file, suffix) is None]
    if missing:
        reason = f"the shapefile lacks {' and '.join(missing)}"
        raise InputError(Fault(path, reason, "copy all its files: .shp, .shx, .dbf, .prj and .cpg"))
    parts = [file, *(part for suffix in NEEDED if (part := sidecar(file, suffix)) is not None)]
    sizes = [_declared_bytes(part) for part in parts]
    faults = [
        Fault(path, f"damaged shapefile: {part.name} was cut off after {part.stat().st_size:,} of {size:,} bytes", _FIX)
        for part, (size, _) in zip(parts, sizes, strict=True)
        if part.stat().st_size < size
    ]
    (_, shapes), (_, rows) = sizes[1:]
    if not faults and shapes != rows:
        faults.append(Fault(path, f"damaged shapefile: {shapes:,} shapes but {rows:,} rows in its table", _FIX))
    if faults:
        raise InputError(faults)


def _declared_bytes(part: Path) -> tuple[int, int]:
    """(how long its header says that it is, how many shapes or rows), of a .shp, .shx or .dbf; a .shp doesn't count."""
    with part.open("rb") as opened:
        head = opened.read(32)
    if part.suffix.lower() == ".dbf":
        rows, header, width = (int.from_bytes(head[i:j], "little") for i, j in ((4, 8), (8, 10), (10, 12)))
        return header + rows * width, rows
    size = 2 * int.from_bytes(head[24:28], "big")
    return max(size, 100), (size - 100) // 8


def encoding_of_table(file: Path, path: str) -> tuple[str, list[str]]:
    """(Python's name of the .dbf's encoding, what a reader must know of it).

    The one that the .cpg names, if the text is mostly in it; else UTF-8, else GB18030. A text cut off in the middle of
    a character, as the width of a field does, still counts.
    """
    declared = _declared(file)
    table = sidecar(file, ".dbf")
    assert table is not None
    good = dict.fromkeys([declared or "utf-8", "utf-8", "gb18030"], 0)
    texts = 0
    for text in _texts_beyond_ascii(table, path):
        texts += 1
        for name in good:
            good[name] += _is_text(text, name)
    if declared is not None and good[declared] * 2 >= texts:
        return declared, []
    found = max(("utf-8", "gb18030"), key=lambda name: good[name])
    if declared is None:
        return found, [f"no .cpg beside it; the text was read as {found.upper()}"]
    return found, [f"its .cpg says {declared.upper()} but the text isn't; it was read as {found.upper()}"]


def _declared(file: Path) -> str | None:
    """What the .cpg names, as Python calls it; None without one and for a name that nobody knows."""
    page = sidecar(file, ".cpg")
    if page is None:
        return None
    text = page.read_bytes()[:64].decode("ascii", "replace").strip().lower()
    text = text.removeprefix("ansi ").removeprefix("oem ")
    try:
        name = codecs.lookup(_CODE_PAGES.get(text, text)).name
    except (LookupError, ValueError):  # ValueError: a NUL in it
        return None
    return "gb18030" if name in _AS_GB18030 else name


def _texts_beyond_ascii(table: Path, path: str) -> Iterator[bytes]:
    """The names of a .dbf's columns and the texts in it that have other bytes than ASCII."""
    with table.open("rb") as opened:
        start = opened.read(32)
        header, width = int.from_bytes(start[8:10], "little"), int.from_bytes(start[10:12], "little")
        if len(start) < 32 or header < 33 or width < 2:
            raise InputError(Fault(path, f"damaged shapefile: {table.name} has no header", _FIX))
        fields = opened.read(header - 32)
        columns = [fields[i : i + 32] for i in range(0, len(fields) - 31, 32)]
        yield from (name for name in (column[:11].split(b"\0")[0] for column in columns) if not name.isascii())
        ends = np.cumsum(
            [1, *(column[16] for column in columns)]
        )  # the first byte of a row says whether it was deleted
        while block := opened.read(width * _ROWS_AT_ONCE):
            rows = np.frombuffer(block[: len(block) // width * width], dtype=np.uint8).reshape(-1, width)
            for row in rows[(rows > 127).any(axis=1)]:
                texts = (row[begin:end].tobytes() for begin, end in pairwise(ends.tolist()))
                yield from (text.rstrip(b" \0") for text in texts if not text.isascii())


def _is_text(value: bytes, name: str) -> bool:
    try:
        codecs.getincrementaldecoder(name)("strict").decode(value)
    except UnicodeDecodeError:
        return False
    return True


def decoded(text: pa.Array, encoding: str) -> pa.Array:
    """What was read as RAW, in its own encoding; bytes that aren't text stay as they are, to be found as no UTF-8.

    >>> decoded(pa.array(["ÓÜÁÖ", "Yulin", None]), "gb18030").to_pylist()
    ['榆林', 'Yulin', None]
    """
    if pc.all(pc.string_is_ascii(text)).as_py() is not False:
        return text
    unique = pc.dictionary_encode(text)
    values = [_utf8(each, encoding) for each in unique.dictionary.to_pylist()]
    return pa.array(values, pa.binary()).take(unique.indices).cast(pa.string(), safe=False)


def _utf8(value: str, encoding: str) -> bytes:
    raw = value.encode(RAW)
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(raw).encode()
    except UnicodeDecodeError:
        return raw if not _is_text(raw, "utf-8") else b"\xff" + raw
