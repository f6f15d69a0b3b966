"""ThresholdedRelu, Shrink and Softsign by symbolics: activations that exporters decompose."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _Activations(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return F.threshold(x, 0.3, 0.0) + F.hardshrink(x, 0.4) + F.softsign(x)

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        first = g.op("ThresholdedRelu", x, alpha_f=0.3)
        second = g.op("Shrink", x, lambd_f=0.4)
        return g.op("Sum", first, second, g.op("Softsign", x)).setType(x.type())


class ThresholdedRelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _Activations.apply(x)
