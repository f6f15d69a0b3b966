"""Snakemake in an environment without torch: it starts, and says in which jobs torch was missed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.environments import sharing_packages
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
opsets: [13]
exporters: [torchscript, converter]
input_sets: [random-0]
"""
HIDDEN = ("torch", "functorch", "onnxscript")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has everything in this one except torch and onnxscript."""
    return sharing_packages(tmp_path_factory.mktemp("without torch"), without=HIDDEN)


def test_it_starts_and_what_needs_no_torch_is_warm(
    python: Path, new_project: Callable[..., Project]
) -> None:
    project = new_project("no_torch", CONFIG)
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *arguments], cwd=project.folder, env=alone, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    assert "No module named 'torch'" in run("-c", "import torch").stdout
    dry = run("-m", "snakemake", "-n")
    assert dry.returncode == 0 and "rule define" in dry.stdout, dry.stdout
    # Without `--sdm conda` the jobs run here too, and the worker says what is missing.
    done = run("-m", "snakemake", "--cores", "1", "results/define/relu6/record.json")
    note = "note: jobs that need torch start their own Python: torch is not installed"
    assert note in done.stdout
