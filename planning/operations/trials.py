"""A trial: place-days drawn by lot beforehand to be patrolled or not, and compared afterwards by that lot alone.

Each place has as many treated as control days, so places are compared with themselves; the test draws the lots again
within each place, as they were drawn (Fisher's randomisation test), and its interval is what the test doesn't reject.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError

ARMS = ("treated", "control")
TRIAL_COLUMNS = ("hotspot_id", "date", "start", "end", "arm")
DRAWS = 4999
LEVEL = 0.05
DOUBLINGS, HALVINGS = 20, 30

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrialResult:
    """Incidents a place-day, treated less control, with the 95 % interval (infinite where there are too few place-days)."""

    place_days: int
    treated_rate: float
    control_rate: float
    difference: float
    lower: float
    upper: float
    p_value: float
    draws: int

    def notices(self) -> list[str]:
        """The result in words, no stronger than its interval."""
        interval = f"95 % interval {self.lower:.3f} to {self.upper:.3f}, p = {self.p_value:.3f}"
        figures = f"{self.difference:.3f} incidents a place-day, treated less control ({interval})"
        if self.lower <= 0 <= self.upper:
            return [f"trial: no difference that can be told from chance: {figures}"]
        which = "fewer" if self.upper < 0 else "more"
        return [f"trial: {which} incidents on treated place-days, by lot and beyond chance: {figures}"]


def draw_trial(
    hotspot_ids: Sequence[str], days: Sequence[tuple[pd.Timestamp, pd.Timestamp]], *, seed: int
) -> pd.DataFrame:
    """An arm for each place and day, by lot: in each place half of the days are treated, the others control.

    `days` are the half-open intervals in which incidents will count. Columns: `hotspot_id, date, start, end, arm`. Raises
    ConfigError for an odd number of days, no place, or days that overlap.

    >>> noon = pd.date_range("2024-11-01 18:00", periods=4, tz="Asia/Shanghai")
    >>> drawn = draw_trial(["H01", "H02"], [(t, t + pd.Timedelta(hours=4)) for t in noon], seed=7)
    >>> drawn.groupby(["hotspot_id", "arm"]).size().tolist()
    [2, 2, 2, 2]
    """
    if not len(hotspot_ids):
        raise ConfigError(
            "no hotspot to take part in the trial; fix: raise hotspots.area_share, or give an earlier --to"
        )
    if len(days) % 2 or not days:
        raise ConfigError(f"{len(days)} days can't be halved; fix: give --from and --to with an even number of days")
    if any(later[0] < earlier[1] for earlier, later in pairwise(days)):
        raise ConfigError(
            "the shifts of one day reach into the next one's; fix: shifts of at most 24 hours from first to last"
        )
    rng = np.random.default_rng(seed)
    half = [ARMS[0]] * (len(days) // 2) + [ARMS[1]] * (len(days) // 2)
    rows = [
        (place, f"{start:%Y-%m-%d}", start, end, half[which])
        for place in hotspot_ids
        for (start, end), which in zip(days, rng.permutation(len(days)), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(TRIAL_COLUMNS))


def count_place_days(trial: pd.DataFrame, places: gpd.GeoDataFrame, incidents: pd.DataFrame) -> npt.NDArray[np.int64]:
    """(n,) incidents (`time, x, y`) in the place and between the start and end of each row of the trial."""
    points = gpd.GeoSeries.from_xy(incidents["x"], incidents["y"], crs=places.crs)
    place, incident = points.sindex.query(np.asarray(places.geometry), predicate="intersects")
    inside = pd.DataFrame(
        {
            "hotspot_id": places["hotspot_id"].to_numpy(dtype=object)[place],
            "time": incidents["time"].reset_index(drop=True).iloc[incident].array,
        }
    )
    rows = trial[["hotspot_id", "start", "end"]].assign(row=np.arange(len(trial)))
    both = rows.merge(inside, on="hotspot_id")
    both = both[(both["time"] >= both["start"]) & (both["time"] < both["end"])]
    return np.bincount(both["row"].to_numpy(dtype=np.int64), minlength=len(trial))


def evaluate_trial(counts: npt.ArrayLike, treated: npt.ArrayLike, place: npt.ArrayLike, *, seed: int) -> TrialResult:
    """The difference of rates by the fixed assignment, with a two-sided randomisation test and its interval.

    `counts` (n,) incidents of each place-day, `treated` (n,) bool, `place` (n,) its place; half of each place's days are
    treated. p is (1 + draws at least as far from 0) / (1 + draws), the interval those constant differences d that the
    same test, of counts less d on treated days, doesn't reject at 5 %: infinite where it can reject none.

    >>> found = evaluate_trial([0, 0, 0, 0, 4, 5, 4, 5], [True] * 4 + [False] * 4, ["H01"] * 8, seed=1)
    >>> found.difference, 0.02 < found.p_value < 0.04                     # 2 of 70 lots are as far from 0
    (-4.5, True)
    """
    y, z = np.asarray(counts, dtype=np.float64), np.asarray(treated, dtype=bool)
    drawn, overlap = _drawn_sums(y, z, np.asarray(place), np.random.default_rng([seed, 1]))
    drawn, overlap = ((2 * part - whole) * 2 / len(y) for part, whole in ((drawn, y.sum()), (overlap, len(y) / 2)))
    rates = float(y[z].mean()), float(y[~z].mean())
    difference = rates[0] - rates[1]

    def p_of(shift: float) -> float:
        far = (
            np.abs(drawn - shift * overlap) >= abs(difference - shift) - 1e-9
        )  # sums of one value may differ by rounding
        return float((1 + far.sum()) / (1 + len(far)))

    lower = difference - _reach(lambda far: p_of(difference - far))
    upper = difference + _reach(lambda far: p_of(difference + far))
    return TrialResult(len(y), *rates, difference, lower, upper, p_of(0.0), len(drawn))


def _drawn_sums(
    y: Floats, treated: npt.NDArray[np.bool_], place: npt.NDArray[np.object_], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """(DRAWS,) sums of `y` over the treated rows of other lots, and how many rows these share with the lot that was drawn."""
    total, shared = np.zeros(DRAWS), np.zeros(DRAWS)
    for which in pd.unique(place):
        rows = np.flatnonzero(place == which)
        lots = rng.permuted(np.tile(treated[rows], (DRAWS, 1)), axis=1).astype(np.float64)
        total += lots @ y[rows]
        shared += lots @ treated[rows].astype(np.float64)
    return total, shared


def _reach(p_at: Callable[[float], float]) -> float:
    """How far from the estimate p falls below 5 %; infinite where it doesn't."""
    far = 1 / 64
    for _ in range(DOUBLINGS):
        if p_at(far) < LEVEL:
            break
        far *= 2
    else:
        return math.inf
    near = 0.0
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if p_at(middle) < LEVEL else (middle, far)
    return far
