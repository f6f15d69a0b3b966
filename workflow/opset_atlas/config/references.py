"""The files and callables that a configuration names: whether they exist, and where.

None of the user's code is imported or executed here; the stages do that, in processes of their own.
A Python file that does not parse is left to them too: that is the model's fault, not the
configuration's.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from opset_atlas.config.schema import show, suggestion

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def file_problem(name: str, root: Path, kind: str = "file") -> str:
    """Why the file `name` (relative to `root`) cannot be used, or ""."""
    path = root / name
    if not path.exists():
        return f"no such {kind}: {show(name)}"
    if not path.is_file():
        return f"expected a {kind}, got a folder: {show(name)}"
    try:
        with path.open("rb") as stream:
            start = stream.read(len(LFS_POINTER))
    except OSError as error:
        return f"cannot be read: {error.strerror}: {show(name)}"
    if start == LFS_POINTER:
        return f"{show(name)} is a git-lfs pointer, not the {kind}; run: git lfs pull"
    return ""


def callable_problem(reference: str, root: Path) -> str:
    """Why `file.py:name` or `package.module:name` cannot be found, or ""."""
    place, name = split(reference)
    if not all(part.isidentifier() for part in name.split(".")):
        return f"{show(name)} is not the name of a callable"
    if not place.endswith(".py"):
        return _module_problem(place, root)
    if problem := file_problem(place, root):
        return problem
    try:
        found = _names(root / place, (root / place).stat().st_mtime_ns)
    except (SyntaxError, ValueError):
        return ""
    first = name.split(".")[0]
    if found is None or first in found:
        return ""
    return f"{show(place)} defines no {first!r}; {suggestion(first, sorted(found))}"


def split(reference: str) -> tuple[str, str]:
    """File or module, and name."""
    place, _, name = reference.rpartition(":")
    return place, name


def parameters(reference: str, root: Path) -> dict[str, bool] | None:
    """A function's parameters by name, and whether each is required; None where not to be seen.

    Only a function that a file defines at its top level, without decorators, is looked at.
    """
    place, name = split(reference)
    if not place.endswith(".py"):
        return None
    try:
        body = ast.parse((root / place).read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return None
    functions = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == name]
    if not functions or functions[-1].decorator_list:
        return None
    given = functions[-1].args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    free = len(names) - len(given.defaults)
    found = {each: i < free for i, each in enumerate(names)}
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found | {argument.arg: default is None for argument, default in pairs}


def source_file(reference: str, root: Path) -> str | None:
    """The file that defines a callable, relative to `root` if it is below; None if unknown."""
    place, _ = split(reference)
    if place.endswith(".py"):
        return place
    spec = _find_module(place, root)
    if spec is None or not spec.has_location or not spec.origin:
        return None
    origin = Path(spec.origin)
    return str(origin.relative_to(root) if origin.is_relative_to(root) else origin)


def distribution(reference: str) -> dict[str, str]:
    """Name and version of the installed distribution that provides a module, if any does."""
    place, _ = split(reference)
    top = place.partition(".")[0]
    if place.endswith(".py") or top in sys.stdlib_module_names:
        return {}
    names = [top] if version(top) else _distributions().get(top, [])
    return {name: version(name) or "" for name in sorted(names)}


@functools.cache
def version(package: str) -> str | None:
    """Version of an installed distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


# For modules whose distribution has another name: reads the metadata of all that are installed.
@functools.cache
def _distributions() -> dict[str, list[str]]:
    found = importlib.metadata.packages_distributions()
    return {name: sorted(set(of)) for name, of in found.items()}


def _module_problem(module: str, root: Path) -> str:
    """Only the top-level package is looked for: it may create its submodules when imported."""
    if "/" in module or not all(part.isidentifier() for part in module.split(".")):
        return f"{show(module)} is neither a file that ends in .py nor a module"
    top = module.partition(".")[0]
    return "" if _find_module(top, root) else f"no module {top!r} is installed or in the project"


def _find_module(name: str, root: Path) -> ModuleSpec | None:
    """Find a module as an import would, but without importing the packages around it."""
    top, *rest = name.split(".")
    try:
        spec = PathFinder.find_spec(top, [str(root), *sys.path]) or importlib.util.find_spec(top)
    except ValueError:  # a module without a spec, such as __main__
        return None
    full = top
    for part in rest:
        full = f"{full}.{part}"
        folders = list(spec.submodule_search_locations or []) if spec else []
        spec = PathFinder.find_spec(full, folders) if folders else None
    return spec


@functools.cache
def _names(path: Path, changed: int) -> frozenset[str] | None:
    """Names that a file binds at module level; None where its text does not show all of them.

    `changed`, its modification time, is part of the cache's key.
    """
    tree = ast.parse(path.read_bytes())
    names = frozenset(_bound(tree.body))
    hidden = "__getattr__" in names or any(map(_binds_unseen, ast.walk(tree)))
    return None if hidden else names


# Functions and attributes that can create names which a module's text does not show.
_BY_NAME = frozenset(["globals", "locals", "vars", "setattr", "exec", "eval", "__import__"])
_NAMESPACES = frozenset(["__dict__", "__setattr__", "__globals__", "f_globals", "import_module"])


def _binds_unseen(node: ast.AST) -> bool:
    """Whether a part of a file may bind names while it is imported that its text does not show."""
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        return bool(names & ({"*", "modules"} | _BY_NAME | _NAMESPACES))
    if isinstance(node, ast.Name):
        return node.id in _BY_NAME
    if isinstance(node, ast.Attribute):
        return node.attr in _NAMESPACES or ast.unparse(node) == "sys.modules"
    if not isinstance(node, ast.Call):
        return False
    # `export_all(__name__)`: a helper that knows which module to put names into.
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    handed = any(isinstance(value, ast.Name) and value.id == "__name__" for value in given)
    return handed and ast.unparse(node.func).rpartition(".")[2] != "getLogger"


def _bound(statements: list[ast.stmt]) -> Iterator[str]:
    """Names that statements bind; those that a part of one binds for itself alone count too."""
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            for inner in ast.walk(node):
                if isinstance(inner, ast.Global):
                    yield from inner.names
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                yield inner.id
            elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield inner.name
            elif isinstance(inner, ast.Import | ast.ImportFrom):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in inner.names)
            elif isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name:
                yield inner.name
            elif isinstance(inner, ast.MatchMapping) and inner.rest:
                yield inner.rest
