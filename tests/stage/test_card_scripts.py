"""The script in a report for a tracker, run by Python alone, prints what its card says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from opset_atlas.numerics import patterns
from opset_atlas.onnx_files import inline_script
from opset_atlas.runtimes import onnxruntime as runtime


def scattered() -> tuple[onnx.ModelProto, dict[str, np.ndarray], np.ndarray, str]:
    """A sum with repeated indices that keeps the last value, as exporters write before opset 16."""
    index = np.array([[1, 1, 4, 1], [0, 2, 2, 0], [3, 3, 3, 3]], np.int64)
    updates = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    expected = np.zeros((3, 5), np.float32)
    for row, (places, values) in enumerate(zip(index, updates, strict=True)):
        np.add.at(expected[row], places, values)
    node = helper.make_node("ScatterElements", ["data", "index", "input_0"], ["output"], axis=1)
    fixed = [numpy_helper.from_array(np.zeros((3, 5), np.float32), "data")]
    fixed.append(numpy_helper.from_array(index, "index"))
    return _model(node, (3, 4), (3, 5), fixed, 11), {"input_0": updates}, expected, "3, 5"


def normalized() -> tuple[onnx.ModelProto, dict[str, np.ndarray], np.ndarray, str]:
    """A softmax along an inner axis in a file of opset 11, which has another rule."""
    given = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)
    raised = np.exp(given.astype(np.float64))
    expected = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    node = helper.make_node("Softmax", ["input_0"], ["output"], axis=1)
    return _model(node, (2, 3, 4), (2, 3, 4), [], 11), {"input_0": given}, expected, "2, 3, 4"


def _model(
    node: onnx.NodeProto,
    given: tuple[int, ...],
    made: tuple[int, ...],
    fixed: list[onnx.TensorProto],
    opset: int,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node],
        "cut",
        [helper.make_tensor_value_info("input_0", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, made)],
        fixed,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6)


@pytest.mark.parametrize("fault", [scattered, normalized])
def test_it_prints_what_the_card_shows(tmp_path: Path, fault: object) -> None:
    model, inputs, expected, shape = fault()  # type: ignore[operator]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    got = session.run(None, inputs)[0]
    symptom = patterns.symptom(expected, got, np.asarray(1e-5), inputs)
    run = runtime.script("onnxruntime-unoptimized")
    script = inline_script.write(model, inputs, expected, run)
    assert symptom is not None
    assert script is not None
    assert symptom["wrong"] > 0
    path = tmp_path / "report.py"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", path], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.removeprefix("expected:\n").split("got:\n")
    for printed, kind in ((first, "expected"), (second, "got")):
        numbers = np.array(re.findall(r"-?\d+\.\d*(?:e-?\d+)?", printed), np.float32)
        whole = numbers.reshape([int(size) for size in shape.split(", ")])
        at = symptom["at"]
        view = whole[tuple(at[:-2])]
        shown = np.array(symptom[kind])  # type: ignore[literal-required]
        assert any(
            np.allclose(view[i : i + len(shown), j : j + len(shown[0])], shown, atol=1e-5)
            for i in range(view.shape[0] - len(shown) + 1)
            for j in range(view.shape[1] - len(shown[0]) + 1)
        )
