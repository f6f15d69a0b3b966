"""Cut the graph of an ONNX file between its values, feed values into it, or expose all of them.

The originals stay unchanged: every function returns a copy. Nothing here runs a model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
)

from opset_atlas.base.arrays import Array
from opset_atlas.onnx_files import tensors
from opset_atlas.onnx_files.facts import strip_notes

_OF_SHAPES = ("Shape", "Size")


class Wires:
    """What each node of a graph reads and computes; a subgraph counts as part of its node.

    `varying`: the values that depend on the values of the graph's inputs, in the order of the file.
    Values that depend only on the inputs' shapes count as constant.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        constants = {tensor.name for tensor in graph.initializer}
        self.inputs = [port.name for port in graph.input if port.name not in constants]
        self.nodes = list(graph.node)
        self.reads = [[*dict.fromkeys(filter(None, names_read(node)))] for node in self.nodes]
        self.producer = {name: i for i, n in enumerate(self.nodes) for name in n.output if name}
        self.varying: dict[str, None] = dict.fromkeys(self.inputs)
        self._depending = set(self.inputs)
        for node, reads in zip(self.nodes, self.reads, strict=True):
            outputs = dict.fromkeys(name for name in node.output if name)
            if not self._depending.isdisjoint(reads):
                self._depending |= outputs.keys()
            if node.op_type not in _OF_SHAPES and not self.varying.keys().isdisjoint(reads):
                self.varying |= outputs

    def made(self, index: int) -> list[str]:
        """The named results of a node."""
        return [name for name in self.nodes[index].output if name]

    def region(self, target: str, known: Iterable[str]) -> Region:
        """The nodes between known values and `target`, except those that never vary."""
        known = {*known, *self.inputs} - {target}
        nodes: set[int] = set()
        entries: set[str] = set()
        waiting = [target] if target in self.producer and target in self.varying else []
        while waiting:
            index = self.producer[waiting.pop()]
            if index in nodes:
                continue
            nodes.add(index)
            for name in self.reads[index]:
                if name in known:
                    entries.add(name)
                elif name in self._depending:
                    waiting.append(name)
        vary = (i for i in sorted(nodes) if any(n in self.varying for n in self.nodes[i].output))
        return Region(target, tuple(vary), tuple(name for name in self.varying if name in entries))


@dataclass(frozen=True)
class Region:
    """`nodes` (indices in the file's order) compute value `target` from the values `entries`."""

    target: str
    nodes: tuple[int, ...]
    entries: tuple[str, ...]


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs in a node's attributes: branches and bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes and those of all their subgraphs."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from all_nodes(graph.node)


def names_read(node: onnx.NodeProto) -> list[str]:
    """Names of a node's inputs ("": omitted), and of outer values that its subgraphs use."""
    names = list(node.input)
    for graph in subgraphs(node):
        inside = {port.name for port in graph.input} | {t.name for t in graph.initializer}
        inside |= {name for inner in graph.node for name in inner.output}
        taken = [name for inner in graph.node for name in names_read(inner)]
        taken += [port.name for port in graph.output]
        names += [name for name in taken if name not in inside]
    return names


def content(tensor: onnx.TensorProto, folder: Path) -> Array:
    """The content of a tensor; memory-mapped if it is in a file, since a model may fill the memory.

    Args:
        folder: where the external data are.
    """
    if not uses_external_data(tensor):
        inside: Array = onnx.numpy_helper.to_array(tensor)
        return inside
    path = folder / ExternalDataInfo(tensor).location
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.itemsize * math.prod(tensor.dims) != path.stat().st_size:  # several in a byte
        unpacked: Array = onnx.numpy_helper.to_array(tensor, str(folder))
        return unpacked
    return np.memmap(path, dtype, "r", shape=tuple(tensor.dims))


def with_all_values(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every value of the main graph's nodes as an output, after its own outputs."""
    shown = _copy(model)
    known = {port.name for port in model.graph.output}
    made = (name for node in model.graph.node for name in node.output if name)
    shown.graph.output.extend(onnx.ValueInfoProto(name=n) for n in made if n not in known)
    return shown


def with_given_value(model: onnx.ModelProto, name: str, like: Array) -> onnx.ModelProto:
    """The model with the value `name` as an additional input, of `like`'s dtype and shape.

    The declared types of other values may no longer hold and are left out.
    """
    changed = _copy(model)
    del changed.graph.value_info[:]
    for port in changed.graph.output:
        port.ClearField("type")
    for node in changed.graph.node:
        node.output[:] = [f"{n} replaced" if n == name else n for n in node.output]
    changed.graph.input.append(_typed(name, like))
    return changed


def with_tensors_inside(model: onnx.ModelProto, folder: Path, most: int) -> onnx.ModelProto | None:
    """The model with all data inside the file; None where it would exceed `most` bytes."""
    outside = [t for t in tensors.all_tensors(model) if uses_external_data(t)]
    size = model.ByteSize() + sum(ExternalDataInfo(tensor).length or 0 for tensor in outside)
    if size > most:
        return None
    complete = _copy(model)
    if outside:
        load_external_data_for_model(complete, str(folder))
    return complete


def cut(
    model: onnx.ModelProto,
    entries: Mapping[str, Array],
    targets: Mapping[str, Array | None],
    names: Mapping[str, str] | None = None,
    fixed: Mapping[str, Array] | None = None,
) -> onnx.ModelProto:
    """The part of a model between some of its values, as a separate model.

    Nodes and initializers keep the order of the file. Doc strings and metadata are left out, since
    exporters write the machine's paths into them.

    Args:
        entries: the values that become inputs, with arrays that give their types and shapes.
        targets: the values that become outputs; without an array the type is left to inference.
        names: new names of entries and targets in the cut, where they differ from the model's.
        fixed: values that become initializers.

    Raises:
        ValueError: the targets need an input of the model that is not among the entries.
    """
    fixed = fixed or {}
    nodes = _between(model.graph, {*entries, *fixed}, targets)
    read = {name for node in nodes for name in names_read(node)} | set(targets)
    held = [t for t in model.graph.initializer if t.name in read and t.name not in entries]
    made = {name for node in nodes for name in node.output}
    known = made | {*entries, *fixed} | {t.name for t in held}
    if missing := sorted(name for name in read if name and name not in known):
        raise ValueError(f"a cut without {', '.join(missing)}")
    part = onnx.ModelProto(ir_version=model.ir_version, producer_name="opset-atlas")
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    graph = part.graph
    graph.name = "cut"
    graph.node.extend(nodes)
    graph.initializer.extend(held)
    graph.initializer.extend(onnx.numpy_helper.from_array(a, n) for n, a in fixed.items())
    graph.input.extend(_typed(name, array) for name, array in entries.items())
    graph.output.extend(_typed(name, array) for name, array in targets.items())
    inner = made - targets.keys()
    graph.value_info.extend(port for port in model.graph.value_info if port.name in inner)
    strip_notes(part)
    if names:
        rename(graph, _without_clashes(graph, names))
    return part


def _between(
    graph: onnx.GraphProto, known: set[str], targets: Iterable[str]
) -> list[onnx.NodeProto]:
    """The nodes that compute the targets from known values, in the file's order."""
    producers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    found: set[int] = set()
    waiting = list(targets)
    while waiting:
        index = producers.get(name) if (name := waiting.pop()) not in known else None
        if index is not None and index not in found:
            found.add(index)
            waiting += names_read(graph.node[index])
    return [graph.node[i] for i in sorted(found)]


def _without_clashes(graph: onnx.GraphProto, names: Mapping[str, str]) -> dict[str, str]:
    """`names`, and new names for values whose own name `names` gives to another value."""
    used = {name for of in _graphs(graph) for name in _defined(of)}
    found, taken = dict(names), {*names.values()}
    for name in sorted((used & taken) - names.keys()):
        fresh = f"{name}_"
        while fresh in used | taken:
            fresh += "_"
        found[name] = fresh
        taken.add(fresh)
    return found


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _graphs(inner)


def _defined(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (port.name for port in graph.input)
    yield from (tensor.name for tensor in graph.initializer)
    yield from (name for node in graph.node for name in node.output)


def rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Rename values at every level. As long as no two names become one, the meaning is kept."""
    for of in _graphs(graph):
        for named in (*of.input, *of.output, *of.value_info, *of.initializer):
            named.name = names.get(named.name, named.name)
        for node in of.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]


def _typed(name: str, array: Array | None) -> onnx.ValueInfoProto:
    if array is None:
        return onnx.ValueInfoProto(name=name)
    dtype = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(name, dtype, array.shape)


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
