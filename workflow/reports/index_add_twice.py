"""Rows added at an index that occurs twice.

https://github.com/pytorch/pytorch/issues/111159
"""

import torch
from torch import Tensor, nn


class IndexAddTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("index", torch.tensor([0, 2, 2]))

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        return x.index_add(0, self.index, rows)
