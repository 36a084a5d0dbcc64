"""GPS tracks of teams: read, checked, and every row accounted for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hotspot.errors import InputError
from hotspot.geo import to_metric
from hotspot.incidents import RowCounts
from hotspot.tables import Table, read_table
from planning.config import TRACK_COLUMNS
from planning.row_faults import RowFaults, local_times

SET_ASIDE_COLUMNS = ("file", "row", "state", "reason", "text")


@dataclass(frozen=True, eq=False)
class Pings:
    """Where teams were: `frame` has `team_id, time` (in the district's zone) and `x, y` (metres), by team and time.

    `set_aside` (file, row, state, reason, text) are the rows that aren't used, `counts` says how many ended how.
    """

    frame: pd.DataFrame
    counts: RowCounts
    set_aside: pd.DataFrame
    entry: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.frame)


class _RowStates:
    """What became of each row: the first thing that is wrong with it counts."""

    def __init__(self, faults: RowFaults, index: pd.Index) -> None:
        self.faults = faults
        self.state = pd.Series("used", index=index)
        self.reason = pd.Series("", index=index)

    def mark(self, where: pd.Series, state: str, reason: str) -> None:
        fresh = where & (self.state == "used")
        self.state[fresh], self.reason[fresh] = state, reason

    def reject(self, where: pd.Series, column: str, values: pd.Series | None, reason: str, fix: str) -> None:
        fresh = where & (self.state == "used")
        self.faults.add(fresh, column, values, reason, fix)
        self.mark(fresh, "rejected", reason)


def read_pings(
    path: str | Path,
    *,
    teams: Collection[str],
    timezone: str,
    crs: str,
    datum: str = "wgs84",
    columns: Mapping[str, str] | None = None,
    max_rejected_share: float = 0.01,
) -> Pings:
    """Read tracks `team_id, time, lon, lat`; rows may come in any order, times are local unless they have an offset.

    Rows without coordinates are unlocated: a receiver without a fix. Rows that say again what another one says are
    duplicates. Bad rows (unknown team, no time, impossible place, two places at one time) are set aside.

    Raises InputError when the file can't be read, or with every fault when more than the share `max_rejected_share` of
    the rows is bad.
    """
    table = read_table(path, required=TRACK_COLUMNS, columns=columns)
    text = table.frame[list(TRACK_COLUMNS)]
    faults = RowFaults.of(table)
    rows = _RowStates(faults, text.index)
    rows.mark((text["lon"] == "") & (text["lat"] == ""), "unlocated", "no coordinates")
    known = ", ".join(sorted(teams))
    rows.reject(~text["team_id"].isin(list(teams)), "team_id", text["team_id"], "unknown team", f"use one of: {known}")
    times = _times(rows, text["time"], timezone)
    xy = _places(rows, text, datum, crs)
    frame = pd.DataFrame({"team_id": text["team_id"], "time": times, "x": xy[:, 0], "y": xy[:, 1]}, index=text.index)
    _mark_repeats(rows, frame, text)
    counts = _counts(rows, len(table.bad_rows))
    if counts.rejected > max_rejected_share * counts.read:
        raise InputError(sorted(faults.faults, key=lambda fault: fault.row or 0))
    used = frame[rows.state == "used"].sort_values(["team_id", "time"], ignore_index=True)
    of_rows = {f"rows_{name}": count for name, count in counts.as_dict().items()}
    entry = {"path": str(path), "sha256": table.sha256, "encoding": table.encoding, **of_rows}
    return Pings(used, counts, _listing(table, text, rows), entry)


def _times(rows: _RowStates, text: pd.Series, timezone: str) -> pd.Series:
    rows.reject(text == "", "time", None, "missing", "give every row its time")
    unread = RowFaults(rows.faults.path)  # told below, for rows that have no other fault
    times = local_times(unread, text, timezone)
    rows.reject(times.isna(), "time", text, "not a time", "write 2024-11-29 or 2024-11-29T18:00")
    return times


def _places(rows: _RowStates, text: pd.DataFrame, datum: str, crs: str) -> np.ndarray:
    degrees = {name: pd.to_numeric(text[name], errors="coerce") for name in ("lon", "lat")}
    for name, most in (("lon", 180.0), ("lat", 90.0)):
        fix = "give WGS-84 degrees, as 109.734"
        rows.reject(~(degrees[name].abs() <= most), name, text[name], "not a coordinate in degrees", fix)
    nowhere = (degrees["lon"] == 0) & (degrees["lat"] == 0)
    rows.reject(nowhere, "lon", text["lon"], "0, 0: a receiver without a fix", "leave both empty where there is no fix")
    good = rows.state == "used"
    xy = np.full((len(text), 2), np.nan)
    lon, lat = (degrees[name][good].to_numpy(dtype=float) for name in ("lon", "lat"))
    xy[good.to_numpy()] = to_metric(lon, lat, datum=datum, crs=crs)
    away = good & pd.Series(np.isnan(xy[:, 0]), index=text.index)
    rows.reject(away, "lon", text["lon"], "too far away to be shown in the district's CRS", "correct the coordinates")
    return xy


def _mark_repeats(rows: _RowStates, frame: pd.DataFrame, text: pd.DataFrame) -> None:
    """A row said again is a duplicate; of several places at one time the first row's counts."""
    used = frame[rows.state == "used"]
    again = used.duplicated().reindex(text.index, fill_value=False)
    rows.mark(again, "duplicate", "says again what an earlier row says")
    used = frame[rows.state == "used"]
    elsewhere = used.duplicated(["team_id", "time"]).reindex(text.index, fill_value=False)
    fix = "keep one device of a team, or take out the wrong row"
    rows.reject(elsewhere, "time", text["time"], "the team is at another place at the same time in an earlier row", fix)


def _counts(rows: _RowStates, unsplit: int) -> RowCounts:
    each = {name: int((rows.state == name).sum()) for name in ("used", "rejected", "duplicate", "unlocated")}
    each["rejected"] += unsplit
    return RowCounts(read=len(rows.state) + unsplit, **each)


def _listing(table: Table, text: pd.DataFrame, rows: _RowStates) -> pd.DataFrame:
    """The rows that aren't used, in the file's order; their text is that of the columns read."""
    out = rows.state != "used"
    listed = pd.DataFrame(
        {
            "row": text.index[out], "state": rows.state[out].to_numpy(), "reason": rows.reason[out].to_numpy(),
            "text": [",".join(each) for each in text[out].itertuples(index=False)],
        }
    )  # fmt: skip
    whole = pd.concat([listed, table.bad_rows.assign(state="rejected")]).sort_values("row", ignore_index=True)
    return whole.assign(file=Path(table.path).name)[list(SET_ASIDE_COLUMNS)]


def no_pings(timezone: str) -> pd.DataFrame:
    """The frame of tracks that nobody gave."""
    columns = {"team_id": "object", "time": f"datetime64[us, {timezone}]", "x": "float64", "y": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in columns.items()})
