"""How a wrong result differs from the right one, in words and as a slice."""

from __future__ import annotations

import numpy as np
import pytest
from opset_atlas.numerics.patterns import COLUMNS, ROWS, symptom
from opset_atlas.records import Symptom

RIGHT = np.arange(1, 13, dtype=np.float32).reshape(3, 4)


def of(expected: object, got: object, allowed: float = 1e-6, **inputs: np.ndarray) -> Symptom:
    found = symptom(np.asarray(expected), np.asarray(got), np.asarray(allowed), inputs)
    assert found is not None
    return found


def with_changed(*places: tuple[int, int], value: float = 50) -> np.ndarray:
    changed = RIGHT.copy()
    for place in places:
        changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("got", "words"),
    [
        (-RIGHT, "every element has the wrong sign"),
        (RIGHT + 2, "every element is off by the same amount, +2"),
        (RIGHT * 0.5, "every element is 0.5 times what it should be"),
        (RIGHT[::-1].copy(), "12 of 12 elements are at another place"),
        (RIGHT * 0, "every element is 0"),
        (RIGHT * 0 + 30, "every element is 30, whatever it should be"),
        (RIGHT**2 + 7, "every element is wrong, by up to 139"),
        (with_changed((0, 1)), "1 of 12 elements is wrong, the others are right"),
        (with_changed((0, 2), (2, 2)), "at index 2 of axis 1"),
        (with_changed((0, 2), (1, 1), value=0), "2 of 12 elements are 0 instead of values"),
        (with_changed((0, 2), value=np.nan), "1 of 12 elements is NaN"),
        (with_changed((0, 2), value=-np.inf), "1 of 12 elements is infinite"),
        (RIGHT.T.copy(), "it has shape [4, 3] instead of [3, 4]"),
        (RIGHT.astype(np.int64), "it is int64 instead of float32"),
        (RIGHT * np.float32(1 + 1e-5), "12 of 12 elements are off by more than rounding allows"),
    ],
)
def test_a_difference_is_named_by_its_pattern(got: np.ndarray, words: str) -> None:
    found = of(RIGHT, got)
    if words.endswith("at another place"):  # one way or the other
        assert "their order is not" in found["pattern"]
    else:
        assert words in found["pattern"]


def test_wrong_numbers_beside_those_that_are_not_finite_are_counted() -> None:
    got = with_changed((0, 2), value=np.inf)
    got[1, 1] = 50
    assert of(RIGHT, got)["pattern"] == "1 of 12 elements is infinite, and 1 more is wrong"


def test_one_value_that_is_a_little_off_is_no_permutation() -> None:
    expected = np.linspace(0, 1, 72, dtype=np.float32)
    got = expected.copy()
    got[7] += np.float32(1e-5)
    assert "order" not in of(expected, got)["pattern"]


def test_the_slice_is_small_and_around_the_worst_element() -> None:
    expected = np.zeros((2, 40, 50), np.float32)
    got = expected.copy()
    got[1, 20, 49], got[0, 0, 0] = 9, 1
    found = of(expected, got)
    assert found["at"] == [1, 20, 49]
    assert (len(found["got"]), len(found["got"][0])) == (ROWS, COLUMNS)
    assert sum(map(sum, found["off"])) == 1
    assert max(map(max, found["got"])) == 9
    assert found["wrong"] == 2


def test_a_number_that_json_lacks_is_a_text() -> None:
    found = of(RIGHT, with_changed((1, 1), value=-np.inf))
    assert found["got"][1][1] == "-inf"


@pytest.mark.parametrize("shape", [(), (1,), (9,), (1, 1, 1, 1)])
def test_every_rank_has_a_slice(shape: tuple[int, ...]) -> None:
    found = of(np.zeros(shape, np.float32), np.ones(shape, np.float32))
    assert found["got"][0][0] == 1


def test_rows_that_are_masked_completely_are_named() -> None:
    mask = np.array([[True, False, True, True], [False] * 4, [True, True, False, True]])
    got = with_changed((1, 0), (1, 3), value=np.nan)
    assert of(RIGHT, got, mask=mask)["empty_rows"] == [1]
    got[0, 0] = np.nan  # a row that tells something is wrong too
    assert of(RIGHT, got, mask=mask)["empty_rows"] == []
