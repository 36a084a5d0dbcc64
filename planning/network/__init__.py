"""Streets from files, and the times and ways between places on them."""

from planning.network.modes import SPEEDS, Network, routable
from planning.network.streets import Streets, from_lines, read_streets
from planning.network.travel_times import Snaps, Travel, paths, snap, travel

__all__ = [
    "SPEEDS",
    "Network",
    "Snaps",
    "Streets",
    "Travel",
    "from_lines",
    "paths",
    "read_streets",
    "routable",
    "snap",
    "travel",
]
