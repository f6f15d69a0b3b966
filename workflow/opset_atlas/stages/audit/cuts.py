"""One node of a model as a separate model, with the values that reach it.

What the version converter does to a node depends only on the node and its constant inputs, so a cut
shows the converter's fault with that operator without the rest of the model.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from opset_atlas.base.arrays import is_plain_tensor
from opset_atlas.onnx_files.parts import all_nodes, cut, names_read
from opset_atlas.operators import definitions

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Cut:
    """A model of one node, its input tensors, and the operators that change in it."""

    operators: tuple[str, ...]
    model: onnx.ModelProto
    inputs: dict[str, np.ndarray]


def changed_operators(model: onnx.ModelProto, old: int, new: int) -> list[str]:
    """Operators of a model, including subgraphs and functions, whose version changes.

    The converter adapts only these (`onnx/version_converter/convert.cc` looks for a schema that
    begins at the opset: at the new one upwards, at the old one downwards).
    """
    nodes = [*all_nodes(model.graph.node), *(n for f in model.functions for n in all_nodes(f.node))]
    return _changed(nodes, old, new)


def _changed(nodes: Iterable[onnx.NodeProto], old: int, new: int) -> list[str]:
    names = {node.op_type for node in nodes if node.domain in ("", "ai.onnx")}
    return sorted(
        op for op in names if definitions.in_force(op, old) != definitions.in_force(op, new)
    )


def cuts(model: onnx.ModelProto, old: int, new: int, values: Values) -> Iterator[Cut]:
    """A cut for every kind of node in the main graph that changes from opset `old` to `new`.

    Nodes of an operator are of the same kind if their attributes, input types and the ways in which
    the inputs are given agree. Nodes whose inputs are not all known tensors are left out.

    Args:
        values: the content of each input and value of the graph in some run.
    """
    held = {tensor.name for tensor in model.graph.initializer}
    constants = {n.output[0] for n in model.graph.node if n.op_type == "Constant"}
    fixed: dict[str, np.ndarray] = {}
    if "Constant" in _changed(model.graph.node, old, new):
        # A Constant would be a second candidate, so its value becomes an initializer.
        fixed = {name: values[name] for name in constants if is_plain_tensor(values.get(name))}
        held, constants = held | fixed.keys(), set()
    seen: set[bytes] = set()
    for node in model.graph.node:
        operators = _changed(all_nodes([node]), old, new)
        names = list(dict.fromkeys(filter(None, names_read(node))))
        fed = [name for name in names if name not in held and name not in constants]
        results = [name for name in node.output if name]
        if not operators or not all(is_plain_tensor(values.get(name)) for name in fed + results):
            continue
        kind = _kind(node, names, {name: values[name].dtype.name for name in fed}, held)
        if kind in seen:
            continue
        seen.add(kind)
        inputs = {name: np.asarray(values[name]) for name in fed}
        targets = {name: values[name] for name in results}
        given = {name: fixed[name] for name in names if name in fixed}
        yield Cut(tuple(operators), cut(model, inputs, targets, fixed=given), inputs)


def _kind(
    node: onnx.NodeProto,
    names: Iterable[str],
    fed: Mapping[str, str],
    held: Container[str],
) -> bytes:
    """A key that is equal for nodes that the converter treats alike."""
    bare = onnx.NodeProto(op_type=node.op_type, domain=node.domain)
    bare.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    bare.input.extend("given" if name else "" for name in node.input)
    bare.output.extend("given" if name else "" for name in node.output)
    given = [fed.get(name, "tensor" if name in held else "constant") for name in names]
    text: bytes = bare.SerializeToString(deterministic=True)
    return text + " ".join(given).encode()
