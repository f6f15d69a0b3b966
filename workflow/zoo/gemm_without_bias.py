"""Gemm with two inputs through the module's own symbolic: C is optional since opset 11."""

from typing import Any

import torch
from torch import Tensor, nn


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        return x @ y

    @staticmethod
    def symbolic(g: Any, x: Any, y: Any) -> Any:
        return g.op("Gemm", x, y).setType(x.type().with_sizes([3, 5]))


class GemmWithoutBias(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return _Product.apply(x, y)
