"""The user's own measures of a model's outputs: top-1, a word error rate, a mean average precision.

A metric is a function of the user's that returns one number for all input sets together, computed
for torch's outputs and for those of each file. Its arguments are passed by name, those that it has:

- `outputs`: per input set, a dict of numpy arrays by the names of the model's outputs;
- `inputs`: the same of its inputs;
- `sets`: the names of these input sets;
- `labels`: the content of the file that `labels` of the configuration names (`.npy`, `.npz` as a
  dict of arrays, `.json`), or, where it names a function, a list of what that returns per input
  set: it is called with the seed of the set, as a function that makes inputs is.

The input sets are those at the traced sizes, without `zeros`, `ones` and `large`, which are no
data. The arrays are copies: a metric may change them.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from opset_atlas.base import source_lines
from opset_atlas.base.arrays import Array
from opset_atlas.base.messages import describe
from opset_atlas.models.loading import load_callable
from opset_atlas.models.metric import ARGUMENTS, NO_DATA
from opset_atlas.models.sizes import is_traced
from opset_atlas.numerics.reference import Reference
from opset_atlas.records import MetricValue

Outputs = Mapping[str, Sequence[Any]]  # per input set, a file's outputs in its order


@dataclass
class Metrics:
    """The metrics of a model, as the configuration lists them.

    Args:
        declared: `name`, `callable` and `labels` of each.
        seed: the model's, which functions that make labels get as the inputs' do.
    """

    reference: Reference
    declared: Sequence[Mapping[str, Any]]
    seed: int = 0
    _known: dict[tuple[str, bytes], MetricValue] = field(default_factory=dict)
    _labels: dict[str, Any] = field(default_factory=dict)

    @property
    def sets(self) -> list[str]:
        """The input sets that metrics are computed over."""
        names = [each["name"] for each in self.reference.model["sets"]]
        return [name for name in names if is_traced(name) and name not in NO_DATA]

    def of_torch(self, metric: Mapping[str, Any]) -> MetricValue:
        """A metric of the reference; computed twice, since a random one could tell nothing."""
        ports = range(len(self.reference.model["outputs"]))
        eager = {
            name: [self.reference.outputs[f"{name}/eager/{i}"] for i in ports] for name in self.sets
        }
        once, again = self._compute(metric, eager), self._compute(metric, eager)
        if once != again:
            detail = f"{metric['callable']} gives {_told(once)} and then {_told(again)}"
            return {**once, "value": None, "detail": f"{detail} for the same outputs"}
        return once

    def of_file(self, metric: Mapping[str, Any], outputs: Outputs) -> MetricValue:
        """A metric of a file's outputs; equal outputs are computed once."""
        key = metric["name"], self._digest(outputs)
        if key not in self._known:
            self._known[key] = self._compute(metric, outputs)
        return self._known[key]

    def _digest(self, outputs: Outputs) -> bytes:
        found = hashlib.sha256()
        for name in self.sets:
            for array in map(np.asarray, outputs.get(name, ())):
                found.update(f"{name} {array.dtype} {array.shape} ".encode())
                found.update(array.tobytes())
        return found.digest()

    def _compute(self, metric: Mapping[str, Any], outputs: Outputs) -> MetricValue:
        """The metric's number; whatever the user's code raises is part of the result."""
        value: MetricValue = {"metric": metric["name"], "value": None, "detail": ""}
        names = [port["name"] for port in self.reference.model["outputs"]]
        if not self.sets:
            return {**value, "detail": "no input set is data: see `input_sets`"}
        if short := next((len(outputs[s]) for s in self.sets if len(outputs[s]) < len(names)), 0):
            return {**value, "detail": f"{short} of {len(names)} outputs are there"}
        try:
            function = load_callable(metric["callable"])
            given = {
                "outputs": [dict(zip(names, _copies(outputs[s]), strict=False)) for s in self.sets],
                "inputs": [_by_name(self.reference.named(s)) for s in self.sets],
                "sets": self.sets,
                "labels": self._labels_of(metric),
            }
            wanted = inspect.signature(function).parameters
            number = function(**{name: given[name] for name in ARGUMENTS if name in wanted})
            return {**value, "value": _number(number)}
        except BaseException as error:  # the user's code may raise anything
            where = source_lines.in_traceback(error)
            detail = f"{metric['callable']} raised {describe(error)}"
            return {**value, "detail": f"{detail} ({where})" if where else detail}

    def _seed_of(self, set_name: str) -> int | str:
        """What a function that makes inputs was given for a set; the name of any other set."""
        kind, _, number = set_name.partition("-")
        return self.seed + int(number) if kind == "random" else set_name

    def _labels_of(self, metric: Mapping[str, Any]) -> Any:
        """What the metric's `labels` names; a file is read once."""
        named: str | None = metric.get("labels")
        if named is None:
            return None
        if ":" in named:
            make = load_callable(named)
            return [make(self._seed_of(name)) for name in self.sets]
        if named not in self._labels:
            self._labels[named] = _content(Path(named))
        return self._labels[named]


def _number(value: Any) -> float | Literal["nan", "inf", "-inf"]:
    """A number as JSON can hold it: what is not finite is text."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise TypeError(f"a metric must return one number, not {type(value).__name__}")
    number = float(array.reshape(()))
    if math.isnan(number):
        return "nan"
    return number if math.isfinite(number) else "inf" if number > 0 else "-inf"


def _copies(arrays: Sequence[Any]) -> list[Array]:
    return [np.array(array) for array in arrays]


def _by_name(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.array(array) for name, array in arrays.items()}


def _told(value: MetricValue) -> str:
    return value["detail"] if value["value"] is None else f"{value['value']}"


def _content(path: Path) -> Any:
    """Arrays or plain data; nothing in the file is executed."""
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    loaded = np.load(path, allow_pickle=False)
    return loaded if path.suffix == ".npy" else dict(loaded)
