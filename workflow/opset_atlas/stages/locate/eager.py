"""The results of every operator of the eager module, in the model's dtype and in float64."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors.torch
import torch

from opset_atlas.base.arrays import Array
from opset_atlas.base.files import read_json
from opset_atlas.models import arguments, truth
from opset_atlas.models import module as model
from opset_atlas.models.watching import Watching, watched
from opset_atlas.runtimes._feeding import Trace

Result = tuple[str, torch.Tensor]


def trace(spec: Mapping[str, Any], define: Path, sets: Sequence[str], double: bool) -> Trace:
    """The results of the module's operators, as dispatched by torch, named `NUMBER OPERATOR`.

    If the module takes different paths on different input sets, only those of the first set.

    Args:
        define: folder of the define stage, for weights and inputs.
        double: whether a float64 run is the truth; results are paired by order.

    Raises:
        Whatever the user's factory or torch raise.
    """
    torch.set_num_threads(1)
    module = model.build(spec)
    safetensors.torch.load_model(module, define / "weights.safetensors")
    if read_json(define / "record.json", "define").get("flattened"):
        arguments.take_tensors(module, model.layout_of(module, spec))
    tensors = safetensors.torch.load_file(define / "inputs.safetensors")
    runs = [_run(module, _inputs(tensors, name)) for name in sets]
    wide = [_run(module, _inputs(tensors, name), double=True) for name in sets] if double else []
    same = [run for run in runs if _way(run) == _way(runs[0])]
    runs, wide = (runs, wide) if len(same) == len(runs) else (runs[:1], wide[:1])
    wide = wide if all(_way(a) == _way(b) for a, b in zip(runs, wide, strict=False)) else []
    return Trace(label="the eager module", values=_named(runs), exact=_named(wide))


def _inputs(tensors: Mapping[str, torch.Tensor], name: str) -> list[torch.Tensor]:
    count = sum(key.startswith(f"{name}/") for key in tensors)
    return [tensors[f"{name}/{i}"].clone() for i in range(count)]


def _run(
    module: torch.nn.Module, inputs: Sequence[torch.Tensor], double: bool = False
) -> list[Result]:
    """Copies of every operator's results in order, since operators may overwrite them later."""
    results: list[Result] = []

    def keep(function: Any, result: Any) -> None:
        name = str(function).removesuffix(".default")
        results.extend((name, tensor.detach().clone()) for tensor in model.flat(result))

    with torch.no_grad():
        if double:
            with truth.in_float64(module, inputs, keep) as (wide, tensors):
                wide(*tensors)
        else:
            with watched(Watching(keep)):
                copy.deepcopy(module)(*inputs)
    return results


def _way(run: Sequence[Result]) -> list[tuple[str, torch.Size]]:
    return [(name, tensor.shape) for name, tensor in run]


def _named(runs: Sequence[Sequence[Result]]) -> dict[str, list[Array]]:
    named: dict[str, list[Array]] = {}
    for run in runs:
        for number, (name, tensor) in enumerate(run):
            named.setdefault(f"{number} {name}", []).append(_array(tensor))
    return named


def _array(tensor: torch.Tensor) -> Array:
    """As numpy, in ml_dtypes' dtypes where numpy has none."""
    tensor = tensor.contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
        array: Array = tensor.numpy().view(ml_dtypes.bfloat16)
        return array
    return np.asarray(tensor.resolve_conj().resolve_neg().numpy())
