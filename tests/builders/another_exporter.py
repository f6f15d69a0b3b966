"""An exporter as a user would add it: only this file, copied into `exporters/`.

It defines its own level, option and warm-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opset_atlas.exporters import Export, Job

PACKAGES = ("torch", "onnx")
NEEDS_BASE = False
LEVEL = "torch.another"

_warm: list[str] = []


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """`graph_name` is its only option."""
    problems = dict.fromkeys(options, "expected no other option than graph_name")
    if isinstance(options.get("graph_name"), str):
        del problems["graph_name"]
    return problems


def warm_up() -> None:
    """Done once, in the process that exports are forked from."""
    import torch.onnx

    _warm.append(torch.__version__)


def prepare(job: Job) -> Export:
    """Trace the frozen module."""
    return _Traced(job)


class _Traced:
    def __init__(self, job: Job) -> None:
        from opset_atlas.exporters import _torch

        self._frozen = _torch.thaw(job)
        self._name = job.spec["options"].get("graph_name", "traced")
        self.way = "after a warm-up" if _warm else "plain"

    def __call__(self, opset: int, path: Path) -> str:
        import onnx
        from opset_atlas.exporters import _torch

        _torch.export(self._frozen, opset, path, dynamo=False)
        model = onnx.load(path)
        model.graph.name = self._name
        onnx.save(model, path)
        return ""
