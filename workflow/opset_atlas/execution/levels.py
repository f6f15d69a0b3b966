"""The levels of the warm worker: what each has in memory, and which of them a stage needs.

A level is a process that has imported everything its stages use and forks a child per job. Each
stands on another one (`BELOW`), so that what reads and compares files (0.8 s to import) does not
wait for torch (2 s), nor what needs torch alone for the exporters (4 s).

A stage's level is in `STAGES`; an exporter says its own (`LEVEL`). It may name one that is not
listed here: `name` stands on `files`, `torch.name` on `torch`. Stages and exporters of a level are
imported there, and what they want done once is their own `warm_up()`.

A child starts from what its parent imported. That this gives the same files as a process of its own
was compared for the versions in `COMPARED`; a level declines to serve others.
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
    # With what they import when they are first used.
    "torch": ("torch", "torch._dynamo", "safetensors.torch"),
    "exporters": ("onnxscript", "sympy.tensor.tensor"),
}
COMPARED = {"torch": {"torch": "2.13.0"}, "exporters": {"onnxscript": "0.7.2"}}


def of_stage(stage: str) -> str:
    """The level that a stage needs, whatever plug-in it runs."""
    return STAGES.get(stage, LOWEST)


def of_exporter(name: str) -> str:
    """The level that an exporter names, read from its text; the lowest where it names none."""
    return str(plugins.constants("exporters", name).get("LEVEL", LOWEST))


def below(level: str) -> str:
    """The level that another one stands on; "" below the lowest."""
    if level == LOWEST:
        return ""
    return BELOW.get(level) or level.rpartition(".")[0] or LOWEST


def with_those_below(wanted: Iterable[str]) -> list[str]:
    """The wanted levels and all that they stand on, lower ones first."""
    found: dict[str, None] = {}
    for level in [LOWEST, *wanted]:
        path = [level]
        while lower := below(path[0]):
            path.insert(0, lower)
        found |= dict.fromkeys(path)
    return list(found)


def strange_version(level: str) -> str:
    """The first package of a level whose version was not compared, as a sentence; else ""."""
    for name, known in COMPARED.get(level, {}).items():
        found = environments.version(name)
        if found is None:
            return f"{name} is not installed"
        if found.partition("+")[0] != known:  # a local tag names the build, not the code
            return f"{name} {found} is not {known}, the version that was compared"
    return ""


def preload(level: str) -> None:
    """Import all that a level's stages and exporters use, and warm up what is lazy in it.

    One thread at the end, and no session of a runtime: threads do not survive a fork.

    Raises:
        ImportError: a library is not there.
    """
    for library in LIBRARIES.get(level, ()):
        importlib.import_module(library)
    for module in _modules(level):
        getattr(module, "warm_up", lambda: None)()
    gc.collect()
    gc.freeze()  # the pages of what is there now stay shared with the children


def _modules(level: str) -> list[ModuleType]:
    programs = sources.programs("stages")
    stages = [module for stage, module in programs.items() if of_stage(stage) == level]
    exporters = [name for name in plugins.names("exporters") if of_exporter(name) == level]
    return [
        *(importlib.import_module(f"opset_atlas.{module}") for module in stages),
        *(plugins.load("exporters", name) for name in exporters),
    ]
