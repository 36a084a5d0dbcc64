"""Patrol plans at the size of a district and of a metropolis: value, proven bound, gap, seconds and memory.

    python benchmarks/patrol_scale.py [--case A,B,C,D] [--peers PyVRP,OR-Tools,VROOM] [--seeds 1] [--json FILE]
    python benchmarks/patrol_scale.py --teams 27 --demands 200 --shift-min 120 --seconds 5

Without sizes it runs the cases A-D. `--peers` alone runs all of them on the same problem for as many seconds. Seconds
are CPU seconds of one thread without compiling; memory is the peak of a process of its own for each problem.
VROOM takes the time it takes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from routing_cases import patrol_case

from planning.checking import check
from planning.solving.search import solve

CASES = {"A": (27, 200, 120, 5), "B": (27, 400, 180, 15), "C": (27, 400, 240, 30), "D": (500, 5000, 120, 60)}
PEERS = "PyVRP,OR-Tools,VROOM"


@dataclass
class Result:
    case: str
    seed: int
    value: float
    bound: float
    gap: float
    certified: bool
    seconds: float
    first_plan_seconds: float
    peak_mb: float
    peers: dict[str, tuple[float, float]] = field(default_factory=dict)  # value, seconds


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--case", default="A,B,C,D")
    words.add_argument("--teams", type=int)
    words.add_argument("--demands", type=int, default=200)
    words.add_argument("--shift-min", type=float, default=120)
    words.add_argument("--seconds", type=float)
    words.add_argument("--seeds", type=int, default=1, help="problems and seeds 0 ... N-1")
    words.add_argument("--peers", nargs="?", const=PEERS, default="")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    sizes = {name: CASES[name] for name in asked.case.split(",")}
    if asked.teams is not None:
        sizes = {"own": (asked.teams, asked.demands, asked.shift_min, asked.seconds or 10)}
    peers = [name for name in asked.peers.split(",") if name]
    print(f"{'case':5}{'seed':>5}{'value':>10}{'bound':>10}{'gap':>8}{'':>15}{'s':>7}{'first':>7}{'MB':>7}  peers")
    results = []
    for name, size in sizes.items():
        for seed in range(asked.seeds):
            result = _apart(name, size, asked.seconds or size[3], seed, peers)
            results.append(result)
            print(_told(result), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    sys.exit(any(result.value != result.value for result in results))


def _apart(name: str, size: tuple[int, int, float, float], seconds: float, seed: int, peers: list[str]) -> Result:
    """In processes of their own, so that the peak memory is ours and the peers' is theirs."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as pool:
        result = pool.apply(_ours, (name, size, seconds, seed))
    if peers:
        with spawn.Pool(1) as pool:
            result.peers = pool.apply(_theirs, (size, seconds, seed, peers))
    return result


def _ours(name: str, size: tuple[int, int, float, float], seconds: float, seed: int) -> Result:
    small = patrol_case(teams=3, demands=20, shift_min=120, seed=1)
    for effort in ("quick", "normal"):
        solve(small, effort=effort)  # compile
    problem = patrol_case(teams=size[0], demands=size[1], shift_min=size[2], seed=seed)
    stages: list[float] = []
    begun = time.process_time()
    plan = solve(
        problem, seed=seed, time_limit_s=seconds, progress=lambda *_: stages.append(time.process_time() - begun)
    )
    spent = time.process_time() - begun
    faults = check(plan, problem)
    if faults:
        raise SystemExit(f"case {name}, seed {seed}: {faults[0]}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(name, seed, plan.value, plan.bound, plan.gap, plan.certified, spent, stages[0], peak)


def _theirs(
    size: tuple[int, int, float, float], seconds: float, seed: int, peers: list[str]
) -> dict[str, tuple[float, float]]:
    from routing_peers import run_peers  # the peers come from the [bench] extra

    problem = patrol_case(teams=size[0], demands=size[1], shift_min=size[2], seed=seed)
    return run_peers(problem, seconds, seed=seed, names=peers)


def _told(result: Result) -> str:
    proof = "certified" if result.certified else "not certified"
    peers = ", ".join(f"{name} {value:.1f} ({spent:.0f} s)" for name, (value, spent) in result.peers.items())
    return (
        f"{result.case:5}{result.seed:5d}{result.value:10.1f}{result.bound:10.1f}{100 * result.gap:7.2f}%{proof:>15}"
        f"{result.seconds:7.1f}{result.first_plan_seconds:7.2f}{result.peak_mb:7.0f}  {peers}"
    )


if __name__ == "__main__":
    main()
