"""A graph as text made for `diff`: one line per node, port and attribute."""

from __future__ import annotations

from collections.abc import Iterator

from opset_atlas.graph.spelling import content_of, operator, type_of, visible
from opset_atlas.records import Attribute, Graph, GraphFile, Port


def as_text(file: GraphFile) -> str:
    """One line per node, port and attribute, in the order of the file."""
    lines = list(_graph_lines(file["graph"], ""))
    for function in file["functions"]:
        lines += ["", f"function {function['domain']}:{function['name']}"]
        lines += _graph_lines(function["graph"], "  ")
    return "\n".join(visible(line, 500) for line in lines) + "\n"


def _graph_lines(graph: Graph, indent: str) -> Iterator[str]:
    for port in graph["inputs"]:
        yield f"{indent}input {port['name']}: {type_of(port)}"
    for node in graph["nodes"]:
        scope = f"  ({node['scope']})" if node["scope"] else ""
        yield f"{indent}{operator(node)}{scope}"
        for port in node["inputs"]:
            yield f"{indent}  {port['parameter']} = {_given(port)}"
        for attribute in node["attributes"]:
            if attribute["written"]:
                yield f"{indent}  @{attribute['name']} = {_attribute(attribute)}"
        for name, subgraph in node["subgraphs"].items():
            yield f"{indent}  @{name}:"
            yield from _graph_lines(subgraph, indent + "    ")
        for port in node["outputs"]:
            yield f"{indent}  -> {port['name'] or 'omitted'}: {type_of(port)}"
    for port in graph["outputs"]:
        yield f"{indent}output {port['name']}: {type_of(port)}"


def _given(port: Port) -> str:
    if port["given"] in {"value", "input", "outer"}:
        return f"{port['name']}: {type_of(port)}"
    return " ".join(filter(None, [port["given"], type_of(port), content_of(port)]))


def _attribute(attribute: Attribute) -> str:
    return f"{attribute['value']}" + ("  (the default)" if attribute["default"] else "")
