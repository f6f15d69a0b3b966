"""A right file passes in a real runtime, and each wrong one is found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from builders.parity_files import (
    OUTPUTS,
    PASSES,
    after,
    freeze_net,
    initializer,
    measured,
    node,
    right_model,
)
from opset_atlas.stages.judge import judge


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return freeze_net(tmp_path_factory.mktemp("define"))


def scale_channel(array: np.ndarray) -> np.ndarray:
    array[3] *= 1.001
    return array


def swap(model: onnx.ModelProto, names: bool) -> None:
    ports = model.graph.output
    a, b = onnx.ValueInfoProto(), onnx.ValueInfoProto()
    a.CopyFrom(ports[0]), b.CopyFrom(ports[1])
    ports[0].CopyFrom(b), ports[1].CopyFrom(a)
    if not names:  # as an exporter would that renames them
        for port, name in zip(ports[:2], ["out.0", "out.1"], strict=True):
            node(model, port.name).output[0] = name
            for other in model.graph.node:
                other.input[:] = [name if n == port.name else n for n in other.input]
            port.name = name


def to_double(model: onnx.ModelProto) -> None:
    after(model, "normal", "normal = Cast<to=11>(raw)")
    model.graph.output[1].type.tensor_type.elem_type = 11


def squeeze_best(model: onnx.ModelProto) -> None:
    node(model, "best").attribute.append(onnx.helper.make_attribute("keepdims", 0))
    del model.graph.output[3].type.tensor_type.shape.dim[1]


def int32_best(model: onnx.ModelProto) -> None:
    after(model, "best", "best = Cast<to=6>(raw)")
    model.graph.output[3].type.tensor_type.elem_type = 6


def attribute(model: onnx.ModelProto, output: str, **values: Any) -> None:
    target = node(model, output)
    del target.attribute[:]
    target.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in values.items())


TANH = """half_ = Constant<value_float=0.5>() one_ = Constant<value_float=1.0>()
k = Constant<value_float=0.7978845608>() c = Constant<value_float=0.044715>()
x2 = Mul(conv, conv) x3 = Mul(x2, conv) cx = Mul(x3, c) inner = Add(conv, cx)
arg = Mul(inner, k) t = Tanh(arg) u = Add(t, one_) v = Mul(conv, u)
ignored = Identity(raw) features = Mul(v, half_)"""
ROLL = """a = Constant<value_ints=[0]>() b = Constant<value_ints=[1]>()
e = Constant<value_ints=[1000]>() axis = Constant<value_ints=[3]>()
head = Slice(raw, a, b, axis) tail = Slice(raw, b, e, axis)
normal = Concat<axis=3>(tail, head)"""
LOSE = """a = Constant<value_ints=[0]>() m = Constant<value_ints=[-1]>()
axis = Constant<value_ints=[3]>() kept = Slice(raw, a, m, axis)
pads = Constant<value_ints=[0,0,0,0,0,0,0,1]>() normal = Pad(kept, pads)"""
ONE_WRONG = """index = Constant<value_ints=[1, 4, 6, 9]>()
i = Constant<value_ints=[0]>() many = Unsqueeze(index, i)
value = Constant<value_floats=[%s]>() probabilities = ScatterND%s(raw, many, value)"""


def nan_in_one_place(model: onnx.ModelProto) -> None:
    after(model, "probabilities", ONE_WRONG % ("0.5", ""))
    value = node(model, "value").attribute[0]
    value.floats[0] = np.nan


BUGS: dict[str, Callable[[onnx.ModelProto], object]] = {
    "softmax over another axis": lambda m: attribute(m, "probabilities", axis=2),
    "bias dropped": lambda m: initializer(m, "bias", np.zeros_like),
    "one channel scaled by 1.001": lambda m: initializer(m, "weight", scale_channel),
    "kernel transposed": lambda m: initializer(m, "weight", lambda w: w.swapaxes(2, 3)),
    "kernel flipped": lambda m: initializer(m, "weight", lambda w: w[..., ::-1]),
    "rolled by one": lambda m: after(m, "normal", ROLL),
    "last column lost": lambda m: after(m, "normal", LOSE),
    "float16 inside": lambda m: after(
        m, "features", "h = Cast<to=10>(raw) features = Cast<to=1>(h)"
    ),
    "weights in bfloat16": lambda m: initializer(
        m, "weight", lambda w: w.astype(ml_dtypes.bfloat16).astype(np.float32)
    ),
    "another epsilon": lambda m: attribute(m, "normal", epsilon=1e-3),
    "gelu by tanh": lambda m: after(m, "features", TANH),
    "NaN in one place": nan_in_one_place,
    "infinity of the other sign": lambda m: setattr(node(m, "low").attribute[0], "f", np.inf),
    "largest instead of infinity": lambda m: setattr(node(m, "low").attribute[0], "f", -3e38),
    "outputs swapped": lambda m: swap(m, names=False),
    "outputs in another order": lambda m: swap(m, names=True),
    "output missing": lambda m: m.graph.output.pop(),
    "output too many": lambda m: m.graph.output.append(
        onnx.helper.make_tensor_value_info("erf", 1, [2, 8, 13, 17])
    ),
    "float64 output": to_double,
    "int32 output": int32_best,
    "dimension lost": squeeze_best,
    "one element off by 1e-3": lambda m: after(
        m, "probabilities", ONE_WRONG % ("0.001", '<reduction="add">')
    ),
    "argmin": lambda m: setattr(node(m, "best"), "op_type", "ArgMin"),
    "channels exchanged": lambda m: initializer(m, "gamma", lambda g: g[::-1]),
}


@pytest.fixture(scope="module")
def runs(defined: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The right model and every wrong one, in one sweep: name -> its verdicts."""
    files: dict[int, onnx.ModelProto | bytes | str] = {0: right_model()}
    for number, change in enumerate(BUGS.values(), 1):
        files[number] = right_model()
        change(files[number])  # type: ignore[arg-type]
    record = measured(tmp_path_factory.mktemp("runs"), defined, files)
    cells = judge([record], {})["cells"]  # type: ignore[list-item]
    return {
        name: [cell for cell in cells if cell["requested"] == number]
        for number, name in enumerate(["right", *BUGS])
    }


def test_a_right_file_passes_in_every_variant(runs: dict[str, Any]) -> None:
    assert [c["runtime"] for c in runs["right"]] == ["onnxruntime", "onnxruntime-unoptimized"]
    for cell in runs["right"]:
        assert [o["output"] for o in cell["outputs"]] == list(OUTPUTS)
        assert {o["verdict"] for o in cell["outputs"]} <= PASSES, cell
        assert cell["verdict"] in PASSES


@pytest.mark.parametrize("name", BUGS)
def test_each_bug_is_found(runs: dict[str, Any], name: str) -> None:
    for cell in runs[name]:
        assert cell["verdict"] == "mismatch", cell


def test_bugs_in_structure_are_named(runs: dict[str, Any]) -> None:
    def found(name: str, output: str) -> str:
        outputs = {o["output"]: o["detail"] for o in runs[name][0]["outputs"]}
        return str(outputs[output]).removeprefix("worst on random-0: ")

    assert found("output missing", "masked") == "missing"
    assert found("output too many", "erf") == "the model has no such output"
    assert found("float64 output", "normal") == "dtype float64 where float32 was expected"
    assert found("dimension lost", "best").startswith("shape [2, 13, 17] where [2, 1, 13, 17]")
    assert found("outputs in another order", "features") == "the graph gives normal in its place"
    assert "output features is called out.0" in runs["outputs swapped"][0]["detail"]
