"""Read an ONNX file into a graph of plain data, which every later stage uses.

Every input and output of a node is listed under its formal parameter name in the schema version in
force, with how it is given. An omitted optional input has an empty name, which is not the same as a
tensor with no elements (https://github.com/onnx/onnx/blob/main/docs/IR.md).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir

from opset_atlas.graph.content import SMALL, content, plain
from opset_atlas.onnx_files import tensors
from opset_atlas.operators import definitions
from opset_atlas.records import VERSION, Attribute, Function, Graph, GraphFile, Node, Port

_LONGEST = 1_000_000  # elements of a vector that data propagation may track
_ATEN = re.compile(r"'(aten\.\w+)(?:\.\w+)?'\]$", re.ASCII)
MODEL_MODULE = "atlas_model_"  # the prefix that opset_atlas.models.module gives to a user's module


def read(path: Path, lenient: bool = False) -> tuple[GraphFile, dict[str, int]]:
    """The graph of a file, with shapes where inference succeeds, and its opset imports.

    Args:
        lenient: leave out the content of external data that cannot be read.

    Raises:
        Whatever onnx raises for a file that it cannot read. An empty file, which `onnx.load`
        accepts, raises ValueError, and so does missing external data unless `lenient`.
    """
    return read_model(load(path), path.parent, lenient)


def load(path: Path) -> onnx.ModelProto:
    """A file without its external data, for `read_model`; raises as `read`."""
    proto = onnx.load(path, load_external_data=False)
    if not proto.HasField("graph"):
        raise ValueError("no graph in it")
    return proto


def read_model(
    proto: onnx.ModelProto, folder: Path, lenient: bool = False
) -> tuple[GraphFile, dict[str, int]]:
    """The same for a model that was loaded from a file in `folder`; it is changed."""
    tensors.set_apart(proto, folder, lenient=lenient)
    model = ir.from_proto(_with_shapes(proto))
    imports = dict(model.opset_imports)
    functions: list[Function] = [
        {
            "domain": function.domain,
            "name": function.name,
            "attributes": [
                _attribute(attribute, {})
                for attribute in function.attributes.values()
                if attribute.value is not None
            ],
            "graph": _function(function),
        }
        for function in model.functions.values()
    ]
    return {
        "version": VERSION,
        "graph": _graph(model.graph, imports),
        "functions": functions,
    }, imports


def walk(graph: Graph) -> Iterable[Node]:
    """Every node of a graph and its subgraphs."""
    for node in graph["nodes"]:
        yield node
        for subgraph in node["subgraphs"].values():
            yield from walk(subgraph)


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with inferred shapes, as far as inference succeeds.

    During data propagation, onnx (1.23) makes an entry for each element of a vector that is read
    from, known or not: 2^36 of them if a file of 200 bytes has such a Range.
    """
    try:
        plain = onnx.shape_inference.infer_shapes(model)
        if any(size > _LONGEST for size in _lengths(plain.graph)):
            return plain
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # an invalid file or one beyond 2 GiB: shapes are optional
        return model


def _lengths(graph: onnx.GraphProto) -> Iterator[int]:
    """The known lengths of vectors in a graph and its subgraphs."""
    for value in (*graph.input, *graph.value_info, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) == 1:
            yield dimensions[0].dim_value
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _lengths(attribute.g)


def _function(function: ir.Function) -> Graph:
    return _graph(function.graph, dict(function.opset_imports))


def _graph(graph: ir.Graph, imports: Mapping[str, int]) -> Graph:
    return {
        "name": graph.name or "",
        "inputs": [_typed("", value, "input") for value in graph.inputs],
        "outputs": [_result(value) for value in graph.outputs],
        "nodes": [_node(index, node, graph, imports) for index, node in enumerate(graph)],
    }


def _node(index: int, node: ir.Node, graph: ir.Graph, imports: Mapping[str, int]) -> Node:
    domain = "" if node.domain == "ai.onnx" else node.domain
    since = definitions.in_force(node.op_type, imports.get(domain, 0), domain)
    names_in = definitions.parameter_names(node.op_type, since, domain, len(node.inputs))
    names_out = definitions.parameter_names(
        node.op_type, since, domain, len(node.outputs), output=True
    )
    inputs = [_input(name, value, graph) for name, value in zip(names_in, node.inputs, strict=True)]
    unwritten = definitions.inputs(node.op_type, since, domain)[len(node.inputs) :] if since else []
    inputs += [
        {"parameter": parameter.name, "name": "", "given": "omitted"}
        for parameter in unwritten
        if parameter.option == "optional"
    ]
    return {
        "index": index,
        "name": node.name or "",
        "op": node.op_type,
        "domain": domain,
        "since": since,
        "scope": _scope(node.metadata_props, node.name or ""),
        "inputs": inputs,
        "outputs": [
            _typed(name, value, "value") if value.name else _omitted(name)
            for name, value in zip(names_out, node.outputs, strict=True)
        ],
        "attributes": _attributes(node, since, domain),
        "subgraphs": {
            attribute.name: _graph(attribute.as_graph(), imports)
            for attribute in node.attributes.values()
            if not attribute.is_ref() and attribute.type == ir.AttributeType.GRAPH
        },
    }


def aten_names(proto: onnx.ModelProto) -> dict[str, list[str]]:
    """Per operator of the main graph, the `aten` operators of torch that its nodes come from.

    torch.onnx.export(dynamo=True) keeps them as the last entry of a node's class hierarchy. They
    are lost where the version converter wrote the file, and unknown for other exporters.
    """
    found: dict[str, set[str]] = {}
    for node in proto.graph.node:
        for entry in node.metadata_props if node.domain in {"", "ai.onnx"} else ():
            if entry.key == "pkg.torch.onnx.class_hierarchy":
                name = _ATEN.search(entry.value)
                if name:
                    found.setdefault(node.op_type, set()).add(name[1])
    return {op: sorted(found[op]) for op in sorted(found)}


def scope_of(node: onnx.NodeProto) -> str:
    """The module path that made a node, for a file read as a plain proto."""
    return _scope({entry.key: entry.value for entry in node.metadata_props}, node.name)


def _scope(metadata: Mapping[str, str], name: str) -> str:
    """The module path that made a node: from torch's metadata, else from a `/module/Op` name."""
    scopes = metadata.get("pkg.torch.onnx.name_scopes", "")
    if scopes.startswith("["):
        try:
            return str((ast.literal_eval(scopes)[-2:-1] or [""])[0])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return ""
    parts = [part for part in name.split("/")[1:-1] if part]
    return ".".join(parts)


def _omitted(parameter: str) -> Port:
    return {"parameter": parameter, "name": "", "given": "omitted"}


def _input(parameter: str, value: ir.Value | None, graph: ir.Graph) -> Port:
    if value is None or not value.name:
        return _omitted(parameter)
    tensor = _constant(value)
    if tensor is not None:
        kind = "constant" if value.producer() is not None else "initializer"
        return _tensor_port(parameter, value, tensor, kind)
    if value.graph is not None and value.graph is not graph:
        return _typed(parameter, value, "outer")
    return _typed(parameter, value, "input" if value.is_graph_input() else "value")


def _constant(value: ir.Value) -> ir.TensorProtocol | None:
    """The content of a value that the file holds, as an initializer or in a Constant node."""
    if value.is_initializer():
        return value.const_value
    producer = value.producer()
    if (
        producer is not None
        and producer.op_type == "Constant"
        and producer.domain in ("", "ai.onnx")
    ):
        return ir.convenience.get_const_tensor(value)
    return None


def _result(value: ir.Value) -> Port:
    """An output of a graph, with its content if the file fixes it."""
    tensor = _constant(value)
    port = _typed("", value, "value")
    return port if tensor is None else {**port, **_content(tensor)}  # type: ignore[typeddict-item]


def _tensor_port(parameter: str, value: ir.Value, tensor: ir.TensorProtocol, kind: Any) -> Port:
    port: Port = {
        "parameter": parameter,
        "name": value.name or "",
        "given": "empty" if tensor.size == 0 else kind,
        "dtype": tensor.dtype.name.lower(),
        "shape": [int(size) for size in tensor.shape.numpy()],
    }
    return {**port, **_content(tensor)}  # type: ignore[typeddict-item]


def _content(tensor: ir.TensorProtocol) -> dict[str, Any]:
    if isinstance(tensor, ir.ExternalTensor) and str(tensor.location) == tensors.ABSENT:
        return {}
    if isinstance(tensor, ir.ExternalTensor) and tensor.size > SMALL:
        return {"sha256": tensors.sha256_of(str(tensor.location))}  # `read` set it apart so
    return content(tensor.numpy(), tensor.dtype in (ir.DataType.DOUBLE, ir.DataType.COMPLEX128))


def _typed(parameter: str, value: ir.Value, given: Any) -> Port:
    port: Port = {"parameter": parameter, "name": value.name or "", "given": given}
    if value.dtype is not None:
        port["dtype"] = value.dtype.name.lower()
    if value.shape is not None:
        port["shape"] = [size if isinstance(size, int) else size.value for size in value.shape]
    return port


def _attributes(node: ir.Node, since: int | None, domain: str) -> list[Attribute]:
    """The attributes written in the file, then the schema's defaults for the others."""
    known = definitions.attributes(node.op_type, since, domain) if since else {}
    found: list[Attribute] = []
    found += [_attribute(attribute, known) for _, attribute in sorted(node.attributes.items())]
    for name, parameter in sorted(known.items()):
        if name not in node.attributes and parameter.default is not None:
            found.append(
                {
                    "name": name,
                    "type": parameter.type,
                    "value": plain(parameter.default),
                    "default": True,
                    "written": False,
                }
            )
    return found


def _attribute(
    attribute: ir.Attr, known: Mapping[str, definitions.AttributeParameter]
) -> Attribute:
    """An attribute written in the file; `known` are those of the operator's schema."""
    if attribute.is_ref():
        value: Any = f"@{attribute.ref_attr_name}"
    elif attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
        value = "subgraph"
    else:
        value = _attribute_value(attribute)
    default = known[attribute.name].default if attribute.name in known else None
    return {
        "name": attribute.name,
        "type": attribute.type.name.lower(),
        "value": value,
        "default": default is not None and plain(default) == value,
        "written": True,
    }


def _attribute_value(attribute: ir.Attr) -> Any:
    if attribute.type == ir.AttributeType.TENSOR:
        tensor: ir.TensorProtocol = attribute.value  # as_tensor() looks at every method of it first
        shape = [int(size) for size in tensor.shape.numpy()]
        return {"dtype": tensor.dtype.name.lower(), "shape": shape, **_content(tensor)}
    return plain(attribute.value)
