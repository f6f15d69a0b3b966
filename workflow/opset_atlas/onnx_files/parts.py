"""Every value that an ONNX file computes, not its outputs alone; and the file cut between values.

The files stay as they are: what runs is a copy in which more values are outputs, in which a given
tensor stands in for what a node computes, or of which a part alone is left.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
)

from opset_atlas import runtimes
from opset_atlas.numerics import reference
from opset_atlas.numerics.measure import Array
from opset_atlas.onnx_files import tensors

_OF_SHAPES = ("Shape", "Size")
Feeds = Sequence[Mapping[str, Array]]  # per input set, what a graph is fed


@dataclass(frozen=True)
class Trace:
    """The values of a computation, by name, one per input set; `exact` in float64 where known."""

    label: str
    values: dict[str, list[Array]]
    exact: dict[str, list[Array]] = field(default_factory=dict)


class Wires:
    """What each node of a graph reads and makes, subgraphs counted to the node that holds them.

    `varying` are the values that depend on the values of the graph's inputs, in the order of the
    file; what depends on their shapes alone is as good as constant.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        constants = {tensor.name for tensor in graph.initializer}
        self.inputs = [port.name for port in graph.input if port.name not in constants]
        self.nodes = list(graph.node)
        self.reads = [[*dict.fromkeys(filter(None, _reads(node)))] for node in self.nodes]
        self.producer = {name: i for i, n in enumerate(self.nodes) for name in n.output if name}
        self.varying: dict[str, None] = dict.fromkeys(self.inputs)
        self._depending = set(self.inputs)
        for node, reads in zip(self.nodes, self.reads, strict=True):
            outputs = dict.fromkeys(name for name in node.output if name)
            if not self._depending.isdisjoint(reads):
                self._depending |= outputs.keys()
            if node.op_type not in _OF_SHAPES and not self.varying.keys().isdisjoint(reads):
                self.varying |= outputs

    def region(self, target: str, known: Iterable[str]) -> Region:
        """The nodes between values that are known and `target`, but for those that never vary."""
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
    """`nodes` (indices in the file's order) make the value `target` of the values `entries`."""

    target: str
    nodes: tuple[int, ...]
    entries: tuple[str, ...]


def _reads(node: onnx.NodeProto) -> list[str]:
    """Names of a node's inputs, and of what its subgraphs take from outside."""
    names = list(node.input)
    for attribute in node.attribute:
        for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
            inside = {port.name for port in graph.input} | {t.name for t in graph.initializer}
            inside |= {name for inner in graph.node for name in inner.output}
            taken = [name for inner in graph.node for name in _reads(inner)]
            taken += [port.name for port in graph.output]
            names += [name for name in taken if name not in inside]
    return names


# Where the tensors of the models that were read lie, by the names of their files.
_stores: dict[str, Path] = {}


def read(path: Path, store: Path) -> onnx.ModelProto:
    """A file's model; where its tensors are large, they are in `store`, which it refers to."""
    model = tensors.load(path, store)
    _stores.update(dict.fromkeys(tensors.files(model, store), store))
    return model


def run(
    model: onnx.ModelProto, runtime: runtimes.Runtime, variant: str, feeds: Feeds
) -> list[dict[str, Array]]:
    """The outputs of a model by name, per input set; what is no tensor is left out.

    Raises:
        Whatever the runtime raises.
    """
    runtime.prepare()
    outside = next((t for t in tensors.every(model) if uses_external_data(t)), None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        if outside is not None:  # it has to lie beside its tensors
            path = _store(outside) / f"{Path(folder).name}.onnx"
        try:
            onnx.save(model, path)
            session = runtime.load(path, variant)
        finally:
            path.unlink(missing_ok=True)
    found = []
    for feed in feeds:
        places, notes = reference.places(session, list(feed))
        if places is None:
            raise ValueError(notes[0])
        arrays = list(feed.values())
        given = {name: arrays[i] for name, i in zip(session.input_names, places, strict=True)}
        got = zip(session.output_names, runtime.run(session, given), strict=True)
        found.append({n: np.asarray(v) for n, v in got if isinstance(v, np.ndarray | np.generic)})
    return found


def trace(
    model: onnx.ModelProto, runtime: runtimes.Runtime, variant: str, feeds: Feeds, label: str
) -> Trace:
    """All values that nodes of the main graph compute, with the inputs and initializers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    shown = {port.name for port in copy.graph.output}
    made = [name for node in copy.graph.node for name in node.output if name and name not in shown]
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    sets = run(copy, runtime, variant, feeds)
    values = {name: [one[name] for one in sets] for name in sets[0] if all(name in s for s in sets)}
    inputs = Wires(model.graph).inputs
    for tensor in model.graph.initializer:
        values[tensor.name] = [_array(tensor)] * len(sets)
    for position, name in enumerate(inputs):
        given = [feed.get(name, _at(feed, position)) for feed in feeds]
        values[name] = [array for array in given if array is not None]
    return Trace(label, values)


def _store(tensor: onnx.TensorProto) -> Path:
    return _stores[ExternalDataInfo(tensor).location]


def _array(tensor: onnx.TensorProto) -> Array:
    """The content of a tensor; mapped where it lies in a file, since a model may be all memory."""
    if not uses_external_data(tensor):
        inside: Array = onnx.numpy_helper.to_array(tensor)
        return inside
    path = _store(tensor) / ExternalDataInfo(tensor).location
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if dtype.itemsize * math.prod(tensor.dims) != path.stat().st_size:  # several in a byte
        unpacked: Array = onnx.numpy_helper.to_array(tensor, str(path.parent))
        return unpacked
    return np.memmap(path, dtype, "r", shape=tuple(tensor.dims))


def _at(feed: Mapping[str, Array], position: int) -> Array | None:
    arrays = list(feed.values())
    return arrays[position] if position < len(arrays) else None


def replaced(model: onnx.ModelProto, name: str, like: Array) -> onnx.ModelProto:
    """The model with the value `name` as one more input, of `like`'s dtype and shape."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.output[:] = [f"{n} replaced" if n == name else n for n in node.output]
    dtype = onnx.helper.np_dtype_to_tensor_dtype(like.dtype)
    copy.graph.input.append(onnx.helper.make_tensor_value_info(name, dtype, like.shape))
    return copy


def cut(
    model: onnx.ModelProto, region: Region, values: Mapping[str, Array], names: Mapping[str, str]
) -> onnx.ModelProto:
    """The part of a model that is a region, as a model of its own.

    Args:
        values: arrays of the region's ends, which give the cut its types and shapes; without one
            for the target its type is left to be inferred.
        names: what the ends are called in the cut.
    """
    file = ir.from_proto(model)
    known = ir.convenience.create_value_mapping(file.graph, include_subgraphs=False)
    for name in (*region.entries, region.target):
        array = values.get(name)
        typed = None if array is None else ir.TensorType(ir.DataType.from_numpy(array.dtype))
        known[name].type = typed
        known[name].shape = None if array is None else ir.Shape(array.shape)
    part = ir.convenience.extract(file.graph, region.entries, [region.target])
    part.name = "cut"
    for value in (*part.inputs, *part.outputs):
        value.name = names.get(value.name or "", value.name)
    nodes = list(ir.traversal.RecursiveGraphIterator(part))
    made = [value for node in nodes for value in node.outputs]
    for told in (part, *nodes, *part.inputs, *made, *part.initializers.values()):
        told.metadata_props.clear()  # an exporter's notes: source paths of the machine
        told.doc_string = None
    model_of_part = ir.Model(
        part,
        ir_version=file.ir_version,
        producer_name="opset-atlas",
        functions=list(file.functions.values()),
    )
    return ir.to_proto(model_of_part)


def whole(model: onnx.ModelProto, most: int) -> onnx.ModelProto | None:
    """The model with its tensors in it; None where it would have more than `most` bytes."""
    outside = [tensor for tensor in tensors.every(model) if uses_external_data(tensor)]
    size = model.ByteSize() + sum(ExternalDataInfo(tensor).length or 0 for tensor in outside)
    if size > most:
        return None
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if outside:
        load_external_data_for_model(copy, str(_store(outside[0])))
    return copy
