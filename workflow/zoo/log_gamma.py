"""The logarithm of the gamma function, which no operator expresses."""

import torch
from torch import Tensor, nn


class LogGamma(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.lgamma(x)
