"""Sorting with the argument `stable` given.

https://github.com/pytorch/pytorch/issues/95613
"""

import torch
from torch import Tensor, nn


class SortWithStable(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values, indices = torch.sort(x, dim=1, stable=True)
        return values, indices
