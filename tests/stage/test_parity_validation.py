"""The validation of the parity rule: real faults, known rivals, real runs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from builders.parity_files import freeze_net, right_model
from builders.stage_files import parse
from opset_atlas.numerics.tolerances import Tolerances

ROOT = Path(__file__).parents[2]

GRAPH = """m (float[1,3,8,8] x, int64[2] picked) => (float[1,6] y, float[2,3] z)
<float[3,3,3,3] kernel, float[3] bias, float[3] scale, float[3] shift, float[3] mean, float[3] var,
 float[6,3] matrix, float[6] offset, float half = {0.5}, int64[1] one = {1}, int64[1] many = {3},
 int64[1] last = {-1}, int64[4] wide = {0,0,1,1}, float[4] doubled = {1,1,2,2}>
{
  c = Conv<pads = [1,1,1,1]>(x, kernel, bias)
  n = BatchNormalization<epsilon = 0.00001>(c, scale, shift, mean, var)
  l = LeakyRelu<alpha = 0.2>(n)
  r = Resize<mode = "nearest", nearest_mode = "floor">(l, , doubled)
  b = Resize<mode = "cubic">(r, , doubled)
  p = AveragePool<kernel_shape = [3,3], pads = [1,1,1,1]>(b)
  q = MaxPool<kernel_shape = [3,3], pads = [1,1,1,1]>(p)
  s = Softmax<axis = 1>(q)
  e = Erf(s)
  m = Mul(e, half)
  a = Add(m, s)
  d = Sub(a, q)
  f = Floor(d)
  o = Round(f)
  cosine = Cos(o)
  t = Transpose<perm = [0,1,3,2]>(cosine)
  w = Slice(t, one, many, last)
  k, places = TopK(w, one)
  u = ReduceMean<axes = [2], keepdims = 1>(k)
  v = GlobalAveragePool(u)
  flat = Flatten(v)
  y = Gemm<transB = 1>(flat, matrix, offset)
  g = Gather(flat, picked)
  z = Gather<axis = 0>(matrix, picked)
}"""


@pytest.fixture(scope="module")
def validation() -> ModuleType:
    sys.path.insert(0, str(ROOT / "docs/parity"))
    try:
        return importlib.import_module("validate")
    finally:
        sys.path.pop(0)


def model() -> onnx.ModelProto:
    made = parse(GRAPH, 17)
    rng = np.random.default_rng(0)
    held = {tensor.name for tensor in made.graph.initializer}
    for port in made.graph.value_info:
        shape = [size.dim_value for size in port.type.tensor_type.shape.dim]
        if port.name not in held:
            array = rng.random(shape, np.float32) + np.float32(0.5)
            made.graph.initializer.append(onnx.numpy_helper.from_array(array, port.name))
    return made


def test_there_are_faults_enough_and_most_fit_one_small_graph(validation: ModuleType) -> None:
    plain = model().SerializeToString(deterministic=True)
    fitting = []
    for name, fault in validation.FAULTS.items():
        faulty = model()
        if fault(faulty):
            assert faulty.SerializeToString(deterministic=True) != plain, name
            fitting.append(name)
        else:
            assert faulty.SerializeToString(deterministic=True) == plain, name
    assert len(validation.FAULTS) >= 40
    assert len(fitting) >= 30, sorted(set(validation.FAULTS) - set(fitting))


def test_rivals_are_as_strict_as_they_are_known_to_be(validation: ModuleType) -> None:
    rng = np.random.default_rng(1)
    y = rng.standard_normal(1000).astype(np.float32)

    def found(got: np.ndarray) -> set[str]:
        return {rule for rule, alarms in validation.RIVALS.items() if alarms(got, y)}

    assert found(y) == set()
    assert found(y * np.float32(1 + 1e-4)) == {"assert_close"}
    assert found(y * np.float32(1.01)) == {"assert_close", "onnx backend", "absolute"}
    assert found(-y) == {"assert_close", "onnx backend", "absolute"}  # cosine of -1 by its size
    assert found(rng.permutation(y)) == set(validation.RIVALS)
    spoilt = y.copy()
    spoilt[3] = np.nan
    assert found(spoilt) == set(validation.RIVALS) == found(y[:-1])


def test_a_clean_file_raises_no_alarm_and_a_fault_does(
    validation: ModuleType, tmp_path: Path
) -> None:
    frozen = freeze_net(tmp_path / "define")
    clean, path = right_model(), tmp_path / "clean.onnx"
    onnx.save(clean, path)
    file = validation.File("net", "hand", path, frozen, {"best": {"values": None}})
    right = validation.evaluate(file, path)
    assert right.verdicts(Tolerances()) <= {"exact", "within-noise"}
    assert not right.found("ours") and not right.found("cosine")
    faulty = right_model()
    assert validation.FAULTS["one weight tensor scaled by 1 + 1e-4"](faulty)
    onnx.save(faulty, tmp_path / "faulty.onnx")
    wrong = validation.evaluate(file, tmp_path / "faulty.onnx")
    assert wrong.found("ours") and not wrong.found("cosine")
    assert not wrong.found("ours", Tolerances(noise_factor=1e6))
    assert wrong.outputs != right.outputs
    text = validation.tables({file.name: right}, {("scaled", file.name): wrong})
    assert "| ours | 1 of 1 | 1 of 1 | 0 of 1 |" in text


def test_the_page_holds_a_table_of_every_fault_that_fitted(validation: ModuleType) -> None:
    text = validation.PAGE.read_text(encoding="utf-8")
    rows = text.partition("### Every fault")[2].splitlines()
    faults = {line.split(" | ")[0].removeprefix("| ") for line in rows if line.startswith("| ")}
    faults -= {"fault", "---"}
    assert len(faults) >= 20
    assert faults <= set(validation.FAULTS)
