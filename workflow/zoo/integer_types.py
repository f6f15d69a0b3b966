"""Small integers: sums that wrap in int8 and a promotion between uint8 and int8."""

import torch
from torch import Tensor, nn


class IntegerTypes(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x * 5) + (y.to(torch.int16) * 3)
