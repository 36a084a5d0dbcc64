"""Who may pass: what OpenStreetMap's tags of a way, and of a gate or bollard on it, mean for each mode."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

KEYS: Mapping[str, tuple[str, ...]] = {  # the first of these tags that is set decides
    "walk": ("foot", "access"),
    "ebike": ("bicycle", "vehicle", "access"),
    "car": ("motor_vehicle", "vehicle", "access"),
}
CLOSED = ("no", "private", "use_sidepath")
# what stops a mode unless a tag lets it pass; gates, lift gates and toll booths stop nobody by themselves
_STOPS: Mapping[str, tuple[str, ...]] = {
    "walk": (),
    "ebike": ("full-height_turnstile", "kissing_gate", "stile", "turnstile"),
    "car": (
        "block", "bollard", "bus_trap", "cycle_barrier", "debris", "full-height_turnstile", "horse_stile",
        "jersey_barrier", "kissing_gate", "log", "motorcycle_barrier", "planter", "stile", "sump_buster", "turnstile",
    ),
}  # fmt: skip


def closed_by_tags(rows: pd.DataFrame, mode: str) -> npt.NDArray[np.bool_]:
    """(n,) whether the access tags close a way or a node to `mode`.

    >>> closed_by_tags(pd.DataFrame({"access": ["private", "private", ""], "foot": ["", "yes", "no"]}), "walk").tolist()
    [True, False, True]
    """
    return _decided(rows, mode)[1]


def stopped_at_barriers(nodes: pd.DataFrame, mode: str) -> npt.NDArray[np.bool_]:
    """(n,) whether `mode` can't pass the nodes with these `barrier` and access tags.

    >>> stopped_at_barriers(pd.DataFrame({"barrier": ["bollard", "gate", "bollard"], "access": ["", "private", "yes"]}),
    ...     "car").tolist()
    [True, True, False]
    """
    decided, closed = _decided(nodes, mode)
    return closed | (~decided & nodes["barrier"].isin(_STOPS[mode]).to_numpy())


def _decided(rows: pd.DataFrame, mode: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(n,) whether a tag says anything about the mode, and whether it closes."""
    decided, closed = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    for key in [key for key in KEYS[mode] if key in rows]:
        told = (rows[key] != "").to_numpy() & ~decided
        closed |= told & rows[key].isin(CLOSED).to_numpy()
        decided |= told
    return decided, closed
