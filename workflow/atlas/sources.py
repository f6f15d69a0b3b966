"""Which files of this package a stage is made of, so that a change to one rebuilds what it made.

Snakemake tracks a rule's parameters and input files, but not what a script imports.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
_IMPORT = re.compile(
    r"^[ \t]*(?:from atlas(?:\.([\w.]+))? import (\([^)]*\)|[^\n]*)|import atlas\.([\w.]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")


def closure(*modules: str) -> list[Path]:
    """Files of the named modules (`export`, `exporters.dynamo`) and of all they import from here.

    Data files of a module stand beside it under its name (`schema.py`, `schema_notes.yaml`).
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(module)
    files = [path for module in found for path in (_file(module), *_data(module))]
    return sorted({*files, PACKAGE / "__init__.py"})


@functools.cache
def digest(*modules: str) -> str:
    """SHA-256 over the names and contents of `closure`."""
    parts = [f"{path.relative_to(PACKAGE)} {_sha256(path)}" for path in closure(*modules)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@functools.cache
def plugins(folder: str) -> list[str]:
    """Names of the exporters, runtimes or causes: their files, without importing them."""
    return sorted(path.stem for path in (PACKAGE / folder).glob("[a-z]*.py"))


def environment() -> dict[str, str]:
    """Variables under which `python -m atlas.STAGE` is this very tree, run by this very Python.

    Under `--sdm conda` the environment of a rule comes before this Python again.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {"PYTHONPATH": str(PACKAGE.parent), "PATH": path}


def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _data(module: str) -> list[Path]:
    stem = PACKAGE.joinpath(*module.split("."))
    return list(stem.parent.glob(f"{stem.name}_*.yaml"))


@functools.cache
def _imports(module: str) -> tuple[str, ...]:
    """Modules of this package that a module imports, wherever in its code.

    Not by `ast`: all modules are read at every start of Snakemake, and parsing took half a second.
    """
    names: list[str] = []
    for parent, imported, whole in _IMPORT.findall(_file(module).read_text(encoding="utf-8")):
        items = _COMMENT.sub("", imported).strip("()").split(",")
        names += [whole, parent, *(f"{parent}.{item.split()[0]}" for item in items if item.split())]
    found = (name.strip(".") for name in names)
    return tuple(name for name in found if name and _file(name).is_file())
