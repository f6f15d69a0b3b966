"""Divide work among processes that hold the same data."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from opset_atlas.execution.processes import die_with

T = TypeVar("T")
R = TypeVar("R")

# In a forked process: its task. The function and its data are inherited, not pickled.
_work: Callable[[Any], Any]


def shared(work: Callable[[T], R], parts: Sequence[T], processes: int) -> list[R]:
    """`work` of each part, in order, in up to the given number of forked processes.

    What `work` raises is raised here. Parts and results are pickled, `work` is not. The caller must
    not have threads, since a fork would lose them.
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
