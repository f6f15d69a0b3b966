"""`snakemake baseline` and `snakemake gate`, over real changes of a small project."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  mine: {factory: mine.py:Net, inputs: [{name: x, shape: [1, 3, 8, 8]}]}
opsets: [13, 14]
exporters: [torchscript]
"""
NET = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.AvgPool2d(2))
"""


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    """With a stored baseline."""
    made = new_project("gate", CONFIG)
    (made.folder / "mine.py").write_text(NET)
    early = made.snakemake("gate", "--cores", "2", ok=False)
    assert early.returncode and "no baseline in baseline" in early.stdout
    assert not (made.folder / "results/define").exists()  # said before anything ran
    made.snakemake("baseline", "--cores", "2")
    return made


def gate(project: Project, *arguments: str) -> tuple[int, list[str], dict[str, bool]]:
    """The exit status, what failed, and which test cases of the JUnit file did."""
    done = project.snakemake("gate", "--cores", "2", *arguments, ok=False)
    said = project.read("gate/gate.json")
    assert said["headline"] in (project.folder / "results/logs/gate.log").read_text()
    root = ElementTree.parse(project.folder / "results/gate/junit.xml").getroot()
    cases = {case.get("name", ""): len(case) > 0 for case in root.iter("testcase")}
    failed = [row for row in said["rows"] if row["matters"]]
    if failed:  # the list is on the terminal too
        assert f"{failed[0]['kind']} {failed[0]['text']}"[:60] in done.stdout
    return done.returncode, [f"{row['kind']} {row['text']}" for row in failed], cases


def test_the_same_run_passes(project: Project) -> None:
    assert gate(project) == (0, [], {"opset 13": False, "opset 14": False})


def test_a_cell_that_is_gone_fails(project: Project) -> None:
    status, failed, cases = gate(project, "--config", "opsets=[14]")
    assert status and failed == ["cells only in the earlier run"]
    assert cases == {"opset 13": True, "opset 14": False}


def test_a_cell_that_is_no_longer_right_fails(project: Project) -> None:
    strict = json.dumps({"noise_factor": 0.001, "noise_floor": 0.001})
    status, failed, cases = gate(project, "--config", f"tolerances={strict}")
    assert status and all(text.startswith("verdict onnxruntime") for text in failed)
    assert cases == {"opset 13": True, "opset 14": True}


def test_a_graph_of_another_meaning_fails(project: Project) -> None:
    path = project.folder / "mine.py"
    path.write_text(NET.replace("AvgPool2d", "MaxPool2d"))
    status, failed, _ = gate(project)
    assert status and failed[0].startswith("graph MaxPool: AveragePool → MaxPool")
    assert "file=mine.py" in (project.folder / "results/gate/annotations.txt").read_text()
