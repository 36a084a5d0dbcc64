"""A look at a GeoJSON file before GDAL opens it: whether it is whole, how many features it has, and its CRS.

GDAL follows a `crs` member to the network wherever it stands and however its name is spelled, skips what is no feature
without a word, and tells places of damage in its own blocks. So the file is looked through once, in blocks.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from pyproj import CRS
from pyproj.exceptions import CRSError

from hotspot.errors import CrsError, Fault, InputError

MOST_GEOJSON_BYTES = 1024**3
MOST_DEPTH = 64  # a polygon's numbers are 8 levels deep
MOST_MEMBERS = 1000  # of the outermost object
_BLOCK_BYTES = 4 * 1024**2
_OVERLAP_BYTES = 64  # longer than any spelling of "crs"
_MEMBER_BYTES = 65_536  # of a name or a CRS
_FIX = "save the layer again as GeoJSON or GeoPackage"

_CRS_NAME = rb'"(?:c|\\u00[46]3)(?:r|\\u00[57]2)(?:s|\\u00[57]3)"[ \t\r\n]*'
_CRS_OBJECT = re.compile(_CRS_NAME + rb":[ \t\r\n]*\{", re.IGNORECASE)
_CRS_BEGUN = re.compile(_CRS_NAME + rb"(?::[ \t\r\n]*)?\Z", re.IGNORECASE)
_EPSG = re.compile(r"^(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?EPSG[:/](?:[\d.]*[:/])?(\d{4,6})$", re.I)
_CRS84 = re.compile(r"^(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?OGC[:/](?:[\d.]*[:/])?CRS84h?$", re.I)

_STRANGE = np.ones(256, dtype=bool)  # what may not stand outside of texts
_STRANGE[list(b'{}[]:,+-."\\ \t\r\n0123456789truefalsnNaNInfinityE')] = False
_STRUCTURE = np.zeros(256, dtype=np.int8)
_STRUCTURE[list(b"{[")], _STRUCTURE[list(b"}]")] = 1, -1
_MARKS = np.zeros(256, dtype=bool)
_MARKS[list(b'{}[]:,"')] = True


class Member(NamedTuple):
    """A member of the outermost object: where its name begins and its value, and how many commas lie directly in it."""

    name: str
    name_at: int
    value_at: int
    commas: int


@dataclass(frozen=True)
class Look:
    """`features` is None where the file isn't a collection; `crs` is what the file declares, WGS-84 by default."""

    features: int | None
    crs: CRS


def look_through(file: Path, path: str) -> Look:
    """Raises InputError for what isn't whole GeoJSON in UTF-8 or is too large, CrsError for a CRS that isn't known."""
    size = file.stat().st_size
    if size > MOST_GEOJSON_BYTES:
        reason = f"{size:,} bytes, the limit for GeoJSON is {MOST_GEOJSON_BYTES:,}"
        raise InputError(Fault(path, reason, "save the layer as GeoPackage or GeoParquet"))
    scan = _Scan(path)
    with file.open("rb") as opened:
        for block in iter(lambda: opened.read(_BLOCK_BYTES), b""):
            scan.add(block)
        scan.end()
        members = list(_members(scan, opened, path))
        nested = scan.crs_at - {member.name_at for member in members}
        if nested:
            reason = f"a crs member inside of a feature (at byte {min(nested):,})"
            raise InputError(Fault(path, reason, "save the layer again: GeoJSON has one CRS for all"))
        return Look(_features(members, opened, path), _crs(members, opened, path))


class _Scan:
    """What was seen so far. Positions count bytes from the start of the file."""

    def __init__(self, path: str) -> None:
        self.colons: list[int] = []  # after the names of the outermost members
        self.commas: list[int] = []  # one level below: in each of these members
        self.crs_at: set[int] = set()
        self._path = path
        self._size = self._depth = 0
        self._in_text = False
        self._held = self._tail = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")

    def add(self, block: bytes) -> None:
        self._check_utf8(block, final=False)
        if not self._size and not self._held:
            self._check_start(block)
        block = self._held + block
        cut = len(block) - (len(block) - len(block.rstrip(b"\\"))) % 2  # a lone backslash belongs to what follows
        self._held, block = block[cut:], block[:cut]
        self._note_crs(block)
        plain = block.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in block else block
        self._note_structure(np.frombuffer(plain, dtype=np.uint8))
        self._size += len(block)

    def end(self) -> None:
        self._check_utf8(b"", final=True)
        size = self._size + len(self._held)
        if not size:
            raise InputError(Fault(self._path, "file is empty", "export it again"))
        if self._depth or self._in_text:
            reason = f"it ends in the middle, after {size:,} bytes, with {self._depth} brackets still open"
            raise InputError(Fault(self._path, reason, "copy or export it again"))

    def _check_start(self, block: bytes) -> None:
        start = block.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")
        if not start:
            raise InputError(Fault(self._path, "file is empty", "export it again"))
        if not start.startswith(b"{"):
            raise InputError(Fault(self._path, "the content is not that of a .geojson file", _FIX))

    def _check_utf8(self, block: bytes, *, final: bool) -> None:
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            at = self._size + len(self._held) + max(0, error.start)
            reason = f"the text isn't UTF-8, which GeoJSON must be (near byte {at:,})"
            raise InputError(Fault(self._path, reason, "save it as UTF-8")) from error

    def _note_crs(self, block: bytes) -> None:
        window = self._tail + block
        begins = self._size - len(self._tail)
        goes_on = max(0, len(window) - _OVERLAP_BYTES)
        lowered = window.lower()
        if b"crs" in lowered or b"\\u00" in lowered:
            self.crs_at |= {begins + found.start() for found in _CRS_OBJECT.finditer(window)}
            begun = _CRS_BEGUN.search(window)
            goes_on = min(goes_on, begun.start()) if begun else goes_on
            if len(window) - goes_on > _MEMBER_BYTES:
                raise InputError(Fault(self._path, f"not JSON: blanks from byte {begins + goes_on:,} on", _FIX))
        self._tail = window[goes_on:]

    def _note_structure(self, octets: npt.NDArray[np.uint8]) -> None:
        quotes = np.cumsum(octets == ord('"'), dtype=np.uint8)  # it wraps, and stays odd or even
        outside = (quotes & 1) == self._in_text
        self._check_tokens(octets, outside)
        at = np.flatnonzero(_MARKS[octets])
        at = at[outside[at]]
        marks = octets[at]
        depth = self._depth + np.cumsum(_STRUCTURE[marks], dtype=np.int64)
        if depth.max(initial=0) > MOST_DEPTH:
            where = self._size + int(at[np.argmax(depth > MOST_DEPTH)])
            reason = f"more than {MOST_DEPTH} brackets inside each other (at byte {where:,})"
            raise InputError(Fault(self._path, reason, _FIX))
        if depth.min(initial=0) < 0:
            where = self._size + int(at[np.argmax(depth < 0)])
            raise InputError(Fault(self._path, f"a bracket closes that never opened (at byte {where:,})", _FIX))
        self.colons += (self._size + at[(marks == ord(":")) & (depth == 1)]).tolist()
        self._note_commas(self._size + at[(marks == ord(",")) & (depth == 2)])
        if len(self.colons) > MOST_MEMBERS:
            raise InputError(Fault(self._path, f"more than {MOST_MEMBERS} members beside its features", _FIX))
        self._depth = int(depth[-1]) if len(depth) else self._depth
        self._in_text = bool((quotes[-1] & 1) ^ self._in_text) if len(quotes) else self._in_text

    def _note_commas(self, at: npt.NDArray[np.int64]) -> None:
        self.commas += [0] * (len(self.colons) - len(self.commas))
        member = np.searchsorted(np.array(self.colons, dtype=np.int64), at) - 1
        for i, count in zip(*np.unique(member[member >= 0], return_counts=True), strict=True):
            self.commas[i] += int(count)

    def _check_tokens(self, octets: npt.NDArray[np.uint8], outside: npt.NDArray[np.bool_]) -> None:
        """Comments and single quotes, which some readers of JSON allow, would hide names from this look."""
        strange = outside & _STRANGE[octets]
        if not self._size:
            strange[:3] &= ~np.isin(octets[:3], list(codecs.BOM_UTF8))
        if strange.any():
            where = int(np.argmax(strange))
            shown = chr(octets[where]) if octets[where] < 127 else f"0x{octets[where]:02X}"
            raise InputError(Fault(self._path, f"not JSON: '{shown}' at byte {self._size + where:,}", _FIX))


def _members(scan: _Scan, opened: BinaryIO, path: str) -> Iterator[Member]:
    commas = scan.commas + [0] * (len(scan.colons) - len(scan.commas))
    for colon, count in zip(scan.colons, commas, strict=True):
        begins = max(0, colon - _MEMBER_BYTES)
        opened.seek(begins)
        before = opened.read(colon - begins).rstrip(b" \t\r\n")
        quote = before.rfind(b'"', 0, len(before) - 1)
        while quote > 0 and before[:quote].endswith(b"\\"):
            quote = before.rfind(b'"', 0, quote)
        try:
            name = json.loads(before[quote:])
        except (ValueError, RecursionError) as error:
            raise InputError(Fault(path, f"not JSON: no name at byte {colon:,}", _FIX)) from error
        yield Member(str(name), begins + quote, colon + 1, count)


def _features(members: list[Member], opened: BinaryIO, path: str) -> int | None:
    """How many elements the array has; None without one."""
    found = [member for member in members if member.name.lower() == "features"]
    if not found:
        return None
    if len(found) > 1:
        raise InputError(Fault(path, f"{len(found)} members called features", _FIX))
    opened.seek(found[0].value_at)
    begins = opened.read(_MEMBER_BYTES).split(b"[", 1)
    is_empty = len(begins) == 2 and begins[1].lstrip(b" \t\r\n").startswith(b"]")
    return 0 if is_empty else found[0].commas + 1


def _crs(members: list[Member], opened: BinaryIO, path: str) -> CRS:
    """Of the obsolete member `crs` (GeoJSON 2008): by name or by EPSG code; a link isn't followed. WGS-84 without it."""
    found = [member for member in members if member.name.lower() == "crs"]
    if not found:
        return CRS.from_epsg(4326)
    codes = {_code(_value(member, opened), path) for member in found}
    if len(codes) > 1:
        raise CrsError(Fault(path, "CRS unknown: it has two crs members that differ", _FIX))
    try:
        return CRS.from_epsg(codes.pop())
    except CRSError as error:
        raise CrsError(Fault(path, "CRS unknown: its crs member names no known code", _FIX)) from error


def _value(member: Member, opened: BinaryIO) -> Any:
    opened.seek(member.value_at)
    text = opened.read(_MEMBER_BYTES).decode("utf-8", "replace").lstrip()
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _code(crs: Any, path: str) -> int:
    """The EPSG code of a crs member."""
    properties = crs.get("properties") if isinstance(crs, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    name = str(properties.get("name", f"EPSG:{properties.get('code', '')}"))
    if isinstance(crs, dict) and str(crs.get("type")).lower() in ("name", "epsg"):
        if _CRS84.match(name):
            return 4326
        if found := _EPSG.match(name):
            return int(found[1])
    shown = json.dumps(crs, ensure_ascii=False)
    fix = "save the layer in WGS-84, or with its EPSG code"
    raise CrsError(Fault(path, "CRS unknown: its crs member isn't an EPSG code", fix, field="crs", value=shown))
