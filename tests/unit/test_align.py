"""Nodes are matched by content, structure and scope; each unmatched node is in one region."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders.stage_files import graph, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array
from opset_atlas.differences.align import Alignment, align
from opset_atlas.graph.view import view
from opset_atlas.records import Graph

OPERATORS = ("Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Exp")


def chain(operators: list[str], folder: Path, names: str = "v", scope: str = "") -> Graph:
    """A chain of unary operators."""
    nodes = [
        make_node(op, [f"{names}{i}" if i else "x"], [f"{names}{i + 1}"], name=f"{scope}/n{i}")
        for i, op in enumerate(operators)
    ]
    return build(nodes, [f"{names}{len(operators)}"], folder)


def build(
    nodes: list[onnx.NodeProto],
    outputs: list[str],
    folder: Path,
    weights: dict[str, np.ndarray] | None = None,
) -> Graph:
    model = make_model(
        make_graph(
            nodes,
            "g",
            [make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])],
            [make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            [from_array(value, name) for name, value in (weights or {}).items()],
        ),
        opset_imports=[make_opsetid("", 17)],
    )
    return graph(model, folder)["graph"]


def check(found: Alignment) -> None:
    """Every node is in one pair or one region, or is an Identity; pairs are of one operator."""
    assert found.backward == {j: i for i, j in found.forward.items()}
    for side, matched, place in (
        (found.left, found.forward, 0),
        (found.right, found.backward, 1),
    ):
        lonely = [index for region in found.regions for index in region[place]]
        assert sorted([*lonely, *matched]) == sorted(side.nodes)
        everything = {n["index"] for n in side.graph["nodes"] if n["op"] != "Constant"}
        assert everything == {*side.nodes, *(n["index"] for n in side.identities)}
    for i, j in found.forward.items():
        assert found.left.nodes[i]["op"] == found.right.nodes[j]["op"]


def test_a_long_chain(tmp_path: Path) -> None:
    operators = [OPERATORS[i % 6] for i in range(1000)]
    found = align(chain(operators, tmp_path), chain(operators, tmp_path, "another"))
    check(found)
    assert found.forward == {i: i for i in range(1000)}


@pytest.mark.parametrize("op", ["Relu"])
def test_a_long_chain_of_one_operator_with_one_more(tmp_path: Path, op: str) -> None:
    more = [*[op] * 500, "Softplus", *[op] * 500]
    found = align(chain([op] * 1000, tmp_path), chain(more, tmp_path))
    check(found)
    assert found.forward == {i: i if i < 500 else i + 1 for i in range(1000)}
    assert found.regions == (((), (500,)),)


def test_one_left_out_in_the_middle(tmp_path: Path) -> None:
    operators = [OPERATORS[i * i % 6] for i in range(200)]
    found = align(chain(operators, tmp_path), chain(operators[:99] + operators[100:], tmp_path))
    check(found)
    assert len(found.forward) == 199
    assert all(j - i in {0, -1} for i, j in found.forward.items())


def blocks(
    count: int, folder: Path, scopes: bool = False, twist: int = -1, weights: bool = False
) -> Graph:
    """Attention-like blocks, all alike; block `twist` has another activation."""
    nodes, value, held = [], "x", {}
    generator = np.random.default_rng(0)
    for block in range(count):
        name = f"/layers.{block}" if scopes else ""
        projections = []
        for part in "qkv":
            held[f"w{part}{block}"] = generator.random((8, 8), np.float32)
            projections.append(f"{part}{block}")
            reads = [value, f"w{part}{block}"]
            nodes.append(make_node("MatMul", reads, [projections[-1]], f"{name}/{part}"))
        q, k, v = projections
        activation = "Sigmoid" if block == twist else "Softmax"
        nodes += [
            make_node("Transpose", [k], [f"kt{block}"], name=f"{name}/t", perm=[1, 0]),
            make_node("MatMul", [q, f"kt{block}"], [f"s{block}"], name=f"{name}/s"),
            make_node(activation, [f"s{block}"], [f"p{block}"], name=f"{name}/p"),
            make_node("MatMul", [f"p{block}", v], [f"o{block}"], name=f"{name}/o"),
            make_node("Add", [f"o{block}", value], [f"r{block}"], name=f"{name}/r"),
        ]
        value = f"r{block}"
    shared = dict.fromkeys(held, held["wq0"])
    return build(nodes, [value], folder, held if weights else shared)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("scopes", [False, True])
def test_equal_blocks_are_matched_in_order(tmp_path: Path, scopes: bool, weights: bool) -> None:
    left = blocks(12, tmp_path, scopes, weights=weights)
    right = blocks(12, tmp_path, False, twist=5, weights=weights)
    found = align(left, right)
    check(found)
    assert found.forward == {i: i for i in range(12 * 8) if i != 5 * 8 + 5}
    assert found.regions == (((45,), (45,)),)


def test_a_block_less(tmp_path: Path) -> None:
    found = align(
        blocks(6, tmp_path, scopes=True, weights=True), blocks(5, tmp_path, True, weights=True)
    )
    check(found)
    assert {i: j for i, j in found.forward.items() if i < 40} == {i: i for i in range(40)}


def test_weights_lead_the_way(tmp_path: Path) -> None:
    """The same three layers, whose order in the file and whose names say nothing."""
    weights = {n: np.random.default_rng(i).random((8, 8), np.float32) for i, n in enumerate("abc")}
    nodes = [make_node("MatMul", ["x", name], [f"y{name}"]) for name in "abc"]
    total = make_node("Sum", ["ya", "yb", "yc"], ["y"])
    left = build([*nodes, total], ["y"], tmp_path, weights)
    right = build([*nodes[::-1], total], ["y"], tmp_path, weights)
    found = align(left, right)
    check(found)
    assert found.forward == {0: 2, 1: 1, 2: 0, 3: 3}


def test_one_subgraph_in_the_place_of_another_is_one_region(tmp_path: Path) -> None:
    left = parse(
        "g (float[4] x) => (float[4] y) { a = Neg(x) b = Exp(a) c = Sigmoid(b) y = Relu(c) }", 17
    )
    right = parse("g (float[4] x) => (float[4] y) { a = Neg(x) b = Tanh(a) y = Relu(b) }", 17)
    found = align(graph(left, tmp_path)["graph"], graph(right, tmp_path)["graph"])
    check(found)
    assert found.forward == {0: 0, 3: 2}
    assert found.regions == (((1, 2), (1,)),)


def test_two_places_are_two_regions(tmp_path: Path) -> None:
    text = "g (float[4] x) => (float[4] y) {{ a = {0}(x) b = Neg(a) c = {0}(b) y = Sqrt(c) }}"
    left, right = (graph(parse(text.format(op), 17), tmp_path)["graph"] for op in ("Exp", "Tanh"))
    found = align(left, right)
    check(found)
    assert found.regions == (((0,), (0,)), ((2,), (2,)))


def test_constants_and_identities_are_looked_through(tmp_path: Path) -> None:
    text = """g (float[2] x) => (float[2] y) {
        c = Constant<value = float[2] {1.0, 2.0}>()
        i = Identity(c) j = Identity(i) a = Add(x, j) b = Identity(a) y = Relu(b)
    }"""
    seen = view(graph(parse(text, 17), tmp_path)["graph"])
    assert [node["op"] for node in seen.nodes.values()] == ["Add", "Relu"]
    add, relu = seen.nodes.values()
    port = seen.port(add["inputs"][1])
    assert (port["parameter"], port["given"], port["value"]) == ("B", "constant", [1.0, 2.0])
    assert seen.source(relu["inputs"][0]) == (add["index"], 0)
    assert seen.consumers[add["index"]] == [(relu["index"], "X", 0)]
    assert seen.port(add["inputs"][0]) == add["inputs"][0]


def test_empty_graphs(tmp_path: Path) -> None:
    nothing = build([], ["x"], tmp_path)
    for left, right in (
        (nothing, nothing),
        (nothing, chain(["Relu"], tmp_path)),
        (chain(["Relu"], tmp_path), nothing),
    ):
        found = align(left, right)
        check(found)
        assert not found.forward


def random_graph(seed: int, size: int, folder: Path) -> tuple[list[onnx.NodeProto], list[str]]:
    generator = random.Random(seed)
    values, nodes = ["x"], []
    for index in range(size):
        op = generator.choice(["Relu", "Neg", "Add", "Sub", "Identity"])
        count = 2 if op in {"Add", "Sub"} else 1
        nodes.append(make_node(op, generator.choices(values, k=count), [f"v{index}"]))
        values.append(f"v{index}")
    return nodes, [values[-1]]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 10_000))
def test_random_graphs(tmp_path: Path, seed: int, size: int, other: int) -> None:
    nodes, outputs = random_graph(seed, size, tmp_path)
    left = build(nodes, outputs, tmp_path)
    same = align(left, left)
    check(same)
    assert all(i == j for i, j in same.forward.items()), "a graph is aligned with itself in place"
    assert same.regions == ()
    changed = list(nodes)
    place = other % size
    changed[place] = make_node("Exp", changed[place].input[:1], list(changed[place].output))
    right = build(changed, outputs, tmp_path)
    check(align(left, right))
    check(align(right, left))
    check(align(left, build(*random_graph(other, size, tmp_path), tmp_path)))
