"""Rows added at repeated positions by `index_add`."""

import torch
from torch import Tensor, nn


class IndexAdd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("index", torch.tensor([1, 1, 4, 1]))

    def forward(self, x: Tensor, values: Tensor) -> Tensor:
        return x.index_add(0, self.index, values)
