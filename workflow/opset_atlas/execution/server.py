"""The warm worker of a run: processes that have imported everything and fork a child per job.

Starting Python, torch and the exporters takes seconds, while a job often takes a tenth of a second.
So the Snakefile starts a worker when a run on one machine begins. A job's own process
(`execution.client`) passes its arguments, folder, environment and output to it over a Unix socket,
and the worker forks a child that runs the stage and ends. Bazel's persistent workers do the same
for a build.

A worker belongs to one environment and has one process per level (`execution.levels`): the lowest
is started, each other one is forked from the level below it.

Nothing is kept from job to job: a child starts with what its parent imported, and the parent runs
no job. A worker listens only to its own user, on no port, and ends with the run, however that ends.
When a client goes away (Ctrl-C, a cancelled job), its child's process group is killed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from opset_atlas.base.messages import describe
from opset_atlas.execution import address, environments, forked, levels, python_path
from opset_atlas.execution.address import WORKERS, socket_path
from opset_atlas.execution.client import DECLINED
from opset_atlas.execution.processes import die_with

_LOOK_AROUND = 1.0  # seconds between checks whether the run still exists


def start(log: Path, wanted: Iterable[str], prefix: str = address.HERE) -> str:
    """Start the worker of an environment for this process's run; its jobs find it by `WORKERS`.

    It ends when this process does.

    Args:
        log: for the worker's own output, such as warnings of the packages it loads.
        wanted: levels that the run's jobs need; others get no process.

    Returns:
        Why no worker could be started, or an empty string.
    """
    folder = os.environ.get(WORKERS) or tempfile.mkdtemp(prefix="atlas-")
    key = address.key(prefix)
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack, log.open("w") as output:
        listeners: dict[str, socket.socket] = {}
        for level in levels.with_those_below(wanted):
            path = socket_path(folder, key, level)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            try:
                listener.bind(path)
            except OSError as error:  # some file systems have no sockets; a path may be too long
                _remove(folder, key)
                return f"no socket at {path}: {error}"
            listener.listen(1024)
            listeners[level] = listener
        numbers = {level: listener.fileno() for level, listener in listeners.items()}
        subprocess.Popen(
            [
                environments.python(prefix),
                *("-m", "opset_atlas.execution.server", folder, key, str(os.getpid())),
                *(f"{level}={number}" for level, number in numbers.items()),
            ],
            pass_fds=list(numbers.values()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the clients; the worker notices their end
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    os.environ[WORKERS] = folder
    return ""


def _remove(folder: str, key: str) -> None:
    """Remove an environment's files from the folder, and the folder after the last of them."""
    for path in Path(folder).glob(f"{key}.*"):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


@dataclass(frozen=True)
class _Job:
    """A running child and the client that waits for it."""

    pid: int
    client: socket.socket


class Worker:
    """A process that forks children until `parent`, which started it, is gone.

    With a `reason` it declines every job and says why.
    """

    def __init__(self, listener: socket.socket, parent: int, reason: str = "") -> None:
        self._listener, self._parent, self._reason = listener, parent, reason
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
        """Fork a child for every client."""
        while os.getppid() == self._parent:
            for key, _ in self._events.select(_LOOK_AROUND):
                if key.fileobj is self._listener:
                    self._begin(self._listener.accept()[0])
                elif key.fileobj == self._ended:
                    self._reap()
                elif key.data in self._jobs:
                    _kill(key.data)  # the client's socket is readable again: it is gone
                    self._events.unregister(key.fileobj)
        for pid in self._jobs:
            _kill(pid)

    def _begin(self, client: socket.socket) -> None:
        try:
            request, outputs = _receive(client)
        except (OSError, ValueError):  # it went away before its request was complete
            client.close()
            return
        if self._reason:
            with contextlib.suppress(OSError), client:
                client.sendall(DECLINED + self._reason.encode())
            _close(outputs)
            return
        here = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with(here)
            self._listener.close()
            for job in self._jobs.values():
                job.client.close()
            _work(request, outputs)
        _close(outputs)
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
            if pid not in self._jobs:  # the process of the next level, which ended
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
    """What the child does: run the stage as if in the client's process."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["folder"])
    python_path.follow(os.environ, request["environment"])
    os.environ.clear()
    os.environ.update(request["environment"])
    forked.work(request["arguments"], outputs, warm=True)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _close(outputs: Iterable[int]) -> None:
    for output in outputs:
        os.close(output)


def climb(level: str, listeners: Mapping[str, socket.socket], parent: int, reason: str = "") -> int:
    """Load a level and serve it; forks do the same with the levels that build on it.

    Args:
        listeners: the sockets of this level and of all levels that build on it.
        parent: the process with which this one ends.
        reason: why the level below declines its jobs, so that this one does too.
    """
    reason = reason or _load(level)
    if reason:
        print(f"{level}: {reason}", flush=True)
    here = os.getpid()
    for upper in [other for other in listeners if levels.below(other) == level]:
        branch = {name: each for name, each in listeners.items() if _stands_on(name, upper)}
        if os.fork() == 0:
            die_with(here)
            _close_all(listeners, but=branch)
            forked.to_the_end(functools.partial(climb, upper, branch, here, reason))
    _close_all(listeners, but=[level])  # only in this process
    Worker(listeners[level], parent, reason).serve()
    return 0


def _load(level: str) -> str:
    """Load the level; returns why it cannot serve, or ""."""
    try:
        return levels.preload(level)
    except ModuleNotFoundError as error:
        return f"{error.name} is not installed"
    except (ImportError, OSError) as error:  # such as a shared library that is missing
        return describe(error)


def _stands_on(level: str, other: str) -> bool:
    return other in levels.with_those_below([level])


def _close_all(listeners: Mapping[str, socket.socket], but: Iterable[str]) -> None:
    for level in listeners.keys() - set(but):
        listeners[level].close()


def main(arguments: list[str] | None = None) -> None:
    """Serve at the sockets that `start` made."""
    folder, key, run, *numbers = arguments or sys.argv[1:]

    def serve() -> int:
        pairs = [text.rpartition("=") for text in numbers]
        listeners = {level: socket.socket(fileno=int(number)) for level, _, number in pairs}
        here = os.getpid()
        try:
            return climb(levels.LOWEST, listeners, int(run))
        finally:
            if os.getpid() == here:
                _remove(folder, key)

    forked.to_the_end(serve)


if __name__ == "__main__":
    main()
