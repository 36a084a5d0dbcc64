"""What a reader of any result must know about the incidents it was made from, in one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import CRS

from hotspot.geo import to_lonlat
from hotspot.reading.source import OpenTable
from hotspot.times import profile_shift, zone_doubt, zone_of

SPIKE_SHARE = 0.05
LEAST_ROWS_FOR_SPIKES = 100
SAMPLED = 20_000
MOST_INTERVAL_DAYS = 30


def table_notices(table: OpenTable) -> list[str]:
    """What its reader had to decide, and the columns that it left alone."""
    told = list(dict.fromkeys(table.notices))
    if table.dropped_columns:
        told.append(f"columns not read: {', '.join(table.dropped_columns)}")
    return told


def time_notices(table: pd.DataFrame) -> list[str]:
    """Dates without a time of day, intervals too long to say when, and hours that look like another time zone's."""
    told = []
    if count := int(table["date_only"].sum()):
        told.append(f"{count:,} incidents ({count / len(table):.1%}) have a date but no time of day")
    longest = pd.Timedelta(days=MOST_INTERVAL_DAYS)
    if "time_end" in table and (count := int((table["time_end"] - table["time"] > longest).sum())):
        told.append(f"{count:,} incidents lasted over {MOST_INTERVAL_DAYS} days and say nothing about the time of day")
    if doubt := zone_doubt(pd.DatetimeIndex(table["time"][~table["date_only"]])):
        told.append(doubt)
    return told


def serial_notices(serials: int) -> list[str]:
    """Times that are a spreadsheet's count of days, whose system (1900 or 1904) a text file doesn't tell."""
    return [f"{serials:,} times are spreadsheet serial numbers, read in the 1900 date system"] if serials else []


def shifted_files(at: Sequence[npt.NDArray[np.int64]], paths: Sequence[str], timezone: str) -> list[str]:
    """Files whose day runs some hours beside that of the file before: one of them is in another time zone."""
    zone = zone_of(timezone)
    times = [pd.DatetimeIndex(us.view("datetime64[us]")).tz_localize("UTC").tz_convert(zone) for us in at]
    told = []
    for (before, path_before), (after, path) in pairwise(zip(times, paths, strict=True)):
        if shift := profile_shift(before, after):
            told.append(f"{path}: its day runs {shift:+d} h beside that of {path_before}: is it in another time zone?")
    return told


def default_places(table: pd.DataFrame) -> pd.DataFrame:
    """x, y and share of the points that hold more than 5 % of at least 100 incidents: a geocoder's default location?"""
    if len(table) < LEAST_ROWS_FOR_SPIKES:
        return pd.DataFrame({"x": [], "y": [], "share": []}, dtype=float)
    places = table[["x", "y"]].round(1).iloc[:: max(1, len(table) // SAMPLED)]
    often = places.value_counts()
    often = often[often > SPIKE_SHARE / 2 * len(places)]  # whoever holds 5 % of all holds half of that of any 20,000
    x, y = table["x"].to_numpy().round(1), table["y"].to_numpy().round(1)
    shares = [float(((x == at_x) & (y == at_y)).mean()) for at_x, at_y in often.index]
    spikes = often.index.to_frame(index=False).assign(share=shares)
    return spikes[spikes["share"] > SPIKE_SHARE].sort_values(["share", "x", "y"], ascending=False, ignore_index=True)


def spike_notices(spikes: pd.DataFrame, crs: CRS) -> list[str]:
    lonlat = to_lonlat(spikes[["x", "y"]].to_numpy(), crs)
    return [
        f"one point ({lon:.5f}, {lat:.5f}) holds {share:.1%} of the incidents: a default location?"
        for (lon, lat), share in zip(lonlat, spikes["share"], strict=True)
    ]


def step_notices(step_m: float) -> list[str]:
    """Coordinates that are rounded so far that it shows."""
    if step_m < 1.0:
        return []
    return [f"coordinates are rounded to about {step_m:,.0f} m: no hotspot can be finer than that"]
