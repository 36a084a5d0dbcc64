"""The page of a big city and of the sample district: bytes, ready, panning, steps; the peer is folium.GeoJson of its streets.

    python benchmarks/page.py [--streets 50000 --teams 500 --hotspots 2000] [--json FILE]

Chromium draws in software at 1920 x 1080, without a network. Ready is from the start of navigation to `data-ready` (folium: to
its map's whenReady and the next frame), the median of five; panning is by the mouse, 16 ms between its moves. Needs Debian's
chromium; folium's page has Leaflet inlined from its package, as ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import folium

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the city and the browser are those of the tests
from big_city import big_city  # noqa: E402
from browser import chromium, opened  # noqa: E402

from hotspot.mapping import render_page  # noqa: E402
from hotspot.mapping.shell import Shell, leaflet_file  # noqa: E402

SIZE = (1920, 1080)
READY = """const seen = new MutationObserver(() => { if (document.documentElement?.hasAttribute("data-ready")) {
  window.readyMs = performance.now(); seen.disconnect(); } }); seen.observe(document, { attributes: true, subtree: true });"""
FRAMES = """() => { window.frames_ = []; window.going = true; let last = performance.now();
  const next = (now) => { window.frames_.push(now - last); last = now; if (window.going) requestAnimationFrame(next); };
  requestAnimationFrame(next); }"""
STOP = "() => { window.going = false; return window.frames_; }"
TIMED = (
    "(does) => { const t = performance.now(); eval(does); document.body.offsetHeight; return performance.now() - t; }"
)
STEPS = {
    "next hour": "PatrolPage.act.hour((Patrol.state.hour + 1) % Patrol.data.hours.length)",
    "choose a team": "PatrolPage.act.team(Patrol.data.teams.find((team) => team.legs.length).id)",
    "list of hotspots": "PatrolPage.act.tab('hotspots')",
    "search": "Patrol.$('search').value = '9'; PatrolPage.refresh()",
    "language": "Patrol.$('search').value = ''; Patrol.$('language').click()",
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("streets", 50_000), ("teams", 500), ("hotspots", 2_000)):
        words.add_argument(f"--{name}", type=int, default=default)
    words.add_argument("--json", type=Path)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        city = big_city(streets=asked.streets, teams=asked.teams, hotspots=asked.hotspots)
        rows = []
        for name, path, seconds, ours in pages(Path(folder), city):
            rows.append(
                {"page": name, "mb": path.stat().st_size / 1e6, "python_s": seconds, **measured(browser, path, ours)}
            )
            print(json.dumps(rows[-1]), flush=True)
    peer, city_row = rows[-1], rows[1]
    print(
        f"folium / ours: {peer['mb'] / city_row['mb']:.1f} x bytes, {peer['ready_ms'] / city_row['ready_ms']:.1f} x to ready"
    )
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def pages(folder: Path, city: Mapping[str, Any]) -> Iterator[tuple[str, Path, float, bool]]:
    """Name, file, seconds of drawing in Python, and whether it is one of ours."""
    subprocess.run([sys.executable, "-m", "planning", "demo", "--out", folder / "run"], check=True, capture_output=True)
    payload = json.loads((folder / "run" / "page.json").read_text(encoding="utf-8"))
    for name, data in (("sample district", payload), ("big city", city)):
        begun = time.perf_counter()
        html = render_page(data, language=data["language"], title=data["title"])
        yield name, written(folder / f"{data['run_id']}.html", html), time.perf_counter() - begun, True
    begun = time.perf_counter()
    html = folium_page(city["streets"]["lines"])
    yield "folium.GeoJson, streets alone", written(folder / "folium.html", html), time.perf_counter() - begun, False


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def folium_page(lines: list[Any]) -> str:
    """The streets as folium draws them on a canvas; marked ready when the map is, one frame later."""
    page = Shell(location=lines[len(lines) // 2][0][::-1], zoom_start=13, tiles=None, prefer_canvas=True)
    shapes = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": line}} for line in lines
    ]
    folium.GeoJson({"type": "FeatureCollection", "features": shapes}).add_to(page)
    html: str = page.get_root().render()
    html = html.replace('<script src="leaflet.js"></script>', f"<script>{leaflet_file('leaflet.js')}</script>")
    html = html.replace('<link rel="stylesheet" href="leaflet.css"/>', f"<style>{leaflet_file('leaflet.css')}</style>")
    mark = "requestAnimationFrame(() => requestAnimationFrame(() => document.documentElement.setAttribute('data-ready', '')))"
    return html.replace("</html>", f"<script>{page.get_name()}.whenReady(() => {mark})</script></html>")


def measured(browser: Any, path: Path, ours: bool) -> dict[str, Any]:
    ready = []
    for _ in range(4):
        with opened(browser, path, size=SIZE, init=READY) as (page, _):
            ready.append(page.evaluate("window.readyMs"))
    with opened(browser, path, size=SIZE, init=READY) as (page, account):
        found: dict[str, Any] = {"ready_ms": round(statistics.median([*ready, page.evaluate("window.readyMs")]))}
        frames = [frame for zoom in (None, 13, 14.5, 16) for frame in panned(page, zoom if ours else None)]
        found |= {
            "pan_p50_ms": share(frames, 0.5),
            "pan_p95_ms": share(frames, 0.95),
            "pan_worst_ms": share(frames, 1.0),
        }
        found |= {name: round(page.evaluate(TIMED, does), 1) for name, does in STEPS.items()} if ours else {}
        found["heap_mb"] = round(page.evaluate("performance.memory.usedJSHeapSize") / 1e6, 1)
        if ours and not account.clean:
            raise SystemExit(f"{path}: {account}")
    return found


def panned(page: Any, zoom: float | None) -> list[float]:
    """Milliseconds between frames while the map is dragged to and fro."""
    if zoom is not None:
        page.evaluate(f"void PatrolMap.map.setZoom({zoom}, {{ animate: false }})")
        page.wait_for_timeout(800)
    page.evaluate(FRAMES)
    for across, down in ((12, 8), (-12, 8), (12, -8), (-12, -8)):
        page.mouse.move(800, 500)
        page.mouse.down()
        for step in range(25):
            page.mouse.move(800 + across * step, 500 + down * step)
            page.wait_for_timeout(16)
        page.mouse.up()
        page.wait_for_timeout(150)
    found: list[float] = page.evaluate(STOP)
    return found


def share(values: list[float], part: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(part * len(values)))], 1)


if __name__ == "__main__":
    main()
