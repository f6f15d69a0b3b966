"""Run work that may hang, crash or eat the machine, at the cost of the one item that does.

A forked child works through the items in order and reports each over a pipe. When it dies or
stalls, its whole process group is killed, the item at hand is named as the one that did it, and a
new child goes on with the next. Snakemake does not enforce `resources: runtime` locally, so the
limit is ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Result:
    """What became of one item. `value` is set when `status` is "done"; `seconds` is wall time."""

    status: Literal["done", "crashed", "timeout"]
    value: Any
    detail: str
    seconds: float


def run_isolated(
    items: Sequence[T],
    work: Callable[[T], Any],
    seconds: float,
    memory_mb: int | None = None,
    setup: Callable[[], object] = lambda: None,
) -> Iterator[tuple[T, Result]]:
    """Yield every item with its result, in order.

    Args:
        work: called in a child; returns something that JSON can hold. It catches what the item may
            raise; an exception that leaves it is a defect of ours and is raised here.
        seconds: wall time that one item may take, and `setup` too.
        memory_mb: address space of a child in MiB.
        setup: called once in every child before its first item, for slow imports.

    Raises:
        RuntimeError: `setup` or `work` raised; the message holds the child's traceback.
    """
    position = 0
    while position < len(items):
        child = _Child(items[position:], work, setup, memory_mb)
        try:
            position += yield from _drain(child, items[position:], seconds)
        finally:
            child.kill()


def _drain(
    child: _Child, items: Sequence[T], seconds: float
) -> Generator[tuple[T, Result], None, int]:
    """Yield the results of one child; return how many items it has used up."""
    started, done = time.monotonic(), -1  # the first message says that setup is over
    while done < len(items):
        message = child.receive(started + seconds - time.monotonic())
        took = time.monotonic() - started
        if isinstance(message, Result):
            culprit = max(done, 0)
            yield items[culprit], Result(message.status, None, message.detail, took)
            return culprit + 1
        if "error" in message:
            raise RuntimeError(f"in an isolated process:\n{message['error']}")
        if done >= 0:
            yield items[done], Result("done", message["value"], "", took)
        started, done = time.monotonic(), done + 1
    return len(items)


class _Child:
    """A forked process in a group of its own, and the pipe it writes its results to."""

    def __init__(
        self,
        items: Sequence[T],
        work: Callable[[T], Any],
        setup: Callable[[], object],
        memory_mb: int | None,
    ) -> None:
        self._read, write = os.pipe()
        self._buffer = b""
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._read)
            _work_through(items, work, setup, memory_mb, write, parent)
        os.close(write)
        os.set_blocking(self._read, False)

    def receive(self, timeout: float) -> dict[str, Any] | Result:
        """The next message, or how the child failed to send one."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self._read], [], [], wait)[0]:
                return Result("timeout", None, "still running at its time limit; killed", 0.0)
            chunk = os.read(self._read, 1 << 20)
            if not chunk:
                return Result("crashed", None, self._how_it_ended(), 0.0)
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _how_it_ended(self) -> str:
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._pid = 0 if code >= 0 else self._pid
        if code < 0:
            return f"process ended by {signal.Signals(-code).name}"
        return f"process ended itself with status {code}"

    def kill(self) -> None:
        """End the child and everything it started."""
        if self._pid:
            try:
                os.killpg(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
            self._pid = 0
        os.close(self._read)


def _work_through(
    items: Sequence[T],
    work: Callable[[T], Any],
    setup: Callable[[], object],
    memory_mb: int | None,
    write: int,
    parent: int,
) -> NoReturn:
    """The child's life: never returns, so that nothing of the parent's runs twice."""
    status = 0
    try:
        os.setsid()
        die_with(parent)
        if memory_mb:
            resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
        setup()
        _send(write, {"ready": True})
        for item in items:
            _send(write, {"value": work(item)})
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else 1
    except BaseException:
        _send(write, {"error": traceback.format_exc()})
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def die_with(parent: int) -> None:
    """Ask Linux to kill this process when its parent dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _send(write: int, message: dict[str, Any]) -> None:
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(write, data) :]
