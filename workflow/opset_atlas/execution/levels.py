"""The levels of the warm worker: what each has in memory, and which level a stage needs.

A level is a process that has imported everything its stages use and forks a child per job. Each
level builds on another one (`BELOW`), so that stages that read and compare files (0.8 s to import)
do not wait for torch (2 s), and stages that need only torch do not wait for the exporters (4 s).

A stage's level is in `STAGES`; an exporter names its own (`LEVEL`), which need not be listed here:
`name` builds on `files`, `torch.name` on `torch`. A level imports its stages and exporters and
calls their `warm_up()` for work that is to be done once.

A child starts with what its parent imported. That this gives the same files as a separate process
was verified for the versions in `COMPARED`; a level declines to serve others.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterable
from types import ModuleType

from opset_atlas import plugins, sources
from opset_atlas.execution import environments

LOWEST = "files"
BELOW = {"torch": "files", "exporters": "torch"}
STAGES = {"define": "torch", "locate": "torch"}  # the others: the lowest
LIBRARIES = {
    "files": ("numpy", "onnx", "onnx_ir", "onnxruntime", "safetensors.numpy"),
    # Including what they import on first use.
    "torch": ("torch", "torch._dynamo", "safetensors.torch"),
    "exporters": ("onnxscript", "sympy.tensor.tensor"),
}
COMPARED = {"torch": {"torch": "2.13.0"}, "exporters": {"onnxscript": "0.7.2"}}


def of_stage(stage: str) -> str:
    """The level that a stage needs, whatever plug-in it runs."""
    return STAGES.get(stage, LOWEST)


def of_exporter(name: str) -> str:
    """The level that an exporter names, read from its source; the lowest if it names none."""
    return str(plugins.constants("exporters", name).get("LEVEL", LOWEST))


def below(level: str) -> str:
    """The level that another one builds on; "" for the lowest."""
    if level == LOWEST:
        return ""
    return BELOW.get(level) or level.rpartition(".")[0] or LOWEST


def with_those_below(wanted: Iterable[str]) -> list[str]:
    """The wanted levels and all levels below them, lower ones first."""
    found: dict[str, None] = {}
    for level in [LOWEST, *wanted]:
        path = [level]
        while lower := below(path[0]):
            path.insert(0, lower)
        found |= dict.fromkeys(path)
    return list(found)


def strange_version(level: str) -> str:
    """A sentence on the first package of a level whose version was not verified; else ""."""
    for name, known in COMPARED.get(level, {}).items():
        found = environments.version(name)
        if found is None:
            return f"{name} is not installed"
        if found.partition("+")[0] != known:  # a local tag names the build, not the code
            return f"{name} {found} is not {known}, the version that was compared"
    return ""


def preload(level: str) -> None:
    """Import all that a level's stages and exporters use, and warm up its lazy parts.

    At the end there is one thread and no runtime session, since threads do not survive a fork.

    Raises:
        ImportError: a library is not installed.
    """
    for library in LIBRARIES.get(level, ()):
        importlib.import_module(library)
    for module in _modules(level):
        getattr(module, "warm_up", lambda: None)()
    gc.collect()
    gc.freeze()  # the pages of existing objects stay shared with the children


def _modules(level: str) -> list[ModuleType]:
    programs = sources.programs("stages")
    stages = [module for stage, module in programs.items() if of_stage(stage) == level]
    exporters = [name for name in plugins.names("exporters") if of_exporter(name) == level]
    return [
        *(importlib.import_module(f"opset_atlas.{module}") for module in stages),
        *(plugins.load("exporters", name) for name in exporters),
    ]
