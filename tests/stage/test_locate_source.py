"""Which line of the user's code a blamed node comes from, if any file of the model says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from builders.stage_files import parse
from opset_atlas.base.files import write_json
from opset_atlas.records import VERSION
from opset_atlas.stages.locate.source import lines, warnings

LINE = "net.py:{}, forward: `{}`"


def file(path: Path, nodes: list[tuple[str, str, str, str]], opset: int = 18) -> onnx.ModelProto:
    """A chain of nodes: operator, name, module, and the code of their line, if recorded."""
    body = " ".join(f"v{i + 1} = {op}(v{i})" for i, (op, *_) in enumerate(nodes))
    model = parse(f"g (float[2] v0) => (float[2] v{len(nodes)}) {{ {body} }}", opset)
    for number, (node, (_, name, module, code)) in enumerate(
        zip(model.graph.node, nodes, strict=True), 3
    ):
        node.name = name
        if code:
            frame = f'File "net.py", line {number}, in forward\n    {code}'
            scopes = str(["", *([module] if module else []), "op"])
            node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=frame)
            node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scopes)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return model


def blamed(index: int, op: str, name: str = "", scope: str = "") -> Any:
    return {"index": index, "op": op, "domain": "", "name": name, "scope": scope}


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose newest file of the one exporter keeps lines."""
    monkeypatch.chdir(tmp_path)
    kept = [
        ("Relu", "node_relu", "head", "x = self.head(x)"),
        ("Abs", "node_abs", "head", "x = self.head(x)"),
        ("Neg", "node_neg", "", "x = -x"),
        ("Exp", "node_exp", "", "return x.exp()"),
    ]
    # Line numbers are by place; two nodes of one module are made one line.
    model = file(tmp_path / "m/dynamo/cells/opset_18.onnx", kept)
    model.graph.node[1].metadata_props[0].value = model.graph.node[0].metadata_props[0].value
    onnx.save(model, tmp_path / "m/dynamo/cells/opset_18.onnx")
    bare = [(op, name, module, "") for op, name, module, _ in kept]
    file(tmp_path / "m/dynamo/cells/opset_13.onnx", bare, 13)
    traced = [("Relu", "/head/Relu", "", ""), ("Neg", "/Neg", "", ""), ("Tanh", "/Tanh", "", "")]
    file(tmp_path / "m/torchscript/cells/opset_13.onnx", traced, 13)
    (tmp_path / "m/torchscript/cells/opset_14.onnx").write_bytes(b"no file")
    return tmp_path / "m"


def test_the_file_itself_says(exports: Path) -> None:
    path = exports / "dynamo/cells/opset_18.onnx"
    assert lines(path, exports, [blamed(2, "Neg")]) == LINE.format(5, "x = -x")
    both = lines(path, exports, [blamed(2, "Neg"), blamed(3, "Exp")])
    assert both == f"{LINE.format(5, 'x = -x')}; {LINE.format(6, 'return x.exp()')}"
    assert lines(path, exports, []) == ""


def test_a_converted_file_is_told_by_the_same_node_of_another(exports: Path) -> None:
    path = exports / "dynamo/cells/opset_13.onnx"
    assert lines(path, exports, [blamed(3, "Exp", "node_exp")]) == LINE.format(6, "return x.exp()")


def test_another_exporters_file_tells_where_a_modules_nodes_have_one_line(exports: Path) -> None:
    path = exports / "torchscript/cells/opset_13.onnx"
    found = lines(path, exports, [blamed(0, "Relu", "/head/Relu", "head")])
    assert found == LINE.format(3, "x = self.head(x)")
    # One node of the same operator in the module, among others.
    assert lines(path, exports, [blamed(1, "Neg", "/Neg")]) == LINE.format(5, "x = -x")
    # Two lines, and no node of the same operator: it could be either.
    assert lines(path, exports, [blamed(2, "Tanh", "/Tanh")]) == ""


def test_the_record_of_a_sweep_tells_what_a_traced_file_does_not(exports: Path) -> None:
    tanh = "net.py:7, forward: `return x.tanh()`"
    said = "Converting a tensor to a Python integer might be wrong. This means …"
    message = {"source": "TracerWarning", "place": "net.py:7: `return x.tanh()`", "text": said}
    record = {"version": VERSION, "stage": "export", "lines": {"/Tanh": tanh}}
    write_json(exports / "torchscript/record.json", record | {"cells": [{"messages": [message]}]})
    path = exports / "torchscript/cells/opset_13.onnx"
    assert lines(path, exports, [blamed(2, "Tanh", "/Tanh")]) == tanh
    assert warnings(path, exports, tanh) == [said]
    assert warnings(path, exports, tanh.replace(":7", ":77")) == []
    converted = exports / "converter/cells/opset_14.onnx"
    file(converted, [("Tanh", "/Tanh", "", "")], 14)
    assert lines(converted, exports, [blamed(0, "Tanh", "/Tanh")]) == tanh
    assert warnings(converted, exports, tanh) == [said]
