"""The content of a constant in JSON: small contents as they are, larger ones as a hash."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

SMALL = 16  # elements; larger constants are recorded by their hash


def content(array: np.ndarray, double: bool) -> dict[str, Any]:
    """`value` or `sha256` of a port; `double` keeps every digit of a floating-point value.

    Strings are hashed, because two that are not valid UTF-8 could look alike.
    """
    if array.size <= SMALL and array.dtype.kind not in "SO":
        return {"value": plain(array.tolist(), double)}
    return {"sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}


def plain(value: Any, double: bool = False) -> Any:
    """`value` in JSON's types; floats with the fewest digits that give the same float32."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return value if double else float(str(np.float32(value)))
    if isinstance(value, complex):
        return [plain(value.real, double), plain(value.imag, double)]
    if isinstance(value, Sequence):
        return [plain(item, double) for item in value]
    return str(value)
