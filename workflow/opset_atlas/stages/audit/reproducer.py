"""Folders that each show a defect of the version converter, without needing this project.

`before.onnx` is the file to convert; `inputs.npz` and `expected.npz` hold its inputs and results,
by position; `got.npz` holds the results of the converted file, if it runs; and `reproduce.py` ends
with an error as long as the defect exists.
"""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
import onnx

from opset_atlas.numerics.tolerances import ASSERT_CLOSE
from opset_atlas.onnx_files import tensors
from opset_atlas.onnx_files.reproducer import MOST_BYTES, Reproducer
from opset_atlas.runtimes._feeding import feed
from opset_atlas.runtimes._oracle import ORACLE
from opset_atlas.stages.audit.attempt import PLAIN, Case, Found

SCRIPT = Template(
    '''"""onnx.version_converter, $operator, opset $old to $new: $outcome.

Seen with $versions. Ends with an error while the defect is there.
"""
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.checker
import onnx.version_converter
$run

here = Path(__file__).parent
before = onnx.load(here / "before.onnx")
after = onnx.version_converter.convert_version(before, $new)
onnx.checker.check_model(after, full_check=True)
inputs, results = np.load(here / "inputs.npz"), []
for model in (before, after):
    held = {tensor.name for tensor in model.graph.initializer}
    names = [port.name for port in model.graph.input if port.name not in held]
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/model.onnx")
        tensors = {name: inputs[str(i)] for i, name in enumerate(names)}
        results.append(run(f"{folder}/model.onnx", tensors))
for expected, got in zip(*results, strict=True):
    np.testing.assert_allclose(got, expected, rtol=$rtol, atol=$atol)
'''
)


@dataclass(frozen=True)
class Defect:
    """The smallest known case of a defect."""

    name: str
    operator: str
    case: Case
    found: Found
    size: int


class Defects:
    """The defects found in the audit of a model: one per operator, step and outcome."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Defect] = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def note(self, operator: str, case: Case, found: Found) -> str:
        """Keep the case if it is the smallest of its defect; return the defect's folder name.

        A case that is too large to be part of a report has no folder and no name.

        Args:
            operator: a name that `onnx.defs` knows, or our own word; never text from a model.
        """
        name = f"{operator}_{case.old}_{case.new}_{found.outcome}"
        model = onnx.load(case.path, load_external_data=False)
        size = model.ByteSize() + tensors.large_bytes(model, case.path.parent)
        if size > MOST_BYTES:
            return name if name in self._known else ""
        defect = Defect(name, operator, case, found, size)
        if name not in self._known or defect.size < self._known[name].size:
            self._known[name] = defect
        return name

    def wanted(self) -> list[Defect]:
        """The folders to write, by name."""
        return [self._known[name] for name in sorted(self._known)]

    def remove(self, name: str) -> None:
        """Remove what exists of a folder that could not be written."""
        shutil.rmtree(self._folder / name, ignore_errors=True)

    def write(self, defect: Defect) -> str:
        """Write one folder, in a child since it runs files; return "" or why there is none."""
        case, folder = defect.case, self._folder / defect.name
        inputs, expected = _run(case.path, defect)
        arrays = {"inputs.npz": _by_position(inputs), "expected.npz": _by_position(expected)}
        if defect.found.outcome == "wrong":
            arrays["got.npz"] = _by_position(_run(case.after, defect)[1])
        rtol, atol = _closeness(expected)
        text = SCRIPT.substitute(
            operator=defect.operator,
            old=case.old,
            new=case.new,
            outcome=defect.found.outcome,
            versions=" and ".join(f"{name} {version}" for name, version in versions().items()),
            run=ORACLE.script(PLAIN).rstrip(),
            rtol=rtol,
            atol=atol,
        )
        before = onnx.load(case.path)
        files = Reproducer({"before.onnx": before}, arrays, {"reproduce.py": text})
        return files.write(folder, case.path.parent)


def versions() -> dict[str, str]:
    """The distributions that decide what an audit finds."""
    return {name: importlib.metadata.version(name) for name in ("onnx", *ORACLE.PACKAGES)}


def _run(path: Path, defect: Defect) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A file's inputs, in order, and its results."""
    session = ORACLE.load(path, PLAIN)
    inputs = feed(session.input_names, defect.case.tensors(defect.found.set))
    return list(inputs.values()), ORACLE.run(session, inputs)


def _by_position(arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {str(i): array for i, array in enumerate(arrays)}


def _closeness(arrays: Sequence[np.ndarray]) -> tuple[float, float]:
    """assert_close's (rtol, atol) of the coarsest dtype among the arrays."""
    return max((ASSERT_CLOSE.get(a.dtype.name, (0.0, 0.0)) for a in arrays), default=(0.0, 0.0))
