"""A bfloat16 product, cast back: types that most operators support since opset 13 or 22."""

import torch
from torch import Tensor, nn


class Bfloat16Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 5, dtype=torch.bfloat16))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight).to(torch.float32)
