"""From risk to hotspots: key places, each with its key times, each with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.errors import ConfigError
from hotspot.forecasting.risk import Risk
from hotspot.situation import cell_state
from hotspot.tails import poisson_upper

Ints = npt.NDArray[np.int64]
OBSERVED_DAYS = 364.0  # whole weeks, so that each hour of the week is seen equally often
REDRAWN = 100
COLUMNS = [
    "hotspot_id", "rank", "windows", "expected", "lower", "upper", "observed", "activity", "category_mix", "p_value",
    "explanation",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Hotspots:
    """Key places with their key times, best first.

    `frame` has one row per hotspot in the grid's CRS: `hotspot_id, rank, windows` (list of (start, end) timestamps),
    `expected, lower, upper` (incidents inside the windows), `observed` (incidents recorded there at these hours of the
    week in the year before), `activity, category_mix` (share by category)`, p_value, explanation` (dict)`, geometry`.
    `cells` lists each hotspot's cell indices, `hourly` (K, H) its expected incidents in every hour of the risk.
    """

    frame: gpd.GeoDataFrame
    cells: tuple[Ints, ...]
    hourly: npt.NDArray[np.float64]
    risk: Risk
    parameters: dict[str, Any]

    def __len__(self) -> int:
        return len(self.frame)

    def summary(self) -> str:
        share = self.frame["expected"].sum() / max(self.risk.expected.sum(), 1e-300)
        return f"{len(self)} hotspots hold {share:.1%} of the {self.risk.expected.sum():.1f} expected incidents"

    def _repr_html_(self) -> str:
        """The summary and the table without shapes, for notebooks; every text is escaped."""
        shown = pd.DataFrame(self.frame[["hotspot_id", "rank", "expected", "lower", "upper", "observed", "activity"]])
        return f"<p>{escape(self.summary())}</p>" + shown.to_html(index=False, escape=True, max_rows=20)


def select_hotspots(
    risk: Risk,
    *,
    area_share: float = 0.02,
    key_hours_share: float = 0.4,
    max_radius_m: float = 400.0,
    least_addresses: int = 0,
    budget_cell_hours: float = 0.0,
    start: pd.Timestamp | None = None,
    end: pd.Timestamp | None = None,
) -> Hotspots:
    """Contiguous key places and their runs of key hours, ranked by the incidents expected in them.

    A cell's worth is what it expects in its own best hours: the best `key_hours_share` of the hours considered
    (`start` to `end`, half-open; None = all). Cells are taken in that order until they fill `area_share` of the area.
    They grow into places from the worthiest down, over shared edges and corners, while every cell centre stays
    within `max_radius_m` of the seed's. A place's key hours are then chosen for the place as a whole.

    With `budget_cell_hours` above 0, what patrols can cover decides instead of the two shares: cells are those of the
    riskiest so many cell-hours, and of all (place, hour) pairs of the places that they grow into those with the most
    expected per cell are taken until the budget is spent. That is the most that such pairs can hold, up to the last one.

    `p_value` answers: would a district that was equally risky everywhere record so many here at these hours? Poisson
    upper tail times the number of cells (Bonferroni), because the place was picked after looking.

    `least_addresses` is for products that leave the house: a place whose incidents of the year before come from fewer
    addresses (to the metre) points at single homes, and is withheld. Give 8 for publication.

    No risk anywhere gives an empty frame with the same columns. Raises ConfigError for shares outside (0, 1] or a negative
    budget.
    """
    _check_shares(area_share=area_share, key_hours_share=key_hours_share)
    if not budget_cell_hours >= 0:
        raise ConfigError(
            f"budget_cell_hours is {budget_cell_hours}; fix: give the cell-hours of the patrols, or 0 for shares"
        )
    hours = np.flatnonzero(
        ((risk.starts >= start) if start is not None else np.ones(len(risk.starts), dtype=bool))
        & ((risk.starts < end) if end is not None else np.ones(len(risk.starts), dtype=bool))
    )
    parameters = {"area_share": area_share, "key_hours_share": key_hours_share, "max_radius_m": max_radius_m}
    parameters |= {"budget_cell_hours": budget_cell_hours} if budget_cell_hours else {}
    if not len(hours) or not risk.expected[:, hours].any():
        return Hotspots(_no_hotspots(risk), (), np.empty((0, len(risk.starts))), risk, parameters)
    best = max(1, round(key_hours_share * len(hours)))
    if budget_cell_hours:
        worth = _inside_budget(risk.expected[:, hours], budget_cell_hours)
        chosen = np.lexsort((np.arange(len(worth)), -worth))[: int((worth > 0).sum())]
    else:
        worth = np.sort(risk.expected[:, hours], axis=1)[:, -best:].sum(axis=1)
        chosen = _worthiest(worth, risk, area_share)
    grown = _grow(chosen, worth, risk, max_radius_m)
    places = [place for place in grown if not least_addresses or addresses_in(risk, place) >= least_addresses]
    parameters |= {"least_addresses": least_addresses, "withheld": len(grown) - len(places)}
    keys = (
        _spent(places, hours, budget_cell_hours, risk)
        if budget_cell_hours
        else [_best_hours(place, hours, best, risk) for place in places]
    )
    kept = [(place, key) for place, key in zip(places, keys, strict=True) if len(key)]
    places = [place for place, _ in kept]
    if not places:
        return Hotspots(_no_hotspots(risk), (), np.empty((0, len(risk.starts))), risk, parameters)
    rows = [_hotspot(place, key, risk) for place, key in kept]
    state = cell_state(risk.history, risk.grid)
    stays = _stability(worth, len(chosen), risk)
    for row, place in zip(rows, places, strict=True):
        row["explanation"]["statistics"] = state.of_place(place) if state is not None else None
        row["explanation"]["stability"] = float(np.average(stays[place], weights=worth[place]))
    order = sorted(range(len(rows)), key=lambda i: (-rows[i]["expected"], int(places[i][0])))
    ranked = [rows[i] | {"hotspot_id": f"H{k:02d}", "rank": k} for k, i in enumerate(order, start=1)]
    frame = gpd.GeoDataFrame(ranked, geometry="geometry", crs=risk.grid.crs)[[*COLUMNS, "geometry"]]
    cells = tuple(places[i] for i in order)
    return Hotspots(frame, cells, np.array([risk.expected[place].sum(axis=0) for place in cells]), risk, parameters)


def addresses_in(risk: Risk, cells: Ints) -> int:
    """How many distinct addresses the incidents of the year before have in these cells."""
    return len(np.unique(risk.history.address[_counted(risk) & np.isin(risk.history.cell, cells)]))


def _counted(risk: Risk, *, years_ago: int = 0) -> npt.NDArray[np.bool_]:
    """(n,) the incidents of the year before that count, or of an earlier year."""
    age, begun = risk.history.age_days, years_ago * OBSERVED_DAYS
    return (age <= begun + OBSERVED_DAYS) & (age > begun) & (risk.history.weight > 0)


def _stability(worth: npt.NDArray[np.float64], count: int, risk: Risk) -> npt.NDArray[np.float64]:
    """(C,) how often each cell is among the `count` worthiest when the cells' rates are drawn again as uncertain as they are."""
    shape = np.maximum(risk.estimate.place_shape, 1e-3)
    rng = np.random.default_rng(0)
    kept = np.zeros(len(worth))
    for _ in range(REDRAWN):
        drawn = worth * rng.standard_gamma(shape) / shape
        kept[np.argpartition(-drawn, count - 1)[:count]] += 1.0
    return kept / REDRAWN


def _no_hotspots(risk: Risk) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({name: [] for name in COLUMNS}, geometry=[], crs=risk.grid.crs)


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share <= 1:
            raise ConfigError(f"{name} is {share}; fix: give a share above 0 and up to 1")


def _worthiest(worth: npt.NDArray[np.float64], risk: Risk, area_share: float) -> Ints:
    """Cells by falling worth until the area is filled; the one that fills it is in. Ties go to the lower index."""
    order = np.lexsort((np.arange(len(worth)), -worth))
    filled = np.cumsum(risk.grid.cells["area_m2"].to_numpy()[order])
    count = int(np.searchsorted(filled, area_share * risk.grid.area_m2)) + 1
    chosen: Ints = order[:count]
    return chosen[worth[chosen] > 0]


def _grow(chosen: Ints, worth: npt.NDArray[np.float64], risk: Risk, max_radius_m: float) -> list[Ints]:
    around, centres = risk.grid.neighbours(), risk.grid.centres_xy
    free = set(chosen.tolist())
    places = []
    for seed in chosen.tolist():
        if seed not in free:
            continue
        free.discard(seed)
        place = [seed]
        edge = set(around[seed].tolist()) & free
        while edge:
            cell = max(edge, key=lambda c: (worth[c], -c))
            edge.discard(cell)
            if np.hypot(*(centres[cell] - centres[seed])) <= max_radius_m:
                free.discard(cell)
                place.append(cell)
                edge |= set(around[cell].tolist()) & free
        places.append(np.array(sorted(place), dtype=np.int64))
    return places


def _best_hours(place: Ints, hours: Ints, best: int, risk: Risk) -> Ints:
    hourly = risk.expected[np.ix_(place, hours)].sum(axis=0)
    key: Ints = np.sort(hours[np.lexsort((np.arange(len(hours)), -hourly))[:best]])
    return key


def _inside_budget(expected: npt.NDArray[np.float64], budget: float) -> npt.NDArray[np.float64]:
    """(C,) what each cell expects in those of its hours that are among the riskiest `budget` cell-hours."""
    count = min(max(1, int(budget)), expected.size)
    least = np.partition(expected.ravel(), expected.size - count)[expected.size - count]
    inside: npt.NDArray[np.float64] = np.where((expected >= least) & (expected > 0), expected, 0.0).sum(axis=1)
    return inside


def _spent(places: list[Ints], hours: Ints, budget: float, risk: Risk) -> list[Ints]:
    """The key hours of each place: pairs of place and hour by expected incidents per cell, until the budget is spent."""
    if not places:
        return []
    per_cell = np.stack([risk.expected[np.ix_(place, hours)].mean(axis=0) for place in places])
    pairs = np.argsort(-per_cell, axis=None, kind="stable")
    cost = np.array([len(place) for place in places])[pairs // len(hours)]
    taken = pairs[(np.cumsum(cost) <= budget + 1e-9) & (per_cell.ravel()[pairs] > 0)]
    taken = taken if len(taken) else pairs[:1]
    return [np.sort(hours[taken[taken // len(hours) == k] % len(hours)]) for k in range(len(places))]


def _hotspot(place: Ints, key: Ints, risk: Risk) -> dict[str, Any]:
    expected, lower, upper = risk.interval(place, key)
    observed, weights = _recorded(place, key, risk)
    activity, mix = _what_for(weights)
    return {
        "windows": _runs(risk.starts[key]),
        "expected": expected,
        "lower": lower,
        "upper": upper,
        "observed": observed,
        "activity": activity,
        "category_mix": mix,
        "p_value": _p_value(place, key, observed, risk),
        "explanation": _explanation(place, key, expected, observed, mix, risk),
        "geometry": shapely.union_all(risk.grid.cells.geometry.to_numpy()[place]),
    }


def _runs(starts: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Consecutive hours joined into half-open windows."""
    hour = pd.Timedelta(hours=1)
    windows: list[tuple[pd.Timestamp, pd.Timestamp]] = []
    for start in starts:
        if windows and windows[-1][1] == start:
            windows[-1] = (windows[-1][0], start + hour)
        else:
            windows.append((start, start + hour))
    return windows


def _recorded(place: Ints, key: Ints, risk: Risk) -> tuple[int, pd.DataFrame]:
    """Incidents of the year before in this place at these hours of the week, and their weights by category.

    Where none was recorded at these hours, the categories are those of the place at any hour.
    """
    history = risk.history
    here = np.isin(history.cell, place) & _counted(risk)
    share = np.where(here, history.share_in(risk.weekly_hour[key]), 0.0)
    now = share > 0
    used = now if now.any() else here
    frame = pd.DataFrame(
        {"category": history.category[used], "activity": history.activity[used], "weight": history.weight[used]}
    )
    return round(float(share.sum())), frame


def _the_year_before(place: Ints, key: Ints, risk: Risk) -> int | None:
    """Recorded here at these hours in the year before the last one; None where the history doesn't reach back so far."""
    if risk.history.days < 2 * OBSERVED_DAYS:
        return None
    here = np.isin(risk.history.cell, place) & _counted(risk, years_ago=1)
    return round(float(risk.history.share_in(risk.weekly_hour[key])[here].sum()))


def _what_for(weights: pd.DataFrame) -> tuple[str, dict[str, float]]:
    """The activity that most of the incidents call for, and the share of each category."""
    if weights.empty:
        return "patrol", {}
    by_activity = weights.groupby("activity")["weight"].sum()
    by_category = weights.groupby("category")["weight"].sum().sort_index()
    shares = (by_category / by_category.sum()).sort_values(ascending=False, kind="stable")
    return str(by_activity.idxmax()), {str(name): float(share) for name, share in shares.items()}


def _p_value(place: Ints, key: Ints, observed: int, risk: Risk) -> float:
    everywhere = risk.history.share_in(risk.weekly_hour[key])[_counted(risk)]
    area_share = risk.grid.cells["area_m2"].to_numpy()[place].sum() / risk.grid.area_m2
    tail = poisson_upper(observed, everywhere.sum() * area_share)
    return float(min(1.0, tail * len(risk.grid)))


def _explanation(
    place: Ints, key: Ints, expected: float, observed: int, mix: dict[str, float], risk: Risk
) -> dict[str, Any]:
    """The sum behind the number: (own + borrowed incidents a week) x the windows' share of a week = expected."""
    own = float(risk.estimate.own_per_week[place].sum())
    borrowed = float(risk.estimate.borrowed_per_week[place].sum())
    return {
        "own_per_week": own,
        "borrowed_per_week": borrowed,
        "windows_share_of_week": expected / (own + borrowed),
        "observed": observed,
        "observed_days": min(OBSERVED_DAYS, risk.history.days),
        "observed_before": _the_year_before(place, key, risk),
        "main_category": next(iter(mix), ""),
        "geocoding_artefact": bool(np.isin(place, risk.default_cells).any()),
        "model": risk.model,
        "as_of": risk.as_of.isoformat(),
    }
