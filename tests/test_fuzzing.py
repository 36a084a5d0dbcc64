"""A small part of the fuzzing run; the whole of it is `make fuzz`."""

import fuzzing
import pytest


@pytest.mark.parametrize(("target", "count"), [("csv", 250), ("config", 300)])
def test_mutated_inputs_end_in_a_result_or_in_one_of_our_errors(target, count):
    ends, failures = fuzzing.try_inputs(target, range(count))
    assert failures == []
    assert ends[f"{target}: result"] > count // 10
    assert ends.total() == count


@pytest.mark.parametrize("number", [45, 78, 231, 650, 40550])
def test_what_once_went_wrong_ends_as_it_should(number):
    """A short file's header, a damaged zip, a lone carriage return, old line ends by blocks, a byte-order mark in a row."""
    assert fuzzing.try_inputs("csv", range(number, number + 1))[1] == []
