"""Rotary positions written out with halves, as language models do: an operator since opset 23."""

import torch
from torch import Tensor, nn


class RotaryEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("angles", torch.outer(torch.arange(5.0), torch.rand(4)))

    def forward(self, x: Tensor) -> Tensor:
        cos = self.angles.cos()[:, None, :]
        sin = self.angles.sin()[:, None, :]
        left, right = x.chunk(2, dim=-1)
        return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)
