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

# Where it is made to fail: a file and a function that is called for each model.
WORK = {
    "define": ("define.py", "define"),
    "export": ("export.py", "sweep"),
    "dump": ("dump.py", "dump"),
    "parity": ("parity.py", "measure_files"),
    "compare": ("compare.py", "compare_model"),
    "locate": ("locate/stage.py", "locate"),
    "audit": ("audit/stage.py", "audit"),
    "tables": ("tables/stage.py", "_cell"),
    "report": ("report/model.py", "remarks"),
    "index": ("report/index.py", "least"),
}
STAGES = {name: "report" if name == "index" else name for name in WORK}
# What the index would show of these cannot be shown; they have their page alone.
LATE = {"report", "index"}
PLANTED = """
_real = {name}


def {name}(*given, **named):
    if "ours_{stage}" in str(([each for each in given if not hasattr(each, "tables")], named)):
        raise LookupError("planted in {stage}")
    return _real(*given, **named)
"""
MAIN = "\nif __name__"
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
        assert f"{name}(" in text
        before, main, after = text.partition(MAIN)
        path.write_text(before + PLANTED.format(name=name, stage=stage) + "\n" + main + after)
    return Run(project, project.snakemake("--cores", "2", ok=False))


def test_the_run_ends_with_an_error_and_says_where_it_failed(run: Run) -> None:
    assert run.done.returncode == 1
    for name, stage in STAGES.items():
        assert f"opset-atlas itself failed in {stage} of ours_{name}" in run.done.stdout, (
            run.done.stdout[-3000:]
        )
    assert "--forcerun" in run.done.stdout
    assert "of good" not in run.done.stdout


def test_every_failure_is_a_row_with_its_traceback(run: Run) -> None:
    found = [*run.project.read("tables/failures.json"), *run.project.read("report/failures.json")]
    rows = {row["model"]: row for row in found}
    assert {name: row["stage"] for name, row in rows.items()} == {
        f"ours_{name}": stage for name, stage in STAGES.items()
    }
    for model, row in rows.items():
        assert row["detail"] == f"LookupError: planted in {model.removeprefix('ours_')}"
        assert "Traceback (most recent call last)" in row["traceback"]


def test_no_model_is_blamed_and_the_others_are_whole(run: Run) -> None:
    models = {row["model"]: row for row in run.project.read("tables/models.json")}
    assert models.pop("good")["outcome"] == "ok"
    for name, row in models.items():
        stage = name.removeprefix("ours_")
        assert row["outcome"] == ("internal-error" if stage in ("define", "tables") else "ok")
        if stage in ("report", "index"):  # the tables were made before
            continue
        assert "opset-atlas itself failed" in row["detail"]
        assert f"planted in {stage}" in row["detail"]
    cells = {(row["model"], row["outcome"]) for row in run.project.read("tables/cells.json")}
    failed = {("ours_define", "internal-error"), ("ours_export", "internal-error")}
    right = {(f"ours_{stage}", "ok") for stage in WORK} - {(name, "ok") for name, _ in failed}
    right -= {("ours_tables", "ok")}
    assert cells == failed | right | {("good", "ok")}
    parity = [row for row in run.project.read("tables/parity.json") if row["model"] == "good"]
    assert {row["verdict"] for row in parity} == {"exact"}


def test_the_report_is_there_and_says_it(run: Run) -> None:
    report = run.project.folder / "results" / "report"
    index = (report / "index.html").read_text()
    assert "opset-atlas itself failed" in index
    for stage in WORK:
        assert f"planted in {stage}" in index
        in_matrix = f'class="line" data-model="ours_{stage}"' in index
        assert in_matrix != (stage in LATE)
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
    assert run.project.read("report/failures.json") == []
