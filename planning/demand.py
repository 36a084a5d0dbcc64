"""Hotspots become demands: which visits we want, where, when, for how long, and what each is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.grid import Grid

DIMINISHING = (1.0, 0.7, 0.5)  # of the first, second, third visit to one hotspot: presence wears off, it doesn't add up
LEAST_SLACK = pd.Timedelta(minutes=15)  # a start window narrower than this can't be met by a team that walks
COLUMNS = ["demand_id", "hotspot_id", "activity", "window_start", "window_end", "dwell_s", "value"]


class RiskByHour(Protocol):
    """Expected incidents (C, H) of the cells of `grid` in the hours that begin at `starts`."""

    @property
    def grid(self) -> Grid: ...
    @property
    def starts(self) -> pd.DatetimeIndex: ...
    @property
    def expected(self) -> npt.NDArray[np.float64]: ...


class KeyPlaces(Protocol):
    """`hotspot.Hotspots`, or what a re-planning knows of places that became hot during the night."""

    @property
    def frame(self) -> gpd.GeoDataFrame: ...
    @property
    def cells(self) -> Sequence[npt.NDArray[np.int64]]: ...
    @property
    def hourly(self) -> npt.NDArray[np.float64]: ...
    @property
    def risk(self) -> RiskByHour: ...


def make_demands(
    spots: KeyPlaces,
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    dwell_min: tuple[float, float] = (10.0, 16.0),
    revisit_gap_min: float = 30.0,
    max_visits: int = 3,
    diminishing: Sequence[float] = DIMINISHING,
) -> gpd.GeoDataFrame:
    """Wanted visits inside `[start, end)`: up to `max_visits` to each hotspot, in disjoint sub-windows of its key times.

    Each row: `demand_id, hotspot_id, activity, window_start, window_end` (earliest and latest start of service),
    `dwell_s, value, geometry` (the stop, in the hotspots' CRS).

    Sub-windows of one hotspot lie so far apart that any two visits are at least `revisit_gap_min` minutes apart, from
    leaving to arriving. A visit stands for its share of the key time: its value is the incidents expected in that share,
    times 1, .7, .5 for the best, second and third of the hotspot. Dwell runs from the short to the long end of the
    band as the hotspot rises in rank (10-16 minutes: Koper 1995, doi:10.1080/07418829500096231).

    Hotspots without key time in `[start, end)` give no demand; none at all gives an empty frame with the same columns.
    """
    rows = []
    for k, spot in enumerate(spots.frame.itertuples()):
        dwell = _dwell(k, len(spots.frame), dwell_min)
        slots = _slots(spot.windows, start, end, dwell=dwell, gap=pd.Timedelta(minutes=revisit_gap_min))
        worth = [_expected_between(spots, k, *share) for _, share in slots]
        best = sorted(range(len(slots)), key=lambda i: (-worth[i], i))[:max_visits]
        stop = _stop(spots, k)
        for place, i in enumerate(best):
            (earliest, latest), _ = slots[i]
            value = worth[i] * diminishing[min(place, len(diminishing) - 1)]
            rows.append((spot.hotspot_id, spot.activity, earliest, latest, dwell.total_seconds(), value, stop))
    rows.sort(key=lambda row: (row[0], row[2]))
    frame = gpd.GeoDataFrame(rows, columns=[*COLUMNS[1:], "geometry"], geometry="geometry", crs=spots.risk.grid.crs)
    if not rows:  # columns of nothing have no type of their own, and times are reckoned with
        times = dict.fromkeys(("window_start", "window_end"), pd.DatetimeTZDtype("us", start.tz))
        frame = frame.astype(times | dict.fromkeys(("dwell_s", "value"), "float64"))
    visit = frame.groupby("hotspot_id").cumcount() + 1
    frame.insert(0, "demand_id", frame["hotspot_id"] + "-" + visit.astype(str))
    return frame


def _dwell(rank_index: int, count: int, band_min: tuple[float, float]) -> pd.Timedelta:
    """Whole minutes, the long end for the first hotspot, the short end for the last."""
    short, long = band_min
    share = 1.0 if count <= 1 else 1.0 - rank_index / (count - 1)
    return pd.Timedelta(minutes=round(short + share * (long - short)))


Slot = tuple[tuple[pd.Timestamp, pd.Timestamp], tuple[pd.Timestamp, pd.Timestamp]]


def _slots(
    windows: Sequence[tuple[pd.Timestamp, pd.Timestamp]],
    start: pd.Timestamp,
    end: pd.Timestamp,
    *,
    dwell: pd.Timedelta,
    gap: pd.Timedelta,
) -> list[Slot]:
    """Start-of-service windows, and the share of the key time that each stands for."""
    slots: list[Slot] = []
    free_from = start
    for opens, closes in windows:
        first, last = max(opens, start, free_from), min(closes, end)
        visits = _how_many(last - first, dwell=dwell, gap=gap)
        if visits == 0:
            continue
        width = ((last - first) - dwell - (visits - 1) * (gap + dwell)) / visits
        for i in range(visits):
            earliest = first + i * (width + dwell + gap)
            share = (first + i * (last - first) / visits, first + (i + 1) * (last - first) / visits)
            slots.append(((earliest.floor("s"), (earliest + width).floor("s")), share))
        free_from = last + gap
    return slots


def _how_many(length: pd.Timedelta, *, dwell: pd.Timedelta, gap: pd.Timedelta) -> int:
    """The most visits whose start windows each keep LEAST_SLACK. A window that fits one dwell only just still gets one."""
    if length < dwell:
        return 0
    return max(1, int((length + gap) / (LEAST_SLACK + dwell + gap)))


def _expected_between(spots: KeyPlaces, k: int, start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Incidents expected in the hotspot in `[start, end)`; an hour that is only touched counts by its part."""
    begins = spots.risk.starts
    hour_s = 3600.0
    overlap = np.minimum((end - begins).total_seconds(), hour_s) - np.maximum((start - begins).total_seconds(), 0.0)
    return float(spots.hourly[k] @ np.clip(overlap / hour_s, 0.0, 1.0))


def _stop(spots: KeyPlaces, k: int) -> shapely.Point:
    """Where a team stands: inside the cell that expects most."""
    cells = spots.cells[k]
    best = cells[int(np.argmax(spots.risk.expected[cells].sum(axis=1)))]
    square = spots.risk.grid.cells.geometry.iloc[best]
    middle = shapely.Point(spots.risk.grid.centres_xy[best])
    return middle if square.intersects(middle) else square.representative_point()
