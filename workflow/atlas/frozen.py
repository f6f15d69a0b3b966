"""The frozen tensors of a model as later stages read them, and which graph input takes which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy

from atlas import runtimes, ties
from atlas.measure import Array
from atlas.records import DefineRecord


@dataclass(frozen=True)
class Reference:
    """The frozen tensors of a model, per input set: inputs, eager and float64 outputs."""

    model: DefineRecord
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    index_outputs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(
        cls, folder: Path, model: DefineRecord, index_outputs: Mapping[str, Any] | None = None
    ) -> Reference:
        """Read what the define stage wrote."""
        inputs, outputs = (
            safetensors.numpy.load_file(folder / f"{name}.safetensors")
            for name in ("inputs", "reference")
        )
        return cls(model, inputs, outputs, index_outputs or {})

    def results(self, set_name: str) -> dict[str, ties.Expected]:
        """By output name its position, torch's values and the best truth that there is."""
        found = {}
        for i, port in enumerate(self.model["outputs"]):
            eager = self.outputs[f"{set_name}/eager/{i}"]
            exact = self.outputs.get(f"{set_name}/float64/{i}", eager)
            found[port["name"]] = ties.Expected(i, eager, exact)
        return found

    def feed(self, set_name: str) -> list[Array]:
        """The inputs of a set, in the model's order."""
        return [self.inputs[f"{set_name}/{i}"] for i in range(len(self.model["inputs"]))]


def places(session: runtimes.Session, names: Sequence[str]) -> tuple[list[int] | None, list[str]]:
    """Which of the model's inputs each graph input takes, and what is worth saying about it.

    By name where the graph has no other names (exporters drop inputs that nothing uses), else by
    position.
    """
    graph = list(session.input_names)
    if set(graph) <= set(names):
        unused = [name for name in names if name not in graph]
        note = f"the graph has no input {', '.join(unused)}"
        return [names.index(name) for name in graph], [note] if unused else []
    if len(graph) == len(names):
        return list(range(len(names))), [f"inputs are called {', '.join(graph)}"]
    return None, [
        f"the graph wants {len(graph)} inputs ({', '.join(graph)}), "
        f"the model has {len(names)} ({', '.join(names)})"
    ]
