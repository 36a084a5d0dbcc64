"""Charts as inline SVG: no script, no fonts of their own, colours from the page's variables."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

WIDTH, ROW = 720, 30
LEFT, RIGHT = 190, 70


@dataclass(frozen=True)
class Bar:
    """A value with its interval; `strong` ones stand out."""

    name: str
    value: float
    lower: float
    upper: float
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """Points (x, y) of one series."""

    name: str
    points: Sequence[tuple[float, float]]
    strong: bool = False
    dashed: bool = False


def bar_chart(bars: Sequence[Bar], *, title: str, form: str = "+.3f") -> str:
    """Horizontal bars from zero with whiskers, one row each. No bars give an empty text."""
    if not bars:
        return ""
    ends = [end for bar in bars for end in (bar.value, bar.lower, bar.upper, 0.0) if isfinite(end)]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0
    inside = WIDTH - LEFT - RIGHT

    def x(value: float) -> float:
        return LEFT + inside * (value - low) / span

    parts = [f'<line class="axis" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="4" y2="{len(bars) * ROW + 4}"/>']
    for k, bar in enumerate(bars):
        y = k * ROW + ROW / 2 + 4
        shown = bar.value if isfinite(bar.value) else 0.0
        kind = "bar strong" if bar.strong else "bar"
        begin, width = min(x(0), x(shown)), abs(x(shown) - x(0))
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(bar.name)}</text>')
        parts.append(f'<rect class="{kind}" x="{begin:.1f}" y="{y - 9:.1f}" width="{width:.1f}" height="18"/>')
        if isfinite(bar.lower) and isfinite(bar.upper):
            parts.append(
                f'<line class="whisker" x1="{x(bar.lower):.1f}" x2="{x(bar.upper):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
        told = format(bar.value, form) if isfinite(bar.value) else "–"
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}">{told}</text>')
    return _svg(parts, height=len(bars) * ROW + 8, title=title)


def line_chart(
    lines: Sequence[Line], *, title: str, x_title: str, y_title: str, x_percent: bool = False, y_percent: bool = False,
    height: int = 320,
) -> str:  # fmt: skip
    """Series over one pair of axes that start at 0 where nothing lies below it; a legend beneath. No points: empty."""
    points = [point for line in lines for point in line.points if isfinite(point[0]) and isfinite(point[1])]
    if not points:
        return ""
    x_ticks, y_ticks = (ticks(min(0.0, *values), max(values)) for values in zip(*points, strict=True))
    left, bottom, top = 64, 46, 12

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / ((x_ticks[-1] - x_ticks[0]) or 1.0)
        up = (y - y_ticks[0]) / ((y_ticks[-1] - y_ticks[0]) or 1.0)
        return left + across * (WIDTH - left - 20), height - bottom - up * (height - bottom - top)

    parts = []
    for tick in x_ticks:
        x, y = at(tick, y_ticks[0])
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{_told(tick, x_percent)}</text>')
    for tick in y_ticks:
        x, y = at(x_ticks[0], tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{_told(tick, y_percent)}</text>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{height - 8}" text-anchor="middle">{html.escape(x_title)}</text>')
    parts.append(
        f'<text class="up" x="{-(height - bottom) / 2:.0f}" y="14" text-anchor="middle">{html.escape(y_title)}</text>'
    )
    for k, line in enumerate(lines):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line.points if isfinite(point[1])))
        kind = f"line s{k % 6}" + (" strong" if line.strong else "") + (" dashed" if line.dashed else "")
        parts.append(f'<polyline class="{kind}" points="{path}"/>')
    for k, line in enumerate(lines):  # the legend, three to a row
        x, y = left + (k % 3) * 215, height + 16 + (k // 3) * 20
        parts.append(
            f'<line class="line s{k % 6}{" dashed" if line.dashed else ""}" x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}"/>'
        )
        parts.append(f'<text x="{x + 30}" y="{y}">{html.escape(line.name)}</text>')
    return _svg(parts, height=height + 20 + 20 * ceil(len(lines) / 3), title=title)


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers that hold low and high between them.

    >>> ticks(0.0, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / about or 1.0
    size = 10 ** floor(log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def _told(value: float, percent: bool) -> str:
    return f"{value * 100:g}%" if percent else f"{value:g}"


def _svg(parts: Sequence[str], *, height: int, title: str) -> str:
    told = html.escape(title)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{told}"><title>{told}</title>'
        + "".join(parts)
        + "</svg>"
    )
