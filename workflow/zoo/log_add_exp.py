"""The stable logarithm of a sum of exponentials of two tensors."""

import torch
from torch import Tensor, nn


class LogAddExp(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.logaddexp(x, y)
