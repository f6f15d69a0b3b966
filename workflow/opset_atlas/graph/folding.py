"""Fold what a file computes from its own constants, so that comparisons see a constant.

One exporter writes `pads` as a constant, another as ten nodes that compute it from constants. Only
the value shows whether the two are equal. So nodes that do not depend on an input's values are
evaluated here if every runtime gets the same result: data movement, integer arithmetic,
comparisons, and float operations that IEEE 754 rounds correctly. Only contents stored in the record
are read (`content.SMALL`), so weights are not, and results have at most `MOST_ELEMENTS` elements.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence, Set
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto

from opset_atlas.graph.content import content
from opset_atlas.records import Node, Port

MOST_ELEMENTS = 4096
MOST_NODES = 100  # per value
_TYPES: dict[str, type[np.generic]] = {
    "bool": np.bool_,
    "float": np.float32,
    "double": np.float64,
    **{f"{u}int{b}": getattr(np, f"{u}int{b}") for u in ("", "u") for b in (8, 16, 32, 64)},
}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_FIXED = {"constant", "initializer", "empty"}
_BY_TYPE = {"CastLike": 1, "Shape": 0, "Size": 0}  # inputs whose values are not read


class _Call(NamedTuple):
    """A node with its input arrays; None for an omitted input or one whose type is enough."""

    inputs: list[np.ndarray | None]
    ports: Sequence[Port]
    attributes: dict[str, Any]
    shaped: Set[str]  # the ways to give a value whose declared shape can be trusted

    def get(self, place: int) -> np.ndarray | None:
        return self.inputs[place] if place < len(self.inputs) else None

    def array(self, place: int = 0) -> np.ndarray:
        found = self.get(place)
        if found is None:
            raise ValueError(f"input {place} is left out")
        return found

    def numbers(self, place: int, attribute: str) -> list[int] | None:
        """Integers that are an attribute in one schema version and an input in another."""
        if attribute in self.attributes:
            return list(self.attributes[attribute])
        found = self.get(place)
        return None if found is None else [int(each) for each in found.reshape(-1)]


def compute(node: Node, inputs: Sequence[Port], outermost: bool = True) -> list[Port] | None:
    """The outputs of a node as constants; None if the file alone does not determine them.

    Args:
        inputs: the node's inputs, given as the constants behind them where there are any.
        outermost: the node is not in a subgraph.
    """
    operator = _OPERATORS.get(node["op"])
    if operator is None or node["domain"] or node["since"] is None or len(node["outputs"]) != 1:
        return None
    typed = _BY_TYPE.get(node["op"])
    arrays: list[np.ndarray | None] = []
    for place, port in enumerate(inputs):
        found = None if place == typed else _array(port)
        if found is None and place != typed and port["given"] != "omitted":
            return None
        arrays.append(found)
    nodes = {each["index"]: each for port in inputs for each in port.get("computed", [])}
    nodes[node["index"]] = node
    if len(nodes) > MOST_NODES:
        return None
    attributes = {each["name"]: each["value"] for each in node["attributes"]}
    try:
        with np.errstate(all="raise"):
            shaped = _FIXED | {"input"} if outermost else _FIXED
            result = np.asarray(operator(_Call(arrays, inputs, attributes, shaped)))
    except (ArithmeticError, ValueError, IndexError, KeyError, TypeError, np.exceptions.AxisError):
        return None  # not a valid node, or its result is not specified
    if result.dtype not in _NAMES or result.size > MOST_ELEMENTS:
        return None
    port = node["outputs"][0]
    made: Port = {
        "parameter": port["parameter"],
        "name": port["name"],
        "given": "constant" if result.size else "empty",
        "dtype": _NAMES[result.dtype],
        "shape": list(result.shape),
        "computed": [nodes[index] for index in sorted(nodes)],
    }
    return [{**made, **content(result, result.dtype == np.float64)}]  # type: ignore[typeddict-item]


def _array(port: Port) -> np.ndarray | None:
    """The content of a constant, where the record holds it and it is of plain numbers."""
    kind, shape = _TYPES.get(port.get("dtype", "")), port.get("shape")
    if kind is None or shape is None or "value" not in port:
        return None
    if not all(isinstance(each, bool | int | float) for each in _flat(port["value"])):
        return None  # runtimes compare and cast non-finite values differently
    return np.array(port["value"], dtype=kind).reshape([int(size or 0) for size in shape])


def _flat(value: Any) -> list[Any]:
    return [v for item in value for v in _flat(item)] if isinstance(value, list) else [value]


def _bounded(*sizes: int) -> None:
    """Refuse before allocating memory: a file of 200 bytes can ask for 2^36 elements."""
    if math.prod(sizes) > MOST_ELEMENTS:
        raise ValueError("too large")


def _elementwise(function: Callable[..., Any]) -> Callable[[_Call], Any]:
    def run(call: _Call) -> Any:
        if call.attributes.get("broadcast"):
            raise ValueError("not NumPy's broadcasting: up to opset 6")
        arrays = [call.array(place) for place in range(len(call.inputs))]
        _bounded(*np.broadcast_shapes(*(each.shape for each in arrays)))
        return functools.reduce(function, arrays) if len(arrays) > 1 else function(*arrays)

    return run


def _divide(one: np.ndarray, other: np.ndarray) -> Any:
    """Integer division truncates towards zero, as in C."""
    if one.dtype.kind == "f":
        return one / other
    quotient = np.abs(one) // np.abs(other)
    return (quotient * np.sign(one) * np.sign(other)).astype(one.dtype)


def _cast(array: np.ndarray, kind: type[np.generic]) -> np.ndarray:
    if np.dtype(kind).kind in "iu":
        limits = np.iinfo(kind)  # type: ignore[type-var]
        if not all(limits.min <= int(each) <= limits.max for each in array.reshape(-1).tolist()):
            raise ValueError("out of range")  # what that gives, no version says for floats
    return array.astype(kind)


def _cast_to(call: _Call) -> np.ndarray:
    name = TensorProto.DataType.Name(call.attributes["to"]).lower()
    return _cast(call.array(), _TYPES[name])


def _cast_like(call: _Call) -> np.ndarray:
    return _cast(call.array(), _TYPES[call.ports[1]["dtype"]])


def _sizes(call: _Call) -> list[int]:
    """The shape of a constant or a model input, if the file declares a fixed one.

    Runtimes enforce the declared shape of a model input. The shapes that a file declares for other
    values, including a subgraph's inputs, can be wrong.
    """
    port, shape = call.ports[0], call.ports[0].get("shape")
    if port["given"] not in call.shaped or shape is None:
        raise ValueError("no fixed shape")
    if not all(isinstance(size, int) for size in shape):
        raise ValueError("a variable dimension")
    return [int(size) for size in shape if size is not None]


def _shape(call: _Call) -> np.ndarray:
    start, end = call.attributes.get("start", 0), call.attributes.get("end")
    return np.array(_sizes(call)[start:end], np.int64)


def _size(call: _Call) -> np.ndarray:
    return np.array(math.prod(_sizes(call)), np.int64)


def _constant_of_shape(call: _Call) -> np.ndarray:
    shape = [int(size) for size in call.array()]
    _bounded(*shape)
    given = call.attributes.get("value")
    if given is None:
        return np.zeros(shape, np.float32)
    return np.full(shape, np.array(given["value"], _TYPES[given["dtype"]]).reshape(()))


def _expand(call: _Call) -> np.ndarray:
    shape = np.broadcast_shapes(call.array().shape, tuple(int(size) for size in call.array(1)))
    _bounded(*shape)
    return np.broadcast_to(call.array(), shape)


def _tile(call: _Call) -> np.ndarray:
    repeats = [int(count) for count in call.array(1)]
    _bounded(call.array().size, *repeats)
    if len(repeats) != call.array().ndim:
        raise ValueError("a count per dimension")
    return np.tile(call.array(), repeats)


def _non_zero(call: _Call) -> np.ndarray:
    if not call.array().ndim:
        raise ValueError("a scalar, for which NumPy and ONNX differ")
    return np.array(np.nonzero(call.array()), np.int64)


def _range(call: _Call) -> np.ndarray:
    start, limit, step = (call.array(place) for place in range(3))
    if start.dtype.kind == "f":
        raise ValueError("a sum of floats depends on its order")
    _bounded(max(0, -(-(int(limit) - int(start)) // int(step))))
    return np.arange(int(start), int(limit), int(step), dtype=start.dtype)


def _reshape(call: _Call) -> np.ndarray:
    array = call.array()
    shape = call.numbers(1, "shape") or []
    if not call.attributes.get("allowzero", 0):
        shape = [array.shape[place] if size == 0 else size for place, size in enumerate(shape)]
    return array.reshape(shape)


def _transpose(call: _Call) -> np.ndarray:
    return call.array().transpose(call.attributes.get("perm"))


def _concat(call: _Call) -> np.ndarray:
    arrays = [call.array(place) for place in range(len(call.inputs))]
    return np.concatenate(arrays, axis=call.attributes.get("axis", 1))


def _gather(call: _Call) -> np.ndarray:
    _bounded(call.array().size, call.array(1).size)
    return np.take(call.array(), call.array(1), axis=call.attributes.get("axis", 0))


def _slice(call: _Call) -> np.ndarray:
    starts, ends = call.numbers(1, "starts") or [], call.numbers(2, "ends") or []
    axes = call.numbers(3, "axes") or list(range(len(starts)))
    steps = call.numbers(4, "steps") or [1] * len(starts)
    if 0 in steps:
        raise ValueError("a step of 0")
    ranges = [slice(None)] * call.array().ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = call.array().shape[axis]
        if step < 0 and start < -size:
            raise ValueError("starts before the first element")
        before = step < 0 and end < -size  # all the way to the first element
        ranges[axis] = slice(start, None if before else end, step)
    return call.array()[tuple(ranges)]


def _squeeze(call: _Call) -> np.ndarray:
    axes = call.numbers(1, "axes")
    return np.squeeze(call.array(), None if axes is None else tuple(axes))


def _unsqueeze(call: _Call) -> np.ndarray:
    return np.expand_dims(call.array(), tuple(call.numbers(1, "axes") or ()))


def _where(call: _Call) -> np.ndarray:
    arrays = [call.array(place) for place in range(3)]
    _bounded(*np.broadcast_shapes(*(each.shape for each in arrays)))
    return np.where(*arrays)


_OPERATORS: dict[str, Callable[[_Call], Any]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _elementwise(np.logical_and),
    "Cast": _cast_to,
    "CastLike": _cast_like,
    "Ceil": _elementwise(np.ceil),
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Div": _elementwise(_divide),
    "Equal": _elementwise(np.equal),
    "Expand": _expand,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Max": _elementwise(np.maximum),
    "Min": _elementwise(np.minimum),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "NonZero": _non_zero,
    "Not": _elementwise(np.logical_not),
    "Or": _elementwise(np.logical_or),
    "Range": _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Slice": _slice,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
