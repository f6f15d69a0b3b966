"""Wrong results as cards: causes, words, trackers, degenerate inputs."""

from __future__ import annotations

import pytest
from builders import located_record
from opset_atlas.findings import wrong
from opset_atlas.records import BlamedNode, CellVerdict, Located


def blamed(*texts: str, instead: str = "", **fields: object) -> Located:
    nodes: list[BlamedNode] = [
        {**located_record.finding("dynamo", 11)["nodes"][0], "text": text, "op": text.split("-")[0]}
        for text in texts
    ]
    base = located_record.finding("dynamo", 11)
    return {**base, "nodes": nodes, "instead": instead, **fields}  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            blamed(
                "ScatterElements-11(axis=1)",
                "Add-7",
                instead="torchscript at opset 16 has ScatterElements-16(axis=1, reduction=add).",
            ),
            "adds only the last value where indices repeat",
        ),
        (blamed("Softmax-1", right_at=13), "treats all axes from `axis` on as one"),
        (blamed("Softmax-1", right_at=None, difference="NaN at 3 positions"), "NaN at 3"),
        (blamed("ScatterElements-16(reduction=add)", instead="reduction=add"), "result is wrong"),
    ],
)
def test_nodes_that_tell_what_is_wrong_are_put_in_plain_words(found: Located, says: str) -> None:
    assert says in wrong.in_words(found).says


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (blamed("Add-7", fault="kernel"), "microsoft/onnxruntime"),
        (blamed("Add-7", fault="kernel", runtimes=["reference"]), "onnx/onnx"),
        (blamed("Add-7", exporter="torchscript"), "pytorch/pytorch"),
        (blamed("Softmax-1", right_at=13), "microsoft/onnxscript"),
        (blamed("Add-7", exporter="converter", right_at=None), "onnx/onnx"),
        (
            blamed("Add-7", exporter="converter", inherited="torchscript at opset 11"),
            "pytorch/pytorch",
        ),
    ],
)
def test_a_report_goes_to_whoever_is_at_fault(found: Located, name: str) -> None:
    assert wrong.tracker(found).name == name


def test_an_undecided_fault_is_no_certain_address() -> None:
    assert not wrong.tracker(blamed("Add-7", fault="undecided")).sure
    assert wrong.tracker(blamed("Add-7")).sure


def verdict(sets: list[str]) -> CellVerdict:
    made: CellVerdict = {
        "model": "m",
        "exporter": "dynamo",
        "requested": 11,
        "runtime": "onnxruntime",
        "verdict": "mismatch",
        "detail": "",
        "note": "",
        "outputs": [],
    }
    if sets:
        made["degenerate_only"] = sets
    return made


def test_a_cell_is_degenerate_only_where_it_is_so_in_every_runtime() -> None:
    assert wrong.degenerate_only([verdict(["zeros"]), verdict(["zeros", "ones"])]) == [
        "zeros",
        "ones",
    ]
    assert wrong.degenerate_only([verdict(["zeros"]), verdict([])]) == []
    assert wrong.degenerate_only([]) == []
