"""Files that violate the text of the specification although checker and runtime accept them."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.backend.test
import pytest
from builders.stage_files import graph, parse
from opset_atlas.findings.advice import surprises
from opset_atlas.graph.departures import departures
from opset_atlas.graph.reading import read
from opset_atlas.operators import definitions
from opset_atlas.operators.ranks import ranks

BACKEND = Path(onnx.backend.test.__file__).parent / "data"
VOLUME = """g (float[1, 2, 3, 4, 5] x, float[1, 2, 2, 2, 3] p) => (float[1, 2, 2, 2, 2] y) {
    y = GridSample(x, p) }"""
IMAGE = (
    "g (float[1, 2, 3, 4] x, float[1, 2, 2, 2] p) => (float[1, 2, 2, 2] y) { y = GridSample(x, p) }"
)
SUM = (
    "g (float[2, 3] x) => (float[2, 3] y) { a = Constant<value = int64%s {1}>() y = CumSum(x, a) }"
)


@pytest.mark.parametrize(
    ("op", "since", "parameter", "rank"),
    [
        ("GridSample", 16, "X", "rank 4"),
        ("GridSample", 20, "X", None),
        ("Clip", 13, "min", "rank 0"),
        ("CumSum", 14, "axis", "rank 0"),
        ("TopK", 11, "K", "rank 1"),
        ("RoiAlign", 10, "X", "rank 4"),
        ("Gather", 13, "data", "rank 1 or more"),
        ("Trilu", 14, "input", "rank 2 or more"),
        ("LSTM", 14, "X", "rank 3"),
        ("Attention", 23, "Q", None),  # 4-D or 3-D
        ("RotaryEmbedding", 23, "cos_cache", None),  # 2-D in one case, 3-D in the other
        ("OneHot", 11, "depth", None),  # scalar or of rank 1
        ("Softmax", 11, "input", None),  # coerced into 2-D
        ("Conv", 11, "B", None),
        ("Tanh", 1, "input", None),
    ],
)
def test_what_a_schema_says_of_a_rank(
    op: str, since: int, parameter: str, rank: str | None
) -> None:
    found = ranks(op, since).get(parameter)
    assert (str(found) if found else None) == rank
    if found:
        (formal,) = [p for p in definitions.inputs(op, since) if p.name == parameter]
        assert found.sentence in " ".join(formal.description.split())


def test_five_dimensions_in_an_operator_for_four(tmp_path: Path) -> None:
    model = parse(VOLUME, 16)
    onnx.checker.check_model(model)  # and so does onnxruntime
    found = departures(graph(model, tmp_path))
    assert [(each["operator"], each["parameter"], each["rank"]) for each in found] == [
        ("GridSample-16", "X", 5),
        ("GridSample-16", "grid", 5),
    ]
    assert found[0]["says"].startswith("4-D tensor of shape (N, C, H, W)")
    assert found[0]["url"] == "https://onnx.ai/onnx/operators/onnx__GridSample.html"
    assert departures(graph(parse(VOLUME, 20), tmp_path)) == []
    assert departures(graph(parse(IMAGE, 16), tmp_path)) == []


def test_a_list_of_one_is_no_scalar_and_equal_nodes_are_told_once(tmp_path: Path) -> None:
    text = (SUM % "[1]").replace("y = CumSum(x, a)", "b = CumSum(x, a) y = CumSum(b, a)")
    (found,) = departures(graph(parse(text, 14), tmp_path))
    assert (found["parameter"], found["rank"], found["nodes"]) == ("axis", 1, 2)
    assert departures(graph(parse(SUM % "", 14), tmp_path)) == []


def test_files_that_come_with_onnx_hold_to_its_text() -> None:
    models = sorted(BACKEND.rglob("model.onnx"))
    assert len(models) > 100
    assert {str(path): found for path in models if (found := departures(read(path)[0]))} == {}


def test_it_is_a_surprise_of_its_own_kind_where_a_file_is_delivered(tmp_path: Path) -> None:
    found = departures(graph(parse(VOLUME, 16), tmp_path))
    cell = {"model": "m", "exporter": "torchscript", "requested": 16, "detail": "", "delivered": 16}
    key = ("m", "torchscript", 16)
    first, second = surprises([{**cell, "outcome": "ok"}], [], departures={key: found})
    assert (first["kind"], first["requested"]) == ("off-text", 16)
    assert first["sentence"].startswith(
        "torchscript at opset 16: `X` of GridSample-16 has rank 5, which onnx's checker lets pass;"
        " the operator's text says: 4-D tensor of shape (N, C, H, W)"
    )
    assert "`grid` of GridSample-16" in second["sentence"]
    assert surprises([{**cell, "outcome": "ok"}], [], departures={}) == []
    (other,) = surprises([{**cell, "outcome": "invalid"}], [], departures={key: found})
    assert other["kind"] == "invalid"
