"""Equal texts are found by their hash and by comparing them, as the obvious dictionary finds them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotspot import hashing


def same_partition(one, other):
    """Whether both put the same rows together, whatever they call the groups."""
    return ((one >= 0) == (other >= 0)).all() and len(set(zip(one.tolist(), other.tolist(), strict=True))) == len(
        set(one.tolist())
    )


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.sampled_from(["", "a", "b", "ab", "警情", "61080220260315000123"]), max_size=40), data=st.data()
)
def test_the_hash_finds_what_the_dictionary_finds(texts, data):
    within = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=len(texts), max_size=len(texts))), dtype=np.int32)
    chunked = pa.chunked_array([texts[:7], texts[7:]], pa.string())
    by_pairs = hashing.group_numbers(chunked, within)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "LARGE", 0)
        assert same_partition(hashing.group_numbers(chunked, within), by_pairs)


def test_two_texts_of_one_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr(hashing, "LARGE", 0)
    monkeypatch.setattr(hashing, "hash_texts", lambda texts: np.zeros(len(texts), dtype=np.uint64))
    groups = hashing.group_numbers(pa.chunked_array([["a", "b", "a", "c"]]), np.zeros(4, dtype=np.int32))
    assert (groups >= 0).tolist() == [True, False, True, False]
    assert groups[0] == groups[2]
