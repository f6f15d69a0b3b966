"""What plain data says of Python objects: `$tuple`, `$python` and `$call` (`models.objects`).

Nothing is imported here. A callable is looked for as those of the models are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opset_atlas.config.references import callable_problem
from opset_atlas.config.schema import KeyPath, show

_KEYS = {"$tuple": ("$tuple",), "$python": ("$python",), "$call": ("$call", "args", "kwargs")}


def references(value: Any) -> Iterator[str]:
    """The callables and objects that a value names, at any depth."""
    for part in _parts(value):
        for key in ("$python", "$call"):
            if isinstance(part.get(key), str):
                yield part[key]


def problems(value: Any, root: Path, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong with the objects that a value says, with the place of each."""
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from problems(each, root, (*path, i))
    elif isinstance(value, Mapping):
        dollars = [key for key in value if key.startswith("$")]
        if dollars:
            yield from _own_problems(value, dollars[0], root, path)
        for key, each in value.items():
            yield from problems(each, root, (*path, key))


def _own_problems(
    value: Mapping[str, Any], key: str, root: Path, path: KeyPath
) -> Iterator[tuple[KeyPath, str]]:
    if key not in _KEYS:
        yield (*path, key), f"unknown; expected one of {', '.join(_KEYS)}"
        return
    for other in value:
        if other not in _KEYS[key]:
            yield (
                (*path, other),
                f"does not go with {key}; expected {' or '.join(_KEYS[key])} alone",
            )
    given = value[key]
    if key == "$tuple":
        if not isinstance(given, list):
            yield (*path, key), f"expected a list, got {show(given)}"
    elif not isinstance(given, str) or ":" not in given:
        text = "'path/to/file.py:name' or 'package.module:name'"
        yield (*path, key), f"expected {text}, got {show(given)}"
    elif problem := callable_problem(given, root):
        yield (*path, key), problem
    for name, kind in (("args", list), ("kwargs", Mapping)):
        if key == "$call" and not isinstance(value.get(name, kind() if kind is list else {}), kind):
            words = "a list" if kind is list else "a mapping"
            yield (*path, name), f"expected {words}, got {show(value[name])}"


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    below = value.values() if isinstance(value, Mapping) else value
    for each in below if isinstance(value, Mapping | list) else ():
        yield from _parts(each)
