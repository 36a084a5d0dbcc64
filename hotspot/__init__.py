"""Where and when: incident histories become risk by place and hour, and risk becomes hotspots.

Knows places and times, never persons; knows nothing of teams or routes.
"""

import logging
from typing import TYPE_CHECKING, Any

from hotspot.areas import Areas, read_areas
from hotspot.backtesting import Backtest, backtest
from hotspot.calendars import Calendar, read_calendar
from hotspot.cube import Cube, count_cube
from hotspot.errors import ConfigError, CrsError, Fault, HotspotError, InputError, OutputError, PlanError
from hotspot.forecasting.estimate import Estimate, estimate_of
from hotspot.forecasting.history import History
from hotspot.forecasting.risk import Risk, forecast
from hotspot.grid import Grid, make_grid
from hotspot.horizon_scores import Budget
from hotspot.hotspots import Hotspots, select_hotspots
from hotspot.incidents import Incidents, read_incidents
from hotspot.metrics import hit_rate, pai, pei
from hotspot.statistics.aoristic_weights import aoristic
from hotspot.statistics.displacement import wdd
from hotspot.statistics.emerging import emerging_hotspots, mann_kendall
from hotspot.statistics.getis_ord import general_g, local_g
from hotspot.statistics.kernel import kernel_density, likely_bandwidth, space_time_density
from hotspot.statistics.key_times import hour_of_week_table, key_windows
from hotspot.statistics.moran import local_moran
from hotspot.statistics.near_repeat import jacquez, knox, knox_table, mantel
from hotspot.statistics.scan import ScanCluster, scan_permutation, scan_poisson
from hotspot.statistics.sensitivity import cell_sensitivity
from hotspot.statistics.st_clusters import hdbscan, st_dbscan
from hotspot.trends import Trend, rate_ratio, trend_of
from hotspot.units import UnitCube, count_by_unit, hexagons

if TYPE_CHECKING:
    from hotspot.mapping.situation_page import save_situation

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Areas",
    "Backtest",
    "Budget",
    "Calendar",
    "ConfigError",
    "CrsError",
    "Cube",
    "Estimate",
    "Fault",
    "Grid",
    "History",
    "HotspotError",
    "Hotspots",
    "Incidents",
    "InputError",
    "OutputError",
    "PlanError",
    "Risk",
    "ScanCluster",
    "Trend",
    "UnitCube",
    "aoristic",
    "backtest",
    "cell_sensitivity",
    "count_by_unit",
    "count_cube",
    "emerging_hotspots",
    "estimate_of",
    "forecast",
    "general_g",
    "hdbscan",
    "hexagons",
    "hit_rate",
    "hour_of_week_table",
    "jacquez",
    "kernel_density",
    "key_windows",
    "knox",
    "knox_table",
    "likely_bandwidth",
    "local_g",
    "local_moran",
    "make_grid",
    "mann_kendall",
    "mantel",
    "pai",
    "pei",
    "rate_ratio",
    "read_areas",
    "read_calendar",
    "read_incidents",
    "save_situation",
    "scan_permutation",
    "scan_poisson",
    "select_hotspots",
    "space_time_density",
    "st_dbscan",
    "trend_of",
    "wdd",
]


def __getattr__(name: str) -> Any:
    """The page's makers are imported when they are asked for: statistics don't wait for folium."""
    if name == "save_situation":
        from hotspot.mapping.situation_page import save_situation

        return save_situation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
