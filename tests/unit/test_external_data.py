"""The files with an ONNX file's tensors are found without onnx, in the way that onnx finds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from opset_atlas.onnx_files import external_data


def tensor(name: str, location: str = "") -> TensorProto:
    made = numpy_helper.from_array(np.zeros(4, np.float32), name)
    if location:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        for key, value in (("offset", "0"), ("location", location), ("length", "16")):
            made.external_data.add(key=key, value=value)
    return made


def save(path: Path, *initializers: TensorProto, nodes: tuple[onnx.NodeProto, ...] = ()) -> Path:
    graph = helper.make_graph([*nodes], "g", [], [], [*initializers])
    path.write_bytes(helper.make_model(graph).SerializeToString())
    for name in ("a.data", "sub/b.data", "c.data", "d.data", "e.data"):
        (path.parent / name).parent.mkdir(exist_ok=True)
        (path.parent / name).write_bytes(bytes(16))
    return path


def test_the_numbers_are_those_of_onnx() -> None:
    for message, fields in external_data._FIELDS.items():
        known = getattr(onnx, message).DESCRIPTOR.fields_by_number
        assert {n: known[n].message_type.name for n in fields} == fields
        # And no other field leads to a tensor.
        followed = {*external_data._FIELDS, "StringStringEntryProto"} - {"ModelProto"}
        others = {n for n, field in known.items() if field.message_type and n not in fields}
        left = {known[n].message_type.name for n in others} & followed
        assert left <= {"StringStringEntryProto"}, message  # metadata_props


def test_wherever_a_tensor_is(tmp_path: Path) -> None:
    inner = helper.make_graph([], "inner", [], [], [tensor("x", "sub/b.data")])
    nodes = (
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
        helper.make_node("Constant", [], ["z"], value=tensor("v", "c.data")),
    )
    path = save(tmp_path / "m.onnx", tensor("w", "a.data"), tensor("u"), nodes=nodes)
    model = onnx.load(path, load_external_data=False)
    body = [helper.make_node("Constant", [], ["k"], value=tensor("k", "d.data"))]
    model.functions.append(helper.make_function("own", "f", [], ["k"], body, []))
    path.write_bytes(model.SerializeToString())
    assert external_data.files(path) == ["a.data", "c.data", "d.data", "sub/b.data"]


@pytest.mark.parametrize("location", ["gone.data", "../a.data", "/etc/hostname", "", "sub"])
def test_what_is_not_there_or_outside_is_none(tmp_path: Path, location: str) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "a.data").write_bytes(bytes(16))
    assert external_data.files(save(tmp_path / "m/m.onnx", tensor("w", location or "."))) == []


def test_a_file_that_is_no_model_has_none(tmp_path: Path) -> None:
    whole = save(tmp_path / "m.onnx", tensor("w", "a.data")).read_bytes()
    other = tmp_path / "other.onnx"
    for content in (b"", b"location", b"\xff" * 99 + b"location", *(whole[:n] for n in range(99))):
        other.write_bytes(content)
        assert external_data.files(other) in ([], ["a.data"])
    assert external_data.files(tmp_path / "gone.onnx") == []


@pytest.mark.parametrize(
    ("domains", "expected"),
    [([("", 17)], 17), ([("own", 1), ("ai.onnx", 9)], 9), ([("own", 3)], None), ([], None)],
)
def test_the_opset_is_that_of_the_default_domain(
    tmp_path: Path, domains: list[tuple[str, int]], expected: int | None
) -> None:
    path = save(tmp_path / "m.onnx", tensor("w"))
    model = onnx.load(path)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*each) for each in domains)
    path.write_bytes(model.SerializeToString())
    assert external_data.default_opset(path) == expected


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 50])
def test_what_is_no_onnx_file_has_no_opset(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert external_data.default_opset(tmp_path / "m.onnx") is None
