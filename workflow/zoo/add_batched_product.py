"""A scaled batched product added to a scaled tensor."""

import torch
from torch import Tensor, nn


class AddBatchedProduct(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(2, 3, 5))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, y, beta=0.5, alpha=2)
