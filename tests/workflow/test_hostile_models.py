"""Models that harm their process affect only themselves. Each of these once ended a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx.parser
import pytest
from builders.project import Project
from opset_atlas.execution.isolate import PRINTED

pytestmark = pytest.mark.workflow

MODELS = """
import json, os, subprocess, sys, threading, time, torch
from pathlib import Path


class Good(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x)


class Silent(Exception):
    def __str__(self):
        return None


class Hidden(Exception):
    def __str__(self):
        raise LookupError("no text")


class RaisesSilent(Good):
    def forward(self, x):
        raise Silent()


class RaisesHidden(Good):
    def forward(self, x):
        raise Hidden()


class Forks(Good):
    def __init__(self):
        super().__init__()
        os.fork()


class ForksInForward(Good):
    def forward(self, x):
        os.fork()
        return super().forward(x)


class PatchesJson(Good):
    def __init__(self):
        super().__init__()
        json.dumps = json.dump = json.loads = lambda *given, **named: "patched"


class KillsParent(Good):
    def forward(self, x):
        os.kill(os.getppid(), 9)
        time.sleep(60)


class LeavesDaemons(Good):
    def __init__(self):
        super().__init__()
        code = "import os, time; os.setsid(); time.sleep(600)  # left by a hostile model"
        for _ in range(2):
            subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


class Prints(Good):
    def forward(self, x):
        for _ in range(300):
            print("x" * (1 << 20))
            if _ % 100 == 0:
                os.write(1, b"y" * (1 << 20))
        return super().forward(x)
"""
# What becomes of each: the outcome of its cells, and words of the reason.
EXPECTED = {
    "Good": ("ok", ""),
    "RaisesSilent": ("no-model", "Silent"),
    "RaisesHidden": ("no-model", "Hidden"),
    "Forks": ("ok", ""),
    "ForksInForward": ("ok", ""),
    "PatchesJson": ("ok", ""),
    "KillsParent": ("no-model", "crashed: process ended by SIGKILL"),
    "LeavesDaemons": ("ok", ""),
    "Prints": ("ok", ""),
}
CONFIG = """
opsets: [13]
exporters: [torchscript]
input_sets: [random-0]
"""


@dataclass
class Run:
    project: Project
    done: subprocess.CompletedProcess[str]
    cells: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def run(new_project: Callable[..., Project]) -> Run:
    entries = [
        f"  {name}: {{factory: hostile.py:{name}, inputs: [{{name: x, shape: [2, 3]}}]}}"
        for name in EXPECTED
    ]
    entries += ["  Range: {onnx: range.onnx}", "  HardLinked: {onnx: linked/model.onnx}"]
    project = new_project("hostile", "\n".join(["models:", *entries, CONFIG]))
    (project.folder / "hostile.py").write_text(MODELS)
    write_files(project.folder)
    done = project.snakemake("--cores", "2", ok=False)
    assert done.returncode == 0, done.stdout[-5000:]
    return Run(project, done, {row["model"]: row for row in project.read("tables/cells.json")})


def write_files(folder: Path) -> None:
    """A file of 200 bytes that asks for 2^36 elements, and one whose weights are a hard link."""
    many = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> g (float[3] x) => (float[N] y) {'
        " start = Constant <value_int = 0> ()"
        " limit = Constant <value_int = 68719476736> ()"
        " step = Constant <value_int = 1> ()"
        " many = Range (start, limit, step)"
        " place = Constant <value_ints = [3]> ()"
        " shape = Gather (many, place)"
        " y = Reshape (x, shape) }"
    )
    (folder / "range.onnx").write_bytes(many.SerializeToString())
    (folder / "linked").mkdir()
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 13]> g (float[3] x) => (float[3] y)'
        " <float[3] w = {1, 2, 3}> { y = Add (x, w) }"
    )
    tensor = model.graph.initializer[0]
    if not tensor.raw_data:
        tensor.raw_data = onnx.numpy_helper.to_array(tensor).tobytes()
        tensor.ClearField("float_data")
    path = folder / "linked" / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    os.link(folder / "linked" / "weights.bin", folder / "linked" / "again.bin")
    assert (folder / "linked" / "weights.bin").stat().st_nlink == 2


@pytest.mark.parametrize("name", EXPECTED)
def test_what_becomes_of_it(name: str, run: Run) -> None:
    cell = run.cells[name]
    outcome, words = EXPECTED[name]
    assert cell["outcome"] == outcome, cell
    assert words in (cell["detail"] or "")


def test_none_of_it_is_a_defect_of_ours(run: Run) -> None:
    assert run.project.read("tables/failures.json") == []


def test_nothing_that_a_model_started_is_left(run: Run) -> None:
    """They slept for ten minutes: the positive control is that the model is `ok`."""
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "left by a hostile model" not in listing.stdout


def test_what_a_model_prints_is_cut(run: Run) -> None:
    logs = run.project.folder / "results" / "logs"
    log = (logs / "define" / "Prints.log").read_text()
    assert "more bytes, which were dropped" in log
    assert 4 * PRINTED > len(log) > PRINTED  # of each item of the stage
    assert sum(path.stat().st_size for path in logs.rglob("*.log")) < 1_000_000


def test_hostile_files_are_rows(run: Run) -> None:
    assert {"Range", "HardLinked"} <= run.cells.keys()
    assert run.cells["HardLinked"]["outcome"] == "refused"
    assert "multiple hard links" in run.cells["HardLinked"]["detail"]
    dumped = run.project.read("dump/Range/record.json")["sweeps"]["converter"]
    usage = run.project.folder / "results/logs/dump/Range.log"
    peak = int(usage.read_text().rpartition('"peak_mb": ')[2].partition(",")[0])
    assert peak < 1000, dumped
