"""A file that somebody made: `onnx:` beside `factory:`, held against the module like an export.

Nothing is exported: the file is copied, with its external data, and everything that follows reads
the copy as it reads any exporter's file. It is asked for at its own opset.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from opset_atlas.exporters import Export, Job
from opset_atlas.onnx_files import external_data

PACKAGES = ("onnx",)
NEEDS_BASE = False
LEVEL = "files"
DELIVERS_FILE = True


def prepare(job: Job) -> Export:
    """Copy the model's file."""
    source = Path(job.spec["onnx"])

    def export(opset: int, path: Path) -> str:
        for name in external_data.files(source):
            copy = path.parent / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.parent / name, copy)
        shutil.copyfile(source, path)
        return "the file itself"

    return export
