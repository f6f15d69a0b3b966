"""Integers divided and rounded down, also below zero.

https://github.com/pytorch/pytorch/issues/78442
"""

import torch
from torch import Tensor, nn


class FloorDivisionBelowZero(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.div(x, 3, rounding_mode="floor")
