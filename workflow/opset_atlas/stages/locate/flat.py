"""A file prepared for diagnosis: branches and loops unfolded, if the results stay the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import NamedTemporaryFile

import onnx

from opset_atlas.base.arrays import Array
from opset_atlas.base.messages import describe
from opset_atlas.graph.reading import read as read_graph
from opset_atlas.onnx_files.parts import Wires
from opset_atlas.onnx_files.unfolding import Origin, Unfolded, has_subgraphs, unfold
from opset_atlas.records import Graph
from opset_atlas.runtimes._feeding import Feeds, Runner, feed


@dataclass(frozen=True)
class Flat:
    """A model, its graph as data, and the origin of each node in the file."""

    model: onnx.ModelProto
    graph: Graph
    origins: Sequence[Origin]


def flat(model: onnx.ModelProto, graph: Graph, runner: Runner, feeds: Feeds) -> Flat:
    """The file unfolded, or unchanged if it has no subgraphs or its runs differ."""
    unchanged = Flat(model, graph, [Origin(node["index"]) for node in graph["nodes"]])
    if not has_subgraphs(model):
        return unchanged
    try:
        found = _unfolded(model, runner, feeds)
        with NamedTemporaryFile(dir=runner.folder, suffix=".onnx") as file:
            onnx.save(found.model, file.name)
            graph = read_graph(runner.folder / file.name)[0]["graph"]
    except Exception as error:
        print(f"subgraphs are not unfolded: {describe(error)}")
        return unchanged
    return Flat(found.model, graph, found.origins)


def _unfolded(model: onnx.ModelProto, runner: Runner, feeds: Feeds) -> Unfolded:
    inputs = Wires(model.graph).inputs
    given = [feed(inputs, of_set) for of_set in feeds]
    found = unfold(model, given[0], lambda part: runner.run(part, given))
    results = (runner.run(each, given) for each in (model, found.model))
    for before, after in zip(*results, strict=True):
        if not all(_same(array, after[name]) for name, array in before.items()):
            raise ValueError("unfolded, the file gives another result")
    return found


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()
