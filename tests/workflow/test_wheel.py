"""The wheel, in environments where it was installed: one without torch, and one with everything."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from builders.environments import run
from builders.project import ROOT

pytestmark = pytest.mark.workflow

OLD, NEW = (ROOT / f"docs/examples/resize-{opset}.onnx" for opset in (11, 13))
MODEL = """
import torch
from parts.layer import Layer
class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.embedding, self.layer = torch.nn.Embedding(50, width), Layer(width, width)
    def forward(self, tokens, mask):
        return self.layer(self.embedding(tokens)) * mask
"""
LAYER = """
import torch
class Layer(torch.nn.Linear):
    pass
"""


def test_it_is_small_and_brings_the_workflow(built: Path) -> None:
    assert built.stat().st_size < 1_000_000
    names = set(zipfile.ZipFile(built).namelist())
    shipped = {name.removeprefix("opset_atlas/shipped/") for name in names if "/shipped/" in name}
    kept = ("Snakefile", "envs", "profiles", "workflow/Snakefile", "workflow/captions")
    kept += ("workflow/profiles", "workflow/rules")
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", *kept], capture_output=True, text=True, check=True
    )
    assert shipped == set(tracked.stdout.split())
    package = {f"opset_atlas/{path.relative_to(ROOT / 'workflow/opset_atlas')}"
               for path in (ROOT / "workflow/opset_atlas").rglob("*")
               if path.is_file() and path.suffix != ".pyc"}  # fmt: skip
    assert names >= package
    assert "snakemake_logger_plugin_opset_atlas/console.py" in names
    others = {name.partition("/")[0] for name in names - package}
    assert not [name for name in others if "tests" in name or "zoo" in name]


def test_without_torch_it_compares_files(alone: Path, tmp_path: Path) -> None:
    for name in ("torch", "onnxruntime", "snakemake", "pandas"):
        assert (
            "ModuleNotFoundError"
            in run(tmp_path, alone / "python", "-c", f"import {name}", expected=1).stderr
        )
    atlas = alone / "opset-atlas"
    told = run(tmp_path, atlas, "diff", str(OLD), str(NEW), "--html", "page.html").stdout
    assert "Resize-13 made it optional" in told
    assert "Resize-13 made it optional" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Resize" in run(tmp_path, atlas, "text", str(OLD)).stdout
    assert "roi" in run(tmp_path, atlas, "op", "Resize", "11", "13").stdout
    assert "nothing found" in run(tmp_path, atlas, "check", str(OLD)).stdout
    missed = run(tmp_path, atlas, "model", "net.py:Net", "--input", "1", expected=2)
    assert "pip install 'opset-atlas[workflow]'" in missed.stderr
    missed = run(tmp_path, atlas, "check_config", "mine.yaml", expected=2)
    assert missed.stderr.startswith("opset-atlas check_config: it needs jsonschema. Install")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_uvx_runs_it_from_a_clone(tmp_path: Path) -> None:
    if shutil.which("uvx") is None:
        pytest.skip("uvx is not installed")
    told = run(
        tmp_path, Path("uvx"), "--from", str(ROOT), "opset-atlas", "diff", str(OLD), str(NEW)
    )
    assert "Resize-13 made it optional" in told.stdout


def test_it_runs_the_workflow_over_one_model_in_an_empty_folder(
    complete: Path, tmp_path: Path
) -> None:
    where = run(tmp_path, complete / "python", "-c", "import opset_atlas as o; print(o.__file__)")
    assert Path(where.stdout).is_relative_to(complete.parent)
    command = ("model", "torch.nn:Linear", "--input", "2,8", "--opsets", "11,13")
    command += ("--kwargs", "in_features=8", "out_features=4")
    done = run(tmp_path, complete / "opset-atlas", *command)
    assert str(tmp_path / "results/report/index.html") in done.stdout + done.stderr
    page = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert "Made by <code>opset-atlas model torch.nn:Linear --input 2,8" in page
    cells = json.loads((tmp_path / "results/tables/cells.json").read_text(encoding="utf-8"))
    assert {(cell["exporter"], cell["requested"]) for cell in cells} == {
        (exporter, opset)
        for exporter in ("torchscript", "dynamo", "converter")
        for opset in (11, 13)
    }
    assert "ok" in {cell["outcome"] for cell in cells}
    assert {path.name for path in tmp_path.iterdir()} == {"results", ".snakemake"}
    again = run(tmp_path, complete / "opset-atlas", *command)
    assert "Nothing to do" in again.stdout + again.stderr


def test_a_model_of_several_files_with_its_results_elsewhere(
    complete: Path, tmp_path: Path
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/layer.py").write_text(LAYER)
    (tmp_path / "net.py").write_text(MODEL)
    command = ("model", "net.py:Net", "--input", "tokens:int64:2,5:0..49", "--input", "mask:2,5,1")
    command += ("--kwargs", "width=8", "--opsets", "17", "--exporters", "torchscript")
    run(tmp_path, complete / "opset-atlas", *command, "--output", "out")
    record = json.loads((tmp_path / "out/results/define/Net/record.json").read_text())
    assert {source["path"] for source in record["sources"]} == {"../net.py", "../parts/layer.py"}
    (cell,) = json.loads((tmp_path / "out/results/tables/cells.json").read_text())
    assert cell["outcome"] == "ok"
    planned = run(tmp_path, complete / "opset-atlas", *command, "--output", "dry", "--", "-n")
    assert "define" in planned.stdout
    assert not (tmp_path / "dry/results/define").exists()
