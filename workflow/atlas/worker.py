"""The warm worker of a run: one process that has imported everything and forks a child per job.

Starting Python, torch and the exporters costs seconds, a job of ours often a tenth of one. So the
Snakefile starts this process when a run on one machine begins, and `python -m atlas STAGE` hands
its arguments, folder, environment and output to it over a Unix socket; a child is forked, which
runs the stage and ends. It is to a run what Bazel's persistent workers are to a build.

Nothing is kept from job to job: a child starts from what the parent imported, and the parent runs
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
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from atlas.__main__ import PREFIX, SOCKET, run, stages
from atlas.exporters import _memory

LIBRARIES = ("numpy", "onnx", "onnx_ir", "onnxscript", "onnxruntime", "safetensors.numpy")
_LOOK_AROUND = 1.0  # seconds between looks whether the run is still there


def start(log: Path) -> str:
    """Start the worker of this process's run; jobs find it by two environment variables.

    Args:
        log: what the worker itself has to say, which is nothing unless it fails.

    Returns:
        Why there is none, or an empty string. It ends when this process does.
    """
    if reason := _memory.strange_version():
        return reason
    path = Path(tempfile.mkdtemp(prefix="atlas-")) / "socket"
    log.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, log.open("w") as output:
        try:
            listener.bind(str(path))
        except OSError as error:  # some file systems have no sockets, and their names are short
            path.parent.rmdir()
            return f"no socket at {path}: {error}"
        listener.listen(1024)
        number = listener.fileno()
        subprocess.Popen(
            [sys.executable, "-m", "atlas.worker", str(path), str(number), str(os.getpid())],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the clients, whose end it sees
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    os.environ |= {SOCKET: str(path), PREFIX: sys.prefix}
    return ""


@dataclass(frozen=True)
class _Job:
    """A running child and the client that waits for it."""

    pid: int
    client: socket.socket


class Worker:
    """The process that forks. `serve` returns when the run is over."""

    def __init__(self, listener: socket.socket, run: int) -> None:
        self._listener, self._run = listener, run
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
        """Fork for every client until the process of the run, our parent, is gone."""
        while os.getppid() == self._run:
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
        while self._jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
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
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        status = run(request["arguments"])
    except SystemExit as end:
        status = _status(end)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _status(end: SystemExit) -> int:
    """What Python makes of `sys.exit`."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def preload() -> None:
    """Import all that stages use, and export once: what is lazy is then there for every child.

    One thread, set before any operator runs, and no session of onnxruntime: threads do not survive
    a fork.
    """
    import torch

    torch.set_num_threads(1)
    for name in (*LIBRARIES, *(f"atlas.{stage}" for stage in stages())):
        importlib.import_module(name)
    from atlas.exporters import dynamo

    dynamo.warm_up()
    gc.collect()
    gc.freeze()  # the pages of what is there now stay shared with the children


def main(arguments: list[str] | None = None) -> None:
    """Serve at the socket that `start` made."""
    path, listener, run_pid = arguments or sys.argv[1:]
    worker = Worker(socket.socket(fileno=int(listener)), int(run_pid))
    try:
        preload()
        worker.serve()
    finally:
        shutil.rmtree(Path(path).parent, ignore_errors=True)


if __name__ == "__main__":
    main()
