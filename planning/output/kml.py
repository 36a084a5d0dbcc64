"""The plan as KML 2.2 for globes and map programs: hotspots, and per team its way and its stops with their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any
from xml.etree import ElementTree as ET

import shapely

from hotspot.mapping import words
from planning.output.markup import DATUM_NAMES, xml_text

NAMESPACE = "http://www.opengis.net/kml/2.2"
STYLES = {  # aabbggrr: hotspots orange and see-through, ways blue
    "hotspot": (("LineStyle", "ff123a8a", "1"), ("PolyStyle", "4d3c8af9", "")),
    "way": (("LineStyle", "ffa85900", "4"),),
}
Line = Sequence[Sequence[float]]


def plan_kml(payload: Mapping[str, Any], *, datum: str) -> bytes:
    """The KML file of the page's data, whose places are in `datum` already; the document's description states it.

    KML itself knows only WGS-84: another datum is for programs whose map is shifted the same way. Control characters
    are left out; a plan without teams or hotspots gives empty folders.
    """
    root = ET.Element("kml", xmlns=NAMESPACE)
    told, told_here = words(payload["language"]), words(payload["language"], "sheets")
    document = _sub(root, "Document")
    _sub(document, "name", payload["title"])
    as_of = told_here["planned_as_of"].format(as_of=payload["as_of"])
    _sub(document, "description", f"{told_here['datum_note'].format(datum=DATUM_NAMES[datum])} {as_of}")
    for name, parts in STYLES.items():
        style = _sub(document, "Style", id=name)
        for kind, colour, width in parts:
            drawn = _sub(style, kind)
            _sub(drawn, "color", colour)
            if width:
                _sub(drawn, "width", width)
    spots = _folder(document, told["hotspots"])
    for spot in payload["hotspots"]:
        _hotspot(spots, spot, payload["language"])
    for team in payload["teams"]:
        if team["visits"]:
            _team(_folder(document, f"{team['id']} {team['name']}"), team, told)
    text: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text + b"\n"


def _hotspot(folder: ET.Element, spot: Mapping[str, Any], language: str) -> None:
    mark = _placemark(folder, spot["id"], spot["explanation"].get(language, ""), style="hotspot")
    parts = _sub(mark, "MultiGeometry")
    # rings come as outer ones and holes in a row: what lies in an odd number of them is inside
    filled = [shapely.make_valid(shapely.Polygon(ring)) for ring in spot["rings"]]
    nothing: Any = shapely.Polygon()
    shape = reduce(lambda a, b: a.symmetric_difference(b), filled, nothing)
    for polygon in (part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"):
        drawn = _sub(parts, "Polygon")
        _ring(drawn, "outerBoundaryIs", polygon.exterior)
        for hole in polygon.interiors:
            _ring(drawn, "innerBoundaryIs", hole)


def _ring(polygon: ET.Element, kind: str, ring: shapely.LinearRing) -> None:
    _sub(_sub(_sub(polygon, kind), "LinearRing"), "coordinates", _coordinates(shapely.get_coordinates(ring).tolist()))


def _team(folder: ET.Element, team: Mapping[str, Any], told: Mapping[str, str]) -> None:
    way = _sub(_placemark(folder, team["id"], "", style="way"), "MultiGeometry")
    for leg in team["legs"]:
        line = _sub(way, "LineString")
        _sub(line, "tessellate", "1")
        _sub(line, "coordinates", _coordinates(leg["line"]))
    for visit in team["visits"]:
        what = " · ".join(part for part in (told.get(visit["activity"], visit["activity"]), visit["place"]) if part)
        mark = _placemark(folder, f"{visit['sequence']} {visit['hotspot_id']}", what)
        span = _sub(mark, "TimeSpan")
        _sub(span, "begin", visit["start"])
        _sub(span, "end", visit["leave"])
        _sub(_sub(mark, "Point"), "coordinates", _coordinates([[visit["lon"], visit["lat"]]]))


def _folder(parent: ET.Element, name: str) -> ET.Element:
    folder = _sub(parent, "Folder")
    _sub(folder, "name", name)
    return folder


def _placemark(folder: ET.Element, name: str, description: str, *, style: str = "") -> ET.Element:
    mark = _sub(folder, "Placemark")
    _sub(mark, "name", name)
    _sub(mark, "description", description)
    if style:
        _sub(mark, "styleUrl", f"#{style}")
    return mark


def _sub(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = xml_text(text) or None
    return element


def _coordinates(line: Line) -> str:
    return " ".join(f"{lon:.6f},{lat:.6f}" for lon, lat in line)
