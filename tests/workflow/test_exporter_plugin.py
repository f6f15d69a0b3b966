"""A new exporter is one file: a run checks its options, warms it up, exports and compares."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from builders import another_exporter
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  leaky_relu:
    factory: workflow/zoo/leaky_relu.py:LeakyRelu
    inputs: [{name: x, shape: [2, 7]}]
opsets: [13, 15, 16]
exporters: [torchscript, another]
options: {another: {graph_name: mine}}
input_sets: [random-0]
"""


@pytest.fixture(scope="module")
def finished(new_project: Callable[..., Project]) -> Project:
    project = new_project("plugin", CONFIG)
    target = project.folder / "workflow/opset_atlas/exporters/another.py"
    shutil.copy(Path(another_exporter.__file__), target)
    project.run()
    return project


def test_its_cells_are_exported_measured_and_dumped(finished: Project) -> None:
    record = finished.read("export/leaky_relu/another/record.json")
    assert {cell["outcome"] for cell in record["cells"]} == {"ok"}
    assert set(record["versions"]) == set(another_exporter.PACKAGES)
    file = finished.folder / "results/export/leaky_relu/another/cells/opset_13.onnx"
    assert onnx.load(file).graph.name == "mine"
    verdicts = finished.read("judge/verdicts.json")["cells"]
    own = {cell["verdict"] for cell in verdicts if cell["exporter"] == "another"}
    assert own <= {"exact", "within-noise"} and own


def test_its_warm_up_ran_in_the_process_that_exports_are_forked_from(finished: Project) -> None:
    record = finished.read("export/leaky_relu/another/record.json")
    assert {cell["way"] for cell in record["cells"]} == {"after a warm-up"}
    log = finished.folder / "results/logs/export/leaky_relu/another.log"
    assert '"worker": true' in log.read_text(encoding="utf-8").splitlines()[-1]


def test_it_is_compared_with_the_others(finished: Project) -> None:
    record = finished.read("compare/leaky_relu/record.json")
    assert set(record["sweeps"]) == {"torchscript", "another"}
    names = {(pair["left"], pair["right"]) for pair in record["pairs"]}
    assert names == {("torchscript", "another")}
    assert all(not pair["changes"] for pair in record["pairs"])


def test_its_own_words_refuse_an_option(finished: Project) -> None:
    wrong = finished.snakemake("-n", "--config", "options={another: {name: x}}", ok=False)
    assert "options.another.name: expected no other option than graph_name" in wrong.stdout
