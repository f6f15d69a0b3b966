"""Equality of floats: Equal accepts them since opset 11."""

import torch
from torch import Tensor, nn


class EqualityFloats(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (x.to(torch.float32) == y.to(torch.float32)) | (x == 0)
