"""Feed a graph and run it: which input takes which tensor, and all values of a run."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx.external_data_helper import uses_external_data

from opset_atlas.base.arrays import Array
from opset_atlas.base.messages import shorten
from opset_atlas.onnx_files import parts, tensors
from opset_atlas.records import RunOutcome
from opset_atlas.runtimes import Phase, Runtime, Session

Feeds = Sequence[Mapping[str, Array]]  # per input set, the tensors by name, in the model's order

_TENSOR = np.ndarray | np.generic
_PATH = re.compile(r"[^\s'\"]*/[^\s/'\"]+\.onnx")


@dataclass(frozen=True)
class Trace:
    """The values of a computation, by name, one per input set; `exact`: in float64 where known."""

    label: str
    values: dict[str, list[Array]]
    exact: dict[str, list[Array]] = field(default_factory=dict)


def input_positions(
    graph: Sequence[str], names: Sequence[str]
) -> tuple[list[int] | None, list[str]]:
    """Which of the model's inputs each input of a graph takes, and notes on the mapping.

    Inputs map by name if the graph has no other names (exporters drop unused inputs). Of as many
    inputs, those with other names map by position among themselves. None where neither is possible.
    """
    if set(graph) <= set(names):
        unused = [name for name in names if name not in graph]
        note = f"the graph has no input {', '.join(unused)}"
        return [names.index(name) for name in graph], [note] if unused else []
    if len(graph) == len(names):
        left = (i for i, name in enumerate(names) if name not in graph)
        positions = [names.index(name) if name in names else next(left) for name in graph]
        pairs = ((names[i], name) for i, name in zip(positions, graph, strict=True))
        called = [f"{ours} is called {theirs}" for ours, theirs in pairs if ours != theirs]
        return positions, [f"inputs are matched by position: {', '.join(called)}"]
    return None, [
        f"the graph takes {len(graph)} inputs ({', '.join(graph)}), "
        f"the model has {len(names)} ({', '.join(names)})"
    ]


def feed(graph: Sequence[str], tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of an input set under the names of a graph's inputs.

    Raises:
        ValueError: the graph has other input names and another number of inputs.
    """
    positions, notes = input_positions(graph, list(tensors))
    if positions is None:
        raise ValueError(notes[0])
    arrays = list(tensors.values())
    return {name: arrays[i] for name, i in zip(graph, positions, strict=True)}


@dataclass(frozen=True)
class Failure:
    """What a runtime raised for a file, in its own words, without the file's folder."""

    outcome: RunOutcome
    detail: str


@dataclass(frozen=True)
class Runner:
    """A runtime in one of its variants.

    `folder`: where the external data of the models is, if any.
    """

    runtime: Runtime
    variant: str
    folder: Path

    def run(self, model: onnx.ModelProto, feeds: Feeds) -> list[dict[str, Array]]:
        """The outputs of a model by name, per input set; outputs other than tensors are left out.

        Raises:
            Whatever the runtime raises.
        """
        session = self._load(model)
        found = []
        for of_set in feeds:
            results = self.runtime.run(session, feed(session.input_names, of_set))
            got = zip(session.output_names, results, strict=True)
            found.append({n: np.asarray(v) for n, v in got if isinstance(v, _TENSOR)})
        return found

    def failure(self, model: onnx.ModelProto, feeds: Feeds) -> Failure | None:
        """What the runtime raises for a model; None where it runs."""
        phase: Phase = "load"
        try:
            session = self._load(model)
            phase = "run"
            for of_set in feeds:
                self.runtime.run(session, feed(session.input_names, of_set))
        except Exception as error:
            outcome, detail = self.runtime.classify(error, phase)
            return Failure(outcome, shorten(_PATH.sub("model.onnx", detail)))
        return None

    def _load(self, model: onnx.ModelProto) -> Session:
        self.runtime.prepare()
        outside = any(uses_external_data(tensor) for tensor in tensors.all_tensors(model))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            if outside:  # it must be next to its tensors
                path = self.folder / f"{Path(folder).name}.onnx"
            try:
                onnx.save(model, path)
                return self.runtime.load(path, self.variant)
            finally:
                path.unlink(missing_ok=True)

    def trace(self, model: onnx.ModelProto, feeds: Feeds, label: str) -> Trace:
        """All values that the main graph's nodes compute, with its inputs and initializers.

        Raises:
            Whatever the runtime raises for the file with all its values as outputs.
        """
        sets = self.run(parts.with_all_values(model), feeds)
        common = [name for name in sets[0] if all(name in one for one in sets)]
        values = {name: [one[name] for one in sets] for name in common}
        for tensor in model.graph.initializer:
            values[tensor.name] = [parts.content(tensor, self.folder)] * len(sets)
        inputs = parts.Wires(model.graph).inputs
        given = [feed(inputs, of_set) for of_set in feeds]
        values |= {name: [of_set[name] for of_set in given] for name in inputs}
        return Trace(label, values)
