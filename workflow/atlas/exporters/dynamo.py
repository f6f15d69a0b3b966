"""`torch.onnx.export(dynamo=True)`: torch.export, then onnxscript, then a conversion of the opset.

It returns normally with another opset than the one asked for when the conversion fails.
"""

from __future__ import annotations

from pathlib import Path

from atlas.exporters import Export, Job

PACKAGES = ("torch", "onnx", "onnxscript", "onnx-ir", "numpy")
NEEDS_BASE = False


def prepare(job: Job) -> Export:
    """Export from the frozen module; weights stay inside the file where protobuf allows it."""
    from atlas.exporters import _torch

    frozen = _torch.thaw(job)
    declared = job.spec.get("dynamic_shapes") or {}
    shapes = tuple(
        {int(axis): label for axis, label in declared.get(name, {}).items()}
        for name in frozen.input_names
    )
    # One file per cell: what torch calls external data starts at 2 GiB anyway.
    options = {"external_data": False, "verbose": False, **job.spec["options"]}
    if declared:
        options["dynamic_shapes"] = shapes

    def export(opset: int, path: Path) -> str:
        _torch.export(frozen, opset, path, dynamo=True, **options)
        return ""

    return export
