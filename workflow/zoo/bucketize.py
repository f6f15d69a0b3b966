"""Bins between boundaries, closed on the right."""

import torch
from torch import Tensor, nn


class Bucketize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("boundaries", torch.tensor([-1.0, -0.3, 0.0, 0.4, 1.5]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.bucketize(x, self.boundaries, right=True)
