"""Operators by opset, and the words of a strip."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto, helper
from opset_atlas.graph.reading import aten_names
from opset_atlas.stages.report.matrix import AGREES, Block, Line, State
from opset_atlas.stages.report.operators import Operator, Use
from opset_atlas.stages.report.overview import faults, in_words, squares

OPSETS = [11, 12, 13, 14]


def located(operators: str, requested: int, runtime: str = "ort") -> dict[str, Any]:
    row = {"model": "m", "exporter": "dynamo", "fault": "file", "right_at": 13}
    return {**row, "operators": operators, "requested": requested, "runtime": runtime}


def softmax() -> Operator:
    old = Use("m", "dynamo", 11, None, [11, 12], (1, 1))
    new = Use("m", "dynamo", 13, None, [13], (1, 1))
    moved = Use("m", "dynamo", 18, 18, [14], (1, 1))
    return Operator("", "Softmax", [old, new, moved])


def test_a_wrong_result_is_of_the_operators_that_it_names_and_of_no_attribute() -> None:
    rows = [
        located("Softmax-11(axis=1, note='Log-6 (x)')", 11),
        located("Softmax-11(axis=1, note='Log-6 (x)')", 12),
        located("Softmax-11(axis=1, note='Log-6 (x)')", 12, "other"),
        located("Sigmoid-6, Log-6", 11),
    ]
    found = faults(rows)
    assert sorted(found) == [("", "Log"), ("", "Sigmoid"), ("", "Softmax")]
    (fault,) = found["", "Softmax"]
    assert (fault.opsets, fault.runtimes, fault.alone) == ([11, 12], ["ort", "other"], True)
    assert not found["", "Log"][0].alone


def test_a_square_says_version_fault_and_where_another_version_begins() -> None:
    wrong = faults([located("Softmax-11", 11), located("Softmax-11, Exp-6", 12)])["", "Softmax"]
    row = squares(softmax(), OPSETS, wrong)
    assert [square.key for square in row] == ["wrong", "partly", "agrees", "blank"]
    assert [square.new for square in row] == [False, False, True, False]
    assert in_words(row) == (
        "version 11 at 11–12, version 13 at 13, wrong at 11, among nodes that are wrong at 12"
    )


def test_a_strip_joins_neighbors_of_one_outcome_in_words_but_not_for_the_filter() -> None:
    refused = State("refused", "–", "refused", "none")
    blocks = [
        Block(11, 11, refused, None, []),
        Block(12, 12, AGREES, "a", []),
        Block(13, 14, AGREES, "b", [], None, 2),
    ]
    line = Line("m", "dynamo", blocks)
    assert line.words == "11 refused; 12–14 agrees"
    assert line.at == "refused:11-11 agrees:12-12 agrees:13-14"


def test_what_a_node_was_in_torch_is_read_from_its_class_hierarchy() -> None:
    nodes = [helper.make_node(op, ["x"], [f"y{n}"]) for n, op in enumerate(["Exp", "Exp", "Log"])]
    for node, value in zip(nodes, ["aten.exp.default", "aten.expm1.default", "Net"], strict=True):
        entry = node.metadata_props.add()
        entry.key, entry.value = "pkg.torch.onnx.class_hierarchy", f"['m.Net', '{value}']"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph(nodes, "g", [x], []))
    assert aten_names(model) == {"Exp": ["aten.exp", "aten.expm1"]}
