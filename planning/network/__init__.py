"""Streets from files, and the times and ways between places on them."""

from planning.network.modes import SPEEDS
from planning.network.networks import Network, routable
from planning.network.reading import read_streets
from planning.network.snapping import Snaps, nearest_edges, snap
from planning.network.streets import Streets, from_lines
from planning.network.travel_times import Travel, travel
from planning.network.ways import paths

__all__ = [
    "SPEEDS",
    "Network",
    "Snaps",
    "Streets",
    "Travel",
    "from_lines",
    "nearest_edges",
    "paths",
    "read_streets",
    "routable",
    "snap",
    "travel",
]
