"""Aoristic weights: an incident of which only an interval is known, spread over the hours in which it can have been.

Ratcliffe, J. H. (2000). Aoristic analysis: the spatial interpretation of unspecific temporal events. International
Journal of Geographical Information Science 14(7), 669-679, doi:10.1080/136588100424963; (2002) Aoristic signatures and
the spatio-temporal analysis of high volume crime patterns. Journal of Quantitative Criminology 18, 23-43,
doi:10.1023/A:1013240828824.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from hotspot.errors import ConfigError, Fault, InputError
from hotspot.times import HOURS_OF_WEEK, day_bounds_us, hour_of_week

BINS = {"hour_of_week": HOURS_OF_WEEK, "hour_of_day": 24}
_US_PER_DAY, _HOUR_US = 86_400_000_000, 3_600_000_000
_QUARTER_US = _HOUR_US // 4  # since 1972 every zone's hours begin on a quarter of an hour of UTC
_MOST_PIECES = 4_000_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AoristicResult:
    """How n incidents spread over bins: incident `row[k]` lies in bin `bin[k]` with probability `weight[k]`.

    Sorted by row, then bin; each pair comes once, and the weights of a row sum to 1. `left_out` (n,) tells the rows
    that aren't in it: without a start, or with an interval that is too long to say anything.
    """

    row: Ints
    bin: npt.NDArray[np.int16]
    weight: Floats
    left_out: Mask
    bins: str

    def table(self) -> pd.Series[float]:
        """Expected incidents in each bin, indexed by bin; they sum to the number of rows that aren't left out."""
        totals = np.bincount(self.bin, weights=self.weight, minlength=BINS[self.bins])
        return pd.Series(totals, index=pd.RangeIndex(BINS[self.bins], name=self.bins), name="incidents")

    def summary(self) -> str:
        kept = len(self.left_out) - int(self.left_out.sum())
        return f"{kept:,} incidents spread over {self.bins.replace('_', ' ')}, {int(self.left_out.sum()):,} left out"


def aoristic(
    start: pd.DatetimeIndex | pd.Series[pd.Timestamp],
    end: pd.DatetimeIndex | pd.Series[pd.Timestamp] | None = None,
    *,
    bins: str = "hour_of_week",
    date_only: npt.ArrayLike | None = None,
    until: pd.Timestamp | None = None,
    max_days: float = 30.0,
) -> AoristicResult:
    """Spread each incident over the local hours that its interval `[start, end)` overlaps, in proportion to the overlap.

    `start`, `end` (n,) are local, tz-aware times. A missing `end`, or one that equals the start, makes an instant with
    weight 1 in its hour. A row that is `date_only` is its whole local day, of 23, 24 or 25 hours; if it has an end at
    a midnight, that day counts to the end too. Nothing is known at `until` or later: what began before ends there at
    the latest. Intervals over `max_days` are left out, like rows without a start. No rows give an empty result.

    `bins` is "hour_of_week" (168, Monday 00:00 = 0) or "hour_of_day" (24). An hour that the clocks leave out gets
    nothing, one that they repeat gets twice as much.

    Raises InputError when an interval ends before it begins, ConfigError for unknown `bins` or times without a zone.

    >>> nine, five = (pd.DatetimeIndex([f"2026-03-16 {hour}:00"], tz="Asia/Shanghai") for hour in ("09", "17"))
    >>> aoristic(nine, five, bins="hour_of_day").table()[8:18].tolist()
    [0.0, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.0]
    """
    if bins not in BINS:
        raise ConfigError(f"bins {bins!r}: unknown; fix: use one of: {', '.join(BINS)}")
    begins = _local(start)
    ends = _local(end) if end is not None else pd.DatetimeIndex(np.full(len(begins), "NaT"), tz=begins.tz)
    begin_us, end_us = _intervals_us(begins, ends, np.zeros(len(begins), bool) if date_only is None else date_only)
    if until is not None:
        end_us = np.where(begin_us < until.value // 1000, np.minimum(end_us, until.value // 1000), end_us)
    left_out = np.asarray(begins.isna()) | (end_us - begin_us > max_days * _US_PER_DAY)
    weights = [_weights(rows, begin_us, end_us, begins, bins) for rows in _blocks(begin_us, end_us, ~left_out)]
    empty = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int16), np.empty(0))
    row, bin_, weight = (np.concatenate(parts) for parts in zip(empty, *weights, strict=True))
    return AoristicResult(row, bin_, weight, left_out, bins)


def _local(times: pd.DatetimeIndex | pd.Series[pd.Timestamp]) -> pd.DatetimeIndex:
    found = pd.DatetimeIndex(times).as_unit("us")
    if found.tz is None:
        raise ConfigError("times without a zone; fix: localise them, for example with tz_localize")
    return found


def _intervals_us(begins: pd.DatetimeIndex, ends: pd.DatetimeIndex, date_only: npt.ArrayLike) -> tuple[Ints, Ints]:
    """Microseconds of UTC of each interval, dates alone as days; an instant begins and ends at once."""
    begin_us, has_end = begins.asi8, np.asarray(ends.notna())
    end_us = np.where(has_end, ends.asi8, begin_us)
    bad = np.flatnonzero(end_us < begin_us)
    if len(bad):
        shown = f"{begins[bad[0]]} - {ends[bad[0]]}"
        fix = "exchange start and end, or leave the rows out"
        raise InputError(Fault("aoristic", "ends before it begins", fix, row=int(bad[0]), value=shown, count=len(bad)))
    days = np.flatnonzero(np.asarray(date_only, dtype=bool) & np.asarray(begins.notna()))
    if len(days):
        last = ends[days].where(has_end[days], begins[days])
        last_begins, last_ends = day_bounds_us(last)
        begin_us = begin_us.copy()
        begin_us[days] = day_bounds_us(begins[days])[0]
        end_us[days] = np.where(has_end[days] & (end_us[days] > last_begins), end_us[days], last_ends)
    return begin_us, end_us


def _blocks(begin_us: Ints, end_us: Ints, kept: Mask) -> Iterator[Ints]:
    """Rows in order, in blocks that need a bounded number of pieces."""
    rows = np.flatnonzero(kept)
    pieces = np.cumsum((end_us[rows] - begin_us[rows]) // _HOUR_US + 2)
    total = int(pieces[-1]) if len(rows) else 0
    cuts = np.searchsorted(pieces, np.arange(_MOST_PIECES, total, _MOST_PIECES))
    return (block for block in np.split(rows, cuts) if len(block))


def _weights(
    rows: Ints, begin_us: Ints, end_us: Ints, begins: pd.DatetimeIndex, bins: str
) -> tuple[Ints, npt.NDArray[np.int16], Floats]:
    """Row, bin and weight of these rows: each interval cut where a local hour ends."""
    step, phase = _clock_step_us(begin_us[rows], end_us[rows], begins)
    begin, end = begin_us[rows] + phase, end_us[rows] + phase
    first = begin // step
    pieces = np.maximum(-(-end // step) - first, 1)
    of = np.repeat(np.arange(len(rows), dtype=np.int32), pieces)
    piece = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces - first, pieces)
    overlap = np.minimum((piece + 1) * step, end[of]) - np.maximum(piece * step, begin[of])
    weight = np.where((end == begin)[of], 1.0, overlap / np.maximum(end - begin, 1)[of])
    bin_ = _bins_of(piece, step, phase, begins) % BINS[bins]
    matrix = sparse.coo_array((weight, (of, bin_)), shape=(len(rows), BINS[bins])).tocsr()  # sums what falls together
    matrix.sort_indices()
    return np.repeat(rows, np.diff(matrix.indptr)), matrix.indices.astype(np.int16), matrix.data


def _clock_step_us(begin: Ints, end: Ints, begins: pd.DatetimeIndex) -> tuple[int, int]:
    """Length of the pieces, and what to add to UTC so that they begin with the local hours.

    Hours, if all offsets between the first and last instant are equal but for whole hours, else quarters of an hour.
    """
    days = pd.DatetimeIndex(np.arange(begin.min(), end.max() + _US_PER_DAY, _US_PER_DAY).view("datetime64[us]"))
    phase = (days.tz_localize("UTC").tz_convert(begins.tz).tz_localize(None).as_unit("us").asi8 - days.asi8) % _HOUR_US
    return (_HOUR_US, int(phase[0])) if (phase == phase[0]).all() else (_QUARTER_US, 0)


def _bins_of(piece: Ints, step: int, phase: int, begins: pd.DatetimeIndex) -> Ints:
    """Hour of the week of each piece, looked up once per hour of the history where rows share them."""
    low, high = int(piece.min()), int(piece.max())
    shared = high - low < len(piece)
    asked = np.arange(low, high + 1) if shared else piece
    at = pd.DatetimeIndex((asked * step - phase).view("datetime64[us]")).tz_localize("UTC").tz_convert(begins.tz)
    found: Ints = hour_of_week(at)
    return found[piece - low] if shared else found
