"""How a fault finds its node in an ONNX file and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper


def tensors(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Every tensor that the main graph holds: initializers and Constant nodes."""
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def nodes(model: onnx.ModelProto, *ops: str) -> list[onnx.NodeProto]:
    """The nodes of these operators in the main graph."""
    return [node for node in model.graph.node if node.op_type in ops]


def middle(found: Sequence[onnx.NodeProto]) -> onnx.NodeProto | None:
    """The middle one, as far from inputs and outputs as possible."""
    return found[len(found) // 2] if found else None


def give(model: onnx.ModelProto, node: onnx.NodeProto, place: int, array: np.ndarray) -> None:
    """Replace an input of one node by a tensor; other readers of the input are unchanged."""
    name = f"fault_{len(model.graph.initializer)}"
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
    node.input[place] = name


def attribute(node: onnx.NodeProto, name: str, default: object = None) -> object:
    """An attribute's value, or the default."""
    found = [a for a in node.attribute if a.name == name]
    return helper.get_attribute_value(found[0]) if found else default


def set_attribute(node: onnx.NodeProto, name: str, value: object) -> bool:
    """Set or replace an attribute."""
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
    return True


def after(model: onnx.ModelProto, node: onnx.NodeProto, make: Callable[[str, str], list]) -> bool:
    """Insert nodes after the first output of a node; `make` gets the old name and the new one."""
    name = node.output[0]
    node.output[0] = f"{name}_before_fault"
    return replace(model, node, [node, *make(node.output[0], name)])


def weights(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, int, np.ndarray]]:
    """Float matrices and kernels: node, place of the input, content."""
    held = tensors(model)
    for node in nodes(model, "Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN"):
        for place in (1, 0):
            array = held.get(node.input[place]) if len(node.input) > place else None
            if array is not None and array.ndim >= 2 and array.dtype.kind == "f":
                yield node, place, array
                break


def edit_weight(model: onnx.ModelProto, edit: Callable[[np.ndarray], np.ndarray | None]) -> bool:
    """Replace a weight by what `edit` makes of it; None if the fault does not apply."""
    found = [(node, at, new) for node, at, old in weights(model) if (new := edit(old)) is not None]
    if not found:
        return False
    node, place, array = found[len(found) // 2]
    give(model, node, place, array)
    return True


def exchange(node: onnx.NodeProto | None, one: int, other: int) -> bool:
    """Swap two inputs of a node."""
    if node is not None:
        node.input[one], node.input[other] = node.input[other], node.input[one]
    return node is not None


def rename(model: onnx.ModelProto, names: dict[str, str]) -> bool:
    """Change the operator of the middle node among those named."""
    node = middle(nodes(model, *names))
    if node is not None:
        node.op_type = names[node.op_type]
    return node is not None


def computed(model: onnx.ModelProto, *ops: str) -> list[onnx.NodeProto]:
    """Nodes of these operators whose first output is known to be float32."""
    inferred = onnx.shape_inference.infer_shapes(model).graph.value_info
    known = {value.name: value.type.tensor_type.elem_type for value in inferred}
    return [n for n in nodes(model, *ops) if known.get(n.output[0]) == onnx.TensorProto.FLOAT]


def replace(model: onnx.ModelProto, node: onnx.NodeProto, new: list[onnx.NodeProto]) -> bool:
    """Replace a node by others."""
    at = list(model.graph.node).index(node)
    rest = list(model.graph.node)[at + 1 :]
    del model.graph.node[at:]
    model.graph.node.extend([*new, *rest])
    return True
