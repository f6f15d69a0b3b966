"""Elementwise extremes with broadcasting: Min and Max."""

import torch
from torch import Tensor, nn


class MinimumMaximum(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.maximum(x, y) - torch.minimum(x * 2, y)
