"""Hotspots as the data of a map page, and the page itself: no plan is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from hotspot.areas import Areas
from hotspot.forecasting.risk import Risk
from hotspot.hotspots import Hotspots, addresses_in
from hotspot.mapping.explanation import explanation_text
from hotspot.mapping.shell import render_page

MOST_CELLS = 200  # of the worthiest; a page with every cell would hide the hotspots it is about
MAJOR = {"motorway", "trunk", "primary", "secondary", "tertiary"}
Payload = dict[str, Any]


def save_situation(
    spots: Hotspots,
    path: str | Path,
    *,
    areas: Areas | None = None,
    edges: gpd.GeoDataFrame | None = None,
    language: str = "zh",
    title: str = "",
) -> Path:
    """Write the page of these hotspots: one file that opens without a network. Returns the path.

    `areas` (communities) and `edges` (lines of streets, with `highway` where known) are drawn where they are given. Raises
    ConfigError for another language than zh or en.
    """
    facts = {"title": title, "district": title, "language": language}
    payload = situation_payload(spots, areas=areas, edges=edges, facts=facts)
    target = Path(path)
    target.write_text(render_page(payload, language=language, title=title), encoding="utf-8")
    return target


def situation_payload(
    spots: Hotspots,
    *,
    areas: Areas | None = None,
    edges: gpd.GeoDataFrame | None = None,
    points: gpd.GeoDataFrame | None = None,
    window: tuple[pd.Timestamp, pd.Timestamp] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Payload:
    """What a page needs to show hotspots: JSON-able, places in WGS-84, times ISO 8601 with offset."""
    risk = spots.risk
    start, end = window or (risk.starts[0], risk.starts[-1] + pd.Timedelta(hours=1))
    hours = np.flatnonzero((risk.starts >= start.floor("h")) & (risk.starts < end))
    at = _area_of_cells(spots, areas)
    return {
        "kind": "situation",
        "timezone": str(risk.starts.tz),
        "window": {"start": start.isoformat(), "end": end.isoformat()},
        "as_of": risk.as_of.isoformat(),
        "model": _model_told(risk),
        "plan": None,
        "hours": [start.isoformat() for start in risk.starts[hours]],
        "areas": {"features": _areas(areas, spots, hours, at)},
        "streets": streets_payload(edges),
        "cells": _cells(spots, hours, at),
        "hotspots": _hotspots(spots, hours, at),
        "points": _points(points),
        "teams": [],
        "unserved": [],
        "statistics": {},
        **(facts or {}),
    }


def _points(points: gpd.GeoDataFrame | None) -> list[Payload]:
    if points is None:
        return []
    return [
        {"id": p.id, "name": p.name, "kind": p.kind, "lon": float(p.lon), "lat": float(p.lat), "teams": []}
        for p in points[["id", "name", "kind", "lon", "lat"]].itertuples(index=False)
    ]


def _areas(
    areas: Areas | None, spots: Hotspots, hours: npt.NDArray[np.int64], at: npt.NDArray[np.object_]
) -> list[Payload]:
    if areas is None:
        return []
    frame = areas.frame.to_crs("EPSG:4326")
    shapes = shapely.simplify(frame.geometry.to_numpy(), 2e-5)
    worth = spots.risk.expected[:, hours].sum(axis=1)
    return [
        {
            "id": area.id,
            "name": area.name,
            "street": area.street,
            "rings": rings_of(shape),
            "expected": round(float(worth[at == area.id].sum()), 4),
        }
        for area, shape in zip(frame[["id", "name", "street"]].itertuples(index=False), shapes, strict=True)
    ]


def _area_of_cells(spots: Hotspots, areas: Areas | None) -> npt.NDArray[np.object_]:
    """(C,) the id of the community that each cell's middle lies in, '' for none; on a border the first."""
    grid = spots.risk.grid
    found = np.full(len(grid), "", dtype=object)
    if areas is not None:
        middles: npt.NDArray[np.object_] = np.asarray(shapely.point_on_surface(grid.cells.geometry.to_numpy()))
        area, cell = shapely.STRtree(middles).query(
            areas.frame.geometry.to_crs(grid.crs).to_numpy(), predicate="intersects"
        )
        found[cell[::-1]] = areas.frame["id"].to_numpy(dtype=object)[area][::-1]
    return found


def streets_payload(edges: gpd.GeoDataFrame | None) -> Payload:
    """The lines of streets (degrees), their classes (0 major, 1 minor; all major where none is known) and names."""
    if edges is None:
        return {"lines": [], "class": [], "names": []}
    edges = edges.drop_duplicates("edge_id") if "edge_id" in edges else edges
    lines = edges.geometry.to_crs("EPSG:4326")
    major = edges["highway"].isin(MAJOR) if "highway" in edges else pd.Series(False, index=edges.index)
    if not major.any():  # without classes every street is as good as any other
        major = pd.Series(True, index=edges.index)
    names = edges["name"].fillna("").astype(str).tolist() if "name" in edges else [""] * len(edges)
    return {"lines": _paths(lines), "class": [0 if m else 1 for m in major], "names": names}


def _model_told(risk: Risk) -> str:
    """The model's name, and what it gained over long-run counts where it was chosen."""
    if risk.choice is None or risk.choice.over_long_run is None:
        return risk.model
    gain, lower, upper = risk.choice.over_long_run
    return f"{risk.model} ({gain:+.3f} [{lower:+.3f}, {upper:+.3f}] nat / {risk.choice.weeks} w)"


def _cells(spots: Hotspots, hours: npt.NDArray[np.int64], at: npt.NDArray[np.object_]) -> Payload:
    risk = spots.risk
    worth = risk.expected[:, hours].sum(axis=1)
    shown = np.sort(np.lexsort((np.arange(len(worth)), -worth))[:MOST_CELLS])
    shown = shown[worth[shown] > 0]
    # a cell alone could tell what a withheld hotspot would have told
    least = int(spots.parameters.get("least_addresses", 0))
    shown = shown[[addresses_in(risk, np.array([cell])) >= least for cell in shown]] if least else shown
    shapes = risk.grid.cells.geometry.iloc[shown].to_crs("EPSG:4326")
    names = risk.grid.cells["cell_id"].iloc[shown]
    return {
        "rings": {name: rings_of(shape)[0] for name, shape in zip(names, shapes, strict=True)},
        "risk": {name: short(risk.expected[c, hours]) for name, c in zip(names, shown, strict=True)},
        "area": {name: at[c] for name, c in zip(names, shown, strict=True)},
    }


def _hotspots(spots: Hotspots, hours: npt.NDArray[np.int64], at: npt.NDArray[np.object_]) -> list[Payload]:
    shapes = spots.frame.geometry.to_crs("EPSG:4326")
    estimate = spots.risk.estimate
    rows = []
    for k, (spot, shape) in enumerate(zip(spots.frame.itertuples(), shapes, strict=True)):
        cells = spots.cells[k]
        week = estimate.per_week[cells] @ estimate.profile[cells]
        rows.append(
            {
                "id": spot.hotspot_id,
                "rank": int(spot.rank),
                "rings": rings_of(shape),
                "windows": [{"start": a.isoformat(), "end": b.isoformat()} for a, b in spot.windows],
                **{name: round(float(getattr(spot, name)), 4) for name in ("expected", "lower", "upper")},
                "observed": int(spot.observed),
                "activity": spot.activity,
                "area": Counter(at[cells].tolist()).most_common(1)[0][0],
                "pattern": (spot.explanation["statistics"] or {}).get("pattern", ""),
                "category_mix": {name: round(share, 4) for name, share in spot.category_mix.items()},
                "p_value": float(f"{spot.p_value:.3g}"),
                "explanation": explanation_text(spot.explanation, spot.expected),
                "hourly": short(spots.hourly[k, hours]),
                "calendar": [short(day) for day in week.reshape(7, 24)],
            }
        )
    return rows


def short(values: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]


def _paths(lines: gpd.GeoSeries) -> list[list[list[float]]]:
    """Every line as `path_of` tells it, all at once: a city has tens of thousands."""
    places = np.round(shapely.get_coordinates(lines.to_numpy()), 5).tolist()
    ends = np.cumsum(shapely.get_num_coordinates(lines.to_numpy())).tolist()
    return [places[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def path_of(line: shapely.LineString) -> list[list[float]]:
    return [[round(x, 5), round(y, 5)] for x, y in shapely.get_coordinates(line).tolist()]


def rings_of(shape: shapely.Polygon | shapely.MultiPolygon) -> list[list[list[float]]]:
    """Outer rings first to last, each followed by its holes."""
    polygons: Sequence[shapely.Polygon] = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return [path_of(ring) for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
