"""What a run shows: in terminals of several widths, in a pipe, on failures and without the plug-in.

Each run is a real one, of two small models.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import terminal
from builders.project import Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7], range: [-2.0, 8.0]}]
  scatter:
    factory: workflow/zoo/scatter_add_duplicates.py:ScatterAddDuplicates
    inputs: [{name: x, shape: [3, 5]}, {name: values, shape: [3, 4]}]
opsets: [11, 16]
exporters: [torchscript]
input_sets: [random-0]
"""
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", "2"]
# Where no package of opset-atlas is installed: neither `pip install -e .` nor a wheel.
WITHOUT = """
import sys
sys.path = [path for path in sys.path if not path.endswith("workflow")]
from snakemake.cli import main
main()
"""
SETTING = "Use torchscript at opset 16: right for both models."
FINDING = "wrong  scatter, torchscript 11 → torchscript 16"


@dataclass(frozen=True)
class Terminals:
    """A project whose runs use its own copy of the plug-in."""

    project: Project

    def environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
        return {**kept, "PYTHONPATH": str(self.project.folder / "workflow"), **more}

    def show(
        self, *arguments: str, columns: int = 80, press: dict[str, bytes] | None = None, **env: str
    ) -> terminal.Shown:
        command = [*SNAKEMAKE, *arguments]
        return terminal.run(command, self.project.folder, self.environment(**env), columns, press)

    def pipe(self, *arguments: str, command: list[str] = SNAKEMAKE) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*command, *arguments],
            cwd=self.project.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=600,
        )


@pytest.fixture(scope="module")
def fresh(new_project: Callable[..., Project]) -> tuple[Terminals, terminal.Shown]:
    """A whole run in a terminal of 80 columns."""
    terminals = Terminals(new_project("console", CONFIG))
    return terminals, terminals.show()


@pytest.fixture
def finished(fresh: tuple[Terminals, terminal.Shown], tmp_path: Path) -> Iterator[Terminals]:
    """A copy of the finished run, to be changed at will."""
    folder = tmp_path / "copy"
    shutil.copytree(fresh[0].project.folder, folder)
    yield Terminals(Project(folder))


def without_first(shown: terminal.Shown) -> list[str]:
    """The lines that are left, without what Snakemake says before its loggers are there."""
    first, *rest = shown.final()
    assert first.startswith("Using workflow specific profile")
    return rest


def test_a_terminal_shows_one_line_and_then_the_answer(
    fresh: tuple[Terminals, terminal.Shown],
) -> None:
    shown = fresh[1]
    assert shown.status == 0, shown.text
    drawn = shown.drawn()
    assert any(
        re.match(r"\d+/17  \d:\d\d  .*export (relu6|scatter) · torchscript", d) for d in drawn
    )
    assert max(map(len, drawn)) < 80
    lines = without_first(shown)
    assert re.fullmatch(r"17 jobs done in \d:\d\d\.", lines[0])
    assert lines[1].startswith("Snakemake's log: .snakemake/log/")
    assert SETTING in lines and any(line.startswith(FINDING) for line in lines)
    page = fresh[0].project.folder / "results/report/index.html"
    assert lines[-1] == f"report: {page}" and page.is_file()
    assert max(map(len, lines[:-1])) <= 80
    assert "\x1b[32mUse torchscript" in shown.text


def test_all_else_is_in_snakemakes_log(fresh: tuple[Terminals, terminal.Shown]) -> None:
    log = next((fresh[0].project.folder / ".snakemake/log").glob("*.log")).read_text()
    for text in ("Job stats:", "rule export:", "jobid:", "17 of 17 steps (100%) done", SETTING):
        assert text in log


def test_with_nothing_to_do_the_answer_is_there_again(finished: Terminals) -> None:
    for columns in (40, 120):
        shown = finished.show(columns=columns, NO_COLOR="1")
        lines = without_first(shown)
        assert (shown.status, lines[0]) == (0, "Nothing to do.")
        assert SETTING in " ".join(lines)
        assert max(map(len, lines[:-1])) <= columns
        assert re.findall(r"\x1b\[[^K]", shown.text) == []
    piped = finished.pipe()
    assert piped.stderr.splitlines()[1:] == ["Nothing to do."]
    assert SETTING in piped.stdout.splitlines()


def test_an_answer_that_cannot_be_read_ends_no_run(finished: Terminals) -> None:
    (finished.project.folder / "results/answer.json").write_text("[]")
    done = finished.pipe()
    assert done.returncode == 0
    assert "note: no answer can be read from results" in done.stderr


def test_another_target_has_no_answer_and_a_dry_run_is_snakemakes(finished: Terminals) -> None:
    exports = finished.pipe("exports")
    assert exports.returncode == 0 and "Use torchscript" not in exports.stdout + exports.stderr
    dry = finished.pipe("-n", "--forcerun", "tables").stdout
    assert "localrule tables:" in dry or "rule tables:" in dry
    assert "This was a dry-run" in dry and "Use torchscript" not in dry


def test_elsewhere_there_is_a_line_per_job(finished: Terminals) -> None:
    in_ci = finished.show("--forcerun", "tables", CI="true")
    assert in_ci.drawn() == []
    lines = without_first(in_ci)
    assert lines[0] == "4 jobs: 1 tables, 1 report, 1 conclude, 1 all"
    assert [re.sub(r"[\d.]+ s$", "", line) for line in lines[1:4]] == [
        "[1/4] tables, ", "[2/4] report, ", "[3/4] conclude, ",
    ]  # fmt: skip
    quiet = finished.pipe("--forcerun", "tables", "-q")
    assert re.fullmatch(r"4 jobs done in \d:\d\d\.", quiet.stderr.splitlines()[1])
    silent = finished.pipe("--forcerun", "tables", "-q", "all")
    assert (silent.returncode, silent.stdout, len(silent.stderr.splitlines())) == (0, "", 1)


def test_a_mistake_in_the_configuration_is_short(finished: Terminals) -> None:
    shown = finished.show("--config", "opsetz=1")
    assert shown.status == 1
    lines = without_first(shown)
    assert "config: opsetz: unknown key; did you mean 'opsets'?" in lines
    assert len(lines) < 8 and shown.drawn() == []


def test_a_failed_job_is_shown_and_the_rest_is_said(finished: Terminals) -> None:
    stage = finished.project.folder / "workflow/opset_atlas/stages/dump.py"
    text = stage.read_text()
    stage.write_text(text.replace("def main(", "def main(*_):\n    exit('planted')\n\ndef _(", 1))
    for arguments in ((), ("-q", "all")):  # the failure is not forgotten
        done = finished.pipe(*arguments)
        lines = done.stderr.splitlines()
        assert done.returncode == 1 and "Use torchscript" not in done.stdout
        assert sum(bool(re.match(r"failed: dump \w+ after ", line)) for line in lines) == 2
        assert lines.count("  | planted") == 2
        assert any(re.match(r"2 of \d+ jobs failed", line) for line in lines)
        assert not any("CalledProcessError" in line for line in lines)


def test_ctrl_c_ends_the_line_and_says_how_to_go_on(finished: Terminals) -> None:
    shown = finished.show("--forcerun", "define", press={"export ": b"\x03"})
    lines = without_first(shown)
    assert shown.status != 0
    assert re.match(r"Stopped after \d:\d\d with \d+ of 17 jobs done\.", lines[-2])
    assert "Use torchscript" not in shown.text and "returned non-zero" not in shown.text


def test_without_the_plug_in_snakemake_starts_and_prints_the_answer(finished: Terminals) -> None:
    command = [sys.executable, "-c", WITHOUT, "--cores", "2"]
    done = finished.pipe(command=command)
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stderr
    assert SETTING in done.stderr.splitlines()
    refused = finished.pipe("--logger", "opset-atlas", command=command)
    assert "invalid choice: 'opset-atlas'" in refused.stderr  # the control: it is missing


def test_snakemakes_own_output_is_one_option_away(finished: Terminals) -> None:
    done = finished.pipe("-p", "--forcerun", "tables")
    assert "localrule tables:" in done.stderr and "Shell command: python" in done.stderr
    assert SETTING in done.stderr.splitlines()
