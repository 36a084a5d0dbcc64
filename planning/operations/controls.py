"""Before and after patrols: treated places against places like them, and what may have moved next door.

The places weren't drawn by lot, so whatever comes out is an association. Places are cells: whoever is treated, and in
which cells control is found, can be looked up in the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.errors import ConfigError
from hotspot.grid import Grid
from hotspot.statistics.displacement import WddResult, wdd

PARTS = ("treated", "control", "displacement", "displacement_control")
ALIKE = 0.2  # treated and control differ before by more than this share: told, for they aren't alike
TREATED_SHARE = 0.5  # of a cell's area
WEEK = pd.Timedelta(days=7)

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Periods:
    """`[before, intervention)` and `[intervention, after)`, of one length."""

    before: pd.Timestamp
    intervention: pd.Timestamp
    after: pd.Timestamp

    def notices(self) -> list[str]:
        """What has to be known of them."""
        if (self.after - self.intervention) % WEEK == pd.Timedelta(0):
            return []
        return ["the periods before and after aren't whole weeks: weekdays weigh differently in each"]


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """`cells`: the district's cells with their `part` ('' = none) and counts; `counts`: (before, after) by part; `test`."""

    periods: Periods
    cells: gpd.GeoDataFrame
    counts: dict[str, tuple[int, int]]
    test: WddResult

    def notices(self) -> list[str]:
        """The result in words, no stronger than its interval, and what weakens it."""
        return [change_told(self.test), *self.periods.notices(), *self._likeness()]

    def _likeness(self) -> list[str]:
        treated, control = self.counts["treated"][0], self.counts["control"][0]
        if abs(treated - control) <= ALIKE * max(treated, control):
            return []
        return [f"no control cells are like the treated ones: {control} incidents before, the treated have {treated}"]


def change_told(test: WddResult) -> str:
    """What may be said: places weren't drawn by lot, so a difference is an association, and one whose interval holds 0
    can't be told from chance.

    >>> change_told(wdd((100, 80), (100, 90)))
    'before and after: no change that can be told from chance: -10.0 incidents against control (95 % interval -47.7 to 27.7)'
    """
    figures = f"{test.estimate:.1f} incidents against control (95 % interval {test.lower:.1f} to {test.upper:.1f})"
    if test.lower <= 0 <= test.upper:
        return f"before and after: no change that can be told from chance: {figures}"
    which = "fewer" if test.upper < 0 else "more"
    caution = "an association only, for the places weren't drawn by lot"
    return f"before and after: {which} than control would have it: {figures}; {caution}"


def periods_of(
    intervention: pd.Timestamp, *, before: pd.Timestamp | None, after: pd.Timestamp | None, last: pd.Timestamp
) -> Periods:
    """The two periods around `intervention`; what isn't given follows from their having one length, or ends at `last`.

    Raises ConfigError when they are empty or of different length.
    """
    if after is None:
        after = intervention + (intervention - before) if before is not None else last
    if before is None:
        before = intervention - (after - intervention)
    if not before < intervention < after:
        raise ConfigError("--before, --intervention and --after aren't in this order; fix: give three moments that are")
    if intervention - before != after - intervention:
        lengths = f"{_days(intervention - before)} days before, {_days(after - intervention)} after"
        raise ConfigError(f"the periods differ in length: {lengths}; fix: leave out --before or --after")
    return Periods(before, intervention, after)


def _days(span: pd.Timedelta) -> str:
    return f"{span / pd.Timedelta(days=1):g}"


def compare_before_after(
    incidents: pd.DataFrame,
    grid: Grid,
    treated: shapely.Geometry,
    *,
    periods: Periods,
    ring_m: float,
    others: shapely.Geometry,
) -> BeforeAfter | None:
    """The weighted displacement difference of the cells of `treated`; None where no cell is left for control.

    `incidents` has `time, x, y`. A cell is treated when half of it or more lies in `treated`. Displacement are the
    cells within `ring_m` of the treated ones. Control are as many cells, beyond twice that distance so that the rings
    don't meet, outside of `others` (hotspots to which no visit was planned), chosen by their counts in the period
    before alone: for each treated cell, the most incidents first, the unused cell whose count is nearest (of equals
    the first by id). Displacement of the control are the cells within `ring_m` of it, and of no other part.
    """
    before, after = _counts(incidents, grid, periods)
    shapes = np.asarray(grid.cells.geometry)
    mine = _share_inside(shapes, treated) >= TREATED_SHARE
    away = _distance_m(shapes, shapes[mine])
    ring = ~mine & (away <= ring_m)
    free = (away > 2 * ring_m) & (_share_inside(shapes, others) < TREATED_SHARE)
    if not mine.any() or free.sum() < mine.sum():
        return None
    chosen = _matched(before, mine, free)
    around = ~mine & ~ring & ~chosen & (_distance_m(shapes, shapes[chosen]) <= ring_m)
    masks = dict(zip(PARTS, (mine, chosen, ring, around), strict=True))
    counts = {part: (int(before[mask].sum()), int(after[mask].sum())) for part, mask in masks.items()}
    part = np.select(list(masks.values()), list(masks), default="")
    test = wdd(
        counts["treated"], counts["control"], displacement=counts["displacement"],
        displacement_control=counts["displacement_control"],
    )  # fmt: skip
    cells = grid.cells[["cell_id", "geometry"]].assign(part=part, before=before, after=after)
    return BeforeAfter(periods, cells, counts, test)


def _counts(incidents: pd.DataFrame, grid: Grid, periods: Periods) -> tuple[Ints, Ints]:
    cell = grid.locate(incidents[["x", "y"]].to_numpy(dtype=float))
    spans = ((periods.before, periods.intervention), (periods.intervention, periods.after))
    within = [((incidents["time"] >= start) & (incidents["time"] < end)).to_numpy() for start, end in spans]
    first, second = (np.bincount(cell[mask & (cell >= 0)], minlength=len(grid)) for mask in within)
    return first, second


def _share_inside(shapes: npt.NDArray[np.object_], area: shapely.Geometry) -> npt.NDArray[np.float64]:
    inside: npt.NDArray[np.float64] = shapely.area(shapely.intersection(shapes, area)) / shapely.area(shapes)
    return inside


def _distance_m(shapes: npt.NDArray[np.object_], others: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    away: npt.NDArray[np.float64] = shapely.distance(shapes, shapely.union_all(others))
    return np.nan_to_num(away, nan=np.inf)


def _matched(before: Ints, mine: Mask, free: Mask) -> Mask:
    """As many free cells as there are treated ones, alike in their counts before."""
    order = np.argsort(-before[mine], kind="stable")
    unused = np.flatnonzero(free)
    chosen = np.zeros(len(before), dtype=bool)
    for count in before[mine][order]:
        nearest = int(np.argmin(np.abs(before[unused] - count)))
        chosen[unused[nearest]] = True
        unused = np.delete(unused, nearest)
    return chosen
