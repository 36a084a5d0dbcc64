"""Risk model 7: each incident raises the risk of its cell and of those around it, and the rise fades.

After Mohler, G. O., et al. (2011). Self-exciting point process modeling of crime. Journal of the American Statistical
Association 106(493), 100-108, doi:10.1198/jasa.2011.ap09546, on a grid and with several decays at once, so that the
recursion is linear in incidents and weeks, and with weights from expectation and maximisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from hotspot.forecasting.estimate import Estimate, Floats, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.level import expected_level, smooth
from hotspot.forecasting.memory import faded, touching
from hotspot.forecasting.stacking import likeliest_shares
from hotspot.grid import Grid
from hotspot.statistics.near_repeat import knox

DECAYS_WEEKS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 1000.0)
NEAR_DECAYS_WEEKS = (16.0, 32.0, 64.0, 128.0, 1000.0)
REPEAT_DECAYS_WEEKS = (0.5, 1.0, 2.0)  # of the cells around, where near repeats were found
JUDGED_WEEKS = 78
LEAST_WEEKS = 26
LEAST_ROWS = 500  # of a category in the judged weeks, for weights of its own
REPEAT_M, REPEAT_DAYS, REPEAT_WEEKS, REPEAT_ROWS, REPEAT_P = 400.0, 7.0, 13, 3000, 0.01
LEVEL_WEEKS = 8.0
OTHERS = "others"

Masks = dict[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Background:
    """Expected incidents at the start of each week and at the cutoff.

    `total` (C, W + 1) of all categories, `own` (C,) the part at the cutoff that comes from the cells' own incidents,
    `repeats` whether near repeats were found, `weights` of each category's memories.
    """

    total: Floats
    own: Floats
    repeats: bool
    weights: dict[str, dict[str, float]]


def fading_mixture(history: History, grid: Grid) -> Estimate:
    """A mixture of memories that fade at several speeds, of a cell's own incidents and of those around it, per category.

    Each category with enough incidents has weights of its own, those that made the last year and a half likeliest, each
    week foretold from the weeks before it, and its own expected level. Fast memories of the cells around are let in only
    where Knox's test finds near repeats in the last quarter (p < 0.01, incidents at one place aside). Zero everywhere
    without incidents.
    """
    found = background(history, grid)
    now = found.total[:, -1]
    own = np.minimum(found.own, now)
    return estimate_of(
        own, history, grid, borrowed=now - own, parameters={"near_repeats": found.repeats, "weights": found.weights}
    )


def background(history: History, grid: Grid) -> Background:
    """The mixture at every week, with the weights that the whole history gives.

    Memories are made twice, for the weights and for the sum: holding all of them would take twenty times the memory.
    """
    cells = len(grid)
    everything = history.weeks(cells)
    near = touching(grid)
    near = sparse.csr_array(near / np.maximum(np.asarray(near.sum(axis=1)).ravel(), 1.0)[:, None])
    repeats = _near_repeats(history, grid)
    total = np.zeros((cells, len(everything) + 1))
    own = np.zeros(cells)
    weights = {}
    for name, rows in _kinds(history).items():
        weeks = history.weeks(cells, rows=rows)
        if not weeks.counts.any():
            continue
        level = _levels(weeks.totals, everything.exposure)
        judged = np.arange(min(LEAST_WEEKS, len(weeks) // 2), len(weeks))[-JUDGED_WEEKS:]
        cell, column = np.nonzero(weeks.counts[:, judged])
        at = np.stack([
            part[cell, judged[column]] for _, part in _memories(weeks.counts, everything.counts, near, grid, repeats)
        ])  # fmt: skip
        share = likeliest_shares(at, weeks.counts[cell, judged[column]])
        told = {}
        for weight, (label, part) in zip(
            share, _memories(weeks.counts, everything.counts, near, grid, repeats), strict=True
        ):
            if weight < 1e-4:
                continue
            total += weight * level * part
            if label.startswith("own"):
                own += weight * level[-1] * part[:, -1]
            told[label] = round(float(weight), 4)
        weights[name] = told
    return Background(total, own, repeats, weights)


def _kinds(history: History) -> Masks:
    """The rows of each category that is frequent of late, and of all others together."""
    recent = history.age_days < 7.0 * JUDGED_WEEKS
    names, code = history.kinds
    counts = np.bincount(code[recent], minlength=len(names))
    frequent = [kind for kind in range(len(names)) if counts[kind] >= LEAST_ROWS]
    kinds = {names[kind]: code == kind for kind in frequent}
    rest = ~np.isin(code, frequent)
    return kinds | ({OTHERS: rest} if rest.any() else {})


def _memories(
    own: Floats, everything: Floats, near: sparse.csr_array, grid: Grid, repeats: bool
) -> Iterator[tuple[str, Floats]]:
    """Names and shares (C, W + 1) of each memory; where it holds nothing yet, an even spread."""
    area = (grid.cells["area_m2"].to_numpy() / grid.area_m2)[:, None]

    def share(part: Floats) -> Floats:
        mass = part.sum(axis=0)
        return np.asarray(np.where(mass > 0, np.divide(part, mass, out=np.zeros_like(part), where=mass > 0), area))

    for half_life in DECAYS_WEEKS:
        yield f"own {half_life:g} weeks", share(faded(own, half_life))
    for half_life in (*(REPEAT_DECAYS_WEEKS if repeats else ()), *NEAR_DECAYS_WEEKS):
        yield f"around {half_life:g} weeks", share(near @ faded(own, half_life))
    if own is not everything:
        for half_life in (DECAYS_WEEKS[4], DECAYS_WEEKS[-1]):
            yield f"own, any category, {half_life:g} weeks", share(faded(everything, half_life))
    yield "even", np.broadcast_to(area, (len(own), own.shape[1] + 1))


def _levels(totals: Floats, exposure: Floats) -> Floats:
    """(W + 1,) a category's smoothed level at each week, the last one with its season."""
    level = smooth(totals, exposure, LEVEL_WEEKS)
    level[-1] = expected_level(totals, exposure).per_week
    return level


def _near_repeats(history: History, grid: Grid) -> bool:
    """Whether incidents follow each other nearby within a week more than chance has it, beyond those at one place."""
    recent = np.flatnonzero((history.age_days < 7.0 * REPEAT_WEEKS) & (history.weight > 0))[-REPEAT_ROWS:]
    if len(recent) < 50:
        return False
    places = history.places[recent]
    found = knox(places, history.age_days[recent], max_m=REPEAT_M, max_t=REPEAT_DAYS, permutations=0)
    return found.p_value < REPEAT_P and found.observed - found.same_place > found.expected - found.same_place_expected
