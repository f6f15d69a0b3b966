"""A run that is killed leaves no process, and the same command finishes it to the same files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.project import Project

pytestmark = pytest.mark.workflow

MODEL = """
import os, subprocess, sys, time, torch
from pathlib import Path


class Slow(torch.nn.Module):
    def forward(self, x):
        if Path("slow").exists():
            code = "import time; time.sleep(300)  # " + os.getcwd()
            daemon = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
            Path("new").write_text(f"{os.getpid()} {daemon.pid}")
            Path("new").rename("pids")
            time.sleep(300)
        return torch.relu(x)
"""
CONFIG = """
models:
  slow: {{factory: slow.py:Slow, inputs: [{{name: x, shape: [2, 3]}}]}}
opsets: [13]
exporters: [torchscript]
input_sets: [random-0]
worker: {worker}
"""
SECONDS = 60  # far more than it takes, since other work may keep the machine busy


@pytest.fixture(scope="module")
def make(new_project: Callable[..., Project]) -> Callable[[str, str], Project]:
    def new(name: str, worker: str) -> Project:
        project = new_project(name, CONFIG.format(worker=worker))
        (project.folder / "slow.py").write_text(MODEL)
        return project

    return new


@pytest.fixture(scope="module")
def whole(make: Callable[[str, str], Project]) -> dict[str, bytes]:
    """What an uninterrupted run leaves."""
    project = make("whole", "true")
    project.run()
    return project.contents()


@pytest.mark.parametrize(
    ("worker", "victim", "by"),
    [
        ("true", "worker", signal.SIGKILL),
        ("false", "snakemake", signal.SIGKILL),
        ("true", "snakemake", signal.SIGTERM),
        ("true", "terminal", signal.SIGINT),
    ],
)
def test_no_process_outlives_the_run_and_the_command_resumes(
    worker: str,
    victim: str,
    by: signal.Signals,
    make: Callable[[str, str], Project],
    whole: dict[str, bytes],
) -> None:
    project = make(f"{victim}_{by.name}_{worker}", worker)
    (project.folder / "slow").touch()
    with started(project) as run:
        wait_for(lambda: (project.folder / "pids").exists(), 60)
        running = of_run(run)
        assert set(map(int, (project.folder / "pids").read_text().split())) <= running
        if victim == "terminal":  # Ctrl-C reaches all that share one
            os.killpg(run.pid, by)
        else:
            os.kill(worker_of(run) if victim == "worker" else run.pid, by)
        wait_for(lambda: not any(map(lives, running)), SECONDS)
    assert run.returncode != 0
    (project.folder / "slow").unlink()
    done = project.snakemake("--cores", "2", ok=False)
    if done.returncode:  # killed, Snakemake leaves its lock behind, and it says what to type
        assert by == signal.SIGKILL and victim == "snakemake" and "--unlock" in done.stdout
        project.snakemake("--unlock")
        project.snakemake("--cores", "2")
    assert project.contents() == whole


@contextlib.contextmanager
def started(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the background, in a separate session."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (project.folder / "out").open("w") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2"],
            cwd=project.folder, env=environment, stdout=output, stderr=output,
            start_new_session=True,
            # Tests that run in the background of a shell inherit an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
    try:
        yield run
        run.wait(SECONDS)
    finally:
        if run.poll() is None:
            run.kill()
            run.wait()


def of_run(run: subprocess.Popen[bytes]) -> set[int]:
    """The processes of a run: those whose environment says that they are its jobs."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"ATLAS_RUN={run.pid}".encode() in path.read_bytes().split(b"\0"):
                found.add(int(path.parent.name))
    return found - {run.pid}


def worker_of(run: subprocess.Popen[bytes]) -> int:
    """The first of the warm worker's processes: the one that none of the others forked."""
    servers = {
        pid
        for pid in of_run(run)
        if b"opset_atlas.execution.server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }
    (first,) = (pid for pid in servers if parent(pid) not in servers)
    return first


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
