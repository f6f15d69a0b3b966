"""PYTHONPATH: this package first, then the user's entries.

An installed package is found without it. Its folder is not put there, because `site-packages` in
PYTHONPATH would come before the standard library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def own(folder: str) -> str:
    """The entry for this package, which is in `folder`; "" where Python finds it without one."""
    return "" if Path(folder).name in ("site-packages", "dist-packages") else folder


OWN = own(str(Path(__file__).parents[2]))


def with_own(path: str) -> str:
    """A PYTHONPATH that finds this package before anything else."""
    return os.pathsep.join(filter(None, [OWN, without_own(path)]))


def without_own(path: str) -> str:
    """The user's entries in a PYTHONPATH."""
    return os.pathsep.join(each for each in path.split(os.pathsep) if each not in ("", OWN))


def follow(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Change `sys.path` to what it would be if Python had started with another PYTHONPATH.

    Args:
        before, after: the environment this process was started with, and the other one.
    """
    old, new = (_entries(each.get("PYTHONPATH", "")) for each in (before, after))
    if old == new:
        return
    kept = [each for each in sys.path if each not in set(old) - set(new)]
    sys.path[:] = [*kept[:1], *(each for each in new if each not in kept), *kept[1:]]


def _entries(path: str) -> list[str]:
    return [str(Path(each).absolute()) for each in path.split(os.pathsep) if each]
