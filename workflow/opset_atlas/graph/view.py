"""A graph as comparisons see it: looked through where a node only passes a value on.

Where it is asked for, what a file computes from its own constants counts as a constant too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from opset_atlas.graph import folding
from opset_atlas.operators import definitions
from opset_atlas.records import Attribute, Graph, Node, Port

# What casts to a wider type and back leave as it was.
LOSSLESS = {
    "float16": {"float", "double"},
    "bfloat16": {"float", "double"},
    "float": {"double"},
    "bool": {"uint8", "int8", "int32", "int64", "float", "double"},
    "int8": {"int16", "int32", "int64", "float", "double"},
    "uint8": {"int16", "int32", "int64", "float", "double"},
    "int16": {"int32", "int64", "float", "double"},
    "int32": {"int64", "double"},
}


class Reader(NamedTuple):
    """A node that reads a result of another: which one, as which formal input, which result."""

    node: int
    parameter: str
    output: int


@dataclass
class View:
    """A graph with its wires resolved: Constants folded into ports, Identity nodes looked through.

    `nodes` maps a node's index to it; `producer` a value's name to the node that computes it;
    `consumers` a node's index to those that read its results. `alias` leads
    from the result of an Identity to the value behind it, `fixed` from there to a constant's port.
    `known` leads from a value's name to what it is, where the file's constants alone fix it;
    `folded` holds the nodes that were taken for what they compute.
    `outer` is the view of the graph around a subgraph.
    """

    graph: Graph
    outer: View | None = None
    nodes: dict[int, Node] = field(default_factory=dict)
    identities: list[Node] = field(default_factory=list)
    known: dict[str, Port] = field(default_factory=dict)
    folded: dict[int, Node] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, Port] = field(default_factory=dict)
    producer: dict[str, tuple[int, int]] = field(default_factory=dict)
    consumers: dict[int, list[Reader]] = field(default_factory=lambda: defaultdict(list))

    def source(self, port: Port) -> tuple[int, int] | None:
        """The node and output position that a port's value comes from, if a node computes it."""
        return self.producer.get(self.resolve(port["name"]))

    def resolve(self, name: str) -> str:
        """A value's name, behind any chain of Identity nodes, those of enclosing graphs too."""
        if name in self.alias:
            return self.alias[name]
        return self.outer.resolve(name) if self.outer else name

    def port(self, port: Port) -> Port:
        """A port, given as the constant behind its Identity nodes, where there is one."""
        name, side = self.resolve(port["name"]), self
        while name not in side.fixed and side.outer:
            side = side.outer
        found = side.fixed.get(name)
        return {**found, "parameter": port["parameter"]} if found else port

    def content(self, port: Port) -> Port:
        """A port, given as the constant that it is or that the file computes from constants."""
        name, side = self.resolve(port["name"]), self
        while name not in side.known and side.outer:
            side = side.outer
        found = side.known.get(name)
        return {**found, "parameter": port["parameter"]} if found else self.port(port)

    def is_known(self, index: int) -> bool:
        """Whether all results of a node are known from the file alone."""
        results = self.nodes[index]["outputs"]
        return bool(results) and all(port["name"] in self.known for port in results)

    def fold(self, indices: Iterable[int]) -> None:
        """Take the results of these nodes, all of them known, for constants."""
        gone = set(indices)
        for index in gone:
            self.folded[index] = self.nodes.pop(index)
            for port in self.folded[index]["outputs"]:
                self.producer.pop(port["name"], None)
                self.fixed[port["name"]] = self.known[port["name"]]
        for node in [*self.identities]:  # that pass such a result on
            found = self.fixed.get(self.resolve(node["outputs"][0]["name"]))
            if found and "computed" in found:
                self.identities.remove(node)
                found["computed"] = [*found["computed"], node]
        self.consumers = defaultdict(
            list,
            {
                index: [reader for reader in readers if reader.node not in gone]
                for index, readers in self.consumers.items()
                if index not in gone
            },
        )
        for index, node in self.nodes.items():
            self.nodes[index] = {**node, "inputs": [self.port(port) for port in node["inputs"]]}


def name_of(node: Node) -> tuple[str, str]:
    """Domain and operator."""
    return node["domain"], node["op"]


def formal(node: Node, port: Port) -> str:
    """A formal input under the name that the newest version of the operator has for it."""
    return definitions.newest_name(node["op"], node["since"], port["parameter"], node["domain"])


def view(graph: Graph, outer: View | None = None, fold: bool = False) -> View:
    """Resolve the wires of a graph; `fold`: compute what its constants alone fix."""
    result = View(graph, outer)
    readers = Counter(port["name"] for node in graph["nodes"] for port in node["inputs"])
    readers.update(port["name"] for port in graph["outputs"])
    casts: dict[str, Node] = {}
    for node in graph["nodes"]:
        if node["op"] == "Constant" and not node["domain"]:
            continue
        if _passes_on(node):
            _look_through(result, node, node["inputs"][0])
            continue
        before = casts.get(node["inputs"][0]["name"]) if _is_cast(node) else None
        if before and _undoes(node, before):
            _look_through(result, node, before["inputs"][0])
            if readers[before["outputs"][0]["name"]] == 1:
                result.identities.append(result.nodes.pop(before["index"]))
                del result.producer[before["outputs"][0]["name"]]
            continue
        if _is_cast(node):
            casts[node["outputs"][0]["name"]] = node
        if fold:
            inputs = [result.content(port) for port in node["inputs"]]
            for port in folding.compute(node, inputs, outer is None) or ():
                result.known[port["name"]] = port
        result.nodes[node["index"]] = node
        for position, port in enumerate(node["outputs"]):
            result.producer[port["name"]] = (node["index"], position)
    for node in result.nodes.values():
        for port in node["inputs"]:
            if source := result.source(port):
                reader = Reader(node["index"], formal(node, port), source[1])
                result.consumers[source[0]].append(reader)
    return result


def _look_through(side: View, node: Node, given: Port) -> None:
    side.identities.append(node)
    side.alias[node["outputs"][0]["name"]] = side.resolve(given["name"])
    if given["given"] in {"constant", "initializer", "empty"}:
        side.fixed[given["name"]] = given


def _passes_on(node: Node) -> bool:
    """Whether a node's only result is its first input, whatever that holds."""
    whole = node["inputs"] and node["inputs"][0]["name"] and len(node["outputs"]) == 1
    if not whole or node["domain"]:
        return False
    match node["op"]:
        case "Identity":
            return True
        case "Cast":
            types = node["inputs"][0].get("dtype"), node["outputs"][0].get("dtype")
            return types[0] is not None and types[0] == types[1]
        case "Transpose":
            order = attribute(node, "perm")
            return order is not None and order["value"] == sorted(order["value"])
        case "Pad":
            return _widths(node) in ([], [0])
    return False


def _widths(node: Node) -> list[int] | None:
    """The different widths of a Pad; None where the file does not hold them."""
    found = attribute(node, "pads")
    if found is not None:
        return sorted(set(found["value"]))
    given = input_of(node, "pads")
    return sorted(set(given["value"])) if given and "value" in given else None


def _is_cast(node: Node) -> bool:
    whole = bool(node["inputs"]) and bool(node["outputs"])
    return whole and node["op"] == "Cast" and not node["domain"]


def _undoes(node: Node, before: Node) -> bool:
    """Whether a Cast goes back to the type that a widening Cast before it came from."""
    first, wide = before["inputs"][0].get("dtype"), before["outputs"][0].get("dtype")
    back = node["outputs"][0].get("dtype")
    return first is not None and first == back and wide in LOSSLESS.get(first, set())


def attribute(node: Node, name: str) -> Attribute | None:
    """An attribute of a node, written or a default."""
    return next((each for each in node["attributes"] if each["name"] == name), None)


def input_of(node: Node, name: str) -> Port | None:
    """An input of a node by its formal name."""
    return next((each for each in node["inputs"] if each["parameter"] == name), None)
