"""Sizes that several inputs share, under a name: `shape: [batch, length]` with the key `sizes`.

They are replaced before anything else is checked; later parts of the program know numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opset_atlas.base import dimensions
from opset_atlas.config.schema import KeyPath, show, suggestion

Problem = tuple[KeyPath, str]


def replaced(config: Any, problems: list[Problem]) -> Any:
    """The configuration with numbers in every shape, and `dynamic_shapes` by input and axis.

    Where a part has another form than it should have, it stays for the schema to refuse.
    """
    models = config.get("models") if isinstance(config, Mapping) else None
    if not isinstance(models, Mapping):
        return config
    found = {name: _model(each, ("models", name), problems) for name, each in models.items()}
    return {**config, "models": found}


def _model(model: Any, path: KeyPath, problems: list[Problem]) -> Any:
    if not isinstance(model, Mapping):
        return model
    sizes = model.get("sizes") or {}
    usable = isinstance(sizes, Mapping) and all(type(size) is int for size in sizes.values())
    if not usable or not isinstance(model.get("inputs"), list):
        return model
    named: dict[str, dict[str, str]] = {}
    inputs = _items(model["inputs"], sizes, named, (*path, "inputs"), problems)
    found = {**model, "inputs": inputs}
    if isinstance(model.get("dynamic_shapes"), list):
        wanted = model["dynamic_shapes"]
        found["dynamic_shapes"] = _dynamic(wanted, sizes, named, path, problems)
    return found


def _items(
    items: Any,
    sizes: Mapping[str, int],
    named: dict[str, dict[str, str]],
    path: KeyPath,
    problems: list[Problem],
) -> Any:
    if isinstance(items, list):
        return [_item(each, sizes, named, (*path, i), problems) for i, each in enumerate(items)]
    if isinstance(items, Mapping):
        return {k: _item(each, sizes, named, (*path, k), problems) for k, each in items.items()}
    return items


def _item(
    item: Any,
    sizes: Mapping[str, int],
    named: dict[str, dict[str, str]],
    path: KeyPath,
    problems: list[Problem],
) -> Any:
    if not isinstance(item, Mapping):
        return item
    found = dict(item)
    if "items" in item:
        found["items"] = _items(item["items"], sizes, named, (*path, "items"), problems)
    if isinstance(item.get("shape"), list):
        shape = []
        for axis, size in enumerate(item["shape"]):
            if not isinstance(size, str):
                shape.append(size)
                continue
            try:
                shape.append(dimensions.size(size, sizes))
            except KeyError as unknown:
                text = f"no size {show(unknown.args[0])} in `sizes`; "
                found_problem = text + suggestion(unknown.args[0], list(sizes))
                problems.append(((*path, "shape", axis), found_problem))
                shape.append(1)
            named.setdefault(str(item.get("name")), {})[str(axis)] = size
        found["shape"] = shape
    return found


def _dynamic(
    wanted: list[Any],
    sizes: Mapping[str, int],
    named: Mapping[str, Mapping[str, str]],
    path: KeyPath,
    problems: list[Problem],
) -> dict[str, dict[str, str]]:
    """The axes of each input that have one of the wanted names, or a sum with one in it."""
    for i, name in enumerate(wanted):
        if name not in sizes:
            text = f"no size {show(name)} in `sizes`; {suggestion(str(name), list(sizes))}"
            problems.append(((*path, "dynamic_shapes", i), text))
    found = {
        key: {
            axis: spelled
            for axis, name in axes.items()
            if (spelled := _spelled(name, wanted, sizes))
        }
        for key, axes in named.items()
    }
    return {key: axes for key, axes in found.items() if axes}


def _spelled(name: str, wanted: list[Any], sizes: Mapping[str, int]) -> str:
    """The name of a dynamic dimension, with the number of each term that is not; "" if none is."""
    terms = list(_terms(name, wanted, sizes))
    return "+".join(terms) if any(term in wanted for term in terms) else ""


def _terms(name: str, wanted: list[Any], sizes: Mapping[str, int]) -> Iterator[str]:
    for term in dimensions.terms(name):
        yield term if term in wanted or term.isdecimal() else str(sizes.get(term, term))
