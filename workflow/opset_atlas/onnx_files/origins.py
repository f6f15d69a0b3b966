"""The lines of the user's code that the nodes of a file were made from, where the file says so.

The torch.export exporter keeps a stack trace in a node's metadata (a version conversion loses it);
the TorchScript exporter writes one into doc strings with `verbose=True`.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from opset_atlas.base import source_lines

# torch/onnx/_internal/exporter/_core.py, `_set_node_metadata`.
STACK = "pkg.torch.onnx.stack_trace"


def line(node: onnx.NodeProto) -> str:
    """The innermost line of the user's code; "" where the file does not say."""
    kept = next((entry.value for entry in node.metadata_props if entry.key == STACK), "")
    return source_lines.in_text(kept) or source_lines.in_text(node.doc_string)


def of_operator(model: onnx.ModelProto, operator: str, attribute: str = "") -> str:
    """The lines that the nodes of an operator come from, or those with an attribute."""
    return source_lines.listed(
        line(node)
        for node in nodes_of(model.graph)
        if node.op_type == operator or any(each.name == attribute for each in node.attribute)
    )


def of_name(model: onnx.ModelProto, name: str) -> str:
    """The line that the node with this name comes from."""
    nodes = nodes_of(model.graph)
    return source_lines.listed(line(node) for node in nodes if name and node.name == name)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes of a graph and of its subgraphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes_of(inner)
