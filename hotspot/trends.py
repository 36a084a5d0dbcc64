"""The latest weeks against the same weeks of the year before: what is more, what is less, and what chance alone would do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy import special

from hotspot.areas import Areas
from hotspot.incidents import Incidents
from hotspot.statistics.chance import discoveries

YEAR_DAYS = 364  # whole weeks, so that weekdays agree
WEEKS = 4
SHOWN_WEEKS = 52
LEVEL = 0.95
FALSE_DISCOVERIES = 0.05
COLUMNS = ["part", "name", "recent", "before", "ratio", "lower", "upper", "p_value", "within_chance"]


@dataclass(frozen=True, eq=False)
class Trend:
    """`frame` has a row for each `part` (all, category, hour, area, street) and `name`: incidents in the `recent` weeks
    before `as_of` and in the same weeks `before`, a year ago; their `ratio` with its 95 % interval (NaN and infinity where
    one is 0), `p_value`, and whether the difference is `within_chance` (Benjamini-Hochberg, 5 %, within each part).

    `weekly` (up to 52, 2): counts of the last weeks, oldest first, and of the weeks a year before each (NaN: not covered).
    `dispersion`: how many times more than Poisson's the weekly counts scatter (1 = not more); intervals are widened by it.
    `reason` says why there is nothing to compare with; the frame is empty then.
    """

    as_of: pd.Timestamp
    weeks: int
    frame: pd.DataFrame
    weekly: npt.NDArray[np.float64]
    dispersion: float
    reason: str = ""

    def summary(self) -> str:
        """One line for people."""
        if self.reason:
            return f"no trend: {self.reason}"
        recent, before, ratio, lower, upper, within = self.frame.iloc[0][
            ["recent", "before", "ratio", "lower", "upper", "within_chance"]
        ]
        told = f"{ratio:.2f} [{lower:.2f}, {upper:.2f}]"
        last = f"last {self.weeks} weeks: {recent} incidents, a year before {before}, ratio {told}"
        return f"{last}, within chance" if within else last

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN and infinity become None."""
        rows = [{name: _plain(value) for name, value in row.items()} for row in self.frame.to_dict("records")]
        return {
            "as_of": self.as_of.isoformat(), "weeks": self.weeks, "level": LEVEL, "rows": rows, "reason": self.reason,
            "dispersion": round(self.dispersion, 2), "weekly": [[_plain(value) for value in week] for week in self.weekly],
        }  # fmt: skip


def trend_of(
    incidents: Incidents, *, as_of: pd.Timestamp, areas: Areas | None = None, categories: Collection[str] | None = None,
    weeks: int = WEEKS,
) -> Trend:  # fmt: skip
    """Compare the last `weeks` weeks before `as_of` with the same weeks 364 days earlier, in all and by part.

    Nothing at or after `as_of` is seen. Incidents that patrols found don't count, nor those of categories that aren't in
    `categories` (None: all count). Rows without a time of day don't count by hour. `areas` None: no communities.
    """
    table = incidents.before(as_of).table
    used = (table["source"] != "patrol").to_numpy()
    if categories is not None:
        used = used & table["category"].isin(list(categories)).to_numpy()
    table = table[used]
    age_days = (as_of - table["time"]).dt.total_seconds().to_numpy() / 86_400.0
    seen_days = float(age_days.max(initial=0.0))
    weekly = _weekly(age_days, seen_days)
    dispersion = dispersion_of(weekly)
    if seen_days < YEAR_DAYS + 7 * weeks:
        reason = f"the history reaches back {seen_days:.0f} days, less than {YEAR_DAYS + 7 * weeks}"
        return Trend(as_of, weeks, pd.DataFrame(columns=COLUMNS), weekly, dispersion, reason)
    now = age_days <= 7 * weeks
    then = (age_days > YEAR_DAYS) & (age_days <= YEAR_DAYS + 7 * weeks)
    parts = [
        _compared(part, names[now], names[then], dispersion) for part, names in _parts(table, areas, now | then).items()
    ]
    return Trend(as_of, weeks, pd.concat(parts, ignore_index=True), weekly, dispersion)


def rate_ratio(
    count: npt.ArrayLike, other: npt.ArrayLike, *, exposure: float = 1.0, other_exposure: float = 1.0, level: float = LEVEL,
    dispersion: float = 1.0,
) -> tuple[npt.NDArray[np.float64], ...]:  # fmt: skip
    """The ratio of two rates, its exact conditional interval, and the p-value of their being equal: (4 arrays).

    Of both counts together, the first is binomial (Przyborowski & Wilenski 1940, doi:10.2307/2332612); the interval is
    Clopper & Pearson's (1934, doi:10.1093/biomet/26.4.404), the p-value twice the smaller tail. Counts that scatter
    `dispersion` times as much as Poisson's tell as much as counts that many times smaller (quasi-Poisson). Two zeros: the
    ratio is NaN, its interval everything, p 1.

    >>> [np.round(each, 4).item() for each in rate_ratio(11, 21, exposure=800, other_exposure=3011)[:3]]
    [1.9715, 0.8584, 4.2773]
    """
    a, b = (np.asarray(each, dtype=float) / dispersion for each in (count, other))
    tail, times = (1 - level) / 2, other_exposure / exposure
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(b > 0, a / b, np.where(a > 0, np.inf, np.nan)) * times
        low = np.where(a > 0, special.betaincinv(np.maximum(a, 1e-9), b + 1, tail), 0.0)
        high = np.where(b > 0, special.betaincinv(a + 1, np.maximum(b, 1e-9), 1 - tail), 1.0)
        lower, upper = low / (1 - low) * times, np.where(high < 1, high / (1 - high), np.inf) * times
    share = exposure / (exposure + other_exposure)
    more = np.where(a > 0, special.betainc(np.maximum(a, 1e-9), b + 1, share), 1.0)
    less = np.where(b > 0, special.betainc(np.maximum(b, 1e-9), a + 1, 1 - share), 1.0)
    return ratio, lower, upper, np.minimum(1.0, 2 * np.minimum(more, less))


def dispersion_of(weekly: npt.NDArray[np.float64]) -> float:
    """How many times more than Poisson's weekly counts scatter from one week to the next; 1 where not more, or unknown.

    The mean of (x - y)^2 / (x + y) over neighbouring weeks, 1 for Poisson counts of one rate: a slow trend or a season
    hardly adds to it.

    >>> dispersion_of(np.array([[10.0, 10.0], [10.0, 10.0]])), dispersion_of(np.array([[5.0, np.nan], [15.0, np.nan]]))
    (1.0, 5.0)
    """
    steps = [weekly[1:, k] - weekly[:-1, k] for k in (0, 1)]
    sums = [weekly[1:, k] + weekly[:-1, k] for k in (0, 1)]
    step, both = np.concatenate(steps), np.concatenate(sums)
    known = both > 0  # false for NaN
    return max(1.0, float(np.mean(step[known] ** 2 / both[known]))) if known.any() else 1.0


def _weekly(age_days: npt.NDArray[np.float64], seen_days: float) -> npt.NDArray[np.float64]:
    """Counts of the last 52 weeks and of those a year before, as far as the history covers whole weeks."""
    ago = np.ceil(age_days / 7).astype(np.int64) - 1  # (0, 7] days ago is week 0: as_of itself isn't seen
    count = np.bincount(ago[ago >= 0], minlength=2 * SHOWN_WEEKS)[: 2 * SHOWN_WEEKS].astype(float)
    count[np.arange(len(count)) >= int(seen_days // 7)] = np.nan
    pairs = np.column_stack([count[:SHOWN_WEEKS], count[SHOWN_WEEKS:]])[::-1]
    return np.ascontiguousarray(pairs[~np.isnan(pairs[:, 0])])


def _parts(
    table: pd.DataFrame, areas: Areas | None, asked: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.object_]]:
    """The name of every row by part; None where it belongs to none."""
    hours = table["time"].dt.hour.astype(str).to_numpy(dtype=object)
    if "date_only" in table:
        hours[table["date_only"].to_numpy(dtype=bool)] = None
    parts = {
        "all": np.full(len(table), "", dtype=object),
        "category": table["category"].astype(str).to_numpy(dtype=object),
        "hour": hours,
    }
    if areas is None:
        return parts
    rows = np.flatnonzero(asked)
    points: npt.NDArray[np.object_] = np.asarray(
        shapely.points(table["x"].to_numpy()[rows], table["y"].to_numpy()[rows])
    )
    shapes = areas.frame.geometry.to_numpy()
    area, point = shapely.STRtree(points).query(shapes, predicate="intersects")
    for part, column in (("area", "id"), ("street", "street")):
        names = np.full(len(table), None, dtype=object)
        names[rows[point][::-1]] = (
            areas.frame[column].astype(str).to_numpy(dtype=object)[area][::-1]
        )  # a border point: the first
        parts[part] = names
    return parts


def _compared(
    part: str, now: npt.NDArray[np.object_], then: npt.NDArray[np.object_], dispersion: float
) -> pd.DataFrame:
    recent, before = (pd.Series(names[names != None]).value_counts() for names in (now, then))  # noqa: E711 - elementwise
    names = sorted(
        {*recent.index, *before.index} | ({""} if part == "all" else set()), key=int if part == "hour" else str
    )
    a, b = (np.array([int(counts.get(name, 0)) for name in names], dtype=np.int64) for counts in (recent, before))
    ratio, lower, upper, p = rate_ratio(a, b, dispersion=dispersion)
    within = ~discoveries(p, FALSE_DISCOVERIES)
    columns = (np.full(len(names), part), names, a, b, ratio, lower, upper, p, within)
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _plain(value: Any) -> Any:
    if isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, int | np.integer):
        return int(value)
    return round(float(value), 4) if np.isfinite(value) else None
