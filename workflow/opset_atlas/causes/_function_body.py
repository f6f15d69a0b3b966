"""The operators that a node stands for according to ONNX: the schema's function body."""

from __future__ import annotations

import onnx.defs
from onnx import FunctionProto, NodeProto, TensorProto, TypeProto, helper

from opset_atlas.records import Node, Port

# Operators of a body that only convert or pass on values.
PLUMBING = {"Cast", "CastLike", "Constant", "ConstantOfShape", "Identity"}


def body_operators(node: Node) -> set[str]:
    """Names of the operators in a node's function body, without plumbing; empty without a body.

    Bodies that depend on the node's attributes and types are made for this one.
    """
    if node["since"] is None or not onnx.defs.has(node["op"], node["since"], node["domain"]):
        return set()
    definition = onnx.defs.get_schema(node["op"], node["since"], node["domain"])
    body = FunctionProto()
    if definition.has_function:
        body = definition.function_body
    elif definition.has_context_dependent_function:
        try:
            types = [_type(port).SerializeToString() for port in node["inputs"]]
            text = definition.get_context_dependent_function(
                _proto(node).SerializeToString(), types
            )
        except Exception:  # onnx needs to know more of the node than the file tells
            return set()
        body.ParseFromString(text)
    return {inner.op_type for inner in body.node} - PLUMBING


def _proto(node: Node) -> NodeProto:
    """The node with its plain attributes, which are those that bodies depend on."""
    plain = (int, float, str)
    attributes = {
        each["name"]: each["value"]
        for each in node["attributes"]
        if each["written"] and isinstance(each["value"], plain)
    }
    inputs, outputs = ([port["name"] for port in node[side]] for side in ("inputs", "outputs"))  # type: ignore[literal-required]
    return helper.make_node(node["op"], inputs, outputs, domain=node["domain"], **attributes)


def _type(port: Port) -> TypeProto:
    if "dtype" not in port:
        return TypeProto()
    element = TensorProto.DataType.Value(port["dtype"].upper())
    return helper.make_tensor_type_proto(element, port.get("shape"))
