"""Telling others that there is a new plan: a copy in a folder, and a signed message to an address, told until it arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SIGNATURE = "X-Patrol-Signature"
TIMEOUT_S = 5.0
COPIED = ("map.html", "visits.csv", "changes.csv", "sheets")
_LOG = logging.getLogger(__name__)


def signature(body: bytes, secret: str) -> str:
    """HMAC-SHA256 (RFC 2104) of the message, as the receiver computes it again to know who sent it.

    >>> signature(b"{}", "key")[:23]
    'sha256=a777724d943eb48d'
    """
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def queue_message(folder: Path, message: Mapping[str, Any]) -> Path:
    """Keeps the message of a run until it has arrived; one of the same run takes its place."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{message['run_id']}.json"
    part = folder / f".{message['run_id']}.part"
    part.write_text(json.dumps(message, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    part.replace(path)
    return path


def send_queued(folder: Path, url: str, *, secret: str, timeout_s: float = TIMEOUT_S) -> int:
    """Posts what is queued, oldest first, and forgets what arrived (2xx). Returns how many messages still wait."""
    waiting = sorted(folder.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    for done, path in enumerate(waiting):
        body = path.read_bytes()
        headers = {"Content-Type": "application/json; charset=utf-8", SIGNATURE: signature(body, secret)}
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - http(s) only
        try:
            with urllib.request.urlopen(request, timeout=timeout_s):  # noqa: S310
                path.unlink()
        except (urllib.error.URLError, OSError, ValueError) as error:
            _LOG.warning("%s: not told (%s); it is tried again", url, error)
            return len(waiting) - done
    return 0


def copy_run(run: Path, folder: Path) -> None:
    """Map, visits, changes and sheets of a run in a folder of others; each file is whole whenever it is read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = run / name
        files = [source] if source.is_file() else sorted(source.rglob("*")) if source.is_dir() else []
        for file in files:
            target = folder / file.relative_to(run)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.copyfile(file, part)
            part.replace(target)
