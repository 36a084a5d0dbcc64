"""How good a forecast was: shares of incidents met in flagged area, and the indices made of them.

Hit rate: incidents in the flagged cells over all (Bowers, Johnson & Pease 2004, doi:10.1093/bjc/azh036). PAI, predictive
accuracy index: (n / N) / (a / A) (Chainey, Tompson & Uhlig 2008, doi:10.1057/palgrave.sj.8350066). PEI, predictive efficiency
index: n over the most incidents that any choice of as much area could have held (Hunt 2016, "Do crime hot spots move?").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from hotspot.errors import ConfigError
from hotspot.forecasting.risk import Risk
from hotspot.incidents import Incidents

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Scores = Risk | npt.ArrayLike
Events = Incidents | npt.ArrayLike


def hit_rate(risk: Scores, events: Events, *, area_share: float, area_m2: npt.ArrayLike | None = None) -> float:
    """The share of `events` in the riskiest cells that together take up to `area_share` of the area.

    `risk` is a Risk (summed over its hours) or one number for each cell (C,); `events` are Incidents, of which those inside
    the risk's hours count, or counts (C,). `area_m2` (C,) are the cells' areas: a Risk's own, else all alike. NaN with no
    events. Raises ConfigError for shares outside (0, 1] or lengths that differ.

    >>> hit_rate([3.0, 1.0, 0.5, 0.1], [5, 2, 2, 1], area_share=0.25)
    0.5
    """
    scores, counts, area = _cells(risk, events, area_m2)
    return _share_met(counts, flagged(scores, area, area_share))


def pai(risk: Scores, events: Events, *, area_share: float, area_m2: npt.ArrayLike | None = None) -> float:
    """Predictive accuracy index: the hit rate over the share of the area that was really flagged; arguments as `hit_rate`.

    >>> pai([3.0, 1.0, 0.5, 0.1], [5, 2, 2, 1], area_share=0.25)
    2.0
    """
    scores, counts, area = _cells(risk, events, area_m2)
    chosen = flagged(scores, area, area_share)
    return _share_met(counts, chosen) / float(area[chosen].sum() / area.sum())


def pei(risk: Scores, events: Events, *, area_share: float, area_m2: npt.ArrayLike | None = None) -> float:
    """Predictive efficiency index: events met over the most that as much area could have met; arguments as `hit_rate`.

    >>> round(pei([1.0, 3.0, 0.5, 0.1], [5, 2, 2, 1], area_share=0.25), 3)
    0.4
    """
    scores, counts, area = _cells(risk, events, area_m2)
    met = _share_met(counts, flagged(scores, area, area_share))
    best = _share_met(counts, flagged(counts / area, area, area_share))
    return met / best if best > 0 else float("nan")


def flagged(scores: Floats, area: Floats, area_share: float) -> Bools:
    """(C,) the cells by falling score that together stay within the share of the area, one at least. Ties: lower index."""
    if not 0 < area_share <= 1:
        raise ConfigError(f"area_share is {area_share}; fix: give a share above 0 and up to 1")
    order = np.lexsort((np.arange(len(scores)), -scores))
    count = int(np.searchsorted(np.cumsum(area[order]), area_share * area.sum() * (1 + 1e-9), side="right"))
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[order[: max(1, count)]] = True
    return chosen


def _share_met(counts: Floats, chosen: Bools) -> float:
    total = float(counts.sum())
    return float(counts[chosen].sum()) / total if total > 0 else float("nan")


def _cells(risk: Scores, events: Events, area_m2: npt.ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    if isinstance(risk, Risk):
        scores, area = risk.expected.sum(axis=1), risk.grid.cells["area_m2"].to_numpy(dtype=float)
    else:
        scores = np.asarray(risk, dtype=float)
        area = np.ones(len(scores))
    if area_m2 is not None:
        area = np.asarray(area_m2, dtype=float)
    counts = counted(risk, events) if isinstance(events, Incidents) else np.asarray(events, dtype=float)
    if not scores.shape == counts.shape == area.shape or scores.ndim != 1 or not len(scores):
        shapes = f"{scores.shape}, {counts.shape} and {area.shape}"
        raise ConfigError(
            f"risk, events and areas have the shapes {shapes}; fix: give one number for each cell in each"
        )
    return scores, counts, area


def counted(risk: Scores, events: Incidents) -> Floats:
    """(C,) incidents of each cell inside the hours of a Risk, every category."""
    if not isinstance(risk, Risk):
        raise ConfigError("events are incidents, but risk is numbers alone; fix: give a Risk, or counts for each cell")
    times = events.table["time"]
    inside = (times >= risk.starts[0]) & (times < risk.starts[-1] + pd.Timedelta(hours=1))
    cell = risk.grid.locate(events.places[inside.to_numpy()])
    return np.bincount(cell[cell >= 0], minlength=len(risk.grid)).astype(float)
