"""Where a stop is, in words that a crew finds it by: the street, and the nearest crossing of two streets with names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from hotspot.mapping import words
from hotspot.mapping.catalogue import LANGUAGES
from planning.network import Streets
from planning.network.nearest import nearest_segments

AT_CROSSING_M = 30.0
ON_STREET_M = 60.0  # a named street farther than this isn't where the place lies
NEAR_CROSSING_M = 1000.0
CANDIDATES = 8  # nearest crossings among which one of the place's own street is looked for


@dataclass(frozen=True)
class Place:
    """`street` '' has no name, `crossing` () is too far; `eighth` is where the place lies seen from the crossing: 0
    north, 1 north-east ... 7 north-west."""

    street: str = ""
    crossing: tuple[str, ...] = ()
    crossing_m: float = 0.0
    eighth: int = 0

    def told(self, language: str) -> str:
        """In words; '' where nothing near has a name.

        >>> Place("Main St", ("2nd Ave", "Main St"), 83.0, 2).told("en"), Place().told("en")
        ('Main St, 80 m east of 2nd Ave', '')
        >>> Place("", ("2nd Ave", "Main St"), 12.0, 2).told("en")
        '2nd Ave × Main St'
        """
        told = words(language, "sheets")
        street = self.street or told["unnamed"]
        if not self.crossing:
            return self.street
        if self.crossing_m <= AT_CROSSING_M:
            return str(told["crossing"]).format(" × ".join(self.crossing))
        others = " × ".join(name for name in self.crossing if name != self.street)
        where, sentence = told["eighths"][self.eighth], str(told["near_crossing"])
        return sentence.format(street=street, metres=round(self.crossing_m, -1), where=where, other=others)


def place_columns(streets: Streets, points: gpd.GeoSeries, *, language: str) -> dict[str, list[Any]]:
    """`place`: each point's place in the district's language, '' where no street or crossing with a name is near; `place_in`:
    the same in each language that pages have."""
    xy = points.to_crs(streets.crs)
    places = places_of(streets, np.column_stack([xy.x, xy.y]))
    told = [{each: place.told(each) for each in LANGUAGES} for place in places]
    return {"place": [texts[language] for texts in told], "place_in": told}


def places_of(streets: Streets, xy: npt.NDArray[np.float64]) -> list[Place]:
    """The street and the nearest named crossing of each place (n, 2), metres in the streets' CRS.

    The street is the nearest one, and without a name if none of those within 60 m has one. The crossing is the nearest
    along that street within 1 km, else the nearest of any two.
    """
    if not len(xy):
        return []
    names = streets.edges["name"].fillna("").astype(str).str.split(";").str[0].str.strip()
    on = _own_streets(streets, names, xy)
    nodes, crossing = _crossings(streets, names)
    if not len(nodes):
        return [Place(street) for street in on]
    corners = streets.nodes_xy[nodes]
    nearest = list(range(1, min(CANDIDATES, len(nodes)) + 1))
    far, near = cKDTree(corners).query(xy, k=nearest, distance_upper_bound=NEAR_CROSSING_M)
    found = []
    for place, street, metres, which in zip(xy, on, np.asarray(far), np.asarray(near), strict=True):
        within = [(m, k) for m, k in zip(metres.tolist(), which.tolist(), strict=True) if k < len(nodes)]
        best = next((each for each in within if street in crossing[each[1]]), within[0] if within else None)
        if best is None:
            found.append(Place(street))
            continue
        east, north = place - corners[best[1]]
        eighth = round(np.degrees(np.arctan2(east, north)) / 45) % 8
        found.append(Place(street, crossing[best[1]], best[0], eighth))
    return found


def _own_streets(streets: Streets, names: pd.Series, xy: npt.NDArray[np.float64]) -> list[str]:
    """The name of the nearest named street within reach; ''."""
    has_name = (names != "").to_numpy()
    edge, _, _ = nearest_segments(streets.segments, xy, rank=has_name.astype(np.uint8), max_m=ON_STREET_M)
    return [str(names.iloc[e]) if e >= 0 else "" for e in edge]


def _crossings(streets: Streets, names: pd.Series) -> tuple[npt.NDArray[np.int64], list[tuple[str, ...]]]:
    """Nodes where streets with different names meet, and those names, sorted."""
    ends = [pd.DataFrame({"node": streets.edges[end].to_numpy(), "name": names.to_numpy()}) for end in ("u", "v")]
    meeting = pd.concat(ends).query("name != ''").drop_duplicates()
    meeting = meeting[meeting.duplicated("node", keep=False)].sort_values(["node", "name"])
    grouped = meeting.groupby("node")["name"].agg(tuple)
    return grouped.index.to_numpy(dtype=np.int64), grouped.tolist()
