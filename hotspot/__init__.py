"""Where and when: incident histories become risk by place and hour, and risk becomes hotspots.

Knows places and times, never persons; knows nothing of teams or routes.
"""

import logging

from hotspot.areas import Areas, read_areas
from hotspot.calendars import Calendar, read_calendar
from hotspot.cube import Cube, count_cube
from hotspot.errors import ConfigError, CrsError, Fault, HotspotError, InputError, OutputError, PlanError
from hotspot.forecasting.estimate import Estimate
from hotspot.forecasting.history import History
from hotspot.forecasting.risk import Risk, forecast
from hotspot.grid import Grid, make_grid
from hotspot.hotspots import Hotspots, select_hotspots
from hotspot.incidents import Incidents, read_incidents
from hotspot.statistics.aoristic_weights import aoristic

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Areas",
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
    "aoristic",
    "count_cube",
    "forecast",
    "make_grid",
    "read_areas",
    "read_calendar",
    "read_incidents",
    "select_hotspots",
]
