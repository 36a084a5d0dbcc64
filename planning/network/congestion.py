"""How much slower cars are at some hours: a user's table by kind of day, hour and class of street."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hotspot.tables import read_table
from planning.network.modes import first_class
from planning.network.splitting import Floats
from planning.row_faults import RowFaults

COLUMNS = ("day", "hour", "highway", "multiplier")
DAYS = ("workday", "weekend", "holiday")
ANY = "*"
_MOST = 20.0  # times as long; more is a mistake, or a closure


@dataclass(frozen=True, eq=False)
class Congestion:
    """`frame`: `day` (workday, weekend, holiday or *), `hour` (0-23), `highway` (a class or *), `multiplier` (>= 1)."""

    frame: pd.DataFrame

    def multipliers(self, highway: pd.Series, hours: Iterable[tuple[str, int]]) -> Floats:
        """(E,) how many times as long each edge takes: the worst of the hours, each a kind of day and an hour.

        Of several rows that fit, the one that names the day counts before the one that names the class. What no row
        fits takes its free time.

        >>> table = pd.DataFrame([("*", 18, "*", 1.5), ("workday", 18, "primary", 2.0)], columns=COLUMNS)
        >>> classes = pd.Series(["primary", "residential", "primary_link"])
        >>> Congestion(table).multipliers(classes, [("workday", 17), ("workday", 18)]).tolist()
        [2.0, 1.5, 2.0]
        """
        given = {tuple(row[:3]): float(row[3]) for row in self.frame[list(COLUMNS)].itertuples(index=False)}
        codes, kinds = pd.factorize(highway.astype("str"))
        worst = np.ones(len(kinds))
        for day, hour in set(hours):
            for k, kind in enumerate(kinds):
                name = first_class(str(kind))
                classes = (name, name.removesuffix("_link"), ANY)
                fits = [given[key] for key in ((d, hour, c) for d in (day, ANY) for c in classes) if key in given]
                worst[k] = max(worst[k], fits[0] if fits else 1.0)
        return worst[codes] if len(kinds) else np.ones(len(codes))


def read_congestion(path: str | os.PathLike[str]) -> Congestion:
    """Read the table: `day, hour, highway, multiplier`. Raises InputError with every fault of it."""
    table = read_table(path, required=COLUMNS)
    faults = RowFaults.of(table)
    text = table.frame
    faults.one_of("day", text["day"], (*DAYS, ANY))
    hour = pd.to_numeric(text["hour"], errors="coerce")
    bad = ~(hour.between(0, 23) & (hour % 1 == 0))
    faults.add(bad, "hour", text["hour"], "not an hour of the day", "give a whole number from 0 to 23")
    factor = pd.to_numeric(text["multiplier"], errors="coerce")
    fix = f"give how many times as long it takes, from 1 (free) to {_MOST:g}"
    faults.add(~factor.between(1, _MOST), "multiplier", text["multiplier"], "not a multiplier of travel time", fix)
    faults.add(text["highway"] == "", "highway", None, "missing", f"give a class of street, or {ANY} for all")
    again = text.duplicated(["day", "hour", "highway"])
    faults.add(again, "hour", text["hour"], "the same day, hour and class as an earlier row", "keep one of them")
    faults.raise_any()
    typed = text.assign(hour=hour.astype(np.int64), multiplier=factor.astype(float))
    return Congestion(typed[list(COLUMNS)].reset_index(drop=True))
