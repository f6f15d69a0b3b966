"""Inline local functions so that two files can be compared.

Two files often hold the same nodes, but only one wraps them in a function, or the functions have
different names. A function that both files define under the same name stays a call, and the two
bodies are compared; all others are inlined
(https://github.com/onnx/onnx/blob/main/docs/IR.md#functions). This works on the graphs that the
dump stage wrote, because the comparison reads no other files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from opset_atlas.differences.difference import Difference
from opset_atlas.graph.view import name_of
from opset_atlas.operators import definitions
from opset_atlas.records import Attribute, Function, Graph, GraphFile, Node, Port

Name = tuple[str, str]  # domain, function


def split(file: GraphFile, other: GraphFile) -> tuple[dict[Name, Function], dict[Name, Function]]:
    """The functions that both files define, and those that only this one does."""
    ours, theirs = ({(f["domain"], f["name"]): f for f in g["functions"]} for g in (file, other))
    shared = {name: function for name, function in ours.items() if name in theirs}
    return shared, {name: function for name, function in ours.items() if name not in theirs}


def calls(graph: Graph, functions: Mapping[Name, Function]) -> Counter[Name]:
    """How often a graph, its subgraphs and these functions' bodies call each of the functions."""
    found: Counter[Name] = Counter()
    for node in graph["nodes"]:
        name = name_of(node)
        if name in functions:
            found[name] += 1
            rest = {key: value for key, value in functions.items() if key != name}
            found += calls(functions[name]["graph"], rest)
        for subgraph in node["subgraphs"].values():
            found += calls(subgraph, functions)
    return found


def local_functions(
    graph: Graph, functions: Mapping[Name, Function], later: bool = False
) -> list[Difference]:
    """A neutral difference per function that only one file defines; `later`: the second one."""
    found: list[Difference] = []
    for (domain, name), count in calls(graph, functions).items():
        size = len(functions[domain, name]["graph"]["nodes"])
        times = "once" if count == 1 else f"{count} times"
        whole = "its node in place" if size == 1 else f"its {size} nodes in place"
        words = f"the function {domain}::{name}, called {times}", whole
        nodes = tuple(
            node
            for node in graph["nodes"]
            if (domain, name) in calls({**graph, "nodes": [node]}, functions)
        )
        sides: Any = {"left": () if later else nodes, "right": nodes if later else ()}
        before, after = words[::-1] if later else words
        found.append(Difference("function", name, domain, "", before, after, **sides, neutral=True))
    return found


def within(difference: Difference, name: Name) -> Difference:
    """A difference in a function's body, with the function as the scope of its nodes."""
    scope = f"function {name[0]}::{name[1]}"
    left, right = (
        tuple({**node, "scope": " ".join(filter(None, [scope, node["scope"]]))} for node in side)
        for side in (difference.left, difference.right)
    )
    return replace(difference, left=left, right=right)  # type: ignore[arg-type]


def inlined(graph: Graph, functions: Mapping[Name, Function]) -> Graph:
    """A graph with the calls of these functions inlined; nodes are renumbered.

    `origin` of a node is the index of the node or call in `graph` that it stands for. A function
    that calls itself, which no valid file has, stays a call.
    """
    if not functions:
        return graph
    nodes: list[Node] = []
    for node in graph["nodes"]:
        for each in _expanded(node, functions):
            nodes.append({**each, "index": len(nodes), "origin": node["index"]})
    return {**graph, "nodes": nodes}


def _expanded(node: Node, functions: Mapping[Name, Function]) -> list[Node]:
    function = functions.get(name_of(node))
    if function is None:
        subgraphs = {name: inlined(g, functions) for name, g in node["subgraphs"].items()}
        return [{**node, "subgraphs": subgraphs}]
    rest = {name: each for name, each in functions.items() if name != name_of(node)}
    body = function["graph"]
    values: dict[str, Port] = {
        port["name"]: {"parameter": "", "name": "", "given": "omitted"} for port in body["inputs"]
    }
    values |= zip((port["name"] for port in body["inputs"]), node["inputs"], strict=False)
    results = zip(body["outputs"], node["outputs"], strict=False)
    given = {each["name"]: each for each in function["attributes"]}
    given |= {each["name"]: each for each in node["attributes"]}
    values |= _constants(body, given)
    call = _Call(node, values, {own["name"]: port for own, port in results if port["name"]})
    made = [call.node(inner, given) for inner in body["nodes"]]
    made += call.passed_on(body)
    return [deeper for each in made for deeper in _expanded(each, rest)]


def _constants(body: Graph, given: Mapping[str, Attribute]) -> dict[str, Port]:
    """Results of a body's Constant nodes that hold an attribute of the function."""
    found: dict[str, Port] = {}
    for node in body["nodes"]:
        if name_of(node) != ("", "Constant"):
            continue
        for each in _attributes(node, given):
            dtype = {"value_float": "float", "value_int": "int64"}.get(each["name"].rstrip("s"))
            if dtype and each["written"]:
                value = each["value"]
                shape: list[int | str | None] = [len(value)] if isinstance(value, list) else []
                name = node["outputs"][0]["name"]
                found[name] = {
                    "parameter": "",
                    "name": name,
                    "given": "constant",
                    "dtype": dtype,
                    "shape": shape,
                    "value": value,
                }
    return found


@dataclass
class _Call:
    """One call: the values of the body's inputs, and the outer names of its outputs."""

    caller: Node
    values: Mapping[str, Port]
    results: Mapping[str, Port]
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        outputs = [port["name"] for port in self.caller["outputs"]]
        self.prefix = f"{self.caller['domain']}::{self.caller['op']}/{outputs[:1]}/"

    def node(self, inner: Node, given: Mapping[str, Attribute], deep: bool = False) -> Node:
        """A node of the body with the values and attributes of the call."""
        subgraphs = {
            name: self._subgraph(graph, given) for name, graph in inner["subgraphs"].items()
        }
        return {
            **inner,
            "scope": inner["scope"] or self.caller["scope"],
            "inputs": [self._input(port, deep) for port in inner["inputs"]],
            "outputs": [self._named(port) for port in inner["outputs"]],
            "attributes": list(_attributes(inner, given)),
            "subgraphs": subgraphs,
        }

    def passed_on(self, body: Graph) -> Sequence[Node]:
        """Identity nodes for outputs of the function that are also its inputs."""
        found: list[Node] = []
        for port in body["outputs"]:
            if port["name"] in self.values and port["name"] in self.results:
                result: Port = {**port, "parameter": "output", "given": "value"}
                found.append(
                    {
                        "index": 0,
                        "name": "",
                        "op": "Identity",
                        "domain": "",
                        "since": 1,
                        "scope": self.caller["scope"],
                        "inputs": [{**self.values[port["name"]], "parameter": "input"}],
                        "outputs": [{**result, "name": self.results[port["name"]]["name"]}],
                        "attributes": [],
                        "subgraphs": {},
                    }
                )
        return found

    def _subgraph(self, graph: Graph, given: Mapping[str, Attribute]) -> Graph:
        return {
            **graph,
            "inputs": [self._named(port) for port in graph["inputs"]],
            "outputs": [self._input(port, True) for port in graph["outputs"]],
            "nodes": [self.node(node, given, True) for node in graph["nodes"]],
        }

    def _input(self, port: Port, deep: bool) -> Port:
        value = self.values.get(port["name"])
        if value is None:
            return self._named(port)
        outer = deep and value["given"] in {"value", "input"}
        given: Any = "outer" if outer else value["given"]
        return {**value, "parameter": port["parameter"], "given": given}

    def _named(self, port: Port) -> Port:
        name = port["name"]
        if not name:
            return port
        if name in self.results:
            return {**self.results[name], "parameter": port["parameter"], "given": port["given"]}
        return {**port, "name": f"{self.prefix}{name}"}


def _attributes(inner: Node, given: Mapping[str, Attribute]) -> list[Attribute]:
    """A node's attributes, with references to the function's attributes taken from the call.

    An attribute that the call omits and the function has no default for is omitted too.
    """
    known = (
        definitions.attributes(inner["op"], inner["since"], inner["domain"])
        if inner["since"]
        else {}
    )
    found: list[Attribute] = []
    for each in inner["attributes"]:
        value = each["value"]
        if not (isinstance(value, str) and value.startswith("@")):
            found.append(each)
            continue
        outside, own = given.get(value[1:]), known.get(each["name"])
        default = own.default if own else None
        plain = list(default) if isinstance(default, tuple) else default
        if outside is not None:
            same = plain is not None and outside["value"] == plain
            found.append({**each, "value": outside["value"], "default": same})
        elif plain is not None:
            found.append({**each, "value": plain, "default": True, "written": False})
    return found
