"""Run folders: written whole or not at all, sealed by a manifest, verified by anyone later."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType
from typing import Any

from hotspot.errors import InputError, OutputError
from hotspot.reading.encoding import sha256_of
from planning.output.plain import plain

MANIFEST = "manifest.json"
FLUSHED_AT_ONCE = 16  # the disk writes them together
SCHEMA = "hotspot-patrol/run/1"
FIELDS = (
    *("schema", "status", "command", "config", "seed", "as_of", "window", "timezone"),
    *("versions", "inputs", "plan", "timings_s", "files"),
)


@contextmanager
def run_folder(out: str | Path, *, force: bool = False) -> Iterator[Path]:
    """A hidden folder beside `out` to build a run in; it becomes `out` at the end, or vanishes.

    The body writes its files and, last, calls `write_manifest`. When it ends well the folder is verified, flushed to
    the disk and renamed. When it raises, or is stopped by SIGINT or SIGTERM (main thread; raised as KeyboardInterrupt),
    the hidden folder is removed. A kill that nothing can answer leaves only the hidden folder; the next run into
    the same `out` clears it away.

    Args:
        force: a finished run in `out` is replaced, provided that it holds no file which its manifest doesn't list.

    Raises:
        OutputError: before the body runs: `out` exists and isn't an empty folder, is a file or a link, or its parent
            can't be written; after it: the manifest is missing or doesn't agree with the files.
    """
    target = Path(os.path.abspath(out))  # noqa: PTH100 -- resolve() would follow the link that must be refused
    _refuse_occupied(target, force=force)
    partial = target.parent / f".partial-{target.name}-{os.getpid()}"
    with _term_as_interrupt():
        try:
            _begin(target, partial)
            yield partial
            if problems := verify(partial):
                raise OutputError(f"{target}: the run isn't sealed: " + "; ".join(problems))
            _flush(partial)
            _put_in_place(partial, target)
        finally:
            with _undisturbed():
                shutil.rmtree(partial, ignore_errors=True)


def write_manifest(folder: str | Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Seals `folder`: `fields` in the documented order, then `files` with the SHA-256 of every file in it.

    NaN and infinities become null; paths, times and numpy numbers become plain ones.
    """
    root = Path(folder)
    files = [{"path": name, "sha256": sha256_of(root / name)} for name in _listing(root) if name != MANIFEST]
    values = {"schema": SCHEMA} | {key: plain(value) for key, value in fields.items()} | {"files": files}
    order = sorted(values, key=lambda key: FIELDS.index(key) if key in FIELDS else len(FIELDS) - 1.5)
    manifest = {key: values[key] for key in order}
    text = json.dumps(manifest, ensure_ascii=False, indent=2, allow_nan=False)
    (root / MANIFEST).write_bytes((text + "\n").encode())
    return manifest


def verify(run: str | Path) -> list[str]:
    """What is wrong with a finished run, one line per problem; empty: every file is there and unchanged."""
    root = Path(run)
    if not root.is_dir():
        return [f"{root}: no such folder; fix: give the folder of a finished run"]
    try:
        manifest = json.loads((root / MANIFEST).read_bytes().decode())
    except FileNotFoundError:
        return [f"{MANIFEST}: missing: the run was never finished; fix: make it again"]
    except (ValueError, OSError) as error:
        return [f"{MANIFEST}: can't be read ({error}); fix: make the run again"]
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        return [f"{MANIFEST}: not a manifest of schema {SCHEMA}; fix: make the run again"]
    listed = _listed(manifest.get("files"))
    if listed is None:
        return [f"{MANIFEST}: its list of files is damaged; fix: make the run again"]
    return _differences(root, listed)


def require_whole(run: Path) -> None:
    """Raises InputError where `verify` finds anything."""
    if problems := verify(run):
        raise InputError(f"{run}: not a whole run: " + "; ".join(problems))


def _differences(root: Path, listed: Mapping[str, str]) -> list[str]:
    present = {name for name in _listing(root) if name != MANIFEST}
    problems = []
    for name in sorted(present | set(listed)):
        if name not in present:
            problems.append(f"{name}: missing; fix: make the run again")
        elif name not in listed:
            problems.append(f"{name}: not listed in the manifest; fix: move it out of the run")
        elif (root / name).is_symlink():
            problems.append(f"{name}: a link, not a file; fix: make the run again")
        elif sha256_of(root / name) != listed[name]:
            problems.append(f"{name}: changed since the run was made; fix: make the run again")
    return problems


def _listed(files: Any) -> dict[str, str] | None:
    """Path -> SHA-256; None when the list isn't one, repeats a path, or has one that leads out of the folder."""
    if not isinstance(files, list):
        return None
    hashes: dict[str, str] = {}
    for entry in files:
        name, digest = (entry.get("path"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(digest, str) or name in hashes:
            return None
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            return None
        hashes[name] = digest
    return hashes


def _listing(root: Path) -> list[str]:
    """Every file and link below `root`, with / between the parts, sorted."""
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_symlink() or not p.is_dir())


def _refuse_occupied(target: Path, *, force: bool) -> None:
    """Refuses every `out` that can't become a new run, before anything is computed."""
    if target.is_symlink():
        raise OutputError(f"{target}: is a link; fix: give a folder of its own")
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file; fix: give a folder")
    if not any(target.iterdir()):
        return
    if not (target / MANIFEST).is_file():
        raise OutputError(f"{target}: isn't empty; fix: give a new folder")
    if not force:
        raise OutputError(f"{target}: holds a finished run; fix: give a new folder, or replace it with --force")
    strangers = [problem for problem in verify(target) if "missing" not in problem and "changed" not in problem]
    if strangers:
        raise OutputError(f"{target}: holds more than a run of ours: {'; '.join(strangers)}")


def _begin(target: Path, partial: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_stale(target)
        partial.mkdir()
        (partial / ".probe").touch()  # a folder on a full or failing disk can be made, but not filled
        (partial / ".probe").unlink()
    except OSError as error:
        fix = "fix: choose a folder that you may write to"
        raise OutputError(f"{target}: can't be written: {error.strerror}; {fix}") from error


def _clear_stale(target: Path) -> None:
    """Removes what killed processes left behind for the same `out`; a run that was being replaced comes back."""
    name = re.compile(rf"\.(partial|replaced)-{re.escape(target.name)}-(\d+)")
    for folder in sorted(target.parent.iterdir()):
        match = name.fullmatch(folder.name)
        if not match or folder.is_symlink() or _is_alive(int(match[2])):
            continue
        if match[1] == "replaced" and not target.exists():
            folder.rename(target)
        else:
            shutil.rmtree(folder)


def _is_alive(pid: int) -> bool:
    if pid == os.getpid():  # in a container every run can get the same number: it's an old one's
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _flush(folder: Path) -> None:
    """Makes sure that all of it is on the disk before the new name is: files side by side, then the folders."""
    paths = list(folder.rglob("*"))
    with ThreadPoolExecutor(FLUSHED_AT_ONCE) as pool:
        list(pool.map(_to_disk, [path for path in paths if not path.is_dir()]))
    for path in [*(path for path in paths if path.is_dir()), folder, folder.parent]:
        _to_disk(path)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(partial: Path, target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if not target.exists():
        partial.rename(target)
        return
    replaced = target.parent / f".replaced-{target.name}-{os.getpid()}"
    target.rename(replaced)
    partial.rename(target)
    shutil.rmtree(replaced)


@contextmanager
def _term_as_interrupt() -> Iterator[None]:
    """Within it SIGTERM, which would end the process on the spot, is raised as KeyboardInterrupt."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not ours:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Within it SIGINT and SIGTERM wait, so that an impatient second Ctrl-C doesn't stop the cleaning.

    While something is being stopped already they are dropped; after a run that ended well the first is told again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping, waiting = sys.exc_info()[0] is not None, list[int]()
    before = {
        number: signal.signal(number, lambda n, _: waiting.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waiting and not stopping:
        signal.raise_signal(waiting[0])
