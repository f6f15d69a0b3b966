"""Softmax over an inner axis: before Softmax-13 everything from the axis on was one axis."""

import torch
from torch import Tensor, nn


class SoftmaxInnerAxis(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x, dim=1)
