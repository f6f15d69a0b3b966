"""What the exporters of `torch.onnx.export` share: the frozen module, its inputs, their names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from opset_atlas.exporters import Job
from opset_atlas.models import module as model


@dataclass(frozen=True)
class Frozen:
    """The module with the weights of the define stage and the inputs of its first set."""

    module: torch.nn.Module
    inputs: tuple[torch.Tensor, ...]
    input_names: list[str]
    output_names: list[str]


def thaw(job: Job) -> Frozen:
    """Rebuild the module from its factory, with the frozen weights in it."""
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # else a cell's warnings depend on the cells before it
    module = model.build(job.spec)
    safetensors.torch.load_model(module, job.define / "weights.safetensors")
    tensors = safetensors.torch.load_file(job.define / "inputs.safetensors")
    first = job.spec["input_set"]
    count = sum(key.startswith(f"{first}/") for key in tensors)
    return Frozen(
        module=module,
        inputs=tuple(tensors[f"{first}/{i}"] for i in range(count)),
        input_names=model.input_names(job.spec, count),
        output_names=job.spec["output_names"],
    )


def export(frozen: Frozen, opset: int, path: Path, **options: Any) -> None:
    """Call `torch.onnx.export` as a user would, from a known state of the generators."""
    model.seed_everything(0)
    torch.onnx.export(
        frozen.module,
        frozen.inputs,
        str(path),
        opset_version=opset,
        input_names=frozen.input_names,
        output_names=frozen.output_names,
        **options,
    )
