"""What incidents of the evening change about the risk of the rest of it: near repeats, and what is known of a cell's rate.

Near repeats as in Knox, E. G. (1964), The detection of space-time interactions, Applied Statistics 13(1), 25-29,
doi:10.2307/2985220: the pairs of incidents beyond those that chance would have, per incident, are what one incident
brings after it. Only bands of the district's own table that are significant count, so a district without near repeats
gets none. The rate of a cell is known as a gamma distribution, so counts that were recorded since make it (shape + count) /
(shape + expected count) times what it was: the conjugate update of a Poisson rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.grid import Grid

Floats = npt.NDArray[np.float64]
SIGNIFICANT = 0.01
HOURS_OF_DAY = 24.0


@dataclass(frozen=True)
class Repeats:
    """Of one band of distance and of age: the incidents that one incident brings after it, beyond chance.

    A band holds distances in `(from_m, to_m]`, the first one 0 alone, and ages in `[from_days, to_days)`.
    """

    from_m: float
    to_m: float
    from_days: float
    to_days: float
    expected: float


def repeats_of(near_repeats: Mapping[str, Any]) -> list[Repeats]:
    """The significant bands of a run's table of near repeats (`statistics.json`).

    >>> band = {"from_m": 0, "to_m": 0, "from_t": 0, "to_t": 1, "observed": 30, "expected": 10, "p_value": 0.01}
    >>> repeats_of({"events": 100, "rows": [band, band | {"p_value": 0.4}]})
    [Repeats(from_m=0, to_m=0, from_days=0, to_days=1, expected=0.2)]
    """
    events = near_repeats.get("events") or 0
    return [
        Repeats(
            row["from_m"], row["to_m"], row["from_t"], row["to_t"], (row["observed"] - row["expected"]) / events
        )
        for row in near_repeats.get("rows", ())
        if events and row["p_value"] is not None and row["p_value"] <= SIGNIFICANT and row["observed"] > row["expected"]
    ]  # fmt: skip


def added_risk(
    expected: Floats,
    starts: pd.DatetimeIndex,
    grid: Grid,
    *,
    xy: Floats,
    times: Sequence[pd.Timestamp],
    weight: Floats,
    repeats: Sequence[Repeats],
    shape: Floats,
    until: pd.Timestamp,
) -> Floats:
    """(C, H) expected incidents that new ones add to those `expected` (C, H) in the hours that begin at `starts`.

    Each incident, at `xy` (n, 2) metres and one of the `times`, with its `weight` (n,), adds the near repeats of its
    age in cells whose centre lies in the band, in proportion to their risk, and in hours as busy as the district's are;
    hours before it get nothing. A cell with new incidents has its rate updated with them, its gamma `shape` (C,) and what
    was expected in the hours before `until`; it never falls, since others may have been recorded elsewhere. No
    incidents, or an empty forecast, add zeros.
    """
    added = np.zeros_like(expected)
    hourly = expected.sum(axis=0)
    if not len(xy) or not hourly.sum() > 0:
        return added
    mean = hourly.mean()
    share_of_day = hourly / mean / HOURS_OF_DAY
    of_cell, centres = expected.sum(axis=1), grid.centres_xy
    cells = grid.locate(xy)
    for place, time, amount, cell in zip(xy, times, weight, cells, strict=True):
        age_days = (starts - time).total_seconds().to_numpy() / 86_400.0
        later = age_days > -1.0 / HOURS_OF_DAY  # the hour it happened in isn't over
        metres = np.hypot(*(centres - place).T)
        metres[cell] = 0.0
        for band in repeats:
            inside = (metres > band.from_m) & (metres <= band.to_m) if band.to_m > 0 else metres == 0.0
            when = later & (np.maximum(age_days, 0.0) >= band.from_days) & (age_days < band.to_days)
            where = _in_proportion(of_cell, inside)
            days = band.to_days - band.from_days
            added += amount * band.expected / days * np.outer(where, np.where(when, share_of_day, 0.0))
    count = np.bincount(cells, weights=weight, minlength=len(expected))
    before = expected[:, starts < until].sum(axis=1)
    risen = np.where(count > 0, np.maximum((shape + count) / (shape + before), 1.0), 1.0)
    return added + expected * (risen - 1.0)[:, None]


def _in_proportion(of_cell: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """Shares that sum to 1 over the cells inside; even ones where none of them has any risk."""
    part = np.where(inside, of_cell, 0.0)
    if part.sum() > 0:
        shares: Floats = part / part.sum()
        return shares
    return inside / max(1, int(inside.sum()))
