"""A declared index output may differ where the ranked values are tied, and nowhere else."""

from __future__ import annotations

import numpy as np
from opset_atlas.numerics.measure import measure
from opset_atlas.numerics.ties import Expected, rank
from opset_atlas.numerics.tolerances import Tolerances
from opset_atlas.numerics.verdicts import judge_output

ARRAY = np.array([[3.0, 2.0, 2.0, 1.0]])


EAGER = np.array([[7, 4, 5, 0]])


def verdict(
    got: list[list[int]],
    values: np.ndarray,
    off: float = 0.0,
    named: bool = True,
    dtype: type = np.float32,
) -> tuple[str, str]:
    index, torch = np.array(got), values.astype(dtype)
    found = measure("indices", "random-0", index, EAGER, None)
    expected = {"indices": Expected(0, EAGER, EAGER), "values": Expected(1, torch, values)}
    declared = {"values": "values" if named else None, "axis": -1}
    results = [index, (torch + off).astype(dtype)]
    ranked = rank(found, expected, results, declared, flat=not named)
    judged = judge_output([ranked], Tolerances())
    return judged["verdict"], judged["detail"]


def test_equal_indices_are_exact() -> None:
    assert verdict([[7, 4, 5, 0]], ARRAY)[0] == "exact"


def test_swapped_equal_values_are_a_tie() -> None:
    found, detail = verdict([[7, 5, 4, 0]], ARRAY)
    assert found == "within-noise"
    assert "2 of 4 values differ, all ties" in detail


def test_another_index_of_a_distinct_value_is_a_mistake() -> None:
    assert verdict([[4, 7, 5, 0]], ARRAY)[0] == "mismatch"


def test_one_mistake_among_ties_is_a_mistake() -> None:
    assert verdict([[7, 5, 4, 1]], ARRAY)[0] == "mismatch"


def test_a_margin_within_the_values_error_is_a_tie() -> None:
    close = np.array([[3.0, 2.0, 2.0 - 1e-7, 1.0]])
    assert verdict([[7, 5, 4, 0]], close, off=1e-6)[0] == "within-noise"
    far = np.array([[3.0, 2.0, 1.9, 1.0]])
    assert verdict([[7, 5, 4, 0]], far, off=1e-6)[0] == "mismatch"


def test_integers_may_be_tied_with_what_was_cut_off() -> None:
    found, detail = verdict([[7, 5, 4, 9]], ARRAY, dtype=np.int64)
    assert found == "vacuous"
    assert "3 of 4 values differ" in detail
    assert verdict([[4, 7, 5, 9]], ARRAY, dtype=np.int64)[0] == "mismatch"
    assert verdict([[7, 5, 4, 0]], ARRAY, dtype=np.int64)[0] == "within-noise"


def test_undeclared_flips_are_mistakes() -> None:
    found = measure("indices", "zeros", np.array([1]), np.array([0]), None)
    assert judge_output([found], Tolerances())["verdict"] == "mismatch"


def test_declared_without_values_equal_inputs_decide_nothing() -> None:
    assert verdict([[4, 7, 5, 0]], ARRAY, named=False)[0] == "vacuous"


def test_what_cannot_be_indices_is_a_mistake_even_at_a_tie() -> None:
    tied = np.full((1, 4), 2.0)
    assert verdict([[7, 5, 4, 0]], tied)[0] == "within-noise"
    assert verdict([[-7, 5, 4, 0]], tied)[0] == "mismatch"
    assert verdict([[5, 5, 4, 0]], tied)[0] == "mismatch"
    assert verdict([[-7, 5, 4, 0]], tied, named=False)[0] == "mismatch"
