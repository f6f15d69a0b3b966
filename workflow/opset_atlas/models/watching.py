"""Watch every operator of an eager run, including those inside torch's own branches and loops.

`torch.cond`, `while_loop`, `scan` and `map` are operators that take functions. In an eager run
torch compiles these functions with dynamo, which fails under a dispatch mode and leaves its caches
in a state that makes later runs in the same process fail too. So a watched run compiles nothing and
executes the functions as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._C import DispatchKey
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

Look = Callable[[Any, Any], None]


class Watching(TorchDispatchMode):  # type: ignore[misc]
    """A dispatch mode that shows every operator and what it gives to `look`."""

    supports_higher_order_operators = True

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        if isinstance(function, HigherOrderOperator):
            with self:  # torch has removed the mode; it is needed again inside
                return _computed(function)(*args, **given)
        result = self.call(function, args, given)
        self._look(function, result)
        return result

    def call(self, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run an operator that takes no functions."""
        return function(*args, **kwargs)


@contextmanager
def watched(mode: Watching) -> Iterator[None]:
    """Run what follows under `mode`, without torch.compile."""
    with torch.compiler.set_stance("force_eager"), mode:
        yield


def _computed(operator: HigherOrderOperator) -> Callable[..., Any]:
    """The function that computes a higher-order operator step by step.

    torch's kernels of `cond` and `scan` refuse to run under a dispatch mode.

    Raises:
        NotImplementedError: torch has no such kernel.
    """
    own: dict[str, Callable[..., Any]] = {"cond": _branch, "scan": _scan}
    kernels: dict[Any, Callable[..., Any]] = operator.py_kernels
    for kernel in (own.get(operator.name()), *map(kernels.get, _KERNELS)):
        if kernel:
            return kernel
    raise NotImplementedError(f"{operator.name()} cannot be run step by step")


_KERNELS = (DispatchKey.CompositeExplicitAutograd, DispatchKey.CPU)


def _branch(condition: Any, true: Any, false: Any, operands: Any = ()) -> Any:
    return true(*operands) if condition else false(*operands)


def _scan(combine: Any, start: Any, rows: Any, additional_inputs: Any = ()) -> Any:
    from torch._higher_order_ops.scan import generic_scan

    return generic_scan(combine, start, rows, additional_inputs=additional_inputs)
