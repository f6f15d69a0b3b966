"""What a difference is: one statement about a pair of nodes, a region or a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opset_atlas.records import Node

Kind = Literal[
    "input",  # the same formal input, given differently
    "attribute",  # the same attribute, with another value
    "attribute-to-input",
    "input-to-attribute",
    "encoding",  # the same value, written differently
    "semantics",  # the same node under a schema version with another meaning
    "type",  # a result of another dtype or shape
    "operators",  # other operators in the same place
    "identity",  # nodes that compute nothing
    "function",  # a local function, which the other file has inlined
    "signature",  # inputs or outputs of the graph
    "declaration",  # a size of an input or output that one file fixes and the other leaves open
]


@dataclass(frozen=True)
class Wire:
    """A matched pair next to a region; `parameter` is the input that the region feeds, or ""."""

    left: Node
    right: Node
    parameter: str


@dataclass(frozen=True)
class Difference:
    """One difference. `left` and `right` are the nodes; a region has several, or none on a side.

    `before` and `after` are words. `neutral`: the files alone show that the meaning is the same;
    `result` is the value that both sides compute, if seeing this takes a computation. `around`: how
    a region is wired to matched pairs.
    """

    kind: Kind
    op: str
    domain: str
    parameter: str
    before: str
    after: str
    left: tuple[Node, ...]
    right: tuple[Node, ...]
    neutral: bool = False
    around: tuple[Wire, ...] = ()
    result: str = ""
