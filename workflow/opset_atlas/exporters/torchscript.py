"""`torch.onnx.export(dynamo=False)`: tracing, then one symbolic function per operator and opset."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import replace
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


def lines(job: Job, opset: int) -> dict[str, str]:
    """The line that each node comes from, read from the doc strings of a verbose export.

    The tracer knows the lines, and the exporter writes them only if it is asked to print the graph.
    """
    import onnx

    from opset_atlas.onnx_files import origins

    options = {**job.spec["options"], "verbose": True}
    export = prepare(replace(job, spec={**job.spec, "options": options}))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # this process is for nothing else
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "verbose.onnx"
        export(opset, path)
        nodes = origins.nodes_of(onnx.load(path, load_external_data=False).graph)
        return {node.name: line for node in nodes if node.name and (line := origins.line(node))}


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """Options that `torch.onnx.export(dynamo=False)` does not have or ignores."""
    return _torch_options.problems(options, dynamo=False)


def warm_up() -> None:
    """Export a module of one operator, so that what torch imports at the first export is there."""
    import torch

    module, inputs = torch.nn.ReLU().eval(), (torch.zeros(2, 3),)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(module, inputs, io.BytesIO(), dynamo=False, opset_version=17)
