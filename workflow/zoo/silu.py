"""Swish: Sigmoid and Mul, until opset 24 brings an operator."""

from torch import Tensor, nn
from torch.nn import functional as F


class Silu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x)
