"""A graph without branches and loops, unfolded along the path that runs on some inputs take.

An If becomes the branch that is taken, a Loop or a Scan becomes its body once per iteration, so
that the nodes inside them can be examined like any others.

https://onnx.ai/onnx/operators/onnx__If.html, onnx__Loop.html, onnx__Scan.html (since version 9)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from opset_atlas.base.arrays import Array
from opset_atlas.onnx_files.parts import cut, rename, subgraphs

MOST_PASSES = 16
MOST_UNFOLDED = 32  # branches and loops of one file

_OF_PASS = re.compile(r"((?:Loop|Scan)\d+)\.\d+:(.*)", re.DOTALL)
_SCANS_SINCE = 11  # ConcatFromSequence

# The outputs of a model on each input set, by name.
Run = Callable[[onnx.ModelProto], Sequence[Mapping[str, Array]]]


@dataclass(frozen=True)
class Origin:
    """Where a node was: the index of its node in the file, and where inside it ("": itself)."""

    node: int
    inside: str = ""


@dataclass(frozen=True)
class Unfolded:
    """The model, and for each node of its main graph where it was in the file."""

    model: onnx.ModelProto
    origins: list[Origin]


def in_all_passes(name: str, names: Iterable[str]) -> list[str]:
    """The names of that value in all passes of its loop, in order."""
    own = _OF_PASS.fullmatch(name)
    if not own:
        return [name]
    pattern = re.compile(rf"{re.escape(own[1])}\.(\d+):{re.escape(own[2])}", re.DOTALL)
    found = [(int(match[1]), other) for other in names if (match := pattern.fullmatch(other))]
    return [other for _, other in sorted(found)]


class CannotUnfold(Exception):
    """Runs take different branches, or too many passes."""


def has_subgraphs(model: onnx.ModelProto) -> bool:
    """Whether there is anything to unfold."""
    return any(True for node in model.graph.node for _ in subgraphs(node))


def unfold(model: onnx.ModelProto, given: Mapping[str, Array], run: Run) -> Unfolded:
    """The model, unfolded along the path that `run` takes through it.

    Args:
        given: the inputs of one set by the graph's names; used for their types and shapes.
        run: runs a model with these inputs on every set.

    Raises:
        CannotUnfold: with the reason.
        Whatever `run` raises.
    """
    flat = onnx.ModelProto()
    flat.CopyFrom(model)
    origins = [Origin(i) for i in range(len(flat.graph.node))]
    for number in range(MOST_UNFOLDED):
        index = next((i for i, n in enumerate(flat.graph.node) if any(subgraphs(n))), None)
        if index is None:
            return Unfolded(flat, origins)
        node = flat.graph.node[index]
        if node.op_type not in _WAYS:
            raise CannotUnfold(f"{node.op_type} has a subgraph that is no branch or loop body")
        step = _Step(flat, node, origins[index], f"{node.op_type}{number}", given, run)
        _WAYS[node.op_type](step)
        nodes = list(flat.graph.node)
        nodes[index : index + 1] = step.nodes
        origins[index : index + 1] = step.origins
        del flat.graph.node[:]
        flat.graph.node.extend(nodes)
        flat.graph.initializer.extend(step.tensors)
    raise CannotUnfold(f"there are more than {MOST_UNFOLDED} branches and loops")


class _Step:
    """One node that is replaced by its content: the new nodes, their origins and tensors."""

    def __init__(
        self,
        model: onnx.ModelProto,
        node: onnx.NodeProto,
        origin: Origin,
        prefix: str,
        given: Mapping[str, Array],
        run: Run,
    ) -> None:
        self.model, self.node, self.prefix = model, node, prefix
        self._origin, self._given, self._run = origin, given, run
        self.nodes: list[onnx.NodeProto] = []
        self.origins: list[Origin] = []
        self.tensors: list[onnx.TensorProto] = []

    def attribute(self, name: str, default: object = None) -> object:
        """The value of an attribute of the node."""
        found = (onnx.helper.get_attribute_value(a) for a in self.node.attribute if a.name == name)
        return next(found, default)

    def graph(self, name: str) -> onnx.GraphProto:
        """The graph in an attribute of the node."""
        found = self.attribute(name)
        assert isinstance(found, onnx.GraphProto)
        return found

    def values(self, name: str, model: onnx.ModelProto | None = None) -> list[Array]:
        """A value of the model on each input set."""
        shown = onnx.ModelProto()
        shown.CopyFrom(model or self.model)
        shown.graph.node.add(op_type="Identity", input=[name], output=[f"{name} shown"])
        part = cut(shown, self._given, {f"{name} shown": None})
        return [of[f"{name} shown"] for of in self._run(part)]

    def constant(self, name: str, array: Array) -> str:
        """Add a tensor; returns its name."""
        self.tensors.append(onnx.numpy_helper.from_array(array, f"{self.prefix}:{name}"))
        return f"{self.prefix}:{name}"

    def add(self, inside: str, op: str, inputs: Iterable[str], output: str, **more: int) -> None:
        """Add a node that connects the inlined parts."""
        self._place(onnx.helper.make_node(op, list(inputs), [output], **more), inside)

    def inline(
        self, graph: onnx.GraphProto, given: Sequence[str], inside: str, prefix: str
    ) -> list[str]:
        """Add the nodes of a subgraph with these inputs; returns the names of its outputs."""
        copy = onnx.GraphProto()
        copy.CopyFrom(graph)
        taken = dict(zip((port.name for port in copy.input), given, strict=True))
        own = [t.name for t in copy.initializer]
        own += [name for node in copy.node for name in node.output if name]
        names = {**taken, **{name: f"{prefix}:{name}" for name in own}}
        rename(copy, names)
        self.tensors.extend(copy.initializer)
        for node in copy.node:
            self._place(node, inside)
        return [names.get(port.name, port.name) for port in graph.output]

    def _place(self, node: onnx.NodeProto, inside: str) -> None:
        where = f"{inside} in {self._origin.inside}" if self._origin.inside else inside
        self.nodes.append(node)
        self.origins.append(Origin(self._origin.node, where))


def _if(step: _Step) -> None:
    taken = {bool(value) for value in step.values(step.node.input[0])}
    if len(taken) > 1:
        raise CannotUnfold("not all input sets take the same branch")
    branch = "then_branch" if taken.pop() else "else_branch"
    results = step.inline(step.graph(branch), [], branch, step.prefix)
    for result, name in zip(results, step.node.output, strict=False):
        if name:
            step.add(branch, "Identity", [result], name)


def _loop(step: _Step) -> None:
    body, inputs = step.graph("body"), list(step.node.input)
    carried = inputs[2:]
    scans: list[list[str]] = [[] for _ in body.output[1 + len(carried) :]]
    passes = _passes(step)
    for number in range(passes):
        inside, prefix = f"pass {number + 1} of {passes}", f"{step.prefix}.{number}"
        own = [
            step.constant(f"{number}", np.array(number, np.int64)),
            step.constant(f"{number} goes on", np.array(True)),
        ]
        _, *results = step.inline(body, [*own, *carried], inside, prefix)
        carried, made = results[: len(carried)], results[len(carried) :]
        for scan, name in zip(scans, made, strict=True):
            scan.append(name)
    _join(step, carried, scans, [0] * len(scans))


def _passes(step: _Step) -> int:
    """The iterations of a loop: the length of a scan output that is added for the count."""
    counting = onnx.ModelProto()
    counting.CopyFrom(step.model)
    name, number = f"{step.prefix}:passes", f"{step.prefix}:number"
    (loop,) = (n for n in counting.graph.node if list(n.output) == list(step.node.output))
    (body,) = subgraphs(loop)
    body.node.add(op_type="Identity", input=[body.input[0].name], output=[number])
    body.output.append(onnx.helper.make_tensor_value_info(number, onnx.TensorProto.INT64, []))
    missing = len(body.output) - 2 - len(loop.output)  # trailing outputs that nobody uses
    loop.output.extend([*[f"{name} {i}" for i in range(missing)], name])
    lengths = {len(value) for value in step.values(name, counting)}
    return _one(lengths)


def _scan(step: _Step) -> None:
    body, count = step.graph("body"), step.attribute("num_scan_inputs")
    assert isinstance(count, int)
    inputs = list(step.node.input)
    carried, scanned = inputs[: len(inputs) - count], inputs[len(inputs) - count :]
    made = len(body.output) - len(carried)

    def each(name: str, length: int) -> list[int]:
        found = step.attribute(name)
        return list(found) if isinstance(found, list) else [0] * length

    axes, backwards = each("scan_input_axes", count), each("scan_input_directions", count)
    lengths = {v.shape[a] for n, a in zip(scanned, axes, strict=True) for v in step.values(n)}
    passes = _one(lengths)
    scans: list[list[str]] = [[] for _ in range(made)]
    for number in range(passes):
        inside, prefix = f"pass {number + 1} of {passes}", f"{step.prefix}.{number}"
        slices = []
        for i, name in enumerate(scanned):
            at = passes - 1 - number if backwards[i] else number
            index = step.constant(f"{number} {i}", np.array(at, np.int64))
            slices.append(f"{prefix}:slice {i}")
            step.add(inside, "Gather", [name, index], slices[-1], axis=axes[i])
        results = step.inline(body, [*carried, *slices], inside, prefix)
        carried = results[: len(carried)]
        for scan, name in zip(scans, results[len(carried) :], strict=True):
            scan.append(name)
    turned = each("scan_output_directions", made)
    scans = [scan[::-1] if turn else scan for scan, turn in zip(scans, turned, strict=True)]
    _join(step, carried, scans, each("scan_output_axes", made))


def _one(lengths: set[int]) -> int:
    if len(lengths) != 1 or not 0 < max(lengths) <= MOST_PASSES:
        raise CannotUnfold(f"a loop of {', '.join(map(str, sorted(lengths)))} passes")
    return lengths.pop()


def _join(
    step: _Step, carried: Sequence[str], scans: Sequence[Sequence[str]], axes: Sequence[int]
) -> None:
    """Give the results of the last pass and of all passes the names they have in the file."""
    inside = "what it gives"
    outputs = list(step.node.output)
    for result, name in zip(carried, outputs, strict=False):
        if name:
            step.add(inside, "Identity", [result], name)
    named = zip(scans, axes, outputs[len(carried) :], strict=False)
    opset = next(e.version for e in step.model.opset_import if e.domain in ("", "ai.onnx"))
    for scan, axis, name in named:
        if not name:
            continue
        if opset < _SCANS_SINCE:
            raise CannotUnfold(f"results of all passes before opset {_SCANS_SINCE}")
        step.add(inside, "SequenceConstruct", scan, f"{name} of all passes")
        step.add(
            inside, "ConcatFromSequence", [f"{name} of all passes"], name, axis=axis, new_axis=1
        )


_WAYS: Mapping[str, Callable[[_Step], None]] = {"If": _if, "Loop": _loop, "Scan": _scan}
