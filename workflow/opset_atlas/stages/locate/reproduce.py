"""A reproducer: a folder that shows a fault without needing this project.

model.onnx   the smallest cut of the file that still shows it
arrays.npz   the cut's inputs, the expected and the wrong result, and the allowed error per element
run.py       runs the cut and compares; exit status 1 if the result is wrong

No name from a model reaches a path or the script: the ends of the cut are called `input_0`,
`input_1`, … and `output`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from opset_atlas.base.arrays import Array
from opset_atlas.onnx_files import inline_script
from opset_atlas.onnx_files.parts import with_tensors_inside
from opset_atlas.onnx_files.reproducer import Reproducer

SCRIPT = '''"""The result of model.onnx on the inputs in arrays.npz, against the expected one.

{why}
"""

from pathlib import Path

import numpy as np
{run}

here = Path(__file__).parent
arrays = np.load(here / "arrays.npz")
(got,) = run(str(here / "model.onnx"), {{name: arrays[name] for name in {names}}})
expected, allowed = arrays["expected"], arrays["allowed"]
print(f"expected, {{expected.dtype}}{{list(expected.shape)}}:", expected, sep="\\n")
print(f"got, {{got.dtype}}{{list(got.shape)}}:", got, sep="\\n")
same = (got.dtype, got.shape) == (expected.dtype, expected.shape)
if same and got.dtype.kind in "fc":
    same = np.isclose(got, expected, rtol=0, atol=allowed, equal_nan=True).all()
elif same:
    same = (got == expected).all()
raise SystemExit(0 if same else "the result is wrong")
'''


STOPPING = '''"""The runtime fails over model.onnx on the inputs in arrays.npz."""

from pathlib import Path

import numpy as np
{run}

here = Path(__file__).parent
arrays = np.load(here / "arrays.npz")
try:
    got = run(str(here / "model.onnx"), {{name: arrays[name] for name in {names}}})
except Exception as error:
    raise SystemExit(f"it fails: {{error}}")
print(got)
'''


@dataclass(frozen=True)
class Stopping:
    """A part of a file that a runtime does not load or run; `script` runs it."""

    model: onnx.ModelProto
    inputs: Mapping[str, Array]
    script: str


@dataclass(frozen=True)
class Cut:
    """A part of a file as a separate model, with its inputs, expected and actual result.

    `why`: the source of the expected result; `script` runs the part.
    """

    model: onnx.ModelProto
    inputs: Mapping[str, Array]
    expected: Array
    got: Array
    allowed: Array
    why: str
    script: str


def inline(cut: Cut, tensors: Path) -> str | None:
    """The cut as one script that needs no other file; None where that would be too long."""
    whole = with_tensors_inside(cut.model, tensors, inline_script.MOST_BYTES)
    if whole is None:
        return None
    return inline_script.write(whole, cut.inputs, cut.expected, cut.script)


def write(cut: Cut | Stopping, folder: Path, tensors: Path) -> str:
    """Write the folder; return "" or the reason why it could not be written.

    Args:
        tensors: the folder of the external data that the cut refers to.
    """
    arrays, run, names = dict(cut.inputs), cut.script.rstrip(), list(cut.inputs)
    if isinstance(cut, Cut):
        arrays |= {"expected": cut.expected, "got": cut.got, "allowed": cut.allowed}
        script = SCRIPT.format(why=cut.why, run=run, names=names)
    else:
        script = STOPPING.format(run=run, names=names)
    reproducer = Reproducer({"model.onnx": cut.model}, {"arrays.npz": arrays}, {"run.py": script})
    return reproducer.write(folder, tensors)
