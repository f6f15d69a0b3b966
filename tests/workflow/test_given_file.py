"""A file that somebody made, beside its module: held against it like one more exporter's file.

`older` was exported with other options, names and opset than ours; `simplified` was rewritten by
onnxruntime's optimizer; `seed` has the weights of another seed, outside the file; `broken` is no
valid file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from builders.project import Project

pytestmark = pytest.mark.workflow

NET = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.norm = torch.nn.BatchNorm2d(8)
        self.out = torch.nn.Linear(8, 5)

    def forward(self, image, scale):
        seen = torch.relu(self.norm(self.conv(image * scale)))
        return self.out(seen.mean((2, 3)))
"""
INPUTS = "[{name: image, shape: [1, 3, 9, 8]}, {name: scale, shape: [1]}]"
MODEL = "{{factory: mine/net.py:Net, onnx: mine/{0}.onnx, inputs: {1}, outputs: [scores]}}"
NAMES = ("older", "simplified", "seed", "broken")
CONFIG = "models:\n" + "".join(f"  {n}: {MODEL.format(n, INPUTS)}\n" for n in NAMES)
CONFIG += "opsets: [17]\nexporters: [torchscript]\ninput_sets: [random-0]\n"


def net(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    space: dict[str, Any] = {}
    exec(NET, space)
    module: torch.nn.Module = space["Net"]()
    return module.eval()


def write_files(folder: Path) -> None:
    inputs = (torch.randn(1, 3, 9, 8), torch.ones(1))

    def export(name: str, opset: int, seed: int = 0, **options: Any) -> Path:
        path = folder / f"{name}.onnx"
        given = {"input_names": ["image", "scale"], "output_names": ["scores"], **options}
        torch.onnx.export(net(seed), inputs, path, dynamo=False, opset_version=opset, **given)
        return path

    export(
        "older",
        11,
        input_names=["pixels", "scale"],
        output_names=["logits"],
        do_constant_folding=False,
        keep_initializers_as_inputs=True,
    )
    path = export("simplified", 16)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    model = onnx.load(export("seed", 17, seed=1))
    (folder / "w").mkdir()
    path = folder / "seed.onnx"
    path.unlink()
    onnx.save_model(
        model, path, save_as_external_data=True, location="w/seed.data", size_threshold=0
    )
    model = onnx.load(export("broken", 17))
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, folder / "broken.onnx")


@pytest.fixture(scope="module")
def finished(new_project: Callable[..., Project]) -> Project:
    project = new_project("given", CONFIG)
    mine = project.folder / "mine"
    mine.mkdir()
    (mine / "net.py").write_text(NET)
    write_files(mine)
    project.run()
    return project


def given(project: Project, model: str) -> dict[str, Any]:
    """The cell of the model's file, with the verdicts on it under `verdicts`."""
    (cell,) = (
        row
        for row in project.read("tables/cells.json")
        if row["model"] == model and row["exporter"] == "given_file"
    )
    judged = project.read("judge/verdicts.json")["cells"]
    keys = ("model", "exporter", "requested")
    same = [each for each in judged if all(each[key] == cell[key] for key in keys)]
    return {**cell, "verdicts": {each["verdict"] for each in same}}


@pytest.mark.parametrize(("model", "opset"), [("older", 11), ("simplified", 16)])
def test_a_right_file_is_right_at_its_own_opset_and_explained_against_ours(
    model: str, opset: int, finished: Project
) -> None:
    cell = given(finished, model)
    assert (cell["requested"], cell["delivered"], cell["outcome"]) == (opset, opset, "ok")
    assert cell["verdicts"] <= {"exact", "within-noise"}
    pairs = finished.read(f"compare/{model}/record.json")["pairs"]
    (pair,) = (
        each for each in pairs if {each["left"], each["right"]} == {"given_file", "torchscript"}
    )
    assert pair["opsets"] == [opset]
    assert all(change["cause"] != "unexplained" for change in pair["changes"])
    pages = list((finished.folder / "results/report/pairs" / model).glob("*given_file*"))
    assert bool(pages) == bool(pair["changes"])


def test_what_other_options_write_is_on_the_page_of_the_pair(finished: Project) -> None:
    pairs = finished.read("compare/older/record.json")["pairs"]
    told = [change["explanation"] for pair in pairs for change in pair["changes"]]
    assert any("given_file writes" in text and "BatchNormalization" in text for text in told)


def test_inputs_that_are_called_otherwise_are_matched_and_it_is_said(finished: Project) -> None:
    detail = given(finished, "older")["detail"]
    assert "inputs are matched by position: image is called pixels" in detail
    assert "output scores is called logits" in detail


def test_the_weights_of_another_seed_are_found_out(finished: Project) -> None:
    cell = given(finished, "seed")
    assert cell["outcome"] == "ok" and cell["verdicts"] == {"mismatch"}
    assert cell["detail"] == "its tensors are in a file beside it"
    located = [row for row in finished.read("tables/located.json") if row["model"] == "seed"]
    assert {row["exporter"] for row in located} == {"given_file"}
    assert "has the same nodes, with other values in all of their" in located[0]["sentence"]
    kinds = {row["kind"]: row for row in finished.read("tables/surprises.json")}
    assert kinds["silently-wrong"]["model"] == "seed"
    (advice,) = (row for row in finished.read("tables/models.json") if row["model"] == "seed")
    assert (advice["use_exporter"], advice["avoid"]) == ("torchscript", "given_file 17")


def test_a_file_that_is_not_valid_is_a_row(finished: Project) -> None:
    cell = given(finished, "broken")
    assert cell["outcome"] == "invalid" and "NoSuchOperator" in cell["detail"]


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "copy"
    shutil.copytree(finished.folder, folder)
    yield Project(folder)


def test_another_file_makes_again_what_is_made_from_it_and_not_the_model(project: Project) -> None:
    shutil.copyfile(project.folder / "mine/simplified.onnx", project.folder / "mine/broken.onnx")
    jobs = project.jobs()
    assert "define" not in jobs
    # The new file has another opset: the exporter makes it too, and keeps what it has.
    sweeps = ["model=broken, exporter=given_file", "model=broken, exporter=torchscript"]
    assert sorted(jobs["export"]) == sweeps
    assert given(project, "broken")["outcome"] == "ok"
    assert project.run() == {}
