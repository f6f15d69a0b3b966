"""The module in float64: the truth that rounding errors are measured against, where it is one.

A module may hold a step to a type of its own choice, and its results in float64 are then no truth,
although they look like it. So every operator of the run is watched, not assumed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from opset_atlas.base.messages import clean, describe


class _Wide(TorchDispatchMode):  # type: ignore[misc]
    """Casts to float32 become casts to float64; what still computes in less is noted.

    Transformers compute normalizations and softmax in float32 whatever the model's type
    (`x.to(torch.float32)`), which does nothing in a float32 model and more than nothing in float16.
    Either way it is there for precision, so it may not take any away here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.narrow: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        if given.get("dtype") == torch.float32:
            given["dtype"] = torch.float64
        result = function(*args, **given)
        if function is torch.ops.aten.lift_fresh.default and result.dtype == torch.float32:
            return result.double()  # torch.tensor(number, dtype=torch.float32)
        for tensor in flat(result):
            if tensor.is_floating_point() and tensor.dtype != torch.float64:
                self.narrow.add(
                    f"{function} computes in {str(tensor.dtype).removeprefix('torch.')}"
                )
        return result


def run_in_float64(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor]
) -> tuple[list[torch.Tensor], str]:
    """The outputs of a run in float64, and why they cannot be trusted ("" where they can)."""
    default = torch.get_default_dtype()
    watch = _Wide()
    try:
        torch.set_default_dtype(torch.float64)
        double = copy.deepcopy(module).double()
        copies = [tensor.clone() for tensor in tensors]
        wide = [t.double() if t.is_floating_point() else t for t in copies]
        with watch:
            outputs = flat(double(*wide))
    except Exception as error:
        return [], clean(f"float64 run raised {describe(error)}", 400)
    finally:
        torch.set_default_dtype(default)
    return outputs, "; ".join(sorted(watch.narrow)[:3])


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors in a result of any nesting, in the order in which exporters flatten it."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]
