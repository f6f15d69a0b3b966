"""`torch.onnx.export(dynamo=False)`: tracing, then one symbolic function per operator and opset."""

from __future__ import annotations

from pathlib import Path

from opset_atlas.exporters import Export, Job

PACKAGES = ("torch", "onnx", "numpy")
NEEDS_BASE = False


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
