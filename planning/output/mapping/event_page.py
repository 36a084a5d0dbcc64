"""The events of a night as data of its map page: what they need, who stands where, and what the patrols lose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from hotspot.mapping.situation_page import Payload

DUTY_COLUMNS = ("team_id", "members", "roles", "leave_point", "arrive", "start", "end", "back")
LOST_COLUMNS = ("team_id", "hotspot_id", "activity", "start", "leave", "value", "why", "event_id")


def events_payload(
    block: Mapping[str, Any], posts: gpd.GeoDataFrame, staffing: pd.DataFrame, lost: pd.DataFrame
) -> Payload:
    """What a page tells of the events, JSON-able.

    `block` is the manifest's `events`; `posts`, `staffing` and `lost` are the tables of the run folder. Every post has its
    `duties`, the teams that stand there; no event gives empty lists.
    """
    duties = {key: rows.to_dict("records") for key, rows in staffing.groupby(["event_id", "post_id"])}
    told = pd.DataFrame(posts.drop(columns="geometry"))
    each = [
        post | {"duties": [_part(row, DUTY_COLUMNS) for row in duties.get((post["event_id"], post["post_id"]), [])]}
        for post in told.to_dict("records")
    ]
    table = {name: block["table"][name] for name in ("source", "is_example")}
    figures = {name: block[name] for name in ("each", "needed", "assigned", "short", "teams", "binding", "patrol")}
    return figures | {
        "table": table,
        "posts": each,
        "lost": [_part(row, LOST_COLUMNS) for row in lost.to_dict("records")],
    }


def _part(row: Mapping[Any, Any], columns: tuple[str, ...]) -> Payload:
    return {name: row[name] for name in columns}
