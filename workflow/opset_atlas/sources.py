"""The files of this package that a stage depends on, so that changing one rebuilds its results.

Snakemake tracks a rule's parameters and input files, but not what a script imports.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

PACKAGE = Path(__file__).parent
_IMPORT = re.compile(
    r"^[ \t]*(?:from opset_atlas(?:\.([\w.]+))? import (\([^)]*\)|[^\n]*)"
    r"|import opset_atlas\.([\w.]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")


def closure(*modules: str) -> list[Path]:
    """Files of the named modules (`stages.export`, `exporters.dynamo`) and of all they import.

    Includes the `__init__.py` of every parent folder, which Python runs too, and data files with
    the name of a module next to them (`operators/notes.py`, `operators/notes.yaml`).
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [*_imports(module), *_folders(module)]
    files = [path for module in found for path in (_file(module), *_data(module))]
    return sorted({*files, PACKAGE / "__init__.py"})


@functools.cache
def digest(*modules: str) -> str:
    """SHA-256 over the names and contents of `closure`."""
    parts = [f"{path.relative_to(PACKAGE)} {_sha256(path)}" for path in closure(*modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@functools.cache
def programs(folder: str) -> dict[str, str]:
    """The programs in `stages` or `tools`, with their modules: a file, or a folder's `stage.py`."""
    files = {path.stem: f"{folder}.{path.stem}" for path in (PACKAGE / folder).glob("[a-z]*.py")}
    folders = (PACKAGE / folder).glob("*/stage.py")
    return files | {path.parent.name: f"{folder}.{path.parent.name}.stage" for path in folders}


def _folders(module: str) -> list[str]:
    """`a` and `a.b` of `a.b.c`."""
    parts = module.split(".")[:-1]
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _data(module: str) -> list[Path]:
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".yaml")
    return [path] if path.is_file() else []


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of this package that a module imports, anywhere in its code.

    `ast` is not used: all modules are read at every start of Snakemake, and parsing took 0.5 s.
    """
    names: list[str] = []
    for parent, imported, whole in _IMPORT.findall(_file(module).read_text(encoding="utf-8")):
        items = _COMMENT.sub("", imported).strip("()").split(",")
        names += [whole, parent, *(f"{parent}.{item.split()[0]}" for item in items if item.split())]
    found = (name.strip(".") for name in names)
    return tuple(name for name in found if name and _file(name).is_file())
