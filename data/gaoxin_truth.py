"""The true intensity behind the sample district: expected incidents of every cell and hour of the week, as generated.

Background and hours are exact; where near repeats and planted clusters fall is counted over many draws of the generator's own
functions, placed once each.
"""

from __future__ import annotations

import json
from pathlib import Path

import make_gaoxin as made
import numpy as np
import numpy.typing as npt
import shapely
from gaoxin_places import Chance, crossings, make_streets

HERE = Path(__file__).resolve().parent
Floats = npt.NDArray[np.float64]
DRAWS = 400_000


def true_intensity(centres_xy: Floats, *, district: Path = HERE / "gaoxin", seed: int = 1) -> Floats:
    """(C, 168) expected incidents a week in the 250 m cells around these centres (metres in the district's CRS).

    Of the categories that lead to an activity, with a place, and reported by residents: what a risk model forecasts.
    """
    told = json.loads((district / "truth.json").read_text(encoding="utf-8"))
    origin = np.array(told["origin_xy"])
    local = centres_xy - origin
    wide, high = made.CELLS_XY
    column, row = np.floor((local - np.array(made.CELLS_WEST_SOUTH)) / made.CELL_M).astype(int).T
    inside = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
    shares = np.array(told["background"]["cells"]["share"])
    here = np.where(inside, shares[np.clip(row, 0, high - 1), np.clip(column, 0, wide - 1)], 0.0)

    as_made = Chance(made.SEED)
    nodes = crossings(as_made, [(cluster.x, cluster.y) for cluster in made.CLUSTERS])
    streets, chance = make_streets(nodes, as_made), Chance(seed)
    lines = shapely.STRtree([shapely.LineString(street.line) for street in streets])
    pieces = made.make_pieces(streets)
    hours = made.hour_shares()
    week = 7 * made.PER_DAY
    followed = _repeats(chance, pieces, hours, lines)
    repeat_cells = _cell_shares(followed.xy, column, row)
    repeat_hours = np.bincount(_hour_of_week(followed.hour), minlength=168) / len(followed.hour)
    rate = week * np.outer(here, hours) + week * made.REPEAT_SHARE * np.outer(repeat_cells, repeat_hours)
    kept = sum(share for name, share in made.CATEGORIES.items() if name != "traffic")
    rate = rate * kept
    for cluster in made.CLUSTERS:
        place = np.array([cluster.x, cluster.y]) + chance.normal(DRAWS // 20) * cluster.spread_m
        cells = _cell_shares(made.on_streets(place, lines) + made.beside(chance, len(place)), column, row)
        when = np.zeros(168)
        for day in cluster.weekdays:
            when[day * 24 + cluster.start_hour : day * 24 + cluster.end_hour] = 1.0
        rate = rate + np.outer(cells, cluster.expected_per_active_day * when / (cluster.end_hour - cluster.start_hour))
    return rate * (1 - made.UNLOCATED_SHARE) * (1 - made.PATROL_SHARE)


def lost_against(truth: Floats, rate: Floats) -> float:
    """Expected log score lost per incident against the truth, both as shares (Kullback & Leibler); arrays of one shape."""
    true, mine = truth / truth.sum(), rate / rate.sum()
    held = true > 0
    return float((true[held] * np.log(true[held] / mine[held])).sum())


def _repeats(chance: Chance, pieces: made.Pieces, hours: Floats, lines: shapely.STRtree) -> made.Happenings:
    """Followers of many background incidents."""
    piece = chance.choose(pieces.share, DRAWS)
    along = chance.uniform(DRAWS)[:, None]
    xy = pieces.start[piece] + along * (pieces.end - pieces.start)[piece] + made.beside(chance, DRAWS)
    hour = chance.choose(hours, DRAWS) - made.FIRST.weekday() * 24 + 168 + chance.uniform(DRAWS)
    return made.near_repeats(chance, made.Happenings(xy, hour, np.zeros(DRAWS, dtype=np.int64)), lines)


def _hour_of_week(hour: Floats) -> npt.NDArray[np.int64]:
    return (np.floor(hour).astype(np.int64) + made.FIRST.weekday() * 24) % 168


def _cell_shares(xy: Floats, column: npt.NDArray[np.int64], row: npt.NDArray[np.int64]) -> Floats:
    wide, high = made.CELLS_XY
    c, r = np.floor((xy - np.array(made.CELLS_WEST_SOUTH)) / made.CELL_M).astype(int).T
    table = np.zeros((high, wide))
    inside = (c >= 0) & (c < wide) & (r >= 0) & (r < high)
    np.add.at(table, (r[inside], c[inside]), 1.0 / len(xy))
    known = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
    return np.where(known, table[np.clip(row, 0, high - 1), np.clip(column, 0, wide - 1)], 0.0)
