"""A new runtime is one file: its three variants are measured, judged and located."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import another_runtime
from builders.locate_files import run_script
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  leaky_relu:
    factory: workflow/zoo/leaky_relu.py:LeakyRelu
    inputs: [{name: x, shape: [2, 7]}]
opsets: [13, 16]
exporters: [torchscript, converter]
runtimes: [another, onnxruntime]
input_sets: [random-0]
"""


@pytest.fixture(scope="module")
def finished(new_project: Callable[..., Project]) -> Project:
    project = new_project("runtime", CONFIG)
    target = project.folder / "workflow/opset_atlas/runtimes/another.py"
    shutil.copy(Path(another_runtime.__file__), target)
    project.run()
    return project


def test_each_variant_is_measured_and_judged_by_itself(finished: Project) -> None:
    record = finished.read("parity/leaky_relu/another.json")
    assert set(record["versions"]) == {"numpy", "onnx"}
    found: dict[str, set[str]] = {}
    for cell in finished.read("judge/verdicts.json")["cells"]:
        found.setdefault(cell["runtime"], set()).add(cell["verdict"])
    assert found.pop("another-careless") == {"mismatch"}
    assert set(found) == {"another", "another-plain", "onnxruntime", "onnxruntime-unoptimized"}
    assert all(verdicts <= {"exact", "within-noise"} for verdicts in found.values())


def test_what_its_plain_variant_computes_rightly_is_the_fault_of_an_optimization(
    finished: Project,
) -> None:
    located = finished.read("locate/leaky_relu/record.json")["located"]
    assert {each["exporter"] for each in located} == {"torchscript", "converter"}
    for each in located:
        assert (each["fault"], each["runtimes"]) == ("optimization", ["another-careless"])
        assert [node["op"] for node in each["nodes"]] == ["LeakyRelu"]
        done = run_script(finished.folder / "results/locate/leaky_relu" / each["reproducer"])
        assert (done.returncode, done.stderr.strip()) == (1, "the result is wrong")


def test_its_verdicts_reach_the_tables(finished: Project) -> None:
    rows = finished.read("tables/located.json")
    assert {row["runtime"] for row in rows} == {"another-careless"}
