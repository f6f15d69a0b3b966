"""A reproducer: a folder of files that shows a fault without this project.

It holds ONNX files with all their tensors inside, arrays that plain numpy can read, and a script.
No name from a model gets into a path or the script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from opset_atlas.base.arrays import Array, is_plain_tensor
from opset_atlas.base.files import write_text
from opset_atlas.onnx_files import parts

MOST_BYTES = 32 << 20  # small enough to attach to a bug report


@dataclass(frozen=True)
class Reproducer:
    """The content of the folder, by file name: models, named arrays, and the script's text."""

    models: Mapping[str, onnx.ModelProto]
    arrays: Mapping[str, Mapping[str, Array]]
    scripts: Mapping[str, str]

    def write(self, folder: Path, tensors: Path) -> str:
        """Write the folder, which must not exist; returns why it cannot be written, or "".

        Args:
            tensors: the folder of the external data that the models refer to.
        """
        room = MOST_BYTES
        for name, array in ((n, a) for of in self.arrays.values() for n, a in of.items()):
            if not is_plain_tensor(array):
                return f"{name} is {array.dtype.name}, which plain numpy cannot read"
            room -= array.nbytes
        complete = {}
        for name, model in self.models.items():
            found = parts.with_tensors_inside(model, tensors, room)
            if found is None:
                return f"it would take more than {MOST_BYTES >> 20} MiB"
            complete[name], room = found, room - found.ByteSize()
        folder.mkdir(parents=True)
        for name, found in complete.items():
            onnx.save(found, folder / name)
        for name, arrays in self.arrays.items():
            with (folder / name).open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]
        for name, text in self.scripts.items():
            write_text(folder / name, text)
        return ""
