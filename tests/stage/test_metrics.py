"""Metrics of real models, over real files: the examples of config/metrics.yaml, and faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders.parity_files import after, exported, freeze_net, right_model
from builders.project import need_transformers
from opset_atlas import exporters
from opset_atlas.base.files import write_json
from opset_atlas.config import settings as config
from opset_atlas.config.specs import Specs
from opset_atlas.stages import define, export
from opset_atlas.stages.judge import judge
from opset_atlas.stages.parity import Job, measure_files

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "config/metrics.yaml"
METRICS = """
import os
import signal

import torch


def best(outputs, inputs, sets, labels=None):
    assert sets == ["random-0", "random-1"], sets
    assert inputs[0]["x"].shape == (2, 3, 13, 17)
    outputs[0]["best"][:] += 0  # its own copy
    return torch.from_numpy(outputs[0]["best"]).float().mean()


def spread(outputs):
    if outputs[0]["masked"].max() > 90:
        raise ValueError("too large")
    return outputs[0]["masked"].max()


def broken(outputs):
    return outputs[0]["nothing"]


def fatal(outputs):
    os.kill(os.getpid(), signal.SIGSEGV)


def drawn(outputs, state=[0]):
    state[0] += 1
    return state[0]


def several(outputs):
    return [1, 2]
"""


def run(folder: Path, files: dict[int, onnx.ModelProto], **tolerances: float) -> list[Any]:
    """The verdicts of the files in the unoptimized runtime."""
    module = folder / "metrics.py"
    module.write_text(METRICS)
    metrics = [
        {"name": name, "callable": f"{module}:{name}", "labels": None} for name in tolerances
    ]
    spec = {"metrics": metrics, "metric_files": [str(module)]}
    job = Job(spec, freeze_net(folder / "define"), [exported(folder, files)], "onnxruntime")
    record = measure_files(job, folder / "out.json", folder / "time.json")
    cells = judge([record], {"metrics": {"net": tolerances}})["cells"]
    assert "failures" not in record
    return [cell for cell in cells if cell["runtime"].endswith("unoptimized")]


def test_metrics_of_files_are_those_of_torch_and_move_with_their_outputs(tmp_path: Path) -> None:
    wrong = right_model()
    after(
        wrong, "masked", "k = Constant<value_float=100.0>() c = Clip(raw, , k) masked = Add(c, k)"
    )
    first, second = run(tmp_path, {17: right_model(), 18: wrong}, best=0.0, spread=1e-4)
    assert [each["moved"] for each in first["metrics"]] == [False, False]
    assert first["metrics"][1]["reference"] == pytest.approx(first["metrics"][1]["value"], abs=1e-5)
    assert [each["moved"] for each in second["metrics"]] == [False, True]
    assert second["verdict"] == "mismatch"
    assert "best does not move (" in second["detail"]
    assert (
        "spread is " in second["detail"]
        and "metrics.py:spread raised ValueError: too large" in (second["detail"])
    )


def test_what_a_metric_does_is_its_own_fault_and_costs_no_file(tmp_path: Path) -> None:
    names = ("broken", "fatal", "drawn", "several", "best")
    (cell,) = run(tmp_path, {17: right_model()}, **dict.fromkeys(names, 0.0))
    assert cell["verdict"] in {"exact", "within-noise"}
    told = {each["metric"]: each for each in cell["metrics"]}
    assert "broken raised KeyError: 'nothing'" in told["broken"]["detail"]
    assert "return outputs[0][" in told["broken"]["detail"]  # the line
    assert told["fatal"]["detail"].startswith("crashed: ")
    assert told["fatal"]["detail"].endswith("fatal: process ended by SIGSEGV")
    assert "gives 1.0 and then 2.0 for the same outputs" in told["drawn"]["detail"]
    assert "a metric must return one number, not list" in told["several"]["detail"]
    assert [name for name in names if told[name]["value"] is not None] == ["best"]


@pytest.mark.parametrize(
    ("name", "output", "change"),
    [
        ("classifier", 0, "Neg(raw)"),
        ("segmenter", 0, "Neg(raw)"),
        ("recognizer", 0, "Sub(raw, raw)"),  # no word at all
        ("detector", 1, "Neg(raw)"),
    ],
)
def test_an_example_with_a_real_model(
    name: str, output: int, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not move for the exported file, and does where that file's output is another one."""
    need_transformers()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    raw = config.load([str(EXAMPLES)])
    raw["models"] = {name: raw["models"][name]}
    settings = config.resolve({**raw, "opsets": [17], "exporters": ["torchscript"]}, ROOT)
    specs, defined = Specs(settings), tmp_path / "define"
    write_json(defined / "record.json", define.define(specs.job("define", model=name), defined))
    job = exporters.Job(specs.job("export", model=name, exporter="torchscript"), defined, None)
    (cell,) = export.sweep(job, tmp_path / "export")["cells"]
    assert cell["outcome"] == "ok", cell["detail"]
    changed = onnx.load(tmp_path / "export/cells/opset_17.onnx")
    told = changed.graph.output[output].name
    after(changed, told, f"{told} = {change}")
    exported(tmp_path / "changed", {17: changed})
    (metric,) = settings.models[name].metric
    spec = specs.job("parity", model=name, runtime="onnxruntime")
    found = []
    for sweep in ("export", "changed"):
        run = Job(spec, defined, [tmp_path / sweep], "onnxruntime")
        record = measure_files(run, tmp_path / f"{sweep}.json", tmp_path / "time.json")
        allowed = {name: {metric["name"]: metric["tolerance"]}}
        found += judge([record], {"metrics": allowed})["cells"][:1]
    assert [cell["verdict"] for cell in found] == ["within-noise", "mismatch"]
    right, wrong = (cell["metrics"][0] for cell in found)
    assert right["moved"] is False and np.isfinite(right["reference"])
    assert wrong["moved"] is True and f"{metric['name']} moves from" in found[1]["detail"]
