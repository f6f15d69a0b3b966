"""The first node at which a file fails to load or run, and the smallest part that shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import onnx
import onnx.checker
import onnx.helper

from opset_atlas import runtimes
from opset_atlas.base.arrays import Array
from opset_atlas.onnx_files.parts import Wires, cut, names_read
from opset_atlas.runtimes._feeding import Runner, feed


@dataclass(frozen=True)
class Stop:
    """`part` is a model that fails at the node with the given index when fed `inputs`.

    `refused`: who else rejects it, in which case the file is at fault and not the runtime.
    """

    node: int
    detail: str
    part: onnx.ModelProto
    inputs: dict[str, Array]
    refused: str


def find(model: onnx.ModelProto, runner: Runner, tensors: Mapping[str, Array]) -> Stop | None:
    """Where a file fails; None if it runs or no part of it is to blame.

    The first nodes of the file run up to some number and fail beyond it, found by bisection.

    Args:
        tensors: the inputs of the model by name.

    Raises:
        ValueError: the graph's inputs are not the model's.
    """
    given = feed(Wires(model.graph).inputs, tensors)
    nodes = list(model.graph.node)

    def fails(count: int) -> bool:
        return runner.failure(_beginning(model, given, count), [given]) is not None

    if not fails(len(nodes)):
        return None
    low, high = 0, len(nodes)  # the first `low` nodes run, the first `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(middle) else (middle, high)
    if _fails_without_nodes(model, runner, given):
        return None
    node = nodes[low]
    for part, inputs in _parts(model, runner, given, low):
        if failure := runner.failure(part, [inputs]):
            return Stop(low, failure.detail, part, inputs, _refused(part, node, runner, inputs))
    return None


def _beginning(model: onnx.ModelProto, given: Mapping[str, Array], count: int) -> onnx.ModelProto:
    """The first nodes of a file; results that none of them reads are outputs."""
    nodes = model.graph.node[:count]
    read = {name for node in nodes for name in names_read(node)}
    ends = [name for node in nodes for name in node.output if name and name not in read]
    return cut(model, given, dict.fromkeys(ends))


def _fails_without_nodes(
    model: onnx.ModelProto, runner: Runner, given: Mapping[str, Array]
) -> bool:
    """Whether any file of this IR version and these opsets fails."""
    empty = onnx.ModelProto()
    empty.CopyFrom(model)
    del empty.graph.node[:]
    one = onnx.helper.make_tensor("one", onnx.TensorProto.FLOAT, [], [1.0])
    empty.graph.initializer.append(one)
    empty.graph.node.add(op_type="Identity", input=["one"], output=["same"])
    return runner.failure(cut(empty, given, {"same": None}), [given]) is not None


def _parts(
    model: onnx.ModelProto, runner: Runner, given: Mapping[str, Array], index: int
) -> list[tuple[onnx.ModelProto, dict[str, Array]]]:
    """Candidate parts, smallest first: the node, what leads to it, everything before it."""
    node = model.graph.node[index]
    outputs = [name for name in node.output if name]
    held = {tensor.name for tensor in model.graph.initializer}
    held |= {n.output[0] for n in model.graph.node if n.op_type == "Constant"}
    read = [name for name in dict.fromkeys(names_read(node)) if name and name not in held]
    made = dict.fromkeys(name for name in read if name not in given)
    values = dict(given)
    if made:
        with contextlib.suppress(Exception):  # the runtime's error: try the larger parts
            values |= runner.run(cut(model, given, made), [given])[0]
    found = []
    if all(name in values for name in read):
        found.append(_renamed(model, {name: values[name] for name in read}, outputs))
    found.append(_renamed(model, given, outputs))
    beginning = _beginning(model, given, index + 1)
    return [*found, _renamed(model, given, [port.name for port in beginning.graph.output])]


def _renamed(
    model: onnx.ModelProto, entries: Mapping[str, Array], outputs: list[str]
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A cut and its inputs under neutral names."""
    names = {name: f"input_{i}" for i, name in enumerate(entries)}
    names |= {name: f"output_{i}" for i, name in enumerate(outputs)}
    part = cut(model, entries, dict.fromkeys(outputs), names)
    return part, {names[name]: array for name, array in entries.items()}


def _refused(
    part: onnx.ModelProto, node: onnx.NodeProto, runner: Runner, inputs: Mapping[str, Array]
) -> str:
    """Who else rejects a part: onnx's checker, or another runtime that knows it."""
    context = onnx.checker.C.CheckerContext()
    context.ir_version = part.ir_version
    context.opset_imports = {entry.domain: entry.version for entry in part.opset_import}
    try:
        onnx.checker.check_node(node, context)
    except onnx.checker.ValidationError:
        return "onnx's checker"
    for runtime in runtimes.others(next(iter(runner.runtime.VARIANTS))):
        other = replace(runner, runtime=runtime, variant=runtime.AS_WRITTEN)
        failure = other.failure(part, [inputs])
        if failure is None or failure.outcome != "no-kernel":
            return f"the runtime {next(iter(runtime.VARIANTS))}" if failure else ""
    return ""
