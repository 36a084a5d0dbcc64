"""Each statistic against its peers on the same work: seconds, ratio, peak memory, agreement; and calibration on noise.

    python benchmarks/statistics.py [--json OUT] [--only dbscan,dbscan_large,gstar,knox,emerging,...] [--config CONFIG]

Each figure comes from a process of its own, after a run on a small part that compiles kernels and loads libraries; peak
memory includes Python and its libraries. Peers are in the extra [bench]; st_dbscan builds only with
`pip install --no-build-isolation st_dbscan`. `--config` names a district whose last year the permutation scan reads; without
it the year is made up. What isn't installed says so.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import logging
import multiprocessing
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
from report import Row, report


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--json", type=Path)
    words.add_argument("--only", default=",".join(TASKS))
    words.add_argument("--config", type=Path)
    asked = words.parse_args()
    if unknown := sorted(set(asked.only.split(",")) - set(TASKS)):
        words.error(f"--only: {', '.join(unknown)} unknown; known: {', '.join(TASKS)}")
    report((row for task in asked.only.split(",") for row in TASKS[task](asked)), asked.json)


def measured(job: Callable[..., Any], *given: Any) -> tuple[float, float, Any]:
    """Seconds, peak MB and the answer of `job(*given)` in a process of its own; `job(*given, warm=True)` comes first."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(job, given, queue))
    process.start()
    while True:
        try:
            found = queue.get(timeout=1)
            break
        except Empty:
            if not process.is_alive():
                raise PeerFailedError(f"the process ended with exit code {process.exitcode}") from None
    process.terminate()  # some peers leave workers behind that idle for minutes
    process.join()
    if isinstance(found, str):
        raise PeerFailedError(found)
    return found


class PeerFailedError(Exception):
    """What a process said when it failed."""


def _child(job: Callable[..., Any], given: tuple[Any, ...], queue: Any) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            job(*given, warm=True)
            begun = time.perf_counter()
            answer = job(*given)
            seconds = time.perf_counter() - begun
    except Exception as error:  # noqa: BLE001  told by the parent
        queue.put(f"{type(error).__name__}: {error}")
        return
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, answer))


def against(
    task: str, ours: Callable, theirs: Callable, tool: str, package: str, agrees: Callable, *given: Any
) -> list[Row]:
    mine = measured(ours, *given)
    rows = [Row(task, "ours", mine[0], None, mine[1])]
    if not importlib.util.find_spec(package):
        return [*rows, Row(task, tool, None, agreement="not installed")]
    try:
        peer = measured(theirs, *given)
    except PeerFailedError as error:
        return [*rows, Row(task, tool, None, agreement=f"fails: {error}")]
    return [*rows, Row(task, tool, peer[0], peer[0] / mine[0], peer[1], agrees(mine[2], peer[2]))]


# --- ST-DBSCAN ------------------------------------------------------------------------------------------------------


def events(n: int, days: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of 50 on a floor of noise, in a square of 20 km."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 20_000, (max(n // 100, 1), 2))
    xy = np.concatenate(
        [np.repeat(centres, 50, axis=0) + rng.normal(0, 150, (len(centres) * 50, 2)), rng.uniform(0, 20_000, (n, 2))]
    )[:n]
    return xy, rng.uniform(0, days, n)


def dbscan(asked: argparse.Namespace) -> list[Row]:
    rows = []
    for n in (10_000, 19_999, 20_000):  # from 20,000 on it keeps sparse neighbours
        rows += against(
            f"ST-DBSCAN, {n:,} rows", _ours_dbscan, _st_dbscan, "st_dbscan", "st_dbscan", _same_clusters, n, 365.0
        )
    return rows


def dbscan_large(asked: argparse.Namespace) -> list[Row]:
    seconds, peak_mb, labels = measured(_ours_dbscan, 1_000_000, 3650.0)
    return [Row("ST-DBSCAN, 1,000,000 rows", "ours", seconds, None, peak_mb, f"{labels.max() + 1:,} clusters")]


def _ours_dbscan(n: int, days: float, *, warm: bool = False) -> np.ndarray:
    from hotspot.statistics.st_clusters import st_dbscan

    xy, t = events(300 if warm else n, days)
    return st_dbscan(xy, t, eps_m=200, eps_t=7, min_samples=5)


def _st_dbscan(n: int, days: float, *, warm: bool = False) -> np.ndarray:
    from st_dbscan import ST_DBSCAN

    xy, t = events(300 if warm else n, days)
    model = ST_DBSCAN(eps1=200, eps2=7, min_samples=5)
    model.fit(np.column_stack([t, xy]))
    return np.asarray(model.labels)


def _same_clusters(ours: np.ndarray, theirs: np.ndarray) -> str:
    noise = float(((ours == -1) == (theirs == -1)).mean())
    return f"{ours.max() + 1} and {theirs.max() + 1} clusters, noise agrees in {noise:.2%}"


# --- local G and emerging hotspots -----------------------------------------------------------------------------------


def queen(side: int) -> Any:
    from scipy import sparse

    cells = np.arange(side * side).reshape(side, side)
    row, column = [], []
    for a in (-1, 0, 1):
        for b in (-1, 0, 1):
            if a or b:
                here = cells[max(-a, 0) : side - max(a, 0), max(-b, 0) : side - max(b, 0)]
                there = cells[max(a, 0) : side - max(-a, 0), max(b, 0) : side - max(-b, 0)]
                row.append(here.ravel())
                column.append(there.ravel())
    row, column = np.concatenate(row), np.concatenate(column)
    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(side * side, side * side))


def gstar(asked: argparse.Namespace) -> list[Row]:
    return against(
        "G*, 50,176 cells, calibrated p", _ours_g, _esda_g, "esda, 999 permutations", "esda", _same_z, 224, 1.0
    )


def _ours_g(side: int, mean: float, *, warm: bool = False) -> np.ndarray:
    from hotspot.statistics.getis_ord import local_g

    side = 20 if warm else side
    found = local_g(np.random.default_rng(1).poisson(mean, side * side), queen(side))
    return np.stack([found.z, found.p_value])


def _esda_g(side: int, mean: float, *, warm: bool = False) -> np.ndarray:
    import esda
    import libpysal

    side = 20 if warm else side
    w = libpysal.weights.WSP(queen(side)).to_W(silence_warnings=True)
    values = np.random.default_rng(1).poisson(mean, side * side).astype(float)
    found = esda.G_Local(values, w, transform="B", star=True, permutations=999, seed=1)
    return np.stack([found.Zs, found.p_sim])


def _same_z(ours: np.ndarray, theirs: np.ndarray) -> str:
    flagged = [float((p <= 0.05).mean()) for p in (ours[1], theirs[1])]
    return f"z at most {np.abs(ours[0] - theirs[0]).max():.0e} apart; flagged on noise {flagged[0]:.1%}, theirs {flagged[1]:.1%}"


def emerging(asked: argparse.Namespace) -> list[Row]:
    rows = against("emerging hotspots, 100 x 24", _ours_emerging, _pyehsa, "pyehsa", "pyehsa", _same_count, 10, 24)
    seconds, peak_mb, answer = measured(_ours_emerging, 224, 520)
    return [*rows, Row("emerging hotspots, 50,176 x 520", "ours", seconds, None, peak_mb, f"{answer} with a pattern")]


def _emerging_cube(side: int, steps: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    cube = rng.poisson(0.5, (side * side, steps)).astype(np.int32)
    cube[: side // 2, -3:] += 6
    return cube


def _ours_emerging(side: int, steps: int, *, warm: bool = False) -> int:
    from hotspot.statistics.emerging import emerging_hotspots

    side, steps = (6, 12) if warm else (side, steps)
    found = emerging_hotspots(_emerging_cube(side, steps), queen(side))
    return int((found["category"] != "no pattern").sum())


def _pyehsa(side: int, steps: int, *, warm: bool = False) -> int:
    import pandas as pd
    import shapely
    from pyehsa.emerging_hotspot_analysis import EmergingHotspotAnalysis

    side, steps = (4, 6) if warm else (side, steps)
    cube = _emerging_cube(side, steps)
    cells = [shapely.box(*(109 + 0.01 * np.array([c, r, c + 1, r + 1]))) for r in range(side) for c in range(side)]
    frame = pd.DataFrame(
        {"location": np.repeat(np.arange(side * side), steps), "time": np.tile(np.arange(steps), side * side)}
        | {"value": cube.ravel().astype(float)}
    )
    frame["geometry"] = np.repeat([cell.wkt for cell in cells], steps)
    found = EmergingHotspotAnalysis.emerging_hotspot_analysis(
        frame, region_id_field="location", time_period_field="time", value="value"
    )
    return int((found["classification"] != "no pattern detected").sum())


def _same_count(ours: int, theirs: int) -> str:
    return f"cells with a pattern: {ours}, theirs {theirs}"


# --- Knox, kernel density, scan --------------------------------------------------------------------------------------


def knox(asked: argparse.Namespace) -> list[Row]:
    return against(
        "Knox, 10,000 events, 99 permutations", _ours_knox, _pointpats, "pointpats", "pointpats", _same_knox, 10_000
    )


def _ours_knox(n: int, *, warm: bool = False) -> tuple[float, float]:
    from hotspot.statistics.near_repeat import knox as test

    found = test(*events(300 if warm else n, 365.0), max_m=200, max_t=7, permutations=99, seed=1)
    return found.observed, found.p_value


def _pointpats(n: int, *, warm: bool = False) -> tuple[float, float]:
    from pointpats import Knox

    xy, t = events(300 if warm else n, 365.0)
    found = Knox(xy, t[:, None], delta=200, tau=7, permutations=99)
    return float(found.statistic_), float(found.p_sim)


def _same_knox(ours: tuple[float, float], theirs: tuple[float, float]) -> str:
    return f"observed {ours[0]:,.0f}, theirs {theirs[0]:,.0f}; p {ours[1]:.2f} and {theirs[1]:.2f}"


def stkde(asked: argparse.Namespace) -> list[Row]:
    task = "space-time density, 100,000 events"
    return against(task, _ours_stkde, _sklearn, "scikit-learn", "sklearn", _same_density, 100_000)


def _stkde_axes(warm: bool) -> tuple[np.ndarray, np.ndarray]:
    return (
        (np.arange(0, 20_000, 2000.0), np.arange(0, 28, 7.0))
        if warm
        else (np.linspace(0, 20_000, 71), np.arange(3.5, 728, 7.0))
    )


def _ours_stkde(n: int, *, warm: bool = False) -> np.ndarray:
    from hotspot.statistics.kernel import space_time_density

    x, times = _stkde_axes(warm)
    xy, t = events(300 if warm else n, 728.0)
    found = space_time_density(xy, t, x=x, y=x, times=times, bandwidth_m=500, bandwidth_t=14)
    return found.density.ravel()


def _sklearn(n: int, *, warm: bool = False) -> np.ndarray:
    from sklearn.neighbors import KernelDensity

    x, times = _stkde_axes(warm)
    xy, t = events(300 if warm else n, 728.0)
    at = np.stack(np.meshgrid(x, x, times, indexing="ij"), axis=-1).reshape(-1, 3) / [500, 500, 14]
    model = KernelDensity(bandwidth=1.0, kernel="gaussian", rtol=1e-4).fit(np.column_stack([xy / 500, t / 14]))
    return len(t) * np.exp(model.score_samples(at)) / (500 * 500 * 14)


def _same_density(ours: np.ndarray, theirs: np.ndarray) -> str:
    error = np.abs(ours - theirs) / theirs
    return f"median error {np.median(error):.2%}, 95 % below {np.quantile(error, 0.95):.2%}"


def scan(asked: argparse.Namespace) -> list[Row]:
    seconds, peak_mb, told = measured(_ours_scan, asked.config)
    name = "permutation scan, 999 replicates"
    return [Row(name, "ours", seconds, None, peak_mb, told)]


def _ours_scan(config: Path | None, *, warm: bool = False) -> str:
    from hotspot.statistics.scan import scan_permutation

    counts, xy = _year(config)
    replicates = 4 if warm else 999
    found = scan_permutation(counts, xy=xy, max_radius=1000, max_days=28, permutations=replicates, seed=1)
    return f"{counts.shape[0]:,} cells, {int(counts.sum()):,} cases; " + (found[0].summary() if found else "no cluster")


_YEARS: dict[Path | None, tuple[np.ndarray, np.ndarray]] = {}


def _year(config: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """(L, 365) daily counts by 250 m cell; read once, outside of what is timed (the warm-up comes first)."""
    if config not in _YEARS:
        if config is None:
            side, rng = 43, np.random.default_rng(3)
            rate = rng.gamma(0.3, 16 / 0.3, (side * side, 1)) / 365
            places = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2) * 250.0
            _YEARS[config] = rng.poisson(rate, (side * side, 365)), places
        else:
            import pandas as pd

            import hotspot as hs
            from planning.config import read_config
            from planning.inputs import read_inputs

            inputs = read_inputs(read_config(config))
            grid = hs.make_grid(inputs.areas, cell_m=250, streets=inputs.streets.edges)
            last = pd.DatetimeIndex(inputs.incidents.table["time"]).max().normalize()
            first = last - pd.DateOffset(days=365)
            cube = hs.count_cube(inputs.incidents, grid, start=f"{first:%Y-%m-%d}", end=f"{last:%Y-%m-%d}")
            _YEARS[config] = cube.counts, grid.centres_xy
    return _YEARS[config]


# --- calibration -----------------------------------------------------------------------------------------------------


def calibration(asked: argparse.Namespace) -> list[Row]:
    """Shares flagged at p <= .05 on Poisson noise, false discoveries, and whether randomised p are uniform."""
    rows = []
    for mean in (0.05, 0.2, 1.0, 5.0):
        seconds, _, told = measured(_calibrated, mean)
        rows.append(Row(f"noise, mean {mean:g}", "ours", seconds, agreement=told))
        if importlib.util.find_spec("esda"):
            seconds, _, told = measured(_esda_calibrated, mean)
            rows.append(Row(f"noise, mean {mean:g}", "esda", seconds, agreement=told))
    seconds, _, told = measured(_scan_calibrated)
    return [*rows, Row("noise, 200 maps", "ours, scan", seconds, agreement=told)]


def _calibrated(mean: float, *, warm: bool = False) -> str:
    from scipy import stats

    from hotspot.statistics.getis_ord import local_g
    from hotspot.statistics.moran import local_moran
    from hotspot.statistics.near_repeat import knox as test

    side, sets, pairs = (10, 2, 2) if warm else (60, 400, 2000)
    weights, rng = queen(side), np.random.default_rng(4)
    apart = (np.arange(side * side).reshape(side, side)[1:-1:3, 1:-1:3]).ravel()  # neighbourhoods that share no cell
    flagged: dict[str, list[float]] = {"G*": [], "Moran": []}
    uniform: dict[str, list[np.ndarray]] = {"G*": [], "Moran": []}
    false = {"G*": 0, "Moran": 0}
    for k in range(sets):
        noise = rng.poisson(mean, side * side)
        for name, statistic in (("G*", local_g), ("Moran", local_moran)):
            found = statistic(noise, weights, fdr=0.05)
            flagged[name].append(float((found.p_value <= 0.05).mean()))
            false[name] += bool(found.significant.any())
            uniform[name].append(found.tails.randomised(seed=k)[apart])
    knox_p = []
    for k in range(pairs):
        xy, t = rng.uniform(0, 2000, (200, 2)), rng.uniform(0, 100, 200)
        near = 100 * np.sqrt(mean)  # few pairs to many
        knox_p.append(test(xy, t, max_m=near, max_t=5, permutations=99, seed=k).p_value)
    parts = [
        f"{name} {np.mean(flagged[name]):.3f} (any after FDR in {false[name] / sets:.0%} of sets, "
        f"KS p {stats.kstest(np.concatenate(uniform[name]), 'uniform').pvalue:.2f})"
        for name in flagged
    ]
    return ", ".join([*parts, f"Knox {np.mean(np.array(knox_p) <= 0.05):.3f}"])


def _esda_calibrated(mean: float, *, warm: bool = False) -> str:
    import esda
    import libpysal

    side, sets = (10, 1) if warm else (60, 5)
    w = libpysal.weights.WSP(queen(side)).to_W(silence_warnings=True)
    rng, flagged = np.random.default_rng(4), {"G*": [], "Moran": []}
    for _ in range(sets):
        noise = rng.poisson(mean, side * side).astype(float)
        g = esda.G_Local(noise, w, transform="B", star=True, permutations=999, n_jobs=1)
        flagged["G*"].append(float((g.p_sim <= 0.05).mean()))
        flagged["Moran"].append(float((esda.Moran_Local(noise, w, permutations=999).p_sim <= 0.05).mean()))
    return ", ".join(f"{name} {np.mean(shares):.3f}" for name, shares in flagged.items())


def _scan_calibrated(*, warm: bool = False) -> str:
    from scipy import stats

    from hotspot.statistics.scan import scan_permutation, scan_poisson

    rng, sets = np.random.default_rng(5), 4 if warm else 200
    xy = rng.uniform(0, 1000, (40, 2))
    people = rng.integers(100, 1000, 40).astype(float)
    p: dict[str, list[float]] = {"permutation": [], "population": [], "expectation": []}
    for k in range(sets):
        cases = rng.poisson(0.5, (40, 20))
        p["permutation"].append(
            scan_permutation(cases, xy=xy, max_radius=300, max_days=5, permutations=99, seed=k)[0].p_value
        )
        for kind in ("population", "expectation"):
            base = people if kind == "population" else people / 40
            counts = rng.poisson(people / 40)
            found = scan_poisson(counts, base, xy=xy, kind=kind, max_radius=400, permutations=99, seed=k)
            p[kind].append(found[0].p_value if found else 1.0)
    u = rng.random(sets) / 100  # p comes in steps of .01
    return ", ".join(
        f"{name} KS p {stats.kstest(np.array(each) - u, 'uniform').pvalue:.2f}" for name, each in p.items()
    )


TASKS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "dbscan": dbscan,
    "dbscan_large": dbscan_large,
    "gstar": gstar,
    "emerging": emerging,
    "knox": knox,
    "stkde": stkde,
    "scan": scan,
    "calibration": calibration,
}
