"""Distinct values, sorted, with positions and counts: Unique, available since opset 11."""

import torch
from torch import Tensor, nn


class UniqueValues(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
        return values, inverse, counts
