"""Operators by opset: the version in force in the files of the run, and what was wrong there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opset_atlas.findings.preference import as_ranges
from opset_atlas.stages.report.data import Row
from opset_atlas.stages.report.operators import Operator

_NODE = re.compile(r"(?:(?P<domain>[\w.]+)::)?(?P<op>\w+)-(?P<since>\d+)", re.ASCII)
_VALUES = re.compile(r"\([^()]*\)")


@dataclass(frozen=True)
class Fault:
    """Wrong results of one model and exporter in which an operator was named as the origin."""

    model: str
    exporter: str
    opsets: list[int]
    runtimes: list[str]
    kind: str
    nodes: str
    right_at: int | None

    @property
    def alone(self) -> bool:
        """Whether one node is at fault, and not one of several."""
        return len(_NODE.findall(_bare(self.nodes))) == 1


@dataclass(frozen=True)
class Square:
    """An operator at one opset: its `versions` in the files, and whether another one begins.

    `wrong`: a node of it was at fault; `among`: it was one of several nodes that were.
    """

    opset: int
    versions: list[int]
    wrong: bool
    among: bool
    new: bool

    @property
    def key(self) -> str:
        """The style of the square: as the matrix has it."""
        if self.wrong or self.among:
            return "wrong" if self.wrong else "partly"
        return "agrees" if self.versions else "blank"


def faults(located: Sequence[Row]) -> dict[tuple[str, str], list[Fault]]:
    """Per domain and operator, the located wrong results that name it, in the order of the run."""
    found: dict[tuple[str, str], dict[tuple[str, ...], Fault]] = {}
    for row in located:
        for key in dict.fromkeys(_named(row["operators"] or "")):
            nodes, kind = row["operators"], row["fault"]
            fresh = Fault(row["model"], row["exporter"], [], [], kind, nodes, row["right_at"])
            of = found.setdefault(key, {})
            fault = of.setdefault((row["model"], row["exporter"], kind, nodes), fresh)
            for values, value in (
                (fault.opsets, row["requested"]),
                (fault.runtimes, row["runtime"]),
            ):
                if value not in values:
                    values.append(value)
    return {key: list(of.values()) for key, of in found.items()}


def about(operator: Operator, opsets: Sequence[int], wrong: Sequence[Fault]) -> dict[str, Any]:
    """What the page of an operator says of the run."""
    row = squares(operator, opsets, wrong)
    return {"opsets": opsets, "strip": row, "strip_words": in_words(row), "faults": wrong}


def _named(nodes: str) -> Iterator[tuple[str, str]]:
    """The operators of `Softmax-1(axis=1), Log-6`; what is in parentheses may be a model's text."""
    for match in _NODE.finditer(_bare(nodes)):
        yield match["domain"] or "", match["op"]


def _bare(nodes: str) -> str:
    while (bare := _VALUES.sub("", nodes)) != nodes:
        nodes = bare
    return nodes


def squares(operator: Operator, opsets: Sequence[int], wrong: Sequence[Fault]) -> list[Square]:
    """The operator at each of `opsets`. Files of another opset than asked for count nowhere."""
    versions: dict[int, set[int]] = {opset: set() for opset in opsets}
    for use in operator.uses:
        for opset in use.opsets if use.delivered is None else ():
            if opset in versions:  # a model that the tables have lost may have others
                versions[opset].add(use.version)
    found: list[Square] = []
    last: list[int] = []
    for opset in opsets:
        here = sorted(versions[opset])
        alone = [each.alone for each in wrong if here and opset in each.opsets]
        new = bool(last and here and here != last)
        found.append(Square(opset, here, any(alone), not all(alone), new))
        last = here or last
    return found


def in_words(row: Sequence[Square]) -> str:
    """The squares of an operator as a sentence."""
    by: dict[tuple[int, ...], list[int]] = {}
    for square in row:
        if square.versions:
            by.setdefault(tuple(square.versions), []).append(square.opset)
    parts = [
        f"version {' and '.join(map(str, versions))} at {as_ranges(opsets)}"
        for versions, opsets in by.items()
    ]
    for text, keys in (("wrong", "wrong"), ("among nodes that are wrong", "partly")):
        if opsets := [square.opset for square in row if square.key == keys]:
            parts.append(f"{text} at {as_ranges(opsets)}")
    return ", ".join(parts) or "in no file"
