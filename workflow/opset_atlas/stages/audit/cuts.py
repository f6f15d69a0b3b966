"""One node of a model as a model of its own, with the values that reach it.

What the version converter does to a node depends on that node and on the constants it is given, so
a cut shows the converter's fault over that operator without the rest of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from opset_atlas.operators import definitions

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Cut:
    """A model of one node, the tensors that it is fed, and the operators that change in it."""

    operators: tuple[str, ...]
    model: onnx.ModelProto
    inputs: dict[str, np.ndarray]


def changed_operators(model: onnx.ModelProto, old: int, new: int) -> list[str]:
    """Operators of a model, subgraphs and functions included, whose version is not the same.

    The converter adapts these and no others (`onnx/version_converter/convert.cc` looks for a schema
    that begins at the opset, upwards the new one, downwards the old one).
    """
    nodes = [*_nodes(model.graph.node), *(n for f in model.functions for n in _nodes(f.node))]
    return _changed(nodes, old, new)


def _changed(nodes: Iterable[onnx.NodeProto], old: int, new: int) -> list[str]:
    names = {node.op_type for node in nodes if node.domain in ("", "ai.onnx")}
    return sorted(
        op for op in names if definitions.in_force(op, old) != definitions.in_force(op, new)
    )


def with_all_values(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every named value of its main graph as an output after its own."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    known = {port.name for port in shown.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                shown.graph.output.append(onnx.ValueInfoProto(name=name))
    return shown


def cuts(model: onnx.ModelProto, old: int, new: int, values: Values) -> Iterator[Cut]:
    """A cut of every kind of node in the main graph that changes from opset `old` to `new`.

    Nodes of one operator count as of one kind where attributes, the types of their inputs and the
    way in which these are given agree. One whose inputs are not all known tensors is left out.

    Args:
        values: what each input and value of the graph held in some run.
    """
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    constants = _constants(model.graph, values, _changed(model.graph.node, old, new), tensors)
    seen: set[bytes] = set()
    for node in model.graph.node:
        operators = _changed(_nodes([node]), old, new)
        names = list(dict.fromkeys([*filter(None, node.input), *_outer(node)]))
        fed = [name for name in names if name not in tensors and name not in constants]
        results = [name for name in node.output if name]
        if not operators or not all(is_tensor(values.get(name)) for name in fed + results):
            continue
        kind = _kind(node, names, {name: values[name].dtype.name for name in fed}, tensors)
        if kind in seen:
            continue
        seen.add(kind)
        graph = onnx.helper.make_graph(
            [*(constants[name] for name in names if name in constants), node],
            "cut",
            [_value(name, values[name]) for name in fed],
            [_value(name, values[name]) for name in results],
            [tensors[name] for name in names if name in tensors],
        )
        cut = onnx.helper.make_model(graph, producer_name="opset-atlas")
        cut.ir_version = model.ir_version
        del cut.opset_import[:]
        cut.opset_import.extend(model.opset_import)
        cut.functions.extend(model.functions)
        yield Cut(tuple(operators), cut, {name: np.asarray(values[name]) for name in fed})


def _constants(
    graph: onnx.GraphProto,
    values: Values,
    changed: Iterable[str],
    tensors: dict[str, onnx.TensorProto],
) -> dict[str, onnx.NodeProto]:
    """The Constant nodes by their output, to go into a cut with what they feed.

    Where Constant itself changes, a cut with one would have two candidates: then their values are
    put among the `tensors` instead.
    """
    nodes = {node.output[0]: node for node in graph.node if node.op_type == "Constant"}
    if "Constant" not in changed:
        return nodes
    for name in nodes:
        if is_tensor(values.get(name)):
            tensors[name] = onnx.numpy_helper.from_array(values[name], name)
    return {}


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes and all that stand in their subgraphs."""
    for node in nodes:
        yield node
        for graph in _graphs(node):
            yield from _nodes(graph.node)


def _graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _outer(node: onnx.NodeProto) -> Iterator[str]:
    """Names that the subgraphs of a node take from around it."""
    for graph in _graphs(node):
        own = {port.name for port in graph.input} | {t.name for t in graph.initializer}
        for inner in graph.node:
            for name in (*inner.input, *_outer(inner)):
                if name and name not in own:
                    yield name
            own.update(inner.output)
        yield from (port.name for port in graph.output if port.name not in own)


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of numpy's own numbers, which a file can hold and feed."""
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"


def _value(name: str, array: np.ndarray) -> onnx.ValueInfoProto:
    dtype = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(name, dtype, array.shape)


def _kind(
    node: onnx.NodeProto,
    names: Iterable[str],
    fed: Mapping[str, str],
    tensors: Mapping[str, onnx.TensorProto],
) -> bytes:
    """What two nodes have in common that the converter treats alike."""
    bare = onnx.NodeProto(op_type=node.op_type, domain=node.domain)
    bare.attribute.extend(sorted(node.attribute, key=lambda attribute: attribute.name))
    bare.input.extend("given" if name else "" for name in node.input)
    bare.output.extend("given" if name else "" for name in node.output)
    given = [fed.get(name, "tensor" if name in tensors else "constant") for name in names]
    text: bytes = bare.SerializeToString(deterministic=True)
    return text + " ".join(given).encode()
