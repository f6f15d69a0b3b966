"""From file to graph, text and picture: what stands in the file, under its formal names."""

from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from atlas import dump as dump_stage
from atlas import picture
from atlas.records import DumpRecord, GraphFile, Node, Port, write_json
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from .stage_files import graph, parse

needs_dot = pytest.mark.skipif(not picture.has_dot(), reason="graphviz's `dot` is not installed")


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
    assert picture.operator(twist) == "my.domain::Twist"


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


IF = """g (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
    h = Relu(x)
    y = If (c) <
        then_branch = t () => (float[2] a) {
            k = Constant<value = float[2] {5.0, 6.0}>()
            s = Add(h, k)
            a = Mul(s, w)
        },
        else_branch = e () => (float[2] b) { b = Neg(x) }
    >
}"""


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
    text = picture.as_text(file)
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
    assert "function my:Scaled" in picture.as_text(file)


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
    assert picture.type_of(relu["outputs"][0]) == "float[N,3]"
    assert picture.type_of(file["graph"]["inputs"][1]) == "float[?]"


HOSTILE = {
    "script": "<script>alert(1)</script>",
    "close": "--></title></svg><script>alert(1)</script>",
    "quotes": "\"'`><img src=x onerror=alert(1)>",
    "backslash": '\\N\\E\\G\\"\\',
    "html label": "<<b>bold</b>>",
    "entity": "&lt;&#0;&bogus;&",
    "url": "javascript:alert(1)",
    "control": "a\x01\x02\x1b[31m\x7f\x85b",
    "newlines": "a\nb\r\nc\td\x0b\x0c",
    "bidi": "abc\u202egnp\u202c\u2066x\u2069\u061c",
    "invisible": "a\u200b\u00adb\ufeff\u2060\u2028\u2029",
    "noncharacter": "a\ufffe\uffffb\U000e0041",
    "letters": "Größe 層 🙂",
    "long": "x" * (1 << 20),
    "spaces": "   ",
    "empty": "",
}
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069]")


def hostile(name: str) -> onnx.ModelProto:
    """A model in which every string is `name`."""
    value = make_tensor_value_info(name or "x", TensorProto.FLOAT, [name or "N", 4])
    nodes = [
        make_node("Relu", [name or "x"], [f"{name}1"], name=f"/{name}/Relu", doc_string=name),
        make_node(
            name or "Op", [f"{name}1", "w", ""], [f"{name}2"], domain="my", mode=name, b=[name]
        ),
        make_node("Cast", [f"{name}2"], [f"{name}3"], to=1),
        make_node("Resize", [f"{name}3", "", "w"], ["y"], mode=name or "nearest"),
    ]
    graph_ = make_graph(
        nodes, name, [value], [make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [from_array(np.ones(4, np.float32), "w")], doc_string=name,
    )  # fmt: skip
    model = make_model(
        graph_, opset_imports=[make_opsetid("", 13), make_opsetid("my", 1)], producer_name=name
    )
    model.graph.node[0].metadata_props.add(
        key="pkg.torch.onnx.name_scopes", value=repr([name, name, "x"])
    )
    return model


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(tmp_path: Path, name: str) -> None:
    file = graph(hostile(HOSTILE[name]), tmp_path)
    assert file["graph"]["nodes"][1]["op"] == (HOSTILE[name] or "Op")  # the data keep it as it is
    text = picture.as_text(file)
    assert not FORBIDDEN.search(text)
    assert max(map(len, text.splitlines())) <= 500
    assert len(text.splitlines()) == len(
        picture.as_text(graph(hostile("z"), tmp_path)).splitlines()
    )


@needs_dot
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_in_the_picture(tmp_path: Path, name: str) -> None:
    svg, notice = picture.as_svg(graph(hostile(HOSTILE[name]), tmp_path))
    assert notice == "" and svg.startswith("<svg")
    assert len(svg) < 20_000
    root = ET.fromstring(svg)  # well-formed, or this raises
    plain = ET.fromstring(picture.as_svg(graph(hostile("z"), tmp_path))[0])
    assert elements(root) == elements(plain) <= {"svg", "g", "path", "polygon", "text", "title"}
    for element in root.iter():
        assert not any(key.lower().startswith("on") for key in element.attrib)
        assert not any("href" in key for key in element.attrib)
        assert not FORBIDDEN.search("".join(element.itertext()).replace("\n", ""))
    if name in {"script", "quotes", "entity", "letters"}:
        shown = " ".join(" ".join(root.itertext()).replace("\u00a0", " ").split())
        assert HOSTILE[name] in shown


def elements(root: ET.Element) -> set[str]:
    found = {element.tag.rpartition("}")[2] for element in root.iter()}
    return found - {"polyline", "ellipse"}


@needs_dot
def test_what_the_picture_shows(tmp_path: Path) -> None:
    text = """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y, float[2] c) {
        roi = Constant<value = float[0] {}>()
        scales = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>()
        h = Relu(x)
        y = Resize<coordinate_transformation_mode = "align_corners">(h, roi, scales)
        c = Constant<value = float[2] {7.0, 8.0}>()
    }"""
    svg, _ = picture.as_svg(graph(parse(text, 11), tmp_path))
    words = " ".join(" ".join(ET.fromstring(svg).itertext()).replace("\u00a0", " ").split())
    for expected in ("Resize-11", "roi", "empty float[0]", "align_corners", "Relu-6", "X float["):
        assert expected in words, expected
    assert "sizes omitted" in words
    # Constants are rows of their readers; one that is a result of the graph is drawn itself.
    assert words.count("Constant-11") == 1 and "7.0, 8.0" in words
    labels = [e for e in ET.fromstring(svg).iter() if "op node-" in e.attrib.get("class", "")]
    assert len(labels) == 3


def test_too_many_nodes_for_a_picture(tmp_path: Path) -> None:
    steps = " ".join(f"v{i + 1} = Relu(v{i})" for i in range(301))
    file = graph(parse(f"g (float[4] v0) => (float[4] v301) {{ {steps} }}", 13), tmp_path)
    svg, notice = picture.as_svg(file)
    assert svg == "" and notice.startswith("301 nodes are too many")
    assert picture.as_text(file).count("Relu-13") == 301


def export_of(folder: Path, files: dict[int, Any]) -> Path:
    """An export folder with these files: models, bytes, or None for a refused cell."""
    (folder / "cells").mkdir(parents=True)
    cells = []
    for opset, content in files.items():
        name = f"opset_{opset}.onnx" if content is not None else None
        if name:
            content = content if isinstance(content, bytes) else content.SerializeToString()
            (folder / "cells" / name).write_bytes(content)
        cells.append({"requested": opset, "file": name})
    record = {"version": 1, "stage": "export", "model": "m", "exporter": "torchscript"}
    write_json(folder / "record.json", {**record, "cells": cells})
    return folder


def run_dump(folder: Path, files: dict[int, Any]) -> DumpRecord:
    return dump_stage.dump(export_of(folder / "export", files), folder / "dump")


RELU = "g (float[4] x) => (float[4] y) { y = Relu(x) }"


def test_equal_graphs_are_written_once(tmp_path: Path) -> None:
    annotated = parse(RELU, 13)
    annotated.doc_string = annotated.graph.node[0].doc_string = "from another folder"
    files = {12: parse(RELU, 12), 13: annotated, 14: parse(RELU, 14), 15: parse(RELU, 15)}
    record = run_dump(tmp_path, files)
    keys = [cell["graph"] for cell in record["cells"]]
    assert keys[2] == keys[3] and len(set(keys)) == 3  # Relu-6, Relu-13, Relu-14
    assert record["graphs"].keys() == set(keys)
    assert [cell["imports"] for cell in record["cells"]] == [{"": n} for n in (12, 13, 14, 15)]
    entry = record["graphs"][str(keys[0])]
    assert (entry["nodes"], entry["operators"]) == (1, {"Relu-6": 1})
    for name in (entry["json"], entry["text"], *filter(None, [entry["picture"]])):
        assert (tmp_path / "dump/graphs" / name).stat().st_size > 0


def test_files_that_cannot_be_read_are_said_and_cost_nothing_else(tmp_path: Path) -> None:
    whole = parse(RELU, 13).SerializeToString()
    files = {9: b"", 10: b"garbage", 11: whole[:-9], 12: None, 13: whole}
    record = run_dump(tmp_path, files)
    assert [bool(cell["detail"]) for cell in record["cells"]] == [True, True, True, False, False]
    assert [bool(cell["graph"]) for cell in record["cells"]] == [False] * 4 + [True]


def test_every_prefix_and_many_flipped_bits_of_a_file(tmp_path: Path) -> None:
    """Reading a damaged file gives a graph or an exception, never a crash or a hang."""
    whole = parse(IF, 16).SerializeToString()
    damaged = {1000 + n: whole[:n] for n in range(1, len(whole), 7)}
    for bit in range(0, len(whole) * 8, 37):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged[100_000 + bit] = bytes(flipped)
    record = run_dump_without_pictures(tmp_path, damaged)
    assert len(record["cells"]) == len(damaged)
    readable = sum(cell["graph"] is not None for cell in record["cells"])
    assert 20 < readable < len(damaged)
    assert all(cell["graph"] or cell["detail"] for cell in record["cells"])


def run_dump_without_pictures(folder: Path, files: dict[int, Any]) -> DumpRecord:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "")
        return run_dump(folder, files)


def test_without_dot_everything_but_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    record = run_dump(tmp_path, {13: parse(RELU, 13)})
    (entry,) = record["graphs"].values()
    assert entry["picture"] == "" and "graphviz is not installed" in entry["notice"]
    assert (tmp_path / "dump/graphs" / entry["text"]).exists()
    # The control: a `dot` that fails is a notice too, with what it said.
    (tmp_path / "dot").write_text("#!/bin/sh\necho 'out of \x1b[31mink' >&2\nexit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    svg, notice = picture.as_svg(graph(parse(RELU, 13), tmp_path))
    assert svg == "" and "graphviz failed" in notice and "\x1b" not in notice


def test_the_same_bytes_again(tmp_path: Path) -> None:
    made = []
    for name in ("one", "another é"):
        folder = tmp_path / name
        export_of(folder / "export", {13: parse(IF, 16), 14: parse(RELU, 14)})
        arguments = ["--export", str(folder / "export"), "--output", str(folder / "dump")]
        dump_stage.main(arguments)
        dump_stage.main(arguments)  # over what is there
        files = sorted((folder / "dump").rglob("*.*"))
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert len(made[0]) == (7 if shutil.which("dot") else 5)
