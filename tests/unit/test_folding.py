"""What a file computes from its own constants, compared with onnx's reference implementation."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders.stage_files import graph, parse
from onnx.reference import ReferenceEvaluator
from opset_atlas.graph import folding
from opset_atlas.graph.folding import compute
from opset_atlas.graph.view import view
from opset_atlas.records import Port

I = "c{0} = Constant<value = int64{1} {2}>()"  # noqa: E741
A = I.format(0, "[2, 3]", "{-7, 2, 3, 4, -5, 6}")
B = I.format(1, "[3]", "{2, -2, 5}")
F = "f0 = Constant<value = float[2, 3] {-1.5, 0.25, 2.0, 0.1, 3.0, 7.0}>()"
G = "f1 = Constant<value = float[3] {0.3, 2.5, -1.0}>()"
T = "t = Constant<value = bool[3] {1, 0, 1}>() u = Constant<value = bool[2, 1] {1, 0}>()"


def one(value: str, kind: str = "int64", size: int = 1) -> str:
    shape = f"[{size}]" if size else ""
    return f"Constant<value = {kind}{shape} {{{value}}}>()"


NODES = {
    13: [
        *(f"{A} {B} y = {op}(c0, c1)" for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
        *(f"{F} {G} y = {op}(f0, f1)" for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")),
        *(f"{A} {B} y = {op}(c0, c1)" for op in ("Equal", "Greater", "Less")),
        *(f"{A} {B} y = {op}(c0, c1)" for op in ("GreaterOrEqual", "LessOrEqual")),
        *(f"{F} y = {op}(f0)" for op in ("Abs", "Neg", "Ceil", "Floor")),
        *(f"{A} y = {op}(c0)" for op in ("Abs", "Neg", "Shape", "Size", "NonZero")),
        *(f"{T} y = {op}(t, u)" for op in ("And", "Or")),
        f"{T} y = Not(t)",
        f"{G} a = Abs(f1) y = Sqrt(a)",
        f"{A} y = Cast<to = 1>(c0)",
        f"{A} y = Cast<to = 9>(c0)",
        f"{F} y = Cast<to = 7>(f0)",
        f"{F} y = Cast<to = 11>(f0)",
        f"{A} {B} d = Unsqueeze(c1, z) z = {one('0')} y = Concat<axis = 0>(c0, d)".replace(
            f"d = Unsqueeze(c1, z) z = {one('0')}", f"z = {one('0')} d = Unsqueeze(c1, z)"
        ),
        f"s = {one('2, 2', size=2)} y = ConstantOfShape(s)",
        f"s = {one('3')} y = ConstantOfShape<value = int64[1] {{7}}>(s)",
        f"{B} s = {one('4, 3', size=2)} y = Expand(c1, s)",
        f"{B} s = {one('3')} y = Tile(c1, s)",
        f"{A} i = {one('1, -2', size=2)} y = Gather<axis = 1>(c0, i)",
        f"{A} i = {one('1', size=0)} y = Gather(c0, i)",
        f"{A} s = {one('3, -1', size=2)} y = Reshape(c0, s)",
        f"{A} s = {one('0, 3, 1', size=3)} y = Reshape(c0, s)",
        f"{A} y = Transpose(c0)",
        f"{A} y = Transpose<perm = [1, 0]>(c0)",
        f"{A} z = {one('-1, 0', size=2)} y = Unsqueeze(c0, z)",
        f"{A} z = {one('0')} d = Unsqueeze(c0, z) y = Squeeze(d, z)",
        f"{A} z = {one('0')} d = Unsqueeze(c0, z) y = Squeeze(d)",
        f"{A} {B} {T} y = Where(t, c0, c1)",
        f"{A} s = {one('1')} e = {one('3')} x = {one('1')} y = Slice(c0, s, e, x)",
        f"{A} s = {one('-1')} e = {one('-9223372036854775807')} x = {one('1')} p = {one('-2')}"
        " y = Slice(c0, s, e, x, p)",
        f"{A} s = {one('0, 1', size=2)} e = {one('9223372036854775807, 2', size=2)}"
        " y = Slice(c0, s, e)",
        f"a = {one('1', size=0)} b = {one('9', size=0)} c = {one('3', size=0)} y = Range(a, b, c)",
        f"a = {one('9', size=0)} b = {one('1', size=0)} c = {one('-3', size=0)} y = Range(a, b, c)",
    ],
    15: [f"{A} y = Shape<start = 1>(c0)", f"{A} y = Shape<start = -2, end = -1>(c0)"],
    14: [f"{A} s = {one('3, 2', size=2)} y = Reshape<allowzero = 1>(c0, s)"],
    11: [f"{A} y = Unsqueeze<axes = [0, 3]>(c0)", f"{A} d = Unsqueeze<axes = [0]>(c0) "
         "y = Squeeze<axes = [0]>(d)"],
    9: [f"{A} y = Slice<axes = [1], starts = [1], ends = [3]>(c0)",
        f"{A} y = Slice<starts = [0, 1], ends = [1, 99]>(c0)"],
    19: [f"{A} {F} y = CastLike(c0, f0)"],
}  # fmt: skip
CASES = [(opset, text) for opset, texts in NODES.items() for text in texts]


def outcome(text: str, opset: int, folder: Path) -> tuple[Port | None, object]:
    """What is known of `y`, whose type is left to inference, and the model."""
    model = parse(f"g () => (int64[?] q) {{ {text} q = Shape(y) }}", opset)
    return view(graph(model, folder)["graph"], fold=True).known.get("y"), model


@pytest.mark.parametrize(("opset", "text"), CASES, ids=[f"{o} {t[-40:]}" for o, t in CASES])
def test_results_are_those_of_the_reference(tmp_path: Path, opset: int, text: str) -> None:
    known, model = outcome(text, opset, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (expected,) = ReferenceEvaluator(model).run(["y"], {})
    assert known is not None
    found = np.array(known["value"], folding._TYPES[known["dtype"]]).reshape(known["shape"])
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.array_equal(found, expected)


def test_every_operator_is_compared_with_the_reference() -> None:
    tried = {word.partition("(")[0].partition("<")[0] for _, t in CASES for word in t.split()}
    assert tried >= folding._OPERATORS.keys()


@pytest.mark.parametrize(
    "text",
    [
        f"{A} z = {one('0', size=0)} y = Div(c0, z)",
        f"s = {one('68719476736')} y = ConstantOfShape(s)",
        f"{B} s = {one('68719476736, 3', size=2)} y = Expand(c1, s)",
        f"{B} s = {one('68719476736')} y = Tile(c1, s)",
        f"a = {one('0', size=0)} b = {one('68719476736', size=0)} c = {one('1', size=0)}"
        " y = Range(a, b, c)",
        f"a = {one('0.0', 'float', 0)} b = {one('1.0', 'float', 0)} c = {one('0.1', 'float', 0)}"
        " y = Range(a, b, c)",
        f"{A} i = {one('5')} y = Gather(c0, i)",
        f"{A} s = {one('4, 4', size=2)} y = Reshape(c0, s)",
        f"x = {one('3000000000.0', 'float')} y = Cast<to = 6>(x)",
        f"x = {one('-1.0', 'float')} y = Sqrt(x)",
        f"{F} y = Exp(f0)",
        f"{F} y = RandomNormalLike(f0)",
        f"{F} y = my.Abs(f0)",
    ],
)
def test_nothing_is_said_where_the_result_is_open_large_or_not_exact(
    tmp_path: Path, text: str
) -> None:
    model = parse(f"g () => (int64 y) {{ {text} }}", 13, extra=', "my": 1')
    started = time.process_time()
    assert "y" not in view(graph(model, tmp_path)["graph"], fold=True).known
    assert time.process_time() - started < 2


def test_what_depends_on_an_input_is_not_computed_nor_is_a_large_weight(tmp_path: Path) -> None:
    text = "g (int64[N] x) => (int64[N] y) { a = Add(x, x) s = Shape(x) y = Add(a, s) z = Abs(w) }"
    model = parse(text, 13)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.arange(17), "w"))
    assert view(graph(model, tmp_path)["graph"], fold=True).known == {}


def test_the_shape_of_an_input_counts_and_what_a_file_states_of_other_values_does_not(
    tmp_path: Path,
) -> None:
    text = """g (int64[2] x, bool c) => (int64[1] y) {
        a = Neg(x) i = Shape(a) s = Shape(x)
        y = If (c) <then_branch = t () => (int64[1] p) { p = Shape(x) },
                    else_branch = e () => (int64[1] q) { q = Identity(s) }> }"""
    found = view(graph(parse(text, 13), tmp_path)["graph"], fold=True)
    assert found.known.keys() == {"s"} and found.known["s"]["value"] == [2]
    branch = found.graph["nodes"][-1]["subgraphs"]["then_branch"]
    assert view(branch, found, fold=True).known == {}


def test_a_long_chain_is_cut_and_takes_no_longer_for_it(tmp_path: Path) -> None:
    count = 5000
    chain = " ".join(f"v{n + 1} = Neg(v{n})" for n in range(count))
    model = parse(f"g () => (int64[1] v{count}) {{ v0 = {one('1')} {chain} }}", 13)
    started = time.process_time()
    known = view(graph(model, tmp_path)["graph"], fold=True).known
    assert len(known) == folding.MOST_NODES
    assert time.process_time() - started < 5


def test_nodes_behind_a_value_are_told(tmp_path: Path) -> None:
    known, _ = outcome(f"{A} a = Neg(c0) b = Shape(a) y = Size(b)", 13, tmp_path)
    assert known is not None and known["value"] == 2
    assert [node["op"] for node in known["computed"]] == ["Neg", "Shape", "Size"]
    *_, node, _ = graph(outcome(f"{A} y = Neg(c0)", 13, tmp_path)[1], tmp_path)["graph"]["nodes"]
    assert compute(node, node["inputs"]) is not None
    assert compute({**node, "since": None}, node["inputs"]) is None
