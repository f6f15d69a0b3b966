"""Vector products along the last axis."""

import torch
from torch import Tensor, nn


class CrossProduct(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.linalg.cross(x, y)
