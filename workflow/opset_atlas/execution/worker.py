"""The warm worker of a run: processes that have imported everything and fork a child per job.

Starting Python, torch and the exporters costs seconds, a job of ours often a tenth of one. So the
Snakefile starts the worker when a run on one machine begins, and `python -m opset_atlas STAGE`
hands its arguments, folder, environment and output to it over a Unix socket; a child is forked,
which runs the stage and ends. It is to a run what Bazel's persistent workers are to a build.

It is a ladder: the first process imports what reads and compares files (`LEVELS[0]`, 0.8 s) and
forks one that goes on to import torch (2 s), which forks one that goes on to export (4 s). Each
serves the stages that need no more, so that what only draws the report again waits for no torch;
and a run that has no jobs for the upper ones does without them.

Nothing is kept from job to job: a child starts from what its parent imported, and the parent runs
no job. It listens to its own user alone, on no port, and ends with the run, whichever way that
ends. A client that goes away (Ctrl-C, a cancelled job) takes its child's process group with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from opset_atlas import plugins, sources
from opset_atlas.__main__ import LEVEL, LEVELS, PREFIX, SOCKET, module_of, to_the_end, work
from opset_atlas.exporters import _memory

LIBRARIES = {
    "files": ("numpy", "onnx", "onnx_ir", "onnxruntime", "safetensors.numpy"),
    # What torch and stages import when they first need it, where they always do.
    "torch": (
        "torch",
        "torch._dynamo",
        "safetensors.torch",
        "opset_atlas.models.module",
        "opset_atlas.models.truth",
    ),
    "exporters": ("onnxscript", "sympy.tensor.tensor"),
}
_LOOK_AROUND = 1.0  # seconds between looks whether the run is still there


def start(log: Path, wanted: Iterable[str] = LEVEL) -> str:
    """Start the worker of this process's run; jobs find it by two environment variables.

    Args:
        log: what the worker itself has to say, which is nothing unless it fails.
        wanted: stages that may be run; others of a higher level than theirs find no worker.

    Returns:
        Why there is none, or an empty string. It ends when this process does.
    """
    if reason := _memory.strange_version():
        return reason
    path = Path(tempfile.mkdtemp(prefix="atlas-")) / "socket"
    log.parent.mkdir(parents=True, exist_ok=True)
    levels = LEVELS[: 1 + max(map(_height, wanted), default=0)]
    with contextlib.ExitStack() as stack, log.open("w") as output:
        listeners = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in levels]
        try:
            for level, listener in zip(levels, listeners, strict=True):
                stack.enter_context(listener).bind(f"{path}.{level}")
                listener.listen(1024)
        except OSError as error:  # some file systems have no sockets, and their names are short
            shutil.rmtree(path.parent)
            return f"no socket at {path}: {error}"
        numbers = [listener.fileno() for listener in listeners]
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "opset_atlas.execution.worker",
                *map(str, [path, os.getpid(), *numbers]),
            ],
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the clients, whose end it sees
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    os.environ |= {SOCKET: str(path), PREFIX: sys.prefix}
    return ""


def _height(stage: str) -> int:
    """The number of the level that runs a stage."""
    return LEVELS.index(LEVEL.get(stage, LEVELS[0]))


@dataclass(frozen=True)
class _Job:
    """A running child and the client that waits for it."""

    pid: int
    client: socket.socket


class Worker:
    """A process that forks, until `parent`, which started it, is gone."""

    def __init__(self, listener: socket.socket, parent: int) -> None:
        self._listener, self._parent = listener, parent
        self._events = selectors.DefaultSelector()
        self._jobs: dict[int, _Job] = {}
        self._ended, wake = os.pipe()
        for end in (self._ended, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._events.register(listener, selectors.EVENT_READ)
        self._events.register(self._ended, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork for every client."""
        while os.getppid() == self._parent:
            for key, _ in self._events.select(_LOOK_AROUND):
                if key.fileobj is self._listener:
                    self._begin(self._listener.accept()[0])
                elif key.fileobj == self._ended:
                    self._reap()
                elif key.data in self._jobs:
                    _kill(key.data)  # its client spoke again, which means that it is gone
                    self._events.unregister(key.fileobj)
        for pid in self._jobs:
            _kill(pid)

    def _begin(self, client: socket.socket) -> None:
        try:
            request, outputs = _receive(client)
        except (OSError, ValueError):  # it went away before it had said all
            client.close()
            return
        pid = os.fork()
        if pid == 0:
            self._listener.close()
            for job in self._jobs.values():
                job.client.close()
            _work(request, outputs)
        for output in outputs:
            os.close(output)
        self._jobs[pid] = _Job(pid, client)
        self._events.register(client, selectors.EVENT_READ, pid)

    def _reap(self) -> None:
        os.read(self._ended, 1 << 16)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid not in self._jobs:  # the next level, which ended by itself
                continue
            client = self._jobs.pop(pid).client
            with contextlib.suppress(KeyError):
                self._events.unregister(client)
            code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(OSError), client:
                client.sendall((code if code >= 0 else 128 - code).to_bytes(8, "big"))


def _receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A client's request, and its standard output and error."""
    head, outputs, _, _ = socket.recv_fds(client, 8, 2)
    with client.makefile("rb") as stream:
        data = stream.read(int.from_bytes(head, "big"))
    return json.loads(data), outputs


def _work(request: dict[str, Any], outputs: list[int]) -> NoReturn:
    """The child's life: as if the client's process ran the stage."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    work(request["arguments"], outputs)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def preload(level: str) -> None:
    """Import all that the stages of a level use, and what is lazy in it.

    One thread, set before any operator runs, and no session of onnxruntime: threads do not survive
    a fork.
    """
    for library in LIBRARIES[level]:
        importlib.import_module(library)
    if level == "torch":
        import torch

        torch.set_num_threads(1)
    for stage in sources.programs("stages"):
        if LEVELS[_height(stage)] == level:
            importlib.import_module(module_of(stage))
    if level == "files":
        from opset_atlas import causes
        from opset_atlas.operators import definitions, notes

        # What onnx's schemas, our notes on them and the causes say is the same for every job.
        definitions.operators()
        notes.all_notes()
        causes.modules()
    for name in plugins.names("exporters"):
        if plugins.constants("exporters", name)["LEVEL"] == level:
            warm_up = getattr(plugins.load("exporters", name), "warm_up", None)
            if warm_up:
                warm_up()
    gc.collect()
    gc.freeze()  # the pages of what is there now stay shared with the children


def climb(rungs: Sequence[tuple[str, socket.socket]], parent: int) -> int:
    """Serve the first of some levels; a fork serves the others."""
    (level, listener), *higher = rungs
    preload(level)
    here = os.getpid()
    if higher and os.fork() == 0:
        listener.close()
        to_the_end(lambda: climb(higher, here))
    for _, other in higher:
        other.close()
    Worker(listener, parent).serve()
    return 0


def main(arguments: list[str] | None = None) -> None:
    """Serve at the sockets that `start` made."""
    path, run, *numbers = arguments or sys.argv[1:]

    def serve() -> int:
        listeners = [socket.socket(fileno=int(number)) for number in numbers]
        here = os.getpid()
        try:
            return climb([*zip(LEVELS, listeners, strict=False)], int(run))
        finally:
            if os.getpid() == here:
                shutil.rmtree(Path(path).parent, ignore_errors=True)

    to_the_end(serve)


if __name__ == "__main__":
    main()
