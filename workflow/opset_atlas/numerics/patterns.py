"""How a wrong result differs from the right one: the pattern in words, and a small slice to show.

The words say only what was measured. Why it is so is for the search and its causes to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from opset_atlas.base.arrays import Array, is_float, is_plain_tensor
from opset_atlas.records import Symptom

SMALL = 1e-3  # of the largest value: below, a difference has no shape that can be told
ROWS, COLUMNS = 5, 6  # of the slice: what fits side by side on a narrow screen


def symptom(
    expected: Array, got: Array, allowed: Array, inputs: Mapping[str, Array]
) -> Symptom | None:
    """The pattern and a slice around the worst element; None for types that numpy lacks.

    Args:
        expected: the right result.
        got: the wrong one.
        allowed: the allowed error, for each element or for all.
        inputs: what both were computed from, to find rows that say nothing.
    """
    if not (is_plain_tensor(expected) and is_plain_tensor(got)):
        return None
    found: Symptom = {
        "pattern": "",
        "dtype": [str(expected.dtype), str(got.dtype)],
        "shape": [list(expected.shape), list(got.shape)],
        "wrong": 0,
        "elements": expected.size,
        "at": [],
        "expected": [],
        "got": [],
        "off": [],
        "empty_rows": [],
    }
    if expected.shape != got.shape:
        found["pattern"] = f"it has shape {list(got.shape)} instead of {list(expected.shape)}"
        return found
    bad = _differs(expected, got, allowed)
    found["wrong"] = int(bad.sum())
    found["pattern"] = _pattern(expected, got, allowed, bad)
    if expected.dtype.kind == "c" or got.dtype.kind == "c" or not expected.size:
        return found
    index, view = _window(expected, got, bad)
    found["at"] = index
    found["expected"] = _numbers(expected[view])
    found["got"] = _numbers(got[view])
    found["off"] = np.atleast_2d(bad[view]).tolist()
    found["empty_rows"] = _empty_rows(inputs, bad)
    return found


def _differs(expected: Array, got: Array, allowed: Array) -> Any:
    if expected.dtype != got.dtype and not (is_float(expected.dtype) and is_float(got.dtype)):
        with np.errstate(all="ignore"):
            return np.asarray(got.astype(np.complex128) != expected.astype(np.complex128))
    if not is_float(expected.dtype):
        return np.asarray(got != expected)
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    return ~np.isclose(got.astype(wide), expected.astype(wide), 0, allowed, equal_nan=True)


def _pattern(expected: Array, got: Array, allowed: Array, bad: Any) -> str:
    """The first description that fits, most telling first."""
    if expected.dtype != got.dtype:
        return f"it is {got.dtype} instead of {expected.dtype}"
    if not bad.any():
        return "it differs by less than is allowed here"
    few = f"{int(bad.sum())} of {_counted(bad.size, 'element')}"
    if expected.dtype.kind not in "fiu":
        return f"{few} differ"
    right, wrong = expected.astype(np.float64), got.astype(np.float64)
    for name, test in (("NaN", np.isnan), ("infinite", np.isinf)):
        here, there = test(wrong) & bad, test(right) & bad
        if here.any() and not (here & there).any():
            rest = int(bad.sum() - here.sum())
            also = f", and {rest} more {'is' if rest == 1 else 'are'} wrong" if rest else ""
            return f"{int(here.sum())} of {_counted(bad.size, 'element')} {_is(here)} {name}{also}"
        if there.any() and not here.any():
            return f"{int(there.sum())} of {_counted(bad.size, 'element')} should be {name}"
    finite = np.isfinite(right) & np.isfinite(wrong)
    right, wrong = right[finite], wrong[finite]
    loose = np.broadcast_to(allowed, bad.shape)[finite].astype(np.float64)
    if not right.size:
        return f"{few} {_is(bad)} wrong"
    error, scale = float(np.abs(wrong - right).max()), float(np.abs(right).max())
    if error <= SMALL * scale:
        return f"{few} {_is(bad)} off by more than rounding allows, by {error:.2g} at most"
    if bad.all() and right.size > 1:
        return _of_all(right, wrong, loose, error)
    here = bad[finite]
    if not wrong[here].any():
        return f"{few} {_is(bad)} 0 instead of {_a_value(bad)}"
    if here.sum() > 1 and np.allclose(np.sort(right), np.sort(wrong), 0, loose.max()):
        return f"{few} are at another place: the values are right, their order is not"
    return f"{few} {_is(bad)} wrong, the others are right{_lines(bad)}"


def _of_all(right: Any, wrong: Any, loose: Any, error: float) -> str:
    """The pattern where every element is wrong, the worst one by `error`."""
    near = max(float(loose.max()), SMALL * error)
    if np.allclose(wrong, -right, 0, near):
        return "every element has the wrong sign"
    if not wrong.any():
        return "every element is 0"
    if np.ptp(wrong) <= near < np.ptp(right):
        return f"every element is {wrong.flat[0]:.4g}, whatever it should be"
    if np.ptp(wrong - right) <= 2 * near and np.ptp(right) > near:
        return f"every element is off by the same amount, {float(np.mean(wrong - right)):+.4g}"
    factor = float(np.dot(right, wrong) / max(np.dot(right, right), 1e-300))
    if np.ptp(right) > near and np.allclose(wrong, factor * right, 0, near):
        return f"every element is {factor:.4g} times what it should be"
    if np.allclose(np.sort(right), np.sort(wrong), 0, near):
        return "the values are right, their order is not"
    return f"every element is wrong, by up to {error:.3g}"


def _lines(bad: Any) -> str:
    """Where the wrong elements are, if they fill one index of an axis and no other."""
    for axis in range(bad.ndim):
        hit = np.flatnonzero(bad.any(axis=tuple(i for i in range(bad.ndim) if i != axis)))
        if bad.shape[axis] > 1 and len(hit) == 1:
            return f"; all of them are at index {hit[0]} of axis {axis}"
    return ""


def _window(expected: Array, got: Array, bad: Any) -> tuple[list[int], tuple[Any, ...]]:
    """The worst element, and the slice of the last two axes around it."""
    with np.errstate(all="ignore"):
        size = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    size = np.where(np.isfinite(size), size, np.inf)
    index = np.unravel_index(int(np.argmax(np.where(bad, size, -1.0))), expected.shape)
    view: list[Any] = [int(i) for i in index]
    for axis, most in zip(
        range(expected.ndim)[-2:], (ROWS, COLUMNS)[-expected.ndim :], strict=False
    ):
        start = max(0, min(int(index[axis]) - most // 2, expected.shape[axis] - most))
        view[axis] = slice(start, start + most)
    return [int(i) for i in index], tuple(view)


def _empty_rows(inputs: Mapping[str, Array], bad: Any) -> list[int]:
    """Rows along axis 0 that hold all that is wrong, where an input has nothing to tell.

    That is a row of one value in a float or boolean input, such as padding, or a row that is masked
    completely. Empty where some of the wrong elements are in other rows, or where all rows are so.
    """
    if bad.ndim < 2:
        return []
    wrong = bad.reshape(len(bad), -1).any(axis=1)
    for array in inputs.values():
        if array.ndim < 2 or len(array) != len(bad) or array.dtype.kind not in "fb":
            continue
        rows = array.reshape(len(array), -1)
        if rows.shape[1] < 2:
            continue
        flat = (rows == rows[:, :1]).all(axis=1)
        if wrong.any() and not flat.all() and not (wrong & ~flat).any():
            return [int(i) for i in np.flatnonzero(wrong)]
    return []


def _numbers(values: Array) -> list[list[float | str]]:
    """Rows of numbers; what JSON cannot say is a text."""
    rows: Sequence[Any] = np.atleast_2d(values).tolist()
    return [[_number(value) for value in row] for row in rows]


def _number(value: Any) -> Any:
    return value if np.isfinite(value) else str(value)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("s" if count != 1 else "")


def _is(mask: Any) -> str:
    return "is" if mask.sum() == 1 else "are"


def _a_value(mask: Any) -> str:
    return "a value" if mask.sum() == 1 else "values"
