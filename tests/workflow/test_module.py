"""Another workflow uses this one as a module, from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNAKEFILE = ROOT / "workflow/Snakefile"
CONFIG = {"models": {"resize": {"onnx": "mine/resize.onnx"}}, "opsets": [11, 13]}

pytestmark = pytest.mark.workflow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    shutil.copy(ROOT / "docs/examples/resize-11.onnx", tmp_path / "mine/resize.onnx")
    return tmp_path


def snakemake(folder: Path, snakefile: str, *arguments: str, **variables: str) -> str:
    (folder / "Snakefile").write_text(snakefile)
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env=clean | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def module(snakefile: str, config: str, more: str = "", use: str = "") -> str:
    return (
        f"module opset_atlas:\n    snakefile: {snakefile}\n    config: {config}\n{more}\n"
        f"use rule * from opset_atlas{use}\n"
    )


def outcomes(results: Path) -> list[tuple[int, str]]:
    cells = json.loads((results / "tables/cells.json").read_text())
    return [(cell["requested"], cell["outcome"]) for cell in cells]


def test_with_its_configuration_inline_below_a_prefix_and_under_other_names(folder: Path) -> None:
    written = module(
        json.dumps(str(SNAKEFILE)), json.dumps(CONFIG), '    prefix: "atlas"\n', " as atlas_*"
    )
    snakemake(folder, written)
    assert outcomes(folder / "atlas/results") == [(11, "ok"), (13, "ok")]
    assert (folder / "atlas/results/report/index.html").is_file()
    made = {path.name for path in folder.iterdir()} - {".snakemake"}
    assert made == {"Snakefile", "mine", "atlas"}
    assert "Nothing to be done" in snakemake(folder, written)
    limited = json.dumps(CONFIG | {"limits": {"cell_seconds": 77}})
    again = snakemake(folder, written.replace(json.dumps(CONFIG), limited))
    assert "Nothing to be done" in again
    assert json.loads((folder / "atlas/results/limits.json").read_text())["cell_seconds"] == 77


def test_from_a_git_url_with_the_package_installed(folder: Path, tmp_path: Path) -> None:
    """`git+file` goes the same way as `github(…)`: the rules are not files here."""
    (folder / "mine.yaml").write_text(json.dumps(CONFIG))
    source = f'"git+file://{ROOT}/workflow/Snakefile@HEAD"'
    written = 'configfile: "mine.yaml"\n' + module(source, "config")
    snakemake(folder, written, PYTHONPATH=str(ROOT / "workflow"))
    assert outcomes(folder / "results") == [(11, "ok"), (13, "ok")]


def test_the_models_of_this_repository_are_found_from_anywhere(folder: Path) -> None:
    config = {
        "models": {
            "softmin": {
                "factory": "workflow/zoo/softmin.py:Softmin",
                "inputs": [{"name": "x", "shape": [2, 3]}],
            }
        }
    }
    planned = snakemake(folder, module(json.dumps(str(SNAKEFILE)), json.dumps(config)), "-n")
    assert "workflow/zoo/softmin.py" in planned


def test_a_mistake_in_the_inline_configuration_stops_it_before_anything_starts(
    folder: Path,
) -> None:
    wrong = json.dumps(CONFIG | {"opsets": ["eleven"]})
    (folder / "Snakefile").write_text(module(json.dumps(str(SNAKEFILE)), wrong))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "opsets" in done.stderr
    assert not (folder / "results").exists()
