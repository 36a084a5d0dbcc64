"""The ledger of outcomes: JSON Lines to which entries are only ever added, each sealed with the hash of all before it.

An entry's `sha256` is that of the hash before it and of its own content, so a changed, removed, added or moved entry
breaks the chain at a place that can be named. Entries cut off the end leave a shorter chain that is whole: the number of
entries and the last hash, which each assessment's manifest tells, show that.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hotspot.errors import InputError, OutputError
from planning.operations.outcomes import KINDS, Count, Outcome, OutcomeFile

GENESIS = "0" * 64  # what the first entry follows
_FIELDS = ("entry", "date", "team_id", "kind", "count", "corrects", "file", "file_sha256", "previous", "sha256")
_RESTORE = "restore the ledger from a copy and import the days since again"


@dataclass(frozen=True)
class Entry:
    """One count as it was imported. `corrects` is the number of the entry that it takes the place of, None for a first."""

    entry: int
    date: str
    team_id: str
    kind: str
    count: str
    corrects: int | None
    file: str
    file_sha256: str
    previous: str
    sha256: str = ""

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.date, self.team_id, self.kind, Count.read(self.count))

    def sealed(self) -> Entry:
        """The entry with its hash: SHA-256 of the previous hash and the canonical JSON of everything else."""
        content = {name: value for name, value in vars(self).items() if name not in ("previous", "sha256")}
        return replace(self, sha256=hashlib.sha256((self.previous + _canonical(content)).encode()).hexdigest())


@dataclass(frozen=True)
class Ledger:
    """All entries in their order; `size` bytes is how long the file was when it was read."""

    entries: tuple[Entry, ...] = ()
    size: int = 0

    @property
    def head(self) -> str:
        """The hash that stands for all entries."""
        return self.entries[-1].sha256 if self.entries else GENESIS

    def latest(self) -> dict[tuple[str, str, str], Entry]:
        """The entry that holds for each date, team and kind: the last one."""
        return {entry.outcome.key: entry for entry in self.entries}

    def history(self, key: tuple[str, str, str]) -> list[Entry]:
        """Every entry for a date, team and kind, the first one first."""
        return [entry for entry in self.entries if entry.outcome.key == key]


def read_ledger(path: Path) -> Ledger:
    """The ledger at `path`, checked; a file that isn't there is an empty one. Raises InputError with what is broken."""
    if not path.exists():
        return Ledger()
    raw = path.read_bytes()
    entries, problem = _entries(raw)
    if problem:
        raise InputError(f"{path}: {problem}")
    return Ledger(tuple(entries), len(raw))


def ledger_problems(path: Path) -> list[str]:
    """The first thing that is wrong with a ledger, as one line; empty: every entry is whole and in its place."""
    try:
        _, problem = _entries(path.read_bytes())
    except OSError as error:
        return [f"{path}: can't be read: {error.strerror}; fix: give the path of a ledger"]
    return [f"{path.name}: {problem}"] if problem else []


def with_outcomes(ledger: Ledger, told: OutcomeFile) -> Ledger:
    """The ledger with what a file adds to it: first counts, and corrections where a count is another than before.

    A count that holds already adds nothing, nor does a row that was imported from the very same file before, also where
    a later file has corrected it. So importing a day twice adds 0.
    """
    latest = ledger.latest()
    seen = {(entry.outcome.key, entry.count, entry.file_sha256) for entry in ledger.entries}
    entries = list(ledger.entries)
    for outcome in told.outcomes:
        before, count = latest.get(outcome.key), str(outcome.count)
        if (before is not None and before.count == count) or (outcome.key, count, told.sha256) in seen:
            continue
        corrects = before.entry if before is not None else None
        previous = entries[-1].sha256 if entries else GENESIS
        made = Entry(len(entries) + 1, *outcome.key, count, corrects, told.path, told.sha256, previous)
        entries.append(made.sealed())
    return replace(ledger, entries=tuple(entries))


def append_new(path: Path, before: Ledger, after: Ledger) -> int:
    """Add the entries that `after` has more than `before` to the file, flushed to the disk; returns how many.

    They are written at once, in one piece. Raises OutputError when the file can't be written, or isn't as long as when
    `before` was read: another import was faster.
    """
    new = after.entries[len(before.entries) :]
    if not new:
        return 0
    piece = "".join(_line(entry) for entry in new).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            if os.fstat(descriptor).st_size != before.size:
                raise OutputError(f"{path}: was changed meanwhile; fix: run the command again")
            _write_all(descriptor, piece)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OutputError:
        raise
    except OSError as error:
        fix = "fix: choose a place that you may write to, [assess] ledger"
        raise OutputError(f"{path}: can't be written: {error.strerror}; {fix}") from error
    return len(new)


def _write_all(descriptor: int, piece: bytes) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]


def _line(entry: Entry) -> str:
    return _canonical({name: getattr(entry, name) for name in _FIELDS}, sort=False) + "\n"


def _canonical(content: Mapping[str, Any], *, sort: bool = True) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=sort, separators=(",", ":"))


def _entries(raw: bytes) -> tuple[list[Entry], str]:
    """The entries up to the first that is broken, and what is wrong with it ('' = nothing)."""
    *lines, rest = raw.split(b"\n")
    entries: list[Entry] = []
    for line in lines:
        entry, problem = _entry(line, entries)
        if entry is None or problem:
            return entries, problem
        entries.append(entry)
    if rest:
        whole = len(raw) - len(rest)
        reason = f"the last line, entry {len(entries) + 1}, is torn: a write was cut off"
        return entries, f"{reason}; fix: cut the file to its first {whole} bytes and import that day again"
    return entries, ""


def _entry(line: bytes, before: Sequence[Entry]) -> tuple[Entry | None, str]:
    number = len(before) + 1
    try:
        fields = json.loads(line.decode())
        entry = Entry(**fields)
        good = set(fields) == set(_FIELDS) and entry.kind in KINDS and isinstance(entry.outcome.count.number, int)
    except (ValueError, TypeError, AttributeError):
        good = False
    if not good:
        return None, f"entry {number}: isn't an entry of a ledger; fix: {_RESTORE}"
    name = f"entry {number} ({entry.date} {entry.team_id} {entry.kind})"
    follows = before[-1].sha256 if before else GENESIS
    if entry.previous != follows or entry.entry != number:
        return entry, f"{name}: doesn't follow the one before it: entries were removed, added or moved; fix: {_RESTORE}"
    if entry.sealed().sha256 != entry.sha256:
        return entry, f"{name}: was changed after it was written; fix: {_RESTORE}"
    return entry, ""
