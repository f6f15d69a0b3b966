"""The audit of the version converter, on real files and the real converter; its table and page."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import onnx.version_converter
import pytest
from builders.stage_files import parse, run_define, run_export, settings
from opset_atlas.base.files import read_json
from opset_atlas.config.specs import Specs
from opset_atlas.findings import audit_rows
from opset_atlas.numerics.reference import Reference
from opset_atlas.records import AuditRecord, AuditStep
from opset_atlas.stages import parity
from opset_atlas.stages.audit.attempt import Case, Found, read_cut, write_cuts
from opset_atlas.stages.audit.cuts import changed_operators, cuts
from opset_atlas.stages.audit.reproducer import Defects
from opset_atlas.stages.audit.stage import audit
from opset_atlas.stages.report import audit as report_audit
from opset_atlas.stages.report import rendering

ROOT = Path(__file__).parents[2]
SOFTMAX = "m (float[2,3,4,5] x) => (float[2,3,4,5] y) { y = Softmax<axis = 1>(x) }"
RELU_SOFTMAX = """m (float[2,3,4,5] x) => (float[2,3,4,5] y)
{ a = Relu(x) y = Softmax<axis = 1>(a) }"""
MEAN = """m (float[2,3,4] x) => (float[2,4] y)
<int64[1] axes = {1}> { y = ReduceMean<keepdims = 0, noop_with_empty_axes = 0>(x, axes) }"""
CONDITION = """m (float[2,3] x, bool flag) => (float[2,3] y) {
  y = If (flag) <
    then_branch = a () => (float[2,3] t) { t = Relu(x) },
    else_branch = b () => (float[2,3] e) { e = Neg(x) }
  >
}"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(root: Path, text: str, opset: int, **top: Any) -> AuditRecord:
    """Every stage up to the audit for one ONNX file as the model `m`, asked for at its opset."""
    onnx.save(parse(text, opset), root / "m.onnx")
    model: dict[str, Any] = {"onnx": "m.onnx"}
    run_define(root, model)
    run_export(root, model, "converter", opsets=[opset])
    made = settings(root, model, opsets=[opset], **top)
    results, measured = root / "results", root / "results/parity/m"
    job = parity.Job(
        Specs(made).job("parity", model="m", runtime="onnxruntime"),
        results / "define/m",
        [results / "export/m/converter"],
        "onnxruntime",
    )
    parity.measure_files(job, measured / "onnxruntime.json", root / "timing.json")
    return audit(Specs(made).job("audit", model="m"), results, results / "audit/m")


def step(record: AuditRecord, target: int) -> AuditStep:
    (found,) = [step for step in record["steps"] if step["to_opset"] == target]
    return found


def told(record: AuditRecord, target: int) -> dict[str, tuple[str, str]]:
    return {o["operator"]: (o["outcome"], o["evidence"]) for o in step(record, target)["operators"]}


def reproduce(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in another folder, from which this project cannot be imported."""
    return subprocess.run(
        [sys.executable, "-I", "-c", f"import runpy; runpy.run_path({str(folder)!r})"],
        cwd="/",
        capture_output=True,
        text=True,
    )


def test_a_silently_wrong_step_is_found_named_and_reproduced(root: Path) -> None:
    record = run(root, SOFTMAX, 13)
    assert (step(record, 14)["outcome"], step(record, 12)["outcome"]) == ("right", "wrong")
    (softmax,) = step(record, 12)["operators"]
    assert (softmax["operator"], softmax["evidence"]) == ("Softmax", "cut")
    assert (softmax["from_version"], softmax["to_version"]) == (13, 11)
    folder = root / "results/audit/m/defects" / softmax["reproducer"]
    names = {"before.onnx", "inputs.npz", "expected.npz", "got.npz", "reproduce.py"}
    assert {path.name for path in folder.iterdir()} == names
    expected, got = (np.load(folder / f"{name}.npz")["0"] for name in ("expected", "got"))
    assert np.allclose(expected.sum(1), 1, atol=1e-6)
    assert not np.allclose(got.sum(1), 1, atol=1e-3)
    done = reproduce(folder / "reproduce.py")
    assert done.returncode != 0
    assert "Not equal to tolerance" in done.stderr


def test_a_reproducer_ends_well_where_the_converter_is_right(root: Path) -> None:
    run(root, SOFTMAX, 13)
    model = read_json(root / "results/define/m/record.json", "define")
    reference = Reference.read(root / "results/define/m", model)
    case = Case(root / "m.onnx", 13, 14, root / "none.onnx", reference)
    defects = Defects(root / "defects")
    name = defects.note("Softmax", case, Found("invalid", "not really"))
    (defect,) = defects.wanted()
    defects.write(defect)
    done = reproduce(root / "defects" / name / "reproduce.py")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_refusal_says_which_operator_and_does_not_hide_what_others_do(root: Path) -> None:
    record = run(root, RELU_SOFTMAX, 13)
    down = step(record, 12)
    assert down["outcome"] == "refused"
    assert "No Adapter To Version $12 for Relu" in down["detail"]
    assert told(record, 12) == {"Relu": ("refused", "cut"), "Softmax": ("wrong", "cut")}
    assert told(record, 14) == {"Relu": ("right", "file")}
    rows = {(r["operator"], r["to_opset"]): r for r in audit_rows.rows([record])}
    assert rows["Relu", 12]["types_only"] and rows["Relu", 12]["transition"] == "types only"
    assert not rows["Softmax", 12]["types_only"]


def test_an_invalid_result_is_the_operators_that_alone_gives_one(root: Path) -> None:
    record = run(root, MEAN, 18)
    assert step(record, 17)["outcome"] == "invalid"
    (mean,) = step(record, 17)["operators"]
    assert mean["outcome"] == "invalid" and "noop_with_empty_axes" in mean["detail"]
    done = reproduce(root / "results/audit/m/defects" / mean["reproducer"] / "reproduce.py")
    assert "Unrecognized attribute: noop_with_empty_axes" in done.stderr


def test_a_conversion_that_kills_or_stalls_its_process_costs_its_step_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx.version_converter.convert_version

    def faulty(model: Any, target: int) -> Any:
        if target == 14:
            os.kill(os.getpid(), signal.SIGKILL)
        while target == 12:
            signal.pause()
        return real(model, target)

    monkeypatch.setattr(onnx.version_converter, "convert_version", faulty)
    record = run(root, SOFTMAX, 13, limits={"cell_seconds": 2})
    assert (step(record, 14)["outcome"], step(record, 12)["outcome"]) == ("crashed", "timeout")
    assert step(record, 14)["detail"] == "converting: process ended by SIGKILL"
    assert told(record, 12) == {"Softmax": ("timeout", "cut")}
    folders = {path.name for path in (root / "results/audit/m/defects").iterdir()}
    assert folders == {"several_13_14_crashed", "Softmax_13_12_timeout"}


def test_what_no_operator_alone_shows_is_told_of_all_that_it_can_be(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx.version_converter.convert_version

    def faulty(model: Any, target: int) -> Any:
        """Wrong only for graphs of several nodes, so that no cut shows it."""
        made = real(model, target)
        if target == 14 and len(model.graph.node) > 1:
            made.graph.node[0].op_type = "Neg"
        return made

    monkeypatch.setattr(onnx.version_converter, "convert_version", faulty)
    text = "m (float[2,3] x) => (float[2,3] y) { a = Relu(x) y = Add(a, x) }"
    record = run(root, text, 13)
    up = step(record, 14)
    assert (up["outcome"], up["one_of"]) == ("wrong", ["Add", "Relu"])
    assert told(record, 14) == {"Relu": ("right", "cut"), "Add": ("right", "cut")}
    assert (root / "results/audit/m/defects" / up["reproducer"] / "before.onnx").exists()
    (row,) = [r for r in audit_rows.rows([record]) if r["outcome"] == "wrong"]
    assert row["operator"] == "one of Add, Relu"


def test_what_is_not_right_is_not_converted(root: Path) -> None:
    text = "m (float[2,3] x) => (float[2,3] y) { z = Sub(x, x) y = Relu(z) }"  # constant: vacuous
    record = run(root, text, 13)
    assert (record["not_right"], record["steps"]) == (1, [])


def test_the_record_is_as_its_schema_says_and_the_same_every_time(root: Path) -> None:
    first = run(root, RELU_SOFTMAX, 13)
    path = root / "results/audit/m/record.json"
    text = path.read_text()
    schema = json.loads(
        (ROOT / "workflow/opset_atlas/schemas/records/audit.schema.json").read_text()
    )
    jsonschema.validate(first, schema)
    assert str(root) not in text and "/tmp" not in text
    files = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    run(root, RELU_SOFTMAX, 13)
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == files


def test_operators_in_branches_count_and_are_cut_with_what_they_take_from_outside() -> None:
    model = parse(CONDITION, 13)
    assert changed_operators(model, 13, 14) == ["Relu"]
    values = {"x": np.ones((2, 3), np.float32), "flag": np.array(True)}
    values["y"] = values["x"]
    (cut,) = cuts(model, 13, 14, values)
    assert cut.operators == ("Relu",)
    assert set(cut.inputs) == {"x", "flag"}
    onnx.checker.check_model(cut.model, full_check=True)


def test_equal_nodes_are_cut_once_and_constants_stay_constants(tmp_path: Path) -> None:
    text = """m (float[2,3] x) => (float[2,3] y, float[2,1] s) {
      axes = Constant<value_ints = [1]>()
      a = Relu(x) b = Relu(a) y = Neg(b)
      s = ReduceSum<keepdims = 1>(y, axes)
    }"""
    model = parse(text, 13)
    names = ["x", "a", "b", "y"]
    values: dict[str, Any] = dict.fromkeys(names, np.ones((2, 3), np.float32))
    values |= {"s": np.ones((2, 1), np.float32), "axes": np.array([1])}
    up = {cut.operators: cut for cut in cuts(model, 13, 14, values)}
    assert set(up) == {("Relu",)}
    down = {cut.operators: cut for cut in cuts(model, 13, 12, values)}
    assert set(down) == {("Constant",), ("Relu",), ("Neg",), ("ReduceSum",)}
    total = down["ReduceSum",].model.graph  # Constant changes too: its value, not the node
    assert [node.op_type for node in total.node] == ["ReduceSum"]
    assert [tensor.name for tensor in total.initializer] == ["axes"]


def test_a_cut_is_measured_against_itself(root: Path) -> None:
    run(root, RELU_SOFTMAX, 13)
    model = read_json(root / "results/define/m/record.json", "define")
    reference = Reference.read(root / "results/define/m", model)
    case = Case(root / "m.onnx", 13, 12, root / "after.onnx", reference)
    written = {ops: Path(path) for path, ops in write_cuts(case, Found("wrong", ""))}
    cut = read_cut(case, written["Softmax",])
    (of_set,) = cut.reference.model["sets"]
    (x,), y = cut.reference.feed(of_set["name"]), cut.reference.outputs["cut/eager/0"]
    assert (x >= 0).all()  # what Relu gives, not the model's own input
    assert np.allclose(y, np.exp(x) / np.exp(x).sum(1, keepdims=True), atol=1e-6)


def test_the_page_shows_every_outcome_and_no_text_of_a_model_as_markup(root: Path) -> None:
    record = run(root, RELU_SOFTMAX, 13)
    record["steps"][0]["operators"][0]["detail"] = "<script>alert(1)</script>"
    pages = rendering.environment()
    shown = report_audit.page({"title": "atlas"}, [record]) | {"operators_at": "operators/"}
    page = rendering.render(pages, "audit", shown)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    for text in ("≠", "refused, types only", "Softmax_13_12_wrong/reproduce.py", "12 ⇄ 13"):
        assert text in page
    assert [row["outcome"] for row in audit_rows.rows([record])] == ["wrong", "refused", "right"]
