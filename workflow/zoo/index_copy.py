"""Columns replaced."""

import torch
from torch import Tensor, nn


class IndexCopy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("index", torch.tensor([4, 1]))

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return x.index_copy(1, self.index, values)
