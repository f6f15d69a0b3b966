"""The levels of the warm worker: what each has in memory, and which level a stage needs.

A level is a process that has imported everything its stages use and forks a child per job. Each
level builds on another one (`BELOW`), so that stages that read and compare files (0.8 s to import)
do not wait for torch (2 s), and stages that need only torch do not wait for the exporters (4 s).

A stage's level is in `STAGES`; an exporter names its own (`LEVEL`), which need not be listed here:
`name` builds on `files`, `torch.name` on `torch`. A level imports its stages and exporters and
calls their `warm_up()` for work that is to be done once.

A level only imports and warms up: it replaces no function of any package, so it serves whatever
versions are installed. It declines where a fork would lose something (`lost_by_a_fork`).
"""

from __future__ import annotations

# The process of every job reads this module: what only a worker uses is imported in functions.
import sys
from collections.abc import Iterable
from types import ModuleType

LOWEST = "files"
BELOW = {"torch": "files", "exporters": "torch"}
STAGES = {"define": "torch", "locate": "torch"}  # the others: the lowest
LIBRARIES = {
    "files": ("numpy", "onnx", "onnx_ir", "onnxruntime", "safetensors.numpy"),
    # Including what they import on first use.
    "torch": ("torch", "torch._dynamo", "safetensors.torch"),
    "exporters": ("onnxscript", "sympy.tensor.tensor"),
}


def of_stage(stage: str) -> str:
    """The level that a stage needs, whatever plug-in it runs."""
    return STAGES.get(stage, LOWEST)


def of_exporter(name: str) -> str:
    """The level that an exporter names, read from its source; the lowest if it names none."""
    from opset_atlas import plugins

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


def preload(level: str) -> str:
    """Import all that a level's stages and exporters use, and warm up its lazy parts.

    A warm-up that fails costs only speed: its traceback goes to the worker's log.

    Returns:
        Why this process must not be forked, or "".

    Raises:
        ImportError: a library is not installed.
    """
    import gc
    import importlib
    import traceback

    importlib.import_module("numpy")  # its OpenBLAS has threads from here on, and minds forks
    native = _native_threads()
    for library in LIBRARIES.get(level, ()):
        importlib.import_module(library)
    for module in _modules(level):
        try:
            getattr(module, "warm_up", lambda: None)()
        except Exception:
            traceback.print_exc()
    gc.collect()
    gc.freeze()  # the pages of existing objects stay shared with the children
    return lost_by_a_fork(native)


def lost_by_a_fork(native: int) -> str:
    """What of this process a fork would lose, in a sentence; else "".

    Threads do not survive a fork; whoever waits for one in the child waits forever. CUDA, once
    initialized, refuses to work in a child.

    Args:
        native: how many threads that are not Python's there were before.
    """
    import threading

    _end_monitor()
    names = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    if names:
        return f"a fork would lose the threads of this process: {', '.join(sorted(names))}"
    if (more := _native_threads() - native) > 0:
        return f"a fork would lose {more} threads that a library has started"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA is initialized, and a fork of this process could not use it"
    return ""


def _native_threads() -> int:
    import threading

    from opset_atlas.execution import processes

    return processes.threads() - threading.active_count()


def _end_monitor() -> None:
    """End the thread with which tqdm watches slow progress bars; the next bar starts another."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if (monitor := getattr(tqdm, "monitor", None)) is not None:
        monitor.exit()


def _modules(level: str) -> list[ModuleType]:
    import importlib

    from opset_atlas import plugins, sources

    programs = sources.programs("stages")
    stages = [module for stage, module in programs.items() if of_stage(stage) == level]
    exporters = [name for name in plugins.names("exporters") if of_exporter(name) == level]
    return [
        *(importlib.import_module(f"opset_atlas.{module}") for module in stages),
        *(plugins.load("exporters", name) for name in exporters),
    ]
