"""Comparisons joined by And, Or, Xor and Not."""

from torch import Tensor, nn


class Logical(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return ((x > 0) & (y < 0.5)) ^ ~((x >= y) | (x != x))
