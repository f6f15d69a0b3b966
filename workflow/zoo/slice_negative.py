"""Negative bounds and one beyond the end."""

from torch import Tensor, nn


class SliceNegative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, -5:-1, 2:100]
