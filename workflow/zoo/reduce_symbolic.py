"""ReduceSumSquare and ReduceLogSum by symbolics with `axes` as an attribute, invalid since 18."""

from typing import Any

import torch
from torch import Tensor, nn


class _LogSumSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.square().sum(1, keepdim=True).sum(2, keepdim=True).log()

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        squares = g.op("ReduceSumSquare", x, axes_i=[1], keepdims_i=1)
        return g.op("ReduceLogSum", squares, axes_i=[2], keepdims_i=1).setType(
            x.type().with_sizes([2, 1, 1])
        )


class ReduceSymbolic(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _LogSumSquare.apply(x)
