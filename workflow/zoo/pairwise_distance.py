"""Distances between all pairs of rows."""

import torch
from torch import Tensor, nn


class PairwiseDistance(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.cdist(x, y)
