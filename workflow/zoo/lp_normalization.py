"""LpNormalization and MeanVarianceNormalization by symbolics, over inner axes."""

from typing import Any

import torch
from torch import Tensor, nn


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        unit = x / torch.linalg.vector_norm(x, dim=1, keepdim=True)
        centered = x - x.mean((0, 2), keepdim=True)
        return unit + centered / centered.square().mean((0, 2), keepdim=True).sqrt()

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        unit = g.op("LpNormalization", x, axis_i=1, p_i=2)
        return g.op("Add", unit, g.op("MeanVarianceNormalization", x, axes_i=[0, 2])).setType(
            x.type()
        )


class LpNormalization(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _Normalize.apply(x)
