"""Work that is divided among processes which hold the same data."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from opset_atlas.execution.processes import die_with

T = TypeVar("T")
R = TypeVar("R")

# Of a forked process: what it was forked to do. A function with its data is inherited, not pickled.
_work: Callable[[Any], Any]


def shared(work: Callable[[T], R], parts: Sequence[T], processes: int) -> list[R]:
    """`work` of each part, in order, in up to so many forked processes.

    What `work` raises is raised here. Parts and results are pickled, `work` is not. The caller has
    no threads, which a fork would not have.
    """
    if min(processes, len(parts)) < 2:
        return [work(part) for part in parts]
    fork = multiprocessing.get_context("fork")
    number = min(processes, len(parts))
    given = (work, os.getpid())
    with ProcessPoolExecutor(number, fork, initializer=_take, initargs=given) as pool:
        return list(pool.map(_do, parts))


def _take(work: Callable[[Any], Any], parent: int) -> None:
    global _work
    _work = work
    die_with(parent)


def _do(part: Any) -> Any:
    return _work(part)
