"""A run that was killed: the message of the next one, and the command that resumes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.project import ROOT, Project

pytestmark = pytest.mark.workflow

CONFIG = """
models:
  relu6:
    factory: workflow/zoo/relu6.py:Relu6
    inputs: [{name: x, shape: [2, 7]}]
  hard_swish:
    factory: workflow/zoo/hard_swish.py:HardSwish
    inputs: [{name: x, shape: [2, 3, 4, 4]}]
opsets: [13, 14]
exporters: [torchscript, converter]
input_sets: [random-0]
runtimes: [onnxruntime]
"""


def test_after_a_kill_the_documented_command_gives_what_an_undisturbed_run_gives(
    new_project: Callable[..., Project],
) -> None:
    whole, killed = (new_project(name, CONFIG) for name in ("whole", "killed"))
    whole.run()
    kill_after(killed, "results/export/*/torchscript/record.json")

    refused = killed.snakemake("--cores", "2", ok=False)
    assert refused.returncode and "removed with the --unlock argument" in refused.stdout
    unlock, run = documented()
    killed.snakemake(*unlock)
    killed.snakemake(*run)
    assert killed.contents() == whole.contents()


def documented() -> tuple[list[str], list[str]]:
    """The documented command, in two halves."""
    page = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    (line,) = [line for line in page.splitlines() if line.startswith("snakemake --unlock")]
    first, _, second = line.partition("#")[0].partition("&&")
    return first.split()[1:], second.split()[1:]


def kill_after(project: Project, pattern: str) -> None:
    """Kill Snakemake itself, and nothing else, as soon as there is such a file."""
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not list(project.folder.glob(pattern)):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    while working_in(project.folder):  # the worker notices, and its jobs end with it
        assert time.monotonic() < deadline
        time.sleep(0.1)


def working_in(folder: Path) -> list[int]:
    """Processes whose folder it is."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == folder:
                found.append(int(link.parent.name))
        except OSError:
            continue
    return found
