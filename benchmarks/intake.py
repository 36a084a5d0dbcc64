"""Reading, checking and binning a large export: rows a second and peak memory, and pandas/geopandas on the same file.

    python benchmarks/intake.py --rows 10000000 [--peers] [--json FILE]

The export is made in a temporary folder: call numbers, local times, WGS-84 degrees, six categories, 2 % of the rows
without a place and one in ten thousand broken. Each figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

WEST, SOUTH, EAST, NORTH = 109.65, 38.20, 109.85, 38.35
CATEGORIES = np.array(["theft", "fraud", "dispute", "fire_hazard", "nuisance", "traffic"])


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rows", type=int, default=10_000_000)
    words.add_argument("--peers", action="store_true", help="also read it with pandas and geopandas")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        write_export(path, asked.rows)
        results = [measured("hotspot: read, checked, binned", ours, path)]
        if asked.peers:
            results.append(measured("pandas + geopandas: read, binned, nothing checked", theirs, path))
    for result in results:
        print("{what:50} {seconds:8.1f} s {rows_per_s:12,.0f} rows/s {peak_mb:8,.0f} MB  {answer}".format(**result))
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def write_export(path: Path, rows: int) -> None:
    rng = np.random.default_rng(7)
    with path.open("w", encoding="utf-8") as file:
        file.write("id,time,lon,lat,category,source\n")
        for begin in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - begin)
            at = pd.Timestamp("2016-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 10 * 365 * 1440, n)), unit="min")
            frame = pd.DataFrame(
                {"id": np.arange(begin, begin + n) + 610_000_000_000, "time": at.strftime("%Y-%m-%d %H:%M:%S")}
                | {"lon": rng.uniform(WEST, EAST, n).round(6), "lat": rng.uniform(SOUTH, NORTH, n).round(6)}
                | {"category": CATEGORIES[rng.integers(0, len(CATEGORIES), n)]}
                | {"source": np.where(rng.random(n) < 0.9, "report", "patrol")}
            )
            frame.loc[rng.random(n) < 0.02, ["lon", "lat"]] = np.nan
            frame.loc[rng.random(n) < 1e-4, "time"] = "2024-02-30 10:00:00"
            frame.to_csv(file, index=False, header=False)


def measured(what: str, job, path: Path) -> dict:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_run, args=(job, path, queue))
    process.start()
    seconds, peak_mb, rows, answer = queue.get()
    process.join()
    figures = {"seconds": seconds, "rows_per_s": rows / seconds, "peak_mb": peak_mb}
    return {"what": what, **figures, "rows": rows, "answer": answer}


def _run(job, path: Path, queue) -> None:
    begun = time.perf_counter()
    rows, answer = job(path)
    seconds = time.perf_counter() - begun
    queue.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows, answer))


def ours(path: Path) -> tuple[int, str]:
    import geopandas as gpd
    import shapely

    from hotspot.areas import Areas
    from hotspot.cube import count_cube
    from hotspot.grid import make_grid
    from hotspot.incidents import read_incidents

    box = gpd.GeoSeries([shapely.box(WEST, SOUTH, EAST, NORTH)], crs=4326).to_crs("EPSG:32649")
    areas = Areas(gpd.GeoDataFrame({"id": ["C"], "name": ["c"], "street": ["S"]}, geometry=box))
    incidents = read_incidents(path, timezone="Asia/Shanghai", crs="EPSG:32649", areas=areas, progress=_progress)
    cube = count_cube(incidents, make_grid(areas, cell_m=250), step="1D")
    assert cube.counts.sum() == incidents.counts.used
    return incidents.counts.read, str(incidents.counts)


def _progress(stage: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{stage:50}", end="", file=sys.stderr)


def theirs(path: Path) -> tuple[int, str]:
    import geopandas as gpd

    frame = pd.read_csv(path)
    rows = len(frame)
    at = pd.to_datetime(frame["time"], errors="coerce").dt.tz_localize(
        "Asia/Shanghai", ambiguous="NaT", nonexistent="NaT"
    )
    points = gpd.GeoSeries(gpd.points_from_xy(frame["lon"], frame["lat"]), crs=4326).to_crs("EPSG:32649")
    column, row = np.floor(points.x / 250), np.floor(points.y / 250)
    counts = pd.DataFrame({"column": column, "row": row, "day": at.dt.floor("D")}).dropna().value_counts()
    return rows, f"{counts.sum():,} counted"


if __name__ == "__main__":
    main()
