"""Plug-ins: exporters, runtimes and causes are the files of a folder, each found by its name.

A file whose name begins with `_` is none: what the plug-ins of a folder share. Finding one imports
nothing; what it says of itself in constants is read from its text, since importing an exporter
may import torch.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parent


def names(kind: str, package: Path = PACKAGE) -> list[str]:
    """The plug-ins of a kind (`exporters`, `runtimes`, `causes`), in the order of their names."""
    return sorted(p.stem for p in (package / kind).glob("*.py") if not p.name.startswith("_"))


def load(kind: str, name: str) -> ModuleType:
    """The module of a plug-in."""
    return importlib.import_module(f"opset_atlas.{kind}.{name}")
