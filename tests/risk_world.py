"""A small square with incidents of two years, denser to the west: what risk models and the backtest are tested on."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import hotspot as hs
from hotspot.areas import Areas

CRS, ZONE = "EPSG:32649", "Asia/Shanghai"
AS_OF = pd.Timestamp("2026-06-01", tz=ZONE)
SIDE = 2000.0


def made(rows=2500, *, days=800, seed=0, until=AS_OF, category="theft", xy=None):
    """Incidents of so many days before `until`, uniform in time, denser to the west."""
    rng = np.random.default_rng(seed)
    time = until - pd.to_timedelta(rng.uniform(0.01, days, rows), unit="D")
    places = np.column_stack([SIDE * rng.uniform(0, 1, rows) ** 2, rng.uniform(0, SIDE, rows)]) if xy is None else xy
    return frame_of(time, places, np.full(rows, category))


def frame_of(time, places, category, **more):
    rows = len(time)
    return hs.Incidents.from_frame(
        gpd.GeoDataFrame(
            {"id": [f"I{k}-{category[k] if rows else ''}" for k in range(rows)], "time": time.floor("s"), "date_only": False,
             "category": category, "source": "report"} | more,
            geometry=gpd.points_from_xy(*np.asarray(places).T), crs=CRS,
        ),
        timezone=ZONE,
    )  # fmt: skip


def square_grid():
    box = [shapely.box(0, 0, SIDE, SIDE)]
    areas = Areas(gpd.GeoDataFrame({"id": ["C1"], "name": ["One"], "street": ["S"]}, geometry=box, crs=CRS))
    return hs.make_grid(areas, cell_m=250)
