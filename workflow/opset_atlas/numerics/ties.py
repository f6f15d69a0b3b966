"""Index outputs: where a different index than torch's is a tie and not a mistake.

`parity.md`, rule 5: a flip counts as a tie only where the ranked float64 values are closer together
than the errors of both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from opset_atlas.records import Measure

Array = NDArray[Any]


@dataclass(frozen=True)
class Expected:
    """An output of the model: its position, torch's result, and the float64 result if any."""

    position: int
    eager: Array
    exact: Array


def rank(
    found: Measure,
    expected: Mapping[str, Expected],
    got: Sequence[Any],
    declared: Mapping[str, Any],
    flat: bool,
) -> Measure:
    """The measure of an index output, extended by how close to a tie its flips are.

    Args:
        declared: `values`, the output that holds what the indices rank, or None; `axis`.
        flat: every float input is constant, so that all ranked values may be equal.
    """
    if not found["flips"]:
        return found
    own = expected[found["output"]]
    index = np.asarray(got[own.position])
    if declared["values"] is None:
        return {**found, "undecided": flat and bool((index >= 0).all())}
    if not _could_be_indices(index, declared["axis"]):
        return found
    ranked = expected[declared["values"]]
    values = np.asarray(got[ranked.position]) if ranked.position < len(got) else ranked.eager
    if not values.shape == ranked.eager.shape == index.shape:
        return found
    return rank_flips(
        found, index, own.eager, (values, ranked.eager, ranked.exact), declared["axis"]
    )


def rank_flips(
    found: Measure, got: Array, eager: Array, values: tuple[Array, Array, Array], axis: int
) -> Measure:
    """`found` with the largest margin of a flipped index and the error of the ranked values.

    Args:
        got: the runtime's indices; `eager`: torch's; integer arrays of one shape.
        values: the ranked values, of the same shape: the runtime's, torch's and the float64 truth.
    """
    runtime, torch, truth = (np.asarray(each, dtype=np.float64) for each in values)
    steps = np.abs(np.diff(truth, axis=axis))
    edge = np.full_like(np.take(truth, [0], axis=axis), np.inf)
    margins = np.minimum(
        np.concatenate([edge, steps], axis=axis), np.concatenate([steps, edge], axis=axis)
    )
    flipped = got != eager
    margin = float(margins[flipped].max())
    error = float(np.abs(runtime - truth).max() + np.abs(torch - truth).max())
    if margin > error and values[1].dtype.kind in "iu":
        # Integers are often equal, and no output shows whether the first value that a top-k
        # dropped equals the last value that it kept.
        shown = flipped & (truth != np.take(truth, [-1], axis=axis))
        if margins[shown].max(initial=0.0) <= error:
            return {**found, "undecided": True}
    if not np.isfinite([margin, error]).all():
        return found
    return {**found, "flip_margin": margin, "flip_error": error}


def _could_be_indices(index: Array, axis: int) -> bool:
    """Non-negative and unique along the axis: a tie excuses another order, not any number."""
    ordered = np.sort(index, axis=axis)
    return bool((index >= 0).all() and (np.diff(ordered, axis=axis) > 0).all())
