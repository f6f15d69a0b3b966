"""Programs of docs/ and tools/ as modules, though their folders are no packages."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from builders.project import ROOT


def load(path: str) -> ModuleType:
    """The program at `path`, below the project's root."""
    name = path.rpartition("/")[2].removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass looks its own module up
    spec.loader.exec_module(module)
    return module
