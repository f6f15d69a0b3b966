"""Dynamic dimensions: files run at sizes other than the traced one, and failures are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from builders.parity_files import exported
from builders.stage_files import parse, run_define, run_export, settings
from opset_atlas.config.specs import Specs
from opset_atlas.findings import advice
from opset_atlas.models import sizes
from opset_atlas.records import CellVerdict, ParityRecord
from opset_atlas.stages import parity
from opset_atlas.stages.judge import judge
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[2]
AXES = {"x": {"0": "batch", "1": "length"}, "y": {"0": "length"}}
ITEMS = [{"name": "x", "shape": [2, 5, 4]}, {"name": "y", "shape": [5]}]
MODELS = """
from torch import nn

class Adds(nn.Module):
    def forward(self, x, y):
        if x.shape[1] > 8 or x.shape[0] == 1 or x.shape[1] % 2 == 0:
            raise RuntimeError(f"cannot take {list(x.shape)}")
        return x + y[:, None]
"""
MODEL = {"factory": "models.py:Adds", "inputs": ITEMS, "dynamic_shapes": AXES}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(limit: int = 1000, **chosen: list[int]) -> tuple[dict[str, list[list[int]]], list[str]]:
    """Shapes by set of a model that takes lengths up to `limit`, and the notes."""
    shapes: dict[str, list[list[int]]] = {}

    def run(name: str, items: list[dict[str, Any]]) -> None:
        if items[1]["shape"][0] > limit:
            raise ValueError("too long")
        shapes[name] = [item["shape"] for item in items]

    notes = sizes.run_at_others(ITEMS, AXES, chosen, "random-0", run)
    return shapes, notes


def test_each_dimension_larger_all_larger_and_all_of_size_one() -> None:
    shapes, notes = ran()
    assert shapes == {
        "random-0@batch=5": [[5, 5, 4], [5]],
        "random-0@length=11": [[2, 11, 4], [11]],
        "random-0@batch=5,length=11": [[5, 11, 4], [11]],
        "random-0@batch=1,length=1": [[1, 1, 4], [1]],
    }
    assert notes == []


def test_where_the_model_does_not_run_the_next_size_is_tried() -> None:
    shapes, notes = ran(limit=6)
    assert shapes["random-0@length=6"] == [[2, 6, 4], [6]]
    assert "random-0@batch=3,length=6" in shapes
    shapes, notes = ran(limit=5)
    assert list(shapes) == ["random-0@batch=5", "random-0@batch=1,length=1"]
    assert notes[0] == (
        "the model itself does not run with a larger length (length=11: ValueError: too long)"
    )


def test_chosen_sizes_stand_instead() -> None:
    shapes, _ = ran(batch=[1, 2, 4])
    assert list(shapes) == [
        "random-0@batch=1",
        "random-0@batch=4",
        "random-0@length=11",
        "random-0@length=1",
    ]
    shapes, notes = ran(limit=6, length=[3, 8])
    assert list(shapes) == ["random-0@length=3", "random-0@batch=5", "random-0@batch=1"]
    assert "length=8: ValueError: too long" in notes[0]
    with pytest.raises(ValueError, match="no dimension width; there are: batch, length"):
        ran(width=[3])


def test_sizes_of_one_that_cannot_be_smaller() -> None:
    (trial,) = sizes.plan({"n": 1}, {})
    assert trial.candidates == [{"n": 3}, {"n": 2}, {"n": 2}]


def test_the_sizes_that_a_model_is_frozen_at(root: Path) -> None:
    record = run_define(root, MODEL, input_sets=["random-0", "zeros"])
    names = [entry["name"] for entry in record["sets"]]
    assert names == ["random-0", "zeros", "random-0@batch=5"]
    assert all(entry["float64"] and not entry["random"] for entry in record["sets"])
    assert "does not run with a larger length (length=11: RuntimeError" in record["detail"]
    assert [port["shape"] for port in record["inputs"]] == [[2, 5, 4], [5]]
    given = load_file(root / "results/define/m/inputs.safetensors")
    reference = load_file(root / "results/define/m/reference.safetensors")
    assert given["random-0@batch=5/0"].shape == (5, 5, 4)
    assert reference["random-0@batch=5/float64/0"].shape == (5, 5, 4)


def test_a_model_without_variable_dimensions_runs_as_it_is(root: Path) -> None:
    record = run_define(root, {**MODEL, "dynamic_shapes": None})
    assert [entry["name"] for entry in record["sets"]] == ["random-0"]
    assert record["detail"] == ""


def graph(x: str, body: str) -> onnx.ModelProto:
    """x of shape `x` to y, by `body`, whose inner dimensions nothing declares."""
    model = parse(f"g (float[{x}] x) => (float[{x}] y) {{ {body} }}", 13)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return model


DOUBLE = "two = Constant<value_float=2.0>() y = Mul(x, two)"
FILES = {
    "right": (graph("N, 3", DOUBLE), "within-noise|exact", ""),
    "fixed": (
        graph("2, 3", DOUBLE),
        "fixed-size",
        "does not run: Got invalid dimensions for input: x for the following indices "
        "index: 0 Got: 5 Expected: 2;",
    ),
    "baked": (
        graph("N, 3", f"shape = Constant<value_ints=[2, 3]>() z = Reshape(x, shape) "
              f"{DOUBLE.replace('x,', 'z,')}"),
        "fixed-size",
        "not with N=5: does not run: Reshape node '': The input tensor cannot be reshaped to the "
        "requested shape. Input shape:{5,3}, requested shape:{2,3};",
    ),
    "other numbers": (
        graph("N, 3", f"zero = Constant<value_ints=[0]>() two_ = Constant<value_ints=[2]>() "
              f"a = Slice(x, zero, two_) s = Shape(x) b = Expand(a, s) {DOUBLE}"),
        "within-noise|exact",
        "",
    ),
    "wrong anyway": (
        graph("2, 3", DOUBLE.replace("2.0", "2.5")),
        "mismatch",
        "worst on random-0: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [key for key in FILES if key != "other numbers"])
def test_a_file_that_holds_to_one_size_is_named(name: str, root: Path) -> None:
    model, verdict, detail = FILES[name]
    onnx.save(graph("N, 3", DOUBLE), root / "net.onnx")
    given = {"onnx": "net.onnx", "inputs": [{"name": "x", "shape": [2, 3]}]}
    record = run_define(root, given)
    assert [entry["name"] for entry in record["sets"]] == [
        "random-0",
        "random-0@N=5",
        "random-0@N=1",
    ]
    (cell,) = judged(root, exported(root / "export", {13: model}))
    assert cell["verdict"] in verdict.split("|"), cell
    assert detail in cell["detail"]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([2, 3], "axis 0 of `y` is declared as 2 and is 5 with N=5: the file fixes a size"),
        (["N", 4], "axis 1 of `y` is declared as 4 and is 3"),
        (["N", 3], ""),
        ([None, None], ""),
    ],
)
def test_a_right_file_that_declares_another_shape(
    sizes: list[int | str | None], told: str, root: Path
) -> None:
    model = graph("N, 3", DOUBLE)
    onnx.save(model, root / "net.onnx")
    run_define(root, {"onnx": "net.onnx", "inputs": [{"name": "x", "shape": [2, 3]}]})
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", 1, sizes))
    (cell,) = judged(root, exported(root / "export", {13: model}))
    assert cell["verdict"] == ("misdeclared" if told else "exact")
    assert cell["detail"].startswith(told)


def judged(root: Path, export: Path) -> list[CellVerdict]:
    """Verdicts with onnxruntime's optimizations."""
    job = parity.Job({}, root / "results/define/m", [export], "onnxruntime")
    record: ParityRecord = parity.measure_files(job, root / "out.json", root / "timing.json")
    found = judge([record], {})["cells"]
    return [cell for cell in found if cell["runtime"] == "onnxruntime"]


@pytest.mark.parametrize(
    ("name", "verdict", "detail"),
    [
        ("dynamic_class_token", "exact", ""),
        ("dynamic_int_size", "fixed-size", "not with length=9: does not run: "),
        ("dynamic_float_size", "fixed-size", "not with length=11: "),
    ],
)
def test_what_a_tracer_keeps_of_a_size(
    name: str, verdict: str, detail: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    monkeypatch.chdir(ROOT)
    model = yaml.safe_load((ROOT / "config/zoo.yaml").read_text())["models"][name]
    spec = Specs(settings(ROOT, model)).job("define", model="m")
    assert spec["dynamic_shapes"]
    results = root / "results"
    record = run_define(ROOT, model, str(results / "define/m"))
    assert len(record["sets"]) > 2 and not record["detail"]
    cell, *_ = run_export(root, {**model, "factory": str(ROOT / model["factory"])}, "torchscript")[
        "cells"
    ]
    assert cell["outcome"] == "ok", cell["detail"]
    (found,) = judged(root, results / "export/m/torchscript")
    assert found["verdict"] == verdict, found
    assert detail in found["detail"]


def test_advice_does_not_recommend_a_file_that_holds_to_one_size() -> None:
    cell = {
        "model": "m",
        "exporter": "torchscript",
        "requested": 13,
        "outcome": "ok",
        "delivered": 13,
        "detail": "",
        "nodes": 3,
    }
    verdict: CellVerdict = {
        "model": "m",
        "exporter": "torchscript",
        "requested": 13,
        "runtime": "onnxruntime",
        "verdict": "fixed-size",
        "detail": "right at the traced size, not with batch=5: does not run",
        "outputs": [],
    }
    (found,) = advice.surprises([cell], [verdict])
    assert (found["kind"], found["severity"]) == ("fixed-size", 1)
    assert "not with batch=5" in found["sentence"]
    define: Any = {
        "model": "m",
        "kind": "torch",
        "outcome": "ok",
        "detail": "",
        "parameters": 0,
        "sets": [],
    }
    row = advice.recommend(define, [cell], [verdict])
    assert row["use_opset"] is None
    assert row["avoid_why"] == "is right only at the size that it was traced at"
