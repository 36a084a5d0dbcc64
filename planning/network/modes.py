"""How fast, and where at all, one may walk, ride an e-bike and drive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from hotspot.errors import ConfigError
from planning.network.access import closed_by_tags
from planning.network.splitting import Bools, Floats
from planning.network.streets import directions

WALK_KMH = 4.5
DEFAULT = "*"
UNTAGGED = "residential"  # what a street without a class counts as
_NO_STREET = dict.fromkeys(
    ("abandoned", "bus_guideway", "construction", "demolished", "disused", "elevator", "escape", "no", "planned",
     "platform", "proposed", "raceway", "razed", "rest_area", "services"), 0.0,
)  # fmt: skip
_MOTORWAY = {"motorway": 0.0, "motorway_link": 0.0}
SPEEDS: Mapping[str, Mapping[str, float]] = {
    "walk": {DEFAULT: WALK_KMH, "steps": 2.5, **_MOTORWAY, **_NO_STREET},
    "ebike": {
        DEFAULT: 15.0, "footway": 6.0, "pedestrian": 6.0, "path": 6.0, "corridor": 0.0, "steps": 0.0,
        **_MOTORWAY, **_NO_STREET,
    },
    "car": {
        DEFAULT: 25.0, "motorway": 60.0, "trunk": 60.0, "motorway_link": 45.0, "trunk_link": 45.0,
        "primary": 45.0, "primary_link": 45.0, "secondary": 40.0, "secondary_link": 40.0,
        "tertiary": 35.0, "tertiary_link": 35.0, "unclassified": 25.0, "residential": 25.0, "road": 25.0,
        "living_street": 15.0, "service": 15.0, "track": 15.0,
        "footway": 0.0, "pedestrian": 0.0, "path": 0.0, "steps": 0.0, "cycleway": 0.0, "bridleway": 0.0,
        "corridor": 0.0, "busway": 0.0, **_NO_STREET,
    },
}  # fmt: skip
"""km/h by mode and class of street (`highway`), 0 = barred, `*` = every other class.

A team walks 4.5 km/h everywhere (2.5 on steps) and ignores one-ways. E-bikes keep one-ways unless `oneway:bicycle=no`.
Cars keep one-ways and `maxspeed`; their speeds are urban averages, well below the limits, so that lights and parking
are paid for.
"""
_MPH = 1.609344
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(mph)?")


def require_modes(modes: Iterable[str]) -> None:
    """Raises ConfigError naming every unknown mode."""
    unknown = sorted({mode for mode in modes if mode not in SPEEDS})
    if unknown:
        raise ConfigError(f"modes {', '.join(map(repr, unknown))} are unknown; fix: use {', '.join(SPEEDS)}")


def class_speeds(highway: pd.Series, mode: str, speeds: Mapping[str, float] | None = None) -> Floats:
    """(E,) km/h by class alone.

    >>> class_speeds(pd.Series(["steps", "", None, "plaza"]), "ebike").tolist()
    [0.0, 15.0, 15.0, 15.0]
    """
    table = {**SPEEDS[mode], **(speeds or {})}
    codes, kinds = pd.factorize(highway.fillna("").astype("str"))
    kmh = [table.get(first_class(str(kind)) or UNTAGGED, table[DEFAULT]) for kind in kinds]
    return np.array(kmh, dtype=float)[codes] if len(kmh) else np.empty(0)


def first_class(several: str) -> str:
    """The first class of an edge that was simplified from ways of several: `a;b` or `['a', 'b']`."""
    return re.split(r"[;,]", several.strip("[]"))[0].strip(" '\"").lower()


def edge_kmh(edges: pd.DataFrame, mode: str, speeds: Mapping[str, float] | None = None) -> Floats:
    """(E,) km/h by class, speed limit and access; 0 where the mode may not go."""
    kmh = class_speeds(edges["highway"], mode, speeds)
    if mode == "car":
        codes, texts = pd.factorize(edges["maxspeed"])
        limits = np.array([_limit_kmh(str(text)) for text in texts] or [np.inf])
        kmh = np.minimum(kmh, limits[codes])
    return np.where(closed_by_tags(edges, mode), 0.0, kmh)


def _limit_kmh(text: str) -> float:
    """The least speed limit in a tag in km/h, inf where it has no number.

    >>> _limit_kmh("30 mph"), _limit_kmh("50;30"), _limit_kmh("walk"), _limit_kmh("")
    (48.28032, 30.0, inf, inf)
    """
    found = [float(number) * (_MPH if unit else 1.0) for number, unit in _LIMIT.findall(text)]
    return min([each for each in found if each > 0], default=np.inf)


def allowed_directions(edges: pd.DataFrame, mode: str) -> tuple[Bools, Bools]:
    """(E,) whether the mode may follow each line, and go against it."""
    ahead, back = directions(edges["oneway"])
    if mode == "car":  # a motorway that says nothing is one-way
        return ahead, back & ~(edges["highway"].eq("motorway") & edges["oneway"].eq("")).to_numpy(dtype=bool)
    free = np.full(len(edges), mode == "walk") | edges["oneway_bicycle"].eq("no").to_numpy()
    return ahead | free, back | free
