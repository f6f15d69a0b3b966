"""Causes of differences: one file each, asked in the order of their `ORDER`.

To add one, add a file with `ORDER` and `explain(difference, situation) -> Cause | None`. A cause is
claimed only where the schemas, or what both files hold, prove it: a wrong cause is worse than none,
and what no file claims is reported as unexplained.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType

from opset_atlas import plugins
from opset_atlas.differences.difference import Difference


@dataclass(frozen=True)
class Situation:
    """The two opsets of a comparison, and the exporters of the two files ("" where unknown).

    `other` is the second file's exporter where it is another one. `converted`: the exporter made
    its files from another file, not from the module.
    """

    from_opset: int
    to_opset: int
    exporter: str = ""
    other: str = ""
    converted: bool = False


@dataclass(frozen=True)
class Cause:
    """Why something differs. Versions are those of the operator's schema.

    `neutral`: nothing that is computed changes; `numeric`: it can change the numbers.
    """

    cause: str
    explanation: str
    schema_class: str = ""
    from_version: int | None = None
    to_version: int | None = None
    url: str = ""
    neutral: bool = False
    numeric: bool = False


def explain(difference: Difference, situation: Situation) -> Cause:
    """The first cause that holds, else `unexplained`."""
    for module in modules():
        cause: Cause | None = module.explain(difference, situation)
        if cause is not None:
            return cause
    if difference.neutral:
        words = f"{same(difference)}: {difference.before}, and {difference.after}."
        return Cause("unexplained", words, neutral=True)
    words = f"{difference.before} became {difference.after}; no schema change accounts for it"
    return Cause("unexplained", f"Unexplained: {words}.", numeric=True)


def same(difference: Difference) -> str:
    """That both sides of a neutral difference mean the same, without a full stop."""
    return f"Both compute {difference.result}" if difference.result else "Both mean the same"


@functools.cache
def modules() -> list[ModuleType]:
    """The causes, in the order in which they are asked."""
    modules = [plugins.load("causes", name) for name in plugins.names("causes")]
    return sorted(modules, key=lambda module: module.ORDER)
