"""Values and positions of the maximum along an axis: ReduceMax and ArgMax, or TopK."""

from torch import Tensor, nn


class MaxWithIndex(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = x.max(dim=1)
        return values, indices
