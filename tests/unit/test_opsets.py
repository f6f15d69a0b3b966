"""The table of opsets: what a step brings and costs, and what onnx's own converter lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper, version_converter
from opset_atlas.base.messages import describe
from opset_atlas.findings.opsets import (
    float_types,
    missing_steps,
    opset_row,
)
from opset_atlas.graph.reading import read
from opset_atlas.operators import definitions
from opset_atlas.operators.conversions import (
    FAILED,
    named,
    named_operator,
    refusal,
    what_lies_between,
)
from opset_atlas.records import GraphFile


def one_node(op: str, opset: int) -> onnx.ModelProto:
    """A file of one node with all its inputs and outputs; most of them no runtime could run."""
    since = definitions.in_force(op, opset)
    assert since is not None
    ins = [f"i{parameter.index}" for parameter in definitions.inputs(op, since)]
    outs = [f"o{parameter.index}" for parameter in definitions.outputs(op, since)]
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in names]
        for names in (ins, outs)
    ]
    graph = helper.make_graph([helper.make_node(op, ins, outs)], "g", *values)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def refused(op: str, opset: int, target: int) -> str:
    """What onnx's converter says as it refuses one step, as the export stage keeps it."""
    with pytest.raises(RuntimeError) as error:
        version_converter.convert_version(one_node(op, opset), target)
    return describe(error.value)


# What a version converter lacks


def test_a_step_back_that_only_adds_types_is_said_to_lose_nothing_else() -> None:
    message = refused("Relu", 14, 11)
    assert refusal(message, 11) == (
        "no adapter for Relu 14 → 13: Relu-14 only adds types (int16, int32, int64, int8),"
        " so a node of the older types means the same in Relu-13"
    )


def test_a_step_that_would_lose_more_says_what() -> None:
    text = refusal(refused("TopK", 11, 9), 9)
    assert text == (
        "no adapter for TopK 11 → 10: TopK-11 changes more than types (attribute largest added,"
        " attribute sorted added), and results can differ"
    )
    assert refusal(refused("Slice", 11, 9), 9) == (
        "no adapter for Slice 11 → 10: Slice-11 changes its text only"
    )


def test_a_step_is_named_in_the_direction_of_the_conversion() -> None:
    assert refusal(refused("Cast", 5, 6), 6).startswith("no adapter for Cast 1 → 6: Cast-6 changes")
    message = refused("Add", 13, 12)
    assert "No Adapter To Version $12" in message
    down = refusal(message, 12, [13, 14])
    assert down.startswith("no adapter for Add 13 → 7: Add-13 only adds types (bfloat16)")
    # Where no other opset says on which side the base is, neither does the text.
    assert refusal(message, 12) == "no adapter to version 12 for Add"


def test_an_operator_that_did_not_exist_yet_has_no_step_at_all() -> None:
    message = refused("GridSample", 16, 15)
    assert refusal(message, 9) == "GridSample exists only since opset 16"


def test_a_type_that_an_older_version_does_not_take_is_named() -> None:
    equal = one_node("Equal", 11)
    with pytest.raises(RuntimeError) as error:
        version_converter.convert_version(equal, 10)
    assert refusal(str(error.value), 10) == "Equal takes no tensor(float) at opset 10"
    assert named_operator(str(error.value)) == "Equal"


def test_an_attribute_that_an_adapter_gives_up_over_is_named() -> None:
    scatter = one_node("ScatterElements", 16)
    scatter.graph.node[0].attribute.append(helper.make_attribute("reduction", "add"))
    with pytest.raises(RuntimeError) as error:
        version_converter.convert_version(scatter, 15)
    assert named(str(error.value)) == ("", "reduction")
    assert named("ValueError: the attribute x is no number") == ("", "")


def test_an_adapter_that_gives_up_is_quoted() -> None:
    text = refusal(refused("BatchNormalization", 13, 14), 14)
    assert text == (
        "the converter gives up: BatchNormalization outputs 4 and 5 are not supported in Opset 14."
    )


@pytest.mark.parametrize("message", ["", "SymbolicValueError: no", "ValueError: No Adapter"])
def test_a_refusal_of_another_exporter_is_no_missing_step(message: str) -> None:
    assert refusal(message, 9) == ""


def test_every_lookup_that_fails_is_named_with_the_step_that_failed() -> None:
    """Over every transition of onnx, both ways: versions and `types only` as in the schemas."""
    seen = {"up": 0, "down": 0, "types only": 0}
    for op in definitions.operators():
        for old, new in pairwise(definitions.versions(op)):
            for source, target in ((new - 1, new), (new, new - 1)):
                try:
                    version_converter.convert_version(one_node(op, source), target)
                except RuntimeError as error:
                    if "No Adapter From" not in str(error) and "No Adapter To" not in str(error):
                        continue
                    up = target > source
                    text = refusal(describe(error), target, [source])
                    ends = (old, new) if up else (new, old)
                    assert f"no adapter for {op} {ends[0]} → {ends[1]}: {op}-{new}" in text
                    only = definitions.down_is_types_only(op, new, old)
                    assert ("only adds types" in text) == only
                    seen["up" if up else "down"] += 1
                    seen["types only"] += only
    assert min(seen.values()) > 10


def test_what_lies_between_never_calls_a_change_of_meaning_types_only() -> None:
    for op in definitions.operators():
        for old, new in pairwise(definitions.versions(op)):
            text = what_lies_between(op, new, old)
            assert text == what_lies_between(op, old, new)
            assert "()" not in text and len(text) < 400, text
            if any(note.numeric for note in definitions.notes(op, old, new)):
                assert text.endswith("and results can differ")
            else:
                assert "results can differ" not in text


def test_equal_refusals_of_several_opsets_are_told_once() -> None:
    cells = [
        {
            "requested": opset,
            "outcome": outcome,
            "detail": f"{FAILED}Mish exists only since opset 18",
        }
        for opset, outcome in ((9, "refused"), (10, "moved"), (12, "refused"))
    ]
    assert missing_steps(cells) == "9–10, 12: Mish exists only since opset 18"
    assert missing_steps([{**cells[0], "detail": "ValueError: no"}]) == ""
    assert missing_steps([{**cells[0], "outcome": "ok"}]) == ""


# Types


def graph_of(tmp_path: Path, nodes: Iterable[onnx.NodeProto], opset: int) -> GraphFile:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [2, 3])],
        [value("y", TensorProto.FLOAT, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [3, 2])],
    )
    path = tmp_path / "model.onnx"
    imports = [helper.make_opsetid("", opset)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return read(path)[0]


def test_a_type_counts_where_every_operator_takes_it(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    floats = {"float", "float16", "double"}
    assert float_types(graph_of(tmp_path, nodes, 12)["graph"]) == floats
    assert float_types(graph_of(tmp_path, nodes, 13)["graph"]) == {*floats, "bfloat16"}
    # Conv does not accept it before 22, so neither does a graph with one.
    conv = [helper.make_node("Conv", ["x", "x"], ["y"])]
    assert float_types(graph_of(tmp_path, conv, 21)["graph"]) == floats


def test_constants_and_operators_without_a_schema(tmp_path: Path) -> None:
    constant = helper.make_tensor("", TensorProto.FLOAT, [4], [1.0, 1.0, 2.0, 2.0])
    nodes = [
        helper.make_node("Constant", [], ["s"], value=constant),
        helper.make_node("Resize", ["x", "", "s"], ["y"]),
    ]
    # `scales` is always float; it is a constant and may stay so.
    assert "bfloat16" in float_types(graph_of(tmp_path, nodes, 13)["graph"])
    foreign = [helper.make_node("Relu", ["x"], ["y"], domain="my.own")]
    graph = graph_of(tmp_path, foreign, 13)["graph"]
    for port in (*graph["nodes"][0]["inputs"], *graph["nodes"][0]["outputs"]):
        port["dtype"] = "float"
    assert float_types(graph) == frozenset()


# A row


SWEEP = {"model": "m", "exporter": "e"}


def cell(opset: int, outcome: str = "ok", nodes: int = 5, ir: int = 7) -> dict[str, Any]:
    return {
        "requested": opset,
        "outcome": outcome,
        "detail": "",
        "nodes": nodes if outcome == "ok" else None,
        "ir_version": ir if outcome == "ok" else None,
    }


def row(
    cells: list[dict[str, Any]],
    verdicts: Mapping[int, Mapping[str, str]],
    steps: Mapping[int, list[dict[str, Any]]],
    ranges: Iterable[tuple[int, int]] = (),
) -> dict[str, Any]:
    """`verdicts`: opset -> runtime -> verdict; `steps`: the opset gone to -> changes."""
    compared = {
        "steps": [
            {
                "from_opset": to - 1,
                "to_opset": to,
                "from_graph": "a",
                "to_graph": "b",
                "changes": changes,
            }
            for to, changes in steps.items()
        ],
        "ranges": [{"first": a, "last": b, "graph": "a"} for a, b in ranges],
    }
    found = [
        {**SWEEP, "requested": opset, "runtime": runtime, "verdict": verdict}
        for opset, each in verdicts.items()
        for runtime, verdict in each.items()
    ]
    sweep = SWEEP["model"], SWEEP["exporter"]
    return opset_row(sweep, cells, found, compared, [], {}.__getitem__)  # type: ignore[arg-type]


def change(op: str, cause: str, gone: int) -> dict[str, Any]:
    places = [{"from_node": n, "to_node": None, "name": "", "scope": ""} for n in range(gone)]
    return {"op_type": op, "cause": cause, "places": places}


def test_what_exports_and_what_is_right() -> None:
    cells = [cell(9, "refused"), cell(10, "moved"), cell(11, "invalid"), cell(12), cell(13)]
    verdicts = {
        10: {"ort": "exact"},
        12: {"ort": "exact", "reference": "mismatch"},
        13: {"ort": "exact", "reference": "within-noise"},
    }
    found = row(cells, verdicts, {}, [(12, 13)])
    assert found["lowest_exporting"] == 12
    assert (found["lowest_right"], found["highest_right"]) == (13, 13)
    assert (found["ranges"], found["steps"]) == ("12–13", 0)
    assert found["brings"] == "13: right results (before: mismatch in reference)"


def test_nothing_exported_is_an_answer() -> None:
    found = row([cell(9, "refused"), cell(10, "moved")], {10: {"ort": "exact"}}, {})
    assert found["lowest_exporting"] is found["lowest_right"] is found["highest_right"] is None
    assert (found["ranges"], found["steps"], found["brings"], found["costs"]) == ("", 0, "", "")


def test_a_runtime_that_is_not_there_says_nothing_against_an_opset() -> None:
    found = row([cell(12)], {12: {"ort": "exact", "openvino": "unavailable"}}, {})
    assert found["lowest_right"] == 12
    assert row([cell(12)], {12: {"openvino": "unavailable"}}, {})["lowest_right"] is None


def test_a_fused_operator_and_fewer_nodes_are_what_a_step_brings() -> None:
    cells = [cell(16, nodes=11, ir=8), cell(17, nodes=3, ir=8)]
    fused = change("LayerNormalization", "replacement", 9)
    found = row(cells, {}, {17: [fused, change("Add", "schema", 2)]}, [(16, 16), (17, 17)])
    assert found["brings"] == "17: fewer nodes: 11 → 3, LayerNormalization in place of 9 nodes"
    assert found["costs"] == "17: a runtime that reads opset 17 (onnx 1.12)"
    assert (found["ranges"], found["steps"]) == ("16, 17", 1)


def test_more_nodes_a_newer_ir_and_a_lost_kernel_are_what_it_costs() -> None:
    cells = [cell(12, nodes=1, ir=6), cell(13, nodes=2, ir=7)]
    verdicts = {12: {"ort": "exact"}, 13: {"ort": "no-kernel"}}
    found = row(cells, verdicts, {13: [change("ReduceSum", "schema", 1)]})
    assert found["brings"] == ""
    assert found["costs"] == (
        "13: more nodes: 1 → 2, a runtime that reads opset 13 and IR 7 (onnx 1.8),"
        " no longer right: no kernel in ort"
    )


def test_a_step_without_a_change_costs_nothing() -> None:
    found = row([cell(12, ir=6), cell(13, ir=7)], {}, {13: []})
    assert (found["brings"], found["costs"], found["steps"]) == ("", "", 0)
