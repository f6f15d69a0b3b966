"""A graph as comparisons see it, without the nodes that only pass a value on.

On request, values that the file computes from its own constants count as constants too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from opset_atlas.graph import folding
from opset_atlas.operators import definitions
from opset_atlas.records import Attribute, Graph, Node, Port

# Casting to a wider type and back does not change these values.
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
    """A node that reads another's result: its index, the formal input and the output position."""

    node: int
    parameter: str
    output: int


@dataclass
class View:
    """A graph with its wires resolved: Constants folded into ports, Identity nodes looked through.

    `nodes` maps a node's index to it; `producer` a value's name to the node that computes it;
    `consumers` a node's index to the nodes that read its results. `alias` maps the result of an
    Identity to the value behind it, `fixed` maps that value to a constant's port. `known` maps a
    value's name to its content, if the file's constants alone determine it; `folded` holds the
    nodes that were replaced by what they compute.
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
        """A value's name behind any chain of Identity nodes, also those of enclosing graphs."""
        if name in self.alias:
            return self.alias[name]
        return self.outer.resolve(name) if self.outer else name

    def port(self, port: Port) -> Port:
        """A port, replaced by the constant behind its Identity nodes if there is one."""
        name, side = self.resolve(port["name"]), self
        while name not in side.fixed and side.outer:
            side = side.outer
        found = side.fixed.get(name)
        return {**found, "parameter": port["parameter"]} if found else port

    def content(self, port: Port) -> Port:
        """A port, replaced by its constant, whether held or computed from constants."""
        name, side = self.resolve(port["name"]), self
        while name not in side.known and side.outer:
            side = side.outer
        found = side.known.get(name)
        return {**found, "parameter": port["parameter"]} if found else self.port(port)

    def is_known(self, index: int) -> bool:
        """Whether the file alone determines all results of a node."""
        results = self.nodes[index]["outputs"]
        return bool(results) and all(port["name"] in self.known for port in results)

    def fold(self, indices: Iterable[int]) -> None:
        """Replace these nodes, whose results are all known, by constants."""
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
    """The name of a formal input in the newest version of the operator."""
    return definitions.newest_name(node["op"], node["since"], port["parameter"], node["domain"])


def view(graph: Graph, outer: View | None = None, fold: bool = False) -> View:
    """Resolve the wires of a graph; `fold`: compute the values that its constants determine."""
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
    """Whether a node's only result is its first input, whatever its value."""
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
            order = _listed(attribute(node, "perm"))
            return order is not None and order == sorted(order)
        case "Pad":
            return _widths(node) in ([], [0])
    return False


def _widths(node: Node) -> list[int] | None:
    """The distinct widths of a Pad; None if the file does not hold them."""
    widths = _listed(attribute(node, "pads") or input_of(node, "pads"))
    return None if widths is None else sorted(set(widths))


def _listed(given: Attribute | Port | None) -> list[int] | None:
    """The integers of an attribute or a constant; None where a file holds something else there."""
    value = given.get("value") if given else None
    whole = isinstance(value, list) and all(isinstance(each, int) for each in value)
    return value if whole else None


def _is_cast(node: Node) -> bool:
    whole = bool(node["inputs"]) and bool(node["outputs"])
    return whole and node["op"] == "Cast" and not node["domain"]


def _undoes(node: Node, before: Node) -> bool:
    """Whether a Cast undoes a widening Cast before it."""
    first, wide = before["inputs"][0].get("dtype"), before["outputs"][0].get("dtype")
    back = node["outputs"][0].get("dtype")
    return first is not None and first == back and wide in LOSSLESS.get(first, set())


def attribute(node: Node, name: str) -> Attribute | None:
    """An attribute of a node, written or default."""
    return next((each for each in node["attributes"] if each["name"] == name), None)


def input_of(node: Node, name: str) -> Port | None:
    """An input of a node by its formal name."""
    return next((each for each in node["inputs"] if each["parameter"] == name), None)
