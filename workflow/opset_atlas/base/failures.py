"""Defects of this program: they cost one model, are named as ours, and fail the run at its end.

A job that fails keeps Snakemake from making the tables and the report of all other models. So the
stages of one model write a record all the same, which says in `failures` what went wrong, and the
last rule of a run (`conclude`) ends with an error where any record has such an entry.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb

from opset_atlas.base.messages import describe, trace
from opset_atlas.records import Failure

NAMED = "opset-atlas itself failed"

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"

# What the next run may find mended although nothing has changed that it could see: no result.
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
    """Do the work of a stage for one model; if it raises, leave what stands in for its results.

    Args:
        stand_in: writes a record that is valid, with the failure in it.

    Raises:
        OSError: a full disk or the like, which is no result of a run.
        Whatever `stand_in` raises.
    """
    try:
        work()
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _MACHINE:
            raise
        stand_in(of(error))


def of(error: Exception, what: str = "") -> Failure:
    """The entry of a record, which is told in the log too."""
    failure: Failure = {"what": what, "detail": describe(error), "traceback": trace(error)}
    print(f"{NAMED}: {failure['detail']}\n{failure['traceback']}", file=sys.stderr, flush=True)
    return failure


def is_ours(error: BaseException) -> bool:
    """Whether an exception was raised in a line of this package."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code.co_filename.startswith(_PACKAGE)


def named(failure: Failure) -> str:
    """The failure in the detail of a cell or a model."""
    return f"{NAMED}: {failure['detail']}"
