"""A job's process: passes its stage to the warm worker of its environment, or runs it here.

Either way the output goes to the job's log, and long work reports its progress on this process's
standard error, unless a console shows it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys

from opset_atlas.execution import address
from opset_atlas.execution.address import WORKERS, socket_path

# Set by a console that reads the logs of jobs itself (`snakemake_logger_plugin_opset_atlas`).
CONSOLE = "ATLAS_CONSOLE"
DECLINED = b"\xff" * 8  # instead of a status; the rest of the stream is the reason
_PATIENCE = 10.0  # seconds between two progress lines of long work


def run(arguments: list[str], level: str, log: str | None) -> int:
    """Run a stage to its end, and return its exit status.

    Args:
        level: the level of the worker that can run it (`execution.levels`).
        log: where the stage's output goes; None: where this process's output goes.
    """
    outputs = [1, 2] if log is None else [os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)] * 2
    if worker := _hand_over(arguments, level, outputs):
        with worker:
            _watch(worker.fileno(), log)
            answer = worker.recv(8, socket.MSG_WAITALL)
            if answer != DECLINED:
                return _status(answer)
            with worker.makefile("r", encoding="utf-8") as stream:
                _say_once(level, stream.read(), outputs[1])
    if log is not None:
        return _run_beside(arguments, outputs, log)
    from opset_atlas.execution import forked

    return forked.run(arguments)


def _hand_over(arguments: list[str], level: str, outputs: list[int]) -> socket.socket | None:
    """Run it in the worker, in this process's folder and environment; None without a worker."""
    workers = os.environ.get(WORKERS, "")
    if not workers:
        return None
    folder = os.getcwd()  # noqa: PTH109 (pathlib is not imported here)
    request = {"arguments": arguments, "folder": folder, "environment": dict(os.environ)}
    data = json.dumps(request).encode()
    worker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        worker.connect(socket_path(workers, address.key(), level))
    except (FileNotFoundError, ConnectionRefusedError):
        worker.close()
        os.write(outputs[1], b"this run has no warm worker for this job; going on without it\n")
        return None
    socket.send_fds(worker, [len(data).to_bytes(8, "big")], outputs)
    worker.sendall(data)
    return worker


def _status(answer: bytes) -> int:
    if not answer:
        raise SystemExit("the worker of this run ended before the stage did: see worker.log")
    return int.from_bytes(answer, "big")


def _say_once(level: str, reason: str, log: int) -> None:
    """Write to the job's log why it has no worker, and once per run to the user's terminal."""
    note = f"note: jobs that need {level} start their own Python: {reason}\n"
    os.write(log, note.encode())
    try:
        said = socket_path(os.environ[WORKERS], address.key(), f"{level}.said")
        os.close(os.open(said, os.O_CREAT | os.O_EXCL))
    except OSError:
        return
    # Over the line that a console may have drawn in the terminal.
    over = "\r\x1b[K" if CONSOLE in os.environ and sys.stderr.isatty() else ""
    sys.stderr.write(over + note)


def _run_beside(arguments: list[str], outputs: list[int], log: str) -> int:
    """Run it in a child, so that this process is free to report progress."""
    from opset_atlas.execution import forked
    from opset_atlas.execution.processes import die_with

    here = os.getpid()
    ended, kept = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        die_with(here)
        forked.work(arguments, outputs)
    os.close(kept)
    _watch(ended, log)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _watch(job: int, log: str | None) -> None:
    """Show new lines at the end of the log until `job`, a file descriptor, is readable."""
    shown, run = "", _run_of_this_job()
    while job not in (ready := select.select([job, *run], [], [], _PATIENCE)[0]):
        if ready:
            raise SystemExit("the run that this job belongs to has ended")
        if CONSOLE in os.environ:
            continue
        if log and (line := _last_line(log)) not in ("", shown):
            print(line, file=sys.stderr, flush=True)
            shown = line


def _run_of_this_job() -> list[int]:
    """A descriptor that is ready when Snakemake has ended; none for a stage that is run by hand.

    When Snakemake is killed, the shells of its jobs live on and wait for this process.
    """
    try:
        return [os.pidfd_open(int(os.environ[address.RUN]))]
    except (KeyError, ValueError, OSError):  # or its process is on another machine, or Linux < 5.3
        return []


def _last_line(log: str) -> str:
    with open(log, "rb") as stream:  # noqa: PTH123
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 2000))
        lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
