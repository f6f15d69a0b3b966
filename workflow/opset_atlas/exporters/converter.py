"""`onnx.version_converter`: another opset from a file that exists, up or down, without the model.

The base is the cell that the configuration names (exporter and opset); if that cell is not usable,
the nearest usable opset above it, otherwise below. For a model that is an ONNX file, the base is
that file.

The converter takes a model as one string, which is limited to 2 GiB and is copied several times. So
it is given a large model as `onnx.load(path, load_external_data=False)` reads it, without the
tensors of 1 KiB and more, which are in files of their own. A test compares both ways; with
`memoize: false` it is given everything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from opset_atlas.base.files import read_json
from opset_atlas.base.messages import describe
from opset_atlas.exporters import Export, Job, Refusal, Unavailable
from opset_atlas.records import Cell, ExportRecord

PACKAGES = ("onnx",)
NEEDS_BASE = True
LEVEL = "files"
MEMOIZES = True


def prepare(job: Job) -> Export:
    """Load the base once; every opset is converted from it."""
    path, note = (Path(job.spec["onnx"]), "the file itself") if "onnx" in job.spec else _base(job)
    if path is None:
        return _no_base(note)
    return _Sweep(path, note, by_reference=job.spec["memoize"])


def base_of(job: Job) -> list[Any]:
    """The one cell that every opset is converted from, with the tensors beside it; or why not."""
    cell, note = _base_cell(job)
    return [note, cell["sha256"], cell["tensors"]] if cell else [note]


class _Sweep:
    """An `Export`; `way` is for the record."""

    def __init__(self, path: Path, note: str, by_reference: bool) -> None:
        import onnx

        from opset_atlas.onnx_files import tensors

        self._path, self._note = path, note
        model = onnx.load(path, load_external_data=False)
        large = tensors.large_bytes(model, path.parent) > tensors.TOGETHER
        self.way = "by reference" if large and by_reference else "plain"
        self._model = None if self.way == "by reference" else onnx.load(path)

    def __call__(self, opset: int, target: Path) -> str:
        import onnx

        from opset_atlas.onnx_files import tensors

        if self._model is None:
            self._model = tensors.load(self._path, target.parent)
        try:
            converted = onnx.version_converter.convert_version(self._model, opset)
        except RuntimeError as error:
            raise _refusal(error, self._model, opset) from error
        onnx.save(converted, target)
        return self._note


def _refusal(error: RuntimeError, model: Any, opset: int) -> Refusal:
    """The missing adapter in words, with the lines that its operator comes from."""
    from opset_atlas.onnx_files import origins
    from opset_atlas.operators import conversions

    message = str(error)
    base = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    reason = conversions.refusal(message, opset, base) or describe(error)
    source = origins.of_operator(model, *conversions.named(message))
    return Refusal(conversions.FAILED + reason, source)


def _base(job: Job) -> tuple[Path | None, str]:
    cell, note = _base_cell(job)
    if job.base is None or cell is None:
        return None, note
    return job.base / "cells" / str(cell["file"]), note


def _base_cell(job: Job) -> tuple[Cell | None, str]:
    assert job.base is not None
    record: ExportRecord = read_json(job.base / "record.json", "export")
    wanted: int = job.spec["base"]["opset"]
    usable = [cell for cell in record["cells"] if cell["outcome"] == "ok"]
    if not usable:
        return None, f"no usable export of {record['exporter']} to convert from"
    cell = min(usable, key=lambda cell: _distance(cell, wanted))
    return cell, f"{record['exporter']} at opset {cell['requested']}"


def _distance(cell: Cell, wanted: int) -> tuple[bool, int]:
    return cell["requested"] < wanted, abs(cell["requested"] - wanted)


def _no_base(reason: str) -> Export:
    def export(opset: int, target: Path) -> str:
        raise Unavailable(reason)

    return export
