"""The frozen tensors of a model, as later stages read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.numpy

from opset_atlas.base.arrays import Array
from opset_atlas.numerics import ties
from opset_atlas.numerics.measure import measure
from opset_atlas.records import DefineRecord, Measure, Randomness


@dataclass(frozen=True)
class Reference:
    """The frozen tensors of a model, per input set: inputs, eager and float64 outputs.

    `measured` caches measures by the bytes of the result, since most files of a sweep give the
    same results. None: every result is measured anew.
    """

    model: DefineRecord
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    index_outputs: Mapping[str, Mapping[str, Any]]
    measured: dict[tuple[Any, ...], Measure] | None = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        folder: Path,
        model: DefineRecord,
        index_outputs: Mapping[str, Any] | None = None,
        memoize: bool = True,
    ) -> Reference:
        """Read what the define stage wrote."""
        inputs, outputs = (
            safetensors.numpy.load_file(folder / f"{name}.safetensors")
            for name in ("inputs", "reference")
        )
        return cls(model, inputs, outputs, index_outputs or {}, {} if memoize else None)

    def results(self, set_name: str) -> dict[str, ties.Expected]:
        """By output name: its position, torch's values and the best available truth."""
        found = {}
        for i, port in enumerate(self.model["outputs"]):
            eager = self.outputs[f"{set_name}/eager/{i}"]
            exact = self.outputs.get(f"{set_name}/float64/{i}", eager)
            found[port["name"]] = ties.Expected(i, eager, exact)
        return found

    def random(self) -> dict[str, Randomness]:
        """The outputs that change from run to run on any input set, and which part changes."""
        found: dict[str, Randomness] = {}
        for each in self.model["sets"]:
            for name, what in each["random"].items():
                found[name] = "shape" if what == "shape" else found.get(name, what)
        return found

    def measure(self, i: int, name: str, set_name: str, got: Array | None) -> Measure:
        """Measure output `i` against the reference."""
        exact = self.outputs.get(f"{set_name}/float64/{i}")
        eager = self.outputs[f"{set_name}/eager/{i}"]
        least = self.model.get("least_precise", "")
        if got is None or got.dtype.hasobject or self.measured is None:
            return measure(name, set_name, got, eager, exact, least)
        content = hashlib.sha256(got.tobytes()).digest()
        key = (i, set_name, got.dtype.str, got.dtype.name, got.shape, content)
        if key not in self.measured:
            self.measured[key] = measure(name, set_name, got, eager, exact, least)
        return {**self.measured[key]}

    def feed(self, set_name: str) -> list[Array]:
        """The inputs of a set, in the model's order."""
        return [self.inputs[f"{set_name}/{i}"] for i in range(len(self.model["inputs"]))]

    def named(self, set_name: str) -> dict[str, Array]:
        """The inputs of a set by name, in the model's order."""
        names = [port["name"] for port in self.model["inputs"]]
        return dict(zip(names, self.feed(set_name), strict=True))
