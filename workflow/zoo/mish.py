"""Mish: one node since opset 18, Softplus, Tanh and Mul before."""

from torch import Tensor, nn
from torch.nn import functional as F


class Mish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.mish(x)
