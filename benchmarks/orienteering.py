"""Team orienteering of the literature: value against the reference, and how much of the rest is proven.

    python benchmarks/orienteering.py --top DIR [--instances 'p4.*'] [--m 2,3,4] --seconds 10 [--peers] [--json FILE]
    python benchmarks/orienteering.py --toptw DIR [--instances 'c1*'] [--m 1,2,3,4] --seconds 30 [--peers] [--json FILE]

Seconds are CPU seconds of one thread per instance, without compiling. References are read from DIR; where none is on
record the gap is left out. A negative gap is a better plan than the reference.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from routing_cases import Orienteering, patrol_case, read_top, read_toptw

from planning.checking import check
from planning.solving.search import solve

PEERS = "PyVRP,OR-Tools"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = words.add_mutually_exclusive_group(required=True)
    source.add_argument("--top", type=Path)
    source.add_argument("--toptw", type=Path)
    words.add_argument("--instances", default="*", help="a glob of names without .txt")
    words.add_argument("--m", default="1,2,3,4", help="numbers of teams")
    words.add_argument("--seconds", type=float, required=True)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--peers", nargs="?", const=PEERS, default="")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    routes = tuple(int(m) for m in asked.m.split(","))
    found = read_top(asked.top, asked.instances) if asked.top else read_toptw(asked.toptw, asked.instances, routes)
    peers = [name for name in asked.peers.split(",") if name]
    solve(patrol_case(teams=3, demands=20, shift_min=120, seed=1))  # compile
    rows = []
    for each in found:
        if each.routes in routes:
            rows.append(_row(each, asked.seconds, asked.seed, peers))
            print(_told(rows[-1]), flush=True)
    if not rows:
        words.error(f"no instance {asked.instances} with m = {asked.m}")
    _sum_up(rows, peers)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(any(row["faults"] for row in rows))


def _row(each: Orienteering, seconds: float, seed: int, peers: list[str]) -> dict[str, object]:
    begun = time.process_time()
    plan = solve(each.problem, seed=seed, time_limit_s=seconds)
    spent = time.process_time() - begun
    gap = None if not each.reference else (each.reference - plan.value) / each.reference
    row: dict[str, object] = {
        "instance": each.name, "m": each.routes, "value": plan.value, "reference": each.reference, "gap": gap,
        "seconds": spent, "bound": plan.bound, "certified": plan.certified, "faults": check(plan, each.problem),
    }  # fmt: skip
    if peers:
        from routing_peers import run_peers  # the peers come from the [bench] extra

        row |= {name: value for name, (value, _) in run_peers(each.problem, seconds, seed=seed, names=peers).items()}
    return row


def _told(row: dict[str, object]) -> str:
    gap = "" if row["gap"] is None else f"{100 * float(str(row['gap'])):7.2f} %"
    proof = "certified" if row["certified"] else "not certified"
    others = ", ".join(f"{name} {row[name]:.1f}" for name in ("PyVRP", "OR-Tools") if name in row)
    return (
        f"{row['instance']!s:10} m={row['m']} value {row['value']:8.1f} reference {row['reference']!s:>7} {gap:>9} "
        f"bound {row['bound']:8.1f} {proof:13} {row['seconds']:5.1f} s {row['faults'] or ''} {others}"
    )


def _sum_up(rows: list[dict[str, object]], peers: list[str]) -> None:
    """Per set and m: mean and worst gap, how many references are met, and who is ahead of the peers."""
    keys = sorted({(str(row["instance"])[:2], int(str(row["m"]))) for row in rows})
    for kind, m in keys:
        own = [row for row in rows if str(row["instance"])[:2] == kind and row["m"] == m]
        gaps = np.array([row["gap"] for row in own if row["gap"] is not None], dtype=float)
        line = f"{kind} m={m}: {len(own)} instances, mean value {np.mean([float(str(r['value'])) for r in own]):.1f}"
        if gaps.size:
            line += f", mean gap {100 * gaps.mean():.3f} %, worst {100 * gaps.max():.2f} %, met {(gaps <= 1e-9).sum()}"
        for name in peers:
            line += f", {name} {np.nanmean([float(str(row[name])) for row in own]):.1f}"
        print(line)


if __name__ == "__main__":
    main()
