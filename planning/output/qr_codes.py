"""The stops of a team as QR codes for its sheet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import segno
from markupsafe import Markup

from hotspot.geo import to_datum
from planning.output.markup import DATUM_NAMES, xml_text

MOST_STOPS = 12  # of one code: more would be too fine for a phone's camera at the size it is printed in
DECIMALS = 5


def route_texts(team: Mapping[str, Any], *, datum: str) -> list[str]:
    """What the codes of a team say: a head, then a line per stop with its times, hotspot, latitude and longitude.

    Plain text, because every phone's camera shows it without a network, and any map program finds the pair of numbers
    that is copied from it. (`geo:` addresses hold a single place and not every phone knows them.)

    >>> visit = {"sequence": 1, "start": "2026-10-30T19:05:00+08:00", "leave": "2026-10-30T19:17:00+08:00",
    ...          "hotspot_id": "H12", "lon": 109.7, "lat": 38.2}
    >>> print(route_texts({"id": "T01", "visits": [visit]}, datum="wgs84")[0])
    T01 2026-10-30 WGS-84
    1 19:05-19:17 H12 38.20000,109.70000
    """
    visits = team["visits"]
    if not visits:
        return []
    degrees = np.array([(visit["lon"], visit["lat"]) for visit in visits], dtype=float)
    lon, lat = to_datum(degrees[:, 0], degrees[:, 1], datum)
    head = f"{team['id']} {visits[0]['start'][:10]} {DATUM_NAMES[datum]}"
    lines = [
        f"{v['sequence']} {v['start'][11:16]}-{v['leave'][11:16]} {v['hotspot_id']} {y:.{DECIMALS}f},{x:.{DECIMALS}f}"
        for v, x, y in zip(visits, lon.tolist(), lat.tolist(), strict=True)
    ]
    return [xml_text("\n".join([head, *lines[k : k + MOST_STOPS]])) for k in range(0, len(lines), MOST_STOPS)]


def code_svg(text: str) -> Markup:
    """The text as a QR code, drawn for a page; with the quiet zone that scanners need."""
    # one of the eight masks, all of which scanners read: the choice of the best takes longer than the rest of a sheet
    code = segno.make_qr(text, error="m", encoding="utf-8", mask=3, boost_error=False)
    svg: str = code.svg_inline(omitsize=True, border=4, svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 # drawn from the code's squares, no text in it
