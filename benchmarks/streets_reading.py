"""One side of benchmarks/streets.py reads the extract, in this process of its own: `ours` or `theirs`, FILE, FOLDER.

Prints seconds without imports, peak memory in MB with them, and the number of nodes, as JSON.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import time
from pathlib import Path


def main() -> None:
    side, pbf, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if side == "ours":
        from planning.network import read_streets, routable

        begun = time.perf_counter()
        streets = read_streets(pbf)
        routable(streets, "walk")
        routable(streets, "car")
        nodes = len(streets.nodes_xy)
    else:
        import streets_peers

        begun = time.perf_counter()
        graph = streets_peers.graph_of(pbf, folder)
        nodes = len(graph)
    seconds = time.perf_counter() - begun
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if side == "theirs":
        (folder / "graph.pickle").write_bytes(pickle.dumps(graph))
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb, "nodes": nodes}))


if __name__ == "__main__":
    main()
