"""Import what a model's reference names: `path/to/file.py:name` or `package.module:name`.

A file is executed only once per process, no matter how it is reached: by its path in the
configuration, by `import` from a neighboring file, or as a module of a package. If it were executed
twice, each of its classes would exist twice, and anything it registers (in `torch.library` or in
its own registry) would be refused the second time.
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
# Modules that were referenced by path, keyed by the resolved path.
_executed: dict[Path, ModuleType] = {}


def load_callable(reference: str) -> Callable[..., Any]:
    """The object that `path/to/file.py:name` or `package.module:name` refers to.

    Raises:
        Whatever the import raises, and AttributeError if the name is missing.
    """
    place, _, name = reference.rpartition(":")
    path = Path(place)
    target: Any = load_file(path) if path.suffix == ".py" else importlib.import_module(place)
    for part in name.split("."):
        target = getattr(target, part)
    result: Callable[..., Any] = target
    return result


def load_file(path: Path) -> ModuleType:
    """The module of a file, executed unless it already was. Imports search its folder last.

    Its `__file__` is the path as given. importlib would make the path absolute, and since exporters
    write source paths into the file, the files of two copies of a project would then differ.
    """
    real = path.resolve()
    if known := _known(real):
        return known
    module = ModuleType(_free_name(path))
    module.__file__ = str(path)
    if str(real.parent) not in sys.path:
        sys.path.append(str(real.parent))
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    sys.modules[module.__name__] = _executed[real] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module.__name__], _executed[real]  # as after a failed import
        raise
    return module


def _known(real: Path) -> ModuleType | None:
    """The module of a file that was already executed, by path or by import."""
    if real in _executed:
        return _executed[real]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        # A relative path is one that `load_file` gave, and says nothing in another folder.
        named = name != "__main__" and file.endswith(real.name) and Path(file).is_absolute()
        if named and Path(file).resolve() == real:
            return module
    return None


def _free_name(path: Path) -> str:
    """A unique module name for each file; otherwise `a/net.py` would replace `b/net.py`.

    `inspect`, `pickle` and torch.export find a class's source by its module's name.
    """
    name = f"{_PREFIX}{path.stem}"
    if name not in sys.modules:
        return name
    return f"{name}_{hashlib.sha256(path.as_posix().encode()).hexdigest()[:8]}"


class _Finder(MetaPathFinder):
    """Finds the existing module where an import would execute its file again."""

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
    """Returns a module that was already executed."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module was already executed."""


_FINDER = _Finder()
