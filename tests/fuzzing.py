"""Mutated inputs for the readers of incidents and configurations: each ends in a result or in one of our errors.

    python tests/fuzzing.py --inputs 100000 --seed 0 --jobs 2

An input depends on its number alone, so a failure can be looked at again: `--only csv:1234`. Exit code 1 if any failed.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from unittest import mock

import geopandas as gpd
import shapely

import hotspot.reading.delimited as delimited
import hotspot.reading.encoding as encoding
from hotspot.areas import Areas
from hotspot.errors import HotspotError
from hotspot.incidents import Incidents, read_incidents
from planning.config import read_config

HEADER = "id,time,lon,lat,category,source,note"
CONFIG = Path(__file__).parents[1] / "data" / "gaoxin" / "patrol.toml"
TOKENS = [
    b"\0", b"\xef\xbb\xbf", b"\xff", b"\xff\xfe", b'"', b'""', b",", b"\n", b"\r", b"\r\n", b";", b"\t", b"nan", b"inf",
    b"1e999", b"-0", b"9" * 40, b"x" * 3000, "\u202e".encode(), "警情".encode("gbk"), "合计".encode(), b"=1+1", b"24:00",
    b"0026-02-30", b"03/04/2026", b"46096.878", b"'", b"[", b"]", b"{}", b"\\u0000", b"1979-05-27", b"true", b"#",
]  # fmt: skip
AREA = Areas(
    gpd.GeoDataFrame(
        {"id": ["C"], "name": ["c"], "street": ["S"]},
        geometry=gpd.GeoSeries([shapely.box(109.6, 38.1, 109.8, 38.3)], crs=4326).to_crs("EPSG:32649"),
    )
)


def clean_rows(rng: random.Random) -> list[str]:
    rows = []
    for _ in range(rng.randint(3, 40)):
        at = f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
        place = rng.choice(["0,0", ",", "38.2,109.7"]) if rng.random() < 0.1 else f"{109.6 + rng.random() / 4:.6f},38.2"
        note = rng.choice(["", "路口", '"a, b"', '"say ""hi"""', '"two\nlines"'])
        ident = f"A{rng.randint(0, 30 if rng.random() < 0.2 else 10**6)}"
        rows.append(f"{ident},{at},{place},theft,{rng.choice(['report', 'patrol'])},{note}")
    return rows


def csv_seed(rng: random.Random) -> bytes:
    lines = [HEADER, *clean_rows(rng)]
    if rng.random() < 0.2:
        lines = ["统计表", "", *lines]
    if rng.random() < 0.2:
        lines.append("合计,37")
    text = rng.choice(["\n", "\r\n", "\r"]).join(lines)
    if rng.random() < 0.2:
        text = text.replace(",", rng.choice([";", "\t", "|"]))
    return text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "gb18030", "utf-16"]))


def mutated(raw: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        at = rng.randint(0, len(raw))
        kind = rng.randrange(7)
        if kind == 0 and raw:
            at = min(at, len(raw) - 1)
            raw = raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]
        elif kind == 1:
            raw = raw[:at] + rng.choice(TOKENS) + raw[at:]
        elif kind == 2:
            raw = raw[:at] + raw[at + rng.randint(1, 40) :]
        elif kind == 3:
            raw = raw[:at]
        else:
            lines = raw.split(b"\n")
            one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
            if kind == 4:
                lines[one], lines[other] = lines[other], lines[one]
            elif kind == 5:
                lines.insert(one, lines[other])
            else:
                del lines[one]
            raw = b"\n".join(lines)
    return raw


def packed(raw: bytes, rng: random.Random) -> tuple[str, bytes]:
    kind = rng.random()
    if kind < 0.06:
        return "i.csv.gz", mutated(gzip.compress(raw), rng) if rng.random() < 0.3 else gzip.compress(raw)
    if kind < 0.12:
        box = io.BytesIO()
        with zipfile.ZipFile(box, "w") as folder:
            folder.writestr("i.csv", raw)
        return "i.csv.zip", mutated(box.getvalue(), rng) if rng.random() < 0.3 else box.getvalue()
    return "i.csv", raw


def options_of(rng: random.Random) -> dict:
    options = {"timezone": rng.choice(["Asia/Shanghai", "America/Vancouver"]), "crs": "EPSG:32649"}
    options["max_rejected_share"] = rng.choice([0.0, 0.05, 1.0, 1.0])
    options["datum"] = rng.choice(["wgs84", "wgs84", "gcj02", "bd09", "EPSG:4546"])
    options["areas"] = rng.choice([None, AREA])
    options["time_formats"] = rng.choice([(), (), ("%d/%m/%Y %H:%M",)])
    options["coordinate_forms"] = rng.choice([(), ("dms", "decimal_comma", "full_width")])
    options["header_row"] = rng.choice([None, None, None, 1, 3])
    return options


def conserved(found: Incidents) -> None:
    counts = found.counts
    assert counts.read == counts.used + counts.rejected + counts.duplicate + counts.unlocated + counts.outside
    assert len(found.table) == counts.used
    assert len(found.set_aside) == counts.read - counts.used
    assert not found.set_aside.duplicated(["file", "row"]).any()
    states = found.set_aside["state"].value_counts().to_dict()
    assert all(
        states.get(name, 0) == getattr(counts, name) for name in ("rejected", "duplicate", "unlocated", "outside")
    )
    for name in ("read", "used", "rejected", "duplicate", "unlocated", "outside"):
        assert sum(entry[f"rows_{name}"] for entry in found.inputs) == getattr(counts, name)


def same(one: Incidents, other: Incidents) -> None:
    assert one.counts == other.counts
    assert one.table.equals(other.table)
    assert one.set_aside.equals(other.set_aside)


def read_csv_input(number: int, folder: Path) -> str:
    rng = random.Random(f"csv {number}")
    name, raw = packed(mutated(csv_seed(rng), rng), rng)
    path, options = folder / name, options_of(rng)
    path.write_bytes(raw)
    try:
        found = read_incidents(path, **options)
    except HotspotError as error:
        assert str(error)
        return type(error).__name__
    conserved(found)
    if number % 5 == 0:
        with mock.patch.object(delimited, "_fast_batch", lambda block, reader, tally: None):
            same(found, read_incidents(path, **options))
        with mock.patch.object(encoding, "BLOCK_BYTES", rng.choice([64, 200, 1000])):
            same(found, read_incidents(path, **options))
    return "result"


def read_config_input(number: int, folder: Path) -> str:
    rng = random.Random(f"config {number}")
    path = folder / "patrol.toml"
    path.write_bytes(mutated(mutated(CONFIG.read_bytes(), rng), rng))
    try:
        read_config(path).echo()
    except HotspotError as error:
        assert str(error)
        return type(error).__name__
    return "result"


TARGETS = {"csv": read_csv_input, "config": read_config_input}


def try_inputs(target: str, numbers: range) -> tuple[Counter, list[str]]:
    """How many inputs ended how, and what went wrong with the others."""
    ends: Counter = Counter()
    failures = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in numbers:
            try:
                ends[f"{target}: {TARGETS[target](number, Path(folder))}"] += 1
            except Exception:  # noqa: BLE001 - whatever it is, it's what we are looking for
                ends[f"{target}: FAILED"] += 1
                failures.append(f"{target}:{number}\n{traceback.format_exc()}")
    return ends, failures


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--inputs", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=0, help="the first number")
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--only", help="one input, such as csv:1234")
    asked = words.parse_args()
    if asked.only:
        target, number = asked.only.split(":")
        _, failures = try_inputs(target, range(int(number), int(number) + 1))
        print("\n".join(failures) or "ends as it should")
        return bool(failures)
    share = asked.inputs * 7 // 10
    work = [("csv", range(i, min(i + 500, asked.seed + share))) for i in range(asked.seed, asked.seed + share, 500)]
    last = asked.seed + asked.inputs - share
    work += [("config", range(i, min(i + 500, last))) for i in range(asked.seed, last, 500)]
    begun, ends, failures = time.perf_counter(), Counter(), []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for found, failed in pool.map(try_inputs, *zip(*work, strict=True)):
            ends += found
            failures += failed
            print(f"{ends.total():,} of {asked.inputs:,} inputs, {len(failures)} failures", file=sys.stderr)
    seconds = time.perf_counter() - begun
    for end, count in sorted(ends.items()):
        print(f"{count:8,}  {end}")
    print(f"{ends.total():,} inputs in {seconds:.0f} s, {len(failures)} failures")
    print("\n".join(failures[:20]))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
