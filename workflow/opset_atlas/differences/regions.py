"""Differences beyond pairs of nodes: replaced subgraphs, and nodes that do nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from opset_atlas.differences.align import Alignment
from opset_atlas.differences.difference import Difference, Wire
from opset_atlas.differences.wording import given, main_node, spelled
from opset_atlas.graph.view import View, formal, name_of
from opset_atlas.records import Node


def region(alignment: Alignment, left: tuple[int, ...], right: tuple[int, ...]) -> Difference:
    """The difference that describes a region of unmatched nodes."""
    ours, theirs = _whole(alignment.left, left), _whole(alignment.right, right)
    name = main_node(theirs) or main_node(ours)
    assert name is not None, "a region has a node"
    around = tuple(_around(alignment, left, right))
    before = spelled(ours) if ours else _instead(alignment.left, around, "left")
    after = spelled(theirs) if theirs else _instead(alignment.right, around, "right")
    return Difference(
        "operators", name["op"], name["domain"], "", before, after, ours, theirs, around=around
    )


def _whole(view: View, indices: tuple[int, ...]) -> tuple[Node, ...]:
    """The nodes of a region, with the unpaired nodes that compute its constants."""
    ports = (port for index in indices for port in view.nodes[index]["inputs"])
    makers = {node["index"] for port in ports for node in port.get("computed", [])}
    found = {index: view.folded[index] for index in makers if index in view.folded}
    found |= {index: view.nodes[index] for index in indices}
    return tuple(found[index] for index in sorted(found))


def _instead(view: View, around: tuple[Wire, ...], side: Literal["left", "right"]) -> str:
    """What a side without nodes has instead: the constant given to the same input."""
    for wire in around:
        node: Node = getattr(wire, side)
        for port in node["inputs"]:
            if wire.parameter and formal(node, port) == wire.parameter:
                fixed = view.port(port)
                return given(fixed) if fixed["given"] in {"constant", "initializer"} else "nothing"
    return "nothing"


def _around(alignment: Alignment, left: tuple[int, ...], right: tuple[int, ...]) -> Iterator[Wire]:
    """How a region is wired to matched pairs: what it feeds, then what feeds it."""
    for side, region, matched in (
        (alignment.left, left, alignment.forward),
        (alignment.right, right, alignment.backward),
    ):
        found = [wire for index in region for wire in _wires(side, index) if wire[0] in matched]
        for neighbor, parameter in dict.fromkeys(found):
            other = matched[neighbor]
            i, j = (neighbor, other) if side is alignment.left else (other, neighbor)
            yield Wire(alignment.left.nodes[i], alignment.right.nodes[j], parameter)


def _wires(side: View, index: int) -> Iterator[tuple[int, str]]:
    """The nodes that read a node's results, with the parameter; the nodes it reads, with ""."""
    yield from ((reader.node, reader.parameter) for reader in side.consumers[index])
    for port in side.nodes[index]["inputs"]:
        if source := side.source(port):
            yield source[0], ""


def identities(alignment: Alignment) -> Iterator[Difference]:
    """Nodes that only pass a value on, if the two sides have different ones."""
    ours, theirs = tuple(alignment.left.identities), tuple(alignment.right.identities)
    if Counter(map(name_of, ours)) != Counter(map(name_of, theirs)):
        yield Difference(
            "identity", (ours or theirs)[0]["op"], "", "", spelled(ours), spelled(theirs),
            ours, theirs, neutral=True,
        )  # fmt: skip
