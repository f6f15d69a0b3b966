"""Where a wrong result begins: faults injected at a known place in real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import pytest
from builders.locate_files import SPEC, find, freeze_arrays, freeze_file, job, run_script
from builders.stage_files import run_define, settings
from opset_atlas import runtimes
from opset_atlas.base.files import read_json
from opset_atlas.config.specs import Specs
from opset_atlas.records import Located
from opset_atlas.runtimes import onnxruntime
from opset_atlas.stages.locate import judged_cells
from opset_atlas.stages.locate import stage as locate

OWN = {"exporters": ["hand"], "runtimes": ["onnxruntime"]}
HEAD = '<ir_version: 8, opset_import: ["": 17]>'
CHAIN = f"""{HEAD} g (float[2,6] x) => (float[2,6] y) {{
  a = Sigmoid(x) b = LeakyRelu<alpha=0.3>(a) slope = Constant<value_float=-1.5>()
  c = Mul(b, slope) d = Elu<alpha=0.7>(c) e = Exp(d) y = Add(e, x) }}"""


def parse(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


def only(found: list[Located]) -> Located:
    assert len(found) == 1, [each["sentence"] for each in found]
    return found[0]


def shown(root: Path, found: Located) -> str:
    """Run the reproducer; returns what it prints."""
    folder = root / "locate" / found["reproducer"]
    assert found["shows"]
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "arrays.npz", "run.py"}
    done = run_script(folder)
    assert done.returncode == 1, done.stderr
    assert done.stderr.strip() == "the result is wrong"
    return done.stdout


def test_a_wrong_node_in_the_middle(tmp_path: Path) -> None:
    wrong = parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    found = only(find(tmp_path, parse(CHAIN), wrong))
    assert [n["text"] for n in found["nodes"]] == ["Elu-6(alpha=0.2)"]
    assert (found["value"], found["output"]) == ("d", "y")
    assert (found["fault"], found["repairs"]) == ("file", True)
    assert found["instead"] == "hand at opset 18 has Elu-6(alpha=0.7)."
    assert found["requested"] == [17]
    assert found["runtimes"] == ["onnxruntime", "onnxruntime-unoptimized"]
    assert found["error"] is not None and found["error"] > 1e4
    (given,) = found["inputs"]
    assert (given["parameter"], given["dtype"], given["shape"]) == ("X", "float32", [2, 6])
    assert given["minimum"] is not None and -1.5 < given["minimum"] < given["maximum"] < 0  # type: ignore[operator]
    assert "expected, float32[2, 6]" in shown(tmp_path, found)
    cut = onnx.load(tmp_path / "locate" / found["reproducer"] / "model.onnx")
    onnx.checker.check_model(cut, full_check=True)
    assert [n.op_type for n in cut.graph.node] == ["Elu"]


def test_a_wrong_constant_belongs_to_the_node_that_reads_it(tmp_path: Path) -> None:
    wrong = parse(CHAIN.replace("-1.5", "-2.5"))
    found = only(find(tmp_path, parse(CHAIN), wrong))
    assert [n["op"] for n in found["nodes"]] == ["Mul"]
    constant = next(g for g in found["inputs"] if g["given"] == "constant")
    assert (constant["minimum"], constant["maximum"]) == (-2.5, -2.5)
    shown(tmp_path, found)


def test_a_right_script_exits_with_0(tmp_path: Path) -> None:
    """The control: with the right node in its cut, the reproducer has nothing to show."""
    found = only(find(tmp_path, parse(CHAIN), parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))))
    folder = tmp_path / "locate" / found["reproducer"]
    cut = onnx.load(folder / "model.onnx")
    cut.graph.node[0].attribute[0].f = 0.7
    onnx.save(cut, folder / "model.onnx")
    done = run_script(folder)
    assert (done.returncode, done.stderr) == (0, "")


SOFTPLUS = f"""{HEAD} g (float[2,6] x) => (float[2,6] y) {{
  a = Tanh(x) s = Softplus(a) b = Mul(s, x) y = Neg(b) }}"""


def test_a_wrong_subgraph_is_a_region(tmp_path: Path) -> None:
    """The right file has one operator where the wrong one has three: no single node differs."""
    pieces = "one = Constant<value_float=1.1>() e = Exp(a) p = Add(e, one) s = Log(p)"
    wrong = parse(SOFTPLUS.replace("s = Softplus(a)", pieces))
    found = only(find(tmp_path, parse(SOFTPLUS), wrong))
    assert [n["op"] for n in found["nodes"]] == ["Exp", "Add", "Log"]
    assert (found["value"], found["repairs"]) == ("s", True)
    assert found["instead"] == "hand at opset 18 has Softplus-1."
    assert "3 nodes (Exp-13, Add-14, Log-13) take right inputs" in found["sentence"]
    shown(tmp_path, found)


def test_a_wrong_dtype(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[3,5] x) => (int64[3,5] y) {{
      s = Mul(x, x) i = Cast<to=7>(s) y = Abs(i) }}"""
    wrong = text.replace("int64[3,5] y", "int32[3,5] y").replace("to=7", "to=6")
    found = only(find(tmp_path, parse(text), parse(wrong)))
    assert [n["text"] for n in found["nodes"]] == ["Cast-13(to=6)"]
    assert found["difference"] == "dtype int32 where int64 was expected"
    shown(tmp_path, found)


def test_several_outputs_with_one_fault_and_with_two(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[2,6] x) => (float[2,6] p, float[2,6] q, float[2,6] r) {{
      a = Elu<alpha=0.5>(x) p = Exp(a) q = Neg(a) r = LeakyRelu<alpha=0.1>(x) }}"""
    one = parse(text.replace("alpha=0.5", "alpha=0.9"))
    found = only(find(tmp_path / "one", parse(text), one))
    assert ([n["op"] for n in found["nodes"]], found["value"]) == (["Elu"], "a")
    two = parse(text.replace("alpha=0.5", "alpha=0.9").replace("alpha=0.1", "alpha=0.2"))
    both = find(tmp_path / "two", parse(text), two)
    assert [[n["op"] for n in each["nodes"]] for each in both] == [["Elu"], ["LeakyRelu"]]
    assert [each["output"] for each in both] == ["p", "r"]
    assert len({each["reproducer"] for each in both}) == 2
    for each in both:
        shown(tmp_path / "two", each)


def test_another_structure_is_no_node_that_differs(tmp_path: Path) -> None:
    """Both files scatter: one into x with a sum, the other into zeros and adds x; only the first
    of two equal positions counts there. The nodes are counterparts, their inputs are not."""
    text = """<ir_version: 8, opset_import: ["": 18]>
      g (float[3,4] x, float[3,4] v) => (float[3,4] y) {
      i = Constant<value_ints=[0,0,1]>() two = Constant<value_ints=[1]>() j = Unsqueeze(i, two)
      s = ScatterND<reduction="add">(x, j, v) y = Tanh(s) }"""
    pieces = "h = Shape(x) z = ConstantOfShape(h) p = ScatterND(z, j, v) s = Add(p, x)"
    wrong = parse(text.replace('s = ScatterND<reduction="add">(x, j, v)', pieces))
    found = only(find(tmp_path, parse(text), wrong))
    assert [n["op"] for n in found["nodes"]] == ["ScatterND", "Add"]
    assert (found["value"], found["repairs"]) == ("s", True)
    assert found["instead"] == "hand at opset 18 has ScatterND-18(reduction=add)."
    cut = onnx.load(tmp_path / "locate" / found["reproducer"] / "model.onnx")
    assert "ConstantOfShape" in [n.op_type for n in cut.graph.node]
    shown(tmp_path, found)


def test_what_is_missing_is_said_of_the_node_in_its_place(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[2,6] x) => (float[2,6] y) {{
      a = Tanh(x) f = Floor(a) c = Ceil(f) y = Add(c, x) }}"""
    wrong = parse(text.replace("f = Floor(a) c = Ceil(f)", "f = Identity(a) c = Identity(f)"))
    found = only(find(tmp_path, parse(text), wrong))
    assert (found["value"], found["idle"], found["repairs"]) == ("c", True, True)
    assert found["instead"] == "hand at opset 18 has Floor-13, Ceil-13."
    assert "passes its input on, where the model computes something" in found["sentence"]
    shown(tmp_path, found)


def test_two_faults_in_a_row_are_one_part(tmp_path: Path) -> None:
    """Each node has another constant or attribute than the one in its place: neither is shown to
    be wrong by itself, and both together are."""
    wrong = parse(CHAIN.replace("-1.5", "-2.5").replace("alpha=0.7", "alpha=0.2"))
    found = only(find(tmp_path, parse(CHAIN), wrong))
    assert [n["op"] for n in found["nodes"]] == ["Mul", "Elu"]
    assert found["repairs"]
    shown(tmp_path, found)


def test_of_two_faults_in_a_row_the_first_is_told_where_its_counterpart_shows_it(
    tmp_path: Path,
) -> None:
    """Softmax-13 has the same axis and inputs, but another result."""
    text = f"""{HEAD} g (float[2,3,4] x) => (float[2,3,4] y) {{
      a = Tanh(x) s = Softmax<axis=1>(a) e = Elu<alpha=0.7>(s) b = Neg(e) y = Exp(b) }}"""
    wrong = parse(text.replace("17]", "12]").replace("e = Elu<alpha=0.7>(s)", "e = Sqrt(s)"))
    found = only(find(tmp_path, parse(text), wrong))
    assert [n["text"] for n in found["nodes"]] == ["Softmax-11"]
    assert (found["fault"], found["right_at"], found["repairs"]) == ("file", 13, False)
    assert "there is another fault" in found["sentence"]
    shown(tmp_path, found)


# Row 0 by Gather and row 1 by Slice; in ROWS_TURNED it is the other way round.
ROWS = f"""{HEAD} g (float[2,6] x) => (float[6] y) {{
  zero = Constant<value_int=0>() one = Constant<value_int=1>() axis = Constant<value_ints=[0]>()
  at_0 = Constant<value_ints=[0]>() at_1 = Constant<value_ints=[1]>()
  at_2 = Constant<value_ints=[2]>() """
FIRST_GATHERED = ROWS + "a = Gather(x, zero) t = Slice(x, at_1, at_2, axis) b = Squeeze(t, axis) "
SECOND_GATHERED = ROWS + "b = Gather(x, one) t = Slice(x, at_0, at_1, axis) a = Squeeze(t, axis) "


def test_a_node_is_no_counterpart_where_it_takes_another_row(tmp_path: Path) -> None:
    """The only Gather in each file; one takes row 0, the other row 1, and both are right."""
    ends = {
        "y = Exp(a) }": ("y = Neg(a) }", ["Neg"]),
        "s = Sub(a, b) y = Exp(s) }": ("s = Add(a, b) y = Exp(s) }", ["Add"]),
        "p = Tanh(a) q = Sigmoid(b) s = Sub(p, q) y = Exp(s) }": (
            "p = Tanh(a) q = Elu(b) s = Sub(p, q) y = Neg(s) }",
            ["Elu", "Sub", "Neg"],
        ),
    }
    for number, (right, (wrong, blamed)) in enumerate(ends.items()):
        root = tmp_path / str(number)
        found = only(find(root, parse(FIRST_GATHERED + right), parse(SECOND_GATHERED + wrong)))
        assert [n["op"] for n in found["nodes"]] == blamed
        shown(root, found)


def test_a_row_that_is_taken_for_another_is_part_of_the_blame(tmp_path: Path) -> None:
    """Tanh is right for its input, and so is Gather: the fault is that it is given row 1."""
    rows = ROWS + "a = Gather(x, zero) b = Gather(x, one) q = Tanh(b) "
    right = rows + "p = Tanh(a) s = Sub(p, q) y = Exp(s) }"
    wrong = rows + "p = Tanh(b) s = Sub(p, q) y = Exp(s) }"
    found = only(find(tmp_path, parse(right), parse(wrong)))
    assert [n["op"] for n in found["nodes"]] == ["Gather", "Tanh"]
    assert (
        found["instead"]
        == "hand at opset 18 has the same nodes, with other values in their only constant."
    )
    shown(tmp_path, found)


def test_a_right_value_in_a_place_that_others_read_too_proves_nothing(tmp_path: Path) -> None:
    """With the square of `a` in the place of `a` the first output would be right, and the second,
    which is right, would be wrong."""
    text = f"""{HEAD} g (float[2,6] x) => (float[2,6] y, float[2,6] z) {{
      a = Tanh(x) b = Mul(a, a) y = Exp(b) z = Neg(a) }}"""
    wrong = text.replace("y = Exp(b)", "y = Exp(a)")
    found = only(find(tmp_path, parse(text), parse(wrong)))
    assert (found["output"], [n["op"] for n in found["nodes"]]) == ("y", ["Exp"])


def test_without_a_right_counterpart_the_region_is_all_that_is_known(tmp_path: Path) -> None:
    wrong = parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    found = only(find(tmp_path, parse(CHAIN), wrong, with_right=False))
    assert [n["op"] for n in found["nodes"]] == ["Sigmoid", "LeakyRelu", "Mul", "Elu", "Exp", "Add"]
    assert found["value"] == "y"
    shown(tmp_path, found)


def test_a_node_that_another_opset_would_make_right(tmp_path: Path) -> None:
    text = '<ir_version: 8, opset_import: ["": 13]> g (float[2,3,4] x) => (float[2,3,4] y)'
    text += "{ a = Tanh(x) y = Softmax<axis=1>(a) }"
    found = only(find(tmp_path, parse(text), parse(text.replace("13]", "12]")), with_right=False))
    assert (found["fault"], found["right_at"]) == ("file", 13)
    assert "from 13 on it runs only along axis" in found["sentence"]


def test_above_the_noise(tmp_path: Path) -> None:
    """Within assert_close, which allows 1e-5 anywhere, and yet 25 units of rounding off."""
    text = f"""{HEAD} g (float[2,6] x) => (float[2,6] y) {{
      more = Constant<value_float=1.000003>() a = Tanh(x) b = Sigmoid(a) y = Neg(b) }}"""
    right = parse(text)
    wrong = parse(text.replace("b = Sigmoid(a)", "m = Sigmoid(a) b = Mul(m, more)"))
    x = np.random.default_rng(3).normal(size=(2, 6)).astype(np.float32)
    define = freeze_arrays(tmp_path / "define", right, {"random-0": [x]}, with_float64=True)
    made = job(tmp_path, define, {17: wrong, 18: right})
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert found["verdict"] == "above-noise"
    assert [n["op"] for n in found["nodes"]] == ["Mul"]
    assert found["error"] is not None and 8 < found["error"] < 40
    assert "the first node whose result is beyond noise" in found["sentence"]
    shown(tmp_path, found)


MODULE = """
from torch import nn


class Running(nn.Module):
    def forward(self, x):
        return x.tanh().cumsum(1).exp()
"""


def test_the_module_itself_tells_where_no_file_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text(MODULE)
    model = {"factory": "models.py:Running", "inputs": [{"name": "x", "shape": [3, 4]}]}
    run_define(tmp_path, model)
    text = f"""{HEAD} g (float[3,4] x) => (float[3,4] output) {{
      axis = Constant<value_int=0>() a = Tanh(x) b = CumSum(a, axis) output = Exp(b) }}"""
    spec = Specs(settings(tmp_path, model)).job("locate", model="m")
    made = job(tmp_path, tmp_path / "results/define/m", {17: parse(text)}, **{**spec, **OWN})
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert [n["op"] for n in found["nodes"]] == ["CumSum"]
    assert found["against"] == "aten.cumsum of the eager module in float64"
    assert (found["fault"], found["repairs"], found["value"]) == ("file", True, "b")
    shown(tmp_path, found)


def test_a_fault_of_optimization_alone(tmp_path: Path) -> None:
    """onnxruntime makes y / x of 1 / x · y: zero where 1 / x overflows and y is zero, not NaN."""
    model = parse(
        f"""{HEAD} g (float[4] x, float[4] y) => (float[4] z) {{
        one = Constant<value_float=1.0>() a = Relu(x) r = Div(one, a) p = Mul(r, y)
        q = Tanh(p) z = Add(q, y) }}"""
    )
    x, y = (np.array(v, np.float32) for v in ([1e-39, 2, 1e-40, 3], [0, 1, 0, 4]))
    define = freeze_arrays(tmp_path / "define", model, {"random-0": [x, y]})
    found = only(locate.locate(job(tmp_path, define, {17: model}), tmp_path / "locate")["located"])
    assert (found["fault"], found["runtimes"]) == ("optimization", ["onnxruntime"])
    assert [n["op"] for n in found["nodes"]] == ["Div", "Mul"]
    assert "NaN at 0 positions, torch has 2" in found["difference"]
    assert "right as written" in found["sentence"]
    shown(tmp_path, found)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A runtime whose Sin is a Cos; with `exits` it dies over every file that has a Neg."""
    module = ModuleType("opset_atlas.runtimes.faulty")
    vars(module).update({k: v for k, v in vars(onnxruntime).items() if not k.startswith("__")})
    behavior: dict[str, Any] = {"exits": False}

    def load(path: Path, variant: str) -> Any:
        model = onnx.load(path)
        for each in model.graph.node:
            if each.op_type == "Sin":
                each.op_type = "Cos"
        if behavior["exits"] and len(model.graph.output) > 1:
            os._exit(3)
        onnx.save(model, path.with_suffix(".faulty"))
        return onnxruntime.load(path.with_suffix(".faulty"), "onnxruntime-unoptimized")

    vars(module).update(load=load, VARIANTS={"faulty": "Sin is Cos"}, AS_WRITTEN="faulty")
    monkeypatch.setitem(sys.modules, "opset_atlas.runtimes.faulty", module)
    return behavior


SINE = f"{HEAD} g (float[2,6] x) => (float[2,6] y) {{ a = Tanh(x) s = Sin(a) y = Add(s, x) }}"


@pytest.mark.parametrize("names", [["onnxruntime", "faulty"], ["faulty"]])
def test_a_fault_of_a_kernel(tmp_path: Path, faulty: dict[str, Any], names: list[str]) -> None:
    """Known from the same file in another runtime; otherwise only the nodes are known."""
    model = parse(SINE)
    define = freeze_file(tmp_path / "define", model)
    made = job(tmp_path, define, {17: model}, runtimes=names)
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert (found["fault"], found["runtimes"]) == ("kernel", ["faulty"])
    ops = [n["op"] for n in found["nodes"]]
    assert ops == (["Sin"] if "onnxruntime" in names else ["Tanh", "Sin", "Add"])


@pytest.mark.parametrize("alone", [False, True])
def test_what_nobody_confirms_is_no_fault(
    tmp_path: Path, faulty: dict[str, Any], monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """Two wrong Sin in a row, so that no trial proves the first; with no other runtime to ask, that
    one computation differs from another is all that is known, and there is no reproducer."""
    if alone:
        monkeypatch.setattr(runtimes, "others", lambda name: iter(()))
    model = parse(SINE.replace("s = Sin(a)", "r = Sin(a) s = Sin(r)"))
    define = freeze_file(tmp_path / "define", model)
    made = job(tmp_path, define, {17: model}, runtimes=["onnxruntime", "faulty"])
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert ([n["op"] for n in found["nodes"]], found["repairs"]) == (["Sin"], False)
    assert found["fault"] == ("unconfirmed" if alone else "kernel")
    assert bool(found["reproducer"]) is not alone
    if alone:
        assert "no other runtime or opset says which is right" in found["sentence"]


def test_the_evaluator_that_computes_old_versions_by_newer_rules(tmp_path: Path) -> None:
    """Softmax-11 flattens; onnxruntime knows, onnx.reference does not. Its script runs it."""
    text = '<ir_version: 8, opset_import: ["": 12]> g (float[2,3,4] x) => (float[2,3,4] y)'
    model = parse(text + "{ a = Tanh(x) y = Softmax<axis=1>(a) }")
    define = freeze_file(tmp_path / "define", model)
    made = job(tmp_path, define, {12: model}, runtimes=["onnxruntime", "reference"])
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert (found["fault"], found["runtimes"]) == ("kernel", ["reference"])
    assert [n["op"] for n in found["nodes"]] == ["Softmax"]
    assert found["reproducer"] == "reproducers/hand/opset_12_reference"
    shown(tmp_path, found)


def test_a_runtime_that_dies_over_it_is_a_finding(tmp_path: Path, faulty: dict[str, Any]) -> None:
    faulty["exits"] = True
    model = parse(SINE)
    made = job(tmp_path, freeze_file(tmp_path / "define", model), {17: model}, runtimes=["faulty"])
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert found["fault"] == "undecided" and not found["nodes"]
    assert found["detail"] == "crashed: process ended itself with status 3"
    assert "Could not find where the result goes wrong: crashed" in found["sentence"]


def test_outputs_in_another_order_are_no_operators_fault(tmp_path: Path) -> None:
    text = f"{HEAD} g (float[2,6] x) => (float[2,6] p, float[2,6] q) {{ p = Exp(x) q = Neg(x) }}"
    wrong = parse(text.replace("p, float[2,6] q)", "q, float[2,6] p)"))
    found = find(tmp_path, parse(text), wrong)
    assert {each["fault"] for each in found} == {"outputs"}
    assert "the graph gives q in its place" in found[0]["sentence"]


def test_an_output_that_no_input_reaches(tmp_path: Path) -> None:
    text = f"{HEAD} g (float[3] x) => (float[3] y) {{ y = Neg(x) }}"
    wrong = text.replace("Neg(x)", "Constant<value_floats=[1.0, 2.0, 3.0]>()")
    found = only(find(tmp_path, parse(text), parse(wrong)))
    assert found["fault"] == "constant"
    assert found["sentence"] == "`y` is fixed in the file: no input of the model reaches it."


BRANCHES = f"""{HEAD} g (float[2,6] x) => (float[2,6] y) {{
  a = Tanh(x) n = ReduceSum<keepdims=0>(a) c = Equal(n, n)
  b = If(c) <then_branch = t () => (float[2,6] u) {{ w = Sigmoid(a) u = Elu<alpha=0.5>(a) }},
             else_branch = e () => (float[2,6] v) {{ v = Neg(a) }}>
  y = Exp(b) }}"""
LOOP = f"""{HEAD} g (float[2,6] x) => (float[2,6] y, float[3,2,6] all) {{
  a = Tanh(x) passes = Constant<value_int=3>() on = Constant<value = bool {{1}}>()
  b, all = Loop(passes, on, a) <body = body (int64 i, bool c, float[2,6] s)
      => (bool d, float[2,6] t, float[2,6] u) {{
        d = Identity(c) h = LeakyRelu<alpha=0.3>(s) k = Cast<to=1>(i) u = Sub(h, k) t = Sin(u) }}>
  y = Exp(b) }}"""
SCAN = f"""{HEAD} g (float[5,2,4] x) => (float[2,4] y, float[2,5,4] all) {{
  a = Tanh(x) start = Constant<value_float=0.0>() h = Gather(a, zero) first = Mul(h, start)
  y, all = Scan(first, a) <num_scan_inputs=1, scan_input_directions=[1], scan_output_axes=[1],
    body = body (float[2,4] s, float[2,4] e) => (float[2,4] t, float[2,4] u) {{
      d = Mul(s, e) t = Add(d, e) u = LeakyRelu<alpha=0.3>(t) }}> }}"""


@pytest.mark.parametrize(
    ("text", "change", "blamed", "inside"),
    [
        (BRANCHES, ("alpha=0.5", "alpha=0.9"), "Elu-6(alpha=0.9)", "then_branch of If"),
        (LOOP, ("t = Sin(u)", "t = Cos(u)"), "Cos-7", "pass 1 of 3 of Loop"),
        (SCAN, ("t = Add(d, e)", "t = Sub(d, e)"), "Sub-14", "pass 1 of 5 of Scan"),
    ],
)  # fmt: skip
def test_a_wrong_node_in_a_subgraph(
    tmp_path: Path, text: str, change: tuple[str, str], blamed: str, inside: str
) -> None:
    right, wrong = parse(text), parse(text.replace(*change))
    for model in (right, wrong):
        zero = onnx.numpy_helper.from_array(np.array(0, np.int64), "zero")
        model.graph.initializer.append(zero)
    found = find(tmp_path, right, wrong)[0]
    (node,) = found["nodes"]
    assert (node["text"], node["inside"]) == (blamed, inside)
    assert wrong.graph.node[node["index"]].op_type in inside
    assert f" in {inside} is the first node" in found["sentence"]
    shown(tmp_path, found)
    cut = onnx.load(tmp_path / "locate" / found["reproducer"] / "model.onnx")
    assert [n.op_type for n in cut.graph.node] == [blamed.partition("-")[0]]


def test_what_an_if_holds_is_the_ifs_where_not_all_inputs_take_one_branch(tmp_path: Path) -> None:
    """The mean of the first input set is below zero, that of the second is not."""
    text = BRANCHES.replace("c = Equal(n, n)", "z = Sub(n, n) c = Less(n, z)")
    both = text.replace("v = Neg(a)", "v = Elu<alpha=0.5>(a)")
    generator = np.random.default_rng(5)
    x = generator.normal(size=(2, 6)).astype(np.float32)
    inputs = {"random-0": [x - 2], "random-1": [x + 2]}
    define = freeze_arrays(tmp_path / "define", parse(both), inputs)
    wrong = parse(both.replace("alpha=0.5", "alpha=0.9"))
    made = job(tmp_path, define, {17: wrong, 18: parse(both)})
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert [(n["op"], n["inside"]) for n in found["nodes"]] == [("If", "")]
    shown(tmp_path, found)


def stops(root: Path, found: Located) -> str:
    """Run the reproducer of a failure; returns what it says."""
    assert found["stops"] and found["shows"]
    done = run_script(root / "locate" / found["reproducer"])
    assert done.returncode == 1
    assert "\nit fails: " in f"\n{done.stderr}"  # after what the runtime prints
    return done.stderr


def test_a_file_that_fails_while_it_runs(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[2,6] x) => (float[2,3] y) {{
      at = Constant<value_ints=[0,5,1]>() a = Tanh(x) b = Gather<axis=1>(a, at) y = Exp(b) }}"""
    found = only(find(tmp_path, parse(text), parse(text.replace("5,1]", "6,1]"))))
    assert [n["text"] for n in found["nodes"]] == ["Gather-13(axis=1)"]
    assert (found["verdict"], found["fault"], found["value"]) == ("failed", "file", "b")
    assert "indices element out of data bounds" in found["sentence"]
    assert "out of data bounds" in stops(tmp_path, found)
    cut = onnx.load(tmp_path / "locate" / found["reproducer"] / "model.onnx")
    assert [n.op_type for n in cut.graph.node] == ["Constant", "Gather"]


def test_a_file_that_does_not_load(tmp_path: Path) -> None:
    """Gemm-9 requires the third input that Gemm-11 makes optional."""
    text = f"""{HEAD} g (float[2,6] x, float[6,3] w) => (float[2,3] y) {{
      a = Tanh(x) b = Gemm(a, w) y = Exp(b) }}"""
    found = only(find(tmp_path, parse(text), parse(text.replace("17]", "9]"))))
    assert [n["text"] for n in found["nodes"]] == ["Gemm-9"]
    assert (found["verdict"], found["fault"]) == ("rejected", "file")
    assert found["sentence"].endswith("The file itself is at fault: onnx's checker rejects it too.")
    assert "Gemm" in stops(tmp_path, found)


def test_no_node_is_blamed_for_an_opset_that_the_runtime_does_not_load(tmp_path: Path) -> None:
    found = only(find(tmp_path, parse(CHAIN), parse(CHAIN.replace("17]", "99]"))))
    assert (found["stops"], found["nodes"], found["reproducer"]) == (True, [], "")


def test_the_search_over_all_files_of_a_model_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opset_atlas.stages.locate.stage.MOST", 0)
    right = parse(CHAIN)
    wrong = [parse(CHAIN.replace("Exp(", f"{other}(")) for other in ("Neg", "Abs")]
    files = {16: wrong[0], 17: wrong[1], 18: right}
    define = freeze_file(tmp_path / "define", right)
    made = job(tmp_path, define, files)
    first, second = locate.locate(made, tmp_path / "locate")["located"]
    assert first["nodes"] and not second["nodes"]
    assert second["detail"] == "timeout: the other files of this model took 0 s"


AT_ANY_LENGTH = f"""{HEAD} g (float[n,4] x) => (float[m,4] y) {{
  a = Tanh(x) axis = Constant<value_ints=[0]>() s = ReduceMax(a) %s }}"""
LENGTHS = {"random-0": (3, 4), "random-0@n=7": (7, 4)}


@pytest.mark.parametrize(
    ("right", "wrong", "blamed"),
    [
        ("b = Sub(a, s) y = Exp(b)", "three = Constant<value_ints=[3]>() zero = Constant"
         "<value_ints=[0]>() t = Slice(a, zero, three, axis) b = Sub(t, s) y = Exp(b)", "Slice"),
        ("b = Flatten<axis=1>(a) y = Exp(b)",
         "to = Constant<value_ints=[3,4]>() b = Reshape(a, to) y = Exp(b)", "Reshape"),
    ],
)  # fmt: skip
def test_a_file_that_is_right_at_one_size_alone(
    tmp_path: Path, right: str, wrong: str, blamed: str
) -> None:
    """Wrong at seven rows in one case, and not running in the other."""
    models = [parse(AT_ANY_LENGTH % text) for text in (right, wrong)]
    generator = np.random.default_rng(3)
    inputs = {
        name: [generator.normal(size=shape).astype(np.float32)] for name, shape in LENGTHS.items()
    }
    define = freeze_arrays(tmp_path / "define", models[0], inputs)
    made = job(tmp_path, define, {17: models[1], 18: models[0]})
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert [n["op"] for n in found["nodes"]] == [blamed]
    assert (found["verdict"], found["fault"], found["set"]) == (
        "fixed-size",
        "file",
        "random-0@n=7",
    )
    assert found["sentence"].startswith("With n=7: ")
    stops(tmp_path, found) if blamed == "Reshape" else shown(tmp_path, found)


def test_a_right_node_is_not_wrong_because_something_is_missing_after_it(tmp_path: Path) -> None:
    """As in a loop that was unrolled at the traced length: the last step is right, and no step
    follows. What shows it is the whole way, as no node by itself is wrong."""
    steps = "a = Tanh(x) b = LeakyRelu<alpha=0.3>(a) c = Mul(b, x)"
    right = parse(f"{HEAD} g (float[2,6] x) => (float[2,6] y) {{ {steps} y = Exp(c) }}")
    wrong = parse(f"{HEAD} g (float[2,6] x) => (float[2,6] c) {{ {steps} }}")
    define = freeze_file(tmp_path / "define", right)
    found = only(
        locate.locate(job(tmp_path, define, {17: wrong, 18: right}), tmp_path / "locate")["located"]
    )
    assert found["early"] == "Mul-14 of hand at opset 18"
    assert found["sentence"].startswith(
        "Something is missing after Mul-14 ``: it gives what Mul-14"
    )
    shown(tmp_path, found)
    cut = onnx.load(tmp_path / "locate" / found["reproducer"] / "model.onnx")
    assert [n.op_type for n in cut.graph.node] == ["Tanh", "LeakyRelu", "Mul"]


def test_an_output_that_is_random_is_not_located(tmp_path: Path) -> None:
    """Both outputs differ from the reference; of the first one that says nothing."""
    text = f"""{HEAD} g (float[2,6] x) => (float[2,6] p, float[2,6] q) {{
      a = Tanh(x) p = Elu<alpha=0.5>(a) q = LeakyRelu<alpha=0.1>(a) }}"""
    wrong = parse(text.replace("alpha=0.5", "alpha=0.9").replace("alpha=0.1", "alpha=0.2"))
    define = freeze_file(tmp_path / "define", parse(text))
    record = json.loads((define / "record.json").read_text())
    for of_set in record["sets"]:
        of_set["random"] = {"p": "values"}
    (define / "record.json").write_text(json.dumps(record))
    made = job(tmp_path, define, {17: wrong})
    found = locate.locate(made, tmp_path / "locate")["located"]
    assert [each["output"] for each in found] == ["q"]


HOSTILE = '"; import os; os._exit(9)\n\'\'\'"""$(touch X)</script>/../../{x}'


def test_names_reach_neither_path_nor_script(tmp_path: Path) -> None:
    right, wrong = parse(CHAIN), parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    for model in (right, wrong):
        for each in model.graph.node:
            each.name = HOSTILE + each.op_type
            for names in (each.input, each.output):
                names[:] = [HOSTILE + n if n in {"c", "d"} else n for n in names]
    found = only(find(tmp_path, right, wrong))
    assert [n["op"] for n in found["nodes"]] == ["Elu"]
    assert found["reproducer"] == "reproducers/hand/opset_17"
    assert HOSTILE[:9] not in (tmp_path / "locate" / found["reproducer"] / "run.py").read_text()
    assert "\n" not in found["sentence"]
    shown(tmp_path, found)
    assert not list(tmp_path.rglob("X"))


def test_what_numpy_alone_cannot_hold_has_no_reproducer(tmp_path: Path) -> None:
    text = f"""{HEAD} g (float[3,3] x) => (float[3,3] y) {{
      a = Cast<to=16>(x) b = Transpose<perm=[1,0]>(a) c = Cast<to=1>(b) y = Tanh(c) }}"""
    found = only(find(tmp_path, parse(text), parse(text.replace("[1,0]", "[0,1]"))))
    assert [n["op"] for n in found["nodes"]] == ["Transpose"]
    assert (found["reproducer"], found["shows"]) == ("", True)
    assert "is bfloat16, which plain numpy cannot read" in found["detail"]
    assert not list((tmp_path / "locate" / "reproducers").iterdir())


def test_files_of_one_graph_are_one_finding(tmp_path: Path) -> None:
    right, wrong = parse(CHAIN), parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    later = onnx.ModelProto()
    later.CopyFrom(wrong)
    later.opset_import[0].version = 16
    define = freeze_file(tmp_path / "define", right)
    made = job(tmp_path, define, {16: later, 17: wrong, 18: right})
    found = only(locate.locate(made, tmp_path / "locate")["located"])
    assert found["requested"] == [16, 17]
    assert [p.name for p in (tmp_path / "locate/reproducers/hand").iterdir()] == ["opset_16"]


def test_where_nothing_is_wrong_nothing_that_computes_is_imported(tmp_path: Path) -> None:
    """A poisoned numpy proves it. And the control: with a wrong file it is."""
    right, wrong = parse(CHAIN), parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    define = freeze_file(tmp_path / "define", right)
    poison = tmp_path / "poison"
    poison.mkdir()
    (poison / "numpy.py").write_text("raise SystemExit('numpy was imported')")
    for name, files in (("fine", {18: right}), ("bad", {17: wrong, 18: right})):
        made = job(tmp_path / name, define, files)
        done = command(made, tmp_path / name / "locate", str(poison))
        if name == "fine":
            assert done.returncode == 0, done.stderr
            record = read_json(tmp_path / name / "locate" / "record.json", "locate")
            assert record["located"] == []
        else:
            assert "numpy was imported" in done.stderr


def command(made: judged_cells.Job, folder: Path, *path: str) -> subprocess.CompletedProcess[str]:
    package = str(Path(locate.__file__).parents[1])
    return subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "opset_atlas.stages.locate.stage",
                "--spec",
                json.dumps(made.spec),
            ),
            *("--define", made.define, "--export", made.export, "--parity", made.parity),
            *("--output", folder),
        ],
        env={"PYTHONPATH": os.pathsep.join([*path, package])},
        capture_output=True,
        text=True,
    )


def test_new_tolerances_judge_it_fine(tmp_path: Path) -> None:
    right, wrong = parse(CHAIN), parse(CHAIN.replace("alpha=0.7", "alpha=0.2"))
    define = freeze_file(tmp_path / "define", right)
    loose = {"close": {"float32": {"rtol": 10.0, "atol": 10.0}}}
    made = job(tmp_path, define, {17: wrong, 18: right}, tolerances=loose)
    assert locate.locate(made, tmp_path / "locate")["located"] == []


def test_the_specification_is_what_the_settings_give(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("class M: ...\n")
    made = settings(tmp_path, {"factory": "m.py:M", "inputs": [{"name": "x", "shape": [2]}]})
    spec = Specs(made).job("locate", model="m")
    assert spec.keys() >= SPEC.keys() | {"factory", "kwargs", "seed", "versions"}
