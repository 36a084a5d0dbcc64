"""Streets from files, and the times and ways between places on them."""

from planning.network.catchments import Catchments, catchments, nearest_place
from planning.network.closures import Closures, read_closures
from planning.network.conditions import Conditions, Moving, ways_of_moving
from planning.network.congestion import Congestion, read_congestion
from planning.network.density import StreetDensity, street_density
from planning.network.modes import SPEEDS
from planning.network.networks import Network, routable
from planning.network.reach import Reach, reach
from planning.network.reading import read_streets
from planning.network.snapping import Snaps, nearest_edges, snap
from planning.network.streets import Streets, from_lines
from planning.network.travel_times import Travel, travel
from planning.network.ways import paths

__all__ = [
    "SPEEDS",
    "Catchments",
    "Closures",
    "Conditions",
    "Congestion",
    "Moving",
    "Network",
    "Reach",
    "Snaps",
    "StreetDensity",
    "Streets",
    "Travel",
    "catchments",
    "from_lines",
    "nearest_edges",
    "nearest_place",
    "paths",
    "reach",
    "read_closures",
    "read_congestion",
    "read_streets",
    "routable",
    "snap",
    "street_density",
    "travel",
    "ways_of_moving",
]
