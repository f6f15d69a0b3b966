"""PYTHONPATH: this package first, then what the user has in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

OWN = str(Path(__file__).parents[2])


def with_own(path: str) -> str:
    """A PYTHONPATH that leads to this package before anything else."""
    return os.pathsep.join([OWN, *filter(None, [without_own(path)])])


def without_own(path: str) -> str:
    """What the user has in a PYTHONPATH."""
    return os.pathsep.join(each for each in path.split(os.pathsep) if each not in ("", OWN))


def follow(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Make of `sys.path` what another PYTHONPATH would have made of it when Python started.

    Args:
        before, after: the environment that this process was started with, and the other.
    """
    old, new = (_entries(each.get("PYTHONPATH", "")) for each in (before, after))
    if old == new:
        return
    kept = [each for each in sys.path if each not in set(old) - set(new)]
    sys.path[:] = [*kept[:1], *(each for each in new if each not in kept), *kept[1:]]


def _entries(path: str) -> list[str]:
    return [str(Path(each).absolute()) for each in path.split(os.pathsep) if each]
