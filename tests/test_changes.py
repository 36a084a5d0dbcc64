"""What changed between two runs' hotspots: by place, and only where their intervals part."""

import pytest

from hotspot.mapping.changes import changed_hotspots

WINDOW = {"start": "2026-10-30T18:00:00+08:00", "end": "2026-10-30T20:00:00+08:00"}
LONGER = {"start": "2026-10-30T18:00:00+08:00", "end": "2026-10-30T22:00:00+08:00"}


def spot(name, x, lower, upper, window=WINDOW):
    ring = [[x, 0], [x + 1, 0], [x + 1, 1], [x, 1], [x, 0]]
    middle = (lower + upper) / 2
    return {
        "id": name, "rank": int(name[1:]), "expected": middle, "lower": lower, "upper": upper, "activity": "patrol",
        "rings": [ring], "windows": [window],
    }  # fmt: skip


def page(*spots):
    return {"run_id": "a", "as_of": "2026-10-29", "window": WINDOW, "hotspots": list(spots)}


def kinds(before, after):
    rows = changed_hotspots(page(*before), page(*after))["rows"]
    return [(row["kind"], (row["after"] or row["before"])["id"]) for row in rows]


@pytest.mark.parametrize(
    ("after", "kind"),
    [((1.0, 2.0), "same"), ((1.9, 4.0), "same"), ((2.1, 4.0), "grown"), ((0.1, 0.9), "shrunk")],
)
def test_only_intervals_that_part_are_a_change(after, kind):
    assert kinds([spot("H1", 0, 1.0, 2.0)], [spot("H1", 0, *after)]) == [(kind, "H1")]


def test_twice_as_much_in_twice_the_time_is_the_same():
    assert kinds([spot("H1", 0, 1.0, 2.0)], [spot("H1", 0, 2.0, 4.0, LONGER)]) == [("same", "H1")]


def test_places_are_the_same_by_where_they_are():
    before, after = [spot("H1", 0, 1, 2), spot("H2", 5, 1, 2)], [spot("H1", 5.1, 1, 2), spot("H2", 9, 1, 2)]
    assert kinds(before, after) == [("same", "H1"), ("new", "H2"), ("gone", "H1")]


def test_nothing_before_and_nothing_now():
    assert kinds([], []) == []
    assert kinds([], [spot("H1", 0, 1, 2)]) == [("new", "H1")]
    assert kinds([spot("H1", 0, 1, 2)], []) == [("gone", "H1")]
