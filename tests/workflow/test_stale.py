"""No stale results: each dependency of a cell is changed in turn, and the right jobs run again.

`config/specs.py` lists it. Four models: `net` from a file of the user's that imports another one,
undeclared, with weights and inputs in files; `kept`, an ONNX file with its tensors beside it;
`slow`, which runs into the time limit; `other`, to which nothing of this happens.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from builders.project import Project
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  net:
    factory: mine/net.py:Net
    inputs: {files: mine/*.npz}
    weights: mine/net.safetensors
    metric: {callable: mine/metric.py:mean, labels: mine/labels.json}
  kept: {onnx: mine/kept.onnx}
  slow:
    factory: mine/slow.py:Slow
    inputs: [{name: x, shape: [2, 3]}]
  other:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
opsets: [13]
exporters: [torchscript]
input_sets: [random-0]
runtimes: [onnxruntime]
limits: {cell_seconds: 30}
"""
NET = """
import sys
sys.path.insert(0, "mine")
import torch
from scale import SCALE

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, x):
        return torch.relu(x * self.weight) * SCALE
"""
SLOW = """
import pathlib, time, torch

class Slow(torch.nn.Module):
    def forward(self, x):
        while torch.onnx.is_in_onnx_export() and pathlib.Path("mine/hang").exists():
            time.sleep(0.1)
        return torch.relu(x)
"""
METRIC = """
def mean(outputs, labels):
    return sum(each["output"].mean() for each in outputs) - labels[0]
"""
END = {"judge": 1, "tables": 1, "report": 1}
AFTER = {"dump": 1, "parity": 1, "compare": 1, "locate": 1, **END}


def save_kept(folder: Path, values: list[float]) -> None:
    """`kept.onnx` does not change with its tensor, which is in `kept.data`."""
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="kept.data")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    (folder / "kept.onnx").write_bytes(model.SerializeToString())
    (folder / "kept.data").write_bytes(np.array(values, np.float32).tobytes())


@pytest.fixture(scope="module")
def finished(new_project: Callable[..., Project]) -> Project:
    project = new_project("stale", CONFIG)
    mine = project.folder / "mine"
    mine.mkdir()
    (mine / "net.py").write_text(NET)
    (mine / "scale.py").write_text("SCALE = 2.0\n")
    (mine / "slow.py").write_text(SLOW)
    (mine / "metric.py").write_text(METRIC)
    (mine / "labels.json").write_text("[1]")
    (mine / "hang").touch()
    save_file({"weight": np.array([1, 2, 3], np.float32)}, mine / "net.safetensors")
    np.savez(mine / "x.npz", x=np.ones((2, 3), np.float32))
    save_kept(mine, [1, 2, 3])
    project.run()
    assert outcome(project, "slow") == "timeout"
    assert outcome(project, "net") == outcome(project, "other") == "ok"
    assert outcome(project, "kept", "converter") == "ok"
    return project


def outcome(project: Project, model: str, exporter: str = "torchscript") -> str:
    (cell,) = project.read(f"export/{model}/{exporter}/record.json")["cells"]
    return str(cell["outcome"])


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    yield Project(folder)


def replace(project: Project, path: str, old: str, new: str) -> None:
    file = project.folder / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def set_version(project: Project, package: str) -> None:
    """Another version of a package, found first: in the folder that Python is started in."""
    folder = project.folder / f"{package}-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.0.1\n")


def config(old: str, new: str) -> Callable[[Project], None]:
    return lambda project: replace(project, "config/config.yaml", old, new)


def weights(project: Project) -> None:
    save_file({"weight": np.array([3, 2, 1], np.float32)}, project.folder / "mine/net.safetensors")


OPTIONS = "{torchscript: {do_constant_folding: false}}"
# What is changed, how, the model that it affects, and the jobs that run.
CHANGES: dict[str, tuple[Callable[[Project], None], str, dict[str, int]]] = {
    "source": (
        lambda project: replace(project, "mine/net.py", "torch.relu", "torch.tanh"),
        "net",
        {"define": 1, "export": 1, **AFTER},
    ),
    "imported source": (
        lambda project: replace(project, "mine/scale.py", "2.0", "3.0"),
        "net",
        {"define": 1, "export": 1, **AFTER},
    ),
    "weights": (weights, "net", {"define": 1, "export": 1, **AFTER}),
    "external data": (
        lambda project: save_kept(project.folder / "mine", [3, 2, 1]),
        "kept",
        {"define": 1, "convert": 1, **AFTER},
    ),
    "inputs": (
        config("inputs: {files: mine/*.npz}", "inputs: [{name: y, shape: [2, 3]}]"),
        "net",
        {"define": 1, "export": 1, **AFTER},
    ),
    "an input file": (
        lambda project: np.savez(project.folder / "mine/x.npz", x=np.zeros((2, 3), np.float32)),
        "net",
        {"define": 1, "export": 1, **AFTER},
    ),
    "another input file": (
        lambda project: np.savez(project.folder / "mine/y.npz", x=np.zeros((2, 3), np.float32)),
        "net",
        {"define": 1, "export": 1, **AFTER},
    ),
    "options": (
        config("net.py:Net", f"net.py:Net\n    options: {OPTIONS}"),
        "net",
        {"export": 1, **AFTER},
    ),
    "tolerances": (
        config("mine/net.py:Net", "mine/net.py:Net\n    tolerances: {noise_factor: 5}"),
        "",  # nothing is wrong under either, so no job of any model runs
        END,
    ),
    "metric": (
        lambda project: replace(project, "mine/metric.py", "mean()", "max()"),
        "net",
        {"parity": 1, "locate": 1, **END},
    ),
    "labels": (
        lambda project: replace(project, "mine/labels.json", "1", "2"),
        "net",
        {"parity": 1, "locate": 1, **END},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_cell_depends_on_makes_it_again(what: str, project: Project) -> None:
    change, model, expected = CHANGES[what]
    change(project)
    jobs = project.jobs()
    assert {rule: len(found) for rule, found in jobs.items()} == expected
    reached = {name for found in jobs.values() for name in found if name}
    assert bool(reached) == bool(model)
    assert all(f"model={model}" in wildcards for wildcards in reached)
    assert project.run() == {}


def test_how_far_a_metric_may_move_is_judged_again_and_nothing_runs(project: Project) -> None:
    config("labels.json}", "labels.json, tolerance: 0.5}")(project)
    assert project.run() == END
    (row,) = [row for row in project.read("tables/metrics.json") if row["runtime"] == "onnxruntime"]
    assert (row["model"], row["metric"], row["tolerance"]) == ("net", "mean", 0.5)


def test_other_weights_beside_an_onnx_file_are_its_own_and_not_the_converters_fault(
    project: Project,
) -> None:
    save_kept(project.folder / "mine", [3, 2, 1])
    project.run()
    (verdict,) = {
        cell["verdict"] for cell in project.read("judge/verdicts.json")["cells"]
        if cell["model"] == "kept"
    }  # fmt: skip
    assert verdict != "mismatch"
    sources = {each["path"] for each in project.read("define/kept/record.json")["sources"]}
    assert sources == {"mine/kept.onnx", "mine/kept.data"}


def test_another_version_makes_again_what_it_takes_part_in(project: Project) -> None:
    set_version(project, "jinja2")
    assert project.run() == {"tables": 1, "report": 1}
    set_version(project, "onnxruntime")
    # It also gives the reference of the model that is a file, which is all made again.
    alone = {"define": 1, "convert": 1, "dump": 1, "compare": 1}
    assert project.run() == {**alone, "parity": 4, "locate": 4, **END}


def test_a_limit_tries_again_what_ran_into_it_and_nothing_else(project: Project) -> None:
    kept = project.folder / "results/export/slow/torchscript/record.json"
    assert project.run() == {}
    (project.folder / "mine/hang").unlink()
    config("cell_seconds: 30", "cell_seconds: 60")(project)
    jobs = project.jobs()
    assert jobs["export"] == ["model=slow, exporter=torchscript"]
    assert all("model=slow" in name for found in jobs.values() for name in found if name)
    assert outcome(project, "slow") == "ok" and kept.is_file()
    assert project.run() == {}
    config("cell_seconds: 60", "cell_seconds: 50")(project)
    assert project.run() == {}


def test_a_file_that_was_not_there_is_seen_when_it_appears(project: Project) -> None:
    (project.folder / "mine/kept.data").unlink()
    project.run()
    record = project.read("define/kept/record.json")
    assert record["outcome"] == "failed" and "kept.data" in record["detail"]
    save_kept(project.folder / "mine", [1, 2, 3])
    assert project.run()["define"] == 1
    assert outcome(project, "kept", "converter") == "ok"
    assert onnx.load(project.folder / "mine/kept.onnx").graph.initializer
