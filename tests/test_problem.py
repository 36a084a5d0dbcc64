"""`Problem.from_arrays` names everything that is wrong, at once."""

from __future__ import annotations

import numpy as np
import pytest
from solving_cases import line

from hotspot.errors import InputError


def test_a_good_problem_is_copied_and_closed_to_writing() -> None:
    values = np.array([1.0, 2.0, 4.0])
    problem = line(value=values)
    values[0] = 99
    assert problem.value.tolist() == [1, 2, 4] and problem.travel_s.shape == (1, 4, 4)
    with pytest.raises(ValueError, match="read-only"):
        problem.value[0] = 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"travel_s": np.zeros((4, 3))}, "field travel_s: has shape"),
        ({"travel_s": np.full((4, 4), np.nan)}, "field travel_s: value 'nan': is NaN or negative (first at [0, 0, 0])"),
        ({"travel_s": np.full((4, 4), -np.inf)}, "field travel_s: value '-inf'"),
        ({"window_s": [[0, 1], [5, 4], [0, 1]]}, "is a window that ends before it begins (first at [1])"),
        ({"window_s": [[0, 1], [-np.inf, 4], [0, 1]]}, "field window_s"),
        ({"shift_s": [[10, 0]]}, "is a shift that ends before it begins"),
        ({"demand_place": [1, 2, 4]}, "field demand_place: value '4': is no place"),
        ({"demand_place": [1, 2, 2.5]}, "isn't made of whole numbers"),
        ({"team_start": [-1]}, "field team_start: value '-1'"),
        ({"team_mode": [1]}, "field team_mode: value '1': is no mode"),
        ({"dwell_s": [1, 2]}, "field dwell_s: has shape (2,); fix: give (3,)"),
        ({"value": [1, -1, np.nan]}, "field value: value '-1.0': is NaN, infinite or negative (first at [1]) (2 rows"),
        ({"eligible": [[True]]}, "field eligible: has shape (1, 1)"),
        ({"max_leg_s": -1.0}, "field max_leg_s"),
        ({"travel_m": np.zeros((3, 3))}, "field travel_m: has shape"),
    ],
)
def test_a_fault_is_named_with_its_place(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as told:
        line(**changes)
    assert words in str(told.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError) as told:
        line(value=[1, -1, 2], dwell_s=[0, 0, np.inf], max_leg_s=np.nan)
    assert {fault.field for fault in told.value.faults} == {"value", "dwell_s", "max_leg_s"}
