"""Input sets: the tensors that a model is run on, made from their specification with numpy only.

A set is `random-K`, `zeros`, `ones` or `large`. Values never leave a declared range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from opset_atlas.models import generators

INTEGER_RANGE = (0, 9)
LARGE = 1e3


def make(items: Sequence[Mapping[str, Any]], input_set: str, seed: int) -> list[np.ndarray]:
    """The arrays of one set, in the order of `items`: float32, int64 or bool; to be cast.

    Raises:
        ValueError: an item's values do not fit into its shape.
    """
    kind, _, number = input_set.partition("-")
    # Independent of the other sets and of their number.
    generator = np.random.default_rng([seed, int(number or 0)])
    # asarray: numpy returns a scalar, not an array, for operations on an array without axes.
    found: dict[str, np.ndarray] = {}
    waiting = [item for item in items if generators.after(item)]
    for item in [*(item for item in items if item not in waiting), *waiting]:
        if item.get("values") is not None:
            found[item["name"]] = _fitting(generators.made(item, found, generator), item)
        else:
            found[item["name"]] = np.asarray(_array(item, kind, generator))
    return [found[item["name"]] for item in items]


def _fitting(array: np.ndarray, item: Mapping[str, Any]) -> np.ndarray:
    """Made values in the type of other inputs of this dtype."""
    dtype = item.get("dtype") or "float32"
    kind: Any = bool if dtype == "bool" else np.int64 if "int" in dtype else np.float32
    return np.ascontiguousarray(array.astype(kind)).reshape(array.shape)


def tensors_of(items: Any) -> Iterator[dict[str, Any]]:
    """The items that are tensors, in the order of a list of inputs and of the nests in it."""
    for item in items.values() if isinstance(items, Mapping) else items:
        if "items" in item:
            yield from tensors_of(item["items"])
        elif "value" not in item:
            yield item


def set_names(files: Sequence[str]) -> dict[str, str]:
    """The file of each input set, by the set's name: `file-` and the file's, distinct."""
    found: dict[str, str] = {}
    for file in files:
        stem = re.sub(r"[^\w.-]", "_", PurePath(file).stem)
        name, number = f"file-{stem}", 1
        while name in found:
            number += 1
            name = f"file-{stem}.{number}"
        found[name] = file
    return found


def dtype_of(item: Mapping[str, Any], default: str) -> str:
    """The declared dtype; floats without one follow the model's dtype."""
    declared: str = item.get("dtype") or default
    return default if declared == "float32" else declared


def default_names(stem: str, count: int) -> list[str]:
    """`stem`, `stem_1`, `stem_2`, …"""
    return [stem if index == 0 else f"{stem}_{index}" for index in range(count)]


def _array(item: Mapping[str, Any], kind: str, generator: np.random.Generator) -> np.ndarray:
    dtype = item.get("dtype") or "float32"
    shape, bounds = tuple(item["shape"]), item.get("range")
    if dtype == "bool":
        random = generator.integers(0, 2, shape).astype(bool)
        return random if kind == "random" else np.full(shape, kind != "zeros")
    if "int" in dtype:
        low, high = bounds or INTEGER_RANGE
        constants = {"zeros": min(max(0, low), high), "ones": min(max(1, low), high), "large": high}
        if kind in constants:
            return np.full(shape, constants[kind], dtype=np.int64)
        return generator.integers(low, high, shape, dtype=np.int64, endpoint=True)
    return _floats(shape, kind, bounds, generator)


def _floats(
    shape: tuple[int, ...],
    kind: str,
    bounds: Sequence[float] | None,
    generator: np.random.Generator,
) -> np.ndarray:
    """Standard normal, or uniform within bounds; `large` is 1000 times that, or at the bounds."""
    if kind in {"zeros", "ones"}:
        constant = np.full(shape, float(kind == "ones"), dtype=np.float32)
        return np.clip(constant, bounds[0], bounds[1]) if bounds else constant
    if not bounds:
        values = generator.standard_normal(shape, dtype=np.float32)
        return values * np.float32(LARGE) if kind == "large" else values
    uniform = generator.random(shape, dtype=np.float32)
    spread = uniform.round() if kind == "large" else uniform
    return (spread * (bounds[1] - bounds[0]) + bounds[0]).astype(np.float32)
