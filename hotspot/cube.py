"""Incidents counted by cell and time step: the space-time cube that statistics and models start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.grid import Grid
from hotspot.incidents import Incidents
from hotspot.times import parse_instant

MOST_COUNTS = 500_000_000  # of 4 bytes each
SLICE_ROWS = 1_000_000


@dataclass(frozen=True, eq=False)
class Cube:
    """`counts` (C, T) of incidents in each cell and step; step t is the half-open `[edges[t], edges[t + 1])`."""

    counts: npt.NDArray[np.int32]
    edges: pd.DatetimeIndex
    grid: Grid

    @property
    def exposure_h(self) -> npt.NDArray[np.float64]:
        """(T,) hours that each step lasts: 23 or 25 on the days when clocks change."""
        return hours_between(self.edges)

    @property
    def starts(self) -> pd.DatetimeIndex:
        return self.edges[:-1]


def count_cube(
    incidents: Incidents, grid: Grid, *, step: str = "1D", start: str | None = None, end: str | None = None
) -> Cube:
    """Count incidents in half-open steps of local time; days are local days, also those of 23 or 25 hours.

    `start` and `end` are instants or local dates; by default the local midnights around all incidents. What happened
    outside of them isn't counted; every other incident is counted once. No incidents and no dates give no steps.

    Raises ConfigError for a step that pandas doesn't know, an end before the start, or more than 500 million counts.
    """
    times = pd.DatetimeIndex(incidents.table["time"])
    edges = step_edges(incidents, step=step, start=start, end=end, units=len(grid))
    if not len(edges):
        return Cube(np.zeros((len(grid), 0), dtype=np.int32), edges, grid)
    steps = len(edges) - 1
    counts = np.zeros(len(grid) * steps, dtype=np.int32)
    places = incidents.places
    for begin in range(0, len(times), SLICE_ROWS):
        part = slice(begin, begin + SLICE_ROWS)
        index = steps_of(times[part], edges)
        inside = index >= 0
        flat = grid.locate(places[part][inside]) * steps + index[inside]
        np.add.at(counts, flat, 1)
    return Cube(counts.reshape(len(grid), steps), edges, grid)


def hours_between(edges: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    """(T,) hours from each edge to the next."""
    return np.diff(edges.as_unit("us").asi8) / 3.6e9


def steps_of(times: pd.DatetimeIndex, edges: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    """(n,) the half-open step in which each time lies, -1 for none."""
    index = np.searchsorted(edges.as_unit("us").asi8, times.as_unit("us").asi8, side="right") - 1
    return np.where(index < len(edges) - 1, index, -1).astype(np.int64)


def step_edges(incidents: Incidents, *, step: str, start: str | None, end: str | None, units: int) -> pd.DatetimeIndex:
    """(T + 1,) the edges of the steps that so many `units` are counted in; none for no incidents and no dates."""
    zone, times = incidents.timezone, pd.DatetimeIndex(incidents.table["time"])
    if len(times) == 0 and (start is None or end is None):
        return pd.DatetimeIndex([], tz=zone)
    first = parse_instant(start, zone) if start is not None else times[0].normalize()
    last = parse_instant(end, zone) if end is not None else times[-1].normalize() + pd.DateOffset(days=1)
    edges = _edges(first, last, step)
    counts = (len(edges) - 1) * units
    if counts > MOST_COUNTS:
        reason = f"step {step} makes {counts:,} counts, the limit is {MOST_COUNTS:,}"
        raise ConfigError(f"{reason}; fix: use longer steps, a shorter time or larger cells")
    return edges


def _edges(first: pd.Timestamp, last: pd.Timestamp, step: str) -> pd.DatetimeIndex:
    if last <= first:
        raise ConfigError(f"the cube ends at {last}, before it starts; fix: give an end after {first}")
    try:
        edges = pd.date_range(first, last, freq=step)
    except ValueError as error:
        raise ConfigError(f"step {step!r} is unknown; fix: use 1h, 1D, 7D or alike") from error
    return edges if edges[-1] == last else pd.DatetimeIndex([*edges, last])
