"""`python -m atlas STAGE …`: a stage by its name, in the run's warm worker where there is one.

This is what the rules call. Without a worker, or where the worker is of another Python than this
one, the stage runs in this process, as `python -m atlas.STAGE …` does.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

# Set by the Snakefile for the jobs of one run on one machine: the worker's socket and its Python.
SOCKET, PREFIX = "ATLAS_WORKER", "ATLAS_WORKER_PREFIX"
PACKAGE = Path(__file__).parent
OWN_AND_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def main(arguments: list[str]) -> int:
    """Run a stage; returns its exit status."""
    if not arguments or not (PACKAGE / f"{arguments[0]}.py").is_file():
        print("usage: python -m atlas STAGE [--help | options]", file=sys.stderr)
        print(f"stages: {' '.join(stages())}", file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    path = os.environ.get(SOCKET, "")
    if path and os.environ.get(PREFIX) == sys.prefix:
        try:
            return _ask(path, arguments)
        except (FileNotFoundError, ConnectionRefusedError):
            print("the worker of this run is gone; going on without it", file=sys.stderr)
    return run(arguments)


def stages() -> list[str]:
    """The modules that can be run by themselves."""
    files = PACKAGE.glob("[a-z]*.py")
    return sorted(path.stem for path in files if "\ndef main(" in path.read_text(encoding="utf-8"))


def run(arguments: list[str]) -> int:
    """Run a stage in this process, and say in the last line of the log what it took."""
    started, before = time.perf_counter(), _cpu_seconds()
    status = importlib.import_module(f"atlas.{arguments[0]}").main(arguments[1:])
    usage = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(_cpu_seconds() - before, 3),
        "peak_mb": max(resource.getrusage(who).ru_maxrss for who in OWN_AND_CHILDREN) >> 10,
        "worker": SOCKET in os.environ,
    }
    print(f"usage {json.dumps(usage)}", flush=True)
    return status if isinstance(status, int) else 0  # tools beside the stages return theirs


def _cpu_seconds() -> float:
    found = [resource.getrusage(who) for who in OWN_AND_CHILDREN]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


def _ask(path: str, arguments: list[str]) -> int:
    """Let the worker run it, with the output, the folder and the environment of this process."""
    request = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    data = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as worker:
        worker.connect(path)
        head = len(data).to_bytes(8, "big")
        socket.send_fds(worker, [head], [1, 2])
        worker.sendall(data)
        answer = worker.recv(8)
    if not answer:
        raise SystemExit("the worker of this run ended before the stage did: see logs/worker.log")
    return int.from_bytes(answer, "big")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
