"""docs/operators.py: onnx's own tests through the runtimes and the converter, on a sample."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders.programs import load
from builders.project import ROOT

program = load("docs/operators.py")
RIGHT = (
    "test_softmax_axis_1",
    "test_softmax_example",
    "test_relu",
    "test_reduce_sum_do_not_keepdims_example",
)
# The defects of the converter that docs/audit.md lists, each by its test.
DEFECTS = {
    ("AveragePool", 19, 18, "invalid"): "test_averagepool_2d_dilations",
    ("AveragePool", 22, 21, "invalid"): "test_averagepool_2d_ceil_last_window_starts_on_pad",
    ("LogSoftmax", 13, 12, "wrong"): "test_logsoftmax_axis_0",
    ("MaxPool", 22, 21, "invalid"): "test_maxpool_2d_ceil_output_size_reduce_by_one",
    ("Softmax", 13, 12, "wrong"): "test_softmax_axis_0",
}
SAMPLE = {*RIGHT, *DEFECTS.values()}


@pytest.fixture(scope="module")
def rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    cases = [case for case in program._cases() if case.name in SAMPLE]
    assert len(cases) == len(SAMPLE)
    return program.measured(cases)


def test_every_runtime_says_something_of_every_test(rows: Any) -> None:
    said = {(row["test"], row["runtime"]): row["outcome"] for row in rows[0]}
    assert said.keys() == {(test, runtime) for test in SAMPLE for runtime in program.RUNTIMES}
    assert {said[test, runtime] for test in RIGHT for runtime in program.RUNTIMES} == {"right"}


def test_the_defects_are_those_that_are_documented(rows: Any) -> None:
    found = {
        (row["operators"], row["from"], row["to"], row["outcome"]): row["test"]
        for row in program.worst(rows[1])
    }
    assert found == DEFECTS
    page = (ROOT / "docs/audit.md").read_text(encoding="utf-8")
    for (op, old, new, outcome), test in DEFECTS.items():
        assert f"| {op} | {old} → {new} | {outcome} | `{test}` |" in page


def test_a_step_that_computes_something_else_is_wrong(rows: Any) -> None:
    """The reference evaluator has one Softmax for all versions, so it alone would not see it."""
    steps = {(row["test"], row["from"], row["to"]): row for row in rows[1]}
    wrong = steps["test_softmax_axis_1", 13, 12]
    assert wrong["outcome"] == "wrong" and "reference right" in wrong["detail"]
    assert steps["test_softmax_example", 13, 12]["outcome"] == "right"  # the last axis


def test_a_walk_ends_where_a_step_is_not_right(rows: Any) -> None:
    for test in SAMPLE:
        for up in (True, False):
            walk = [
                row["outcome"]
                for row in rows[1]
                if row["test"] == test and (row["from"] < row["to"]) == up
            ]
            assert all(outcome == "right" for outcome in walk[:-1])


def test_steps_are_those_of_the_schemas(rows: Any) -> None:
    wanted = program.all_steps()
    assert ("Softmax", 12, 13) in wanted and ("Softmax", 13, 12) in wanted
    assert {(row["operators"], row["from"], row["to"]) for row in rows[1]} <= wanted


def test_the_script_of_a_defect_fails_while_it_exists(rows: Any, tmp_path: Path) -> None:
    (defect,) = [row for row in program.worst(rows[1]) if row["operators"] == "Softmax"]
    script = program.write_script(tmp_path, defect)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode and "Mismatched elements" in done.stderr


def test_values_are_compared_with_dtype_shape_and_tolerance() -> None:
    import numpy as np

    one = np.array([1.0, np.nan], np.float32)
    assert program._differs([one], [one.copy()], 1e-3, 1e-7) == ""
    assert "dtype" in program._differs([one], [one.astype(np.float64)], 1e-3, 1e-7)
    assert "shape" in program._differs([one], [one[:1]], 1e-3, 1e-7)
    assert "off by" in program._differs([one], [one + 1], 1e-3, 1e-7)
    assert program._differs([[one]], [[one, one]], 1e-3, 1e-7) == "another number of values"
