"""Values that a range cannot say: masks, token ids, boxes, one-hot vectors, sorted indices.

Each generator makes one tensor, from its options, its shape and, where it names one, another
tensor of the same set. Whatever the set is called, a generator draws: constants would not be what
was declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray
Others = Mapping[str, Array]
Shape = tuple[int, ...]


def made(item: Mapping[str, Any], others: Others, generator: np.random.Generator) -> Array:
    """The array of an item with `values`, of its shape.

    Args:
        others: the arrays of the items that were made before.

    Raises:
        ValueError: the values do not fit into the shape.
    """
    values, shape = item["values"], tuple(item["shape"])
    if not isinstance(values, Mapping):
        return _constant(values, shape)
    ((name, options),) = values.items()
    return np.asarray(_GENERATORS[name](item, shape, options, others, generator))


def after(item: Mapping[str, Any]) -> str | None:
    """The input that has to be made before this one, if any."""
    values = item.get("values")
    tokens = values.get("tokens") if isinstance(values, Mapping) else None
    return tokens.get("mask") if isinstance(tokens, Mapping) else None


def _constant(values: Any, shape: Shape) -> Array:
    """One value everywhere, or nested lists, repeated where they are too short or too shallow."""
    array = np.asarray(values)
    for axis, size in zip(range(-1, -array.ndim - 1, -1), reversed(shape), strict=False):
        array = array.take(np.arange(size) % array.shape[axis], axis)
    return np.broadcast_to(array, shape)


def _choice(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    return draw.choice(np.asarray(options), shape)


def _padding_mask(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    """1 for each of a row's first (or last) positions, 0 for padding; the first row has none."""
    rows, length = int(np.prod(shape[:-1])), shape[-1]
    lengths = options.get("lengths") or [length, *draw.integers(1, max(length, 1) + 1, rows)]
    kept = np.minimum(np.resize(lengths, rows), length)[:, None]
    places = np.arange(length)[None, :]
    mask = places >= length - kept if options.get("side") == "left" else places < kept
    return mask.reshape(shape).astype(np.int64)


def _tokens(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    """Ids in the range that are not special ones, between the first, the last and padding."""
    low, high = item["range"]
    special = {options[key] for key in ("first", "last", "padding") if options.get(key) is not None}
    usual = np.setdiff1d(np.arange(low, high + 1), list(special))
    ids = draw.choice(usual, shape)
    mask = others[options["mask"]].astype(bool) if options.get("mask") else np.ones(shape, bool)
    if (first := options.get("first")) is not None:
        ids[mask & (np.cumsum(mask, -1) == 1)] = first
    if (last := options.get("last")) is not None:
        ids[mask & (np.cumsum(mask[..., ::-1], -1)[..., ::-1] == 1)] = last
    if (padding := options.get("padding")) is not None:
        ids[~mask] = padding
    return ids


def _boxes(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    """[x1, y1, x2, y2] with x1 < x2 and y1 < y2 within [width, height]."""
    corners = draw.random((*shape[:-1], 2, 2), dtype=np.float32)
    low, high = corners.min(-2), corners.max(-2)
    # At least a hundredth of the image wide and high.
    low, high = low * np.float32(0.99), low * np.float32(0.99) + np.maximum(high - low, 0.01)
    return np.concatenate([low, high], -1) * np.tile(np.asarray(options, np.float32), 2)


def _one_hot(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    return np.eye(shape[-1], dtype=np.float32)[draw.integers(0, shape[-1], shape[:-1])]


def _sorted(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    """Ascending along the last axis, within the range; distinct if the option says so."""
    low, high = item.get("range") or (0, 1)
    if "int" not in (item.get("dtype") or ""):
        return np.sort(draw.random(shape, dtype=np.float32), -1) * (high - low) + low
    if options != "distinct":
        return np.sort(draw.integers(low, high, shape, endpoint=True), -1)
    if high - low + 1 < shape[-1]:
        raise ValueError(f"{item['name']}: no {shape[-1]} distinct numbers from {low} to {high}")
    rows = [
        draw.choice(high - low + 1, shape[-1], replace=False) for _ in range(np.prod(shape[:-1]))
    ]
    return np.sort(np.reshape(rows, shape), -1) + low


def _positions(
    item: Mapping[str, Any], shape: Shape, options: Any, others: Others, draw: np.random.Generator
) -> Array:
    """Counts along the last axis, from the number that is given."""
    return np.broadcast_to(np.arange(shape[-1]) + options, shape)


_Generator = Callable[[Mapping[str, Any], Shape, Any, Others, np.random.Generator], Array]
_GENERATORS: dict[str, _Generator] = {
    "choice": _choice,
    "padding_mask": _padding_mask,
    "tokens": _tokens,
    "boxes": _boxes,
    "one_hot": _one_hot,
    "sorted": _sorted,
    "positions": _positions,
}
