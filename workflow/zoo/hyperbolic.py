"""Sinh, Cosh, Tanh and their inverses, all available since opset 9."""

from torch import Tensor, nn


class Hyperbolic(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sinh() - x.cosh() * 2 + x.tanh() + x.asinh() + x.acosh() + (1 / x).atanh()
