"""`onnx.version_converter`: another opset from a file that exists, up or down, without the model.

The base is the cell that the configuration names (exporter and opset); where that one is no usable
file, the nearest usable opset above it, else below. For a model that is an ONNX file, it is that.
"""

from __future__ import annotations

from pathlib import Path

from atlas.exporters import Export, Job, Unavailable
from atlas.records import Cell, ExportRecord, read_json

PACKAGES = ("onnx",)
NEEDS_BASE = True


def prepare(job: Job) -> Export:
    """Load the base once; every opset is converted from it."""
    import onnx

    path, note = (Path(job.spec["onnx"]), "the file itself") if "onnx" in job.spec else _base(job)
    if path is None:
        return _no_base(note)
    base = onnx.load(path)

    def export(opset: int, target: Path) -> str:
        onnx.save(onnx.version_converter.convert_version(base, opset), target)
        return note

    return export


def _base(job: Job) -> tuple[Path | None, str]:
    assert job.base is not None
    record: ExportRecord = read_json(job.base / "record.json", "export")
    wanted: int = job.spec["base"]["opset"]
    usable = [cell for cell in record["cells"] if cell["outcome"] == "ok"]
    if not usable:
        return None, f"no usable export of {record['exporter']} to convert from"
    cell = min(usable, key=lambda cell: _distance(cell, wanted))
    return job.base / "cells" / str(
        cell["file"]
    ), f"{record['exporter']} at opset {cell['requested']}"


def _distance(cell: Cell, wanted: int) -> tuple[bool, int]:
    return cell["requested"] < wanted, abs(cell["requested"] - wanted)


def _no_base(reason: str) -> Export:
    def export(opset: int, target: Path) -> str:
        raise Unavailable(reason)

    return export
