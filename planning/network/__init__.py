"""Streets from files, and the times and ways between places on them."""

from planning.network.modes import SPEEDS, Network, routable
from planning.network.reading import read_streets
from planning.network.snapping import Snaps, snap
from planning.network.streets import Streets, from_lines, from_networkx
from planning.network.travel_times import Travel, travel
from planning.network.ways import paths

__all__ = [
    "SPEEDS",
    "Network",
    "Snaps",
    "Streets",
    "Travel",
    "from_lines",
    "from_networkx",
    "paths",
    "read_streets",
    "routable",
    "snap",
    "travel",
]
