"""From file to graph, text and picture: the contents of the file, under formal names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.stage_files import IF, graph, parse
from onnx.numpy_helper import from_array
from opset_atlas.base.files import write_json
from opset_atlas.graph.as_text import as_text
from opset_atlas.graph.spelling import operator, type_of
from opset_atlas.records import GraphFile, Node, Port
from opset_atlas.stages import dump as dump_stage


def ports(node: Node) -> dict[str, Port]:
    return {port["parameter"]: port for port in node["inputs"]}


def only(file: GraphFile, op: str) -> Node:
    (node,) = [node for node in file["graph"]["nodes"] if node["op"] == op]
    return node


def test_formal_names_and_how_each_input_is_given(tmp_path: Path) -> None:
    text = """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        roi = Constant<value = float[0] {}>()
        y = Resize<mode = "linear", coordinate_transformation_mode = "align_corners">
            (x, roi, scales)
    }"""
    resize = only(graph(parse(text, 11), tmp_path), "Resize")
    assert (resize["since"], resize["domain"]) == (11, "")
    given = ports(resize)
    assert {name: port["given"] for name, port in given.items()} == {
        "X": "input",
        "roi": "empty",
        "scales": "initializer",
        "sizes": "omitted",
    }
    assert given["X"]["shape"] == [1, 1, 2, 2] and given["X"]["dtype"] == "float"
    assert given["roi"]["shape"] == [0] and given["roi"]["dtype"] == "float"
    assert given["scales"]["value"] == [1.0, 1.0, 2.0, 2.0]
    assert [port["parameter"] for port in resize["outputs"]] == ["Y"]


def test_omitted_is_the_empty_name_and_what_is_not_written(tmp_path: Path) -> None:
    text = """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y, float[1, 1, 2, 2] z) {
        scales = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>()
        y = Resize(x, "", scales)
        z = Clip(x)
    }"""
    model = parse(text.replace('""', "none"), 13)
    model.graph.node[1].input[1] = ""
    file = graph(model, tmp_path)
    resize, clip = only(file, "Resize"), only(file, "Clip")
    assert {name: port["given"] for name, port in ports(resize).items()} == {
        "X": "input",
        "roi": "omitted",
        "scales": "constant",
        "sizes": "omitted",
    }
    assert [(p["parameter"], p["given"]) for p in clip["inputs"][1:]] == [
        ("min", "omitted"),
        ("max", "omitted"),
    ]


def test_variadic_and_unknown_operators(tmp_path: Path) -> None:
    text = """g (float[2] x) => (float[6] y, float[2] z) {
        y = Concat<axis = 0>(x, x, x)
        z = my.domain.Twist(x, y)
    }"""
    file = graph(parse(text, 13, extra=', "my.domain": 1'), tmp_path)
    concat, twist = file["graph"]["nodes"]
    assert [p["parameter"] for p in concat["inputs"]] == ["inputs[0]", "inputs[1]", "inputs[2]"]
    assert (twist["domain"], twist["since"]) == ("my.domain", None)
    assert [p["parameter"] for p in twist["inputs"]] == ["input0", "input1"]
    assert operator(twist) == "my.domain::Twist"


def test_outputs_that_are_left_out(tmp_path: Path) -> None:
    model = parse("g (float[4] x) => (bool[4] mask) { y, mask = Dropout(x) }", 13)
    model.graph.node[0].output[0] = ""
    (node,) = graph(model, tmp_path)["graph"]["nodes"]
    assert [(p["parameter"], p["given"]) for p in node["outputs"]] == [
        ("output", "omitted"),
        ("mask", "value"),
    ]


def test_large_constants_by_hash(tmp_path: Path) -> None:
    model = parse("g (float[5, 5] x) => (float[5, 5] y) { y = MatMul(x, w) }", 13)
    weights = np.arange(25, dtype=np.float32).reshape(5, 5)
    found = []
    for value in (weights, weights, weights + 1):
        del model.graph.initializer[:]
        model.graph.initializer.append(from_array(value, "w"))
        port = ports(only(graph(model, tmp_path), "MatMul"))["B"]
        assert port["given"] == "initializer" and "value" not in port
        found.append(port["sha256"])
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_small_constants_exactly(tmp_path: Path, dtype: Any) -> None:
    model = parse("g (float[1] x) => (float[1] y) { y = Add(x, w) }", 13)
    values = [dtype(0.1), np.nextafter(dtype(0.1), dtype(1)), np.nextafter(dtype(1e-3), dtype(0))]
    model.graph.initializer.append(from_array(np.array(values), "w"))
    found = ports(only(graph(model, tmp_path), "Add"))["B"]["value"]
    assert np.array_equal(np.array(found, dtype), values)
    assert len(set(found)) == 3 and (dtype is np.float16 or found[0] == 0.1)


@pytest.mark.parametrize("special", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_cannot_hold(tmp_path: Path, special: float) -> None:
    model = parse("g (float[1] x) => (float[1] y) { y = Add(x, w) }", 13)
    model.graph.initializer.append(from_array(np.float32([special]), "w"))
    file = graph(model, tmp_path)
    assert ports(only(file, "Add"))["B"]["value"] == [str(special)]
    write_json(tmp_path / "g.json", file)
    assert json.loads((tmp_path / "g.json").read_text()) == file


def test_attributes_and_their_defaults(tmp_path: Path) -> None:
    text = """g (float[1, 1, 4, 4] x, float[1, 1, 3, 3] w) => (float[1, 1, 2, 2] y) {
        y = Conv<group = 1, pads = [0, 0, 0, 0], strides = [1, 1]>(x, w)
    }"""
    conv = only(graph(parse(text, 13), tmp_path), "Conv")
    assert [(a["name"], a["value"], a["default"], a["written"]) for a in conv["attributes"]] == [
        ("group", 1, True, True),
        ("pads", [0, 0, 0, 0], False, True),
        ("strides", [1, 1], False, True),
        ("auto_pad", "NOTSET", True, False),
    ]
    text = "g (float[4] x) => (float[4] y) { y = LeakyRelu<alpha = 0.01>(x) }"
    (alpha,) = only(graph(parse(text, 13), tmp_path), "LeakyRelu")["attributes"]
    assert alpha["value"] == 0.01 and alpha["default"] and alpha["written"]


def test_subgraphs_and_values_of_the_enclosing_graph(tmp_path: Path) -> None:
    file = graph(parse(IF, 16), tmp_path)
    node = only(file, "If")
    then, other = node["subgraphs"]["then_branch"], node["subgraphs"]["else_branch"]
    add, mul = (n for n in then["nodes"] if n["op"] != "Constant")
    assert [p["given"] for p in add["inputs"]] == ["outer", "constant"]
    assert ports(add)["A"]["name"] == "h"
    assert [p["given"] for p in mul["inputs"]] == ["value", "initializer"]
    assert [p["given"] for p in other["nodes"][0]["inputs"]] == ["outer"]
    assert [n["op"] for n in dump_stage.walk(file["graph"])] == [
        *("Relu", "If", "Constant", "Add", "Mul", "Neg"),
    ]
    text = as_text(file)
    assert "  @then_branch:\n" in text and "      A = h: float[2]\n" in text


def test_outputs_that_are_constants_show_their_content(tmp_path: Path) -> None:
    text = """g (bool c) => (float[2] y) {
        y = If (c) <
            then_branch = t () => (float[2] a) { a = Constant<value = float[2] {5.0, 6.0}>() },
            else_branch = e () => (float[2] b) <float[2] b = {1, 2}> {}
        >
    }"""
    node = only(graph(parse(text, 16), tmp_path), "If")
    assert node["subgraphs"]["then_branch"]["outputs"][0]["value"] == [5.0, 6.0]
    assert node["subgraphs"]["else_branch"]["outputs"][0]["value"] == [1.0, 2.0]


def test_local_functions(tmp_path: Path) -> None:
    text = """g (float[4] x) => (float[4] y) { y = my.Scaled<factor = 2.0>(x) }
    <opset_import: ["" : 13], domain: "my">
    Scaled <factor> (a) => (b) { k = Constant<value_float: float = @factor>() b = Mul(a, k) }"""
    file = graph(parse(text, 17, extra=', "my": 1'), tmp_path)
    (function,) = file["functions"]
    assert (function["domain"], function["name"]) == ("my", "Scaled")
    constant, mul = function["graph"]["nodes"]
    assert [(a["name"], a["value"]) for a in constant["attributes"]] == [("value_float", "@factor")]
    assert mul["since"] == 13  # by the function's own imports
    assert [p["given"] for p in mul["inputs"]] == ["input", "value"]
    assert "function my:Scaled" in as_text(file)


@pytest.mark.parametrize(
    ("name", "metadata", "scope"),
    [
        ("/encoder/layer.0/Relu", "", "encoder.layer.0"),
        ("/Relu", "", ""),
        ("Relu_3", "", ""),
        ("node_relu", "['', 'encoder', 'encoder.act', 'relu']", "encoder.act"),
        ("node_relu", "['relu']", ""),
        ("node_relu", "[__import__('os')", ""),
        ("node_relu", "['a', " + "(" * 5000, ""),
        ("node_relu", "[" + "-" * 100_000 + "1, 'b']", ""),
        ("node_relu", "[1, 2, 3]", "2"),
    ],
)
def test_the_module_that_a_node_comes_from(
    tmp_path: Path, name: str, metadata: str, scope: str
) -> None:
    model = parse("g (float[4] x) => (float[4] y) { y = Relu(x) }", 13)
    model.graph.node[0].name = name
    if metadata:
        model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.name_scopes", value=metadata)
    assert graph(model, tmp_path)["graph"]["nodes"][0]["scope"] == scope


def test_an_opset_that_onnx_does_not_know(tmp_path: Path) -> None:
    (node,) = graph(parse("g (float[4] x) => (float[4] y) { y = Relu(x) }", 99), tmp_path)["graph"][
        "nodes"
    ]
    assert node["since"] is None and node["inputs"][0]["parameter"] == "input0"


def test_shapes_are_inferred_with_named_and_unknown_sizes(tmp_path: Path) -> None:
    text = (
        "g (float[N, 3] x, float[?] q) => (float y, float z) { h = Relu(x) y = Neg(h) z = Neg(q) }"
    )
    file = graph(parse(text, 13), tmp_path)
    relu = only(file, "Relu")
    assert relu["outputs"][0]["shape"] == ["N", 3]
    assert type_of(relu["outputs"][0]) == "float[N,3]"
    assert type_of(file["graph"]["inputs"][1]) == "float[?]"
