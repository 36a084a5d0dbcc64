"""Demands: disjoint sub-windows, diminishing worth, dwell by rank."""

from itertools import pairwise

import pandas as pd
import pytest

from planning.demand import _how_many, _slots

ZONE = "Asia/Shanghai"
EIGHT, TEN = (pd.Timestamp(f"2026-10-30 {hour}:00", tz=ZONE) for hour in (20, 22))
MINUTE = pd.Timedelta(minutes=1)


def test_two_hours_hold_two_visits_of_16_minutes_half_an_hour_apart():
    slots = _slots([(EIGHT, TEN)], EIGHT, TEN, dwell=16 * MINUTE, gap=30 * MINUTE)
    starts = [window for window, _ in slots]
    assert starts == [(EIGHT, EIGHT + 29 * MINUTE), (EIGHT + 75 * MINUTE, EIGHT + 104 * MINUTE)]
    assert slots[0][1] == (EIGHT, EIGHT + 60 * MINUTE)


@pytest.mark.parametrize("hours", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("dwell_min", [10, 16])
def test_any_two_visits_keep_the_gap_and_end_in_the_window(hours, dwell_min):
    dwell, gap = dwell_min * MINUTE, 30 * MINUTE
    end = EIGHT + pd.Timedelta(hours=hours)
    windows = [window for window, _ in _slots([(EIGHT, end)], EIGHT, end, dwell=dwell, gap=gap)]
    for (_, latest), (earliest, _) in pairwise(windows):
        assert earliest - (latest + dwell) >= gap - pd.Timedelta(seconds=1)
    assert windows[-1][1] + dwell <= end


def test_windows_are_clipped_to_the_shifts_and_too_short_ones_give_nothing():
    assert _slots([(EIGHT, TEN)], EIGHT, EIGHT + 9 * MINUTE, dwell=10 * MINUTE, gap=30 * MINUTE) == []
    assert _how_many(10 * MINUTE, dwell=10 * MINUTE, gap=30 * MINUTE) == 1


def test_a_later_window_waits_for_the_gap():
    windows = [(EIGHT, EIGHT + 60 * MINUTE), (EIGHT + 60 * MINUTE, TEN)]
    slots = _slots(windows, EIGHT, TEN, dwell=10 * MINUTE, gap=30 * MINUTE)
    assert slots[1][0][0] == EIGHT + 90 * MINUTE
