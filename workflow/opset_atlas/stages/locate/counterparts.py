"""Nodes of two files that compute the same thing: one operator, equal attributes, equal inputs.

If two such nodes give different results, their versions or kernels differ. The same operator alone
proves nothing: rows 0 and 1 of a matrix are both Gathers of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from opset_atlas.base.files import digest
from opset_atlas.onnx_files.parts import Wires
from opset_atlas.records import Graph, Node
from opset_atlas.runtimes._feeding import Trace

_Key = tuple[Any, ...]


class Side:
    """One of the two files: its graph as data, its wires, and the values of a run."""

    def __init__(self, graph: Graph, wires: Wires, trace: Trace) -> None:
        self.graph, self.wires, self.label = graph, wires, trace.label
        self.outputs = [port["name"] for port in graph["outputs"]]
        self._trace = trace
        self._digests: dict[str, str] = {}

    def key(self, node: Node, names: Mapping[str, str]) -> _Key | None:
        """What a node computes, ignoring its attributes; None if an input is unknown.

        Args:
            names: the other side's names of computed values. Constants are compared by content.
        """
        inputs = []
        for port in node["inputs"]:
            name = port["name"]
            known = names.get(name) if name in self.wires.varying else self._digest(name)
            if known is None:
                return None
            inputs.append((port["parameter"], known))
        return node["domain"], node["op"], *sorted(inputs), digest(node["subgraphs"])

    def equal_to(self, names: Iterable[str]) -> set[str]:
        """All values with the same content as one of these."""
        wanted = {self._digest(name) for name in names} - {None}
        return {name for name in self._trace.values if self._digest(name) in wanted}

    def one_name(self, names: Iterable[str]) -> set[str]:
        """One name for each content among these values."""
        return set({self._digest(name) or name: name for name in sorted(names)}.values())

    def _digest(self, name: str) -> str | None:
        """The digest of a value's content on the first input set; "" for an omitted input."""
        if not name:
            return ""
        if name not in self._digests:
            arrays = self._trace.values.get(name)
            if arrays is None:
                return None
            text = f"{arrays[0].dtype.name} {arrays[0].shape}".encode()
            self._digests[name] = hashlib.sha256(text + arrays[0].tobytes()).hexdigest()
        return self._digests[name]


def counterparts(ours: Side, theirs: Side, names: Mapping[str, str]) -> dict[str, str]:
    """Results of our nodes → results of the other file's nodes with the same operator and inputs.

    Omitted inputs count whether or not the file writes them: the graph as data lists both.

    Args:
        names: our values that are equal to one of the other file, with its name there.
    """
    there = {name: name for name in theirs.wires.varying}
    known: dict[_Key, list[Node]] = {}
    for node in theirs.graph["nodes"]:
        if (key := theirs.key(node, there)) is not None:
            known.setdefault(key, []).append(node)
    found: dict[str, str] = {}
    for node in ours.graph["nodes"]:
        key = ours.key(node, names)
        alike = known.get(key, []) if key is not None else []
        if other := next((each for each in alike if _same_attributes(node, each)), None):
            for a, b in zip(node["outputs"], other["outputs"], strict=False):
                if a["name"] in ours.wires.varying and b["name"]:
                    found[a["name"]] = b["name"]
    return found


def _same_attributes(one: Node, other: Node) -> bool:
    """Whether two nodes of an operator have equal attributes, or neither file states them."""
    ours, theirs = ({a["name"]: a for a in node["attributes"]} for node in (one, other))
    for name in ours.keys() | theirs.keys():
        found = [side[name] for side in (ours, theirs) if name in side]
        if len(found) == 1 and not found[0]["default"]:
            return False
        stated = any(attribute["written"] for attribute in found)
        if stated and found[0]["value"] != found[-1]["value"]:
            return False
    return True
