"""The result is a common subsequence, and none is longer."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opset_atlas.differences import common_subsequence
from opset_atlas.differences.common_subsequence import longest

TEXT = st.text("abcd", max_size=14)


def length(one: str, other: str) -> int:
    """By the textbook recurrence."""
    row = [0] * (len(other) + 1)
    for item in one:
        before = row[:]
        for j, same in enumerate(other):
            row[j + 1] = before[j] + 1 if item == same else max(before[j + 1], row[j])
    return row[-1]


@given(TEXT, TEXT)
def test_equal_items_in_order_and_no_longer_one(one: str, other: str) -> None:
    found = longest(one, other)
    assert all(one[i] == other[j] for i, j in found)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
    assert len(found) == length(one, other)


def test_frequent_items_count(monkeypatch: pytest.MonkeyPatch) -> None:
    one = "abc" * 700
    other = "".join("x" if i % 11 == 0 else item for i, item in enumerate(one))
    same = [(i, i) for i in range(len(one)) if i % 11]
    assert longest(one, other) == same
    monkeypatch.setattr(common_subsequence, "MOST_BITS", 1000)
    halves = longest(one, other)
    assert all(one[i] == other[j] for i, j in halves) and len(halves) > len(same) * 0.9
