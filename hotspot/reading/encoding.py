"""Text files as UTF-8: what a file's encoding is, where it is broken, and its bytes in blocks of whole lines."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hotspot.errors import Fault, InputError
from hotspot.reading.source import MOST_BYTES, MOST_FIELD_CHARS

BLOCK_BYTES = 4 * 1024**2
MOST_LINE_BYTES = 16 * MOST_FIELD_CHARS
MOST_PACKING = 1000  # unpacked over packed: what text reaches at the very most
MOST_TOLD = 10_000  # broken lines whose bytes are located
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Encoding:
    """`name` is utf-8, utf-8-sig, utf-16 or gb18030; `broken` tells for a line (from 1) its first byte that isn't text."""

    name: str
    broken: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # line -> (offset in the file, the byte)


def sha256_of(file: Path) -> str:
    """The hash of the file as it is."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def encoding_of(file: Path, path: str) -> Encoding:
    """UTF-16 by its mark, UTF-8 if all of it is, else whichever of UTF-8 and GB18030 more lines beyond ASCII are.

    UTF-8 comes first: short UTF-8 texts are often valid GB18030 too, and would be read as other characters.
    """
    head = next(raw_blocks(file, path), b"")
    if head.startswith(_UTF16):
        return Encoding("utf-16")
    if head[:4096].count(0) > len(head[:4096]) // 4:
        raise InputError(Fault(path, "UTF-16 without its mark, or not a text file", "save it as UTF-8"))
    name = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    if _is_wholly(file, path, "utf-8"):
        return Encoding(name)
    lines = is_utf8 = is_gb18030 = 0
    for _, _, line in _lines_beyond_ascii(file, path):
        lines += 1
        is_utf8 += _decodes(line, "utf-8")
        is_gb18030 += _decodes(line, "gb18030")
    if is_utf8 * 2 <= lines and is_gb18030 > is_utf8:
        name = "gb18030"
    return Encoding(name, _broken_lines(file, path, name))


def utf8_lines(file: Path, path: str, encoding: Encoding) -> Iterator[bytes]:
    """The file as UTF-8 in blocks that end with a line, `\\n` or the end of the file; bytes that aren't text stay.

    Raises InputError for a line that is longer than any row can be.
    """
    rest = b""
    lines = 0
    for block in _in_utf8(file, path, encoding):
        if lines == 0 and b"\n" not in block and b"\r" in block and _is_old_mac(file, path, encoding):
            yield from _old_mac_lines(file, path, encoding)
            return
        whole, end, begun = (rest + block).rpartition(b"\n")
        if len(begun) > MOST_LINE_BYTES:
            line = lines + whole.count(b"\n") + (2 if end else 1)
            reason = f"a line has more than {MOST_LINE_BYTES:,} bytes, a field may have {MOST_FIELD_CHARS:,} characters"
            raise InputError(Fault(path, reason, "look for missing line breaks, or shorten the field", row=line))
        if end:
            lines += whole.count(b"\n") + 1
            yield whole + end
        rest = begun
    if rest:
        yield rest


def raw_blocks(file: Path, path: str) -> Iterator[bytes]:
    """The file's bytes, unpacked from .gz or .zip (which must hold one file), in blocks.

    Raises InputError for damaged or absurdly packed files and for those above the limit.
    """
    total = 0
    with _opened(file, path) as opened, _damage_told(path):
        most = min(MOST_BYTES, max(BLOCK_BYTES, file.stat().st_size * MOST_PACKING))
        while block := opened.read(BLOCK_BYTES):
            total += len(block)
            if total > most:
                reason = f"unpacks to more than {most:,} bytes"
                raise InputError(Fault(path, reason, "split the export by year, and pack it again"))
            yield block


@contextmanager
def _opened(file: Path, path: str) -> Iterator[BinaryIO]:
    suffix = file.suffix.lower()
    with file.open("rb") as plain:
        if suffix == ".gz":
            with gzip.open(plain) as unpacked:
                yield unpacked  # type: ignore[misc]  # a GzipFile reads like any binary file
        elif suffix == ".zip":
            with (
                _damage_told(path),
                zipfile.ZipFile(plain) as packed,
                packed.open(_only_member(packed, path)) as unpacked,
            ):
                yield unpacked  # type: ignore[misc]  # so does a ZipExtFile
        else:
            yield plain


def _only_member(packed: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    """The one table in a zip file, whatever it is called; its name is never used as a path."""
    files = [info for info in packed.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        reason = f"holds {len(files)} files; one table is needed"
        raise InputError(Fault(path, reason, "unpack it and name the files in a list"))
    if files[0].flag_bits & 1:
        raise InputError(Fault(path, "is encrypted", "unpack it with its password first"))
    return files[0]


@contextmanager
def _damage_told(path: str) -> Iterator[None]:
    kind = {".zip": "zip", ".gz": "gzip"}.get(Path(path).suffix.lower())
    try:
        yield
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, ValueError, RuntimeError) as error:
        if kind is None or isinstance(error, InputError):  # what goes wrong with a plain file is the disk's fault
            raise
        raise InputError(Fault(path, f"damaged {kind} file ({error})", "copy or export it again")) from error


def _in_utf8(file: Path, path: str, encoding: Encoding) -> Iterator[bytes]:
    blocks = raw_blocks(file, path)
    if encoding.name in ("utf-8", "utf-8-sig"):
        first = next(blocks, b"")
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder(encoding.name)("strict" if encoding.name == "utf-16" else "surrogateescape")
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise InputError(Fault(path, f"damaged {encoding.name} text ({error})", "save it as UTF-8")) from error


def _is_old_mac(file: Path, path: str, encoding: Encoding) -> bool:
    """Whether there is no line feed in the whole file: one in quotes makes carriage returns the careful reader's work."""
    return not any(b"\n" in block for block in _in_utf8(file, path, encoding))


def _old_mac_lines(file: Path, path: str, encoding: Encoding) -> Iterator[bytes]:
    """Lines that end with a carriage return alone, as if they ended with a line feed."""
    rest = b""
    for block in _in_utf8(file, path, encoding):
        whole, end, rest = (rest + block.replace(b"\r", b"\n")).rpartition(b"\n")
        if len(rest) > MOST_LINE_BYTES:
            raise InputError(Fault(path, f"a line has more than {MOST_LINE_BYTES:,} bytes", "look for line breaks"))
        if end:
            yield whole + end
    if rest:
        yield rest


def _is_wholly(file: Path, path: str, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    try:
        for block in raw_blocks(file, path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines_beyond_ascii(file: Path, path: str) -> Iterator[tuple[int, int, bytes]]:
    """(line number from 1, offset of its first byte, the line) of every line with other bytes than ASCII."""
    number = offset = 0
    rest = b""
    for block in raw_blocks(file, path):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if len(rest) > MOST_LINE_BYTES:
            return  # no table: whoever splits it into lines says so
        for line in lines:
            number += 1
            if not line.isascii():
                yield number, offset, line
            offset += len(line) + 1
    if not rest.isascii():
        yield number + 1, offset, rest


def _broken_lines(file: Path, path: str, name: str) -> dict[int, tuple[int, int]]:
    broken: dict[int, tuple[int, int]] = {}
    for number, offset, line in _lines_beyond_ascii(file, path):
        try:
            line.decode(name)
        except UnicodeDecodeError as error:
            broken[number] = (offset + error.start, line[error.start])
            if len(broken) == MOST_TOLD:
                break
    return broken


def _decodes(line: bytes, name: str) -> bool:
    try:
        line.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def unpacked_name(file: Path) -> str:
    """The name without the ending that says how it is packed.

    >>> unpacked_name(Path("calls.CSV.gz"))
    'calls.csv'
    """
    name = file.name.lower()
    return name.removesuffix(".gz").removesuffix(".zip") if name.endswith((".gz", ".zip")) else name


def text_stream(block: bytes) -> io.StringIO:
    """A block as lines of text; bytes that aren't UTF-8 are lone surrogates."""
    return io.StringIO(block.decode("utf-8", "surrogateescape"), newline="")
