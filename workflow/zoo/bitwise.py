"""Bits of integers joined: BitwiseAnd, -Or, -Xor and -Not exist since opset 18."""

from torch import Tensor, nn


class Bitwise(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x & y) ^ (~x | 5)
