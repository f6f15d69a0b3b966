"""An ONNX file as the model: what it computes itself is the reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders.stage_files import X, parse, run_define
from onnx.numpy_helper import from_array
from safetensors.numpy import load_file


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tensors(root: Path, name: str) -> dict[str, np.ndarray]:
    loaded: dict[str, np.ndarray] = load_file(root / f"results/define/m/{name}.safetensors")
    return loaded


ONNX = """
g (float[N, 3] x, int64[2] k) => (float[N, 3] y, int64[2] z)
<float[3] w = {1, 2, 3}> { y = Mul(x, w) z = Add(k, k) }
"""


def test_an_onnx_file_as_the_model(root: Path) -> None:
    onnx.save(parse(ONNX, 13), root / "net.onnx")
    given = {"onnx": "net.onnx", "inputs": [X, {"name": "k", "shape": [2], "range": [5, 7]}]}
    record = run_define(root, given, input_sets=["random-0", "ones"])
    assert (record["kind"], record["outcome"], record["parameters"]) == ("onnx", "ok", 3)
    assert record["inputs"] == [
        {"name": "x", "dtype": "float32", "shape": [2, 3]},
        {"name": "k", "dtype": "int64", "shape": [2]},
    ]
    assert [output["name"] for output in record["outputs"]] == ["y", "z"]
    assert not record["sets"][0]["float64"] and "ONNX file" in record["sets"][0]["why_not"]
    made, reference = tensors(root, "inputs"), tensors(root, "reference")
    k = made["random-0/1"]
    assert ((k >= 5) & (k <= 7)).all()
    assert np.array_equal(reference["random-0/eager/1"], k * 2)
    x = made["random-0/0"]
    assert np.array_equal(reference["random-0/eager/0"], x * np.float32([1, 2, 3]))
    assert [source["path"] for source in record["sources"]] == ["net.onnx"]
    assert tensors(root, "weights") == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ONNX, "input x has the dynamic shape"),
        ("", "No graph was found in the protobuf"),
        ("g (float[1] x) => (float[1] y) { y = NoSuch(x) }", "NoSuch"),
    ],
)
def test_an_onnx_file_that_cannot_run(root: Path, content: str, reason: str) -> None:
    path = root / "net.onnx"
    path.write_bytes(parse(content, 13).SerializeToString() if content else b"")
    record = run_define(root, {"onnx": "net.onnx"})
    assert record["outcome"] == "failed"
    assert reason in record["detail"] + record["traceback"]
    assert str(root) not in json.dumps(record)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float", "double", "int8", "bool"])
def test_dtypes_of_an_onnx_file(root: Path, dtype: str) -> None:
    text = f"g ({dtype}[4] x) => ({dtype}[4] y) {{ y = Identity(x) }}"
    onnx.save(parse(text, 16), root / "net.onnx")
    record = run_define(root, {"onnx": "net.onnx"})
    assert record["outcome"] == "ok", record["detail"]
    numpy_name = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    assert record["outputs"][0]["dtype"] == numpy_name
    reference = tensors(root, "reference")
    given = tensors(root, "inputs")["random-0/0"]
    assert reference["random-0/eager/0"].tobytes() == given.tobytes()


def test_initializers_that_are_inputs_too(root: Path) -> None:
    """Files of IR 3 list every weight among the inputs; they are not the user's to give."""
    text = "g (float[2, 3] x, float[3] w) => (float[2, 3] y) { y = Mul(x, w) }"
    model = parse(text, 13, ir_version=3)
    model.graph.initializer.append(from_array(np.float32([1, 2, 3]), "w"))
    onnx.save(model, root / "net.onnx")
    record = run_define(root, {"onnx": "net.onnx"})
    assert record["outcome"] == "ok", record["detail"]
    assert [given["name"] for given in record["inputs"]] == ["x"]


def test_a_file_that_draws_random_numbers(root: Path) -> None:
    text = "g (float[2, 3] x) => (float[2, 3] y) { r = RandomNormalLike(x) y = Add(x, r) }"
    onnx.save(parse(text, 13), root / "net.onnx")
    assert run_define(root, {"onnx": "net.onnx"})["sets"][0]["random"] == {"y": "values"}


def test_weights_beside_the_file(root: Path) -> None:
    model = parse("g (float[2, 3] x) => (float[2, 3] y) { y = Mul(x, w) }", 13)
    model.graph.initializer.append(from_array(np.float32([1, 2, 3]), "w"))
    onnx.save(model, root / "net.onnx", save_as_external_data=True, location="w", size_threshold=0)
    record = run_define(root, {"onnx": "net.onnx"})
    assert (record["outcome"], record["parameters"]) == ("ok", 3)
    (root / "w").unlink()
    assert run_define(root, {"onnx": "net.onnx"})["outcome"] == "failed"
