"""A user's mistake stops the run before it starts, naming key, value and expectation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

MODEL = """
models:
  {id}:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{{name: x, shape: [2, 3]}}]
"""


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    return new_project("bad")


def refused(project: Project, config: str, *arguments: str) -> str:
    """Run a configuration that must not start; returns what it says."""
    path = project.folder / "mine.yaml"
    path.write_text(config, encoding="utf-8")
    before = files(project.folder)
    done = project.snakemake(
        "--cores", "2", *(arguments or ("--configfile", "mine.yaml")), ok=False
    )
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    assert files(project.folder) == before
    return done.stdout


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in [*folder.rglob("*"), *folder.parent.glob("*")]
        if path.is_relative_to(folder) and ".snakemake" not in path.parts and path.suffix != ".pyc"
        and path.name != "__pycache__"
    }  # fmt: skip


@pytest.mark.parametrize(
    "identifier", ["../../pwn", "'a;touch X'", "'$(touch X)'", "'{b}'", "'*'", "-x", "''", "a b"]
)
def test_an_id_never_reaches_a_path_or_a_shell(project: Project, identifier: str) -> None:
    said = refused(project, MODEL.format(id=identifier))
    assert "models" in said
    assert "expected" in said
    assert not list(project.folder.rglob("X"))
    assert not list(project.folder.parents[1].glob("pwn"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("opsetz: [11]", ["opsetz", "did you mean", "opsets"]),
        ("opsets: [13.5]", ["opsets[0]", "13.5"]),
        ("exporters: [torchscrpt]", ["exporters[0]", "torchscript"]),
        (
            "options: {torchscript: {strip_doc_string: true}}",
            ["strip_doc_string", "torch.onnx.export"],
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(project: Project, more: str, words: list[str]) -> None:
    said = refused(project, MODEL.format(id="a") + more + "\n")
    for word in words:
        assert word in said


def test_models_may_not_be_empty(project: Project) -> None:
    assert "models" in refused(project, "models: {}\n")


def test_the_default_file_names_the_line_of_broken_yaml(project: Project) -> None:
    default = project.folder / "config" / "config.yaml"
    whole = default.read_text()
    try:
        default.write_text("models:\n  a: [1\n  b: 2\n")
        said = refused(project, "", "--dry-run")
    finally:
        default.write_text(whole)
    assert "config.yaml:3:" in said


def test_configfile_stands_alone(project: Project) -> None:
    """Snakemake would merge it into the default's models."""
    (project.folder / "mine.yaml").write_text(MODEL.format(id="only"))
    jobs = project.snakemake("-n", "--configfile", "mine.yaml").stdout
    assert "only" in jobs
    assert "simple_model" not in jobs


def test_another_system_is_told_in_one_sentence(project: Project) -> None:
    """What Snakemake imports is there already; `resource` is not, as on Windows."""
    code = """
import sys, snakemake.api, snakemake.scheduling.job_scheduler
from snakemake.cli import main
sys.platform, sys.modules["resource"] = "darwin", None
sys.argv = ["snakemake", "-n"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.folder, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said
    assert "opset-atlas runs its stages only on Linux, and this is darwin" in said
