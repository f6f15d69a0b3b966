"""Only what changed is made again: counted by the jobs that really run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7], range: [-2.0, 8.0]}]
  softmax:
    factory: workflow/zoo/softmax_inner_axis.py:SoftmaxInnerAxis
    inputs: [{name: x, shape: [2, 3, 4, 5]}]
opsets: [11, 12, 13]
exporters: [torchscript, converter]
input_sets: [random-0]
"""
SWEEPS = {
    "export": 2, "convert": 2, "dump": 2, "parity": 2, "compare": 2, "locate": 2,
}  # fmt: skip
TIGHT = "noise_factor: 1.0e-9, noise_floor: 1.0e-9"
END = {"judge": 1, "tables": 1, "report": 1}


@pytest.fixture(scope="module")
def finished(new_project: Callable[..., Project]) -> Project:
    project = new_project("rebuild", CONFIG)
    assert project.run() == {"define": 2, **SWEEPS, **END}
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    """The finished run, moved as a tree to another folder."""
    folder = tmp_path / "copy with spaces é"
    shutil.copytree(finished.folder, folder)  # copytree keeps times; the next test does not
    yield Project(folder)


def replace(project: Project, path: str, old: str, new: str) -> None:
    file = project.folder / path
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_nothing_changed(project: Project) -> None:
    assert project.run() == {}


def test_every_file_touched_and_the_tree_copied(project: Project) -> None:
    for path in project.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path)
    assert project.run() == {}


def test_a_models_source(project: Project) -> None:
    replace(project, "workflow/zoo/relu6.py", '"""', '"""Touched. ')
    jobs = project.jobs()
    assert {rule: len(found) for rule, found in jobs.items()} == {
        "define": 1, "export": 1, "convert": 1, "dump": 1, "parity": 1, "compare": 1,
        "locate": 1, **END,
    }  # fmt: skip
    assert "softmax" not in str(jobs)


def test_a_models_inputs(project: Project) -> None:
    replace(project, "config/config.yaml", "[2, 3, 4, 5]", "[2, 3, 4, 6]")
    jobs = project.jobs()
    assert {rule: len(found) for rule, found in jobs.items()} == {
        "define": 1, "export": 1, "convert": 1, "dump": 1, "parity": 1, "compare": 1,
        "locate": 1, **END,
    }  # fmt: skip
    assert "relu6" not in str(jobs)


def test_a_tolerance_judges_again_and_runs_no_model(project: Project) -> None:
    with (project.folder / "config/config.yaml").open("a") as file:
        file.write("tolerances: {noise_factor: 5}\n")
    assert project.run() == END  # nothing is wrong, and nothing was: there is nothing to locate
    assert project.run() == {}
    proven = sorted(project.folder.glob("results/locate/*/record.unsearched"))
    assert len(proven) == 2
    # Under these the exact results alone are right, and the differences in one model are located.
    replace(project, "config/config.yaml", "noise_factor: 5", TIGHT)
    assert project.run() == {"locate": 1, **END}
    replace(project, "config/config.yaml", TIGHT, "noise_factor: 5")
    assert project.run() == {"locate": 1, **END}  # what was located is not there any more


def test_the_report_is_named_where_one_was_made(project: Project) -> None:
    replace(project, "config/config.yaml", "[11, 12, 13]", "[11, 12]")
    assert "\nreport: " not in project.snakemake("--cores", "2", "exports").stdout
    page = project.folder / "results/report/index.html"
    assert f"\nreport: {page}\n" in project.snakemake("--cores", "2").stdout


def test_a_template_rebuilds_the_report(project: Project) -> None:
    template = next(
        (project.folder / "workflow/opset_atlas/stages/report/templates").glob("index*")
    )
    template.write_text(template.read_text() + "\n")
    assert project.run() == {"report": 1}
    log = (project.folder / "results/logs/report.log").read_text(encoding="utf-8")
    assert '"worker": false' in log  # a worker would import more than this job needs


def test_a_new_opset_exports_that_opset_alone(project: Project) -> None:
    cells = project.folder / "results/export/relu6/torchscript/cells"
    before = {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in cells.glob("*.onnx")
    }
    assert len(before) == 3
    replace(project, "config/config.yaml", "[11, 12, 13]", "[11, 12, 13, 14]")
    jobs = project.run()
    after = {
        path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in cells.glob("*.onnx")
    }
    assert jobs == {**SWEEPS, **END}
    assert set(after) - set(before) == {"opset_14.onnx"}
    assert {name: after[name] for name in before} == before
    log = (project.folder / "results/logs/export/relu6/torchscript.log").read_text()
    assert "× 14: ok" in log
    assert "× 13:" not in log


def test_a_removed_opset_leaves_no_file_behind(project: Project) -> None:
    replace(project, "config/config.yaml", "[11, 12, 13]", "[11, 12]")
    project.run()
    cells = project.folder / "results/export/relu6/torchscript/cells"
    assert sorted(path.name for path in cells.glob("*.onnx")) == ["opset_11.onnx", "opset_12.onnx"]


def test_a_damaged_file_is_made_again_when_its_sweep_runs(project: Project) -> None:
    cell = project.folder / "results/export/relu6/torchscript/cells/opset_12.onnx"
    good = cell.read_bytes()
    cell.write_bytes(good[:-10])
    replace(project, "config/config.yaml", "[11, 12, 13]", "[11, 12, 13, 14]")
    project.run()
    assert cell.read_bytes() == good


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("stages/judge.py", END),
        ("numerics/verdicts.py", {"locate": 2, **END}),
        ("stages/locate/suspect.py", {"locate": 2, "tables": 1, "report": 1}),
        (
            "graph/spelling.py",
            {"dump": 2, "compare": 2, "locate": 2, "tables": 1, "report": 1},
        ),
        ("causes/exporter.py", {"compare": 2, "tables": 1, "report": 1}),
        (
            "exporters/converter.py",
            {"convert": 2, "dump": 2, "parity": 2, "compare": 2, "locate": 2, **END},
        ),
    ],
)
def test_a_helper_module_rebuilds_its_stage_and_what_follows(
    project: Project, module: str, expected: dict[str, int]
) -> None:
    file = project.folder / "workflow/opset_atlas" / module
    file.write_text(file.read_text(encoding="utf-8") + "# touched\n", encoding="utf-8")
    assert project.run() == expected
