"""Defects of this program: they cost one model, are named as ours, and fail the run at its end.

A failed job would keep Snakemake from making the tables and the report for all other models. So a
stage that fails on a model still writes a record, whose `failures` say what went wrong. The last
rule of a run (`conclude`) ends with an error if any record has such an entry.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import walk_tb
from typing import TypeVar

from opset_atlas.base.messages import describe, trace
from opset_atlas.records import Failure

R = TypeVar("R")

NAMED = "opset-atlas itself failed"

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"

# Errors of the machine. They may be gone at the next run without any change that Snakemake could
# see, so they are not recorded as a result.
_MACHINE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EACCES,
}


def guard(work: Callable[[], object], stand_in: Callable[[Failure], object]) -> None:
    """Do the work of a stage for one model; if it raises, write a substitute for its results.

    Args:
        stand_in: writes a valid record that contains the failure.

    Raises:
        OSError: a full disk or the like, which is not a result of a run.
        Whatever `stand_in` raises.
    """
    try:
        work()
    except Exception as error:
        if _of_the_machine(error):
            raise
        stand_in(of(error))


def apart(
    models: Sequence[str], work: Callable[[Sequence[str]], R]
) -> tuple[R, dict[str, Failure]]:
    """Work on many models at once; if that raises, on those for which it does not raise alone.

    Returns:
        What `work` returned for the models that are left, and the failure of each of the others.

    Raises:
        Whatever `work` raises for no single model, and OSError as `guard`.
    """
    try:
        return work(models), {}
    except Exception as error:
        if _of_the_machine(error):
            raise
        failed = {model: failure for model in models if (failure := _alone(model, work))}
        if not failed:
            raise
    return work([model for model in models if model not in failed]), failed


def _alone(model: str, work: Callable[[Sequence[str]], object]) -> Failure | None:
    """The failure of the work on one model."""
    try:
        work([model])
    except Exception as error:
        if _of_the_machine(error):
            raise
        return of(error)
    return None


def of(error: Exception, what: str = "") -> Failure:
    """The failure as an entry of a record; also printed to the log."""
    failure: Failure = {"what": what, "detail": describe(error), "traceback": trace(error)}
    print(f"{NAMED}: {failure['detail']}\n{failure['traceback']}", file=sys.stderr, flush=True)
    return failure


def _of_the_machine(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _MACHINE


def is_ours(error: BaseException) -> bool:
    """Whether an exception was raised in a line of this package."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code.co_filename.startswith(_PACKAGE)


def named(failure: Failure) -> str:
    """The failure as the detail of a cell or a model."""
    return f"{NAMED}: {failure['detail']}"
