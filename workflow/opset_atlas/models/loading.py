"""Import what a model's reference names: `path/to/file.py:name` or `package.module:name`.

A file is executed once per process, under whatever names it is reached: by its path from the
configuration, by `import` from its neighbor, as a module of a package. Executed twice, its classes
would be two of each, and what it registers (`torch.library`, a registry of its own) is refused the
second time.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_PREFIX = "atlas_model_"
# Modules that were given by a path, by that path resolved.
_executed: dict[Path, ModuleType] = {}


def load_callable(reference: str) -> Callable[..., Any]:
    """The object that `path/to/file.py:name` or `package.module:name` stands for.

    Raises:
        Whatever importing it raises, and AttributeError where the name is missing.
    """
    place, _, name = reference.rpartition(":")
    path = Path(place)
    target: Any = load_file(path) if path.suffix == ".py" else importlib.import_module(place)
    for part in name.split("."):
        target = getattr(target, part)
    result: Callable[..., Any] = target
    return result


def load_file(path: Path) -> ModuleType:
    """The module of a file, executed unless it was. Its folder is searched for imports, last.

    It knows itself by the path as given: importlib would make the path absolute, and exporters
    write the paths of a model's source into the file, which would then differ between two copies of
    a project.
    """
    real = path.resolve()
    if known := _known(real):
        return known
    module = ModuleType(_free_name(path))
    module.__file__ = str(path)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    sys.modules[module.__name__] = _executed[real] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module.__name__], _executed[real]  # as a failed import does
        raise
    return module


def _known(real: Path) -> ModuleType | None:
    """The module of a file that was executed already, for a path or by an import."""
    if real in _executed:
        return _executed[real]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name != "__main__" and file.endswith(real.name) and Path(file).resolve() == real:
            return module
    return None


def _free_name(path: Path) -> str:
    """A name of its own for each file, or `a/net.py` would take the place of `b/net.py`.

    `inspect`, `pickle` and torch.export find a class's source by the name of its module.
    """
    name = f"{_PREFIX}{path.stem}"
    if name not in sys.modules:
        return name
    return f"{name}_{hashlib.sha256(path.as_posix().encode()).hexdigest()[:8]}"


class _Finder(MetaPathFinder):
    """Finds, where an import would execute a file again, the module that it already is."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        stem = fullname.rpartition(".")[2]
        if not any(file.stem == stem for file in _executed):
            return None
        found = PathFinder.find_spec(fullname, path, target)
        origin = found.origin if found and found.has_location else None
        module = _executed.get(Path(origin).resolve()) if origin else None
        return ModuleSpec(fullname, _Existing(module)) if module else None


class _Existing(Loader):
    """Gives a module that was executed already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """It was executed."""


_FINDER = _Finder()
