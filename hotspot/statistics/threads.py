"""Independent rows on all cores, in threads: for compiled kernels that hold no lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_LEAST_PER_THREAD = 4


def in_threads(rows: Callable[[int, int], Any], count: int) -> None:
    """Calls `rows(low, high)` until all of `count` rows are done. Rows mustn't depend on each other."""
    workers = min(os.cpu_count() or 1, count // _LEAST_PER_THREAD)
    if workers < 2:
        rows(0, count)
        return
    size = -(-count // (4 * workers))
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(rows, low, min(low + size, count)) for low in range(0, count, size)]:
            done.result()
