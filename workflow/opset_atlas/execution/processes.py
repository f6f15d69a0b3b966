"""Process lifetimes: tie one process's end to another's, and end everything that one has started.

A process that calls `setsid` leaves its group, and one whose parent ends gets a new parent, so no
process group holds everything that an item has started. On Linux a process can adopt such orphans
in place of init (prctl(2), PR_SET_CHILD_SUBREAPER): here it is the keeper, which ends them all.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TOLD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}

# A model's code may replace functions in modules; these are the originals.
exit_now, process_id = os._exit, os.getpid


def die_with(parent: int, by: int = signal.SIGKILL) -> None:
    """Ask Linux to send this process a signal when its parent dies, for whatever reason."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            exit_now(1)


def adopt_orphans() -> None:
    """From now on, descendants that lose their parent become this process's children."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    """The children of a process; none where there is no `/proc`."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def waited(pid: int) -> dict[int, float]:
    """The seconds that a process and each one below it has waited for a CPU, by process ID.

    It waits while it could run and others have the CPUs, not while it sleeps or reads. The second
    number of `/proc/PID/schedstat` (Linux, Documentation/scheduler/sched-stats.rst), in
    nanoseconds, is that of the main thread; where there is none, nothing is known.
    """
    found: dict[int, float] = {}
    for each in (pid, *_below(pid)):
        with contextlib.suppress(OSError, ValueError, IndexError):
            found[each] = int(Path(f"/proc/{each}/schedstat").read_text().split()[1]) / 1e9
    return found


def threads() -> int:
    """How many threads this process has, those of libraries among them; 0 without `/proc`."""
    return len(list(Path("/proc/self/task").glob("*")))


def await_copies(seconds: float) -> None:
    """Wait until the copies of this process below it have ended, at most that many seconds.

    A copy was made by `os.fork` and has not become another program since: it has the command line
    of this one.
    """
    here, deadline = process_id(), time.monotonic() + seconds
    while any(_is_copy(each, here) for each in _below(here)) and time.monotonic() < deadline:
        time.sleep(0.002)


def end_descendants(pid: int, spared: Iterable[int] = ()) -> None:
    """Kill everything below a process except `spared`; their parents reap the dead."""
    kept = set(spared)
    deadline = time.monotonic() + 1  # what is left then waits for a disk and dies after that
    while living := [each for each in _below(pid) if each not in kept and _lives(each)]:
        for each in living:
            kill(each)
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)


def end_children(spared: Iterable[int] = ()) -> None:
    """Kill and reap the children of this process, and their children once it adopts them."""
    kept = set(spared)
    while below := [each for each in children(process_id()) if each not in kept]:
        for each in below:
            kill(each)
        for each in below:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each, 0)


def tell_descendants(pid: int, by: int) -> None:
    """Send a signal to everything below a process."""
    for each in _below(pid):
        kill(each, by)


def kill(pid: int, by: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, by)


def fork_kept(life: Callable[[], object], closed: Iterable[int]) -> int:
    """Run `life` in a process below a keeper; returns the keeper's process ID.

    When that process has ended, or when the keeper receives SIGTERM or loses its parent, the keeper
    ends everything that was started below it, then itself with the same status as the process.

    Args:
        life: must end the process; if it returns or raises, the status is 1.
        closed: descriptors to close in the keeper, so that only the process holds them.
    """
    parent = process_id()
    keeper = os.fork()
    if keeper == 0:
        try:
            _keep(life, closed, parent)
        finally:
            exit_now(1)
    return keeper


def fork_bare(life: Callable[[], object], closed: Iterable[int] = ()) -> int:
    """Run `life` in a process that dies with this one; returns its process ID.

    For work that does not run a model's code: it takes one fork instead of two.
    """
    parent = process_id()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            die_with(parent)
            life()
        finally:
            exit_now(1)
    return pid


def _keep(life: Callable[[], object], closed: Iterable[int], parent: int) -> NoReturn:
    """What the keeper does."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
    os.setsid()
    adopt_orphans()
    die_with(parent, signal.SIGTERM)
    here = process_id()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            die_with(here)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            life()
        finally:
            exit_now(1)
    for descriptor in closed:
        os.close(descriptor)
    code = _status(pid)
    if sys.platform != "linux":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    end_children()
    _end_as(code)


def _status(pid: int) -> int:
    """Wait for a child's end, or a request to end this process; return the exit code, else 0."""
    while True:
        if signal.sigwait(_TOLD) != signal.SIGCHLD:
            return 0
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == pid:
                    return os.waitstatus_to_exitcode(ended[1])


def _end_as(code: int) -> NoReturn:
    """End this process with an exit code, or, if negative, by the signal that it stands for."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(process_id(), -code)
    exit_now(max(code, 0))


def _below(pid: int) -> list[int]:
    found = children(pid)
    for each in found:  # grows during the loop
        found += children(each)
    return found


def _is_copy(pid: int, original: int) -> bool:
    command = [Path(f"/proc/{each}/cmdline") for each in (pid, original)]
    try:
        return _lives(pid) and command[0].read_bytes() == command[1].read_bytes()
    except OSError:
        return False


def _lives(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
