"""Faults as edits of an ONNX file: each changes what it computes and keeps it valid.

A fault edits the middle one of the nodes that it applies to, and returns whether there was one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from edits import (
    after,
    attribute,
    computed,
    edit_weight,
    exchange,
    give,
    middle,
    nodes,
    rename,
    replace,
    set_attribute,
    tensors,
)
from onnx import helper, numpy_helper

Fault = Callable[[onnx.ModelProto], bool]
FAULTS: dict[str, Fault] = {}
NORMALIZATIONS = (
    "BatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "GroupNormalization",
)


def fault(name: str) -> Callable[[Fault], Fault]:
    """Register a fault under the words that the table shows."""

    def register(function: Fault) -> Fault:
        FAULTS[name] = function
        return function

    return register


def _scaled(factor: float) -> Fault:
    def scale(model: onnx.ModelProto) -> bool:
        return edit_weight(model, lambda w: (w * factor).astype(w.dtype))

    return scale


fault("one weight tensor scaled by 1 + 1e-3")(_scaled(1 + 1e-3))
fault("one weight tensor scaled by 1 + 1e-4")(_scaled(1 + 1e-4))
fault("one weight tensor scaled by 1 + 1e-5")(_scaled(1 + 1e-5))


@fault("square weight transposed")
def _(model: onnx.ModelProto) -> bool:
    def edit(w: np.ndarray) -> np.ndarray | None:
        return w.swapaxes(-1, -2) if w.shape[-1] == w.shape[-2] and w.shape[-1] > 1 else None

    return edit_weight(model, edit)


@fault("two rows of a weight exchanged")
def _(model: onnx.ModelProto) -> bool:
    def edit(w: np.ndarray) -> np.ndarray | None:
        order = np.arange(w.shape[0])
        order[:2] = order[:2][::-1]
        return w[order] if w.shape[0] > 2 else None

    return edit_weight(model, edit)


@fault("one element of a weight with its sign flipped")
def _(model: onnx.ModelProto) -> bool:
    def edit(w: np.ndarray) -> np.ndarray:
        new = w.copy()
        new.flat[np.abs(new).argmax()] *= -1
        return new

    return edit_weight(model, edit)


@fault("weight rounded to float16")
def _(model: onnx.ModelProto) -> bool:
    return edit_weight(model, lambda w: w.astype(np.float16).astype(w.dtype))


@fault("weight rounded to 8 bits")
def _(model: onnx.ModelProto) -> bool:
    def edit(w: np.ndarray) -> np.ndarray:
        step = np.abs(w).max() / 127
        return (np.round(w / step) * step).astype(w.dtype)

    return edit_weight(model, edit)


@fault("gates of a recurrent layer exchanged")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    node = middle([n for n in nodes(model, "LSTM", "GRU") if n.input[1] in held])
    if node is None:
        return False
    w = held[node.input[1]]
    gates = np.split(w, {"LSTM": 4, "GRU": 3}[node.op_type], axis=1)
    give(model, node, 1, np.concatenate([gates[1], gates[0], *gates[2:]], axis=1))
    return True


@fault("bias dropped")
def _(model: onnx.ModelProto) -> bool:
    node = middle([n for n in nodes(model, "Conv", "Gemm", "ConvTranspose") if len(n.input) == 3])
    if node is None:
        return False
    del node.input[2:]
    return True


@fault("bias of a neighboring channel")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    fits = [n for n in nodes(model, "Conv", "Gemm") if len(n.input) == 3 and n.input[2] in held]
    node = middle([n for n in fits if held[n.input[2]].size > 1])
    if node is None:
        return False
    give(model, node, 2, np.roll(held[node.input[2]], 1))
    return True


@fault("axis of a softmax")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "Softmax", "LogSoftmax"))
    return bool(node) and set_attribute(node, "axis", 1 if attribute(node, "axis", -1) != 1 else -1)


@fault("epsilon ten times as large")
def _(model: onnx.ModelProto) -> bool:
    ops = (
        "BatchNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "GroupNormalization",
    )
    node = middle(nodes(model, *ops))
    return bool(node) and set_attribute(
        node, "epsilon", 10 * float(attribute(node, "epsilon", 1e-5))
    )


@fault("running mean and variance exchanged")
def _(model: onnx.ModelProto) -> bool:
    return exchange(middle(nodes(model, "BatchNormalization")), 3, 4)


@fault("scale and bias of a normalization exchanged")
def _(model: onnx.ModelProto) -> bool:
    fits = [n for n in nodes(model, *NORMALIZATIONS) if len(n.input) > 2]
    return exchange(middle(fits), 1, 2)


@fault("inputs of a subtraction, division or power exchanged")
def _(model: onnx.ModelProto) -> bool:
    return exchange(middle(nodes(model, "Sub", "Div", "Pow")), 0, 1)


@fault("pads moved by one to the other side")
def _(model: onnx.ModelProto) -> bool:
    def moved(pads: list[int]) -> list[int]:
        half = len(pads) // 2
        return [p - 1 for p in pads[:half]] + [p + 1 for p in pads[half:]]

    ops = ("Conv", "MaxPool", "AveragePool")
    fits = [n for n in nodes(model, *ops) if min(list(attribute(n, "pads", [0]))) > 0]
    node = middle(fits)
    return bool(node) and set_attribute(node, "pads", moved(list(attribute(node, "pads"))))


@fault("padding by zero instead of reflection or edge")
def _(model: onnx.ModelProto) -> bool:
    node = middle([n for n in nodes(model, "Pad") if attribute(n, "mode") in (b"reflect", b"edge")])
    return bool(node) and set_attribute(node, "mode", "constant")


@fault("padding counted in an average, or not")
def _(model: onnx.ModelProto) -> bool:
    fits = [n for n in nodes(model, "AveragePool") if any(attribute(n, "pads", []))]
    node = middle(fits)
    flag = 1 - int(attribute(node, "count_include_pad", 0)) if node else 0
    return bool(node) and set_attribute(node, "count_include_pad", flag)


@fault("coordinate transformation of a resize")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "Resize"))
    mode = attribute(node, "coordinate_transformation_mode", b"half_pixel") if node else b""
    other = "align_corners" if mode != b"align_corners" else "half_pixel"
    return bool(node) and set_attribute(node, "coordinate_transformation_mode", other)


@fault("cubic coefficient -0.5 instead of -0.75")
def _(model: onnx.ModelProto) -> bool:
    node = middle([n for n in nodes(model, "Resize") if attribute(n, "mode") == b"cubic"])
    return bool(node) and set_attribute(node, "cubic_coeff_a", -0.5)


@fault("nearest neighbor rounded the other way")
def _(model: onnx.ModelProto) -> bool:
    node = middle([n for n in nodes(model, "Resize") if attribute(n, "mode") == b"nearest"])
    other = "ceil" if node and attribute(node, "nearest_mode") != b"ceil" else "floor"
    return bool(node) and set_attribute(node, "nearest_mode", other)


@fault("slice off by one")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    for node in nodes(model, "Slice"):
        start, end = held.get(node.input[1]), held.get(node.input[2])
        if start is not None and end is not None and (start > 0).all() and (end > 0).all():
            give(model, node, 1, start - 1)
            give(model, node, 2, np.where(end < 1 << 30, end - 1, -1))
            return True
    return False


@fault("gathered one further")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    node = middle([n for n in nodes(model, "Gather") if n.input[1] in held])
    if node is None:
        return False
    give(model, node, 1, held[node.input[1]] + 1)
    return True


@fault("half precision in the middle")
def _(model: onnx.ModelProto) -> bool:
    return _through(model, onnx.TensorProto.FLOAT16)


@fault("bfloat16 in the middle")
def _(model: onnx.ModelProto) -> bool:
    return _through(model, onnx.TensorProto.BFLOAT16)


def _through(model: onnx.ModelProto, dtype: int) -> bool:
    ops = ("Relu", "Add", "Mul", "MatMul", "Conv", "Gemm", "LayerNormalization", "Resize")
    node = middle(computed(model, *ops))

    def cast(old: str, new: str) -> list[onnx.NodeProto]:
        return [
            helper.make_node("Cast", [old], [f"{new}_low"], to=dtype),
            helper.make_node("Cast", [f"{new}_low"], [new], to=onnx.TensorProto.FLOAT),
        ]

    return bool(node) and after(model, node, cast)


@fault("mean instead of sum, or the other way round")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "ReduceMean"))
    if node is not None:
        node.op_type = "ReduceL1"
        return True
    node = middle(nodes(model, "GlobalAveragePool"))
    if node is not None:
        node.op_type = "GlobalMaxPool"
    return node is not None


@fault("reduced over another axis")
def _(model: onnx.ModelProto) -> bool:
    ops = ("ReduceMean", "ReduceMax", "ReduceSum", "ArgMax", "CumSum", "ReduceL2")
    for node in nodes(model, *ops):
        axes = attribute(node, "axes") or attribute(node, "axis")
        if isinstance(axes, list) and len(axes) == 1 and attribute(node, "keepdims", 1) == 1:
            return set_attribute(node, "axes", [-2 if axes[0] in (-1, 2) else -1])
    return False


@fault("scatter overwrites instead of adding")
def _(model: onnx.ModelProto) -> bool:
    fits = nodes(model, "ScatterElements", "ScatterND")
    node = middle([n for n in fits if attribute(n, "reduction", b"none") != b"none"])
    return bool(node) and set_attribute(node, "reduction", "none")


@fault("negative slope doubled")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "LeakyRelu"))
    return bool(node) and set_attribute(node, "alpha", 2 * float(attribute(node, "alpha", 0.01)))


@fault("negative slope off by 1e-3 of itself")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "LeakyRelu"))
    old = float(attribute(node, "alpha", 0.01)) if node else 0.0
    return bool(node) and set_attribute(node, "alpha", 1.001 * old)


@fault("tanh form of GELU instead of erf")
def _(model: onnx.ModelProto) -> bool:
    """erf(z) by tanh(2 / sqrt(pi) * (z + 0.08943 z^3)): with z = x / sqrt(2) the tanh GELU."""
    node = middle(nodes(model, "Gelu"))
    if node is not None:
        return set_attribute(node, "approximate", "tanh")
    node = middle(nodes(model, "Erf"))
    if node is None:
        return False
    for name, value in (("fault_a", 0.08943), ("fault_b", 2 / np.sqrt(np.pi))):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    make, z = helper.make_node, node.input[0]
    new = [
        make("Mul", [z, z], ["fault_zz"]),
        make("Mul", ["fault_zz", z], ["fault_zzz"]),
        make("Mul", ["fault_zzz", "fault_a"], ["fault_c"]),
        make("Add", ["fault_c", z], ["fault_d"]),
        make("Mul", ["fault_d", "fault_b"], ["fault_e"]),
        make("Tanh", ["fault_e"], [node.output[0]]),
    ]
    return replace(model, node, new)


@fault("rounded down instead of to the nearest")
def _(model: onnx.ModelProto) -> bool:
    return rename(model, {"Round": "Floor"})


@fault("integers divided towards zero instead of down")
def _(model: onnx.ModelProto) -> bool:
    return rename(model, {"Floor": "Identity"})


@fault("sine instead of cosine")
def _(model: onnx.ModelProto) -> bool:
    return rename(model, {"Cos": "Sin", "Sin": "Cos"})


@fault("largest and smallest confused")
def _(model: onnx.ModelProto) -> bool:
    node = middle(nodes(model, "TopK"))
    if node is not None:
        return set_attribute(node, "largest", 1 - int(attribute(node, "largest", 1)))
    return rename(model, {"ReduceMax": "ReduceMin", "ReduceMin": "ReduceMax", "Max": "Min"})


@fault("residual connection dropped")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    node = middle([n for n in nodes(model, "Add") if not any(name in held for name in n.input)])
    if node is None:
        return False
    node.op_type = "Identity"
    del node.input[1:]
    return True


@fault("axes of a transpose exchanged")
def _(model: onnx.ModelProto) -> bool:
    for node in nodes(model, "Transpose"):
        perm = list(attribute(node, "perm", []))
        if len(perm) > 2:
            perm[-1], perm[-2] = perm[-2], perm[-1]
            return set_attribute(node, "perm", perm)
    return False


@fault("constant off by 1e-3 of itself")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    single = {
        name
        for name, array in held.items()
        if array.size == 1 and array.dtype == np.float32 and array.any()
    }
    fits = [
        (node, place)
        for node in nodes(model, "Mul", "Add", "Div", "Clip", "Sub")
        for place, name in enumerate(node.input)
        if name in single
    ]
    if not fits:
        return False
    node, place = fits[len(fits) // 2]
    give(model, node, place, held[node.input[place]] * np.float32(1.001))
    return True


@fault("one class swapped with the next in the output")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    for node in reversed(nodes(model, "Gemm")):
        w = held.get(node.input[1])
        if w is not None and int(attribute(node, "transB", 0)) and w.shape[0] > 2:
            order = np.arange(w.shape[0])
            order[:2] = 1, 0
            give(model, node, 1, w[order])
            if len(node.input) == 3 and node.input[2] in held:
                give(model, node, 2, held[node.input[2]][order])
            return True
    return False


@fault("zero point off by one")
def _(model: onnx.ModelProto) -> bool:
    held = tensors(model)
    for node in nodes(model, "DequantizeLinear"):
        if len(node.input) == 3 and node.input[2] in held:
            give(model, node, 2, held[node.input[2]] + held[node.input[2]].dtype.type(1))
            return True
    return False


@fault("two outputs exchanged")
def _(model: onnx.ModelProto) -> bool:
    ports = model.graph.output
    if len(ports) < 2:
        return False
    one, two = onnx.ValueInfoProto(), onnx.ValueInfoProto()
    one.CopyFrom(ports[0])
    two.CopyFrom(ports[1])
    ports[0].CopyFrom(two)
    ports[1].CopyFrom(one)
    return True
