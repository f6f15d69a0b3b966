"""Plug-ins: exporters, runtimes and causes are the files of a folder, each found by its name.

A file whose name begins with `_` is not a plug-in: it holds code that the plug-ins of a folder
share. A plug-in's constants are read from its source, since importing an exporter may import torch.

`package` is the folder that holds `exporters`, `runtimes` and `causes`; tests pass another one.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).parent


def names(kind: str, package: Path = PACKAGE) -> list[str]:
    """The plug-ins of a kind (`exporters`, `runtimes`, `causes`), in the order of their names."""
    return sorted(p.stem for p in (package / kind).glob("*.py") if not p.name.startswith("_"))


def constants(kind: str, name: str, package: Path = PACKAGE) -> dict[str, object]:
    """The literals that a plug-in assigns to upper-case names; none if there is no such file."""
    return _constants(package / kind / f"{name}.py")


def load(kind: str, name: str, package: Path = PACKAGE) -> ModuleType:
    """The module of a plug-in."""
    full = f"opset_atlas.{kind}.{name}"
    if package == PACKAGE:
        return importlib.import_module(full)
    spec = importlib.util.spec_from_file_location(full, package / kind / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _constants(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    found[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except (ValueError, TypeError):
                    continue
    return found
