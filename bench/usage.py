"""How long a command took, and where the CPU seconds of a run of the workflow went."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

EVERY = 0.5  # seconds between samples of the processes of a run
PATIENCE = 10.0  # seconds that a worker has to notice the end of its run


class Failed(Exception):
    """A command exited with a nonzero status; the text is the end of its output."""


@dataclass(frozen=True)
class Command:
    """The output and the cost of a finished command.

    `own` and `all` are CPU seconds: of the process itself, and with all that it waited for;
    `worker` those of the workflow's warm worker, without the jobs that it forked. `outlived` counts
    its processes that were still there seconds after the end of the run, and had to be killed.
    """

    output: str
    seconds: float
    own: float
    all: float
    worker: float
    outlived: int


def run(command: list[str], folder: Path) -> Command:
    """Run a whole process from start to end.

    Raises:
        Failed: it did not succeed.
    """
    own = {**os.environ, "PYTHONPATH": str(folder / "workflow"), "PYTHONHASHSEED": "0"}
    before, started = _waited_for(), time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    looks = _Looks(process.pid)
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    looks.end()
    if process.returncode:
        looks.clear()
        raise Failed(f"{' '.join(command)}: status {process.returncode}\n{output[-3000:]}")
    used = _waited_for() - before
    return Command(output, seconds, looks.own, used, looks.worker, looks.clear())


class _Looks:
    """A thread that samples the CPU times of processes while they exist."""

    def __init__(self, pid: int) -> None:
        self.own = 0.0
        self._workers: dict[psutil.Process, float] = {}
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    @property
    def worker(self) -> float:
        """CPU seconds of the worker's processes, as they were last seen."""
        return sum(self._workers.values())

    def end(self) -> None:
        """Stop sampling."""
        self._over.set()
        self._thread.join()

    def clear(self) -> int:
        """Wait for the worker's processes, which would disturb the next run; how many remain."""
        _, left = psutil.wait_procs(list(self._workers), timeout=PATIENCE)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return len(left)

    def _watch(self) -> None:
        main = psutil.Process(self._pid)
        while not self._over.wait(EVERY):
            with contextlib.suppress(psutil.Error, ProcessLookupError):  # some have ended
                self.own = _cpu_of(main)
                for process in _workers_of(main):
                    self._workers[process] = _cpu_of(process)


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _workers_of(main: psutil.Process) -> Iterator[psutil.Process]:
    """The worker's first process and those forked in its session; jobs have other sessions."""
    for first in main.children():
        if "opset_atlas.execution.server" in first.cmdline():
            yield first
            for other in first.children(recursive=True):
                if os.getsid(other.pid) == first.pid:
                    yield other


def _waited_for() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def profile(done: Command, logs: Path, since: float) -> dict[str, Any]:
    """Where the CPU seconds of a run went; stages by the last lines of logs written `since`."""
    stages: dict[str, dict[str, float]] = defaultdict(lambda: {"jobs": 0, "wall": 0.0, "cpu": 0.0})
    for path in logs.rglob("*.log"):
        last = path.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
        if path.stat().st_mtime >= since and last and last[0].startswith("usage "):
            usage = json.loads(last[0].removeprefix("usage "))
            stage = stages[path.relative_to(logs).parts[0].removesuffix(".log")]
            stage["jobs"] += 1
            stage["wall"] += usage["seconds"]
            stage["cpu"] += usage["cpu_seconds"]
    return {
        "jobs": sum(stage["jobs"] for stage in stages.values()),
        "snakemake": round(done.own, 2),
        "shells": round(done.all - done.own, 2),
        "worker": round(done.worker, 2),
        "outlived": done.outlived,
        "stages": {name: _rounded(stage) for name, stage in sorted(stages.items())},
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
