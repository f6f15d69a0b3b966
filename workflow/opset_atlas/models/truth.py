"""The module in float64: the truth for measuring rounding errors, where it is trustworthy.

A module may compute a step in a fixed type, and its float64 results are then not a truth although
they look like one. So every operator of the run is watched instead of assumed to use float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from opset_atlas.base.messages import clean, describe
from opset_atlas.models.module import flat
from opset_atlas.models.watching import Look, Watching, watched


class _Wide(Watching):
    """Turn casts to float32 into casts to float64.

    Transformers compute normalizations and softmax in float32 whatever the model's type
    (`x.to(torch.float32)`). That has no effect in a float32 model and raises precision in float16.
    The cast is meant for precision, so it must not reduce it here.
    """

    def call(self, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("dtype") == torch.float32:
            kwargs["dtype"] = torch.float64
        result = _WIDE.get(function, function)(*args, **kwargs)
        if function is torch.ops.aten.lift_fresh.default and result.dtype == torch.float32:
            return result.double()  # torch.tensor(number, dtype=torch.float32)
        return result


def _grouped_product(
    left: torch.Tensor,
    right: torch.Tensor,
    offs: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """`torch._grouped_mm`, whose kernel only takes float32 and bfloat16: one product per group.

    `offs` holds the end of each group: along the rows of `left` where that has two axes, else along
    the columns of `right`; where both have two axes, along the axis that is summed over. Mixtures
    of experts use it. Rows beyond the last group are zero.
    """
    if offs is None:
        return torch.bmm(left, right)
    ends = [int(end) for end in offs]
    spans = list(zip([0, *ends[:-1]], ends, strict=True))
    if left.dim() == right.dim() == 2:
        return torch.stack([left[:, a:b] @ right[a:b] for a, b in spans])
    if left.dim() == 2:
        result = left.new_zeros(left.shape[0], right.shape[-1])
        for group, (a, b) in enumerate(spans):
            result[a:b] = left[a:b] @ right[group]
        return result
    result = left.new_zeros(left.shape[1], right.shape[-1])
    for group, (a, b) in enumerate(spans):
        result[:, a:b] = left[group] @ right[:, a:b]
    return result


# Operators without a float64 kernel, and equivalents made of operators that have one.
_WIDE: dict[Any, Callable[..., Any]] = {}
if hasattr(torch.ops.aten, "_grouped_mm"):
    _WIDE[torch.ops.aten._grouped_mm.default] = _grouped_product


@contextmanager
def in_float64(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], look: Look
) -> Iterator[tuple[torch.nn.Module, list[torch.Tensor]]]:
    """A float64 copy of the module and its inputs, to run with `look` seeing every operator."""
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        double = copy.deepcopy(module).double()
        copies = [tensor.clone() for tensor in tensors]
        wide = [t.double() if t.is_floating_point() else t for t in copies]
        with watched(_Wide(look)):
            yield double, wide
    finally:
        torch.set_default_dtype(default)


def least_precise(module: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> str:
    """The least precise floating-point type that anything in the module is computed in.

    Half of a model may be in `float16` or under autocast while its outputs are float32. "" where
    nothing is computed in such types, or where the watched run raises.
    """
    found: set[torch.dtype] = set()

    def look(_: Any, result: Any) -> None:
        found.update(t.dtype for t in flat(result) if t.is_floating_point())

    try:
        with watched(Watching(look)):
            copy.deepcopy(module)(*(tensor.clone() for tensor in tensors))
    except Exception:
        return ""
    least = max(found, key=lambda dtype: torch.finfo(dtype).eps, default=None)
    return str(least).removeprefix("torch.") if least else ""


def run_in_float64(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], str]:
    """The outputs of a run in float64, and why they cannot be trusted ("" where they can)."""
    narrow: set[str] = set()

    def look(function: Any, result: Any) -> None:
        """Note operators that still compute in a less precise type."""
        for tensor in flat(result):
            if tensor.is_floating_point() and tensor.dtype != torch.float64:
                narrow.add(f"{function} computes in {str(tensor.dtype).removeprefix('torch.')}")

    try:
        with in_float64(module, tensors, look) as (double, wide):
            outputs = flat(double(*wide))
    except Exception as error:
        return [], clean(f"float64 run raised {describe(error)}", 400)
    return outputs, "; ".join(sorted(narrow)[:3])
