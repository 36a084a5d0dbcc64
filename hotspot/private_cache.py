"""A folder of ours beside the runs for what was worked out before: only its owner may write to it, nothing in it can run."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)


def is_private(folder: Path, *, make: bool = False) -> bool:
    """Whether the folder is one that nobody else can write to; with `make` it is made so if it isn't there."""
    try:
        if make and not folder.exists() and not folder.is_symlink():
            folder.mkdir(mode=0o700, parents=True)
        found = folder.lstat()
    except OSError as error:
        _LOG.warning("%s: can't be used as a cache (%s)", folder, error)
        return False
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        why = "it's a link or a file"
    elif hasattr(os, "getuid") and found.st_uid != os.getuid():
        why = "it belongs to another user"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = "others may write to it"
    else:
        return True
    _LOG.warning("%s: isn't used as a cache: %s", folder, why)
    return False


def kept(folder: Path | None, name: str) -> Any:
    """What `keep` left under this name in the private `folder`; None for nothing, and for nothing that can be read."""
    if folder is None or not (folder / name).exists() or not is_private(folder):
        return None
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep(folder: Path | None, name: str, value: Any) -> None:
    """Writes JSON whole or not at all; where that can't be done, it only costs the next run its time."""
    if folder is None or not is_private(folder, make=True):
        return
    path = folder / name
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        beside.write_text(json.dumps(value), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        _LOG.warning("%s: couldn't be kept (%s)", path, error)
