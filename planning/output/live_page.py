"""The page of a watch: it shows the latest plan, takes over the next one by itself, and says when it has gone stale.

It needs no server: beside it lies a little script that the watch writes anew, and the page reads it again and again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pandas as pd
from markupsafe import escape

from hotspot.mapping import words

HERE = Path(__file__).resolve().parent
PAGE, STATUS = "live.html", "status.js"


def write_live_page(folder: Path, *, language: str, title: str) -> Path:
    """Writes `live.html`; the same folder, language and title give the same bytes."""
    script = (HERE / "live.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' 'self' file:; frame-src 'self' file:; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    told = {name: words(language)[name] for name in ("live_waiting", "live_stale", "live_as_of", "live_map")}
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    page = (HERE / "live.html").read_text(encoding="utf-8")
    filled = {
        "LANGUAGE": "zh-CN" if language == "zh" else "en", "POLICY": policy, "TITLE": str(escape(title)),
        "MAP": str(escape(told["live_map"])), "WORDS": data, "SCRIPT": script,
    }  # fmt: skip
    for name, text in filled.items():
        page = page.replace(f"@{name}@", text)
    return _written(folder / PAGE, page)


def write_status(folder: Path, *, run: str, run_id: str, as_of: str, seen: pd.Timestamp) -> Path:
    """Writes `status.js`: the newest run, and when the watch was last seen alive."""
    told = {
        "run": run,
        "run_id": run_id,
        "as_of": as_of,
        "seen": seen.isoformat(),
        "seen_ms": int(seen.timestamp() * 1000),
    }
    return _written(folder / STATUS, f"patrolStatus({json.dumps(told)});\n")


def _written(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path
