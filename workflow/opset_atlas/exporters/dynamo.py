"""`torch.onnx.export(dynamo=True)`: torch.export, then onnxscript, then a conversion of the opset.

It returns normally with another opset than the one asked for when the conversion fails.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opset_atlas.exporters import Export, Job, _compared, _torch_options

PACKAGES = ("torch", "onnx", "onnxscript", "onnx-ir", "numpy")
NEEDS_BASE = False
LEVEL = "exporters"
MEMOIZES = True
# From this opset on torch's registry has one more operator, so the module is captured again.
NEW_OPERATORS = 23

options_notice = _torch_options.notice


def prepare(job: Job) -> Export:
    """Export from the frozen module; the weights of a small one stay inside the file."""
    from opset_atlas.exporters import _torch
    from opset_atlas.exporters._memory import Memory
    from opset_atlas.onnx_files import tensors

    frozen = _torch.thaw(job)
    declared = job.spec.get("dynamic_shapes") or {}
    shapes = tuple(
        {int(axis): label for axis, label in declared.get(name, {}).items()}
        for name in frozen.input_names
    )
    # One file per cell, unless its tensors are moved to files of their own anyway
    # (`onnx_files.tensors`): then torch's default, external data, saves two copies in memory.
    large = sum(t.nbytes for t in frozen.module.state_dict().values()) > tensors.TOGETHER
    options = {"external_data": large, "verbose": False, **job.spec["options"]}
    if declared:
        options["dynamic_shapes"] = shapes
    return _Sweep(frozen, options, Memory(wanted=job.spec["memoize"]))


def together(spec: Mapping[str, Any], opsets: Sequence[int]) -> list[list[int]]:
    """Opsets whose exports share one capture of the module; every capture has its own process.

    torch keeps state of a capture: in the same process a second capture of an LSTM with dynamic
    shapes, even of a new module with new inputs, is refused or gives other warnings.
    """
    if not spec["memoize"] or _compared.unknown():
        return [[opset] for opset in opsets]
    groups = itertools.groupby(sorted(opsets), key=lambda opset: opset >= NEW_OPERATORS)
    return [list(group) for _, group in groups]


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """Options that `torch.onnx.export(dynamo=True)` does not have or ignores."""
    return _torch_options.problems(options, dynamo=True)


def speed_notice() -> str:
    """What sweeps cannot reuse with versions that were not compared."""
    if not (reason := _compared.unknown()):
        return ""
    return (
        f"{reason}: dynamo reuses nothing from opset to opset, which is slower and gives the same"
        " results (CONTRIBUTING.md, Another version of torch)"
    )


def warm_up() -> None:
    """Export a module of one operator, so that lazy imports and parsed sources are in memory."""
    import torch

    from opset_atlas.exporters._memory import Memory

    module, inputs = torch.nn.ReLU().eval(), (torch.zeros(2, 3),)
    with (
        warnings.catch_warnings(action="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
        Memory(wanted=True).remembering(),
    ):
        # Below torch's own 18, so that it is converted too.
        torch.onnx.export(module, inputs, dynamo=True, opset_version=17, verbose=False)


class _Sweep:
    """An `Export`; `way` is for the record."""

    def __init__(self, frozen: Any, options: dict[str, Any], memory: Any) -> None:
        self._frozen, self._options, self._memory = frozen, options, memory
        self.way: str = memory.way

    def __call__(self, opset: int, path: Path) -> str:
        from opset_atlas.exporters import _torch

        with self._memory.remembering():
            _torch.export(self._frozen, opset, path, dynamo=True, **self._options)
        return ""
