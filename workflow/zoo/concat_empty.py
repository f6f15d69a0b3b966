"""An empty tensor among the concatenated ones."""

import torch
from torch import Tensor, nn


class ConcatEmpty(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cat((x, y, x[1:]), dim=0)
