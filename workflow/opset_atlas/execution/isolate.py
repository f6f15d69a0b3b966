"""Run work that may hang, crash or exhaust memory, so that it costs only the item at fault.

A forked process works through the items in order and reports each over a socket. When it dies or
stalls, the current item is reported as the cause, and a new process continues with the next one.
All processes that an item has started end with it (`processes`), and only the beginning of its
output is kept. Snakemake does not enforce `resources: runtime` locally, so this module does.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from opset_atlas.base.messages import describe
from opset_atlas.execution import processes
from opset_atlas.execution.processes import exit_now, process_id
from opset_atlas.records import Failure

T = TypeVar("T")
PRINTED = 100_000  # bytes of one item's output that are passed on
MOST = 5
COPIES = 5.0  # seconds; a copy that stays longer hangs, and writes nothing more
_SLICE = 0.5  # seconds between checks whether a silent process is still alive
_CHUNK = 1 << 20

# Kept from the time of import, since a model's code may replace functions in modules.
_encode, _read, _write = json.JSONEncoder().encode, os.read, os.write


@dataclass(frozen=True)
class Result:
    """The result of one item. `value` is set when `status` is "done"; `seconds` is wall time.

    "internal-error": our own code raised `traceback`; not a fault of the item.
    """

    status: Literal["done", "crashed", "timeout", "internal-error"]
    value: Any
    detail: str
    seconds: float
    traceback: str = ""

    def failure(self, what: str) -> Failure:
        """What happened to `what`, as an entry of a record; not for "done"."""
        detail = self.detail if self.traceback else f"{self.status}: {self.detail}"
        return {"what": what, "detail": detail, "traceback": self.traceback}


def run_isolated(
    items: Sequence[T],
    work: Callable[[T], Any],
    seconds: float,
    memory_mb: int | None = None,
    setup: Callable[[], object] = lambda: None,
    foreign: bool = False,
) -> Generator[tuple[T, Result], None, None]:
    """Yield every item with its result, in order.

    Args:
        work: called in a child; returns a JSON value. It catches what the item may raise; any
            exception that escapes is our own defect, and the item's result says so.
        seconds: limit of the time for one item, and for `setup`. While an item waits for a CPU that
            others have, it does not count, up to `MOST` times the limit on the clock: the result
            of a limit is not to depend on what else runs on the machine.
        memory_mb: limit of a child's address space in MiB.
        setup: called once in every child before its first item, for slow imports. If it raises,
            that is the result of every remaining item.
        foreign: a model's code runs, which may kill its parent process or start others.
    """
    processes.adopt_orphans()  # those of a child whose keeper was killed by an item
    position = 0
    while position < len(items):
        child = _Child(items[position:], work, setup, memory_mb, foreign)
        try:
            position += yield from _drain(child, items[position:], seconds)
        finally:
            child.end()


def end_copy() -> None:
    """End this process if it is a copy of an item's process, made by `os.fork` in a model's code.

    To be called after such code has returned, before anything is written.
    """
    if _item_process and process_id() != _item_process:
        exit_now(0)


def await_copies() -> None:
    """Wait for copies of this item's process, which may be writing the file that it has written.

    To be called before a file is read that was written by code which may have forked.
    """
    if _item_process:
        processes.await_copies(COPIES)


# The ID of the process that works on an item; 0 in other processes.
_item_process = 0


def _drain(
    child: _Child, items: Sequence[T], seconds: float
) -> Generator[tuple[T, Result], None, int]:
    """Yield the results of one child; return how many items it has processed."""
    started, done = time.monotonic(), -1  # the first message says that setup is over
    while done < len(items):
        message = child.receive(started, seconds)
        took = time.monotonic() - started
        if isinstance(message, Result):
            culprit = max(done, 0)
            result = Result(message.status, None, message.detail, took)
            yield items[culprit], result
            return culprit + 1
        if "error" in message:
            failed = Result("internal-error", None, message["error"], took, message["traceback"])
            last = max(done, 0) + 1 if done >= 0 else len(items)
            for item in items[max(done, 0) : last]:
                yield item, failed
            return last
        if done >= 0:
            yield items[done], Result("done", message["value"], "", took)
        started, done = time.monotonic(), done + 1
    return len(items)


class _Child:
    """A forked process, below a keeper if it is `foreign`.

    It has a socket for its results and a pipe for its output.
    """

    def __init__(
        self,
        items: Sequence[T],
        work: Callable[[T], Any],
        setup: Callable[[], object],
        memory_mb: int | None,
        foreign: bool,
    ) -> None:
        ours, theirs = socket.socketpair()
        self._results, write = ours.detach(), theirs.detach()
        self._printed, output = os.pipe()
        self._buffer, self._open = b"", {self._results, self._printed}
        self._room, self._dropped = PRINTED, 0
        sys.stdout.flush()
        sys.stderr.flush()
        self._others = processes.children(process_id())

        def life() -> None:
            _work_through(items, work, setup, memory_mb, write, output, foreign)

        self._stop = signal.SIGTERM if foreign else signal.SIGKILL
        fork = processes.fork_kept if foreign else processes.fork_bare
        self._process = fork(life, (write, output))
        self._waited: dict[int, float] = {}  # before this item
        for end in (write, output):
            os.close(end)
        for end in self._open:
            os.set_blocking(end, False)

    def receive(self, started: float, seconds: float) -> dict[str, Any] | Result:
        """The next message, or how the child failed to send one."""
        while b"\n" not in self._buffer:
            wait = self._left(started, seconds)
            if wait <= 0:
                return Result("timeout", None, "still running at its time limit; killed", 0.0)
            if self._results not in self._open or not self._read(min(max(wait, 0.02), _SLICE)):
                if ended := self._how_it_ended():
                    return Result("crashed", None, ended, 0.0)
                if self._results not in self._open:
                    time.sleep(0.01)
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:
            return Result("crashed", None, "its results were overwritten by its own code", 0.0)
        self._next_item()
        self._waited = processes.waited(self._process)
        with contextlib.suppress(OSError):
            _write(self._results, b"\n")  # it waits: further output is the next item's
        return message

    def _left(self, started: float, seconds: float) -> float:
        """The seconds until the limit; how long the item waited is asked only when that is over."""
        took = time.monotonic() - started
        if took < seconds or not self._process:
            return seconds - took
        now = processes.waited(self._process)
        waited = max((now[pid] - self._waited.get(pid, 0.0) for pid in now), default=0.0)
        return min(seconds + waited, MOST * seconds) - took

    def _read(self, wait: float) -> bool:
        """Read what is available; False if nothing was."""
        ready, _, _ = select.select(list(self._open), [], [], wait)
        for end in ready:
            try:
                chunk = _read(end, _CHUNK)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._open.remove(end)
            elif end == self._results:
                self._buffer += chunk
            else:
                self._pass_on(chunk)
        return bool(ready)

    def _pass_on(self, chunk: bytes) -> None:
        """Copy the item's output to the log, up to a limit."""
        kept = chunk[: self._room]
        self._room -= len(kept)
        self._dropped += len(chunk) - len(kept)
        if kept:
            sys.stdout.flush()
            _write_all(2, kept)

    def _next_item(self) -> None:
        for _ in range(4):  # more than a pipe holds; a thread of the item may keep printing
            self._read(0)
        if self._dropped:
            _write_all(2, f"\n… and {self._dropped} more bytes, which were dropped\n".encode())
        self._room, self._dropped = PRINTED, 0

    def _how_it_ended(self) -> str:
        """How the process ended, if it has."""
        pid, status = os.waitpid(self._process, os.WNOHANG)
        if not pid:
            return ""
        self._process = 0
        code = os.waitstatus_to_exitcode(status)
        if code >= 0:
            return f"process ended itself with status {code}"
        names = {each.value: each.name for each in signal.Signals}
        return f"process ended by {names.get(-code, f'signal {-code}')}"

    def end(self) -> None:
        """End the child and everything it started."""
        if self._process:
            processes.kill(self._process, self._stop)
            processes.kill(self._process, signal.SIGCONT)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._process, 0)
        # If the keeper was killed, the processes below it are now below this one.
        processes.end_children(spared=self._others)
        self._next_item()
        for end in (self._results, self._printed):
            os.close(end)


def _work_through(
    items: Sequence[T],
    work: Callable[[T], Any],
    setup: Callable[[], object],
    memory_mb: int | None,
    write: int,
    output: int,
    foreign: bool,
) -> NoReturn:
    """What the child does; never returns, so that none of the parent's code runs twice."""
    global _item_process
    status = 1
    _item_process = here = process_id()
    root = os.getppid() if foreign else here
    try:
        for number in (1, 2):
            os.dup2(output, number)
        os.close(output)
        if memory_mb:
            resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        setup()
        end_copy()
        _send(write, {"ready": True})
        _read(write, 1)
        for item in items:
            value = work(item)
            end_copy()
            processes.end_descendants(root, spared=[here])
            _send(write, {"value": value})
            _read(write, 1)
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException as error:
        end_copy()
        _send(write, _told(error))
    finally:
        try:
            _flush()
        finally:
            exit_now(status)


def _told(error: BaseException) -> dict[str, Any]:
    try:
        return {"error": describe(error), "traceback": traceback.format_exc()}
    except BaseException:  # out of memory again
        return {"error": "an exception that cannot be described", "traceback": ""}


def _flush() -> None:
    """Flush printed output before the result. A model may have replaced the streams by anything."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _send(write: int, message: dict[str, Any]) -> None:
    _flush()
    _write_all(write, _encode(message).encode() + b"\n")


def _write_all(descriptor: int, content: bytes) -> None:
    data = memoryview(content)
    while data:
        data = data[_write(descriptor, data) :]
