"""Run a module: eagerly on every input set, again to find what is random, and in float64."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from opset_atlas.base.messages import clean
from opset_atlas.execution.isolate import end_copy
from opset_atlas.models import arguments, inputs
from opset_atlas.models import module as models
from opset_atlas.models.arguments import Layout
from opset_atlas.models.sizes import (
    Axes,
    Items,
    Sizes,
    disagreements,
    is_traced,
    run_at_others,
    spell,
    traced,
)
from opset_atlas.models.truth import least_precise, run_in_float64
from opset_atlas.records import Randomness, ReferenceSet, Signature

RUNS_WHERE_RANDOM = 4  # additional runs of a forward pass that draws random numbers


@dataclass
class Runs:
    """The module's inputs and outputs, by input set."""

    spec: Mapping[str, Any]
    module: torch.nn.Module
    sets: list[ReferenceSet] = field(default_factory=list)
    given: dict[str, torch.Tensor] = field(default_factory=dict)
    outputs: dict[str, torch.Tensor] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    layout: Layout | None = None
    structured: bool = False

    def eager(self) -> dict[str, Any]:
        """Run the module on every input set, also at other sizes; return the record's fields."""
        names = traced_sets(self.spec)
        for name in names:
            self._add(name, None)
        results = self.eager_of(names[0])
        assert self.layout
        ports = _signatures(self.layout.names, self.inputs_of(names[0]))
        axes = self.spec.get("dynamic_shapes") or {}
        chosen = self.spec.get("dynamic_sizes") or {}
        listed = isinstance(self.spec["inputs"], list)
        items = list(inputs.tensors_of(self.spec["inputs"])) if listed else ports
        _require_axes(axes, ports)
        notes = [
            *models.shared(self.module),
            *models.misnamed(self.keys, self.spec.get("outputs") or []),
        ]
        notes += run_at_others(
            [{**item} for item in items],
            axes,
            chosen,
            names[0],
            lambda name, resized: self._add(name, resized, traced(resized, axes)),
        )
        flattened = self.structured or not self.layout.plain
        if flattened:
            arguments.take_tensors(self.module, self.layout)
        return {
            "detail": "; ".join(notes),
            "sets": self.sets,
            "inputs": ports,
            "outputs": _signatures(self._names(len(results)), results),
            "call": clean(self.layout.text(), 2000),
            "flattened": flattened,
        }

    def _names(self, count: int) -> list[str]:
        return models.output_names(self.spec, count, self.keys)

    def _add(self, name: str, items: Items | None, sizes: Sizes | None = None) -> None:
        """Run the module on the set `name`, with inputs shaped like `items` if given."""
        base = name.partition("@")[0]
        layout, tensors = models.given(self.module, self.spec, base, items, sizes)
        models.require_kinds(tensors, "input")
        if self.layout and (difference := self.layout.difference(layout)):
            raise models.Misused(
                f"inputs: {name} calls {difference}; only tensors may differ from set to set"
            )
        if self.layout and is_traced(name):
            name += self._other_sizes(name, tensors)
        self.layout = layout
        eager, changes, result = _eager(self.module, layout, tensors)
        if is_traced(name):
            self.keys = arguments.result_names(result, layout.names)
            self.structured = arguments.structured(result)
        if not is_traced(name) and len(eager) != len(self.eager_of(self.sets[0]["name"])):
            raise ValueError(f"returns {len(eager)} outputs at these sizes")
        names = self._names(len(eager))
        changing = {names[i]: what for i, what in changes.items()}
        self.sets.append({"name": name, "random": changing, "float64": False, "why_not": ""})
        self.given |= {f"{name}/{i}": tensor for i, tensor in enumerate(tensors)}
        self.outputs |= {f"{name}/eager/{i}": tensor for i, tensor in enumerate(eager)}

    def _other_sizes(self, name: str, tensors: Sequence[torch.Tensor]) -> str:
        """`@batch=3` where files hold tensors of other sizes than the first; else ""."""
        assert self.layout
        axes = self.spec.get("dynamic_shapes") or {}
        first = _signatures(self.layout.names, self.inputs_of(self.sets[0]["name"]))
        these = _signatures(self.layout.names, tensors)
        for one, other in zip(first, these, strict=True):
            free = {int(axis) for axis in axes.get(one["name"], {})}
            pairs = enumerate(zip(one["shape"], other["shape"], strict=False))
            fixed = [axis for axis, (a, b) in pairs if a != b and axis not in free]
            if fixed or len(one["shape"]) != len(other["shape"]):
                raise models.Misused(
                    f"inputs: {one['name']} is {one['shape']} in {self.sets[0]['name']} and "
                    f"{other['shape']} in {name}; only dimensions of `dynamic_shapes` may differ"
                )
        for text in disagreements(these, axes):
            raise models.Misused(f"dynamic_shapes: {name}: {text}")
        now, then = traced(these, axes), traced(first, axes)
        changed = {key: size for key, size in now.items() if size != then[key]}
        return f"@{spell(changed)}" if changed else ""

    def in_float64(self) -> dict[str, Any]:
        """Run on every set in float64 and keep usable truths; by set, why it is unusable, or ""."""
        found = {}
        for name in (each["name"] for each in self.sets):
            with torch.no_grad():
                exact, why_not = run_in_float64(self.module, self.inputs_of(name))
            count = len(self.eager_of(name))
            if not why_not and len(exact) != count:
                why_not = f"{len(exact)} outputs in float64, but {count} otherwise"
            if not why_not:
                self.outputs |= {f"{name}/float64/{i}": t for i, t in enumerate(exact)}
            found[name] = why_not
        with torch.no_grad():
            least = least_precise(self.module, self.inputs_of(self.sets[0]["name"]))
        return {"why_not": found, "least_precise": least}

    def inputs_of(self, name: str) -> list[torch.Tensor]:
        """The inputs of a set, in order."""
        return [tensor for key, tensor in self.given.items() if key.startswith(f"{name}/")]

    def eager_of(self, name: str) -> list[torch.Tensor]:
        """The eager outputs of a set, in order."""
        return [t for key, t in self.outputs.items() if key.startswith(f"{name}/eager/")]


def traced_sets(spec: Mapping[str, Any]) -> list[str]:
    """The input sets of the configuration: those of files, or what a list or a callable makes.

    A callable only makes random ones.
    """
    if isinstance(spec["inputs"], Mapping):
        return list(inputs.set_names(spec["inputs"]["files"]))
    called = isinstance(spec["inputs"], str)
    return [name for name in spec["input_sets"] if name.startswith("random") or not called]


def _require_axes(axes: Axes, inputs: Sequence[Signature]) -> None:
    """Check that a callable's inputs have the dimensions that are declared variable.

    For a list of inputs, the configuration was checked before the run.
    """
    ranks = {each["name"]: len(each["shape"]) for each in inputs}
    for name, declared in axes.items():
        if name not in ranks:
            raise models.Misused(f"dynamic_shapes: no input {name}; there are: {', '.join(ranks)}")
        for axis in declared:
            if int(axis) >= ranks[name]:
                raise models.Misused(
                    f"dynamic_shapes: {name} has {ranks[name]} axes, and no axis {axis}"
                )
    for text in disagreements(inputs, axes):
        raise models.Misused(f"dynamic_shapes: {text}")


def _eager(
    module: torch.nn.Module, layout: Layout, tensors: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], dict[int, Randomness], Any]:
    """The tensors of a run's result, the positions of those that change in further runs, and it.

    Runs use copies, since a forward pass may change its module. Where a run draws random numbers,
    a single further run may give the same by chance (a length with few choices), so more are made.

    Raises:
        Unsupported: an output cannot be handled here.
        Whatever the module or torch raises.
    """

    def run() -> Any:
        result = layout.call(copy.deepcopy(module), [tensor.clone() for tensor in tensors])
        arguments.register(result, "output")
        return result

    changes: dict[int, Randomness] = {}
    with torch.no_grad():
        before = _generators()
        result = run()
        first = models.flat(result)
        end_copy()
        drew = _generators() != before
        models.require_kinds(first, "output")
        for _ in range(RUNS_WHERE_RANDOM if drew else 1):
            changes = _changes(first, models.flat(run()), changes)
            end_copy()
    return first, changes, result


def _generators() -> tuple[Any, ...]:
    """The states of the generators that a forward pass may draw from."""
    state = np.random.get_state(legacy=False)["state"]
    own = state["key"].tobytes(), state["pos"]
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), own


def _changes(
    first: Sequence[torch.Tensor], other: Sequence[torch.Tensor], before: Mapping[int, Randomness]
) -> dict[int, Randomness]:
    """The outputs in which two runs differ, added to those already known."""
    found = dict(before)
    for i, one in enumerate(first):
        another = other[i] if len(first) == len(other) else None
        if another is None or one.shape != another.shape or one.dtype != another.dtype:
            found[i] = "shape"
        elif not torch.equal(_bits(one), _bits(another)):
            found.setdefault(i, "values")
    return found


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's bytes, so that NaN equals itself."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


def _signatures(names: Sequence[str], tensors: Sequence[torch.Tensor]) -> list[Signature]:
    return [
        {"name": name, "dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape)}
        for name, t in zip(names, tensors, strict=True)
    ]
