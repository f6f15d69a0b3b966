"""A defect of ours costs one model: the others and the report are made, and the status shows it.

Each stage is made to raise for a different model, in the copy of the package that the run uses.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

# Stage: its file and the function that does the work for a model.
WORK = {
    "define": ("define.py", "define"),
    "export": ("export.py", "sweep"),
    "dump": ("dump.py", "dump"),
    "parity": ("parity.py", "measure_files"),
    "compare": ("compare.py", "compare_model"),
    "locate": ("locate/stage.py", "locate"),
    "audit": ("audit/stage.py", "audit"),
}
PLANTED = """
_real = {name}


def {name}(*given, **named):
    if "ours_{stage}" in str((given, named)):
        raise LookupError("planted in {stage}")
    return _real(*given, **named)


if __name__"""
MODEL = """
  {id}:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{{name: x, shape: [2, 7]}}]"""
REST = """
opsets: [13, 14]
exporters: [torchscript]
input_sets: [random-0]
audit: true
"""


@dataclass
class Run:
    project: Project
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def run(new_project: Callable[..., Project]) -> Run:
    names = ["good", *(f"ours_{stage}" for stage in WORK)]
    models = "".join(MODEL.format(id=name) for name in names)
    project = new_project("ours", f"models:{models}{REST}")
    for stage, (file, name) in WORK.items():
        path = project.folder / "workflow/opset_atlas/stages" / file
        text = path.read_text()
        assert "\nif __name__" in text
        planted = PLANTED.format(name=name, stage=stage)
        path.write_text(text.replace("\nif __name__", planted, 1))
    return Run(project, project.snakemake("--cores", "2", ok=False))


def test_the_run_ends_with_an_error_and_says_where_it_failed(run: Run) -> None:
    assert run.done.returncode == 1
    for stage in WORK:
        assert f"opset-atlas itself failed in {stage} of ours_{stage}" in run.done.stdout, (
            run.done.stdout[-3000:]
        )
    assert "--forcerun" in run.done.stdout
    assert "of good" not in run.done.stdout


def test_every_failure_is_a_row_with_its_traceback(run: Run) -> None:
    rows = {(row["stage"], row["model"]): row for row in run.project.read("tables/failures.json")}
    assert set(rows) == {(stage, f"ours_{stage}") for stage in WORK}
    for (stage, _), row in rows.items():
        assert row["detail"] == f"LookupError: planted in {stage}"
        assert "Traceback (most recent call last)" in row["traceback"]


def test_no_model_is_blamed_and_the_others_are_whole(run: Run) -> None:
    models = {row["model"]: row for row in run.project.read("tables/models.json")}
    assert models.pop("good")["outcome"] == "ok"
    for name, row in models.items():
        stage = name.removeprefix("ours_")
        assert row["outcome"] == ("internal-error" if stage == "define" else "ok")
        assert "opset-atlas itself failed" in row["detail"]
        assert f"planted in {stage}" in row["detail"]
    cells = {(row["model"], row["outcome"]) for row in run.project.read("tables/cells.json")}
    failed = {("ours_define", "internal-error"), ("ours_export", "internal-error")}
    right = {(f"ours_{stage}", "ok") for stage in WORK} - {(name, "ok") for name, _ in failed}
    assert cells == failed | right | {("good", "ok")}
    parity = [row for row in run.project.read("tables/parity.json") if row["model"] == "good"]
    assert {row["verdict"] for row in parity} == {"exact"}


def test_the_report_is_there_and_says_it(run: Run) -> None:
    report = run.project.folder / "results" / "report"
    index = (report / "index.html").read_text()
    assert "opset-atlas itself failed" in index
    for stage in WORK:
        assert f"planted in {stage}" in index
        assert f"planted in {stage}" in (report / "models" / f"ours_{stage}.html").read_text()
    assert "itself failed" not in (report / "models" / "good.html").read_text()


def test_the_same_command_says_it_again_and_a_mended_code_is_run(run: Run) -> None:
    again = run.project.snakemake("--cores", "2", ok=False)
    assert again.returncode == 1
    assert "opset-atlas itself failed in dump of ours_dump" in again.stdout
    for file, _ in WORK.values():
        path = run.project.folder / "workflow/opset_atlas/stages" / file
        path.write_text(path.read_text().replace("raise LookupError", "pass  #"))
    run.project.snakemake("--cores", "2")
    assert run.project.read("tables/failures.json") == []
