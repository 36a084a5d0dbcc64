"""Charts as inline SVG: no script, no fonts of their own, colours from the page's variables, legends as text."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

WIDTH, ROW = 720, 30
LEFT, RIGHT = 190, 70
WIDER_RIGHT = 130  # for two figures and the word between them
SERIES = 6  # colours and dashes; a seventh series looks like the first
MOST_NAME = 24  # letters of a name beside its bar
MOST_MARKED = 60  # points of a strong line that are marked one by one

Points = Sequence[tuple[float, float]]


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
    """Points (x, y) of one series, `band` its interval as (x, lower, upper); a `rule` is what others are compared with."""

    name: str
    points: Points
    band: Sequence[tuple[float, float, float]] = ()
    strong: bool = False
    rule: bool = False


@dataclass(frozen=True)
class Delivery:
    """What was planned and what was got of it, with its bounds; NaN where that isn't known."""

    name: str
    planned: float
    got: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Scale:
    """Values to picture units."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        return self.first + (self.last - self.first) * (value - self.low) / ((self.high - self.low) or 1.0)


def bar_chart(bars: Sequence[Bar], *, title: str, form: str = "+.3f") -> str:
    """Horizontal bars from zero with whiskers, one row each. No bars give an empty text."""
    if not bars:
        return ""
    ends = [end for bar in bars for end in (bar.value, bar.lower, bar.upper, 0.0) if isfinite(end)]
    x = Scale(min(ends), max(ends), LEFT, WIDTH - RIGHT)
    parts = [_upright("axis", x(0), len(bars))]
    for y, bar in zip(_rows(len(bars)), bars, strict=True):
        kind = "bar strong" if bar.strong else "bar"
        told = format(bar.value, form) if isfinite(bar.value) else "–"
        parts += [_name(bar.name, y), _box(kind, x, bar.value, y, half=9), *_whisker(x, bar.lower, bar.upper, y)]
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{y + 4:.1f}">{told}</text>')
    return _svg(parts, height=len(bars) * ROW + 8, title=title)


def delivery_chart(rows: Sequence[Delivery], *, title: str, x_title: str, told: Callable[[Delivery], str]) -> str:
    """For each row a frame as long as planned, a bar as long as got and the whisker of its bounds; `told` is written
    beside. What isn't known is a dashed frame. No rows give an empty text."""
    if not rows:
        return ""
    ends = [end for row in rows for end in (row.planned, row.got, row.upper, 1.0) if isfinite(end)]
    at = ticks(0.0, max(ends))
    x = Scale(0.0, at[-1], LEFT, WIDTH - WIDER_RIGHT)
    foot = len(rows) * ROW + 4
    parts = [_upright("grid", x(tick), len(rows)) for tick in at]
    parts += [f'<text x="{x(tick):.1f}" y="{foot + 16}" text-anchor="middle">{tick:g}</text>' for tick in at]
    parts.append(f'<text class="soft" x="{LEFT - 8}" y="{foot + 16}" text-anchor="end">{html.escape(x_title)}</text>')
    for y, row in zip(_rows(len(rows)), rows, strict=True):
        known = isfinite(row.got)
        got = [_box("bar strong", x, row.got, y, half=6), *_whisker(x, row.lower, row.upper, y)] if known else []
        frame = _box("planned" if known else "unknown", x, row.planned, y, half=10)
        parts += [_name(row.name, y), *got, frame]
        parts.append(f'<text x="{WIDTH - WIDER_RIGHT + 12}" y="{y + 4:.1f}">{html.escape(told(row))}</text>')
    return _svg(parts, height=foot + 24, title=title)


def line_chart(
    lines: Sequence[Line], *, title: str, x_title: str, y_title: str, x_percent: bool = False, y_percent: bool = False,
    height: int = 320,
) -> str:  # fmt: skip
    """Series and their bands over one pair of axes that start at 0 where nothing lies below it. No points: empty."""
    seen = [point for line in lines for point in _all_points(line) if isfinite(point[0]) and isfinite(point[1])]
    if not seen:
        return ""
    x_ticks, y_ticks = (ticks(min(0.0, *values), max(values)) for values in zip(*seen, strict=True))
    x = Scale(x_ticks[0], x_ticks[-1], 64, WIDTH - 20)
    y = Scale(y_ticks[0], y_ticks[-1], height - 46, 12)
    parts = []
    for tick in x_ticks:
        label = _told(tick, x_percent)
        parts.append(f'<text x="{x(tick):.1f}" y="{y.first + 18}" text-anchor="middle">{label}</text>')
    for tick in y_ticks:
        parts.append(f'<line class="grid" x1="64" x2="{WIDTH - 20}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="56" y="{y(tick) + 4:.1f}" text-anchor="end">{_told(tick, y_percent)}</text>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{height - 8}" text-anchor="middle">{html.escape(x_title)}</text>')
    parts.append(f'<text class="up" x="{-y.first / 2:.0f}" y="14" text-anchor="middle">{html.escape(y_title)}</text>')
    for k, line in enumerate(lines):
        parts += _drawn(line, _look(k, line), x, y)
    return _svg(parts, height=height, title=title)


def legend(lines: Sequence[Line], *, band: str = "") -> str:
    """The names of the series as a list, each with its line; `band` is what the bands are. Empty without lines."""
    if not lines:
        return ""
    keys = [(_key(f'<path class="line {_look(k, line)}" d="M0 8H34"/>'), line.name) for k, line in enumerate(lines)]
    banded = next((k for k, line in enumerate(lines) if line.band), None)
    if band and banded is not None:
        keys.append((_key(f'<path class="band s{banded % SERIES}" d="M0 2H34V14H0Z"/>'), band))
    return key_list(keys)


def delivery_legend(planned: str, got: str, bounds: str, unknown: str) -> str:
    """What the marks of `delivery_chart` are."""
    marks = {
        planned: '<rect class="planned" x="1" y="1" width="32" height="14"/>',
        got: '<rect class="bar strong" x="0" y="4" width="34" height="8"/>',
        bounds: '<path class="whisker" d="M2 8H32M2 4V12M32 4V12"/>',
        unknown: '<rect class="unknown" x="1" y="1" width="32" height="14"/>',
    }
    return key_list((_key(mark), name) for name, mark in marks.items())


def key_list(keys: Iterable[tuple[str, str]]) -> str:
    """A legend: (drawing, name) each; names are escaped here."""
    return '<ul class="legend">' + "".join(f"<li>{key}{html.escape(name)}</li>" for key, name in keys) + "</ul>"


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


def _look(k: int, line: Line) -> str:
    return "rule" if line.rule else f"s{k % SERIES}" + (" strong" if line.strong else "")


def _all_points(line: Line) -> list[tuple[float, float]]:
    return [*line.points, *((x, y) for x, low, high in line.band for y in (low, high))]


def _drawn(line: Line, look: str, x: Scale, y: Scale) -> list[str]:
    """Its band, its line, and its points where they are few."""
    parts = []
    band = [each for each in line.band if all(map(isfinite, each))]
    if band:
        edge = [*((at, high) for at, _, high in band), *((at, low) for at, low, _ in reversed(band))]
        parts.append(f'<polygon class="band {look.split()[0]}" points="{_path(edge, x, y)}"/>')
    points = [(at, value) for at, value in line.points if isfinite(value)]
    parts.append(f'<polyline class="line {look}" points="{_path(points, x, y)}"/>')
    if line.strong and len(points) <= MOST_MARKED:
        parts += [
            f'<circle class="point {look}" cx="{x(at):.1f}" cy="{y(value):.1f}" r="2.6"/>' for at, value in points
        ]
    return parts


def _path(points: Points, x: Scale, y: Scale) -> str:
    return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)


def _rows(count: int) -> list[float]:
    """The middles of the rows."""
    return [k * ROW + ROW / 2 + 4 for k in range(count)]


def _name(name: str, y: float) -> str:
    short = name if len(name) <= MOST_NAME else name[: MOST_NAME - 1] + "…"
    return f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{html.escape(short)}</text>'


def _box(kind: str, x: Scale, value: float, y: float, *, half: float) -> str:
    """From zero to the value; nothing where it isn't known."""
    end = x(value) if isfinite(value) else x(0)
    begin, width = min(x(0), end), abs(end - x(0))
    return f'<rect class="{kind}" x="{begin:.1f}" y="{y - half:.1f}" width="{width:.1f}" height="{2 * half:g}"/>'


def _whisker(x: Scale, lower: float, upper: float, y: float) -> list[str]:
    if not (isfinite(lower) and isfinite(upper)):
        return []
    low, high, cap = f"{x(lower):.1f}", f"{x(upper):.1f}", f"{y - 4:.1f}V{y + 4:.1f}"
    drawn = f"M{low} {y:.1f}H{high}M{low} {cap}M{high} {cap}"
    return [f'<path class="{kind}" d="{drawn}"/>' for kind in ("halo", "whisker")]  # it is seen on any bar


def _upright(kind: str, x: float, rows: int) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{rows * ROW + 4}"/>'


def _told(value: float, percent: bool) -> str:
    return f"{value * 100:g}%" if percent else f"{value:g}"


def _key(mark: str) -> str:
    return f'<svg viewBox="0 0 34 16" aria-hidden="true">{mark}</svg>'


def _svg(parts: Sequence[str], *, height: float, title: str) -> str:
    told = html.escape(title)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{told}"><title>{told}</title>{"".join(parts)}</svg>'
