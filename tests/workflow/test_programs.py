"""Every program of docs/ and every target of the Makefile runs: here, or in `make nightly`.

In a copy of the project with a finished run, and the environment of these tests as its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders.project import ROOT, Project, need

pytestmark = pytest.mark.workflow

# A target, its arguments, and a text that it prints.
TARGETS = {
    "help": ("", "run the workflow"),
    "schemas": ("", ""),
    "rooms": ("", ""),
    "explained": ("ARGS=--sample=2", "unexplained: 0"),
    "figures": ("", "lines in workflow/zoo"),
    "growth": ("ARGS=--sizes 50", "random, and another"),
    "layout": ("ARGS=--random=1", "| ≤ 90 | 2 | own |"),
    "bench-commands": ("ARGS=--runs=1", "| `diff --run` |"),
    "bench-report": ("ARGS=--cells 400 --nodes 100", "| cells |"),
    "pictures": ("", ""),
    "format": ("", "unchanged"),
    "clean": ("", ""),
}
PROGRAMS = {
    "docs/large.py": "| export/simple_model",
    "docs/outcomes.py": "| simple_model |",
    "docs/real_reports.py": "",
    "docs/silently_wrong.py": "| scatter_add_duplicates |",
}
BROWSER = {"bench-report", "pictures"}
# Run by `.ci/run`; `env` and `dev` are what others need.
GATE = {"lint", "types", "test", "env", "dev"}


@pytest.fixture(scope="module")
def finished(default_run: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, and of the default run in it."""
    folder = tmp_path_factory.mktemp("programs") / "project"
    shutil.copytree(default_run.folder, folder, symlinks=True)
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("docs", "tools", "tests", "bench"):
        shutil.copytree(ROOT / part, folder / part, ignore=skip)
    for name in ("Makefile", "pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder / "workflow"), "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}"
    return done


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs_on_a_finished_run(program: str, finished: Path) -> None:
    assert PROGRAMS[program] in run(finished, sys.executable, program).stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_on_a_finished_run(target: str, finished: Path) -> None:
    if target in BROWSER:
        need("chromium")
    for stamp in ("main", "architectures", "dev"):  # in this order: each needs the one before
        (finished / ".venv" / f"{stamp}.stamp").touch()
    given, text = TARGETS[target]
    here = f"BIN={Path(sys.executable).parent}"
    assert text in run(finished, "make", here, target, *filter(None, [given])).stdout


def nightly() -> str:
    """The recipe of `make nightly`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return re.findall(r"^nightly:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[0]


def targets() -> dict[str, list[str]]:
    """The documented targets of the Makefile with what they need."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z-]+):([^#\n]*)##", makefile, re.MULTILINE)
    return {name: needs.split() for name, needs in found}


def test_every_target_runs_here_or_nightly_or_in_the_gate() -> None:
    called = {word for line in nightly().splitlines() if "$(MAKE)" in line for word in line.split()}
    covered = {*TARGETS, *GATE, *called, "nightly"}
    assert set((ROOT / ".ci/run").read_text().split()) >= {"lint", "types", "test"}
    missing = {
        name
        for name, needs in targets().items()
        if name not in covered and not (needs and set(needs) <= covered)
    }
    assert not missing


def test_every_program_of_docs_runs_here_or_nightly() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    through = {*TARGETS, *nightly().split()}
    recipes = re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    text = "".join(recipe for name, recipe in recipes if name in through) + nightly()
    programs = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "docs").rglob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    }
    assert programs <= {*PROGRAMS, *re.findall(r"docs/[\w/]+\.py", text)}
