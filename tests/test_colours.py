"""The colours of all pages, as people with and without a colour vision deficiency see them, in both themes.

Bounds are in CIEDE2000, where 1 is about what an eye can just tell of two colours side by side: 6 for what lies beside
each other or crosses on the map, 8 for what is only named in a legend, 4 where the same is said a second time
(the fainter cells under the hotspots).
"""

import itertools
import re

import numpy as np
import pytest
from colour_vision import SIGHTS, blended, ciede2000, contrast, difference, lab, rgb, seen

from hotspot.mapping.inline import HERE

NEXT, LEGEND, FAINT, STEP_L = 6.0, 8.0, 4.0, 4.0
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, success criteria 1.4.3 and 1.4.11
CELL_SHARE, ZONE_ALPHA, ROUTE_ALPHA = 0.6, 0.35, 0.8  # of drawing.js
ON_MARK = "#3a2a00"


def tokens(theme):
    """Name -> value of tokens.css; the dark theme changes some of the light ones."""
    css = (HERE / "tokens.css").read_text(encoding="utf-8")
    light, dark = css.split("html[data-theme=dark]")
    read = re.compile(r"--([\w-]+):([^;]+);")
    return dict(read.findall(light)) | (dict(read.findall(dark)) if theme == "dark" else {})


@pytest.fixture(params=["light", "dark"])
def colour(request):
    """A token of the theme by its name, as (3,) of 0 to 1."""
    told = tokens(request.param)
    return lambda name: float(told[name]) if name == "fill" else rgb(told[name])


def on_map(colour, names, alpha):
    return [blended(colour(name), colour("map"), alpha) for name in names]


def pairs(named, sight):
    return {f"{a}-{b}": difference(named[a], named[b], sight) for a, b in itertools.combinations(named, 2)}


# ---- the measures themselves ----


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_the_published_pairs(one, other, expected):
    """Sharma, Wu & Dalal 2005, table 1."""
    assert ciede2000(one, other) == pytest.approx(expected, abs=5e-5)
    assert ciede2000(other, one) == pytest.approx(expected, abs=5e-5)


def test_lab_and_contrast_of_known_colours():
    assert lab(rgb("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.01)
    assert contrast(rgb("#fff"), rgb("#000")) == pytest.approx(21.0)
    assert contrast(rgb("#777"), rgb("#fff")) == pytest.approx(4.48, abs=0.005)


RED = {
    "protanopia": (0.152286, 0.114503, -0.003882),
    "deuteranopia": (0.367322, 0.280085, -0.011820),
    "tritanopia": (1.255528, -0.078411, 0.004733),
}


@pytest.mark.parametrize(("sight", "first_column"), RED.items())
def test_red_is_seen_as_the_paper_gives_it_and_greys_stay(sight, first_column):
    """Machado et al. 2009, severity 1: red primary is the first column of the matrix; every row sums to one."""
    light = np.clip(first_column, 0, 1)
    by_hand = [12.92 * x if x <= 0.0031308 else 1.055 * x ** (1 / 2.4) - 0.055 for x in light]
    assert seen(rgb("#ff0000"), sight) == pytest.approx(by_hand, abs=1e-9)
    for grey in ("#ffffff", "#808080", "#000000"):
        assert seen(rgb(grey), sight) == pytest.approx(rgb(grey), abs=1e-5)


def test_positive_control_red_and_green_of_equal_lightness_are_one_colour_to_a_deuteranope():
    assert difference(rgb("#b35900"), rgb("#6a7a00"), "normal") > 25
    assert difference(rgb("#b35900"), rgb("#6a7a00"), "deuteranopia") < NEXT


# ---- the tokens ----


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize(("share", "least"), [(1.0, NEXT), (CELL_SHARE, FAINT)])
def test_classes_of_risk_are_in_order_of_lightness_and_neighbours_differ(colour, sight, share, least):
    classes = on_map(colour, [f"r{k}" for k in range(5)], share * colour("fill"))
    steps = np.diff([lab(seen(each, sight))[0] for each in classes])
    assert (steps >= STEP_L * share).all() or (steps <= -STEP_L * share).all(), steps
    apart = [difference(a, b, sight) for a, b in itertools.pairwise([colour("map"), *classes])]
    assert min(apart[1:]) >= least and apart[0] >= FAINT, apart


@pytest.mark.parametrize("sight", SIGHTS)
def test_routes_differ_from_each_other_and_from_the_risk_below_them(colour, sight):
    risk = {f"r{k}": each for k, each in enumerate(on_map(colour, [f"r{k}" for k in range(5)], colour("fill")))}
    ground = {"map": colour("map")} | risk
    lines = {"chosen": colour("accent"), "others": colour("route")}
    assert difference(*lines.values(), sight) >= NEXT
    found = {(name, under): difference(line, ground[under], sight) for name, line in lines.items() for under in ground}
    assert {pair: value for pair, value in found.items() if value < NEXT} == {}


@pytest.mark.parametrize("sight", SIGHTS)
def test_series_of_charts_can_be_told_from_each_other(colour, sight):
    found = pairs({f"s{k}": colour(f"s{k}") for k in range(6)}, sight)
    assert {pair: value for pair, value in found.items() if value < LEGEND} == {}


@pytest.mark.parametrize("sight", SIGHTS)
def test_tints_of_zones_differ_from_each_other_and_are_taken_neither_for_risk_nor_for_no_zone(colour, sight):
    names = [f"zone{k}" for k in range(6)]
    zones = dict(zip(names, on_map(colour, names, ZONE_ALPHA), strict=True))
    assert {pair: value for pair, value in pairs(zones, sight).items() if value < NEXT} == {}
    risk = on_map(colour, [f"r{k}" for k in range(5)], colour("fill"))  # these have an edge besides
    nearest = {
        name: min(difference(tint, each, sight) for each in [colour("map"), *risk]) for name, tint in zones.items()
    }
    assert {name: value for name, value in nearest.items() if value < FAINT} == {}


def test_words_have_enough_contrast(colour):
    grounds = {
        (text, ground): contrast(colour(text), colour(ground))
        for text in ("ink", "soft", "accent")
        for ground in ("paper", "panel", "chosen-row")
    }
    grounds |= {(a, b): contrast(colour(a), colour(b)) for a, b in (("on-accent", "accent"), ("on-dot", "dot"))}
    grounds["mark"] = contrast(rgb(ON_MARK), colour("mark"))
    assert {pair: value for pair, value in grounds.items() if value < TEXT} == {}


def test_what_is_drawn_has_enough_contrast(colour):
    """On the map: routes, edges of hotspots, communities and points; on paper: lines and bars of charts, the focus ring."""
    found = {(name, "map"): contrast(colour(name), colour("map")) for name in ("accent", "edge", "area", "dot", "soft")}
    found["route", "map"] = contrast(*on_map(colour, ["route"], ROUTE_ALPHA), colour("map"))
    drawn = ("accent", "soft", "bar", *(f"s{k}" for k in range(6)))
    found |= {(name, ground): contrast(colour(name), colour(ground)) for name in drawn for ground in ("paper", "panel")}
    assert {pair: value for pair, value in found.items() if value < GRAPHIC} == {}


def test_the_shares_are_those_of_the_drawing():
    script = (HERE / "drawing.js").read_text(encoding="utf-8")
    assert f"fill * {CELL_SHARE}" in script and f"fillOpacity: {ZONE_ALPHA}" in script and f": {ROUTE_ALPHA}," in script
    assert all(ON_MARK in (HERE / name).read_text(encoding="utf-8") for name in ("tokens.css", "page.css"))
