"""A sum at repeated positions: ScatterElements-16 adds `reduction`; lost additions show here."""

import torch
from torch import Tensor, nn


class ScatterAddDuplicates(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("index", torch.tensor([[1, 1, 4, 1], [0, 2, 2, 0], [3, 3, 3, 3]]))

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return x.scatter_add(1, self.index, values)
