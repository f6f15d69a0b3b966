"""A graph as text and as a picture: what they show, and that names stay names."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders.stage_files import graph, parse
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array
from opset_atlas.drawing.picture import picture
from opset_atlas.graph.as_text import as_text

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
    text = as_text(file)
    assert not FORBIDDEN.search(text)
    assert max(map(len, text.splitlines())) <= 500
    assert len(text.splitlines()) == len(as_text(graph(hostile("z"), tmp_path)).splitlines())


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_in_the_picture(tmp_path: Path, name: str) -> None:
    svg, notice = picture(graph(hostile(HOSTILE[name]), tmp_path))
    assert notice == "" and svg.startswith("<svg")
    assert len(svg) < 20_000
    root = ET.fromstring(svg)  # well-formed, or this raises
    plain = ET.fromstring(picture(graph(hostile("z"), tmp_path))[0])
    assert elements(root) == elements(plain)
    assert elements(root) <= {"svg", "style", "g", "marker", "rect", "path", "text"}
    for element in root.iter():
        assert not any(key.lower().startswith("on") for key in element.attrib)
        assert not any("href" in key for key in element.attrib)
        assert not FORBIDDEN.search("".join(element.itertext()).replace("\n", ""))
    if name in {"script", "quotes", "entity", "letters"}:
        shown = " ".join(" ".join(root.itertext()).replace("\u00a0", " ").split())
        assert HOSTILE[name] in shown


def elements(root: ET.Element) -> set[str]:
    return {element.tag.rpartition("}")[2] for element in root.iter()}


def test_what_the_picture_shows(tmp_path: Path) -> None:
    text = """g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y, float[2] c) {
        roi = Constant<value = float[0] {}>()
        scales = Constant<value = float[4] {1.0, 1.0, 2.0, 2.0}>()
        h = Relu(x)
        y = Resize<coordinate_transformation_mode = "align_corners">(h, roi, scales)
        c = Constant<value = float[2] {7.0, 8.0}>()
    }"""
    svg, _ = picture(graph(parse(text, 11), tmp_path))
    words = " ".join(" ".join(ET.fromstring(svg).itertext()).replace("\u00a0", " ").split())
    for expected in ("Resize-11", "roi", "empty float[0]", "align_corners", "Relu-6", "X float["):
        assert expected in words, expected
    assert "sizes omitted" in words
    # Constants are rows of their readers; one that is a result of the graph is drawn itself.
    assert words.count("Constant-11") == 1 and "7.0, 8.0" in words
    boxes = [e for e in ET.fromstring(svg).iter() if e.attrib.get("class") == "box node"]
    assert len(boxes) == 3


def test_too_many_nodes_for_a_picture(tmp_path: Path) -> None:
    steps = " ".join(f"v{i + 1} = Relu(v{i})" for i in range(301))
    file = graph(parse(f"g (float[4] v0) => (float[4] v301) {{ {steps} }}", 13), tmp_path)
    svg, notice = picture(file)
    assert svg == "" and notice.startswith("301 nodes are too many")
    assert as_text(file).count("Relu-13") == 301
