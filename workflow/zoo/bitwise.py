"""Bits of integers joined: BitwiseAnd, -Or, -Xor and -Not are there since opset 18."""

from torch import Tensor, nn


class Bitwise(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x & y) ^ (~x | 5)
