"""`python -m opset_atlas [--log FILE] STAGE …`: a stage, in the run's worker where there is one.

This is what the rules call. Without a worker, or where the worker is of another Python than this
one, the stage runs here. With `--log` its output goes to that file, and work that takes long says
on this process's standard error how far it is.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from opset_atlas import sources

# Set by the Snakefile for the jobs of one run on one machine: the worker's socket and its Python.
SOCKET, PREFIX = "ATLAS_WORKER", "ATLAS_WORKER_PREFIX"
# What a stage wants to find in memory; see `execution.worker`. The others: numpy, onnx, a runtime.
LEVELS = ("files", "torch", "exporters")
LEVEL = {"define": "torch", "locate": "torch", "export": "exporters"}
OWN_AND_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
PATIENCE = 10.0  # seconds between two lines about work that takes long


def main(arguments: list[str]) -> int:
    """Run a stage; returns its exit status."""
    log = None
    if arguments[:1] == ["--log"] and len(arguments) > 2:
        log, arguments = Path(arguments[1]), arguments[2:]
    if not arguments or arguments[0] not in stages():
        print("usage: python -m opset_atlas [--log FILE] STAGE [--help | options]", file=sys.stderr)
        print(f"stages: {' '.join(stages())}", file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    outputs = [1, 2] if log is None else [os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)] * 2
    if worker := _hand_over(arguments, outputs):
        with worker:
            _watch(worker.fileno(), log)
            answer = worker.recv(8)
        if not answer:
            raise SystemExit("the worker of this run ended before the stage did: see worker.log")
        return int.from_bytes(answer, "big")
    return run(arguments) if log is None else _run_beside(arguments, outputs, log)


def stages() -> list[str]:
    """What can be run: the stages, and the tools beside them."""
    return [*sources.programs("stages"), *sources.programs("tools")]


def module_of(stage: str) -> str:
    """Where the `main` of a stage or a tool is."""
    found = sources.programs("stages") | sources.programs("tools")
    return f"opset_atlas.{found[stage]}"


def run(arguments: list[str]) -> int:
    """Run a stage in this process, and say in the last line of the log what it took."""
    started, before = time.perf_counter(), _cpu_seconds()
    status = importlib.import_module(module_of(arguments[0])).main(arguments[1:])
    usage = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(_cpu_seconds() - before, 3),
        "peak_mb": max(resource.getrusage(who).ru_maxrss for who in OWN_AND_CHILDREN) >> 10,
        "worker": SOCKET in os.environ,
    }
    if arguments[0] in sources.programs("stages"):
        print(f"usage {json.dumps(usage)}", flush=True)
    return status if isinstance(status, int) else 0  # tools beside the stages return theirs


def work(arguments: list[str], outputs: list[int]) -> NoReturn:
    """The life of a process that was forked to run a stage: as if Python had been started for it.

    Args:
        outputs: file descriptors that become its standard output and error.
    """
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    to_the_end(lambda: run(arguments))


def to_the_end(life: Callable[[], int]) -> NoReturn:
    """End this forked process with the status that `life` returns.

    Without the interpreter's own end, which waits for threads that a fork does not have.
    """
    status = 1
    try:
        status = life()
    except SystemExit as end:
        status = _status(end)
    except BaseException:
        import traceback

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


def _cpu_seconds() -> float:
    found = [resource.getrusage(who) for who in OWN_AND_CHILDREN]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def _hand_over(arguments: list[str], outputs: list[int]) -> socket.socket | None:
    """The worker that runs it, with the folder and environment of this process; None without."""
    path = os.environ.get(SOCKET, "")
    if not path or os.environ.get(PREFIX) != sys.prefix:
        return None
    request = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    data = json.dumps(request).encode()
    worker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        worker.connect(f"{path}.{LEVEL.get(arguments[0], LEVELS[0])}")
    except (FileNotFoundError, ConnectionRefusedError):
        worker.close()
        os.write(outputs[1], b"the worker of this run is gone; going on without it\n")
        return None
    socket.send_fds(worker, [len(data).to_bytes(8, "big")], outputs)
    worker.sendall(data)
    return worker


def _run_beside(arguments: list[str], outputs: list[int], log: Path) -> int:
    """In a child, so that this process is free to say how far it is."""
    from opset_atlas.execution.isolate import die_with

    here = os.getpid()
    ended, kept = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        die_with(here)
        os.environ.pop(SOCKET, None)  # the last line of its log shall not say that it was there
        work(arguments, outputs)
    os.close(kept)
    _watch(ended, log)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if code >= 0 else 128 - code


def _watch(job: int, log: Path | None) -> None:
    """Until `job`, a file descriptor, has something to say: show what is new at the log's end."""
    shown = ""
    while not select.select([job], [], [], PATIENCE)[0]:
        if log and (line := _last_line(log)) not in ("", shown):
            print(line, file=sys.stderr, flush=True)
            shown = line


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 2000))
        lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
