"""The whole plan of one date: seconds per stage and peak memory, at 1x, 3x and 10x the incidents.

python benchmarks/pipeline.py CONFIG --date D [--times 1,3,10] [--json FILE]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from planning.config import read_config


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("config", type=Path)
    words.add_argument("--date", required=True)
    words.add_argument("--times", default="1,3,10")
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    rows = [measure(asked.config, asked.date, int(times)) for times in asked.times.split(",")]
    for row in rows:
        stages = "  ".join(f"{name} {seconds:.2f}" for name, seconds in row["stages_s"].items())
        size = f"{row['times']:>3}x  {row['rows']:>10,} rows"
        cost = f"{row['wall_s']:7.2f} s  {row['peak_mb']:7.0f} MB  gap {row['gap']:.2%}"
        print(f"{size}  {cost}  {stages}")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))


def measure(config: Path, date: str, times: int) -> dict[str, object]:
    """One `patrol plan` in a process of its own; its peak memory is the highest of all children so far."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = multiplied(config, times, Path(folder)) if times > 1 else config
        out = Path(folder) / "run"
        begun = time.perf_counter()
        words = [sys.executable, "-m", "planning", "plan", prepared, "--date", date, "--out", out]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        wall_s = time.perf_counter() - begun
        manifest = json.loads((out / "manifest.json").read_text())
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = sum(entry.get("rows_read", 0) for entry in manifest["inputs"])
    return {
        "times": times, "rows": rows, "wall_s": wall_s, "peak_mb": peak_mb, "gap": manifest["plan"]["gap"],
        "stages_s": manifest["timings_s"],
    }  # fmt: skip


def multiplied(config: Path, times: int, folder: Path) -> Path:
    """The same district with each incident `times` times, under ids of their own."""
    source = read_config(config)
    path = source.incidents.paths[0]
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    name = source.incidents.columns.get("id", "id")
    copies = [frame.assign(**{name: frame[name] + f"-{k}"}) for k in range(times)]
    pd.concat(copies, ignore_index=True).to_csv(folder / "incidents.csv", index=False)
    for other in config.resolve().parent.iterdir():
        if other.name != config.name:
            (folder / other.name).symlink_to(other)
    text = config.read_text(encoding="utf-8").replace(f'"{Path(path).name}"', '"incidents.csv"')
    (folder / config.name).write_text(text, encoding="utf-8")
    return folder / config.name


if __name__ == "__main__":
    main()
