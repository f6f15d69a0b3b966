"""A cyclic shift over two axes, one of them backwards."""

import torch
from torch import Tensor, nn


class Roll(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.roll(x, (2, -1), (1, 2))
