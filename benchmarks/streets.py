"""Streets from an OSM file to times, ways and reach, beside OSMnx/networkx, igraph and pandana on the same work.

    python benchmarks/streets.py --pbf FILE [--json OUT] [--only read,cache,distances,paths,matrix,...] [--full]

Seconds are wall time of one run in this process after a warm-up on a small part, so compiling isn't in them; reading is
measured in processes of its own, with their peak memory. Our core and pandana search in as many threads as there are
cores, networkx, igraph and our `fast` in one. networkx's 500 x 500 is 25 of the 500 rows, times 20, unless --full.
Building igraph's graph and the hierarchies of pandana and `fast` isn't counted. Times, ways and isochrones are on
OSMnx's simplified graph on both sides, on foot at 4.5 km/h. A task that fails on our side says so,
and the exit code is 1; a file that a peer refuses is told.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import osmnx
import pandas as pd
import shapely
import streets_peers as peers
from report import Row, report
from scipy import sparse
from scipy.sparse import csgraph

from planning.network import Streets, nearest_edges, paths, reach, read_streets, routable, snap, travel

EVEN = {"*": 4.5, "steps": 4.5, "motorway": 4.5, "motorway_link": 4.5}
SOURCES, TARGETS, SNAPPED, SAMPLE = 18, 500, 100_000, 25


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--pbf", type=Path, required=True)
    words.add_argument("--json", type=Path)
    words.add_argument("--only", default=",".join(TASKS))
    words.add_argument("--full", action="store_true", help="all rows of networkx's 500 x 500")
    words.add_argument("--seed", type=int, default=0)
    asked = words.parse_args()
    if unknown := sorted(set(asked.only.split(",")) - set(TASKS)):
        words.error(f"--only: {', '.join(unknown)} unknown; known: {', '.join(TASKS)}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(asked.pbf, Path(folder), np.random.default_rng(asked.seed), asked.full)
        rows = report((row for task in asked.only.split(",") for row in _rows(task, bench)), asked.json)
    sys.exit(any(row.agreement.startswith("failed: ") for row in rows))


class SideFailedError(Exception):
    """One side's reading failed: its name, then why."""


def _rows(task: str, bench: Bench) -> list[Row]:
    rows: list[Row] = []
    try:
        rows.extend(TASKS[task](bench))  # what was measured before a failure stays
    except SideFailedError as error:  # OSMnx refuses extracts with cut ways
        word = "failed" if error.args[0] == "ours" else "refuses the file"
        rows.append(Row(task, error.args[0], None, agreement=f"{word}: {error.args[1]}"))
    except Exception as error:  # noqa: BLE001  the other tasks still run
        rows.append(Row(task, "", None, agreement=f"failed: {type(error).__name__}: {error}"))
    return rows


@dataclass
class Bench:
    """The extract, and both sides' graphs of it, each made once."""

    pbf: Path
    folder: Path
    rng: np.random.Generator
    full: bool
    failed: dict[str, str] = field(default_factory=dict)  # why a side can't read the extract

    @cached_property
    def streets(self):
        return read_streets(self.pbf)

    @cached_property
    def graph(self):
        kept = self.folder / "graph.pickle"
        if not kept.exists():
            _in_own_process("theirs", self)
        return pickle.loads(kept.read_bytes())  # written by this very run

    @cached_property
    def walk(self):
        """OSMnx's simplified graph of the extract, as our network."""
        return routable(Streets.from_networkx(self.graph), "walk", speeds=EVEN)

    @cached_property
    def on_foot(self):
        """And the very arcs of that network, as theirs: nodes have our numbers."""
        return peers.on_foot(self.walk)

    def picked(self, count: int) -> np.ndarray:
        """Nodes of the part where every place reaches every other."""
        inside = np.unique(np.r_[self.walk.u[self.walk.core], self.walk.v[self.walk.core]])
        return np.sort(self.rng.choice(inside, count, replace=False))

    def central(self) -> np.ndarray:
        """The node of that part nearest to the middle of its nodes."""
        inside = np.unique(np.r_[self.walk.u[self.walk.core], self.walk.v[self.walk.core]])
        xy = self.walk.streets.nodes_xy[inside]
        return inside[[int(np.argmin(np.hypot(*(xy - np.median(xy, axis=0)).T)))]]

    def places(self, nodes: np.ndarray):
        return snap(self.walk, self.walk.streets.nodes_xy[nodes])


def timed(job: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = job()
    return time.perf_counter() - begun, answer


def read(bench: Bench) -> Iterator[Row]:
    ours = _in_own_process("ours", bench)
    yield Row("file -> graph", "ours", ours["seconds"], None, ours["peak_mb"], f"{ours['nodes']:,} nodes")
    theirs = _in_own_process("theirs", bench)
    told = f"{theirs['nodes']:,} nodes; memory 1/{theirs['peak_mb'] / ours['peak_mb']:.1f}"
    ratio = theirs["seconds"] / ours["seconds"]
    yield Row("file -> graph", "osmium + osmnx", theirs["seconds"], ratio, theirs["peak_mb"], told)


def _in_own_process(side: str, bench: Bench) -> dict[str, float]:
    script = Path(__file__).with_name("streets_reading.py")
    words = [sys.executable, str(script), side, str(bench.pbf), str(bench.folder)]
    tool = "ours" if side == "ours" else "osmium + osmnx"
    if side not in bench.failed:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        bench.failed[side] = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
    raise SideFailedError(tool, bench.failed[side])


def cache(bench: Bench) -> list[Row]:
    kept, graphml = bench.folder / "cache", bench.folder / "graph.graphml"
    read_streets(bench.pbf, cache=kept)
    osmnx.save_graphml(bench.graph, graphml)
    ours, _ = timed(lambda: [routable(read_streets(bench.pbf, cache=kept), mode) for mode in ("walk", "car")])
    theirs, _ = timed(lambda: osmnx.load_graphml(graphml))
    return [Row("cached start", "ours", ours), Row("cached start", "osmnx graphml", theirs, theirs / ours)]


def distances(bench: Bench) -> list[Row]:
    (ours, at_ours), (theirs, at_theirs) = _matrix(bench.streets.to_networkx()), _matrix(bench.graph)
    common = sorted(at_ours.keys() & at_theirs.keys())
    origins, goals = (self_rows for self_rows in (bench.rng.choice(len(common), n, replace=False) for n in (40, 3000)))
    found = [
        csgraph.dijkstra(matrix, indices=[at[common[i]] for i in origins])[:, [at[common[j]] for j in goals]]
        for matrix, at in ((ours, at_ours), (theirs, at_theirs))
    ]
    reached = np.isfinite(found[0])
    differ = int((reached != np.isfinite(found[1])).sum())
    both = reached & np.isfinite(found[1])
    most = float(np.abs(found[0][both] - found[1][both]).max())
    told = f"{reached.size:,} pairs: at most {most:.2e} m apart, reachability differs in {differ}"
    return [Row("distances", "ours against osmnx", None, agreement=told)]


def _matrix(graph) -> tuple[sparse.csr_array, dict[tuple[int, int], int]]:
    number = {node: n for n, node in enumerate(graph)}
    arcs = pd.DataFrame([(number[a], number[b], m) for a, b, m in graph.edges(data="length")], columns=["a", "b", "m"])
    least = arcs[arcs["a"] != arcs["b"]].groupby(["a", "b"], as_index=False)["m"].min()
    matrix = sparse.csr_array((least["m"], (least["a"], least["b"])), shape=(len(number), len(number)))
    places = [(round(data["x"] * 1e7), round(data["y"] * 1e7)) for _, data in graph.nodes(data=True)]
    return matrix, {place: n for n, place in enumerate(places)}


def ways(bench: Bench) -> list[Row]:
    sources, targets = bench.picked(SOURCES), bench.picked(TARGETS)
    pairs = np.column_stack([np.arange(TARGETS) % SOURCES, np.arange(TARGETS)])
    origins, goals = bench.places(sources), bench.places(targets)
    paths(bench.walk, origins, goals, pairs[:2])
    travel(bench.walk, origins.take([0]), goals)
    ours, (found, lines) = timed(lambda: (travel(bench.walk, origins, goals), paths(bench.walk, origins, goals, pairs)))
    theirs, (times, _) = timed(lambda: peers.times_and_paths(bench.on_foot, sources.tolist(), targets.tolist(), pairs))
    name = f"{SOURCES} x {TARGETS} and {TARGETS} ways"
    assert all(not line.is_empty for line in lines)
    return [
        Row(name, "ours", ours),
        Row(name, "networkx + osmnx", theirs, theirs / ours, agreement=_apart(found.travel_s, times)),
    ]


def _apart(ours: np.ndarray, theirs: np.ndarray) -> str:
    both = np.isfinite(ours) & np.isfinite(theirs)
    most, differ = float(np.abs(ours - theirs)[both].max()), int((np.isfinite(ours) != np.isfinite(theirs)).sum())
    return f"times at most {most:.2g} s apart, reachability differs in {differ}"


def matrix(bench: Bench) -> list[Row]:
    sources, targets = bench.picked(TARGETS), bench.picked(TARGETS)
    origins, goals = bench.places(sources), bench.places(targets)
    travel(bench.walk, origins.take([0]), goals)
    ours, found = timed(lambda: travel(bench.walk, origins, goals))
    sample = TARGETS if bench.full else SAMPLE
    theirs, times = timed(lambda: peers.times_only(bench.on_foot, sources[:sample].tolist(), targets.tolist()))
    theirs *= TARGETS / sample
    name, agrees = f"{TARGETS} x {TARGETS}", _apart(found.travel_s[:sample], times)
    rows = [Row(name, "ours, core", ours), Row(name, "networkx", theirs, theirs / ours, agreement=agrees)]
    if importlib.util.find_spec("pyroutingkit"):
        travel(bench.walk, origins.take([0]), goals, engine="fast")
        fast, quick = timed(lambda: travel(bench.walk, origins, goals, engine="fast"))
        rows.append(Row(name, "ours, fast", fast, agreement=_apart(quick.travel_s, found.travel_s)))
        rows.append(Row(name, "networkx / fast", theirs, theirs / fast))
    for tool, job in (("igraph", _igraph), ("pandana", _pandana)):
        rows.append(_other(name, tool, ours, found.travel_s, lambda job=job: job(bench, sources, targets)))
    return rows


def _other(task: str, tool: str, ours: float, times: np.ndarray, job: Callable[[], tuple[float, np.ndarray]]) -> Row:
    if not importlib.util.find_spec(tool):
        return Row(task, tool, None, agreement="not installed")
    seconds, found = job()
    return Row(task, tool, seconds, seconds / ours, agreement=_apart(times, found))


def _igraph(bench: Bench, sources: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    own, number = peers.igraph_of(bench.on_foot)
    a, b = ([number[node] for node in nodes.tolist()] for nodes in (sources, targets))
    seconds, found = timed(lambda: own.distances(a, b, weights="s"))
    return seconds, np.array(found)


def _pandana(bench: Bench, sources: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    own = peers.pandana_of(bench.on_foot)
    a = np.repeat(sources, len(targets))
    b = np.tile(targets, len(sources))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it names every pair that isn't connected
        seconds, found = timed(lambda: own.shortest_path_lengths(a, b))
    times = np.array(found, dtype=float).reshape(len(sources), len(targets))
    return seconds, np.where(times > 4e6, np.inf, times)  # 4294967.295 is its mark for no way


def snapping(bench: Bench) -> list[Row]:
    low, high = bench.streets.nodes_xy.min(axis=0), bench.streets.nodes_xy.max(axis=0)
    xy = bench.rng.uniform(low, high, (SNAPPED, 2))
    graph = bench.streets.to_networkx(crs=bench.streets.crs)
    nearest_edges(bench.streets, xy[:10])
    ours, (_, metres) = timed(lambda: nearest_edges(bench.streets, xy))
    theirs, (_, slow) = timed(lambda: osmnx.nearest_edges(graph, xy[:, 0], xy[:, 1], return_dist=True))
    told = f"distances at most {np.abs(metres - slow).max():.1e} m apart"
    name = f"{SNAPPED:,} points snapped"
    return [Row(name, "ours", ours), Row(name, "osmnx.nearest_edges", theirs, theirs / ours, agreement=told)]


def weights(bench: Bench) -> list[Row]:
    factor = bench.rng.uniform(1, 3, len(bench.walk.streets.edges))
    bench.walk.reweighted(multipliers=factor)
    ours, _ = timed(lambda: bench.walk.reweighted(multipliers=factor))
    closing, _ = timed(lambda: bench.walk.reweighted(multipliers=factor, closed=[0, 1, 2]))
    theirs, _ = timed(lambda: peers.with_seconds(bench.on_foot))
    name = "all edges re-weighted"
    return [
        Row(name, "ours", ours),
        Row(name, "ours, three closed", closing),
        Row(name, "networkx", theirs, theirs / ours),
    ]


def isochrones(bench: Bench) -> list[Row]:
    rows = []
    node = bench.central()
    at, walk = bench.places(node), bench.walk
    reach(walk, at, limit_s=60).polygons()
    lines = walk.streets.edges.geometry.to_numpy()
    for minutes in (10, 60):
        ours, (found, area) = timed(lambda limit_s=minutes * 60: _reach(walk, at, limit_s))
        theirs, hull = timed(lambda limit_s=minutes * 60: peers.isochrone(bench.on_foot, int(node[0]), limit_s))
        name = f"isochrone of {minutes} min"
        rows.append(Row(name, "ours", ours, agreement=_held(area, found.lines.geometry.to_numpy(), lines)))
        told = _held(hull, found.lines.geometry.to_numpy(), lines)
        rows.append(Row(name, "networkx, hull of nodes", theirs, theirs / ours, agreement=told))
    return rows


def _reach(walk, at, limit_s: float):
    found = reach(walk, at, limit_s=limit_s)
    return found, found.polygons().geometry.iloc[0]


def _held(area: shapely.Geometry, reached: np.ndarray, streets: np.ndarray) -> str:
    inside = float(shapely.length(shapely.intersection(reached, area)).sum())
    enclosed = float(shapely.length(shapely.intersection(streets[shapely.intersects(area, streets)], area)).sum())
    share = 1 - inside / enclosed if enclosed else 0.0
    return (
        f"{inside / shapely.length(reached).sum():.1%} of what is reached inside, {share:.1%} of what is inside isn't"
    )


TASKS: dict[str, Callable[[Bench], Iterable[Row]]] = {
    "read": read,
    "cache": cache,
    "distances": distances,
    "paths": ways,
    "matrix": matrix,
    "snapping": snapping,
    "weights": weights,
    "isochrones": isochrones,
}


if __name__ == "__main__":
    main()
