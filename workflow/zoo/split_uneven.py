"""Unequal parts: Split-13 takes the sizes as an input, Split-18 adds `num_outputs`."""

from torch import Tensor, nn


class SplitUneven(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second, third = x.split([2, 4, 1], dim=1)
        return first, second, third
