"""A Dropout node that survives evaluation: its ratio is an attribute until -10, then an input."""

from typing import Any

import torch
from torch import Tensor, nn


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        return g.op("Dropout", x).setType(x.type())


class DropoutSymbolic(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _Dropout.apply(x) * 2
