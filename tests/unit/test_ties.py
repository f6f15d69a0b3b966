"""A declared index output may differ where what it ranks is tied, and nowhere else."""

from __future__ import annotations

import numpy as np
from atlas.judge import Tolerances, judge_output
from atlas.measure import measure, rank_flips

ARRAY = np.array([[3.0, 2.0, 2.0, 1.0]])


def verdict(got: list[list[int]], values: np.ndarray, off: float = 0.0) -> tuple[str, str]:
    eager = np.array([[7, 4, 5, 0]])
    index = np.array(got)
    found = measure("indices", "random-0", index, eager, None)
    torch = values.astype(np.float32)
    ranked = rank_flips(found, index, eager, ((torch + off).astype(np.float32), torch, values))
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
    assert verdict([[7, 5, 4, 0]], close)[0] == "within-noise"
    far = np.array([[3.0, 2.0, 1.9, 1.0]])
    assert verdict([[7, 5, 4, 0]], far)[0] == "mismatch"


def test_undeclared_flips_are_mistakes() -> None:
    found = measure("indices", "zeros", np.array([1]), np.array([0]), None)
    assert judge_output([found], Tolerances())["verdict"] == "mismatch"


def test_declared_without_values_only_equal_inputs_excuse_a_flip() -> None:
    index, eager = np.array([1]), np.array([0])
    found = measure("indices", "zeros", index, eager, None)
    excused = rank_flips(found, index, eager, None)
    assert judge_output([excused], Tolerances())["verdict"] == "within-noise"
