"""`torch.onnx.export(dynamo=False)`: tracing, then one symbolic function per operator and opset."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas.exporters import Export, Job, _torch_options

PACKAGES = ("torch", "onnx", "numpy")
NEEDS_BASE = False
LEVEL = "exporters"

options_notice = _torch_options.notice


def prepare(job: Job) -> Export:
    """Export from the frozen module; declared dynamic shapes become `dynamic_axes`."""
    from opset_atlas.exporters import _torch

    frozen = _torch.thaw(job)
    axes = {
        name: {int(axis): label for axis, label in named.items()}
        for name, named in (job.spec.get("dynamic_shapes") or {}).items()
    }
    options = {"dynamic_axes": axes, **job.spec["options"]} if axes else dict(job.spec["options"])

    def export(opset: int, path: Path) -> str:
        _torch.export(frozen, opset, path, dynamo=False, **options)
        return ""

    return export


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """Options that `torch.onnx.export(dynamo=False)` does not have or ignores."""
    return _torch_options.problems(options, dynamo=False)


def warm_up() -> None:
    """Export a module of one operator, so that what torch imports at the first export is there."""
    import torch

    module, inputs = torch.nn.ReLU().eval(), (torch.zeros(2, 3),)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(module, inputs, io.BytesIO(), dynamo=False, opset_version=17)
