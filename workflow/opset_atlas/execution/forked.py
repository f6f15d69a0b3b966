"""What a process does that runs one stage: the same as a Python started for it."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from opset_atlas import sources

_OWN_AND_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def run(arguments: list[str], warm: bool = False) -> int:
    """Run a stage or a tool in this process; the last line of a stage's log is its resource usage.

    Args:
        arguments: its name, then its own arguments.
        warm: whether this process was forked from a warm one, for that line.
    """
    stages = sources.programs("stages")
    module = (stages | sources.programs("tools"))[arguments[0]]
    started, before = time.perf_counter(), _cpu_seconds()
    status = importlib.import_module(f"opset_atlas.{module}").main(arguments[1:])
    usage = {
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(_cpu_seconds() - before, 3),
        "peak_mb": max(resource.getrusage(who).ru_maxrss for who in _OWN_AND_CHILDREN) >> 10,
        "worker": warm,
    }
    if arguments[0] in stages:
        print(f"usage {json.dumps(usage)}", flush=True)
    return status if isinstance(status, int) else 0  # tools other than stages return their own


def work(arguments: list[str], outputs: list[int], warm: bool = False) -> NoReturn:
    """Run a stage in this forked process, then end the process.

    Args:
        outputs: file descriptors that become its standard output and error.
    """
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    to_the_end(lambda: run(arguments, warm))


def to_the_end(life: Callable[[], int]) -> NoReturn:
    """End this forked process with the status that `life` returns.

    This skips the interpreter's shutdown, which waits for threads that a fork does not have.
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
    """The exit status that Python derives from the argument of `sys.exit`."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _cpu_seconds() -> float:
    found = [resource.getrusage(who) for who in _OWN_AND_CHILDREN]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)
