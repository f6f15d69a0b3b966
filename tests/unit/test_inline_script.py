"""A part of a file as a script that needs no other file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from opset_atlas.onnx_files import inline_script

RUN = """
from onnx.reference import ReferenceEvaluator


def run(path, inputs):
    return ReferenceEvaluator(path).run(None, inputs)
"""


def scaled(by: np.ndarray) -> onnx.ModelProto:
    """`input_0` times a constant."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["input_0", "c"], ["output"], name="multiply")],
        "cut",
        [helper.make_tensor_value_info("input_0", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(by, "c")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def run(script: str, folder: Path) -> str:
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", path], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("factor", [2.0, 0.4999997615814209, 1e-30])
def test_it_prints_both_results_and_needs_no_other_file(tmp_path: Path, factor: float) -> None:
    by = np.full((1, 3), factor, np.float32)
    given = np.array([[1, np.nan, -np.inf]], np.float32)
    expected = np.array([[0.1, np.nan, 3]], np.float32)
    script = inline_script.write(scaled(by), {"input_0": given}, expected, RUN)
    assert script is not None
    out = run(script, tmp_path)
    assert out == f"expected:\n{expected}\ngot:\n{given * by}\n"


def test_a_model_that_reads_well_is_written_as_text() -> None:
    by = np.full((1, 3), 2, np.float32)
    script = inline_script.write(scaled(by), {"input_0": by}, by, RUN)
    assert script is not None
    assert "Mul (input_0, c)" in script


def test_what_is_too_long_to_paste_has_no_script() -> None:
    many = np.zeros((1, inline_script.MOST_ELEMENTS + 1), np.float32)
    assert inline_script.write(scaled(many), {"input_0": many}, many, RUN) is None
