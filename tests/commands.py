"""The command `patrol` inside the test's own process: what it prints and its exit code."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def patrol(*words: object) -> Said:
    """Runs `patrol WORDS...` and restores what the command changes about the process."""
    from planning.cli import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)}
    before, sys.argv = sys.argv, ["patrol", *map(str, words)]
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Said(code, out.getvalue(), err.getvalue())
